//! Function apps in temporary folders, handlers in this process or in one of their own, and a record of all events.
//!
//! Easily missed: nothing here sleeps to let something happen. Tests wait for events, for answers, or for the host itself.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, OnceLock};
use std::time::Duration;

use axum::Router;
use functions_host::app::{App, AppError};
use functions_host::events::{HostEvent, LogLevel, Observer};
use functions_host::host::{Host, HostOptions, WorkerSource};
use http::header::CONTENT_TYPE;
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::net::TcpListener;
use tokio::sync::watch;

/// Far more than anything here takes; a test that runs into it has failed.
pub(crate) const LONG: Duration = Duration::from_secs(20);

/// A function app in the making.
pub(crate) struct TestApp {
    folder: TempDir,
    host_json: Value,
    settings: Vec<(String, String)>,
    local_settings: Value,
}

/// The bindings of a function that anybody may call at `/api/<name>`.
pub(crate) fn http() -> Vec<Value> {
    vec![
        json!({"type": "httpTrigger", "direction": "in", "name": "req", "authLevel": "anonymous"}),
        json!({"type": "http", "direction": "out", "name": "res"}),
    ]
}

/// The same and more.
pub(crate) fn http_and(more: &[Value]) -> Vec<Value> {
    http().into_iter().chain(more.iter().cloned()).collect()
}

impl TestApp {
    pub(crate) fn new() -> TestApp {
        TestApp {
            folder: tempfile::tempdir().unwrap(),
            host_json: json!({
                "version": "2.0",
                "extensionBundle": {"id": "Microsoft.Azure.Functions.ExtensionBundle", "version": "[4.*, 5.0.0)"},
                "customHandler": {"description": {"defaultExecutablePath": "handler"}},
            }),
            settings: Vec::new(),
            local_settings: json!({"IsEncrypted": false, "Values": {"FUNCTIONS_WORKER_RUNTIME": "custom"}}),
        }
    }

    /// Adds a function.
    pub(crate) fn function(self, name: &str, bindings: &[Value]) -> TestApp {
        self.function_json(name, &json!({"bindings": bindings}))
    }

    pub(crate) fn function_json(self, name: &str, function_json: &Value) -> TestApp {
        let folder = self.root().join(name);
        std::fs::create_dir(&folder).unwrap();
        std::fs::write(folder.join("function.json"), function_json.to_string()).unwrap();
        self
    }

    /// Sets a value of host.json, by JSON pointer to an object and key.
    pub(crate) fn host_json(mut self, object: &str, key: &str, value: Value) -> TestApp {
        self.host_json.pointer_mut(object).unwrap()[key] = value;
        self
    }

    /// The handler is the program of `examples/test_handler.rs`, with its port and `behaviour` as arguments.
    pub(crate) fn handler(self, behaviour: &str) -> TestApp {
        let description = "/customHandler/description";
        let app = self.host_json(description, "defaultExecutablePath", json!(test_handler()));
        let arguments = json!(["%FUNCTIONS_CUSTOMHANDLER_PORT%", behaviour]);
        app.host_json(description, "arguments", arguments)
    }

    pub(crate) fn setting(mut self, name: &str, value: &str) -> TestApp {
        self.settings.push((name.to_owned(), value.to_owned()));
        self
    }

    pub(crate) fn cors(mut self, origins: &str, credentials: &Value) -> TestApp {
        self.local_settings["Host"] = json!({"CORS": origins, "CORSCredentials": credentials});
        self
    }

    pub(crate) fn root(&self) -> &Path {
        self.folder.path()
    }

    pub(crate) fn load(&self) -> App {
        self.try_load().unwrap()
    }

    pub(crate) fn try_load(&self) -> Result<App, AppError> {
        std::fs::write(self.root().join("host.json"), self.host_json.to_string()).unwrap();
        std::fs::write(self.root().join("local.settings.json"), self.local_settings.to_string()).unwrap();
        let environment = [("PATH".to_owned(), "/usr/bin:/bin".to_owned())];
        App::load(self.root(), environment, &self.settings)
    }

    /// Runs the app with a handler process of its own.
    pub(crate) async fn start(self) -> Running {
        self.start_on(listener().await, WorkerSource::Process, |_| {}).await
    }

    /// Runs the app with a handler that lives in this process.
    pub(crate) async fn start_attached(self, handler: Router) -> Running {
        self.start_attached_with(handler, |_| {}).await
    }

    pub(crate) async fn start_attached_with(self, handler: Router, change: impl FnOnce(&mut HostOptions)) -> Running {
        let worker = WorkerSource::Attached(serve(handler).await);
        self.start_on(listener().await, worker, change).await
    }

    pub(crate) async fn start_on(
        self,
        listener: TcpListener,
        worker: WorkerSource,
        change: impl FnOnce(&mut HostOptions),
    ) -> Running {
        let (observer, events) = Events::record();
        let mut options = HostOptions { observer, worker, ..HostOptions::new(self.load()) };
        change(&mut options);
        let host = Host::start(listener, options).await.unwrap();
        Running { host, events, http: client(), app: self }
    }
}

/// A host that runs.
pub(crate) struct Running {
    pub(crate) host: Host,
    pub(crate) events: Events,
    pub(crate) http: reqwest::Client,
    /// Keeps the folder.
    pub(crate) app: TestApp,
}

