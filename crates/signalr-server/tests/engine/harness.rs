//! A server with a hub that reports everything that happens to it, and a client that speaks frames.

use std::future::Future;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::{Duration, SystemTime};

use futures_util::{SinkExt, StreamExt};
use http::StatusCode;
use reqwest::{Method, Response};
use serde_json::Value;
use signalr_server::{
    Admission, Arguments, ClientMessage, ClientRequest, Clients, Connection, Disconnect, Endpoint, Hub, Outcome,
    Recipients, Refusal, ServerMessage, ServerOptions, Transports,
};
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::sync::{Semaphore, mpsc};
use tokio_tungstenite::tungstenite::{Message, protocol::frame::coding::CloseCode};
use tokio_tungstenite::{WebSocketStream, client_async};
use tokio_util::sync::CancellationToken;

/// What the hub was told.
#[derive(Debug)]
pub(crate) enum Event {
    Connected(Connection),
    Received(ClientMessage),
    Disconnected(Connection, Disconnect),
}

/// Answers `Echo` with its arguments, waits in `Wait` for a permit, panics in `Panic`. The query decides the rest.
pub(crate) struct TestHub {
    pub(crate) clients: Clients,
    pub(crate) permits: Semaphore,
    events: mpsc::UnboundedSender<Event>,
}

impl Hub for TestHub {
    async fn admit(&self, request: &ClientRequest<'_>) -> Result<Admission, Refusal> {
        let query = request.query;
        if query.first("refuse").is_some() {
            let mut refusal = Refusal::text(StatusCode::UNAUTHORIZED, "who are you");
            refusal.headers.insert("www-authenticate", http::HeaderValue::from_static("Bearer"));
            return Err(refusal);
        }
        let millis = |key| query.first(key).and_then(|value| value.parse().ok()).map(Duration::from_millis);
        Ok(Admission {
            user_id: query.first("user").map(str::to_owned),
            handshake_timeout: millis("handshake"),
            inactivity_timeout: millis("patience"),
            closes_at: millis("lives").map(|lives| SystemTime::now() + lives),
            transports: query
                .first("transports")
                .map_or(Transports::ALL, |mask| Transports::from_mask(mask.parse().unwrap_or_default())),
            ..Admission::to(self.clients.clone())
        })
    }

    fn registered(&self, connection: &Connection) {
        if let Some(group) = connection.query().first("group") {
            assert!(self.clients.join(connection.id(), group), "it is among the clients");
            let welcome = ServerMessage::invocation("welcome", Arguments::none());
            self.clients.send(&Recipients::group(group), &welcome);
        }
        assert!(connection.query().first("unregistrable").is_none(), "a hub that panics");
    }

    async fn connected(&self, connection: &Connection) {
        let _ = self.events.send(Event::Connected(connection.clone()));
    }

    async fn received(&self, connection: &Connection, message: ClientMessage) {
        let _ = self.events.send(Event::Received(message.clone()));
        let ClientMessage::Invocation { invocation_id, target, arguments, .. } = message else { return };
        match target.as_str() {
            "Echo" => {
                let result = Outcome::Result(arguments.into());
                let _ = connection.send(&ServerMessage::completion(invocation_id.unwrap_or_default(), result));
            }
            // Asks the client within the call.
            "Ask" => {
                let arguments = Arguments::serialize(&["within"]).expect("text");
                let outcome = match connection.invoke("Question", arguments).await {
                    Ok(answer) => Outcome::Result(answer),
                    Err(error) => Outcome::Error(error.to_string()),
                };
                let _ = connection.send(&ServerMessage::completion(invocation_id.unwrap_or_default(), outcome));
            }
            "Wait" => self.permits.acquire().await.expect("never closed").forget(),
            "Panic" => panic!("a hub that panics"),
            _ => {}
        }
    }

    async fn disconnected(&self, connection: &Connection, reason: &Disconnect) {
        let _ = self.events.send(Event::Disconnected(connection.clone(), reason.clone()));
    }
}

pub(crate) struct Server {
    pub(crate) address: SocketAddr,
    pub(crate) clients: Clients,
    pub(crate) hub: Arc<TestHub>,
    pub(crate) endpoint: Endpoint,
    pub(crate) shutdown: CancellationToken,
    events: Mutex<mpsc::UnboundedReceiver<Event>>,
}

/// Fails a test that would otherwise hang.
pub(crate) async fn soon<T>(future: impl Future<Output = T>) -> T {
    tokio::time::timeout(Duration::from_secs(10), future).await.expect("it did not happen within 10 s")
}

