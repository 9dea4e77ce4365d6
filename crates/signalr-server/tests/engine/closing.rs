//! How the server ends connections (signalr-protocol 5).

use std::time::Duration;

use signalr_server::{Arguments, Disconnect, Recipients, Reconnect, SendError, ServerMessage, ServerOptions};
use tokio_tungstenite::tungstenite::protocol::frame::coding::CloseCode;

use crate::harness::{Client, Server, soon};

#[tokio::test]
async fn a_close_says_whether_the_client_may_come_back() {
    let server = Server::start(ServerOptions::default()).await;
    for (error, reconnect, message) in [
        (None, Reconnect::Denied, r#"{"type":7}"#),
        (Some("full"), Reconnect::Denied, r#"{"type":7,"error":"full"}"#),
        (None, Reconnect::Allowed, r#"{"type":7,"allowReconnect":true}"#),
        (Some("move"), Reconnect::Allowed, r#"{"type":7,"error":"move","allowReconnect":true}"#),
    ] {
        let (mut client, connection) = server.join("").await;
        let last = ServerMessage::invocation("last", Arguments::none());
        connection.send(&last).unwrap();
        connection.close(error, reconnect);
        assert_eq!(connection.send(&last), Err(SendError::Gone));
        assert_eq!(client.next().await, r#"{"type":1,"target":"last","arguments":[]}"#);
        assert_eq!(client.next().await, message);
        client.is_closed_with(CloseCode::Normal).await;
        assert_eq!(server.disconnected().await, Disconnect::Closed { error: error.map(str::to_owned) });
    }
}

#[tokio::test]
async fn a_client_that_ignores_the_close_is_dropped_after_the_grace() {
    let server = Server::start(ServerOptions { close_grace: Duration::from_millis(50), ..Default::default() }).await;
    let (_client, connection) = server.join("").await;
    connection.close(Some("first"), Reconnect::Denied);
    connection.close(Some("second"), Reconnect::Denied);
    assert_eq!(server.disconnected().await, Disconnect::Closed { error: Some("first".to_owned()) });
}

#[tokio::test]
async fn an_abort_drops_the_transport_without_a_word() {
    let server = Server::start(ServerOptions::default()).await;
    let (mut client, connection) = server.join("").await;
    connection.abort();
    assert!(client.next_frame().await.is_none());
    assert_eq!(server.disconnected().await, Disconnect::Aborted);
}

#[tokio::test]
async fn many_are_closed_at_once_but_for_the_excluded() {
    let server = Server::start(ServerOptions::default()).await;
    let (mut first, _) = server.join("").await;
    let (_second, kept) = server.join("").await;
    let excluded = [kept.id().to_owned()];
    let closed = server.clients.close(&Recipients::everyone().excluding(&excluded), Some("bye"), Reconnect::Allowed);
    assert_eq!(closed, 1);
    assert_eq!(first.next().await, r#"{"type":7,"error":"bye","allowReconnect":true}"#);
    first.is_closed_with(CloseCode::Normal).await;
    server.disconnected().await;
    assert_eq!(server.clients.len(), 1);
}

#[tokio::test]
async fn a_shutdown_closes_everybody_and_is_over_when_the_hub_knows() {
    let server = Server::start(ServerOptions::default()).await;
    let (mut client, _) = server.join("").await;
    let mut silent = Client::open(&server, "").await;
    server.shutdown.cancel();
    assert_eq!(client.next().await, r#"{"type":7,"allowReconnect":true}"#);
    client.is_closed_with(CloseCode::Normal).await;
    silent.is_closed_with(CloseCode::Normal).await;
    soon(server.endpoint.drained()).await;
    assert_eq!(server.disconnected().await, Disconnect::Shutdown);
    let (status, _) = Client::try_open(&server, "").await.err().unwrap();
    assert_eq!(status, http::StatusCode::SERVICE_UNAVAILABLE);
}
