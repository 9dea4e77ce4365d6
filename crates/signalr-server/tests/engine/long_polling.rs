//! Long polling, row by row (signalr-protocol 3.4, 3.5).

use std::time::Duration;

use http::StatusCode;
use reqwest::Response;
use signalr_server::{
    Arguments, ClientMessage, Connection, Disconnect, Recipients, Reconnect, SendError, ServerMessage, ServerOptions,
    Transport,
};
use tokio::task::JoinHandle;

use crate::harness::{Client, HANDSHAKE, PING, Poster, RS, Server, http, plain, request, soon};

/// A client that polls.
struct Poller {
    poster: Poster,
}

impl Poller {
    /// Negotiated, and its first poll answered.
    async fn open(server: &Server, query: &str) -> Self {
        let poller = Self { poster: Poster::negotiate(server, query).await };
        assert_eq!(poller.poll().await, "");
        poller
    }

    async fn join(server: &Server, query: &str) -> (Self, Connection) {
        let poller = Self::open(server, query).await;
        poller.poster.send(HANDSHAKE).await;
        assert_eq!(poller.poll().await, format!("{{}}{RS}"));
        (poller, server.connected().await)
    }

    async fn get(&self) -> Response {
        let url = format!("{}&_=1700000000000", self.poster.url);
        soon(self.poster.http.get(url).send()).await.expect("an answer")
    }

    /// The body of a poll that is answered with data, or empty as the first one.
    async fn poll(&self) -> String {
        let answer = self.get().await;
        assert_eq!(answer.status(), StatusCode::OK);
        assert_eq!(answer.headers()["content-type"], "application/octet-stream");
        is_uncached(&answer);
        let length = answer.headers()["content-length"].clone();
        let body = answer.text().await.expect("text");
        assert_eq!(length, body.len().to_string());
        body
    }

    /// A poll that goes on meanwhile.
    fn start_poll(&self) -> JoinHandle<Response> {
        let poll = self.poster.http.get(&self.poster.url);
        tokio::spawn(async { soon(poll.send()).await.expect("an answer") })
    }
}

fn is_uncached(answer: &Response) {
    for (name, value) in
        [("cache-control", "no-cache, no-store"), ("pragma", "no-cache"), ("expires", "Thu, 01 Jan 1970 00:00:00 GMT")]
    {
        assert_eq!(answer.headers()[name], value);
    }
}

/// A poll that is answered without a body.
async fn is_empty(answer: Response, status: StatusCode) {
    assert_eq!(answer.status(), status);
    is_uncached(&answer);
    assert_eq!(plain(answer).await.1, "");
}

const UNKNOWN: &str = "No Connection with that ID";

fn message(target: &str) -> ServerMessage {
    ServerMessage::invocation(target, Arguments::none())
}