/// A client of any HTTP.
pub(crate) fn http() -> reqwest::Client {
    reqwest::Client::builder().no_proxy().build().expect("a client")
}

pub(crate) async fn request(method: Method, url: String) -> Response {
    soon(http().request(method, url).send()).await.expect("an answer")
}

pub(crate) async fn negotiate(server: &Server, query: &str) -> Value {
    let response = request(Method::POST, server.http(&format!("/negotiate{query}"))).await;
    assert_eq!(response.status(), StatusCode::OK);
    assert_eq!(response.headers()["content-type"], "application/json");
    let length = response.headers()["content-length"].clone();
    let body = response.text().await.expect("a body of UTF-8");
    assert_eq!(length, body.len().to_string());
    serde_json::from_str(&body).expect("a body of JSON")
}

pub(crate) fn text<'v>(answer: &'v Value, key: &str) -> &'v str {
    answer[key].as_str().unwrap_or_else(|| panic!("`{key}` is not a string in {answer}"))
}

impl Server {
    pub(crate) async fn start(options: ServerOptions) -> Self {
        let (events, received) = mpsc::unbounded_channel();
        let clients = Clients::default();
        let hub = Arc::new(TestHub { clients: clients.clone(), permits: Semaphore::new(0), events });
        let shutdown = CancellationToken::new();
        let endpoint = Endpoint::new(Arc::clone(&hub), options, shutdown.clone());
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let address = listener.local_addr().expect("a bound listener");
        let app = axum::Router::new().nest("/chat", endpoint.router());
        tokio::spawn(async move { axum::serve(listener, app).await });
        Self { address, clients, hub, endpoint, shutdown, events: Mutex::new(received) }
    }

    pub(crate) fn http(&self, path: &str) -> String {
        format!("http://{}/chat{path}", self.address)
    }

    /// The next thing that the hub was told.
    #[expect(clippy::await_holding_lock, reason = "each test waits for events in one place at a time")]
    pub(crate) async fn event(&self) -> Event {
        let mut events = self.events.lock().expect("no test panics while it waits");
        soon(events.recv()).await.expect("the hub lives as long as the server")
    }

    pub(crate) async fn connected(&self) -> Connection {
        match self.event().await {
            Event::Connected(connection) => connection,
            other => panic!("not connected: {other:?}"),
        }
    }

    pub(crate) async fn received(&self) -> ClientMessage {
        match self.event().await {
            Event::Received(message) => message,
            other => panic!("not received: {other:?}"),
        }
    }

    pub(crate) async fn disconnected(&self) -> Disconnect {
        match self.event().await {
            Event::Disconnected(_, reason) => reason,
            other => panic!("not disconnected: {other:?}"),
        }
    }

    /// A client that is through the handshake, and its connection.
    pub(crate) async fn join(&self, query: &str) -> (Client, Connection) {
        let mut client = Client::open(self, query).await;
        client.shake_hands().await;
        (client, self.connected().await)
    }
}

/// A client that sends by POST, with the query that every request of it carries.
pub(crate) struct Poster {
    pub(crate) http: reqwest::Client,
    pub(crate) url: String,
}

pub(crate) const HANDSHAKE: &str = r#"{"protocol":"json","version":1}"#;

impl Poster {
    /// Negotiated, and without a transport.
    pub(crate) async fn negotiate(server: &Server, query: &str) -> Self {
        let answer = negotiate(server, "?negotiateVersion=1").await;
        Self::to(server, &format!("{}{query}", text(&answer, "connectionToken")))
    }

    pub(crate) fn to(server: &Server, token_and_query: &str) -> Self {
        Self { http: http(), url: server.http(&format!("?id={token_and_query}")) }
    }

    pub(crate) async fn get(&self, accept: &str) -> Response {
        soon(self.http.get(&self.url).header("accept", accept).send()).await.expect("an answer")
    }

    /// Sends a body as it is and expects it to be taken.
    pub(crate) async fn post(&self, body: impl Into<reqwest::Body>) {
        let answer = self.try_post(body).await;
        assert_eq!(answer.status(), StatusCode::OK);
        assert_eq!(answer.headers()["content-type"], "text/plain");
        assert_eq!(answer.text().await.expect("a body"), "");
    }

    pub(crate) async fn try_post(&self, body: impl Into<reqwest::Body>) -> Response {
        soon(self.http.post(&self.url).body(body).send()).await.expect("an answer")
    }

