//! The running host: starts, invokes functions, supervises the handler and stops.
//!
//! Easily missed: the listener answers before the handler is ready. Calls that come early wait, as they do in Azure, and calls
//! that come after the third failure of the handler get 503.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use tokio::net::TcpListener;
use tokio::task::JoinHandle;
use tokio::time::Instant;
use tokio_util::sync::{CancellationToken, DropGuard};
use tokio_util::task::TaskTracker;
use uuid::Uuid;

use crate::app::App;
use crate::events::Observer;
use crate::keys::Keys;
use crate::routes::RouteTable;
use crate::server;
use crate::timers::{ScheduleStore, Timers};
use crate::worker::{Worker, WorkerSettings};

mod announce;
mod call;
mod checks;
mod forward;
mod invoker;
mod listeners;
mod proxy;
mod signalr;

pub(crate) use call::{Call, Finished, Reply};
pub(crate) use invoker::{Invoker, Shared};
use listeners::Listeners;
pub(crate) use proxy::Proxied;

/// The version that this host gives itself in `X-Azure-Functions-HostVersion` and `/admin/host/status`: that of the real host
/// whose behaviour it follows.
pub const HOST_VERSION: &str = "4.1052.200.0";

/// How long open requests may take to end after the handler is gone.
const LAST_ANSWERS: Duration = Duration::from_secs(2);

/// What to run, and how.
#[derive(Debug)]
pub struct HostOptions {
    /// The function app.
    pub app: App,
    /// Gets every event.
    pub observer: Observer,
    /// Where the handler is.
    pub worker: WorkerSource,
    /// How invocation bodies are sent.
    pub framing: BodyFraming,
    /// Where monitored timers keep their schedule; in memory by default.
    pub schedules: ScheduleStore,
    /// The keys that callers need, as with `func start --enableAuth`; without them everybody has all rights, the default.
    pub keys: Option<Keys>,
    /// How long the handler may take to end after SIGINT; 5 s by default. The real host kills it at once.
    pub shutdown_grace: Duration,
}

/// Where the handler is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WorkerSource {
    /// The host starts the process that host.json names, and keeps it running.
    Process,
    /// The handler listens here already, for example in a debugger. Nobody restarts it.
    Attached(SocketAddr),
}

/// How the bodies of invocations are framed. A handler must understand both (functions-host 2.2).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum BodyFraming {
    /// With a `Content-Length`, as under `func start`.
    #[default]
    ContentLength,
    /// In chunks, as in Azure.
    Chunked,
}

impl HostOptions {
    /// Runs `app` with its own handler process, tells nobody, and has the defaults for everything else.
    #[must_use]
    pub fn new(app: App) -> Self {
        Self {
            app,
            observer: Observer::silent(),
            worker: WorkerSource::Process,
            framing: BodyFraming::default(),
            schedules: ScheduleStore::default(),
            keys: None,
            shutdown_grace: Duration::from_secs(5),
        }
    }
}

/// Why a host cannot start.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StartError {
    /// The settings ask for what browsers and the real host refuse (functions-host 4.4).
    #[error(
        "The CORS protocol does not allow specifying a wildcard (any) origin and credentials at the same time. Configure the \
         CORS policy by listing individual origins if credentials needs to be supported.; name the origins in `Host.CORS` \
         instead of `*`, or set `Host.CORSCredentials` to false [FH3001]"
    )]
    AnyOriginWithCredentials,
    /// Somebody else listens on `customHandler.port`. The text begins like the real host's.
    #[error(
        "Unable to bind to port {port} specified in configuration; end the program that uses it, or change `customHandler.port` \
         in host.json [FH3011]"
    )]
    HandlerPort {
        /// The port.
        port: u16,
        /// What the system said.
        #[source]
        source: std::io::Error,
    },
    /// The operating system refuses.
    #[error("cannot start the host")]
    System(#[from] std::io::Error),
    /// No HTTP client can be made.
    #[error("cannot make an HTTP client")]
    Client(#[from] reqwest::Error),
}

/// Why a function cannot be invoked.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum InvokeError {
    /// No function of the app has this name, or it is in error.
    #[error("there is no function `{0}`; look at the list that the host prints at its start")]
    UnknownFunction(String),
}

/// How an invocation went.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InvocationReport {
    /// The invocation id.
    pub id: Uuid,
    /// From start to the last output sent.
    pub duration: Duration,
    /// The real host's error text; absent on success.
    pub error: Option<String>,
}

/// The host has shut itself down.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stopped {
    /// The real host's last words, e.g. `Exceeded http worker restart retry count. Shutting down Functions Host`.
    pub reason: String,
}

/// A running host. Dropping it stops everything in the background; [`Host::shutdown`] waits for that.
#[derive(Debug)]
pub struct Host {
    invoker: Invoker,
    shutdown: CancellationToken,
    server: JoinHandle<()>,
    /// The handler's supervisor and the timers.
    tasks: TaskTracker,
    _stops_when_dropped: DropGuard,
}

