//! Connections to the handler: they are kept, and one that the handler has closed meanwhile costs no call.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use functions_host::host::WorkerSource;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;

use crate::harness::{Running, TestApp, http, listener};

const ANSWER: &str = "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 33\r\n\r\n{\"Outputs\":{\"res\":{\"body\":\"ok\"}}}";

/// What the handler does after its answer.
#[derive(Clone, Copy, PartialEq, Eq)]
enum After {
    GoesOn,
    Closes,
}

/// A handler made of sockets: it counts connections and calls, and tells of each that is over.
struct Handler {
    host: Running,
    connections: Arc<AtomicUsize>,
    calls: Arc<AtomicUsize>,
    over: mpsc::UnboundedReceiver<()>,
}

impl Handler {
    async fn start(after: After) -> Handler {
        let (listener, (told, over)) = (listener().await, mpsc::unbounded_channel());
        let address = listener.local_addr().unwrap();
        let (connections, calls) = (Arc::<AtomicUsize>::default(), Arc::<AtomicUsize>::default());
        tokio::spawn(accept(listener, after, Arc::clone(&connections), Arc::clone(&calls), told));
        let app = TestApp::new().function("f", &http());
        let host = app.start_on(crate::harness::listener().await, WorkerSource::Attached(address), |_| {}).await;
        Handler { host, connections, calls, over }
    }

    fn counts(&self) -> (usize, usize) {
        (self.connections.load(Ordering::SeqCst), self.calls.load(Ordering::SeqCst))
    }
}

async fn accept(
    listener: TcpListener,
    after: After,
    connections: Arc<AtomicUsize>,
    calls: Arc<AtomicUsize>,
    told: mpsc::UnboundedSender<()>,
) {
    loop {
        let (mut stream, _) = listener.accept().await.unwrap();
        connections.fetch_add(1, Ordering::SeqCst);
        let (calls, told) = (Arc::clone(&calls), told.clone());
        tokio::spawn(async move {
            while read_request(&mut stream).await {
                calls.fetch_add(1, Ordering::SeqCst);
                stream.write_all(ANSWER.as_bytes()).await.unwrap();
                if after == After::Closes {
                    break;
                }
            }
            drop(stream);
            let _ = told.send(());
        });
    }
}

/// Reads a request to its end, which its length tells; false when there is none.
async fn read_request(stream: &mut TcpStream) -> bool {
    let mut request = Vec::new();
    loop {
        if let Some(head) = request.windows(4).position(|window| window == b"\r\n\r\n") {
            let text = String::from_utf8_lossy(&request[..head]).to_lowercase();
            let length = text.split("content-length: ").nth(1).and_then(|rest| rest.lines().next());
            if request.len() >= head + 4 + length.map_or(0, |length| length.parse::<usize>().unwrap()) {
                return true;
            }
        }
        if stream.read_buf(&mut request).await.unwrap_or_default() == 0 {
            return false;
        }
    }
}

#[tokio::test]
async fn calls_one_after_another_share_a_connection() {
    let handler = Handler::start(After::GoesOn).await;
    for _ in 0..20 {
        assert_eq!(handler.host.post("/api/f", "x").await.text().await.unwrap(), "ok");
    }
    assert_eq!(handler.counts(), (1, 20));
}

#[tokio::test]
async fn a_connection_that_the_handler_has_closed_costs_no_call_and_no_call_is_made_twice() {
    let mut handler = Handler::start(After::Closes).await;
    for _ in 0..20 {
        assert_eq!(handler.host.post("/api/f", "x").await.text().await.unwrap(), "ok");
        handler.over.recv().await.unwrap();
    }
    assert_eq!(handler.counts(), (20, 20));
}

#[tokio::test]
async fn calls_at_the_same_time_have_connections_of_their_own() {
    let handler = Handler::start(After::GoesOn).await;
    let calls = (0..8).map(|_| handler.host.post("/api/f", "x"));
    for response in futures_util::future::join_all(calls).await {
        assert_eq!(response.status(), 200);
    }
    let (connections, calls) = handler.counts();
    assert!((1..=8).contains(&connections) && calls == 8, "{connections} connections, {calls} calls");
}
