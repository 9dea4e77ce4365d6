//! WebSocket frames under the hub protocol (signalr-protocol 3.2; RFC 6455).

use http::StatusCode;
use signalr_server::{Disconnect, ServerOptions};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::protocol::CloseFrame;
use tokio_tungstenite::tungstenite::protocol::frame::Frame;
use tokio_tungstenite::tungstenite::protocol::frame::coding::{CloseCode, Data, OpCode};

use crate::harness::{Client, RS, Server, soon};

fn fragment(opcode: Data, is_final: bool, payload: &str) -> Message {
    Message::Frame(Frame::message(payload.to_owned(), OpCode::Data(opcode), is_final))
}

#[tokio::test]
async fn the_handshake_comes_as_text_or_binary_and_messages_may_stand_behind_it() {
    let server = Server::start(ServerOptions::default()).await;
    let echo = r#"{"type":1,"invocationId":"1","target":"Echo","arguments":[1.0]}"#;
    let stream = format!("{{\"protocol\":\"json\",\"version\":1}}{RS}{echo}{RS}{echo}{RS}");
    for message in [Message::text(stream.clone()), Message::binary(stream.clone().into_bytes())] {
        let mut client = Client::open(&server, "").await;
        client.send_frame(message).await;
        assert_eq!(client.next().await, "{}");
        for _ in 0..2 {
            assert_eq!(client.next().await, r#"{"type":3,"invocationId":"1","result":[1.0]}"#);
        }
    }
}

#[tokio::test]
async fn hub_messages_may_be_cut_into_messages_and_fragments() {
    let server = Server::start(ServerOptions::default()).await;
    let (mut client, _) = server.join("").await;
    client.send_frame(fragment(Data::Text, false, r#"{"type":1,"invocationId":"1","#)).await;
    client.send_frame(Message::Ping("between".into())).await;
    client.send_frame(fragment(Data::Continue, false, "")).await;
    client.send_frame(fragment(Data::Continue, true, r#""target":"Echo","#)).await;
    assert_eq!(client.next_frame().await.unwrap(), Message::Pong("between".into()));
    client.send_frame(Message::binary(&b"\"arguments\":[\"\xe2\x82"[..])).await;
    client.send_frame(Message::binary(&b"\xac\"]}\x1e"[..])).await;
    assert_eq!(client.next().await, "{\"type\":3,\"invocationId\":\"1\",\"result\":[\"\u{20ac}\"]}");
}

#[tokio::test]
async fn a_client_that_closes_is_answered() {
    let server = Server::start(ServerOptions::default()).await;
    let going_away = CloseFrame { code: CloseCode::Away, reason: "bye".into() };
    for (close, code) in [(None, CloseCode::Normal), (Some(going_away), CloseCode::Away)] {
        let (mut client, _) = server.join("").await;
        client.send_frame(Message::Close(close)).await;
        client.is_closed_with(code).await;
        assert_eq!(server.disconnected().await, Disconnect::ClientClosed { error: None });
        assert!(server.clients.is_empty());
    }
}

#[tokio::test]
async fn a_client_that_vanishes_is_noticed() {
    let server = Server::start(ServerOptions::default()).await;
    let (client, connection) = server.join("").await;
    assert_eq!(server.clients.connection(connection.id()), Some(connection));
    drop(client);
    assert_eq!(server.disconnected().await, Disconnect::TransportLost);
    assert_eq!((server.clients.len(), server.endpoint.connections()), (0, 0));
}

#[tokio::test]
async fn a_client_that_will_say_nothing_more_is_gone() {
    let server = Server::start(ServerOptions::default()).await;
    let (client, _) = server.join("").await;
    let mut stream = client.into_stream();
    stream.shutdown().await.expect("an open socket");
    assert_eq!(server.disconnected().await, Disconnect::TransportLost);
    let mut rest = Vec::new();
    soon(stream.read_to_end(&mut rest)).await.expect("an orderly end");
    assert_eq!(rest, b"");
}

/// What comes after raw bytes: the hub's Close message, the Close frame with this code, the end.
async fn check_violation(bytes: &[u8], code: u16) {
    let server = Server::start(ServerOptions::default()).await;
    let (client, _) = server.join("").await;
    let mut stream = client.into_stream();
    stream.write_all(bytes).await.expect("an open socket");
    let mut answer = Vec::new();
    soon(stream.read_to_end(&mut answer)).await.expect("an orderly end");
    let message = b"{\"type\":7,\"error\":\"Connection closed with an error.\"}\x1e";
    let expected = [&[0x81, message.len() as u8][..], message, &[0x88, 2], &code.to_be_bytes()].concat();
    assert_eq!(answer, expected, "{}", String::from_utf8_lossy(&answer));
    drop(stream);
    assert!(matches!(server.disconnected().await, Disconnect::ProtocolError(_)));
}

#[tokio::test]
async fn a_client_that_breaks_the_websocket_protocol_is_told_and_dropped() {
    check_violation(b"GET / HTTP/1.1\r\n\r\n", 1002).await;
    check_violation(&[0x81, 3, b'a', b'b', b'c'], 1002).await;
    check_violation(&[0x83, 0x80, 0, 0, 0, 0], 1002).await;
    check_violation(&[0x81, 0x82, 0, 0, 0, 0, 0xc3, 0x28], 1007).await;
    check_violation(&vec![0xff; 100_000], 1002).await;
}

#[tokio::test]
async fn a_message_that_is_too_large_is_refused_with_1009() {
    let server = Server::start(ServerOptions { maximum_message_size: Some(1000), ..Default::default() }).await;
    let (mut client, _) = server.join("").await;
    let text = "x".repeat(1000 - r#"{"type":1,"target":"","arguments":[]}"#.len());
    client.send(&format!(r#"{{"type":1,"target":"{text}","arguments":[]}}"#)).await;
    server.received().await;
    client.send(&format!(r#"{{"type":1,"target":"{text}x","arguments":[]}}"#)).await;
    assert_eq!(client.next().await, r#"{"type":7,"error":"Connection closed with an error."}"#);
    client.is_closed_with(CloseCode::Size).await;
    assert_eq!(server.disconnected().await, Disconnect::ProtocolError("a message is too large"));
}

#[tokio::test]
async fn an_upgrade_without_a_proper_key_is_refused() {
    let server = Server::start(ServerOptions::default()).await;
    let client = reqwest::Client::builder().no_proxy().build().unwrap();
    let upgrade =
        || client.get(server.http("")).header("connection", "keep-alive, Upgrade").header("upgrade", "WebSocket");
    let no_version = upgrade().send().await.unwrap();
    assert_eq!(no_version.status(), StatusCode::UPGRADE_REQUIRED);
    assert_eq!(no_version.headers()["sec-websocket-version"], "13");
    let no_key = upgrade().header("sec-websocket-version", "13").send().await.unwrap();
    assert_eq!(no_key.status(), StatusCode::BAD_REQUEST);
}
