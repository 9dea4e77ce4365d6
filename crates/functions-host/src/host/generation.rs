//! The life of one app in the host: it begins beside the one before, takes its place, and retires when another one has come.
//!
//! Easily missed: timers belong to the host, not to the app. A run that the old app has begun ends there, and the new app does not
//! fire that timer before.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use uuid::Uuid;

use super::{BodyFraming, HOST_LOCK, Invoker, LAST_ANSWERS, Shared, StartError, WorkerSource, checks, retry, signalr};
use crate::app::App;
use crate::bindings::endpoints::NamedEndpoints;
use crate::events::{LogLevel, Observer};
use crate::keys::Keys;
use crate::routes::RouteTable;
use crate::timers::{Ending, Timers};
use crate::worker::{Attempts, Worker, WorkerSettings};

use super::listeners::Listeners;

/// How long calls may go on in an app that was replaced.
const RETIREMENT: Duration = Duration::from_secs(30);

/// What all apps in this host share.
#[derive(Debug, Clone)]
pub(super) struct Ground {
    pub(super) address: SocketAddr,
    pub(super) started: Instant,
    pub(super) instance_id: Uuid,
    pub(super) observer: Observer,
    pub(super) framing: BodyFraming,
    pub(super) timers: Timers,
    pub(super) signalr: Arc<signalr::HttpClients>,
    pub(super) keys: Option<Keys>,
    pub(super) shutdown_grace: Duration,
}

/// What runs for one app, and how it ends.
#[derive(Debug)]
pub(super) struct Life {
    /// Callers who hold a lease.
    pub(super) callers: TaskTracker,
    pub(super) invocations: TaskTracker,
    pub(super) timers: TaskTracker,
    /// The handler's supervisor, and who waits for what it says.
    tasks: TaskTracker,
    /// Ends the handler and the timers.
    pub(super) stop: CancellationToken,
    /// Cancelled when even the last answers are not waited for any more.
    pub(super) over: CancellationToken,
}

/// An app that gets ready beside the one that serves, and ends unless it is taken.
#[derive(Debug)]
pub(super) struct Candidate<'a> {
    pub(super) invoker: Invoker,
    /// Where it ends.
    retirements: &'a TaskTracker,
    fate: Fate,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fate {
    Undecided,
    Taken,
}

impl<'a> Candidate<'a> {
    pub(super) fn new(invoker: Invoker, retirements: &'a TaskTracker) -> Candidate<'a> {
        Candidate { invoker, retirements, fate: Fate::Undecided }
    }

    pub(super) fn take(mut self) -> Invoker {
        self.fate = Fate::Taken;
        self.invoker.clone()
    }
}

/// Also when the one who waits for it goes away. Without a runtime there is nobody to end it, and nothing that runs.
impl Drop for Candidate<'_> {
    fn drop(&mut self) {
        if self.fate == Fate::Undecided
            && let Ok(runtime) = tokio::runtime::Handle::try_current()
        {
            let invoker = self.invoker.clone();
            self.retirements.spawn_on(async move { invoker.end().await }, &runtime);
        }
    }
}

impl Life {
    fn within(host: &CancellationToken) -> Life {
        Life {
            callers: TaskTracker::new(),
            invocations: TaskTracker::new(),
            timers: TaskTracker::new(),
            tasks: TaskTracker::new(),
            stop: host.child_token(),
            over: CancellationToken::new(),
        }
    }
}

impl Invoker {
    /// Begins with the app: its handler is started, and nobody is told and nothing fires yet.
    pub(super) fn new(
        ground: &Ground,
        app: App,
        source: WorkerSource,
        attempts: Attempts,
        host: &CancellationToken,
    ) -> Result<Invoker, StartError> {
        checks::refuse_the_impossible(&app)?;
        let observer = ground.observer.that_counts_anew();
        let life = Life::within(host);
        let worker = start_worker(ground, &app, (source, attempts), &observer, &life)?;
        Ok(Invoker(Arc::new(Shared {
            routes: RouteTable::new(&app.host.route_prefix, &app.functions),
            address: ground.address,
            started: ground.started,
            instance_id: ground.instance_id,
            observer,
            source,
            worker,
            framing: ground.framing,
            timers: ground.timers.clone(),
            listeners: Listeners::default(),
            named_endpoints: NamedEndpoints::of(&app.settings),
            signalr: Arc::clone(&ground.signalr),
            keys: ground.keys.clone(),
            retries: retry::Pending::default(),
            life,
            app,
        })))
    }

