//! Stateful reconnect (signalr-protocol 7): the socket is lost, the connection is not.

use std::time::{Duration, Instant};

use http::StatusCode;
use rmpv::Value;
use serde_json::{Value as Json, json};
use signalr_server::{
    Arguments, ClientMessage, Connection, Disconnect, HubProtocol, Recipients, Reconnect, SendError, ServerMessage,
    ServerOptions, StatefulReconnect,
};
use tokio::sync::watch;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::protocol::frame::coding::CloseCode;

use crate::harness::{Client, RS, Server, negotiate, soon, text};

const SHORT: Duration = Duration::from_millis(100);

fn options() -> ServerOptions {
    ServerOptions { stateful_reconnect: StatefulReconnect::Enabled, ..Default::default() }
}

/// A client that numbers what it sends and gets, as the JavaScript client does.
struct Resumer {
    client: Client,
    query: String,
    protocol: HubProtocol,
    unread: Vec<u8>,
    /// The number of the next message, and of the latest one that was taken.
    next: u64,
    latest: u64,
    awaits_sequence: bool,
    /// What was sent and not acknowledged, and the number of the first of it.
    sent: Vec<Json>,
    first: u64,
}

impl Resumer {
    async fn join(server: &Server, protocol: HubProtocol, more: &str) -> (Self, Connection) {
        let answer = negotiate(server, "?negotiateVersion=1&useStatefulReconnect=true").await;
        assert_eq!(answer["useStatefulReconnect"], true);
        let query = format!("?id={}{more}", text(&answer, "connectionToken"));
        let mut client = Client::open(server, &query).await;
        client.send(&format!(r#"{{"protocol":"{}","version":2}}"#, protocol.name())).await;
        let mut resumer = Self {
            client,
            query,
            protocol,
            unread: Vec::new(),
            next: 1,
            latest: 0,
            awaits_sequence: false,
            sent: Vec::new(),
            first: 1,
        };
        resumer.fill().await;
        assert_eq!(std::mem::take(&mut resumer.unread), format!("{{}}{RS}").into_bytes());
        (resumer, server.connected().await)
    }

    async fn json(server: &Server) -> (Self, Connection) {
        Self::join(server, HubProtocol::Json, "").await
    }

    /// Comes back over another socket; the one before it is dropped as it is.
    async fn resume(&mut self, server: &Server) {
        self.client = Client::open(server, &self.query).await;
        self.go_on().await;
    }

    async fn go_on(&mut self) {
        self.unread.clear();
        self.awaits_sequence = true;
        self.write(&json!({"type": 9, "sequenceId": self.first})).await;
        for message in self.sent.clone() {
            self.write(&message).await;
        }
    }

    async fn status(&self, server: &Server) -> StatusCode {
        Client::try_open(server, &self.query).await.err().expect("no WebSocket").0
    }

    async fn send(&mut self, message: Json) {
        self.write(&message).await;
        self.sent.push(message);
    }

    async fn write(&mut self, message: &Json) {
        let frame = match self.protocol {
            HubProtocol::Json => Message::text(format!("{message}{RS}")),
            HubProtocol::MessagePack => Message::binary(packed(message)),
        };
        self.client.send_frame(frame).await;
    }

    /// Reads one more WebSocket message.
    async fn fill(&mut self) {
        match self.client.next_frame().await {
            Some(Message::Text(text)) => self.unread.extend_from_slice(text.as_bytes()),
            Some(Message::Binary(bytes)) => self.unread.extend_from_slice(&bytes),
            other => panic!("not a message: {other:?}"),
        }
    }

    /// The next hub message, whatever it is.
    async fn read(&mut self) -> Json {
        while self.unread.is_empty() {
            self.fill().await;
        }
        match self.protocol {
            HubProtocol::Json => {
                let end = self.unread.iter().position(|byte| *byte == RS as u8).expect("whole messages");
                let message: Vec<u8> = self.unread.drain(..=end).collect();
                serde_json::from_slice(&message[..end]).expect("JSON")
            }
            HubProtocol::MessagePack => {
                let length = usize::from(self.unread[0]);
                assert!(length < 128, "longer than these tests write");
                let message: Vec<u8> = self.unread.drain(..=length).collect();
                unpacked(&message[1..])
            }
        }
    }

    /// The next message that is new; control messages are followed on the way.
    async fn next(&mut self) -> Json {
        loop {
            let message = self.read().await;
            match message["type"].as_u64().expect("a type") {
                9 => {
                    let number = message["sequenceId"].as_u64().expect("a number");
                    assert!(number <= self.next, "the server goes on at {number}, {} is next", self.next);
                    self.next = number;
                    self.awaits_sequence = false;
                }
                _ if self.awaits_sequence => panic!("{message} comes before the Sequence"),
                8 => self.acknowledged(message["sequenceId"].as_u64().expect("a number")),
                6 => {}
                7 => return message,
                _ => {
                    self.next += 1;
                    if self.next - 1 > self.latest {
                        self.latest = self.next - 1;
                        return message;
                    }
                }
            }
        }
    }

    fn acknowledged(&mut self, number: u64) {
        while self.first <= number {
            self.sent.remove(0);
            self.first += 1;
        }
    }

    async fn target(&mut self) -> String {
        let message = self.next().await;
        message["target"].as_str().unwrap_or_else(|| panic!("no target in {message}")).to_owned()
    }

    /// Everything that was sent until now has been acknowledged.
    async fn is_acknowledged(&mut self) {
        while !self.sent.is_empty() {
            let message = self.read().await;
            match message["type"].as_u64() {
                Some(8) => self.acknowledged(message["sequenceId"].as_u64().expect("a number")),
                Some(6) => {}
                _ => panic!("not an Ack: {message}"),
            }
        }
    }
}

fn packed(message: &Json) -> Vec<u8> {
    let array = match message["type"].as_u64().expect("a type") {
        1 => vec![
            Value::from(1),
            Value::Map(Vec::new()),
            Value::Nil,
            Value::from(message["target"].as_str().expect("a target")),
            Value::Array(vec![Value::from(message["arguments"][0].as_u64().expect("a number"))]),
        ],
        kind => vec![Value::from(kind), Value::from(message["sequenceId"].as_u64().expect("a number"))],
    };
    let mut bytes = vec![0];
    rmpv::encode::write_value(&mut bytes, &Value::Array(array)).expect("memory");
    bytes[0] = u8::try_from(bytes.len() - 1).expect("a short message");
    bytes
}

fn unpacked(mut message: &[u8]) -> Json {
    let value = rmpv::decode::read_value(&mut message).expect("MessagePack");
    let item = |index: usize| value[index].as_u64();
    match item(0).expect("a type") {
        1 => json!({"type": 1, "target": value[3].as_str(), "arguments": [value[4][0].as_u64()]}),
        kind @ (8 | 9) => json!({"type": kind, "sequenceId": item(1)}),
        kind => json!({"type": kind}),
    }
}

fn message(target: &str, number: u64) -> ServerMessage {
    ServerMessage::invocation(target, Arguments::serialize(&[number]).expect("a number"))
}

fn invocation(number: u64) -> Json {
    json!({"type": 1, "target": "number", "arguments": [number]})
}

#[tokio::test]
async fn both_sides_have_to_want_it() {
    let enabled = Server::start(options()).await;
    for (query, expected) in [
        ("?useStatefulReconnect=true", json!(true)),
        ("?negotiateVersion=1&USESTATEFULRECONNECT=True", json!(true)),
        ("?useStatefulReconnect=false", Json::Null),
        ("?useStatefulReconnect=1", Json::Null),
        ("", Json::Null),
        ("?useStatefulReconnect=true&transports=6", Json::Null),
    ] {
        assert_eq!(negotiate(&enabled, query).await["useStatefulReconnect"], expected, "{query}");
    }
    let disabled = Server::start(ServerOptions::default()).await;
    let answer = negotiate(&disabled, "?useStatefulReconnect=true").await;
    assert!(answer.get("useStatefulReconnect").is_none());
}

#[tokio::test]
async fn without_version_2_or_without_an_agreement_a_lost_socket_is_the_end() {
    let server = Server::start(options()).await;
    for (negotiated, version) in [("?useStatefulReconnect=true", 1), ("?negotiateVersion=1", 2)] {
        let answer = negotiate(&server, negotiated).await;
        let token = answer.get("connectionToken").unwrap_or(&answer["connectionId"]).as_str().unwrap();
        let mut client = Client::open(&server, &format!("?id={token}")).await;
        client.send(&format!(r#"{{"protocol":"json","version":{version}}}"#)).await;
        assert_eq!(client.next().await, "{}");
        server.connected().await;
        client.send(r#"{"type":9,"sequenceId":77}"#).await;
        client.send(r#"{"type":8,"sequenceId":77}"#).await;
        let second = Client::try_open(&server, &format!("?id={token}")).await.err().unwrap();
        assert_eq!(second.0, StatusCode::CONFLICT);
        drop(client);
        assert_eq!(server.disconnected().await, Disconnect::TransportLost);
    }
}

/// The server says 1 to 2000 while the socket is cut ten times.
async fn check_numbers_to_the_client(protocol: HubProtocol) {
    let server = Server::start(options()).await;
    let (mut client, connection) = Resumer::join(&server, protocol, "").await;
    let (received, mut seen) = watch::channel(0);
    let sending = tokio::spawn(async move {
        for number in 1..=2000 {
            connection.send(&message("number", number)).expect("a connection that is there");
            // Some are under way whenever a socket is lost.
            seen.wait_for(|seen| seen + 100 >= number).await.expect("a client that reads");
        }
    });
    for number in 1..=2000 {
        let message = client.next().await;
        assert_eq!(message, invocation(number));
        received.send_replace(number);
        match number % 200 {
            37 => client.resume(&server).await,
            100 => client.write(&json!({"type": 8, "sequenceId": client.latest})).await,
            _ => {}
        }
    }
    sending.await.expect("everything is sent");
    server.clients.close(&Recipients::everyone(), None, Reconnect::Denied);
    assert_eq!(client.next().await["type"], 7, "something came behind the last number");
    client.client.is_closed_with(CloseCode::Normal).await;
    assert_eq!(server.disconnected().await, Disconnect::Closed { error: None });
}

#[tokio::test]
async fn ten_cuts_lose_and_repeat_nothing_towards_the_client() {
    check_numbers_to_the_client(HubProtocol::Json).await;
    check_numbers_to_the_client(HubProtocol::MessagePack).await;
}

/// The client says 1 to 2000 while the socket is cut ten times.
async fn check_numbers_to_the_server(protocol: HubProtocol) {
    let server = Server::start(ServerOptions { acknowledge_interval: Duration::ZERO, ..options() }).await;
    let (mut client, _) = Resumer::join(&server, protocol, "").await;
    for number in 1..=2000 {
        client.send(invocation(number)).await;
        if number % 200 == 37 {
            client.resume(&server).await;
        }
    }
    for number in 1..=2000u64 {
        let received = server.received().await;
        let ClientMessage::Invocation { arguments, .. } = received else { panic!("not a number: {received:?}") };
        assert_eq!(arguments.json().get(), format!("[{number}]"));
    }
    client.send(invocation(2001)).await;
    let last = server.received().await;
    assert!(matches!(last, ClientMessage::Invocation { arguments, .. } if arguments.json().get() == "[2001]"));
}

#[tokio::test]
async fn ten_cuts_lose_and_repeat_nothing_towards_the_server() {
    check_numbers_to_the_server(HubProtocol::Json).await;
    check_numbers_to_the_server(HubProtocol::MessagePack).await;
}

#[tokio::test]
async fn a_client_that_is_away_keeps_its_place_and_its_messages() {
    let server = Server::start(options()).await;
    let (mut client, connection) = Resumer::join(&server, HubProtocol::Json, "&user=ada").await;
    assert!(server.clients.join(connection.id(), "g"));
    connection.cut();
    assert!(client.client.next_frame().await.is_none(), "the socket is dropped without a word");
    assert_eq!(server.clients.connection(connection.id()), Some(connection.clone()));
    assert_eq!((server.clients.len(), server.endpoint.connections()), (1, 1));
    for (to, target) in [
        (Recipients::everyone(), "everyone"),
        (Recipients::user("ada"), "user"),
        (Recipients::group("g"), "group"),
        (Recipients::connection(connection.id()), "connection"),
    ] {
        assert_eq!(server.clients.send(&to, &message(target, 0)).queued, 1);
    }
    client.resume(&server).await;
    for target in ["everyone", "user", "group", "connection"] {
        assert_eq!(client.target().await, target);
    }
    connection.send(&message("live again", 0)).unwrap();
    assert_eq!(client.target().await, "live again");
    client.send(invocation(1)).await;
    server.received().await;
}

#[tokio::test]
async fn a_message_that_was_cut_in_half_arrives_once() {
    let server = Server::start(options()).await;
    let (mut client, _) = Resumer::json(&server).await;
    client.send(invocation(1)).await;
    let half = r#"{"type":1,"target":"number","#;
    client.client.send_frame(Message::text(half)).await;
    client.sent.push(invocation(2));
    client.resume(&server).await;
    client.send(invocation(3)).await;
    for number in 1..=3 {
        let received = server.received().await;
        let expected = format!("[{number}]");
        assert!(matches!(received, ClientMessage::Invocation { arguments, .. } if arguments.json().get() == expected));
    }
}

#[tokio::test]
async fn the_first_thing_on_another_socket_is_the_sequence() {
    let server = Server::start(options()).await;
    let (mut client, connection) = Resumer::json(&server).await;
    client.resume(&server).await;
    assert_eq!(client.read().await, json!({"type": 9, "sequenceId": 1}));
    client.awaits_sequence = false;
    for number in 1..=3 {
        connection.send(&message("number", number)).unwrap();
        assert_eq!(client.next().await, invocation(number));
    }
    client.write(&json!({"type": 8, "sequenceId": 2})).await;
    // Answered only once the Ack before it is read.
    client.send(json!({"type": 1, "invocationId": "1", "target": "Echo", "arguments": []})).await;
    assert_eq!(client.next().await, json!({"type": 3, "invocationId": "1", "result": []}));
    client.resume(&server).await;
    assert_eq!(client.read().await, json!({"type": 9, "sequenceId": 3}));
    assert_eq!(client.read().await, invocation(3));
}

#[tokio::test]
async fn a_second_socket_takes_the_place_of_the_first() {
    let server = Server::start(options()).await;
    let (mut client, connection) = Resumer::json(&server).await;
    let second = Client::open(&server, &client.query).await;
    let mut first = std::mem::replace(&mut client.client, second);
    client.go_on().await;
    connection.send(&message("over the second", 0)).unwrap();
    assert_eq!(client.target().await, "over the second");
    assert!(first.next_frame().await.is_none(), "the first socket is dropped");
    client.send(invocation(1)).await;
    server.received().await;
}

#[tokio::test]
async fn a_clean_close_is_for_good() {
    let server = Server::start(options()).await;
    for close in [Message::text(format!(r#"{{"type":7}}{RS}"#)), Message::Close(None)] {
        let (mut client, _) = Resumer::json(&server).await;
        client.client.send_frame(close).await;
        client.client.is_closed_with(CloseCode::Normal).await;
        assert_eq!(server.disconnected().await, Disconnect::ClientClosed { error: None });
        assert_eq!(client.status(&server).await, StatusCode::NOT_FOUND);
    }
    let (mut client, connection) = Resumer::json(&server).await;
    connection.close(Some("bye"), Reconnect::Allowed);
    assert_eq!(client.next().await, json!({"type": 7, "error": "bye", "allowReconnect": true}));
    client.client.is_closed_with(CloseCode::Normal).await;
    server.disconnected().await;
    assert_eq!(client.status(&server).await, StatusCode::NOT_FOUND);
    let (client, connection) = Resumer::json(&server).await;
    connection.abort();
    assert_eq!(server.disconnected().await, Disconnect::Aborted);
    assert_eq!(client.status(&server).await, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn a_client_that_does_not_come_back_in_time_is_gone() {
    let server = Server::start(ServerOptions { reconnect_window: SHORT, ..options() }).await;
    let (client, connection) = Resumer::json(&server).await;
    connection.cut();
    assert_eq!(server.disconnected().await, Disconnect::TransportLost);
    assert_eq!(connection.send(&message("too late", 0)), Err(SendError::Gone));
    assert_eq!(client.status(&server).await, StatusCode::NOT_FOUND);
    assert_eq!((server.clients.len(), server.endpoint.connections()), (0, 0));
}

#[tokio::test]
async fn only_the_same_user_comes_back() {
    let server = Server::start(options()).await;
    let (mut client, connection) = Resumer::join(&server, HubProtocol::Json, "&user=ada").await;
    connection.cut();
    assert!(client.client.next_frame().await.is_none());
    let query = client.query.clone();
    for (more, status) in [("&user=grace", StatusCode::NOT_FOUND), ("&refuse=1", StatusCode::UNAUTHORIZED)] {
        client.query = format!("{}{more}", query.replace("&user=ada", ""));
        assert_eq!(client.status(&server).await, status);
    }
    client.query = query;
    connection.send(&message("for ada", 0)).unwrap();
    client.resume(&server).await;
    assert_eq!(client.target().await, "for ada");
}

#[tokio::test]
async fn too_many_messages_for_a_client_that_is_away_end_its_connection() {
    let server = Server::start(ServerOptions { reconnect_buffer: 1000, ..options() }).await;
    let (mut client, connection) = Resumer::json(&server).await;
    let (mut other, _) = server.join("").await;
    // What is under way when the socket is lost does not count.
    let text = "x".repeat(600);
    connection.send(&message(&text, 0)).unwrap();
    assert_eq!(client.target().await, text);
    connection.cut();
    assert!(client.client.next_frame().await.is_none());
    assert_eq!(server.clients.send(&Recipients::everyone(), &message(&text, 1)).dropped_full, 0);
    let fanout = server.clients.send(&Recipients::everyone(), &message(&text, 2));
    assert_eq!((fanout.queued, fanout.dropped_full), (1, 1));
    assert_eq!(connection.send(&message("more", 0)), Err(SendError::Gone));
    assert_eq!(client.status(&server).await, StatusCode::NOT_FOUND);
    assert_eq!(server.disconnected().await, Disconnect::BufferFull);
    other.next().await;
    other.next().await;
}

#[tokio::test]
async fn a_client_that_acknowledges_nothing_gets_everything_but_cannot_come_back() {
    let server = Server::start(ServerOptions { queue_limit: 1000, ..options() }).await;
    let (mut client, connection) = Resumer::json(&server).await;
    let text = "x".repeat(300);
    for number in 0..10 {
        connection.send(&message(&text, number)).unwrap();
        assert_eq!(client.next().await["arguments"], json!([number]));
    }
    drop(client);
    assert_eq!(server.disconnected().await, Disconnect::BufferFull);
}

#[tokio::test]
async fn a_close_while_the_client_is_away_is_told_at_its_return() {
    let server = Server::start(options()).await;
    let (mut client, connection) = Resumer::json(&server).await;
    connection.cut();
    assert!(client.client.next_frame().await.is_none());
    connection.send(&message("last", 0)).unwrap();
    connection.close(Some("bye"), Reconnect::Denied);
    client.resume(&server).await;
    assert_eq!(client.target().await, "last");
    assert_eq!(client.next().await, json!({"type": 7, "error": "bye"}));
    client.client.is_closed_with(CloseCode::Normal).await;
    assert_eq!(server.disconnected().await, Disconnect::Closed { error: Some("bye".to_owned()) });
    let server = Server::start(ServerOptions { close_grace: SHORT, ..options() }).await;
    let (mut client, connection) = Resumer::json(&server).await;
    connection.cut();
    assert!(client.client.next_frame().await.is_none());
    connection.close(None, Reconnect::Denied);
    assert_eq!(server.disconnected().await, Disconnect::Closed { error: None });
}

#[tokio::test]
async fn messages_are_acknowledged_once_per_interval() {
    let interval = SHORT * 4;
    let options = ServerOptions { acknowledge_interval: interval, keep_alive_interval: SHORT, ..options() };
    let server = Server::start(options).await;
    let (mut client, _) = Resumer::json(&server).await;
    let start = Instant::now();
    for (number, least) in [(1, Duration::ZERO), (2, interval), (3, interval * 2)] {
        client.send(invocation(number)).await;
        client.is_acknowledged().await;
        assert!(start.elapsed() >= least, "acknowledged {number} after {:?}", start.elapsed());
    }
}

#[tokio::test]
async fn what_was_acknowledged_over_a_lost_socket_is_acknowledged_again() {
    let server = Server::start(ServerOptions { keep_alive_interval: SHORT, ..options() }).await;
    let (mut client, _) = Resumer::json(&server).await;
    client.send(invocation(1)).await;
    server.received().await;
    assert_eq!(client.read().await, json!({"type": 8, "sequenceId": 1}));
    client.resume(&server).await;
    assert_eq!(client.read().await, json!({"type": 9, "sequenceId": 1}));
    client.is_acknowledged().await;
}

#[tokio::test]
async fn a_gap_ends_the_connection() {
    let server = Server::start(ServerOptions { detailed_errors: true, ..options() }).await;
    let (mut client, _) = Resumer::json(&server).await;
    client.send(invocation(1)).await;
    server.received().await;
    client.first = 3;
    client.resume(&server).await;
    let close = client.next().await;
    let error = close["error"].as_str().unwrap();
    assert!(error.ends_with("Sequence ID greater than amount of messages we've received."), "{error}");
    assert!(matches!(server.disconnected().await, Disconnect::ProtocolError(_)));
}

#[tokio::test]
async fn a_client_that_falls_silent_may_come_back() {
    let server = Server::start(ServerOptions { client_timeout: SHORT, ..options() }).await;
    let (mut client, connection) = Resumer::json(&server).await;
    client.write(&json!({"type": 6})).await;
    assert!(client.client.next_frame().await.is_none(), "the socket is dropped without a word");
    connection.send(&message("welcome back", 0)).unwrap();
    client.resume(&server).await;
    assert_eq!(client.target().await, "welcome back");
}

#[tokio::test]
async fn a_shutdown_does_not_wait_for_those_who_are_away() {
    let server = Server::start(options()).await;
    let (mut client, connection) = Resumer::json(&server).await;
    connection.cut();
    assert!(client.client.next_frame().await.is_none());
    server.shutdown.cancel();
    soon(server.endpoint.drained()).await;
    assert_eq!(server.disconnected().await, Disconnect::Shutdown);
}
