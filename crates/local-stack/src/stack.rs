//! Starts and ends the parts in the right order: both get their sockets before either runs, since each has to know the other's
//! address; the host ends first, since its handler may still send.

use functions_host::app::{App, AppError, BrokenFunction, Fault, FunctionState, Trigger};
use functions_host::events::{HostEvent, Observer};
use functions_host::host::{Host, HostOptions, StartError as HostError, Stopped, WorkerSource};
use signalr_emulator::{EmulatorOptions, Upstream};
use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use tokio::net::TcpListener;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

/// The setting that the bindings, and the handler, find the service by.
const CONNECTION_STRING: &str = "AzureSignalRConnectionString";
/// How a setting replaces the program that host.json names (functions-host 1.2).
const EXECUTABLE: &str = "AzureFunctionsJobHost__customHandler__description__defaultExecutablePath";

/// What to run, and where.
#[derive(Debug)]
pub struct StackOptions {
    /// The folder with host.json and the function folders.
    pub app: PathBuf,
    /// The program to run instead of the one that host.json names.
    pub handler: Option<PathBuf>,
    /// Where a handler listens already, for example in a debugger or a test; none is started then.
    pub attach: Option<SocketAddr>,
    /// The port of the host on 127.0.0.1; 0 takes a free one.
    pub host_port: u16,
    /// Which service the app sends through.
    pub signalr: SignalR,
    /// Variables that win over local.settings.json, as the environment does.
    pub environment: Vec<(String, String)>,
    /// Hears what the host reports.
    pub observer: Observer,
}

/// Which service the app sends through.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SignalR {
    /// An emulator of the stack's own, on this port of 127.0.0.1; 0 takes a free one. The app's connection string is replaced.
    Emulator {
        /// The port.
        port: u16,
    },
    /// Whatever the app's settings say, for example a real Azure SignalR Service.
    FromSettings,
}

