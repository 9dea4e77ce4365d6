//! The handler as the rest of the host sees it: whether it is ready, how to reach it, and the wish for another process of it
//! (functions-host 1.3 to 1.8).
//!
//! Easily missed: exit code 0 is not restarted. The host stays up and every call fails with a refused connection, just as in
//! Azure.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{mpsc, watch};
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use crate::app::{CustomHandler, HttpMode, Settings};
use crate::clock::Clock;
use crate::events::{LogLevel, Observer};

mod client;
mod console;
mod failures;
mod pace;
mod probe;
mod process;
mod supervisor;

pub(crate) use client::{Begun, CallError, HandlerClient, local_client};
pub(crate) use supervisor::Supervisor;

/// A process that broke a call has left by then, or it has not and the call is all that is broken.
const TIME_TO_NOTICE: Duration = Duration::from_millis(250);

/// How to reach the handler, as long as one process of it lives.
#[derive(Debug, Clone)]
pub(crate) struct Link {
    /// Its own client for each process, so that no connection outlives the process it leads to.
    pub(crate) http: HandlerClient,
    worker_id: Uuid,
    /// Absent when the process is somebody else's.
    process_id: Option<u32>,
    /// Cancelled when the process is known to be over.
    ended: CancellationToken,
}

#[derive(Debug, Clone)]
enum State {
    /// Not ready.
    Starting(Past),
    Ready(Link),
    /// The host shuts down, for this reason.
    Stopped(Arc<str>),
}

/// What became of the process before.
#[derive(Debug, Clone)]
enum Past {
    /// There was none, or it is not clear yet.
    Nothing,
    /// It was ready, or is not needed.
    Ready,
    /// It has failed, for this reason.
    Failed(Arc<str>),
}

/// The handler as the rest of the host sees it; cheap to clone.
#[derive(Debug, Clone)]
pub(crate) struct Worker {
    state: Arc<watch::Sender<State>>,
    /// Worker ids to restart. One slot is enough: a second wish for the same process is the same wish.
    restarts: mpsc::Sender<Uuid>,
    patience: Duration,
    observer: Observer,
    abandon: CancellationToken,
}

/// What a worker needs to know.
#[derive(Debug)]
pub(crate) struct WorkerSettings {
    pub(crate) handler: CustomHandler,
    pub(crate) app_settings: Settings,
    /// Variables that the host sets for the handler beside the app settings and the port.
    pub(crate) host_variables: Vec<(String, String)>,
    pub(crate) shutdown_grace: Duration,
    /// By which failures grow old.
    pub(crate) clock: Clock,
    pub(crate) attempts: Attempts,
}

/// How often the handler may fail before it was ready for the first time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Attempts {
    /// As later on (functions-host 1.6).
    AsInAzure,
    /// Not at all: another one serves, and goes on.
    One,
}

impl Worker {
    /// A worker that is started and kept running by the returned supervisor.
    ///
    /// # Errors
    /// When no free port can be found, or that of host.json is taken.
    pub(crate) fn supervised(settings: WorkerSettings, observer: &Observer) -> std::io::Result<(Worker, Supervisor)> {
        // The real host waits for the errors it allows and one more (functions-host 1.5).
        let patience = settings.handler.initialization_timeout * (failures::ALLOWED + 1);
        let (worker, restarts) = Worker::in_state(State::Starting(Past::Nothing), patience, observer);
        let supervisor = Supervisor::new(&worker, restarts, settings)?;
        Ok((worker, supervisor))
    }

    /// A handler that somebody else started and that listens already; nobody watches it.
    pub(crate) fn attached(address: SocketAddr, mode: HttpMode, observer: &Observer) -> Worker {
        let ended = CancellationToken::new();
        // Nobody will notice its end, so nobody shall wait for that.
        ended.cancel();
        let http = HandlerClient::new(address, mode);
        let link = Link { http, worker_id: Uuid::nil(), process_id: None, ended };
        Worker::in_state(State::Ready(link), Duration::ZERO, observer).0
    }