impl Host {
    /// Starts the host on a bound listener and returns at once; [`Host::ready`] waits for the handler. Calls that come earlier wait
    /// for it too.
    ///
    /// # Errors
    /// When the app asks for something impossible or not supported, or the operating system refuses.
    pub async fn start(listener: TcpListener, options: HostOptions) -> Result<Host, StartError> {
        let options = HostOptions { observer: options.observer.that_counts_anew(), ..options };
        checks::refuse_the_impossible(&options.app)?;
        let address = listener.local_addr()?;
        let (shutdown, tasks) = (CancellationToken::new(), TaskTracker::new());
        // From here on, also a caller who stops waiting for this start takes everything down again.
        let stops_when_dropped = shutdown.clone().drop_guard();
        let worker = start_worker(&options, address, &tasks, &shutdown)?;
        let invoker = Invoker(Arc::new(Shared {
            routes: RouteTable::new(&options.app.host.route_prefix, &options.app.functions),
            address,
            started: Instant::now(),
            instance_id: Uuid::new_v4(),
            observer: options.observer,
            worker,
            framing: options.framing,
            timers: Timers::kept_in(options.schedules),
            listeners: Listeners::default(),
            signalr: signalr::Clients::new()?,
            keys: options.keys,
            invocations: TaskTracker::new(),
            over: CancellationToken::new(),
            app: options.app,
        }));
        invoker.announce();
        let server = tokio::spawn(server::serve(listener, invoker.clone(), shutdown.clone()));
        tasks.spawn(start_timers(invoker.clone(), tasks.clone(), shutdown.clone()));
        Ok(Host { invoker, server, tasks, _stops_when_dropped: stops_when_dropped, shutdown })
    }

    /// Where the host listens.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.invoker.0.address
    }

    /// Runs a function as `POST /admin/functions/{name}` does, and waits for its end. The name ignores letter case. A timer
    /// function gets a timer value whatever `input` is; an HTTP function fails, because it needs a request.
    ///
    /// # Errors
    /// When there is no such function. A failed invocation is no error: see [`InvocationReport::error`].
    pub async fn invoke(&self, function: &str, input: Option<String>) -> Result<InvocationReport, InvokeError> {
        // No trigger of today has text as its value.
        drop(input);
        let place = self.invoker.place_of(function).ok_or_else(|| InvokeError::UnknownFunction(function.to_owned()))?;
        let finished = self.invoker.run(place, Call::ByHand).await;
        let Finished { id, duration, result } = finished;
        Ok(InvocationReport { id, duration, error: result.err() })
    }

    /// Returns when the handler is ready, at once for an app without functions, whose handler is never started.
    ///
    /// # Errors
    /// When the host has shut itself down before that.
    pub async fn ready(&self) -> Result<(), Stopped> {
        if self.invoker.0.app.functions.is_empty() {
            return Ok(());
        }
        self.invoker.0.worker.ready().await.map_err(|reason| Stopped { reason: reason.as_ref().into() })
    }

    /// Returns when the host shuts itself down, which it does after the third failure of the handler. It answers 503 from then
    /// on; call [`Host::shutdown`] to end it.
    pub async fn stopped(&self) -> Stopped {
        Stopped { reason: self.invoker.0.worker.stopped().await.as_ref().into() }
    }

    /// Ends everything: no new calls and timers, SIGINT to the handler, a kill after the grace, and the listener is closed.
    /// Nothing of the handler is left when this returns.
    pub async fn shutdown(self) {
        let Host { invoker, shutdown, mut server, tasks, _stops_when_dropped } = self;
        shutdown.cancel();
        tasks.close();
        tasks.wait().await;
        invoker.0.invocations.close();
        let ended = async {
            invoker.0.invocations.wait().await;
            let _ = (&mut server).await;
        };
        if tokio::time::timeout(LAST_ANSWERS, ended).await.is_err() {
            server.abort();
            let _ = server.await;
            invoker.0.over.cancel();
            invoker.0.invocations.wait().await;
        }
        invoker.0.observer.tell_repeated();
    }
}

/// A token for what must end with the host and also when the host shuts itself down.
fn until_stopped(invoker: &Invoker, tasks: &TaskTracker, shutdown: &CancellationToken) -> CancellationToken {
    let token = shutdown.child_token();
    let (worker, stopped) = (invoker.0.worker.clone(), token.clone());
    tasks.spawn(async move {
        tokio::select! {
            () = stopped.cancelled() => {}
            _ = worker.stopped() => stopped.cancel(),
        }
    });
    token
}

/// The timers run from the first attempt to start the handler on, whatever comes of it.
async fn start_timers(invoker: Invoker, tasks: TaskTracker, shutdown: CancellationToken) {
    invoker.0.worker.first_attempt().await;
    let stopped = until_stopped(&invoker, &tasks, &shutdown);
    invoker.0.listeners.start(&invoker, &tasks, stopped);
}

fn start_worker(
    options: &HostOptions,
    address: SocketAddr,
    tasks: &TaskTracker,
    shutdown: &CancellationToken,
) -> Result<Worker, StartError> {
    if let WorkerSource::Attached(handler) = options.worker {
        return Ok(Worker::attached(handler, options.app.host.custom_handler.http_mode, &options.observer)?);
    }
    let App { root, host, functions, settings, .. } = &options.app;
    let settings = WorkerSettings {
        handler: host.custom_handler.clone(),
        app_settings: settings.clone(),
        host_variables: checks::host_variables(root, settings, address),
        shutdown_grace: options.shutdown_grace,
    };
    let (worker, supervisor) =
        Worker::supervised(settings, &options.observer).map_err(|source| match host.custom_handler.port {
            Some(port) => StartError::HandlerPort { port, source },
            None => StartError::System(source),
        })?;
    if functions.is_empty() {
        // An app without functions never starts its handler (functions-host 1.5).
        return Ok(worker.that_never_starts());
    }
    tasks.spawn(supervisor.run(shutdown.clone()));
    Ok(worker)
}
