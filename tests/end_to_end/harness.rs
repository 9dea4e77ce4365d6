//! A local stack around the handler that cargo has just built, and a SignalR client of a few lines.

use azure_signalr::ConnectionString;
use azure_signalr::token::{ClientToken, client_url};
use functions_host::events::HostEvent;
use futures_util::{SinkExt, StreamExt};
use local_stack::{Handler, LocalStack, Observer, StackEvent, StackOptions};
use reqwest::{Client, RequestBuilder, Response};
use serde_json::{Value, json};
use std::path::Path;
use std::time::{Duration, SystemTime};
use tokio::net::TcpStream;
use tokio::sync::mpsc;
use tokio::time::timeout;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream, connect_async};

/// Far more than anything here takes; reached only when something hangs.
pub(crate) const DEADLINE: Duration = Duration::from_secs(20);
const RECORD_SEPARATOR: char = '\u{1e}';

/// Prints a figure for whoever runs the tests with `--nocapture`.
pub(crate) fn note(line: &str) {
    use std::io::Write as _;
    let _ = writeln!(std::io::stderr(), "{line}");
}

/// A function app in a folder of its own.
pub(crate) struct TestApp(tempfile::TempDir);

impl TestApp {
    /// An app without functions whose handler is not on disk.
    pub(crate) fn new() -> Self {
        let app = Self(tempfile::tempdir().expect("a folder"));
        let host_json = json!({
            "version": "2.0",
            "extensionBundle": {"id": "Microsoft.Azure.Functions.ExtensionBundle", "version": "[4.*, 5.0.0)"},
            "customHandler": {"description": {"defaultExecutablePath": "in-this-process"}},
        });
        app.write("host.json", &host_json.to_string());
        app
    }

    /// The same with one more function, or with other bindings for it.
    pub(crate) fn function(self, name: &str, bindings: &[Value]) -> Self {
        std::fs::create_dir_all(self.path().join(name)).expect("a function folder");
        self.write(&format!("{name}/function.json"), &json!({"bindings": bindings}).to_string());
        self
    }

    pub(crate) fn write(&self, file: &str, text: &str) {
        std::fs::write(self.path().join(file), text).expect("the file is written");
    }

    pub(crate) fn path(&self) -> &Path {
        self.0.path()
    }
}

/// The app of this repository with the handler built for this test run.
pub(crate) async fn start() -> LocalStack {
    start_observed(Observer::silent()).await
}

/// The same, and what its host reports.
pub(crate) async fn start_watched() -> (LocalStack, Events) {
    let (sender, events) = mpsc::unbounded_channel();
    let observer = Observer::new(move |event| {
        if let StackEvent::Host(event) = event {
            // A test that has heard enough is no reason to fail.
            let _ = sender.send(event.clone());
        }
    });
    (start_observed(observer).await, Events(events))
}

/// The same handler with the functions of another folder.
pub(crate) async fn start_app(folder: &Path) -> LocalStack {
    start_as(StackOptions { app: folder.to_owned(), ..options() }).await
}

/// The app of this repository with other settings.
pub(crate) async fn start_with(settings: &[(&str, &str)]) -> LocalStack {
    let environment = settings.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
    start_as(StackOptions { environment, ..options() }).await
}

async fn start_observed(observer: Observer) -> LocalStack {
    start_as(StackOptions { observer, ..options() }).await
}

async fn start_as(options: StackOptions) -> LocalStack {
    LocalStack::start(options).await.expect("the stack starts on free ports")
}

fn options() -> StackOptions {
    let handler = Handler::Program(env!("CARGO_BIN_EXE_handler").into());
    StackOptions { handler, ..StackOptions::new(Path::new(env!("CARGO_MANIFEST_DIR"))) }
}

/// What the host reports, in order.
pub(crate) struct Events(mpsc::UnboundedReceiver<HostEvent>);

impl Events {
    /// Waits for the next event that gives a value; those before it are gone.
    pub(crate) async fn next<T>(&mut self, what: &str, find: impl Fn(&HostEvent) -> Option<T>) -> T {
        let search = async {
            loop {
                let event = self.0.recv().await.expect("the host reports as long as it lives");
                if let Some(found) = find(&event) {
                    return found;
                }
            }
        };
        timeout(DEADLINE, search).await.unwrap_or_else(|_| panic!("no event: {what}"))
    }
}

/// A client for this machine: without certificates, whose loading would take most of a test's time.
pub(crate) fn http() -> Client {
    Client::builder().no_proxy().tls_certs_only([]).timeout(DEADLINE).build().expect("a plain HTTP client can be built")
}

pub(crate) async fn post(stack: &LocalStack, path: &str, body: impl Into<reqwest::Body>) -> Response {
    send(http().post(format!("{}{path}", stack.host_url())).body(body)).await
}