    /// Starts the timers as soon as the handler was tried for the first time, whatever came of it. A virtual clock waits for that.
    pub(super) fn listen(&self) {
        let (invoker, starting) = (self.clone(), self.shared().timers.clock().activity());
        let Shared { life, .. } = self.shared();
        life.tasks.spawn(life.stop.clone().run_until_cancelled_owned(async move {
            let Shared { life, worker, listeners, .. } = invoker.shared();
            let _whatever_came = worker.first_attempt().await;
            // Nobody else could have it here (functions-host 6.5).
            let instance = invoker.shared().instance_id.simple();
            invoker.observer().log(LogLevel::Information, format!("{HOST_LOCK} '{instance}'."));
            let stop = life.stop.child_token();
            listeners.start(&invoker, Ending { soon: stop.child_token(), now: stop.clone() });
            drop(starting);
            worker.stopped().await;
            stop.cancel();
        }));
    }

    /// Lets the calls and timers that have begun end, though not for ever, and then ends the handler.
    pub(super) async fn retire(self) {
        let Shared { life, listeners, observer, .. } = self.shared();
        listeners.drain();
        life.callers.close();
        life.timers.close();
        let ended = async {
            tokio::join!(life.callers.wait(), life.timers.wait());
            self.invocations_ended().await;
        };
        tokio::select! {
            () = life.stop.cancelled() => {}
            ended = tokio::time::timeout(RETIREMENT, ended) => if ended.is_err() {
                let seconds = RETIREMENT.as_secs();
                let text = format!("calls were still in progress {seconds} s after the handler was replaced, and end with it");
                observer.log(LogLevel::Warning, text);
            },
        }
        self.end().await;
    }

    /// Ends the handler, the timers and every call.
    pub(super) async fn end(&self) {
        self.end_tasks().await;
        let Shared { life, observer, .. } = self.shared();
        if tokio::time::timeout(LAST_ANSWERS, self.invocations_ended()).await.is_err() {
            life.over.cancel();
            life.invocations.wait().await;
        }
        observer.tell_repeated();
    }

    /// Ends the handler and the timers. Calls end by themselves without a handler, unless it is somebody else's.
    pub(super) async fn end_tasks(&self) {
        let Life { tasks, timers, stop, .. } = &self.shared().life;
        stop.cancel();
        tasks.close();
        timers.close();
        tokio::join!(tasks.wait(), timers.wait());
    }

    pub(super) async fn invocations_ended(&self) {
        let Life { invocations, .. } = &self.shared().life;
        invocations.close();
        invocations.wait().await;
    }
}

fn start_worker(
    ground: &Ground,
    app: &App,
    (source, attempts): (WorkerSource, Attempts),
    observer: &Observer,
    life: &Life,
) -> Result<Worker, StartError> {
    let App { root, host, functions, settings, .. } = app;
    match source {
        WorkerSource::Attached(handler) => Ok(Worker::attached(handler, host.custom_handler.http_mode, observer)),
        // An app without functions never starts its handler (functions-host 1.5).
        WorkerSource::Process if functions.is_empty() => Ok(Worker::that_never_starts(observer)),
        WorkerSource::Awaited => Ok(Worker::that_never_starts(observer)),
        WorkerSource::Process => {
            let settings = WorkerSettings {
                handler: host.custom_handler.clone(),
                app_settings: settings.clone(),
                host_variables: checks::host_variables(root, settings, ground.address),
                shutdown_grace: ground.shutdown_grace,
                clock: ground.timers.clock().clone(),
                attempts,
            };
            let supervised = Worker::supervised(settings, observer);
            let (worker, supervisor) = supervised.map_err(|source| match host.custom_handler.port {
                Some(port) => StartError::HandlerPort { port, source },
                None => StartError::System(source),
            })?;
            life.tasks.spawn(supervisor.run(life.stop.clone()));
            Ok(worker)
        }
    }
}
