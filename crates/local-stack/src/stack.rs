//! Starts and ends the parts in the right order: all get their sockets before any runs, since each has to know the other's
//! address; the host ends first, since its handler may still send.

use crate::app::{AppSource, listens, webhook};
use crate::events::{Events, News, StackEvent};
use crate::handler::Server;
use crate::inspection::Inspection;
use crate::service::{Service, UpstreamSwitch, listen};
use crate::{Handler, SignalR, StackOptions, StartError};
use functions_host::app::App;
use functions_host::clock::Clock;
use functions_host::events::{HostEvent, ListedFunction, ListedTrigger, Observer};
use functions_host::host::{
    Host, HostOptions, InvocationReport, InvokeError, ReloadError, Retirement, Stopped, WorkerSource,
};
use functions_host::keys::Keys;
use functions_host::timers::ScheduleStore;
use signalr_emulator::Emulator;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::net::TcpListener;
use tokio_util::task::TaskTracker;

/// The port of `func start` (functions-host 8.3).
const DEFAULT_PORT: u16 = 7071;
/// The option of `cargo dev` that sets it.
const PORT_OPTION: &str = "--port";
/// More than a handler needs to finish the calls in progress.
const HANDLER_GRACE: Duration = Duration::from_secs(8);

/// A running stack. It ends with [`LocalStack::shutdown`], which waits for that, or when it is dropped.
#[derive(Debug)]
pub struct LocalStack {
    pub(crate) host: Option<Host>,
    pub(crate) service: Option<Service>,
    pub(crate) handler: Handler,
    /// The handler in this process, while it runs.
    pub(crate) server: Option<Server>,
    /// Where the handler in this process is or was.
    pub(crate) server_port: u16,
    pub(crate) handler_is_stopped: bool,
    /// Handlers in this process that were replaced and end their last calls.
    endings: TaskTracker,
    host_address: SocketAddr,
    source: AppSource,
    keys: Option<Keys>,
    inspection: Option<Inspection>,
    schedules: ScheduleStore,
    clock: Clock,
    news: News,
}

impl LocalStack {
    /// Starts all parts and returns when the handler is ready, or at once for [`Handler::Awaited`].
    ///
    /// # Errors
    /// When a port is taken, the app cannot be read, the host cannot serve it, or the handler does not start. Nothing is left
    /// running then.
    pub async fn start(options: StackOptions) -> Result<Self, StartError> {
        let inspection = match options.inspector_port {
            Some(port) => Some(Inspection::start(port, &options.clock).await?),
            None => None,
        };
        let inspector = inspection.as_ref().map(|inspection| inspection.inspector.clone());
        let news = News::new(options.observer.clone(), inspector);
        let service = match options.signalr {
            SignalR::Emulator { port } => Some(Service::bind(port, &options.clock, news.clone()).await?),
            SignalR::FromSettings => None,
        };
        let source = AppSource::new(&options, service.as_ref().map(|service| service.connection_string.clone()));
        let app = source.load(&options.handler)?;
        let port = options.host_port.or_else(|| app.settings.local_http_port()).unwrap_or(DEFAULT_PORT);
        let listener = listen(port, PORT_OPTION).await?;
        let mut stack = Self {
            host: None,
            service,
            handler: options.handler,
            server: None,
            server_port: 0,
            handler_is_stopped: false,
            endings: TaskTracker::new(),
            host_address: listener.local_addr().expect("a bound socket has an address"),
            source,
            keys: options.keys.map(Keys::open).transpose()?,
            inspection,
            schedules: options.schedules,
            clock: options.clock,
            news,
        };
        if let (Some(inspection), Some(keys)) = (&stack.inspection, &stack.keys) {
            inspection.inspector.use_host_key(keys.master_key());
        }
        stack.run_service(&app).await?;
        stack.serve_handler().await?;
        stack.run_host(listener, app).await?;
        Ok(stack)
    }

    /// The address of the Functions host, for example `http://127.0.0.1:7071`.
    pub fn host_url(&self) -> String {
        format!("http://{}", self.host_address)
    }

    /// The address of the emulator; `None` when the app uses the service of its settings.
    pub fn signalr_url(&self) -> Option<String> {
        self.service.as_ref().map(|service| format!("http://{}", service.address))
    }

    /// The address of the inspector; `None` when the stack has none.
    pub fn inspector_url(&self) -> Option<String> {
        self.inspection.as_ref().map(|inspection| format!("http://{}", inspection.address))
    }

    /// The emulator's connection string with its public key; `None` when the app uses the service of its settings.
    pub fn connection_string(&self) -> Option<&str> {
        self.service.as_ref().map(|service| service.connection_string.as_str())
    }