pub(crate) async fn send(request: RequestBuilder) -> Response {
    request.send().await.expect("the local server answers")
}

/// A client that has connected the way Microsoft's does: two negotiates, a WebSocket, the handshake (signalr-protocol 1.1).
pub(crate) struct SignalRClient {
    socket: WebSocketStream<MaybeTlsStream<TcpStream>>,
    received: Vec<Value>,
}

impl SignalRClient {
    pub(crate) async fn connect(stack: &LocalStack) -> Self {
        let info: Value = post(stack, "/api/negotiate?negotiateVersion=1", "").await.json().await.expect("JSON");
        let (url, token) = (info["url"].as_str().expect("an url"), info["accessToken"].as_str().expect("a token"));
        Self::open(url, token).await
    }

    /// A client whose page has got its address and token in some other way.
    pub(crate) async fn connect_as(stack: &LocalStack, hub: &str, user_id: &str) -> Self {
        let connection: ConnectionString =
            stack.connection_string().expect("an emulator").parse().expect("a connection string");
        let hub = hub.parse().expect("a hub name");
        let token = ClientToken::new(&hub).user_id(Some(user_id)).sign(&connection, SystemTime::now());
        Self::open(&client_url(&connection, &hub), &token.expect("a token")).await
    }

    /// Ends as a page does that is closed.
    pub(crate) async fn close(mut self) {
        self.socket.close(None).await.expect("the service is there");
    }

    /// Ends as a process does that is killed: the connection is reset, and nobody says goodbye.
    pub(crate) fn reset(self) {
        let MaybeTlsStream::Plain(stream) = self.socket.get_ref() else { panic!("a plain socket") };
        stream.set_zero_linger().expect("a socket can be reset");
    }

    /// Says that it is there, as Microsoft's client does every 15 seconds. Only then does the service take silence for an end
    /// (signalr-protocol 6.1).
    pub(crate) async fn ping(&mut self) {
        self.write(&json!({"type": 6})).await;
    }

    /// Waits until the service ends the connection.
    pub(crate) async fn closed(&mut self) {
        let ended = async { while let Some(Ok(_)) = self.socket.next().await {} };
        timeout(DEADLINE, ended).await.expect("the service ends the connection");
    }

    pub(crate) async fn open(url: &str, token: &str) -> Self {
        let negotiate = url.replacen("/client/?", "/client/negotiate?negotiateVersion=1&", 1);
        let answer = send(http().post(negotiate).bearer_auth(token)).await;
        let answer: Value = answer.json().await.expect("JSON");
        let id = answer["connectionToken"].as_str().expect("a connection token");
        let address = format!("{url}&id={id}&access_token={token}").replacen("http", "ws", 1);
        let (socket, _) =
            connect_async(address.into_client_request().expect("an address")).await.expect("it is accepted");
        let mut client = Self { socket, received: Vec::new() };
        client.write(&json!({"protocol": "json", "version": 1})).await;
        assert_eq!(client.read().await, json!({}), "the handshake succeeds");
        client
    }

    /// The next invocation as `(target, arguments)`; pings in between are skipped.
    pub(crate) async fn next(&mut self) -> (String, Value) {
        loop {
            let message = self.read().await;
            if message["type"] == 1 {
                return (message["target"].as_str().expect("a target").to_owned(), message["arguments"].clone());
            }
            assert_eq!(message["type"], 6, "{message}");
        }
    }

    /// Calls a method of the hub and returns its completion; everything else that arrives is kept.
    pub(crate) async fn invoke(&mut self, target: &str, arguments: &Value) -> Value {
        self.write(&json!({"type": 1, "invocationId": "7", "target": target, "arguments": arguments})).await;
        let mut others = Vec::new();
        loop {
            let message = self.read().await;
            if message["type"] == 3 {
                assert_eq!(message["invocationId"], "7");
                self.received.splice(0..0, others);
                return message;
            }
            others.push(message);
        }
    }

    /// Returns when the connection has ended, whichever way.
    pub(crate) async fn until_lost(&mut self) {
        let lost = async { while let Some(Ok(_)) = self.socket.next().await {} };
        timeout(DEADLINE, lost).await.expect("the connection ends");
    }

    async fn write(&mut self, message: &Value) {
        let frame = format!("{message}{RECORD_SEPARATOR}");
        self.socket.send(Message::text(frame)).await.expect("the service reads");
    }

    async fn read(&mut self) -> Value {
        while self.received.is_empty() {
            let frame = timeout(DEADLINE, self.socket.next()).await.expect("something arrives");
            if let Message::Text(text) = frame.expect("the connection is open").expect("a frame") {
                let records = text.split_terminator(RECORD_SEPARATOR);
                self.received.extend(records.map(|record| serde_json::from_str(record).expect("JSON")));
            }
        }
        self.received.remove(0)
    }
}
