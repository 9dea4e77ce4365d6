//! The MessagePack hub protocol over WebSockets (signalr-protocol 4.5), read with another implementation of it.

use std::time::Duration;

use signalr_server::{
    Arguments, ClientMessage, Connection, Disconnect, Fanout, HubProtocol, Outcome, Payload, Recipients, Reconnect,
    ServerMessage, ServerOptions,
};
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::protocol::frame::coding::CloseCode;

use crate::harness::{Client, Server};

const HANDSHAKE: &str = r#"{"protocol":"messagepack","version":1}"#;

/// A client that speaks MessagePack.
struct Speaker {
    client: Client,
    /// What has arrived and is not read yet.
    pending: Vec<u8>,
}

impl Speaker {
    /// Through a handshake that arrives as text, as that of the JavaScript client does.
    async fn join(server: &Server) -> (Self, Connection) {
        let mut client = Client::open(server, "").await;
        client.send(HANDSHAKE).await;
        let mut speaker = Self { client, pending: Vec::new() };
        speaker.expect_handshake().await;
        (speaker, server.connected().await)
    }

    async fn expect_handshake(&mut self) {
        assert_eq!(self.client.next_frame().await, Some(Message::binary(&b"{}\x1e"[..])));
    }

    /// Sends any bytes in one WebSocket message.
    async fn send(&mut self, bytes: &[u8]) {
        self.client.send_frame(Message::binary(bytes.to_vec())).await;
    }

    /// The bytes of the next hub message.
    async fn next_bytes(&mut self) -> Vec<u8> {
        while self.pending.is_empty() {
            match self.client.next_frame().await {
                Some(Message::Binary(bytes)) => self.pending = bytes.to_vec(),
                other => panic!("not a binary message: {other:?}"),
            }
        }
        let (length, prefix) = match self.pending[..] {
            [low @ 0..128, ..] => (usize::from(low), 1),
            [low, high @ 0..128, ..] => (usize::from(low & 0x7f) | usize::from(high) << 7, 2),
            _ => panic!("longer than these tests write"),
        };
        let rest = self.pending.split_off(prefix + length);
        std::mem::replace(&mut self.pending, rest).split_off(prefix)
    }

    /// The next hub message as text.
    async fn next(&mut self) -> String {
        let bytes = self.next_bytes().await;
        let mut rest = &bytes[..];
        let message = rmpv::decode::read_value(&mut rest).expect("a MessagePack value");
        assert!(rest.is_empty(), "something is behind the message");
        message.to_string()
    }
}

