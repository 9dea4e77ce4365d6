//! What runs functions: the server, the timers and calls by hand all come here.
//!
//! Easily missed: an invocation runs in the task of its caller, but a caller who goes away does not end it (functions-host 1.8).

use std::net::SocketAddr;
use std::sync::Arc;

use tokio::task::JoinHandle;
use tokio::time::Instant;
use tokio_util::task::task_tracker::TaskTrackerToken;
use uuid::Uuid;

use super::generation::Life;
use super::listeners::Listeners;
use super::unabandoned::Unabandoned;
use super::{BodyFraming, Call, Finished, WorkerSource, retry, signalr};
use crate::app::{App, Function, HttpMode};
use crate::bindings::endpoints::NamedEndpoints;
use crate::events::Observer;
use crate::keys::Keys;
use crate::routes::RouteTable;
use crate::timers::{Firing, Timers};
use crate::worker::Worker;

/// Runs functions; cheap to clone. This is what the server and the timers get.
#[derive(Debug, Clone)]
pub(crate) struct Invoker(pub(super) Arc<Shared>);

#[derive(Debug)]
pub(crate) struct Shared {
    pub(crate) app: App,
    pub(crate) routes: RouteTable,
    pub(crate) address: SocketAddr,
    pub(crate) started: Instant,
    pub(crate) instance_id: Uuid,
    pub(crate) observer: Observer,
    pub(crate) keys: Option<Keys>,
    pub(super) source: WorkerSource,
    pub(super) worker: Worker,
    pub(super) framing: BodyFraming,
    pub(crate) timers: Timers,
    pub(crate) listeners: Listeners,
    pub(crate) named_endpoints: NamedEndpoints,
    pub(super) signalr: Arc<signalr::HttpClients>,
    pub(crate) retries: retry::Pending,
    pub(super) life: Life,
}

impl Invoker {
    /// The app that is running.
    pub(crate) fn app(&self) -> &App {
        &self.0.app
    }

    /// Who is told about everything.
    pub(crate) fn observer(&self) -> &Observer {
        &self.0.observer
    }

    pub(crate) fn shared(&self) -> &Shared {
        &self.0
    }

    /// Whether the host has shut itself down.
    pub(crate) fn has_stopped(&self) -> bool {
        self.0.worker.has_stopped()
    }

    /// Returns the reason when the host has shut itself down.
    pub(super) async fn stopped(&self) -> Arc<str> {
        self.0.worker.stopped().await
    }

    /// Returns when the handler is ready, at once when none is needed.
    pub(super) async fn ready(&self) -> Result<(), Arc<str>> {
        if self.0.app.functions.is_empty() { Ok(()) } else { self.0.worker.ready().await }
    }

    /// Returns when the first attempt to start the handler has succeeded, at once when none is needed.
    pub(super) async fn first_attempt(&self) -> Result<(), Arc<str>> {
        if self.0.app.functions.is_empty() { Ok(()) } else { self.0.worker.first_attempt().await }
    }

    /// The process that serves, unless it is somebody else's.
    pub(super) fn handler_process(&self) -> Option<u32> {
        self.0.worker.process_id()
    }

    /// Whether the handler of another app would need the port that this one has (functions-host 1.1). Also while this one is between two
    /// processes: the next of them would answer in the place of the other app's.
    pub(super) fn keeps_port_of(&self, other: &App) -> bool {
        let port = |app: &App| app.host.custom_handler.port;
        self.source() == WorkerSource::Process && port(other).is_some() && port(other) == port(self.app())
    }

    /// Somebody whom the handler has to wait for, until the token is dropped.
    pub(super) fn count_caller(&self) -> TaskTrackerToken {
        self.0.life.callers.token()
    }

    /// Whether the handler gets the requests for this function as they are, streamed both ways (functions-host 2.1).
    pub(crate) fn proxies(&self, place: usize) -> bool {
        self.app().host.custom_handler.http_mode == HttpMode::Proxy && self.app().functions[place].is_pure_http()
    }

    /// How many invocations have begun and not ended.
    pub(crate) fn outstanding(&self) -> usize {
        self.0.life.invocations.len()
    }

    /// Where the handler of this app comes from.
    pub(super) fn source(&self) -> WorkerSource {
        self.0.source
    }

    /// Starts the listeners again if a drain has stopped them.
    pub(super) fn resume(&self) {
        self.0.listeners.resume(self);
    }

    /// The place of a function in [`App::functions`], by its name without letter case.
    pub(crate) fn place_of(&self, function: &str) -> Option<usize> {
        self.app().functions.iter().position(|candidate| candidate.name.eq_ignore_ascii_case(function))
    }

    /// Runs a timer function and returns when the invocation has ended. Its outcome has been told to the observer by then; a
    /// failure is no reason to stop a schedule.
    pub(crate) async fn fire_timer(&self, function: &Function, firing: Firing) {
        if let Some(place) = self.place_of(&function.name) {
            self.run(place, Call::Timer(firing)).await;
        }
    }

    /// Runs a function and waits for its end. It goes on when the caller goes away (functions-host 1.8).
    pub(crate) async fn run(&self, place: usize, call: Call) -> Finished {
        let started = Instant::now();
        let invocation = self.0.life.invocations.track_future(self.clone().invoke(place, call));
        let result = match Unabandoned::new(invocation).await {
            Ok(Some(finished)) => return finished,
            Ok(None) => Err("the host has shut down".to_owned()),
            Err(panicked) => Err(format!("the invocation ended early: {panicked}")),
        };
        Finished { id: Uuid::nil(), duration: started.elapsed(), result }
    }

    /// Runs a function in a task of its own and does not wait.
    pub(crate) fn run_in_background(&self, place: usize, call: Call) -> JoinHandle<Option<Finished>> {
        self.0.life.invocations.spawn(self.clone().invoke(place, call))
    }

    /// `None` when it was not waited for any longer.
    async fn invoke(self, place: usize, call: Call) -> Option<Finished> {
        let host = &*self.0;
        host.life.over.run_until_cancelled(retry::run(host, &host.app.functions[place], call)).await
    }
}
