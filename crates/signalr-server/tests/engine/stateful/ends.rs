//! How a connection ends although its client could come back.

use http::StatusCode;
use serde_json::json;
use signalr_server::{Disconnect, HubProtocol, Recipients, Reconnect, SendError, ServerOptions};
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::protocol::frame::coding::CloseCode;

use super::resumer::Resumer;
use super::{SHORT, invocation, message, options};
use crate::harness::{RS, Server, soon};

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
