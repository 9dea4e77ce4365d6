//! What a host is told to run, why it may refuse, and what it reports of a run.
//!
//! Easily missed: the defaults are those of `func start` on a developer's machine, for example bodies with their length.

use std::net::SocketAddr;
use std::time::Duration;

use uuid::Uuid;

use crate::app::App;
use crate::clock::Clock;
use crate::events::Observer;
use crate::keys::Keys;
use crate::timers::ScheduleStore;

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
    /// By what the timers run, and what dates the tokens that bindings make; the system's by default.
    pub clock: Clock,
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
    /// Nobody knows yet, for example because it is being built. Calls wait until [`Host::reload`](super::Host::reload) says where it
    /// is, or [`Host::give_up_waiting`](super::Host::give_up_waiting) says that it will not come.
    Awaited,
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
            clock: Clock::system(),
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
    /// There is no handler, and none is on its way.
    #[error("{0}")]
    NoHandler(String),
}

/// Why an app cannot take the place of the one that runs, which goes on as before.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ReloadError {
    /// The app asks for something impossible or not supported, or the operating system refuses.
    #[error(transparent)]
    Start(#[from] StartError),
    /// The handler has not become ready at the first attempt.
    #[error("the handler does not start: {reason}")]
    Handler {
        /// What went wrong, in the real host's words.
        reason: String,
    },
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