impl Running {
    pub(crate) fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.host.address())
    }

    pub(crate) async fn get(&self, path: &str) -> reqwest::Response {
        self.http.get(self.url(path)).send().await.unwrap()
    }

    pub(crate) async fn post(&self, path: &str, body: impl Into<reqwest::Body>) -> reqwest::Response {
        self.http.post(self.url(path)).body(body).send().await.unwrap()
    }

    /// Runs a function by hand, as administrators do.
    pub(crate) async fn by_hand(&self, function: &str, body: &'static str) -> reqwest::Response {
        let request = self.http.post(self.url(&format!("/admin/functions/{function}")));
        request.header(CONTENT_TYPE, "application/json").body(body).send().await.unwrap()
    }

    /// The error text of the last invocation that failed.
    pub(crate) fn last_error(&self) -> Option<String> {
        let is_end = |event: &HostEvent| match event {
            HostEvent::Executed { error, .. } => Some(error.clone()),
            _ => None,
        };
        self.events.all().iter().filter_map(is_end).next_back().flatten()
    }
}

/// All events so far.
#[derive(Clone)]
pub(crate) struct Events(Arc<Mutex<Vec<HostEvent>>>, watch::Receiver<usize>);

impl Events {
    pub(crate) fn record() -> (Observer, Events) {
        let all = Arc::new(Mutex::new(Vec::new()));
        let (count, counted) = watch::channel(0);
        let recorded = Arc::clone(&all);
        let observer = Observer::new(move |event| {
            let mut events = recorded.lock().unwrap();
            events.push(event.clone());
            count.send_replace(events.len());
        });
        (observer, Events(all, counted))
    }

    pub(crate) fn all(&self) -> Vec<HostEvent> {
        self.0.lock().unwrap().clone()
    }

    /// Waits until some event gives a value.
    pub(crate) async fn wait_for<T>(&self, what: &str, mut find: impl FnMut(&HostEvent) -> Option<T>) -> T {
        let mut found = None;
        let mut count = self.1.clone();
        let search = count.wait_for(|_| {
            found = self.all().iter().find_map(&mut find);
            found.is_some()
        });
        let ended = tokio::time::timeout(LONG, search).await.is_ok_and(|search| search.is_ok());
        assert!(ended, "no event: {what}; there were {:#?}", self.all());
        found.unwrap()
    }

    /// Waits until all events so far fulfil a condition.
    pub(crate) async fn wait_until(&self, holds: impl Fn(&[HostEvent]) -> bool) {
        let mut count = self.1.clone();
        let search = count.wait_for(|_| holds(&self.all()));
        assert!(tokio::time::timeout(LONG, search).await.is_ok_and(|search| search.is_ok()), "{:#?}", self.all());
    }

    /// Waits for a line of the host's own that contains `text`.
    pub(crate) async fn wait_for_log(&self, level: LogLevel, text: &str) -> String {
        self.wait_for(text, |event| match event {
            HostEvent::Log { level: found, text: line } if *found == level && line.contains(text) => Some(line.clone()),
            HostEvent::Warning(warning) if level == LogLevel::Warning => {
                Some(warning.to_string()).filter(|line| line.contains(text))
            }
            _ => None,
        })
        .await
    }

    /// The lines of the host's own at this level.
    pub(crate) fn logs(&self, at: LogLevel) -> Vec<String> {
        let line = |event: HostEvent| match event {
            HostEvent::Log { level, text } if level == at => Some(text),
            HostEvent::Warning(warning) if at == LogLevel::Warning => Some(warning.to_string()),
            _ => None,
        };
        self.all().into_iter().filter_map(line).collect()
    }

    /// How often a handler process became ready.
    pub(crate) fn processes_ready(&self) -> usize {
        self.all().iter().filter(|event| matches!(event, HostEvent::WorkerReady { .. })).count()
    }
}

/// The program of `examples/test_handler.rs`.
pub(crate) fn test_handler() -> PathBuf {
    static PROGRAM: OnceLock<PathBuf> = OnceLock::new();
    PROGRAM.get_or_init(|| example("test_handler")).clone()
}

/// The program of an example. A plain `cargo test` builds it along with the tests; `cargo test --test host` does not, so it is built
/// here if it is missing.
pub(crate) fn example(name: &str) -> PathBuf {
    let tests = std::env::current_exe().unwrap();
    let file = format!("{name}{}", std::env::consts::EXE_SUFFIX);
    let program = tests.parent().and_then(Path::parent).unwrap().join("examples").join(file);
    if !program.exists() {
        let arguments = ["build", "--quiet", "--package", env!("CARGO_PKG_NAME"), "--example", name];
        let built = std::process::Command::new(env!("CARGO")).args(arguments).status();
        assert!(built.is_ok_and(|status| status.success()), "cannot build the example `{name}`");
    }
    assert!(program.exists(), "there is no {}; build the examples with the tests", program.display());
    program
}

pub(crate) async fn listener() -> TcpListener {
    TcpListener::bind("127.0.0.1:0").await.unwrap()
}

/// Serves `app` until the test ends.
pub(crate) async fn serve(app: Router) -> SocketAddr {
    let listener = listener().await;
    let address = listener.local_addr().unwrap();
    tokio::spawn(async { axum::serve(listener, app).await.unwrap() });
    address
}

/// A client that takes nothing from the environment and follows nothing.
pub(crate) fn client() -> reqwest::Client {
    let builder = reqwest::Client::builder().no_proxy().redirect(reqwest::redirect::Policy::none());
    builder.timeout(LONG).build().unwrap()
}