fn encoded(target: &str) -> String {
    format!(r#"{{"type":1,"target":"{target}","arguments":[]}}{RS}"#)
}

#[tokio::test]
async fn a_poll_takes_all_that_waits() {
    let server = Server::start(ServerOptions::default()).await;
    let (poller, connection) = Poller::join(&server, "").await;
    assert_eq!(connection.transport(), Transport::LongPolling);
    for target in ["a", "b", "c"] {
        connection.send(&message(target)).unwrap();
    }
    assert_eq!(poller.poll().await, ["a", "b", "c"].map(encoded).concat());
    let poll = poller.start_poll();
    assert_eq!(server.clients.send(&Recipients::everyone(), &message("later")).queued, 1);
    assert_eq!(poll.await.unwrap().text().await.unwrap(), encoded("later"));
}

#[tokio::test]
async fn a_poll_waits_as_long_as_it_is_held_and_then_comes_back_empty() {
    let server = Server::start(ServerOptions { poll_hold: Duration::from_millis(50), ..Default::default() }).await;
    let (poller, connection) = Poller::join(&server, "").await;
    let answer = poller.get().await;
    assert_eq!(answer.headers()["content-length"], "0");
    is_empty(answer, StatusCode::OK).await;
    connection.send(&message("still there")).unwrap();
    assert_eq!(poller.poll().await, encoded("still there"));
}

#[tokio::test]
async fn a_newer_poll_takes_the_place_of_an_older_one() {
    let server = Server::start(ServerOptions::default()).await;
    let (poller, connection) = Poller::join(&server, "").await;
    let first = poller.start_poll();
    let second = poller.start_poll();
    // Whichever of the two came later waits on.
    let (answered, waiting) = match soon(futures_util::future::select(first, second)).await {
        futures_util::future::Either::Left((answer, other)) | futures_util::future::Either::Right((answer, other)) => {
            (answer.unwrap(), other)
        }
    };
    is_empty(answered, StatusCode::NO_CONTENT).await;
    connection.send(&message("for the newer one")).unwrap();
    assert_eq!(waiting.await.unwrap().text().await.unwrap(), encoded("for the newer one"));
}

#[tokio::test]
async fn the_end_is_announced_and_then_there_is_nobody() {
    let server = Server::start(ServerOptions::default()).await;
    let (poller, connection) = Poller::join(&server, "").await;
    connection.send(&message("last")).unwrap();
    connection.close(Some("bye"), Reconnect::Allowed);
    let last = format!(r#"{}{{"type":7,"error":"bye","allowReconnect":true}}{RS}"#, encoded("last"));
    assert_eq!(poller.poll().await, last);
    is_empty(poller.get().await, StatusCode::NO_CONTENT).await;
    assert_eq!(server.disconnected().await, Disconnect::Closed { error: Some("bye".to_owned()) });
    assert_eq!(plain(poller.get().await).await, (404, UNKNOWN.to_owned()));
    assert_eq!(plain(poller.poster.try_post("x").await).await, (404, UNKNOWN.to_owned()));
    assert_eq!(plain(poller.poster.delete().await).await, (404, UNKNOWN.to_owned()));
    assert_eq!(server.endpoint.connections(), 0);
}

#[tokio::test]
async fn an_abort_ends_the_poll_that_waits() {
    let server = Server::start(ServerOptions::default()).await;
    let (poller, connection) = Poller::join(&server, "").await;
    let poll = poller.start_poll();
    connection.abort();
    is_empty(poll.await.unwrap(), StatusCode::NO_CONTENT).await;
    assert_eq!(server.disconnected().await, Disconnect::Aborted);
    let (_gone, connection) = Poller::join(&server, "").await;
    connection.abort();
    assert_eq!(server.disconnected().await, Disconnect::Aborted, "also while nobody polls");
}

#[tokio::test]
async fn a_delete_ends_the_connection_and_the_poll_that_waits() {
    let server = Server::start(ServerOptions::default()).await;
    let (poller, connection) = Poller::join(&server, "").await;
    connection.send(&message("taken by this poll")).unwrap();
    poller.poll().await;
    let poll = poller.start_poll();
    assert_eq!(plain(poller.poster.delete().await).await, (202, String::new()));
    let answer = poll.await.unwrap();
    // The DELETE may have overtaken the poll.
    assert!(matches!(answer.status(), StatusCode::NO_CONTENT | StatusCode::NOT_FOUND));
    assert_eq!(server.disconnected().await, Disconnect::ClientClosed { error: None });
    assert_eq!(connection.send(&message("too late")), Err(SendError::Gone));
    assert!(server.clients.is_empty());
}

#[tokio::test]
async fn a_close_message_and_a_delete_may_come_in_any_order() {
    let server = Server::start(ServerOptions::default()).await;
    for close_first in [true, false] {
        let (poller, _) = Poller::join(&server, "").await;
        let close = || poller.poster.try_post(format!(r#"{{"type":7}}{RS}"#));
        let statuses = match close_first {
            true => [close().await.status().as_u16(), poller.poster.delete().await.status().as_u16()],
            false => [poller.poster.delete().await.status().as_u16(), close().await.status().as_u16()],
        };
        assert_eq!(statuses, if close_first { [200, 202] } else { [202, 404] });
        assert_eq!(server.disconnected().await, Disconnect::ClientClosed { error: None });
    }
}

#[tokio::test]
async fn a_client_that_closes_without_a_delete_is_gone_with_its_poll() {
    let server = Server::start(ServerOptions::default()).await;
    let (poller, _) = Poller::join(&server, "").await;
    poller.poster.send(r#"{"type":7}"#).await;
    is_empty(poller.get().await, StatusCode::NO_CONTENT).await;
    assert_eq!(server.disconnected().await, Disconnect::ClientClosed { error: None });
}

#[tokio::test]
async fn a_client_that_stays_away_is_gone_and_one_that_polls_is_not() {
    let server = Server::start(ServerOptions {
        inactivity_timeout: Duration::from_millis(500),
        poll_hold: Duration::from_millis(1200),
        ..Default::default()
    })
    .await;
    let (patient, _) = Poller::join(&server, "&patience=60000").await;
    let (poller, _) = Poller::join(&server, "").await;
    // Held twice as long as a client may stay away: it is not away.
    is_empty(poller.get().await, StatusCode::OK).await;
    assert_eq!(server.disconnected().await, Disconnect::TransportLost);
    assert_eq!(plain(poller.get().await).await, (404, UNKNOWN.to_owned()));
    is_empty(patient.get().await, StatusCode::OK).await;
}

#[tokio::test]
async fn there_are_no_pings_and_no_timeout_of_silence() {
    let short = Duration::from_millis(40);
    let options = ServerOptions {
        keep_alive_interval: short,
        client_timeout: short,
        poll_hold: short * 10,
        ..Default::default()
    };
    let server = Server::start(options).await;
    let (poller, _) = Poller::join(&server, "").await;
    poller.poster.send(PING).await;
    is_empty(poller.get().await, StatusCode::OK).await;
    poller.poster.send(r#"{"type":1,"target":"still there","arguments":[]}"#).await;
    assert!(matches!(server.received().await, ClientMessage::Invocation { .. }));
}

#[tokio::test]
async fn no_poll_is_answered_empty_between_handshake_and_answer() {
    let server = Server::start(ServerOptions::default()).await;
    let poller = Poller::open(&server, "").await;
    let poll = poller.start_poll();
    let (first, second) = HANDSHAKE.split_at(10);
    poller.poster.post(first).await;
    poller.poster.post(format!("{second}{RS}")).await;
    assert_eq!(poll.await.unwrap().text().await.unwrap(), format!("{{}}{RS}"));
}

#[tokio::test]
async fn messagepack_is_spoken() {
    let server = Server::start(ServerOptions::default()).await;
    let poller = Poller::open(&server, "").await;
    poller.poster.send(r#"{"protocol":"messagepack","version":1}"#).await;
    assert_eq!(poller.poll().await, format!("{{}}{RS}"));
    let connection = server.connected().await;
    poller.poster.post(&b"\x0d\x95\x01\x80\xa1\x30\xa4Echo\x91\xa1x"[..]).await;
    let answer = poller.get().await.bytes().await.unwrap();
    assert_eq!(answer, &b"\x09\x95\x03\x80\xa1\x30\x03\x91\xa1x"[..]);
    connection.close(None, Reconnect::Denied);
    assert_eq!(poller.get().await.bytes().await.unwrap(), &b"\x04\x93\x07\xc0\xc2"[..]);
}

#[tokio::test]
async fn statuses_are_those_of_the_table() {
    let server = Server::start(ServerOptions::default()).await;
    assert_eq!(plain(request(http::Method::GET, server.http("")).await).await, (400, "Connection ID required".into()));
    assert_eq!(plain(Poster::to(&server, "nobody").get("*/*").await).await, (404, UNKNOWN.to_owned()));
    let (poller, _) = Poller::join(&server, "&user=ada").await;
    let other = (400, "Cannot change transports mid-connection".to_owned());
    assert_eq!(plain(poller.poster.get("text/event-stream").await).await, other);
    let query = poller.poster.url.split_once('?').unwrap().1;
    let upgrade = Client::try_open(&server, &format!("?{query}")).await.err().unwrap();
    assert_eq!(upgrade, (StatusCode::BAD_REQUEST, other.1));
    let expired = Poster { http: http(), url: format!("{}&refuse=1", poller.poster.url) };
    assert_eq!(expired.get("*/*").await.status(), StatusCode::UNAUTHORIZED);
    let stranger = Poster { http: http(), url: poller.poster.url.replace("ada", "grace") };
    assert_eq!(plain(stranger.get("*/*").await).await, (404, UNKNOWN.to_owned()));
    assert_eq!(plain(stranger.delete().await).await, (404, UNKNOWN.to_owned()));
    assert_eq!(plain(poller.poster.delete().await).await, (202, String::new()));
}

#[tokio::test]
async fn a_client_that_does_not_poll_is_closed_when_too_much_waits() {
    let server = Server::start(ServerOptions { queue_limit: 1000, ..Default::default() }).await;
    let (poller, connection) = Poller::join(&server, "").await;
    let text = "x".repeat(500);
    connection.send(&message(&text)).unwrap();
    assert_eq!(connection.send(&message(&text)), Err(SendError::QueueFull));
    let close = format!(r#"{{"type":7,"error":"Connection closed with an error.","allowReconnect":true}}{RS}"#);
    assert_eq!(poller.poll().await, close);
    is_empty(poller.get().await, StatusCode::NO_CONTENT).await;
    assert_eq!(server.disconnected().await, Disconnect::QueueFull);
}

#[tokio::test]
async fn a_shutdown_is_told_to_the_poll_that_waits() {
    let server = Server::start(ServerOptions::default()).await;
    let (poller, _) = Poller::join(&server, "").await;
    let poll = poller.start_poll();
    // Which of the two comes first does not matter: a poll of a connection that is there is answered.
    server.shutdown.cancel();
    assert_eq!(poll.await.unwrap().text().await.unwrap(), format!(r#"{{"type":7,"allowReconnect":true}}{RS}"#));
    is_empty(poller.get().await, StatusCode::NO_CONTENT).await;
    soon(server.endpoint.drained()).await;
    assert_eq!(server.disconnected().await, Disconnect::Shutdown);
}

#[tokio::test]
async fn a_shutdown_does_not_wait_for_a_client_that_knows_of_it() {
    let server = Server::start(ServerOptions { close_grace: Duration::from_secs(60), ..Default::default() }).await;
    let (poller, _) = Poller::join(&server, "").await;
    let poll = poller.start_poll();
    server.shutdown.cancel();
    assert_eq!(poll.await.unwrap().text().await.unwrap(), format!(r#"{{"type":7,"allowReconnect":true}}{RS}"#));
    // Neither another poll nor a DELETE: the listener may be closed by now.
    soon(server.endpoint.drained()).await;
    assert_eq!(server.disconnected().await, Disconnect::Shutdown);
    assert_eq!(plain(poller.poster.delete().await).await, (202, String::new()), "if it is not closed");
}

#[tokio::test]
async fn a_shutdown_does_not_wait_for_a_client_between_two_polls() {
    let server = Server::start(ServerOptions { close_grace: Duration::from_secs(60), ..Default::default() }).await;
    let (poller, connection) = Poller::join(&server, "").await;
    connection.send(&message("unread")).unwrap();
    server.shutdown.cancel();
    soon(server.endpoint.drained()).await;
    assert_eq!(server.disconnected().await, Disconnect::Shutdown);
    // Where the listener is not closed, the next poll still gets everything, and the one behind it knows of the end.
    let rest = format!(r#"{}{{"type":7,"allowReconnect":true}}{RS}"#, encoded("unread"));
    assert_eq!(poller.poll().await, rest);
    is_empty(poller.get().await, StatusCode::NO_CONTENT).await;
    assert_eq!(plain(poller.poster.delete().await).await, (404, UNKNOWN.to_owned()));
}

#[tokio::test]
async fn what_a_shutdown_has_left_for_a_client_is_for_nobody_else() {
    let server = Server::start(ServerOptions { close_grace: Duration::from_secs(60), ..Default::default() }).await;
    let (poller, _) = Poller::join(&server, "&user=ada").await;
    server.shutdown.cancel();
    soon(server.endpoint.drained()).await;
    let stranger = poller.poster.url.as_str().replace("user=ada", "user=eve");
    let answer = poller.poster.http.get(stranger).send().await.unwrap();
    assert_eq!(answer.status(), StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn a_connection_that_is_cut_breaks_its_poll() {
    let server = Server::start(ServerOptions::default()).await;
    let (poller, connection) = Poller::join(&server, "").await;
    let poll = poller.poster.http.get(&poller.poster.url);
    let poll = tokio::spawn(async { poll.send().await?.bytes().await });
    connection.cut();
    assert!(soon(poll).await.unwrap().is_err(), "neither 204 nor an empty body");
    assert_eq!(server.disconnected().await, Disconnect::TransportLost);
}

#[tokio::test]
async fn a_client_that_was_told_of_the_end_may_still_end_the_connection_itself() {
    let server = Server::start(ServerOptions::default()).await;
    let (poller, connection) = Poller::join(&server, "").await;
    connection.close(None, Reconnect::Denied);
    assert_eq!(poller.poll().await, format!(r#"{{"type":7}}{RS}"#));
    assert_eq!(server.disconnected().await, Disconnect::Closed { error: None });
    assert_eq!(server.endpoint.connections(), 0);
    assert_eq!(plain(poller.poster.delete().await).await, (202, String::new()));
    assert_eq!(plain(poller.poster.delete().await).await, (404, UNKNOWN.to_owned()));
}

#[tokio::test]
async fn a_client_that_was_told_of_the_end_is_forgotten_after_the_grace() {
    let server = Server::start(ServerOptions { close_grace: Duration::from_millis(50), ..Default::default() }).await;
    let (poller, connection) = Poller::join(&server, "").await;
    connection.close(None, Reconnect::Denied);
    poller.poll().await;
    server.disconnected().await;
    // Another connection has its whole grace behind that.
    let (_silent, connection) = server.join("").await;
    connection.close(None, Reconnect::Denied);
    server.disconnected().await;
    assert_eq!(plain(poller.poster.delete().await).await, (404, UNKNOWN.to_owned()));
}
