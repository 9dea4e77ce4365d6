//! Handshake and messages of the JSON hub protocol (signalr-protocol 4).

use signalr_server::{ClientMessage, Disconnect, Outcome, ServerOptions};
use tokio_tungstenite::tungstenite::protocol::frame::coding::CloseCode;

use crate::harness::{Client, Event, Server};

#[tokio::test]
async fn a_failed_handshake_is_answered_and_the_hub_never_hears_of_it() {
    let server = Server::start(ServerOptions::default()).await;
    for (handshake, error) in [
        (r#"{"protocol":"xml","version":1}"#, "The protocol 'xml' is not supported."),
        (r#"{"protocol":"json","version":3}"#, "The server does not support version 3 of the 'json' protocol."),
        ("{}", "An unexpected error occurred during connection handshake."),
        ("\u{7}garbage", "An unexpected error occurred during connection handshake."),
        (&"x".repeat(5000), "Handshake was canceled."),
    ] {
        let mut client = Client::open(&server, "").await;
        client.send(handshake).await;
        assert_eq!(client.next().await, format!(r#"{{"error":"{error}"}}"#));
        let code = if handshake.len() > 4096 { CloseCode::Size } else { CloseCode::Normal };
        client.is_closed_with(code).await;
    }
    let (_client, connection) = server.join("").await;
    assert_eq!(server.clients.len(), 1);
    assert!(server.clients.connection(connection.id()).is_some());
}

#[tokio::test]
async fn the_hub_gets_every_kind_of_message_in_order() {
    let server = Server::start(ServerOptions::default()).await;
    let (mut client, connection) = server.join("?user=ada&access_token=secret").await;
    assert_eq!(connection.user_id(), Some("ada"));
    assert_eq!(connection.query().pairs().collect::<Vec<_>>(), [("user", "ada")]);
    for message in [
        r#"{"type":1,"target":"first","arguments":[ 1 ],"streamIds":["s"],"headers":{"a":"b"}}"#,
        r#"{"type":6}"#,
        r#"{"type":99,"target":0}"#,
        r#"{"type":2,"invocationId":"s","item":{"x":1}}"#,
        r#"{"type":3,"invocationId":"s","error":"no more"}"#,
        r#"{"type":4,"invocationId":"4","target":"Stream","arguments":[]}"#,
        r#"{"type":5,"invocationId":"4"}"#,
    ] {
        client.send(message).await;
    }
    let ClientMessage::Invocation { invocation_id: None, target, arguments, stream_ids, headers } =
        server.received().await
    else {
        panic!("not an invocation")
    };
    assert_eq!(
        (target.as_str(), arguments.json().get(), stream_ids.as_slice()),
        ("first", "[ 1 ]", &["s".to_owned()][..])
    );
    assert_eq!(headers["a"], "b");
    assert!(
        matches!(server.received().await, ClientMessage::StreamItem { item, .. } if item.json().get() == r#"{"x":1}"#)
    );
    assert!(
        matches!(server.received().await, ClientMessage::Completion { outcome: Outcome::Error(error), .. } if error == "no more")
    );
    assert!(matches!(server.received().await, ClientMessage::StreamInvocation { target, .. } if target == "Stream"));
    assert!(
        matches!(server.received().await, ClientMessage::CancelInvocation { invocation_id, .. } if invocation_id == "4")
    );
}

#[tokio::test]
async fn garbage_ends_the_connection_with_an_error() {
    let server = Server::start(ServerOptions::default()).await;
    for garbage in ["", "[]", "{", r#"{"type":1}"#, r#"{"type":"1"}"#, "\u{0}"] {
        let (mut client, _) = server.join("").await;
        client.send(garbage).await;
        assert_eq!(client.next().await, r#"{"type":7,"error":"Connection closed with an error."}"#);
        client.is_closed_with(CloseCode::Normal).await;
        assert!(matches!(server.disconnected().await, Disconnect::ProtocolError(_)));
    }
}

#[tokio::test]
async fn the_cause_is_told_where_detailed_errors_are_on() {
    let server = Server::start(ServerOptions { detailed_errors: true, ..Default::default() }).await;
    let (mut client, _) = server.join("").await;
    client.send(r#"{"type":1,"target":"t"}"#).await;
    assert_eq!(
        client.next().await,
        r#"{"type":7,"error":"Connection closed with an error. the client broke the protocol: an invocation has no `arguments`"}"#
    );
}

#[tokio::test]
async fn the_hub_has_one_message_of_a_connection_at_a_time() {
    let server = Server::start(ServerOptions::default()).await;
    let (mut client, _) = server.join("").await;
    let (mut other, _) = server.join("").await;
    client.send(r#"{"type":1,"target":"Wait","arguments":[]}"#).await;
    server.received().await;
    client.send(r#"{"type":1,"target":"second","arguments":[]}"#).await;
    // The other connection is served meanwhile; its answer is the sign that the second message had its chance.
    other.send(r#"{"type":1,"invocationId":"1","target":"Echo","arguments":[]}"#).await;
    assert!(matches!(server.received().await, ClientMessage::Invocation { target, .. } if target == "Echo"));
    other.next().await;
    server.hub.permits.add_permits(1);
    assert!(matches!(server.received().await, ClientMessage::Invocation { target, .. } if target == "second"));
}

#[tokio::test]
async fn a_group_that_is_joined_at_registration_misses_nothing() {
    let server = Server::start(ServerOptions::default()).await;
    let mut client = Client::open(&server, "?group=g").await;
    client.send(r#"{"protocol":"json","version":1}"#).await;
    assert_eq!(client.next().await, "{}", "nothing comes before the answer to the handshake");
    assert_eq!(client.next().await, r#"{"type":1,"target":"welcome","arguments":[]}"#);
}

#[tokio::test]
async fn a_hub_that_panics_at_registration_loses_that_connection() {
    let server = Server::start(ServerOptions::default()).await;
    let mut client = Client::open(&server, "?unregistrable").await;
    client.send(r#"{"protocol":"json","version":1}"#).await;
    assert_eq!(client.next().await, "{}");
    assert_eq!(client.next().await, r#"{"type":7,"error":"Connection closed with an error."}"#);
    server.connected().await;
    assert_eq!(server.disconnected().await, Disconnect::HubFailed);
    assert!(server.clients.is_empty());
}

#[tokio::test]
async fn messages_sent_before_a_close_are_handed_over_and_then_the_end() {
    let server = Server::start(ServerOptions::default()).await;
    let (mut client, _) = server.join("").await;
    client.send(r#"{"type":1,"target":"Wait","arguments":[]}"#).await;
    client.send(r#"{"type":1,"target":"last words","arguments":[]}"#).await;
    client.send(r#"{"type":7}"#).await;
    client.is_closed_with(CloseCode::Normal).await;
    server.received().await;
    server.hub.permits.add_permits(1);
    assert!(matches!(server.received().await, ClientMessage::Invocation { target, .. } if target == "last words"));
    assert_eq!(server.disconnected().await, Disconnect::ClientClosed { error: None });
}

#[tokio::test]
async fn a_hub_that_panics_loses_that_connection_only() {
    let server = Server::start(ServerOptions::default()).await;
    let (mut client, _) = server.join("").await;
    let (mut other, _) = server.join("").await;
    client.send(r#"{"type":1,"target":"Panic","arguments":[]}"#).await;
    assert_eq!(client.next().await, r#"{"type":7,"error":"Connection closed with an error."}"#);
    client.is_closed_with(CloseCode::Error).await;
    assert!(matches!(server.event().await, Event::Received(_)));
    assert_eq!(server.disconnected().await, Disconnect::HubFailed);
    other.send(r#"{"type":1,"invocationId":"1","target":"Echo","arguments":[]}"#).await;
    other.next().await;
}

#[tokio::test]
async fn more_than_may_wait_for_the_hub_is_read_later_and_nothing_is_lost() {
    let server = Server::start(ServerOptions::default()).await;
    let (mut client, _) = server.join("").await;
    client.send(r#"{"type":1,"target":"Wait","arguments":[]}"#).await;
    server.received().await;
    let padding = "x".repeat(16 * 1024);
    for index in 0..32 {
        client.send(&format!(r#"{{"type":1,"target":"{index}","arguments":["{padding}"]}}"#)).await;
    }
    server.hub.permits.add_permits(1);
    for index in 0..32 {
        let message = server.received().await;
        assert!(matches!(message, ClientMessage::Invocation { target, .. } if target == index.to_string()));
    }
}
