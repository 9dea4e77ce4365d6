//! An emulator on a free port, its callers and its clients.
//!
//! Nothing sleeps: what has to have happened is awaited as an [`Event`], and that nothing arrived is shown by a message
//! that was sent later and arrives first.

use std::time::{Duration, SystemTime};

use azure_signalr::token::{ClientToken, sign_rest};
use azure_signalr::{AccessKey, ConnectionString};
use futures_util::{FutureExt, SinkExt, StreamExt};
use reqwest::{Method, RequestBuilder, Response, StatusCode, Url};
use serde_json::{Value, json};
use signalr_emulator::{DEFAULT_ACCESS_KEY, Emulator, EmulatorOptions, Event, Events, News, connection_string};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Mutex;
use tokio::task::JoinHandle;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream};
use tokio_util::sync::{CancellationToken, DropGuard};

/// How long anything may take before a test fails.
pub(crate) const PATIENCE: Duration = Duration::from_secs(20);

/// A running emulator.
pub(crate) struct Service {
    pub(crate) emulator: Emulator,
    pub(crate) connection: ConnectionString,
    pub(crate) http: reqwest::Client,
    history: Mutex<History>,
    serving: JoinHandle<std::io::Result<()>>,
    shutdown: DropGuard,
}

/// What has happened, as far as it was read.
struct History {
    events: Events,
    past: Vec<Event>,
}

/// A SignalR client, its handshake done.
pub(crate) struct Client {
    pub(crate) id: String,
    socket: WebSocketStream<MaybeTlsStream<TcpStream>>,
    waiting: Vec<Value>,
}

impl Service {
    pub(crate) async fn start() -> Self {
        Self::start_with(EmulatorOptions::default()).await
    }

    pub(crate) async fn start_with(options: EmulatorOptions) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let text = connection_string(listener.local_addr().unwrap(), &options.access_keys.primary);
        let shutdown = CancellationToken::new();
        let emulator = Emulator::new(options, shutdown.clone());
        let history = Mutex::new(History { events: emulator.events(), past: Vec::new() });
        let serving = emulator.clone();
        let serving = tokio::spawn(async move { serving.serve(listener).await });
        let connection = text.parse().unwrap();
        let http = reqwest::Client::builder().no_proxy().build().unwrap();
        Self { emulator, connection, http, history, serving, shutdown: shutdown.drop_guard() }
    }

    pub(crate) fn url(&self, path: &str) -> Url {
        format!("{}{}", self.connection.server_url(), path.trim_start_matches('/')).parse().unwrap()
    }

    /// A REST call with the token it needs.
    pub(crate) fn request(&self, method: &str, path: &str) -> RequestBuilder {
        self.request_at(method, path, SystemTime::now())
    }

    /// The same with a token that was signed at `now`.
    pub(crate) fn request_at(&self, method: &str, path: &str, now: SystemTime) -> RequestBuilder {
        let token = sign_rest(&self.connection, &self.url(path), now).unwrap();
        self.http.request(method.parse::<Method>().unwrap(), self.url(path)).bearer_auth(token)
    }

    /// The token that a REST call to `path` needs.
    pub(crate) fn token(&self, path: &str) -> String {
        sign_rest(&self.connection, &self.url(path), SystemTime::now()).unwrap()
    }

    pub(crate) async fn call(&self, method: &str, path: &str) -> Response {
        self.request(method, path).send().await.unwrap()
    }

    /// A call of which only the status matters.
    pub(crate) async fn status(&self, method: &str, path: &str) -> u16 {
        self.call(method, path).await.status().as_u16()
    }

    /// The status and the `x-ms-error-code` of a call.
    pub(crate) async fn code(&self, method: &str, path: &str) -> (u16, String) {
        let response = self.call(method, path).await;
        let code = response.headers().get("x-ms-error-code").map(|code| code.to_str().unwrap().to_owned());
        (response.status().as_u16(), code.unwrap_or_default())
    }

    /// Sends `target` with one argument and expects it to be accepted, with an empty body.
    #[track_caller]
    pub(crate) fn send(&self, path: &str, target: &str) -> impl Future<Output = ()> {
        let request = self.request("POST", path).json(&json!({"target": target, "arguments": [path]}));
        let path = path.to_owned();
        async move {
            let response = request.send().await.unwrap();
            assert_eq!(response.status(), StatusCode::ACCEPTED, "{path}");
            assert_eq!(response.text().await.unwrap(), "", "{path}");
        }
    }

    /// A client of `hub`, negotiated, connected, and in the stored groups of its user.
    pub(crate) async fn connect(&self, hub: &str, user: Option<&str>) -> Client {
        self.connect_at(hub, user, SystemTime::now()).await
    }

    /// The same with a token that was signed at `now`.
    pub(crate) async fn connect_at(&self, hub: &str, user: Option<&str>, now: SystemTime) -> Client {
        let token = ClientToken::new(&hub.parse().unwrap()).user_id(user);
        self.connect_with(hub, &token.sign(&self.connection, now).unwrap()).await
    }

    pub(crate) async fn connect_with(&self, hub: &str, token: &str) -> Client {
        let negotiate = self.url(&format!("client/negotiate?hub={hub}&negotiateVersion=1"));
        let answer = self.http.post(negotiate).bearer_auth(token).send().await.unwrap();
        assert_eq!(answer.status(), StatusCode::OK);
        let answer: Value = serde_json::from_str(&answer.text().await.unwrap()).unwrap();
        let connection_token = answer["connectionToken"].as_str().unwrap();
        let path = format!("client/?hub={hub}&id={connection_token}&access_token={token}");
        let mut client = Client::open(self, &path).await;
        answer["connectionId"].as_str().unwrap().clone_into(&mut client.id);
        let id = client.id.clone();
        self.until(|event| matches!(event, Event::Connected { connection_id, .. } if *connection_id == id)).await;
        client
    }

    /// Waits for the first event that fits, also among those that have happened already.
    pub(crate) async fn until(&self, fits: impl Fn(&Event) -> bool) -> Event {
        let mut history = self.history.lock().await;
        if let Some(event) = history.past.iter().find(|event| fits(event)) {
            return event.clone();
        }
        let search = async {
            loop {
                let event = history.next().await;
                if fits(&event) {
                    return event;
                }
            }
        };
        let found = tokio::time::timeout(PATIENCE, search).await;
        found.unwrap_or_else(|_| panic!("it never happened; what did: {:#?}", history.past))
    }

    /// Waits for a message of a client.
    pub(crate) async fn until_received(&self, wanted: &str) {
        self.until(|event| matches!(event, Event::Received { kind, .. } if *kind == wanted)).await;
    }

    pub(crate) async fn until_disconnected(&self, id: &str) -> String {
        let gone = |event: &Event| matches!(event, Event::Disconnected { connection_id, .. } if connection_id == id);
        match self.until(gone).await {
            Event::Disconnected { reason, .. } => reason,
            other => panic!("{other:?}"),
        }
    }

    /// Shuts the emulator down; the value that is left waits for its end.
    pub(crate) fn shut_down(self) -> impl Future<Output = ()> {
        drop(self.shutdown);
        async move {
            let served = tokio::time::timeout(PATIENCE, self.serving).await;
            served.expect("it ends in time").unwrap().unwrap();
        }
    }

    pub(crate) fn events(&self) -> Vec<Event> {
        let mut history = self.history.try_lock().expect("nobody waits for an event meanwhile");
        while history.next().now_or_never().is_some() {}
        history.past.clone()
    }

    /// Expects that `client` got nothing else: the next thing it sees is a message sent only now.
    pub(crate) async fn expect_nothing_for(&self, hub: &str, client: &mut Client) {
        self.send(&format!("api/hubs/{hub}/connections/{}/:send", client.id), "nothing before this").await;
        assert_eq!(client.target().await, "nothing before this");
    }
}

