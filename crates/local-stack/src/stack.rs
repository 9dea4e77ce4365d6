//! Starts and ends the parts in the right order: both get their sockets before either runs, since each has to know the other's
//! address; the host ends first, since its handler may still send.

use crate::service::{BoundService, Service, listen, upstream};
use crate::{SignalR, StackOptions, StartError};
use functions_host::app::{App, Fault};
use functions_host::events::{HostEvent, Observer};
use functions_host::host::{Host, HostOptions, Stopped, WorkerSource};
use functions_host::keys::Keys;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

/// The setting by which the handler itself finds the service.
const CONNECTION_STRING: &str = "AzureSignalRConnectionString";
/// How a setting replaces the program that host.json names (functions-host 1.2).
pub(crate) const EXECUTABLE: &str = "AzureFunctionsJobHost__customHandler__description__defaultExecutablePath";
/// The port of `func start` (functions-host 8.3).
const DEFAULT_PORT: u16 = 7071;
/// More than a handler needs to finish the calls in progress.
const HANDLER_GRACE: Duration = Duration::from_secs(8);

/// A stack whose app was read and whose ports are taken, and which does not run yet.
///
/// Whatever is wrong with the app or the ports shows before the handler is built.
#[derive(Debug)]
pub struct PreparedStack {
    options: StackOptions,
    app: App,
    overrides: Vec<(String, String)>,
    listener: TcpListener,
    service: Option<BoundService>,
}

/// A running stack. It ends with [`LocalStack::shutdown`], which waits for that, or when it is dropped.
#[derive(Debug)]
pub struct LocalStack {
    host: Host,
    service: Option<Service>,
    handler: Arc<HandlerNotes>,
}

/// What is known of the handler from the host's events.
#[derive(Debug, Default)]
struct HandlerNotes {
    process: AtomicU32,
    failure: Mutex<Option<String>>,
}

impl PreparedStack {
    /// Reads the app and takes the ports.
    ///
    /// # Errors
    /// When a port is taken, or the app cannot be read or be served.
    pub async fn new(options: StackOptions) -> Result<Self, StartError> {
        let service = match options.signalr {
            SignalR::Emulator { port } => Some(BoundService::bind(port).await?),
            SignalR::FromSettings => None,
        };
        let mut overrides = Vec::new();
        let mut app = App::load(&options.app, options.environment.clone(), &overrides)?;
        refuse_the_unusable(&app)?;
        match &service {
            Some(service) => {
                overrides = connection_strings(&app, &service.connection_string);
                app = App::load(&options.app, options.environment.clone(), &overrides)?;
            }
            None => refuse_missing_connections(&app)?,
        }
        let port = options.host_port.or_else(|| app.settings.local_http_port()).unwrap_or(DEFAULT_PORT);
        let listener = listen(port, "--port").await?;
        Ok(Self { options, app, overrides, listener, service })
    }

    /// Runs this program as the handler, instead of the one that host.json names.
    #[must_use]
    pub fn with_handler(mut self, handler: Option<PathBuf>) -> Self {
        self.options.handler = handler.or(self.options.handler);
        self
    }

    /// Starts all parts and returns when the handler is ready, or everything is ended again because `called_off` was cancelled.
    ///
    /// # Errors
    /// When the host cannot serve the app, the handler does not start, or the start was called off. Nothing is left running then.
    pub async fn start(self, called_off: &CancellationToken) -> Result<LocalStack, StartError> {
        let Self { options, mut app, mut overrides, listener, service } = self;
        if let Some(handler) = &options.handler {
            // The handler may not have been there when the app was read first.
            overrides.push((EXECUTABLE.to_owned(), handler.display().to_string()));
            app = App::load(&options.app, options.environment, &overrides)?;
        }
        let keys = options.keys.map(Keys::open).transpose()?;
        // Only the service itself may report events then.
        let code = keys.as_ref().map(|keys| keys.webhook_key("signalr")).transpose()?;
        let service = service.map(|service| service.run(upstream(&app, &listener, code.as_deref())));
        let handler = Arc::<HandlerNotes>::default();
        let observer = handler.listening(options.observer);
        let worker = options.attach.map_or(WorkerSource::Process, WorkerSource::Attached);
        let host_options =
            HostOptions { observer, worker, keys, shutdown_grace: HANDLER_GRACE, ..HostOptions::new(app) };
        let host = Host::start(listener, host_options).await?;
        let stack = LocalStack { host, service, handler };
        let failure = tokio::select! {
            ready = stack.host.ready() => match ready {
                Ok(()) => return Ok(stack),
                Err(stopped) => StartError::Handler { reason: stack.handler.failure().unwrap_or(stopped.reason) },
            },
            () = called_off.cancelled() => StartError::CalledOff,
        };
        stack.shutdown().await;
        Err(failure)
    }
}

