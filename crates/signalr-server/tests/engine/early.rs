//! What clients send by POST before their transport is there, as signalrcore does (signalr-protocol 8).

use http::StatusCode;
use signalr_server::{ServerOptions, Transport};

use crate::harness::{Client, HANDSHAKE, Poster, RS, Server, plain};

const ECHO: &str = r#"{"type":1,"invocationId":"1","target":"Echo","arguments":[]}"#;
const ECHOED: &str = r#"{"type":3,"invocationId":"1","result":[]}"#;

/// The body of a poll.
async fn poll(poster: &Poster) -> String {
    let answer = poster.get("*/*").await;
    assert_eq!(answer.status(), StatusCode::OK);
    answer.text().await.expect("text")
}

#[tokio::test]
async fn a_handshake_and_what_is_behind_it_wait_for_the_first_poll() {
    let server = Server::start(ServerOptions::default()).await;
    let poster = Poster::negotiate(&server, "").await;
    let (first, second) = HANDSHAKE.split_at(10);
    poster.post(first).await;
    poster.post(format!("{second}{RS}{ECHO}{RS}")).await;
    assert_eq!(server.endpoint.connections(), 0);
    assert_eq!(poll(&poster).await, "", "the first poll is answered at once and empty");
    assert_eq!(server.connected().await.transport(), Transport::LongPolling);
    server.received().await;
    let mut received = String::new();
    while !received.ends_with(&format!("{ECHOED}{RS}")) {
        received += &poll(&poster).await;
    }
    assert_eq!(received, format!("{{}}{RS}{ECHOED}{RS}"));
}

#[tokio::test]
async fn a_handshake_waits_for_the_stream_and_for_the_socket() {
    let server = Server::start(ServerOptions::default()).await;
    let poster = Poster::negotiate(&server, "").await;
    poster.send(HANDSHAKE).await;
    let mut stream = poster.get("text/event-stream").await;
    assert_eq!(server.connected().await.transport(), Transport::ServerSentEvents);
    let expected = format!(":\r\ndata: {{}}{RS}\r\n\r\n");
    let mut events = String::new();
    while events.len() < expected.len() {
        let chunk = stream.chunk().await.expect("a stream that is not broken").expect("no end");
        events.push_str(std::str::from_utf8(&chunk).expect("whole characters"));
    }
    assert_eq!(events, expected);

    let poster = Poster::negotiate(&server, "").await;
    poster.send(HANDSHAKE).await;
    let query = poster.url.split_once('?').expect("a query").1;
    let mut client = Client::open(&server, &format!("?{query}")).await;
    assert_eq!(client.next().await, "{}");
    assert_eq!(server.connected().await.transport(), Transport::WebSockets);
}

#[tokio::test]
async fn no_more_than_8_kib_wait() {
    let server = Server::start(ServerOptions::default()).await;
    let poster = Poster::negotiate(&server, "").await;
    poster.post(format!("{HANDSHAKE}{RS}")).await;
    for too_much in [8 * 1024 + 1, 8 * 1024 - HANDSHAKE.len()] {
        assert_eq!(plain(poster.try_post("x".repeat(too_much)).await).await, (413, String::new()));
    }
    assert_eq!(poll(&poster).await, "");
    assert_eq!(poll(&poster).await, format!("{{}}{RS}"), "what was refused has left no trace");
    assert_eq!(plain(poster.try_post("x".repeat(8 * 1024 + 1)).await).await, (200, String::new()));
}

#[tokio::test]
async fn what_another_user_has_sent_is_not_taken_for_the_client_s() {
    let server = Server::start(ServerOptions::default()).await;
    let ada = Poster::negotiate(&server, "&user=ada").await;
    let grace = Poster { http: ada.http.clone(), url: ada.url.replace("ada", "grace") };
    ada.post(r#"{"protocol":"xml","#).await;
    let nobody = (404, "No Connection with that ID".to_owned());
    assert_eq!(plain(grace.try_post("x").await).await, nobody);
    assert_eq!(poll(&grace).await, "");
    grace.send(HANDSHAKE).await;
    assert_eq!(poll(&grace).await, format!("{{}}{RS}"));
    assert_eq!(plain(ada.try_post("x").await).await, nobody);
}

#[tokio::test]
async fn a_handshake_that_cannot_be_answered_is_refused_by_the_second_poll() {
    let server = Server::start(ServerOptions::default()).await;
    let poster = Poster::negotiate(&server, "").await;
    poster.post("x".repeat(5000)).await;
    assert_eq!(poll(&poster).await, "");
    assert_eq!(poll(&poster).await, format!(r#"{{"error":"Handshake was canceled."}}{RS}"#));
}
