//! Stateful reconnect (signalr-protocol 7): the socket is lost, the connection is not.

mod cuts;
mod ends;
mod resumer;

use std::time::{Duration, Instant};

use http::StatusCode;
use serde_json::{Value as Json, json};
use signalr_server::{Arguments, Disconnect, HubProtocol, Recipients, ServerMessage, ServerOptions, StatefulReconnect};

use crate::harness::{Client, Server, negotiate};
use resumer::Resumer;

const SHORT: Duration = Duration::from_millis(100);

fn options() -> ServerOptions {
    ServerOptions { stateful_reconnect: StatefulReconnect::Enabled, ..Default::default() }
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