impl LocalStack {
    /// Starts all parts and returns when the handler is ready.
    ///
    /// # Errors
    /// When a port is taken, the app cannot be read, the host cannot serve it, or the handler does not start. Nothing is left
    /// running then.
    pub async fn start(options: StackOptions) -> Result<Self, StartError> {
        PreparedStack::new(options).await?.start(&CancellationToken::new()).await
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

    /// The process id of the handler that was started last; `None` when none was, because the app has no functions or the handler
    /// is somebody else's.
    pub fn handler_process(&self) -> Option<u32> {
        Some(self.handler.process.load(Ordering::Relaxed)).filter(|process| *process != 0)
    }

    /// The host, to run a function.
    pub fn host(&self) -> &Host {
        &self.host
    }

    /// Resolves when a part has ended by itself, for example the host because the handler failed three times.
    pub async fn stopped(&self) -> Stopped {
        let service_ended = async {
            match &self.service {
                Some(service) => service.ended.cancelled().await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            stopped = self.host.stopped() => stopped,
            () = service_ended => Stopped { reason: "the SignalR emulator has ended".to_owned() },
        }
    }

    /// Ends the handler, the host and the emulator, in this order, and returns when nothing of them is left.
    pub async fn shutdown(self) {
        self.host.shutdown().await;
        if let Some(service) = self.service {
            service.end().await;
        }
    }
}

impl HandlerNotes {
    fn listening(self: &Arc<Self>, observer: Observer) -> Observer {
        let notes = Arc::clone(self);
        Observer::new(move |event| {
            match event {
                HostEvent::WorkerStarting { process_id, .. } => notes.process.store(*process_id, Ordering::Relaxed),
                HostEvent::WorkerFailed { line, error, .. } => {
                    let text = error.as_ref().map_or_else(|| line.clone(), |error| format!("{line} {error}"));
                    *notes.failure.lock().unwrap_or_else(PoisonError::into_inner) = Some(text);
                }
                _ => {}
            }
            observer.tell(event);
        })
    }

    fn failure(&self) -> Option<String> {
        self.failure.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

/// The emulator's connection string under every name by which a part of the app may look for one. The section
/// `ConnectionStrings` comes before the plain name (signalr-bindings 8.2), so both are set.
fn connection_strings(app: &App, connection_string: &str) -> Vec<(String, String)> {
    let mut names = app.signalr_settings();
    names.insert(CONNECTION_STRING);
    let of_name = |name: &str| [format!("ConnectionStrings:{name}"), name.to_owned()];
    names.into_iter().flat_map(of_name).map(|name| (name, connection_string.to_owned())).collect()
}

fn refuse_missing_connections(app: &App) -> Result<(), StartError> {
    let names = app.signalr_settings().into_iter();
    let missing: Vec<_> =
        names.filter(|name| app.settings.connection_string(name).is_none()).map(str::to_owned).collect();
    if missing.is_empty() { Ok(()) } else { Err(StartError::NoConnectionString(missing)) }
}

fn refuse_the_unusable(app: &App) -> Result<(), StartError> {
    let unusable: Vec<_> = app.broken.iter().filter(|function| function.fault == Fault::Declaration).cloned().collect();
    if unusable.is_empty() { Ok(()) } else { Err(StartError::Functions(unusable)) }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PRODUCTION: &str = "Endpoint=https://production.service.signalr.net;AccessKey=secret;Version=1.0;";

    #[tokio::test]
    async fn no_connection_string_of_the_app_survives_beside_an_emulator() {
        let folder = tempfile::tempdir().unwrap();
        let write = |name: &str, text: &str| std::fs::write(folder.path().join(name), text).unwrap();
        write(
            "host.json",
            r#"{"version":"2.0","customHandler":{"description":{"defaultExecutablePath":"h"}},
            "extensionBundle":{"id":"Microsoft.Azure.Functions.ExtensionBundle","version":"[4.*, 5.0.0)"}}"#,
        );
        std::fs::create_dir(folder.path().join("send")).unwrap();
        write(
            "send/function.json",
            r#"{"bindings":[{"type":"httpTrigger","direction":"in","name":"req"},
            {"type":"signalR","direction":"out","name":"m","hubName":"h","connectionStringSetting":"MySignalR"}]}"#,
        );
        let settings = serde_json::json!({"IsEncrypted": false, "Values": {"MySignalR": PRODUCTION, "AzureSignalRConnectionString": PRODUCTION},
            "ConnectionStrings": {"AzureSignalRConnectionString": PRODUCTION, "MySignalR": PRODUCTION}});
        write("local.settings.json", &settings.to_string());
        let environment = vec![("ConnectionStrings__MySignalR".to_owned(), PRODUCTION.to_owned())];
        let stack = PreparedStack::new(StackOptions { environment, ..StackOptions::new(folder.path()) }).await.unwrap();
        let emulator = stack.service.as_ref().unwrap().connection_string.as_str();
        for name in ["AzureSignalRConnectionString", "MySignalR"] {
            assert_eq!(stack.app.settings.connection_string(name), Some(emulator), "{name}");
        }
        let left: Vec<_> = stack.app.settings.iter().filter(|(_, value)| *value == PRODUCTION).collect();
        assert_eq!(left, []);
    }

    #[tokio::test]
    async fn a_dropped_stack_frees_its_ports() {
        let folder = tempfile::tempdir().unwrap();
        let host_json = r#"{"version":"2.0","customHandler":{"description":{"defaultExecutablePath":"h"}}}"#;
        std::fs::write(folder.path().join("host.json"), host_json).unwrap();
        let stack = LocalStack::start(StackOptions::new(folder.path())).await.unwrap();
        let ended = stack.service.as_ref().unwrap().ended.clone();
        drop(stack);
        ended.cancelled().await;
    }
}