    /// A worker that nobody starts and that nobody may wait for.
    pub(crate) fn that_never_starts(observer: &Observer) -> Worker {
        Worker::in_state(State::Starting(Past::Ready), Duration::MAX, observer).0
    }

    fn in_state(state: State, patience: Duration, observer: &Observer) -> (Worker, mpsc::Receiver<Uuid>) {
        let (restarts, wishes) = mpsc::channel(1);
        let state = Arc::new(watch::Sender::new(state));
        let (observer, abandon) = (observer.clone(), CancellationToken::new());
        (Worker { state, restarts, patience, observer, abandon }, wishes)
    }

    /// The way to the handler, as soon as it is ready.
    ///
    /// # Errors
    /// When the host shuts down, or the handler has not become ready for so long that the host gives up.
    pub(crate) async fn link(&self) -> Result<Link, Arc<str>> {
        if let State::Ready(link) = &*self.state.borrow() {
            return Ok(link.clone());
        }
        let mut state = self.state.subscribe();
        let settled = state.wait_for(|state| !matches!(state, State::Starting(_)));
        match tokio::time::timeout(self.patience, settled).await {
            Ok(Ok(state)) => match &*state {
                State::Ready(link) => Ok(link.clone()),
                State::Stopped(reason) => Err(Arc::clone(reason)),
                State::Starting(_) => Err("the handler is not ready".into()),
            },
            Ok(Err(_)) => Err("the host is gone".into()),
            Err(_) => Err(self.give_up()),
        }
    }

    /// After a call that broke: gives the supervisor a moment to notice that the process is over, so that the next call waits
    /// for the next process instead of failing as well.
    pub(crate) async fn settle(&self, link: &Link) {
        let _ = tokio::time::timeout(TIME_TO_NOTICE, link.ended.cancelled()).await;
    }

    fn give_up(&self) -> Arc<str> {
        let text = "Final functionDispatcher state: Initializing. Initialization timed out and host is shutting down";
        self.observer.log(LogLevel::Error, text);
        self.state.send_replace(State::Stopped(text.into()));
        self.abandon.cancel();
        text.into()
    }

    /// Ends the process behind `link` and starts another, for a function that has run into its timeout.
    pub(crate) fn restart(&self, link: &Link) {
        // Full means that the same process is about to be restarted anyway.
        let _ = self.restarts.try_send(link.worker_id);
    }

    /// The process that is ready, unless it is somebody else's.
    pub(crate) fn process_id(&self) -> Option<u32> {
        if let State::Ready(link) = &*self.state.borrow() { link.process_id } else { None }
    }

    /// Returns when the first process is ready.
    ///
    /// # Errors
    /// When it has failed, whatever comes after it.
    pub(crate) async fn first_attempt(&self) -> Result<(), Arc<str>> {
        let mut state = self.state.subscribe();
        match state.wait_for(|state| !matches!(state, State::Starting(Past::Nothing))).await.as_deref() {
            Ok(State::Starting(Past::Failed(reason)) | State::Stopped(reason)) => Err(Arc::clone(reason)),
            _ => Ok(()),
        }
    }

    /// Returns when a process is ready.
    ///
    /// # Errors
    /// The reason when the host has to shut down before that.
    pub(crate) async fn ready(&self) -> Result<(), Arc<str>> {
        let mut state = self.state.subscribe();
        match state.wait_for(|state| !matches!(state, State::Starting(_))).await.as_deref() {
            Ok(State::Stopped(reason)) => Err(Arc::clone(reason)),
            _ => Ok(()),
        }
    }

    /// Returns the reason when the host has to shut down.
    pub(crate) async fn stopped(&self) -> Arc<str> {
        let mut state = self.state.subscribe();
        match state.wait_for(|state| matches!(state, State::Stopped(_))).await.as_deref() {
            Ok(State::Stopped(reason)) => Arc::clone(reason),
            _ => "the host is gone".into(),
        }
    }

    /// Whether the host has to shut down.
    pub(crate) fn has_stopped(&self) -> bool {
        matches!(&*self.state.borrow(), State::Stopped(_))
    }
}
