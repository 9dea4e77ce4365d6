//! The loop of `cargo dev`: starts the stack, makes the handler, and renews what has changed until somebody wants it to end.
//!
//! Easily missed: the host listens before the handler is built. Calls wait for it, and when it does not build, they are told so.

mod copies;
mod handler;

use crate::command_line::{Options, environment};
use crate::console::{Console, News};
use crate::running::{Note, schedules_folder};
use crate::signals;
use anyhow::{Result, anyhow};
use functions_host::keys::Keys;
use functions_host::timers::ScheduleStore;
use handler::{Made, Maker};
use local_stack::{Change, Handler, LocalStack, SignalR, StackOptions, Watch};
use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

/// Runs the app until it is told to end, or cannot go on.
pub(crate) async fn run(options: &Options, console: &Console) -> Result<()> {
    let app = options.app_folder()?;
    let environment = environment(console);
    let mut wishes = signals::wishes()?;
    let signalr =
        if options.no_emulator { SignalR::FromSettings } else { SignalR::Emulator { port: options.signalr_port } };
    let stack = LocalStack::start(StackOptions {
        host_port: options.port,
        signalr,
        inspector_port: (!options.no_inspector).then_some(options.inspector_port),
        keys: options.enable_auth.then(|| Keys::default_file(&app)),
        environment: environment.clone(),
        handler: Handler::Awaited,
        schedules: ScheduleStore::Folder(schedules_folder(&app)),
        observer: console.observer(),
        ..StackOptions::new(&app)
    })
    .await?;
    let maker = Maker::new(&app, options, environment)?;
    let mut dev =
        Dev { app, stack, maker, console, watch: None, seen: BTreeMap::new(), stage: Stage::Starting, note: None };
    let ended = tokio::select! {
        ended = dev.serve(options) => ended,
        _ = wishes.recv() => Ok(()),
    };
    console.news(&News::Stopping);
    let (handler, Dev { stack, note, .. }) = (dev.stack.handler_process(), dev);
    drop(note);
    tokio::select! {
        () = stack.shutdown() => {}
        _ = wishes.recv() => signals::kill(handler),
    }
    ended
}

struct Dev<'a> {
    app: PathBuf,
    stack: LocalStack,
    maker: Maker,
    console: &'a Console,
    watch: Option<Watch>,
    /// What declares the app, as it was when it was read last.
    seen: BTreeMap<PathBuf, Vec<u8>>,
    stage: Stage,
    note: Option<Note>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stage {
    /// No handler has served yet.
    Starting,
    Serving,
    /// The host has given up the handler that served.
    Stopped,
}

impl Dev<'_> {
    /// Returns only when nothing that the developer can change would help.
    async fn serve(&mut self, options: &Options) -> Result<()> {
        if !options.no_watch {
            // Before the first build, so that nothing that is changed meanwhile is overlooked.
            self.watch = Some(Watch::start(self.maker.sources().await)?);
        }
        let mut change = Change::Code;
        loop {
            match self.renew(change).await {
                Ok(()) => {}
                Err(error) if self.watch.is_some() => self.tell_failure(&error),
                Err(error) => return Err(error),
            }
            change = self.next_change().await?;
        }
    }

    /// Waits until there is something to renew.
    async fn next_change(&mut self) -> Result<Change> {
        loop {
            let Some(watch) = &mut self.watch else {
                return Err(anyhow!(self.stack.stopped().await.reason));
            };
            tokio::select! {
                change = watch.next() => return Ok(change),
                stopped = self.stack.stopped(), if self.stage == Stage::Serving => {
                    self.stage = Stage::Stopped;
                    self.console.news(&News::Waiting { reason: &stopped.reason, until: &self.maker.what_wakes() });
                }
            }
        }
    }

    /// Makes the handler if that may help, and puts it and the app into place if anything is new.
    async fn renew(&mut self, change: Change) -> Result<()> {
        self.stack.wait_again();
        let made = match change {
            Change::Code => self.maker.make(self.console).await?,
            Change::App => Made::Unchanged,
        };
        let declared = declared(&self.app);
        if made == Made::Unchanged && declared == self.seen && self.stage == Stage::Serving {
            return Ok(());
        }
        let handler = self.maker.handler();
        // What cannot be taken over is tried again with the next change, also when that brings back what was there before.
        self.seen.clear();
        self.stack.reload(handler).await?;
        self.seen = declared;
        self.maker.is_in_place();
        self.tell_success();
        if let Some(watch) = &mut self.watch {
            watch.replace(self.maker.sources().await)?;
        }
        Ok(())
    }

    fn tell_success(&mut self) {
        if self.stage == Stage::Starting {
            self.note = Note::leave(&self.app, &self.stack.host_url()).ok();
            self.console.ready(&self.stack);
        } else {
            self.console.news(&News::Reloaded(self.stack.handler_process()));
        }
        self.stage = Stage::Serving;
    }

    fn tell_failure(&mut self, error: &anyhow::Error) {
        let text = format!("{error:#}");
        if self.stage == Stage::Starting {
            self.stack.give_up_waiting(&format!("There is no handler yet: {text}"));
        }
        let goes_on = match self.stage {
            Stage::Serving => "the handler that runs goes on".to_owned(),
            Stage::Starting | Stage::Stopped => format!("nothing serves until you change {}", self.maker.what_wakes()),
        };
        self.console.news(&News::Failed { error: &text, goes_on: &goes_on });
    }
}

/// What host.json, the settings and the functions' declarations hold now.
fn declared(app: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    let folders = fs::read_dir(app).into_iter().flatten().flatten().map(|entry| entry.path().join("function.json"));
    let files = ["host.json", "local.settings.json", "local.settings.json.example"].map(|name| app.join(name));
    files.into_iter().chain(folders).filter_map(|file| Some((file.clone(), fs::read(file).ok()?))).collect()
}