    /// The process id of the handler that serves; `None` when there is none, or it is somebody else's, or it is in this process.
    pub fn handler_process(&self) -> Option<u32> {
        self.host.as_ref()?.handler_process()
    }

    /// The clock by which the timers run and tokens are made and expire.
    pub fn clock(&self) -> &Clock {
        &self.clock
    }

    /// The emulator, to see, cut and close its connections; `None` while it is stopped, and when the app uses the service of its
    /// settings.
    pub fn emulator(&self) -> Option<&Emulator> {
        self.service.as_ref()?.emulator()
    }

    /// Everything that happens from now on. What happened at the start is only for the observer of the options.
    pub fn events(&self) -> Events {
        self.news.subscribe()
    }

    /// Runs a function now, as `POST /admin/functions/{name}` does, and waits for its end: a timer, above all. The name ignores letter
    /// case.
    ///
    /// # Errors
    /// When there is no such function, or the host is stopped. A failed run is no error: see [`InvocationReport::error`].
    pub async fn run(&self, function: &str) -> Result<InvocationReport, InvokeError> {
        let Some(host) = &self.host else { return Err(InvokeError::NoHandler("the host is stopped".to_owned())) };
        host.invoke(function, None).await
    }

    /// Reads the app again and puts it into the place of the one that runs, with this handler. No call is lost, and clients stay
    /// connected: see [`Host::reload`].
    ///
    /// # Errors
    /// When the app cannot be read or served, or the handler does not start. Everything is as before then.
    pub async fn reload(&mut self, handler: Handler) -> Result<(), StartError> {
        let app = self.source.load(&handler)?;
        let (old_handler, was_stopped) = (std::mem::replace(&mut self.handler, handler), self.handler_is_stopped);
        self.handler_is_stopped = false;
        // A handler in this process comes in beside the one that is there, which has the port.
        let (old_server, old_port) = (self.server.take(), self.server_port);
        if old_server.is_some() {
            self.server_port = 0;
        }
        match self.put_in_place(app).await {
            Ok(retirement) => {
                self.end_after(old_server, retirement);
                Ok(())
            }
            Err(error) => {
                if let Some(server) = std::mem::replace(&mut self.server, old_server) {
                    server.end().await;
                }
                (self.handler, self.handler_is_stopped, self.server_port) = (old_handler, was_stopped, old_port);
                Err(error)
            }
        }
    }

    /// Says that the handler which calls wait for does not come; they get 503 and `reason` until the next [`LocalStack::reload`].
    pub fn give_up_waiting(&self, reason: &str) {
        self.host.iter().for_each(|host| host.give_up_waiting(reason));
    }

    /// Says that the handler which was given up is on its way again, so calls wait for it.
    pub fn wait_again(&self) {
        self.host.iter().for_each(Host::wait_again);
    }

