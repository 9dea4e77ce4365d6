//! Server-Sent Events, byte for byte (signalr-protocol 3.3, 3.5).

use std::time::Duration;

use futures_util::{StreamExt, stream};
use http::StatusCode;
use reqwest::Response;
use signalr_server::{
    Arguments, ClientMessage, Connection, Disconnect, Payload, Reconnect, ServerMessage, ServerOptions, Transport,
};

use crate::harness::{Client, HANDSHAKE, PING, Poster, RS, Server, http, plain, soon};

const EVENTS: &str = "text/event-stream";

/// A client whose stream is open.
struct Subscriber {
    poster: Poster,
    stream: Response,
    unread: String,
}

impl Subscriber {
    /// Negotiated and subscribed; nothing is read yet.
    async fn open(server: &Server, query: &str) -> Self {
        let poster = Poster::negotiate(server, query).await;
        let stream = poster.get(EVENTS).await;
        assert_eq!(stream.status(), StatusCode::OK);
        Self { poster, stream, unread: String::new() }
    }

    async fn join(server: &Server, query: &str) -> (Self, Connection) {
        let mut subscriber = Self::open(server, query).await;
        assert_eq!(subscriber.bytes(3).await, ":\r\n");
        subscriber.poster.send(HANDSHAKE).await;
        assert_eq!(subscriber.next().await, "{}");
        (subscriber, server.connected().await)
    }

    async fn read(&mut self) -> bool {
        let chunk = soon(self.stream.chunk()).await.expect("a stream that is not broken");
        let Some(chunk) = chunk else { return false };
        self.unread.push_str(std::str::from_utf8(&chunk).expect("whole characters"));
        true
    }

    async fn bytes(&mut self, count: usize) -> String {
        while self.unread.len() < count {
            assert!(self.read().await, "the stream ends with {:?}", self.unread);
        }
        let rest = self.unread.split_off(count);
        std::mem::replace(&mut self.unread, rest)
    }

    /// The message of the next event, Pings included.
    async fn next(&mut self) -> String {
        while !self.unread.contains("\r\n\r\n") {
            assert!(self.read().await, "the stream ends with {:?}", self.unread);
        }
        let end = self.unread.find("\r\n\r\n").expect("an event");
        let event = self.bytes(end + 4).await;
        let lines = event.trim_end_matches("\r\n").split("\r\n");
        let data: Vec<&str> = lines.map(|line| line.strip_prefix("data: ").expect("a line of data")).collect();
        data.join("\n").strip_suffix(RS).expect("a whole message").to_owned()
    }

    async fn is_over(&mut self) {
        while self.read().await {}
        assert_eq!(self.unread, "");
    }
}

fn message(target: &str) -> ServerMessage {
    ServerMessage::invocation(target, Arguments::none())
}

#[tokio::test]
async fn the_stream_has_its_headers_and_begins_before_anything_happens() {
    let server = Server::start(ServerOptions::default()).await;
    let mut subscriber = Subscriber::open(&server, "").await;
    for (name, value) in [
        ("content-type", "text/event-stream"),
        ("cache-control", "no-cache,no-store"),
        ("pragma", "no-cache"),
        ("content-encoding", "identity"),
    ] {
        assert_eq!(subscriber.stream.headers()[name], value);
    }
    assert_eq!(subscriber.bytes(3).await, ":\r\n");
    subscriber.poster.send(HANDSHAKE).await;
    assert_eq!(subscriber.bytes(13).await, format!("data: {{}}{RS}\r\n\r\n"));
    let connection = server.connected().await;
    assert_eq!(connection.transport(), Transport::ServerSentEvents);
    let json = r#"{"type":1,"target":"a","arguments":[]}"#;
    connection.send(&message("a")).unwrap();
    assert_eq!(subscriber.bytes(json.len() + 11).await, format!("data: {json}{RS}\r\n\r\n"));
}

#[tokio::test]
async fn whatever_accepts_an_event_stream_gets_one() {
    let server = Server::start(ServerOptions::default()).await;
    for accept in ["text/event-stream", "application/json, TEXT/Event-Stream;q=0.9"] {
        let stream = Poster::negotiate(&server, "").await.get(accept).await;
        assert_eq!(stream.headers()["content-type"], "text/event-stream");
    }
    let poll = Poster::negotiate(&server, "").await.get("text/*").await;
    assert_eq!(poll.headers()["content-type"], "application/octet-stream");
}