    pub(crate) async fn send(&self, message: &str) {
        self.post(format!("{message}{RS}")).await;
    }

    pub(crate) async fn delete(&self) -> Response {
        request(Method::DELETE, self.url.clone()).await
    }
}

/// The status and the body of an answer of `text/plain`.
pub(crate) async fn plain(answer: Response) -> (u16, String) {
    assert_eq!(answer.headers()["content-type"], "text/plain");
    (answer.status().as_u16(), answer.text().await.expect("a body"))
}

pub(crate) struct Client {
    socket: WebSocketStream<TcpStream>,
    /// Hub messages that came together with another one.
    pending: Vec<String>,
}

pub(crate) const RS: char = '\u{1e}';

impl Client {
    /// Opens a WebSocket without an id.
    pub(crate) async fn open(server: &Server, query: &str) -> Self {
        Self::try_open(server, query).await.expect("a WebSocket")
    }

    /// The status instead of 101.
    pub(crate) async fn try_open(server: &Server, query: &str) -> Result<Self, (StatusCode, String)> {
        Self::over(TcpStream::connect(server.address).await.expect("a listener"), server, query).await
    }

    /// A client whose receive buffer is as small as the system lets it be.
    pub(crate) async fn narrow(server: &Server) -> Self {
        let socket = TcpSocket::new_v4().expect("a socket");
        socket.set_recv_buffer_size(1024).expect("a small buffer");
        let stream = socket.connect(server.address).await.expect("a listener");
        let mut client = Self::over(stream, server, "").await.expect("a WebSocket");
        client.shake_hands().await;
        client
    }

    async fn over(stream: TcpStream, server: &Server, query: &str) -> Result<Self, (StatusCode, String)> {
        use tokio_tungstenite::tungstenite::Error;
        let url = format!("ws://{}/chat{query}", server.address);
        match soon(client_async(url, stream)).await {
            Ok((socket, _)) => Ok(Self { socket, pending: Vec::new() }),
            Err(Error::Http(response)) => {
                let body = response.body().as_deref().unwrap_or_default();
                Err((response.status(), String::from_utf8_lossy(body).into_owned()))
            }
            Err(error) => panic!("no WebSocket: {error}"),
        }
    }

    /// The raw socket behind the WebSocket, for frames that no client should write.
    pub(crate) fn into_stream(self) -> TcpStream {
        self.socket.into_inner()
    }

    pub(crate) async fn shake_hands(&mut self) {
        self.send(r#"{"protocol":"json","version":1}"#).await;
        assert_eq!(self.next().await, "{}");
    }

    /// Sends one hub message.
    pub(crate) async fn send(&mut self, message: &str) {
        self.send_frame(Message::text(format!("{message}{RS}"))).await;
    }

    pub(crate) async fn send_frame(&mut self, frame: Message) {
        soon(self.socket.send(frame)).await.expect("an open socket");
    }

    pub(crate) async fn next_frame(&mut self) -> Option<Message> {
        soon(self.socket.next()).await?.ok()
    }

    /// The next hub message without its separator. Pings are passed over.
    pub(crate) async fn next(&mut self) -> String {
        loop {
            let message = self.next_or_ping().await;
            if message != PING {
                return message;
            }
        }
    }

    /// The next hub message without its separator, Pings included.
    pub(crate) async fn next_or_ping(&mut self) -> String {
        while self.pending.is_empty() {
            match self.next_frame().await {
                Some(Message::Text(text)) => {
                    let messages = text.strip_suffix(RS).expect("whole messages").split(RS);
                    self.pending = messages.map(str::to_owned).collect();
                }
                Some(Message::Pong(_)) => {}
                other => panic!("not a hub message: {other:?}"),
            }
        }
        self.pending.remove(0)
    }

    /// The code of the Close frame that comes next.
    pub(crate) async fn close_code(&mut self) -> u16 {
        match self.next_frame().await {
            Some(Message::Close(Some(frame))) => frame.code.into(),
            other => panic!("not a Close frame with a code: {other:?}"),
        }
    }

    /// Reads a Close frame and then the end of the stream.
    pub(crate) async fn is_closed_with(&mut self, code: CloseCode) {
        assert_eq!(self.close_code().await, u16::from(code));
        assert!(self.next_frame().await.is_none(), "something came behind the Close frame");
    }
}

pub(crate) const PING: &str = r#"{"type":6}"#;
