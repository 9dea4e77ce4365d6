//! A raw connection that sends back what it gets: negotiate and the three transports without a hub protocol, as clients
//! test the layer below their hubs (signalr-protocol 3).
//!
//! A browser that sends no cookie gets nothing back: that is how a suite sees that `withCredentials: false` works.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::{Request, State};
use axum::response::{IntoResponse, Response};
use axum::routing::{any, post};
use futures_util::{SinkExt, StreamExt, stream};
use http::{HeaderMap, HeaderValue, Method, StatusCode, header};
use hyper::upgrade::{OnUpgrade, Upgraded};
use hyper_util::rt::TokioIo;
use serde_json::json;
use signalr_server::Query;
use tokio::io::AsyncWriteExt;
use tokio::sync::mpsc;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::handshake::derive_accept_key;
use tokio_tungstenite::tungstenite::{Message, protocol::Role};

/// Bodies that wait for the client; further ones wait with their POST.
const CAPACITY: usize = 16;
/// The largest body of a POST.
const LARGEST: usize = 1024 * 1024;

/// The connections of clients that send by POST, by token.
type Lines = Arc<Mutex<HashMap<String, Line>>>;

/// What is sent by POST goes in at one end and comes out at the other.
#[derive(Clone)]
struct Line {
    sender: mpsc::Sender<Bytes>,
    receiver: Arc<tokio::sync::Mutex<mpsc::Receiver<Bytes>>>,
}

pub(crate) fn router() -> Router {
    let lines = Lines::default();
    Router::new().route("/negotiate", post(negotiate)).route("/", any(connect)).with_state(lines)
}

async fn negotiate() -> Response {
    let transport = |name: &str, formats: &[&str]| json!({ "transport": name, "transferFormats": formats });
    let answer = json!({
        "negotiateVersion": 1,
        "connectionId": uuid::Uuid::new_v4(),
        "connectionToken": uuid::Uuid::new_v4(),
        "availableTransports": [
            transport("WebSockets", &["Text", "Binary"]),
            transport("ServerSentEvents", &["Text"]),
            transport("LongPolling", &["Text", "Binary"]),
        ],
    });
    axum::Json(answer).into_response()
}

async fn connect(State(lines): State<Lines>, request: Request) -> Response {
    let query = Query::parse(request.uri().query());
    let headers = request.headers();
    if headers.contains_key(header::UPGRADE) {
        return web_socket(request);
    }
    let Some(token) = query.first("id").map(str::to_owned) else {
        return (StatusCode::BAD_REQUEST, "Connection ID required").into_response();
    };
    let line = lock(&lines).get(&token).cloned();
    let is_event_stream = headers.get(header::ACCEPT).is_some_and(|accept| accept == "text/event-stream");
    match (request.method(), line) {
        (&Method::GET, None) if is_event_stream => events(&lines, &token, headers),
        (&Method::GET, None) => {
            lock(&lines).insert(token, Line::new(headers));
            octets(Bytes::new())
        }
        (&Method::GET, Some(line)) => poll(&line).await,
        (&Method::POST, Some(line)) => receive(&line, request).await,
        (&Method::DELETE, Some(line)) => {
            lock(&lines).remove(&token);
            line.end().await;
            StatusCode::ACCEPTED.into_response()
        }
        (&Method::POST | &Method::DELETE, None) => {
            (StatusCode::NOT_FOUND, "No Connection with that ID").into_response()
        }
        _ => StatusCode::METHOD_NOT_ALLOWED.into_response(),
    }
}

/// A panic elsewhere leaves the table as good as it was.
fn lock(lines: &Lines) -> std::sync::MutexGuard<'_, HashMap<String, Line>> {
    lines.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Whether a page may have sent its cookies and did not.
fn is_without_credentials(headers: &HeaderMap) -> bool {
    let cookies = headers.get(header::COOKIE).and_then(|cookies| cookies.to_str().ok()).unwrap_or_default();
    headers.contains_key(header::ORIGIN) && !cookies.contains("testCookie=")
}

impl Line {
    fn new(headers: &HeaderMap) -> Self {
        let (sender, mut receiver) = mpsc::channel(CAPACITY);
        if is_without_credentials(headers) {
            receiver.close();
        }
        Self { sender, receiver: Arc::new(tokio::sync::Mutex::new(receiver)) }
    }

