//! Keep-alive and timeouts (signalr-protocol 6.1), with short options instead of a paused clock: the sockets are real.

use std::time::{Duration, Instant};

use signalr_server::{Disconnect, ServerOptions};
use tokio_tungstenite::tungstenite::protocol::frame::coding::CloseCode;

use crate::harness::{Client, PING, RS, Server, soon};

const SHORT: Duration = Duration::from_millis(100);

#[tokio::test]
async fn a_quiet_client_is_pinged() {
    let server = Server::start(ServerOptions { keep_alive_interval: SHORT, ..Default::default() }).await;
    let start = Instant::now();
    let (mut client, _) = server.join("").await;
    assert_eq!(client.next_or_ping().await, PING);
    assert_eq!(client.next_or_ping().await, PING);
    assert!(start.elapsed() >= SHORT, "two Pings after {:?}", start.elapsed());
}

#[tokio::test]
async fn a_client_without_a_handshake_is_closed_in_time() {
    let server = Server::start(ServerOptions { handshake_timeout: SHORT, ..Default::default() }).await;
    let mut client = Client::open(&server, "").await;
    assert_eq!(client.next().await, r#"{"error":"Handshake was canceled."}"#);
    client.is_closed_with(CloseCode::Normal).await;
    let mut patient = Client::open(&server, "?handshake=60000").await;
    let mut reference = Client::open(&server, "").await;
    assert_eq!(reference.next().await, r#"{"error":"Handshake was canceled."}"#);
    patient.shake_hands().await;
}

#[tokio::test]
async fn a_flood_of_clients_without_a_handshake_holds_nobody_up_and_is_over_in_time() {
    let server = Server::start(ServerOptions { handshake_timeout: SHORT, ..Default::default() }).await;
    let mut flood = Vec::new();
    for _ in 0..200 {
        flood.push(Client::open(&server, "").await);
    }
    let (mut client, _) = server.join("").await;
    client.send(r#"{"type":1,"invocationId":"1","target":"Echo","arguments":[]}"#).await;
    assert_eq!(client.next().await, r#"{"type":3,"invocationId":"1","result":[]}"#);
    server.received().await;
    for mut silent in flood {
        assert_eq!(silent.next().await, r#"{"error":"Handshake was canceled."}"#);
        silent.is_closed_with(CloseCode::Normal).await;
    }
    soon(async {
        while server.endpoint.connections() > 1 {
            tokio::task::yield_now().await;
        }
    })
    .await;
    assert_eq!(server.clients.len(), 1, "nobody was added without a handshake");
}

/// Its client went away without a word: there is an open socket from which nothing comes, not even an answer to Close.
#[tokio::test]
async fn a_half_open_socket_is_given_up() {
    let options = ServerOptions { client_timeout: SHORT, close_grace: SHORT, ..Default::default() };
    let server = Server::start(options).await;
    let (mut client, connection) = server.join("").await;
    client.send(PING).await;
    let stream = client.into_stream();
    assert_eq!(server.disconnected().await, Disconnect::ClientTimeout);
    assert_eq!(server.clients.connection(connection.id()), None);
    soon(async {
        while server.endpoint.connections() > 0 {
            tokio::task::yield_now().await;
        }
    })
    .await;
    drop(stream);
}

#[tokio::test]
async fn a_client_is_closed_for_silence_only_after_its_first_ping() {
    let server = Server::start(ServerOptions { client_timeout: SHORT, ..Default::default() }).await;
    let (mut never_pinged, _) = server.join("").await;
    let (mut client, _) = server.join("").await;
    client.send(PING).await;
    assert_eq!(client.next().await, r#"{"type":7,"error":"Connection closed with an error.","allowReconnect":true}"#);
    client.is_closed_with(CloseCode::Normal).await;
    assert_eq!(server.disconnected().await, Disconnect::ClientTimeout);
    never_pinged.send(r#"{"type":1,"invocationId":"1","target":"Echo","arguments":[]}"#).await;
    never_pinged.next().await;
}

#[tokio::test]
async fn the_client_timeout_rests_while_the_hub_is_busy() {
    let server = Server::start(ServerOptions { client_timeout: SHORT, ..Default::default() }).await;
    let (mut busy, _) = server.join("").await;
    busy.send(&format!(r#"{PING}{RS}{{"type":1,"target":"Wait","arguments":[]}}"#)).await;
    server.received().await;
    let (mut reference, _) = server.join("").await;
    reference.send(PING).await;
    reference.next().await;
    reference.is_closed_with(CloseCode::Normal).await;
    assert_eq!(server.disconnected().await, Disconnect::ClientTimeout);
    busy.send(r#"{"type":1,"invocationId":"1","target":"Echo","arguments":[]}"#).await;
    server.hub.permits.add_permits(1);
    assert_eq!(busy.next().await, r#"{"type":3,"invocationId":"1","result":[]}"#);
}

#[tokio::test]
async fn a_connection_ends_when_its_admission_expires() {
    let server = Server::start(ServerOptions { keep_alive_interval: SHORT, ..Default::default() }).await;
    let (mut client, _) = server.join("?lives=150").await;
    assert_eq!(client.next().await, r#"{"type":7,"allowReconnect":true}"#);
    client.is_closed_with(CloseCode::Normal).await;
    assert_eq!(server.disconnected().await, Disconnect::Expired);
}
