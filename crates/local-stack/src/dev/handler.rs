//! Where the handler of `cargo dev` comes from: cargo, a program that is there, or whatever host.json names.
//!
//! Easily missed: a program that was built and did not start is not in place. The next attempt has to try it again, although the build
//! has nothing new.

use super::copies::Copies;
use crate::command_line::Options;
use crate::console::{Console, News};
use anyhow::{Context, Result};
use functions_host::app::App;
use local_stack::{Freshness, Handler, Sources, build_handler, built_beside, is_package, is_replaced};
use std::path::{Path, PathBuf};
use std::time::Instant;

/// Makes handlers.
#[derive(Debug)]
pub(super) struct Maker {
    app: PathBuf,
    environment: Vec<(String, String)>,
    origin: Origin,
    copies: Copies,
    /// What was made last.
    made: Option<PathBuf>,
    placement: Placement,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Origin {
    Cargo,
    Program(PathBuf),
    HostJson,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Placement {
    InPlace,
    Pending,
}

/// What came of making a handler.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Made {
    New,
    /// It is the one that is in place.
    Unchanged,
}

impl Maker {
    pub(super) fn new(app: &Path, options: &Options, environment: Vec<(String, String)>) -> Result<Self> {
        let origin = origin(app, options, &environment)?;
        let (copies, placement) = (Copies::default(), Placement::Pending);
        Ok(Self { app: app.to_owned(), environment, origin, copies, made: None, placement })
    }

    /// Makes the handler anew, if there is anything new.
    pub(super) async fn make(&mut self, console: &Console) -> Result<Made> {
        if self.origin != Origin::Cargo {
            // It is somebody else who knows what has changed.
            self.placement = Placement::Pending;
            return Ok(Made::New);
        }
        console.news(&News::Building);
        let begun = Instant::now();
        let built = build_handler(&self.app, console.diagnostics(), |news| console.news(&News::Build(&news))).await?;
        console.news(&News::Built { seconds: begun.elapsed().as_secs_f64(), freshness: built.freshness });
        if built.freshness == Freshness::New || self.made.is_none() {
            self.made = built.program.map(|program| self.copies.copy(&program)).transpose()?;
            self.placement = Placement::Pending;
        }
        Ok(if self.placement == Placement::Pending { Made::New } else { Made::Unchanged })
    }

    /// What was made last.
    pub(super) fn handler(&self) -> Handler {
        match (&self.origin, &self.made) {
            (Origin::Program(program), _) | (Origin::Cargo, Some(program)) => Handler::Program(program.clone()),
            (Origin::Cargo | Origin::HostJson, _) => Handler::Declared,
        }
    }

    /// What a developer may change to have another attempt, for the end of a sentence.
    pub(super) fn what_wakes(&self) -> String {
        let handler = match &self.origin {
            Origin::Cargo => "the handler's sources".to_owned(),
            Origin::Program(program) => format!("`{}`", program.display()),
            Origin::HostJson => "the handler".to_owned(),
        };
        format!("{handler}, host.json, a function.json or local.settings.json")
    }

    /// To be called when the handler that was made last serves.
    pub(super) fn is_in_place(&mut self) {
        self.placement = Placement::InPlace;
    }

    /// What to watch.
    pub(super) async fn sources(&self) -> Sources {
        let host = App::load(&self.app, self.environment.clone(), &[]).ok().map(|app| app.host);
        let declared = host.as_ref().map(|host| PathBuf::from(&host.custom_handler.executable));
        let sources = match &self.origin {
            Origin::Cargo => Sources::of_package(&self.app).await,
            Origin::Program(program) => Sources::of_program(&self.app, Some(program)),
            Origin::HostJson => {
                Sources::of_program(&self.app, declared.as_deref().filter(|program| program.starts_with(&self.app)))
            }
        };
        match host {
            Some(host) => sources.declared_by(host),
            None => sources,
        }
    }
}

fn origin(app: &Path, options: &Options, environment: &[(String, String)]) -> Result<Origin> {
    if let Some(program) = &options.handler {
        let found = program.canonicalize();
        return found.map(Origin::Program).with_context(|| format!("--handler: `{}` is not there", program.display()));
    }
    if is_replaced(environment) {
        return Ok(Origin::HostJson);
    }
    if options.no_build {
        let program = std::env::current_exe().context("the path of this program cannot be read")?;
        return Ok(built_beside(&program, app).map_or(Origin::HostJson, Origin::Program));
    }
    Ok(if is_package(app) { Origin::Cargo } else { Origin::HostJson })
}