    /// Resolves when a part has ended by itself, for example the host because the handler failed three times.
    pub async fn stopped(&self) -> Stopped {
        let service_ended = async {
            match &self.service {
                Some(service) => service.ended().await,
                None => std::future::pending().await,
            }
        };
        let host_stopped = async {
            match &self.host {
                Some(host) => host.stopped().await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            stopped = host_stopped => stopped,
            () = service_ended => Stopped { reason: "the SignalR emulator has ended".to_owned() },
        }
    }

    /// Ends the handler, the host, the emulator and the inspector, in this order, and returns when nothing of them is left.
    pub async fn shutdown(mut self) {
        self.end_host().await;
        self.endings.close();
        self.endings.wait().await;
        if let Some(server) = self.server.take() {
            server.end().await;
        }
        if let Some(service) = &mut self.service {
            service.end().await;
        }
        if let Some(inspection) = self.inspection {
            inspection.end().await;
        }
    }

    /// Runs the emulator, if the stack has one, for this app.
    pub(crate) async fn run_service(&mut self, app: &App) -> Result<(), StartError> {
        let Some(service) = &mut self.service else { return Ok(()) };
        // Only the service itself may report events where callers need keys.
        let code = self.keys.as_ref().map(|keys| keys.webhook_key("signalr")).transpose()?;
        service.run(webhook(self.host_address, code.as_deref()), listens(app)).await
    }

    /// Serves the handler in this process, if that is where it is.
    pub(crate) async fn serve_handler(&mut self) -> Result<(), StartError> {
        if let (Handler::InProcess(service), None) = (&self.handler, &self.server) {
            let served = Server::start(service.clone(), self.server_port).await;
            let server = served.map_err(|source| StartError::HandlerPort { port: self.server_port, source })?;
            self.server_port = server.address.port();
            self.server = Some(server);
        }
        Ok(())
    }

    /// Runs the host on the address that it had.
    pub(crate) async fn run_host_again(&mut self) -> Result<(), StartError> {
        let app = self.load()?;
        let listener = listen(self.host_address.port(), PORT_OPTION).await?;
        self.run_host(listener, app).await
    }

    pub(crate) fn load(&self) -> Result<App, StartError> {
        self.source.load(&self.handler)
    }

    /// Ends a handler in this process when the app that called it has ended its last calls, which it does within half a minute.
    fn end_after(&self, server: Option<Server>, retirement: Option<Retirement>) {
        let Some(server) = server else { return };
        self.endings.spawn(async move {
            if let Some(retirement) = retirement {
                retirement.ended().await;
            }
            server.end().await;
        });
    }

    /// Puts an app with the handler of this stack into the place of the one that runs, and answers how that one ends.
    pub(crate) async fn put_in_place(&mut self, app: App) -> Result<Option<Retirement>, StartError> {
        self.serve_handler().await?;
        let Some(host) = &self.host else { return Ok(None) };
        let reloaded = host.reload(app, self.worker_source()?).await;
        reloaded.map(Some).map_err(|error| match error {
            ReloadError::Handler { reason } => StartError::Handler { reason },
            ReloadError::Start(error) => StartError::Host(error),
            other => StartError::Handler { reason: other.to_string() },
        })
    }

    pub(crate) async fn end_host(&mut self) {
        if let Some(host) = self.host.take() {
            host.shutdown().await;
        }
    }

    async fn run_host(&mut self, listener: TcpListener, app: App) -> Result<(), StartError> {
        let failure = Failure::default();
        let upstream = self.service.as_ref().map(|service| service.upstream.clone());
        let options = HostOptions {
            observer: failure.noted(self.news.clone(), upstream),
            worker: self.worker_source()?,
            schedules: self.schedules.clone(),
            clock: self.clock.clone(),
            keys: self.keys.clone(),
            shutdown_grace: HANDLER_GRACE,
            ..HostOptions::new(app)
        };
        let waits = options.worker != WorkerSource::Awaited;
        let host = Host::start(listener, options).await?;
        if waits && let Err(stopped) = host.ready().await {
            host.shutdown().await;
            return Err(StartError::Handler { reason: failure.text().unwrap_or(stopped.reason) });
        }
        self.host = Some(host);
        Ok(())
    }

    fn worker_source(&self) -> Result<WorkerSource, StartError> {
        if self.handler_is_stopped && self.server.is_none() {
            return nowhere().map(WorkerSource::Attached);
        }
        Ok(match (&self.handler, &self.server) {
            (Handler::Attached(address), _) => WorkerSource::Attached(*address),
            (Handler::InProcess(_), Some(server)) => WorkerSource::Attached(server.address),
            (Handler::InProcess(_), None) => WorkerSource::Attached(nowhere()?),
            (Handler::Awaited, _) => WorkerSource::Awaited,
            (Handler::Declared | Handler::Program(_), _) => WorkerSource::Process,
        })
    }
}

/// An address where nobody listens, as that of a handler that has ended.
fn nowhere() -> Result<SocketAddr, StartError> {
    let socket = std::net::TcpListener::bind("127.0.0.1:0").and_then(|socket| socket.local_addr());
    socket.map_err(|source| StartError::HandlerPort { port: 0, source })
}

fn is_listener(function: &ListedFunction) -> bool {
    !function.disabled && matches!(&function.trigger, ListedTrigger::Other(kind) if kind == "signalRTrigger")
}

/// What the handler has done wrong last.
#[derive(Debug, Default)]
struct Failure(Arc<Mutex<Option<String>>>);

impl Failure {
    /// Passes events on and notes failures. The service reports to an app that was reloaded what that wants to hear.
    fn noted(&self, news: News, upstream: Option<UpstreamSwitch>) -> Observer {
        let noted = Arc::clone(&self.0);
        Observer::new(move |event| {
            match (event, &upstream) {
                (HostEvent::WorkerFailed { line, error, .. }, _) => {
                    let text = error.as_ref().map_or_else(|| line.clone(), |error| format!("{line} {error}"));
                    *noted.lock().unwrap_or_else(PoisonError::into_inner) = Some(text);
                }
                (HostEvent::Reloaded { functions, .. }, Some(upstream)) => {
                    upstream.set(functions.iter().any(is_listener));
                }
                _ => {}
            }
            news.tell(StackEvent::Host(event.clone()));
        })
    }

    fn text(&self) -> Option<String> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}