impl StackOptions {
    /// The app in `folder` on free ports with an emulator of its own and nobody listening to events.
    pub fn new(folder: impl Into<PathBuf>) -> Self {
        Self {
            app: folder.into(),
            handler: None,
            attach: None,
            host_port: 0,
            signalr: SignalR::Emulator { port: 0 },
            environment: Vec::new(),
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
    /// The host cannot serve the app.
    #[error(transparent)]
    Host(#[from] HostError),
    /// The handler did not start; what the host observed of it says why.
    #[error("the handler does not start; {}", .0.reason)]
    Handler(Stopped),
}

/// A running stack. Ends when [`LocalStack::shutdown`] is called; when dropped, the handler process is killed.
#[derive(Debug)]
pub struct LocalStack {
    host: Host,
    service: Option<Service>,
    handler_process: Arc<AtomicU32>,
}

/// An emulator that has its address and does not run yet.
#[derive(Debug)]
struct BoundService {
    listener: TcpListener,
    options: EmulatorOptions,
    connection_string: String,
}

#[derive(Debug)]
struct Service {
    address: SocketAddr,
    connection_string: String,
    shutdown: CancellationToken,
    running: JoinHandle<io::Result<()>>,
}

impl LocalStack {
    /// Starts all parts and returns when the handler is ready. Nothing is left running when this future is dropped.
    ///
    /// # Errors
    /// When a port is taken, the app cannot be read, the host cannot serve it, or the handler does not start. Nothing is left
    /// running then.
    pub async fn start(options: StackOptions) -> Result<Self, StartError> {
        let StackOptions { app, handler, attach, host_port, signalr, environment, observer } = options;
        let service = match signalr {
            SignalR::Emulator { port } => Some(BoundService::bind(port).await?),
            SignalR::FromSettings => None,
        };
        let connection_string = service.as_ref().map(|service| service.connection_string.clone());
        let executable = handler.map(|handler| handler.display().to_string());
        let overrides: Vec<_> = [(CONNECTION_STRING, connection_string), (EXECUTABLE, executable)]
            .into_iter()
            .filter_map(|(name, value)| Some((name.to_owned(), value?)))
            .collect();
        let app = App::load(&app, environment, &overrides)?;
        refuse_the_unusable(&app)?;
        let listener = listen(host_port, "--port").await?;
        let service = service.map(|service| service.run(upstream(&app, &listener)));
        let handler_process = Arc::default();
        let observer = noting_the_handler(observer, Arc::clone(&handler_process));
        let worker = attach.map_or(WorkerSource::Process, WorkerSource::Attached);
        match start_host(listener, HostOptions { observer, worker, ..HostOptions::new(app) }).await {
            Ok(host) => Ok(Self { host, service, handler_process }),
            Err(error) => {
                if let Some(service) = service {
                    service.end().await;
                }
                Err(error)
            }
        }
    }

    /// The address of the Functions host, for example `http://127.0.0.1:7071`.
    pub fn host_url(&self) -> String {
        format!("http://{}", self.host.address())
    }

    /// The address of the emulator; `None` when the app uses the service of its settings.
    pub fn signalr_url(&self) -> Option<String> {
        self.service.as_ref().map(|service| format!("http://{}", service.address))
    }

    /// The emulator's connection string with its public key; `None` when the app uses the service of its settings.
    pub fn connection_string(&self) -> Option<&str> {
        self.service.as_ref().map(|service| service.connection_string.as_str())
    }

    /// The process id of the handler that was started last; `None` when the app has no functions, so that none was.
    pub fn handler_process(&self) -> Option<u32> {
        Some(self.handler_process.load(Ordering::Relaxed)).filter(|process| *process != 0)
    }

    /// The host, to run a function.
    pub fn host(&self) -> &Host {
        &self.host
    }

    /// Resolves when the host has given up, for example because the handler failed three times.
    pub async fn stopped(&self) -> Stopped {
        self.host.stopped().await
    }

    /// Ends the handler, the host and the emulator, in this order, and returns when nothing of them is left.
    pub async fn shutdown(self) {
        self.host.shutdown().await;
        if let Some(service) = self.service {
            service.end().await;
        }
    }
}

impl BoundService {
    async fn bind(port: u16) -> Result<Self, StartError> {
        let listener = listen(port, "--signalr-port").await?;
        let options = EmulatorOptions::default();
        let connection_string = signalr_emulator::connection_string(address(&listener), &options.access_keys.primary);
        Ok(Self { listener, options, connection_string })
    }

    fn run(self, upstream: Upstream) -> Service {
        let Self { listener, options, connection_string } = self;
        let (address, shutdown) = (address(&listener), CancellationToken::new());
        let options = EmulatorOptions { upstream, ..options };
        let running = tokio::spawn(signalr_emulator::run(listener, options, shutdown.clone()));
        Service { address, connection_string, shutdown, running }
    }
}

impl Service {
    async fn end(self) {
        self.shutdown.cancel();
        match self.running.await {
            Ok(Ok(())) => {}
            Ok(Err(error)) => tracing::error!(%error, "the emulator ended with an error"),
            Err(error) => tracing::error!(%error, "the emulator panicked"),
        }
    }
}

/// What happens to clients is reported to the host if any function wants to hear of it. Without such a function a service in
/// Azure has no upstream either.
fn upstream(app: &App, host: &TcpListener) -> Upstream {
    let listens = app
        .functions
        .iter()
        .any(|function| matches!(function.trigger, Trigger::SignalR(_)) && function.state == FunctionState::Enabled);
    if !listens {
        return Upstream::default();
    }
    let webhook = format!("http://{}/runtime/webhooks/signalr", address(host));
    Upstream::to(webhook).expect("an address of this machine is an absolute address")
}

fn refuse_the_unusable(app: &App) -> Result<(), StartError> {
    let unusable: Vec<_> = app.broken.iter().filter(|function| function.fault == Fault::Declaration).cloned().collect();
    if unusable.is_empty() { Ok(()) } else { Err(StartError::Functions(unusable)) }
}

async fn start_host(listener: TcpListener, options: HostOptions) -> Result<Host, StartError> {
    let host = Host::start(listener, options).await?;
    match host.ready().await {
        Ok(()) => Ok(host),
        Err(stopped) => {
            host.shutdown().await;
            Err(StartError::Handler(stopped))
        }
    }
}

fn address(listener: &TcpListener) -> SocketAddr {
    listener.local_addr().expect("a bound socket has an address")
}

fn listed(functions: &[BrokenFunction]) -> String {
    functions.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n")
}

fn noting_the_handler(observer: Observer, handler_process: Arc<AtomicU32>) -> Observer {
    Observer::new(move |event| {
        if let HostEvent::WorkerStarting { process_id, .. } = event {
            handler_process.store(*process_id, Ordering::Relaxed);
        }
        observer.tell(event);
    })
}

async fn listen(port: u16, option: &'static str) -> Result<TcpListener, StartError> {
    let bound = TcpListener::bind((Ipv4Addr::LOCALHOST, port)).await;
    bound.map_err(|source| StartError::PortInUse { port, option, source })
}
