//! What to run, and why it may not start.

use functions_host::app::{AppError, BrokenFunction};
use functions_host::clock::Clock;
use functions_host::host::StartError as HostError;
use functions_host::keys::KeysError;
use functions_host::timers::ScheduleStore;
use inspector::InspectError;
use std::io;
use std::path::PathBuf;

use crate::{Handler, Observer};

/// What to run, and where.
#[derive(Debug)]
pub struct StackOptions {
    /// The folder with host.json and the function folders.
    pub app: PathBuf,
    /// Where the handler comes from.
    pub handler: Handler,
    /// The port of the host on 127.0.0.1; 0 takes a free one, `None` that of `Host.LocalHttpPort` in the settings, else 7071.
    pub host_port: Option<u16>,
    /// Which service the app sends through.
    pub signalr: SignalR,
    /// The port of the inspector on 127.0.0.1, a page that shows what happens; 0 takes a free one, `None` runs none.
    pub inspector_port: Option<u16>,
    /// The file of the keys that callers need, made when it is not there; `None` lets everybody call everything.
    pub keys: Option<PathBuf>,
    /// Variables that win over local.settings.json, as the environment does.
    pub environment: Vec<(String, String)>,
    /// Where monitored timers keep their schedule. It outlives the host: what was missed while that was stopped is past due after.
    pub schedules: ScheduleStore,
    /// By what timers run, and tokens are made and expire. A handler that is a process of its own knows only the time of the system.
    pub clock: Clock,
    /// Hears of everything that happens.
    pub observer: Observer,
}

/// Which service the app sends through.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SignalR {
    /// An emulator of the stack's own, on this port of 127.0.0.1; 0 takes a free one. Every connection string that a binding of the
    /// app names is replaced, so that nothing reaches a real service.
    Emulator {
        /// The port.
        port: u16,
    },
    /// Whatever the app's settings say, for example a real Azure SignalR Service.
    FromSettings,
}

impl StackOptions {
    /// The app in `folder` on free ports with an emulator of its own, without an inspector, and nobody listening to events.
    pub fn new(folder: impl Into<PathBuf>) -> Self {
        Self {
            app: folder.into(),
            handler: Handler::default(),
            host_port: Some(0),
            signalr: SignalR::Emulator { port: 0 },
            inspector_port: None,
            keys: None,
            environment: Vec::new(),
            schedules: ScheduleStore::default(),
            clock: Clock::system(),
            observer: Observer::silent(),
        }
    }
}

/// Why the stack did not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// Somebody else listens there.
    #[error("port {port} is in use; end the program that uses it, or choose another one with {option}")]
    PortInUse {
        /// The port.
        port: u16,
        /// The option of `cargo dev` that sets it.
        option: &'static str,
    },
    /// The system does not let this process listen there.
    #[error("port {port} cannot be listened on; choose another one with {option}")]
    Port {
        /// The port.
        port: u16,
        /// The option of `cargo dev` that sets it.
        option: &'static str,
        /// What the system said.
        #[source]
        source: io::Error,
    },
    /// The folder is no function app, or its files are broken.
    #[error(transparent)]
    App(#[from] AppError),
    /// Functions are declared in a way that Azure would not accept either. The real host would go on without them, and every
    /// caller would wonder.
    #[error("{}", listed(.0))]
    Functions(Vec<BrokenFunction>),
    /// The app is to use the service of its settings, and they name none.
    #[error("{} not set; without an emulator the app needs the connection string of a SignalR service there", named(.0))]
    NoConnectionString(Vec<String>),
    /// The keys of callers cannot be kept.
    #[error(transparent)]
    Keys(#[from] KeysError),
    /// The inspector cannot be set up.
    #[error(transparent)]
    Inspector(#[from] InspectError),
    /// The host cannot serve the app.
    #[error(transparent)]
    Host(#[from] HostError),
    /// The handler does not start, or the host has stopped for another reason before it did.
    #[error("the handler does not start: {reason}{}", cure(reason))]
    Handler {
        /// The last thing that went wrong, in the host's words.
        reason: String,
    },
    /// The handler in this process finds no socket.
    #[error("port {port} cannot be listened on by the handler in this process; start the stack anew")]
    HandlerPort {
        /// The port that it had before; 0 for any.
        port: u16,
        /// What the system said.
        #[source]
        source: io::Error,
    },
}

fn listed(functions: &[BrokenFunction]) -> String {
    functions.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n")
}

fn named(settings: &[String]) -> String {
    let names: Vec<_> = settings.iter().map(|name| format!("`{name}`")).collect();
    format!("{} {}", names.join(", "), if names.len() == 1 { "is" } else { "are" })
}

/// What to do about a handler that does not start, by the host's words for it (functions-host 1.5, 1.6).
fn cure(reason: &str) -> &'static str {
    if reason.starts_with("Failed to start Worker Channel") {
        "; build it (without --no-build), or correct `customHandler.description.defaultExecutablePath` in host.json"
    } else if reason.contains("timed out") {
        "; it must listen on 127.0.0.1 at the port that the variable FUNCTIONS_CUSTOMHANDLER_PORT holds"
    } else {
        "; what it printed is above"
    }
}