#[tokio::test]
async fn a_post_holds_any_number_of_messages_and_parts_of_them() {
    let server = Server::start(ServerOptions::default()).await;
    let (mut subscriber, _) = Subscriber::join(&server, "").await;
    let echo = |id: u32| format!(r#"{{"type":1,"invocationId":"{id}","target":"Echo","arguments":[{id}]}}{RS}"#);
    let all = format!("{PING}{RS}{}{}{}", echo(1), echo(2), echo(3));
    let (first, second) = all.split_at(all.len() - 20);
    subscriber.poster.post(first.to_owned()).await;
    subscriber.poster.post("").await;
    subscriber.poster.post(second.to_owned()).await;
    for id in 1..=3 {
        assert_eq!(subscriber.next().await, format!(r#"{{"type":3,"invocationId":"{id}","result":[{id}]}}"#));
    }
}

#[tokio::test]
async fn posts_at_the_same_time_do_not_mix() {
    let server = Server::start(ServerOptions::default()).await;
    let (subscriber, _) = Subscriber::join(&server, "").await;
    let (pieces, body) = tokio::sync::mpsc::channel::<&'static str>(1);
    let body = stream::unfold(body, |mut body| async { Some((Ok::<_, std::io::Error>(body.recv().await?), body)) });
    let slow = subscriber.poster.http.post(&subscriber.poster.url).body(reqwest::Body::wrap_stream(body.boxed()));
    let slow = tokio::spawn(slow.send());
    // The first piece holds a whole message, whose arrival shows that the body is being read.
    pieces.send("{\"type\":1,\"target\":\"first\",\"arguments\":[]}\u{1e}{\"type\":1,\"target\"").await.unwrap();
    assert!(matches!(server.received().await, ClientMessage::Invocation { target, .. } if target == "first"));
    let other = subscriber.poster.http.post(&subscriber.poster.url);
    let other = other.body(format!(r#"{{"type":1,"target":"other","arguments":[]}}{RS}"#));
    let other = tokio::spawn(other.send());
    pieces.send(":\"second\",\"arguments\":[]}\u{1e}").await.unwrap();
    drop(pieces);
    for expected in ["second", "other"] {
        assert!(matches!(server.received().await, ClientMessage::Invocation { target, .. } if target == expected));
    }
    for answer in [slow, other] {
        assert_eq!(soon(answer).await.unwrap().unwrap().status(), StatusCode::OK);
    }
}

#[tokio::test]
async fn a_post_that_is_too_large_is_refused_and_the_connection_goes_on() {
    let server = Server::start(ServerOptions { maximum_post_size: 1000, ..Default::default() }).await;
    let (subscriber, _) = Subscriber::join(&server, "").await;
    let refused = subscriber.poster.try_post("x".repeat(1001)).await;
    assert_eq!(plain(refused).await, (413, "A request has at most 1000 bytes.".to_owned()));
    subscriber.poster.send(r#"{"type":1,"target":"after","arguments":[]}"#).await;
    assert!(matches!(server.received().await, ClientMessage::Invocation { target, .. } if target == "after"));
}

#[tokio::test]
async fn a_post_of_which_only_a_part_was_taken_ends_the_connection() {
    let server = Server::start(ServerOptions { maximum_post_size: 1000, ..Default::default() }).await;
    let (mut subscriber, _) = Subscriber::join(&server, "").await;
    let endless = stream::iter(std::iter::repeat_with(|| Ok::<_, std::io::Error>(" ".repeat(400))));
    let refused = subscriber.poster.http.post(&subscriber.poster.url).body(reqwest::Body::wrap_stream(endless));
    // The server may close before it has read what the client goes on writing.
    if let Ok(refused) = soon(refused.send()).await {
        assert_eq!(refused.status(), StatusCode::PAYLOAD_TOO_LARGE);
    }
    let expected = r#"{"type":7,"error":"Connection closed with an error.","allowReconnect":true}"#;
    assert_eq!(subscriber.next().await, expected);
    subscriber.is_over().await;
    assert_eq!(server.disconnected().await, Disconnect::ProtocolError("a request was not taken as a whole"));
}

#[tokio::test]
async fn a_message_that_is_too_large_ends_the_connection() {
    let server = Server::start(ServerOptions { maximum_message_size: Some(100), ..Default::default() }).await;
    let (mut subscriber, _) = Subscriber::join(&server, "").await;
    subscriber.poster.send(&"x".repeat(101)).await;
    assert_eq!(subscriber.next().await, r#"{"type":7,"error":"Connection closed with an error."}"#);
    subscriber.is_over().await;
    assert_eq!(server.disconnected().await, Disconnect::ProtocolError("a message is too large"));
}

#[tokio::test]
async fn messagepack_is_refused_at_the_handshake() {
    let server = Server::start(ServerOptions::default()).await;
    let mut subscriber = Subscriber::open(&server, "").await;
    subscriber.bytes(3).await;
    subscriber.poster.send(r#"{"protocol":"messagepack","version":1}"#).await;
    let error = "Cannot use the 'messagepack' protocol on the current transport. \
                 The transport does not support 'Binary' transfer format.";
    assert_eq!(subscriber.next().await, format!(r#"{{"error":"{error}"}}"#));
    subscriber.is_over().await;
}

#[tokio::test]
async fn statuses_are_those_of_the_table() {
    let server = Server::start(ServerOptions::default()).await;
    let no_id = soon(http().get(server.http("")).header("accept", EVENTS).send()).await.unwrap();
    assert_eq!(plain(no_id).await, (400, "Connection ID required".to_owned()));
    let unknown = (404, "No Connection with that ID".to_owned());
    assert_eq!(plain(Poster::to(&server, "nobody").get(EVENTS).await).await, unknown);
    let (subscriber, _) = Subscriber::join(&server, "").await;
    let poster = &subscriber.poster;
    assert_eq!(plain(poster.get(EVENTS).await).await, (409, String::new()));
    let other = (400, "Cannot change transports mid-connection".to_owned());
    assert_eq!(plain(poster.get("*/*").await).await, other);
    let query = poster.url.split_once('?').unwrap().1;
    let upgrade = Client::try_open(&server, &format!("?{query}")).await.err().unwrap();
    assert_eq!(upgrade, (StatusCode::BAD_REQUEST, other.1));
    let delete = (400, "Cannot terminate this connection using the DELETE endpoint.".to_owned());
    assert_eq!(plain(poster.delete().await).await, delete);
    poster.send(r#"{"type":1,"target":"still there","arguments":[]}"#).await;
    server.received().await;
    drop(subscriber.stream);
    assert_eq!(server.disconnected().await, Disconnect::TransportLost);
    assert_eq!(plain(poster.try_post("x").await).await, unknown);
    assert_eq!(plain(poster.delete().await).await, unknown);
}

#[tokio::test]
async fn every_post_is_admitted_and_only_on_behalf_of_the_same_user() {
    let server = Server::start(ServerOptions::default()).await;
    let (subscriber, _) = Subscriber::join(&server, "&user=ada").await;
    let poster = &subscriber.poster;
    let expired = Poster { http: http(), url: format!("{}&refuse=1", poster.url) };
    assert_eq!(expired.try_post("{").await.status(), StatusCode::UNAUTHORIZED);
    for url in [poster.url.replace("ada", "grace"), poster.url.replace("&user=ada", "")] {
        let other = Poster { http: http(), url };
        let unknown = (404, "No Connection with that ID".to_owned());
        assert_eq!(plain(other.try_post("{").await).await, unknown);
        assert_eq!(plain(other.get(EVENTS).await).await, unknown);
        assert_eq!(plain(other.delete().await).await, unknown);
    }
    poster.send(r#"{"type":1,"target":"ada","arguments":[]}"#).await;
    assert!(matches!(server.received().await, ClientMessage::Invocation { target, .. } if target == "ada"));
}

#[tokio::test]
async fn the_close_message_of_a_client_ends_the_stream() {
    let server = Server::start(ServerOptions::default()).await;
    let (mut subscriber, _) = Subscriber::join(&server, "").await;
    subscriber.poster.send(r#"{"type":7}"#).await;
    subscriber.is_over().await;
    assert_eq!(server.disconnected().await, Disconnect::ClientClosed { error: None });
    assert_eq!((server.clients.len(), server.endpoint.connections()), (0, 0));
}

#[tokio::test]
async fn a_server_that_closes_says_so_and_ends_the_stream() {
    let server = Server::start(ServerOptions::default()).await;
    let (mut subscriber, connection) = Subscriber::join(&server, "").await;
    connection.send(&message("last")).unwrap();
    connection.close(Some("bye"), Reconnect::Allowed);
    assert_eq!(subscriber.next().await, r#"{"type":1,"target":"last","arguments":[]}"#);
    assert_eq!(subscriber.next().await, r#"{"type":7,"error":"bye","allowReconnect":true}"#);
    subscriber.is_over().await;
    assert_eq!(server.disconnected().await, Disconnect::Closed { error: Some("bye".to_owned()) });
    let (mut subscriber, connection) = Subscriber::join(&server, "").await;
    connection.abort();
    subscriber.is_over().await;
    assert_eq!(server.disconnected().await, Disconnect::Aborted);
}

#[tokio::test]
async fn a_connection_that_is_cut_breaks_its_stream() {
    let server = Server::start(ServerOptions::default()).await;
    let poster = Poster::negotiate(&server, "").await;
    let stream = poster.get("text/event-stream").await;
    poster.send(HANDSHAKE).await;
    server.connected().await.cut();
    assert!(soon(stream.bytes()).await.is_err(), "it has no end");
    assert_eq!(server.disconnected().await, Disconnect::TransportLost);
}

#[tokio::test]
async fn a_shutdown_closes_streams() {
    let server = Server::start(ServerOptions::default()).await;
    let (mut subscriber, _) = Subscriber::join(&server, "").await;
    server.shutdown.cancel();
    assert_eq!(subscriber.next().await, r#"{"type":7,"allowReconnect":true}"#);
    subscriber.is_over().await;
    soon(server.endpoint.drained()).await;
    assert_eq!(server.disconnected().await, Disconnect::Shutdown);
}

#[tokio::test]
async fn a_large_message_and_many_small_ones_arrive_whole_and_in_order() {
    let server = Server::start(ServerOptions::default()).await;
    let (mut subscriber, connection) = Subscriber::join(&server, "").await;
    let large = "x".repeat(200_000);
    for target in [large.as_str(), "small", "small"].iter().cycle().take(12) {
        connection.send(&message(target)).unwrap();
    }
    for target in [large.as_str(), "small", "small"].iter().cycle().take(12) {
        assert_eq!(subscriber.next().await, format!(r#"{{"type":1,"target":"{target}","arguments":[]}}"#));
    }
    let value = serde_json::value::RawValue::from_string("{\"a\":\n1}".to_owned()).unwrap();
    connection.send(&ServerMessage::stream_item("1", Payload::from_json(value))).unwrap();
    assert_eq!(subscriber.next().await, "{\"type\":2,\"invocationId\":\"1\",\"item\":{\"a\":\n1}}");
}

#[tokio::test]
async fn streams_have_pings_and_the_timeout_of_silence() {
    let short = Duration::from_millis(100);
    let options = ServerOptions { keep_alive_interval: short, client_timeout: short * 5, ..Default::default() };
    let server = Server::start(options).await;
    let (mut subscriber, _) = Subscriber::join(&server, "").await;
    assert_eq!(subscriber.next().await, PING);
    subscriber.poster.send(PING).await;
    let close = loop {
        let next = subscriber.next().await;
        if next != PING {
            break next;
        }
    };
    assert_eq!(close, r#"{"type":7,"error":"Connection closed with an error.","allowReconnect":true}"#);
    subscriber.is_over().await;
    assert_eq!(server.disconnected().await, Disconnect::ClientTimeout);
}

#[tokio::test]
async fn a_handshake_that_does_not_come_is_canceled() {
    let server = Server::start(ServerOptions::default()).await;
    let mut subscriber = Subscriber::open(&server, "&handshake=50").await;
    subscriber.bytes(3).await;
    assert_eq!(subscriber.next().await, r#"{"error":"Handshake was canceled."}"#);
    subscriber.is_over().await;
}

#[tokio::test]
async fn a_client_that_never_reads_is_closed() {
    let options =
        ServerOptions { queue_limit: 64 * 1024, close_grace: Duration::from_millis(100), ..Default::default() };
    let server = Server::start(options).await;
    let (stalled, connection) = Subscriber::join(&server, "").await;
    let text = "x".repeat(32 * 1024);
    // Every one of these fits if the client reads: what does not fit shows that the queue has an end.
    let mut sent = 0;
    while connection.send(&message(&text)).is_ok() {
        sent += 1;
        assert!(sent < 4096, "the queue of a client that never reads has no end");
        tokio::task::yield_now().await;
    }
    assert_eq!(server.disconnected().await, Disconnect::QueueFull);
    assert_eq!(server.endpoint.connections(), 0);
    drop(stalled);
}

#[tokio::test]
async fn a_client_that_takes_nothing_for_too_long_is_dropped() {
    let options =
        ServerOptions { send_timeout: Duration::from_millis(100), queue_limit: 64 * 1024 * 1024, ..Default::default() };
    let server = Server::start(options).await;
    let (_stalled, connection) = Subscriber::join(&server, "").await;
    for _ in 0..32 {
        connection.send(&message(&"x".repeat(1024 * 1024))).unwrap();
    }
    assert_eq!(server.disconnected().await, Disconnect::Stalled);
}