    /// Nothing more is echoed; an empty body stands for the end.
    async fn end(&self) {
        let _ = self.sender.send(Bytes::new()).await;
    }

    /// `None` at the end.
    async fn next(&self) -> Option<Bytes> {
        self.receiver.lock().await.recv().await.filter(|body| !body.is_empty())
    }
}

async fn receive(line: &Line, request: Request) -> Response {
    let Ok(body) = axum::body::to_bytes(request.into_body(), LARGEST).await else {
        return StatusCode::PAYLOAD_TOO_LARGE.into_response();
    };
    if !body.is_empty() {
        // A line that is closed echoes nothing.
        let _ = line.sender.send(body).await;
    }
    ([(header::CONTENT_TYPE, "text/plain")], "").into_response()
}

async fn poll(line: &Line) -> Response {
    match line.next().await {
        Some(body) => octets(body),
        None => StatusCode::NO_CONTENT.into_response(),
    }
}

fn octets(body: Bytes) -> Response {
    ([(header::CONTENT_TYPE, "application/octet-stream"), (header::CACHE_CONTROL, "no-cache, no-store")], body)
        .into_response()
}

/// Takes the line out of the table when its event stream ends.
struct Entry {
    lines: Lines,
    token: String,
}

impl Drop for Entry {
    fn drop(&mut self) {
        lock(&self.lines).remove(&self.token);
    }
}

fn events(lines: &Lines, token: &str, headers: &HeaderMap) -> Response {
    let line = Line::new(headers);
    lock(lines).insert(token.to_owned(), line.clone());
    let entry = Entry { lines: Arc::clone(lines), token: token.to_owned() };
    let echoes = stream::unfold((line, entry), async |(line, entry)| {
        let event = event(&line.next().await?);
        Some((event, (line, entry)))
    });
    let first = stream::once(async { Bytes::from_static(b":\r\n") });
    let body = Body::from_stream(first.chain(echoes).map(Ok::<_, std::convert::Infallible>));
    ([(header::CONTENT_TYPE, "text/event-stream"), (header::CACHE_CONTROL, "no-cache,no-store")], body).into_response()
}

/// Each line of the body is a `data` line.
fn event(body: &[u8]) -> Bytes {
    let mut event = Vec::with_capacity(body.len() + 10);
    for line in body.split(|byte| *byte == b'\n') {
        event.extend_from_slice(b"data: ");
        event.extend_from_slice(line.strip_suffix(b"\r").unwrap_or(line));
        event.extend_from_slice(b"\r\n");
    }
    event.extend_from_slice(b"\r\n");
    event.into()
}

fn web_socket(mut request: Request) -> Response {
    let upgrade = request.extensions_mut().remove::<OnUpgrade>();
    let key = request.headers().get(header::SEC_WEBSOCKET_KEY).map(|key| derive_accept_key(key.as_bytes()));
    let (Some(upgrade), Some(accept)) = (upgrade, key.and_then(|key| HeaderValue::try_from(key).ok())) else {
        return StatusCode::BAD_REQUEST.into_response();
    };
    if !is_without_credentials(request.headers()) {
        tokio::spawn(async {
            if let Ok(upgraded) = upgrade.await {
                echo(upgraded).await;
            }
        });
    }
    let mut response = StatusCode::SWITCHING_PROTOCOLS.into_response();
    let headers = response.headers_mut();
    headers.insert(header::CONNECTION, HeaderValue::from_static("upgrade"));
    headers.insert(header::UPGRADE, HeaderValue::from_static("websocket"));
    headers.insert(header::SEC_WEBSOCKET_ACCEPT, accept);
    response
}

async fn echo(upgraded: Upgraded) {
    let mut socket = WebSocketStream::from_raw_socket(TokioIo::new(upgraded), Role::Server, None).await;
    while let Some(Ok(message)) = socket.next().await {
        match message {
            Message::Ping(_) | Message::Pong(_) | Message::Frame(_) => {}
            Message::Close(_) => {
                // The answer to an empty Close frame has the code 1000 (signalr-protocol 3.2 item 4), not none.
                let mut stream = socket.into_inner();
                let _ = stream.write_all(&[0x88, 2, 0x03, 0xe8]).await;
                let _ = stream.shutdown().await;
                return;
            }
            Message::Text(_) | Message::Binary(_) => {
                let Ok(()) = socket.send(message).await else { return };
            }
        }
    }
}
