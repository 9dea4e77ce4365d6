//! A hub that is nothing but methods, and a WebSocket client of it.

use std::sync::Arc;
use std::time::Duration;

use futures_util::{SinkExt, StreamExt};
use serde_json::{Value, json};
use signalr_server::service::Methods;
use signalr_server::{
    Admission, ClientMessage, ClientRequest, Clients, Connection, Hub, Refusal, ServerOptions, router,
};
use tokio::net::{TcpListener, TcpStream};
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::{WebSocketStream, client_async};
use tokio_util::sync::{CancellationToken, DropGuard};

const DEADLINE: Duration = Duration::from_secs(10);
const RS: char = '\u{1e}';

struct MethodHub {
    clients: Clients,
    methods: Methods,
}

impl Hub for MethodHub {
    async fn admit(&self, _: &ClientRequest<'_>) -> Result<Admission, Refusal> {
        Ok(Admission::to(self.clients.clone()))
    }

    async fn received(&self, connection: &Connection, message: ClientMessage) {
        self.methods.receive(connection, message).await;
    }
}

/// A server with these methods, which lasts as long as the guard, and a client of it.
pub(crate) async fn serve(methods: Methods) -> (DropGuard, Client) {
    let shutdown = CancellationToken::new();
    let hub = Arc::new(MethodHub { clients: Clients::default(), methods });
    let app = router(hub, ServerOptions::default(), shutdown.clone());
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let address = listener.local_addr().expect("a bound listener");
    tokio::spawn(async move { axum::serve(listener, app).await });
    let stream = TcpStream::connect(address).await.expect("a listener");
    let (socket, _) = client_async(format!("ws://{address}/"), stream).await.expect("a WebSocket");
    let mut client = Client { socket, pending: Vec::new() };
    client.send(json!({"protocol": "json", "version": 1})).await;
    assert_eq!(client.next().await, json!({}));
    (shutdown.drop_guard(), client)
}

pub(crate) struct Client {
    socket: WebSocketStream<TcpStream>,
    /// Messages that came together with another one, the last one first.
    pending: Vec<Value>,
}

impl Client {
    pub(crate) async fn invoke(&mut self, id: &str, target: &str, arguments: Value) {
        self.send(json!({"type": 1, "invocationId": id, "target": target, "arguments": arguments})).await;
    }

    pub(crate) async fn stream(&mut self, id: &str, target: &str, arguments: Value) {
        self.send(json!({"type": 4, "invocationId": id, "target": target, "arguments": arguments})).await;
    }

    pub(crate) async fn send(&mut self, message: Value) {
        self.socket.send(Message::text(format!("{message}{RS}"))).await.expect("an open socket");
    }

    /// The next hub message.
    pub(crate) async fn next(&mut self) -> Value {
        tokio::time::timeout(DEADLINE, self.receive()).await.expect("no message came")
    }

    /// Whether nothing comes for a while.
    pub(crate) async fn is_silent_for(&mut self, duration: Duration) -> bool {
        tokio::time::timeout(duration, self.receive()).await.is_err()
    }

    async fn receive(&mut self) -> Value {
        while self.pending.is_empty() {
            let Some(Ok(Message::Text(text))) = self.socket.next().await else { panic!("not a hub message") };
            let messages = text.split_terminator(RS).rev();
            self.pending = messages.map(|message| serde_json::from_str(message).expect("JSON")).collect();
        }
        self.pending.pop().expect("there is one")
    }
}