impl History {
    async fn next(&mut self) -> Event {
        match self.events.next().await.expect("the emulator is there") {
            News::Happened(happened) => self.past.push(happened.event.clone()),
            News::Missed(missed) => panic!("the test is too slow and has missed {missed} events"),
        }
        self.past.last().expect("it was added just now").clone()
    }
}

impl Client {
    /// Opens a WebSocket at `path` and shakes hands; the id stays unknown.
    pub(crate) async fn open(service: &Service, path: &str) -> Self {
        Self::open_at(service.url(path)).await
    }

    pub(crate) async fn open_at(mut url: Url) -> Self {
        url.set_scheme("ws").unwrap();
        let (socket, _) = tokio_tungstenite::connect_async(url.as_str()).await.unwrap();
        let mut client = Self { id: String::new(), socket, waiting: Vec::new() };
        client.write(r#"{"protocol":"json","version":1}"#).await;
        assert_eq!(client.next().await, json!({}), "the answer to the handshake");
        client
    }

    /// Sends one hub message.
    pub(crate) async fn write(&mut self, message: &str) {
        self.socket.send(Message::text(format!("{message}\u{1e}"))).await.unwrap();
    }

    /// The next hub message that is no Ping.
    pub(crate) async fn next(&mut self) -> Value {
        loop {
            while !self.waiting.is_empty() {
                let message = self.waiting.remove(0);
                if message["type"] != 6 {
                    return message;
                }
            }
            let text = self.next_text().await.expect("the connection is open");
            self.waiting = split(&text).map(|message| serde_json::from_str(message).unwrap()).collect();
        }
    }

    /// The next text as it came over the wire; nothing once the socket is closed.
    pub(crate) async fn next_text(&mut self) -> Option<String> {
        let reading = async {
            loop {
                match self.socket.next().await? {
                    Ok(Message::Text(text)) => return Some(text.to_string()),
                    // Reading on after a Close frame is what answers it.
                    Ok(_) => {}
                    Err(_) => return None,
                }
            }
        };
        tokio::time::timeout(PATIENCE, reading).await.expect("a message arrives in time")
    }

    /// The target of the next message, which has to be an invocation.
    pub(crate) async fn target(&mut self) -> String {
        let message = self.next().await;
        assert_eq!(message["type"], 1, "{message}");
        message["target"].as_str().unwrap().to_owned()
    }

    /// Leaves without a word.
    pub(crate) fn vanish(self) {
        drop(self.socket);
    }
}

fn split(text: &str) -> impl Iterator<Item = &str> {
    assert!(text.ends_with('\u{1e}'), "messages are whole: {text:?}");
    text.split_terminator('\u{1e}')
}

/// A connection string for the service of `service`, but with another key.
pub(crate) fn with_key(service: &Service, key: &str) -> ConnectionString {
    ConnectionString::with_access_key(service.connection.endpoint().clone(), AccessKey::new(key))
}

/// The default key is nothing special: tests that sign by hand use it.
pub(crate) fn default_key() -> AccessKey {
    AccessKey::new(DEFAULT_ACCESS_KEY)
}