#[tokio::test]
async fn both_sides_call_each_other() {
    let server = Server::start(ServerOptions::default()).await;
    let (mut client, connection) = Speaker::join(&server).await;
    assert_eq!(connection.protocol(), HubProtocol::MessagePack);

    client.send(b"\x12\x95\x01\x80\xa10\xa4Echo\x92\xc4\x02\x01\x02\xcd\x00\x05").await;
    let ClientMessage::Invocation { invocation_id: Some(id), target, arguments, .. } = server.received().await else {
        panic!("not an invocation")
    };
    assert_eq!((id.as_str(), target.as_str(), arguments.json().get()), ("0", "Echo", r#"["AQI=",5]"#));
    // What the hub passes on as it is stays as it was, also where JSON has no word for it.
    assert_eq!(client.next_bytes().await, b"\x95\x03\x80\xa10\x03\x92\xc4\x02\x01\x02\xcd\x00\x05");

    let arguments = Arguments::serialize(&("hi", 42)).unwrap();
    connection.send(&ServerMessage::invocation_with_result("s", "ask", arguments)).unwrap();
    assert_eq!(client.next().await, r#"[1, {}, "s", "ask", ["hi", 42], []]"#);
    client.send(b"\x07\x95\x03\x80\xa1s\x03\xc3").await;
    let ClientMessage::Completion { invocation_id, outcome: Outcome::Result(result), .. } = server.received().await
    else {
        panic!("not a result")
    };
    assert_eq!((invocation_id.as_str(), result.json().get()), ("s", "true"));
}

#[tokio::test]
async fn everything_that_a_server_says_arrives() {
    let server = Server::start(ServerOptions::default()).await;
    let (mut client, connection) = Speaker::join(&server).await;
    let item = || Payload::serialize(&[1.5]).unwrap();
    connection.send(&ServerMessage::stream_item("1", item())).unwrap();
    connection.send(&ServerMessage::completion("1", Outcome::Void)).unwrap();
    connection.send(&ServerMessage::completion("2", Outcome::Result(item()))).unwrap();
    connection.send(&ServerMessage::completion("3", Outcome::Error("boom".to_owned()))).unwrap();
    connection.send(&ServerMessage::invocation("long", Arguments::serialize(&["x".repeat(300)]).unwrap())).unwrap();
    assert_eq!(client.next().await, r#"[2, {}, "1", [1.5]]"#);
    assert_eq!(client.next().await, r#"[3, {}, "1", 2]"#);
    assert_eq!(client.next().await, r#"[3, {}, "2", 3, [1.5]]"#);
    assert_eq!(client.next().await, r#"[3, {}, "3", 1, "boom"]"#);
    assert_eq!(client.next().await, format!(r#"[1, {{}}, nil, "long", ["{}"], []]"#, "x".repeat(300)));
    connection.close(Some("bye"), Reconnect::Allowed);
    assert_eq!(client.next().await, r#"[7, "bye", true]"#);
    client.client.is_closed_with(CloseCode::Normal).await;
}

#[tokio::test]
async fn one_broadcast_reaches_the_clients_of_both_protocols() {
    let server = Server::start(ServerOptions::default()).await;
    let (mut json, _) = server.join("").await;
    let (mut messagepack, speaker) = Speaker::join(&server).await;
    let send = |message: &ServerMessage| {
        let fanout = server.clients.send(&Recipients::everyone(), message);
        assert_eq!(fanout, Fanout { queued: 2, ..Fanout::default() });
    };
    send(&ServerMessage::invocation("m", Arguments::serialize(&(70_000, "é", [(); 0])).unwrap()));
    assert_eq!(json.next().await, r#"{"type":1,"target":"m","arguments":[70000,"é",[]]}"#);
    assert_eq!(messagepack.next().await, r#"[1, {}, nil, "m", [70000, "é", []], []]"#);

    // And what one client says reaches the others in their own words.
    messagepack.send(b"\x13\x95\x01\x80\xc0\xa3all\x91\xd7\xff\x77\x35\x94\x00\x65\x53\xf1\x00").await;
    let ClientMessage::Invocation { target, arguments, .. } = server.received().await else { panic!("not a call") };
    send(&ServerMessage::invocation(target, arguments));
    assert_eq!(json.next().await, r#"{"type":1,"target":"all","arguments":["2023-11-14T22:13:20.5Z"]}"#);
    let expected = b"\x96\x01\x80\xc0\xa3all\x91\xd7\xff\x77\x35\x94\x00\x65\x53\xf1\x00\x90";
    assert_eq!(messagepack.next_bytes().await, expected);
    assert_eq!(speaker.protocol(), HubProtocol::MessagePack);
}

#[tokio::test]
async fn the_handshake_may_be_binary_and_bring_the_first_messages() {
    let server = Server::start(ServerOptions::default()).await;
    let mut client = Speaker { client: Client::open(&server, "").await, pending: Vec::new() };
    client
        .send(&[HANDSHAKE.as_bytes(), b"\x1e\x09\x95\x01\x80\xc0\xa2m1\x91\x1e\x02\x91\x06\x08\x95\x01\x80"].concat())
        .await;
    client.expect_handshake().await;
    client.send(b"\xc0").await;
    client.send(b"\xa2m2\x90").await;
    server.connected().await;
    for (expected_target, expected_arguments) in [("m1", "[30]"), ("m2", "[]")] {
        let ClientMessage::Invocation { target, arguments, .. } = server.received().await else { panic!("not a call") };
        assert_eq!((target.as_str(), arguments.json().get()), (expected_target, expected_arguments));
    }
}

#[tokio::test]
async fn a_close_of_the_client_ends_the_connection() {
    let server = Server::start(ServerOptions::default()).await;
    for (close, error) in [(&b"\x03\x92\x07\xc0"[..], None), (b"\x05\x92\x07\xa2no", Some("no".to_owned()))] {
        let (mut client, _) = Speaker::join(&server).await;
        client.send(close).await;
        client.client.is_closed_with(CloseCode::Normal).await;
        assert_eq!(server.disconnected().await, Disconnect::ClientClosed { error });
    }
}

#[tokio::test]
async fn garbage_ends_the_connection_with_an_error() {
    let server = Server::start(ServerOptions { maximum_message_size: Some(1000), ..Default::default() }).await;
    let json_by_mistake = b"{\"type\":6}\x1e".repeat(12);
    for (garbage, code) in [
        (&b"\x00"[..], CloseCode::Normal),
        (b"\x01\xc1", CloseCode::Normal),
        (b"\x02\x91\x01", CloseCode::Normal),
        (b"\x05\xdd\xff\xff\xff\xff", CloseCode::Normal),
        (json_by_mistake.as_slice(), CloseCode::Normal),
        (b"\xe9\x07", CloseCode::Size),
        (b"\xff\xff\xff\xff\xff", CloseCode::Size),
    ] {
        let (mut client, _) = Speaker::join(&server).await;
        client.send(garbage).await;
        assert_eq!(client.next().await, r#"[7, "Connection closed with an error.", false]"#);
        client.client.is_closed_with(code).await;
        assert!(matches!(server.disconnected().await, Disconnect::ProtocolError(_)));
    }
}

#[tokio::test]
async fn a_silent_connection_gets_pings() {
    let options = ServerOptions { keep_alive_interval: Duration::from_millis(50), ..Default::default() };
    let server = Server::start(options).await;
    let (mut client, _) = Speaker::join(&server).await;
    assert_eq!(client.next_bytes().await, [0x91, 6]);
    assert_eq!(client.next_bytes().await, [0x91, 6]);
}
