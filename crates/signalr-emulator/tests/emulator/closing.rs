//! Connections are closed from the server's side.

use std::time::Duration;

use serde_json::json;
use signalr_emulator::EmulatorOptions;
use signalr_server::ServerOptions;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::harness::{Client, Service};

async fn expect_close(service: &Service, client: &mut Client, reason: Option<&str>) {
    let expected = match reason {
        Some(reason) => json!({"type": 7, "error": reason, "allowReconnect": true}),
        None => json!({"type": 7, "allowReconnect": true}),
    };
    assert_eq!(client.next().await, expected);
    assert_eq!(client.next_text().await, None, "the transport ends as well");
    service.until_disconnected(&client.id).await;
}

#[tokio::test]
async fn one_connection_is_closed_with_a_reason_or_without() {
    let service = Service::start().await;
    for (base, status) in [("api/v1/hubs/chat", 202), ("api/hubs/chat", 200)] {
        let mut client = service.connect("chat", None).await;
        let mut other = service.connect("chat", None).await;
        let path = format!("{base}/connections/{}", client.id);
        assert_eq!(service.status("DELETE", &format!("{path}?reason=go+away")).await, status);
        expect_close(&service, &mut client, Some("go away")).await;
        assert_eq!(service.code("HEAD", &path).await.1, "Warning.Connection.NotExisted");
        assert_eq!(service.status("DELETE", &path).await, status, "closing an unknown connection is no error");
        assert_eq!(service.status("DELETE", &format!("{base}/connections/{}", other.id)).await, status);
        expect_close(&service, &mut other, None).await;
    }
}

/// Closes with a POST to `path` and names who of alice (twice), bob and the anonymous client is closed.
async fn check(path: &'static str, expected: [bool; 4]) {
    let service = Service::start().await;
    let mut clients = Vec::new();
    for user in [Some("alice"), Some("alice"), Some("bob"), None] {
        clients.push(service.connect("chat", user).await);
    }
    for member in [0, 2] {
        let put = format!("api/hubs/chat/groups/g/connections/{}", clients[member].id);
        assert_eq!(service.status("PUT", &put).await, 200);
    }
    let path = path.replace("{0}", &clients[0].id);
    assert_eq!(service.status("POST", &format!("api/hubs/chat{path}")).await, 204, "{path}");
    for (client, closed) in clients.iter_mut().zip(expected) {
        if closed {
            expect_close(&service, client, Some("r")).await;
        } else {
            service.expect_nothing_for("chat", client).await;
        }
    }
}

#[tokio::test]
async fn many_connections_are_closed_together_but_for_the_excluded_ones() {
    check("/:closeConnections?reason=r", [true, true, true, true]).await;
    check("/:closeConnections?reason=r&excluded={0}", [false, true, true, true]).await;
    check("/users/alice/:closeConnections?reason=r", [true, true, false, false]).await;
    check("/users/alice/:closeConnections?reason=r&excluded={0}", [false, true, false, false]).await;
    check("/groups/g/:closeConnections?reason=r", [true, false, true, false]).await;
    check("/groups/g/:closeConnections?reason=r&excluded={0}", [false, false, true, false]).await;
    check("/groups/nobody/:closeConnections?reason=r", [false, false, false, false]).await;
}

#[tokio::test]
async fn a_shutdown_tells_every_client_to_come_back() {
    let service = Service::start().await;
    let mut one = service.connect("chat", None).await;
    let mut two = service.connect("news", None).await;
    let ended = service.shut_down();
    for client in [&mut one, &mut two] {
        assert_eq!(client.next().await, json!({"type": 7, "allowReconnect": true}));
        assert_eq!(client.next_text().await, None);
    }
    ended.await;
}

#[tokio::test]
async fn a_request_that_is_never_finished_does_not_keep_the_process_alive() {
    let server = ServerOptions { close_grace: Duration::from_millis(200), ..ServerOptions::default() };
    let service = Service::start_with(EmulatorOptions { server, ..EmulatorOptions::default() }).await;
    let address = service.url("");
    let address = address.socket_addrs(|| None).unwrap();
    let mut stuck = TcpStream::connect(&*address).await.unwrap();
    let request = "POST /api/hubs/chat/:send HTTP/1.1\r\nhost: localhost\r\nexpect: 100-continue\r\n";
    let token = service.token("api/hubs/chat/:send");
    let request = format!("{request}authorization: bearer {token}\r\ncontent-length: 9\r\n\r\n");
    stuck.write_all(request.as_bytes()).await.unwrap();
    let mut answer = [0; 12];
    stuck.read_exact(&mut answer).await.unwrap();
    assert_eq!(&answer, b"HTTP/1.1 100", "the emulator waits for the body");
    service.shut_down().await;
}
