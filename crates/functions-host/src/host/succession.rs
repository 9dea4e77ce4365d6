//! One app after another in the same host: its owner reloads it, an administrator restarts it.
//!
//! Easily missed: the next app starts beside the one that serves, and what does not start changes nothing. The real host ends the one
//! before first, with the calls that it has.

use std::sync::Arc;

use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::generation::{Candidate, Ground};
use super::{Current, Invoker, ReloadError, Retirement, StartError, WorkerSource};
use crate::app::App;
use crate::events::HostEvent;
use crate::warnings::{Warning, WarningCode};
use crate::worker::Attempts;

/// Which app serves, and how another one takes its place. Cheap to clone; clones are the same.
#[derive(Debug, Clone)]
pub(crate) struct Succession(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    current: Current,
    ground: Ground,
    shutdown: CancellationToken,
    /// Apps that were replaced and end their last calls, and restarts.
    tasks: TaskTracker,
    /// Held while another app gets ready: one at a time.
    turn: Arc<tokio::sync::Mutex<()>>,
}

impl Succession {
    /// Begins with an app.
    pub(super) fn new(
        ground: Ground,
        app: App,
        worker: WorkerSource,
        shutdown: CancellationToken,
    ) -> Result<Succession, StartError> {
        let invoker = Invoker::new(&ground, app, worker, Attempts::AsInAzure, &shutdown)?;
        invoker.announce();
        let current = Current::new(invoker, worker);
        let (tasks, turn) = (TaskTracker::new(), Arc::default());
        Ok(Succession(Arc::new(Inner { current, ground, shutdown, tasks, turn })))
    }

    /// The app that serves.
    pub(crate) fn current(&self) -> &Current {
        &self.0.current
    }

    /// What all apps in this host share.
    pub(super) fn ground(&self) -> &Ground {
        &self.0.ground
    }

    /// Puts an app with its handler into the place of the one that runs.
    pub(super) async fn reload(&self, app: App, worker: WorkerSource) -> Result<Retirement, ReloadError> {
        let turn = Arc::clone(&self.0.turn).lock_owned().await;
        if worker == WorkerSource::Process && self.0.current.now().keeps_port_of(&app) {
            // Goes on when nobody waits for it any more: calls that wait at the door would wait for ever.
            let this = self.clone();
            let reloaded = self.0.tasks.spawn(async move {
                let _turn = turn;
                this.reload_in_turn(app).await
            });
            return reloaded.await.unwrap_or_else(|error| Err(ReloadError::Handler { reason: error.to_string() }));
        }
        let replaced = self.serve_instead(app, worker).await?;
        Ok(Retirement(self.0.tasks.spawn(replaced.retire())))
    }

    /// Reads the app again and starts it with a new process of its handler (functions-host 4.3). Goes on when the caller goes away.
    /// A failure is told, and the app before goes on, drained or not.
    pub(crate) async fn restart(&self) {
        // An error would be a panic, which has been told.
        let _ = self.restart_in_background().await;
    }

    /// The same, without waiting for it.
    pub(crate) fn restart_in_background(&self) -> JoinHandle<()> {
        let this = self.clone();
        self.0.tasks.spawn(async move {
            if this.0.shutdown.is_cancelled() {
                return;
            }
            let before = this.0.current.now().invoker().clone();
            // While nobody knows where the handler is, there is none to restart.
            if before.source() == WorkerSource::Awaited {
                return before.resume();
            }
            if let Err(reason) = this.start_anew(&before).await {
                let text = format!("the app was not restarted and goes on as it was: {reason}");
                before.observer().tell(&HostEvent::Warning(Warning::new(WarningCode::NotRestarted, text)));
                before.resume();
            }
        })
    }

    /// Returns when no app of this host is being replaced or restarted, and those that were are gone.
    pub(super) async fn ended(&self) {
        self.0.tasks.close();
        self.0.tasks.wait().await;
    }

    async fn start_anew(&self, before: &Invoker) -> Result<(), String> {
        let app = before.app().reread().map_err(|error| error.to_string())?;
        self.reload(app, before.source()).await.map(drop).map_err(|error| error.to_string())
    }

    /// Starts an app beside the one that serves, puts it into its place and answers the one before.
    async fn serve_instead(&self, app: App, worker: WorkerSource) -> Result<Invoker, ReloadError> {
        let Inner { current, ground, shutdown, tasks, .. } = &*self.0;
        let invoker = Invoker::new(ground, app, worker, Attempts::One, shutdown)?;
        let candidate = Candidate::new(invoker, tasks);
        if let Err(reason) = candidate.invoker.first_attempt().await {
            return Err(ReloadError::Handler { reason: reason.as_ref().into() });
        }
        let candidate = candidate.take();
        let replaced = current.replace(candidate.clone());
        candidate.announce_reload();
        candidate.listen();
        Ok(replaced)
    }

    /// Ends the app that serves before the next one starts, and starts it again when the next one does not.
    async fn reload_in_turn(&self, app: App) -> Result<Retirement, ReloadError> {
        let Inner { current, tasks, .. } = &*self.0;
        let replaced = current.suspend();
        let before = replaced.app().clone();
        replaced.retire().await;
        if let Err(error) = self.serve_instead(app, WorkerSource::Process).await {
            if self.serve_instead(before, WorkerSource::Process).await.is_err() {
                current.give_up_waiting(&error.to_string());
            }
            return Err(error);
        }
        Ok(Retirement(tasks.spawn(async {})))
    }
}
