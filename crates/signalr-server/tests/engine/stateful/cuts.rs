//! Thousands of messages, and sockets that are cut between them.

use std::time::Duration;

use serde_json::json;
use signalr_server::{ClientMessage, Disconnect, HubProtocol, Recipients, Reconnect, ServerOptions};
use tokio::sync::watch;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::protocol::frame::coding::CloseCode;

use super::resumer::Resumer;
use super::{invocation, message, options};
use crate::harness::Server;

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
