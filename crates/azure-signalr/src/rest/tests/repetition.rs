//! When a call is made again, how long it may take, and how many are under way.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use axum::Router;
use axum::response::IntoResponse;
use http::StatusCode;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

use super::{KEY, Service, add_connection, client, hub, remove_connection, to_everyone};
use crate::rest::{Backoff, RestError, RetryPolicy};

/// Repeats at once.
fn at_once(max_retries: u32) -> RetryPolicy {
    RetryPolicy { max_retries, delay: Duration::ZERO, ..RetryPolicy::default() }
}

/// How many requests a message and a group action make, and whether they end well.
async fn check_repeated(statuses: &'static [u16], message: (usize, bool), action: (usize, bool)) {
    let service = Service::answering_in_turn(statuses).await;
    let sent = service.client().with_retry(at_once(2)).hub(&hub()).send(&to_everyone()).await;
    assert_eq!((service.count(), sent.is_ok()), message, "a message, {statuses:?}");
    let service = Service::answering_in_turn(statuses).await;
    let applied = service.client().with_retry(at_once(2)).hub(&hub()).apply(&remove_connection()).await;
    assert_eq!((service.count(), applied.is_ok()), action, "an action, {statuses:?}");
}

#[tokio::test]
async fn a_message_that_may_have_been_delivered_is_not_repeated() {
    check_repeated(&[503, 202], (2, true), (2, true)).await;
    check_repeated(&[500, 202], (1, false), (2, true)).await;
    check_repeated(&[408, 202], (1, false), (2, true)).await;
    check_repeated(&[502, 504, 202], (3, true), (3, true)).await;
    check_repeated(&[503], (3, false), (3, false)).await;
    check_repeated(&[429, 202], (1, false), (1, false)).await;
    check_repeated(&[400, 202], (1, false), (1, false)).await;
    check_repeated(&[401, 202], (1, false), (1, false)).await;
}

#[tokio::test]
async fn every_attempt_carries_the_same_request_id() {
    let service = Service::answering_in_turn(&[503, 202]).await;
    let hub = service.client().with_retry(at_once(1)).hub(&hub()).with_request_id("7d6f");
    hub.send(&to_everyone()).await.unwrap();
    let requests = service.requests.lock().unwrap();
    let ids: Vec<_> = requests.iter().map(|request| request.header("x-ms-client-request-id")).collect();
    assert_eq!(ids, [Some("7d6f"), Some("7d6f")]);
}

#[tokio::test]
async fn an_answer_that_does_not_come_is_waited_for_again_unless_clients_could_see_it() {
    let service = Service::start(std::future::pending).await;
    let client = service.client().with_timeout(Duration::from_millis(30)).with_retry(at_once(1));
    assert!(matches!(client.hub(&hub()).send(&to_everyone()).await, Err(RestError::Unanswered { .. })));
    assert_eq!(service.count(), 1);
    assert!(matches!(client.hub(&hub()).apply(&add_connection()).await, Err(RestError::Unanswered { .. })));
    assert_eq!(service.count(), 3);
}

#[tokio::test]
async fn a_message_that_found_no_connection_is_sent_again() {
    // A port that only begins to listen once the first attempt has failed.
    let port = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap().port();
    let policy = RetryPolicy { max_retries: 1000, delay: Duration::from_millis(5), ..at_once(0) };
    let policy = RetryPolicy { backoff: Backoff::Fixed, ..policy };
    let client = client(&format!("Endpoint=http://127.0.0.1:{port};AccessKey={KEY}")).with_retry(policy);
    assert!(client.clone().with_retry(RetryPolicy::none()).hub(&hub()).send(&to_everyone()).await.is_err());
    let (hub, message) = (client.hub(&hub()), to_everyone());
    let listening = async {
        let listener = TcpListener::bind(("127.0.0.1", port)).await.unwrap();
        let app = Router::new().fallback(|| std::future::ready(StatusCode::ACCEPTED));
        tokio::spawn(async move { axum::serve(listener, app).await });
    };
    let (sent, ()) = tokio::join!(hub.send(&message), listening);
    sent.unwrap();
}

#[tokio::test]
async fn a_service_that_wants_to_be_left_alone_for_longer_than_there_is_time_is_not_asked_again() {
    let busy = (StatusCode::SERVICE_UNAVAILABLE, [("retry-after", "3600")]);
    let service = Service::answering(busy).await;
    let client = service.client().with_retry(at_once(3)).with_deadline(Duration::from_secs(600));
    let error = client.hub(&hub()).send(&to_everyone()).await.unwrap_err();
    assert_eq!(
        (error.status(), error.retry_after()),
        (Some(StatusCode::SERVICE_UNAVAILABLE), Some(Duration::from_secs(3600)))
    );
    assert_eq!(service.count(), 1);
}

#[tokio::test]
async fn a_deadline_ends_a_call_with_all_its_attempts() {
    let service = Service::start(std::future::pending).await;
    let client = service.client().with_retry(at_once(1000)).with_deadline(Duration::from_millis(50));
    let error = client.hub(&hub()).apply(&add_connection()).await.unwrap_err();
    assert!(matches!(&error, RestError::DeadlineExceeded { deadline, .. } if deadline.as_millis() == 50), "{error:?}");
}

#[tokio::test]
async fn calls_beyond_the_limit_wait_for_their_turn() {
    let (under_way, most) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
    // Each call is answered only together with two others.
    let three = Arc::new(tokio::sync::Barrier::new(3));
    let (count, seen) = (Arc::clone(&under_way), Arc::clone(&most));
    let service = Service::start(move || {
        let (count, seen, three) = (Arc::clone(&count), Arc::clone(&seen), Arc::clone(&three));
        async move {
            seen.fetch_max(count.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
            three.wait().await;
            count.fetch_sub(1, Ordering::SeqCst);
            StatusCode::ACCEPTED.into_response()
        }
    })
    .await;
    let hub = service.client().with_concurrency(3).hub(&hub());
    let message = to_everyone();
    let calls = (0..12).map(|_| hub.send(&message));
    for sent in futures_util::future::join_all(calls).await {
        sent.unwrap();
    }
    assert_eq!((service.count(), most.load(Ordering::SeqCst)), (12, 3));
}

#[tokio::test]
async fn a_call_whose_turn_does_not_come_ends_with_its_deadline() {
    let service = Service::start(std::future::pending).await;
    let client = service.client().with_concurrency(1).with_deadline(Duration::from_millis(50));
    let (hub, message) = (client.hub(&hub()), to_everyone());
    let (first, second) = tokio::join!(hub.send(&message), hub.send(&message));
    assert!(matches!(first, Err(RestError::DeadlineExceeded { .. })));
    assert!(matches!(second, Err(RestError::DeadlineExceeded { .. })));
    assert_eq!(service.count(), 1);
}

#[tokio::test]
async fn a_message_that_was_accepted_is_sent_even_where_the_answer_breaks_off() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(async move {
        let (mut socket, _) = listener.accept().await.unwrap();
        let _ = socket.read(&mut [0; 4096]).await.unwrap();
        socket.write_all(b"HTTP/1.1 202 Accepted\r\ncontent-length: 9\r\n\r\n{").await.unwrap();
    });
    let client = client(&format!("Endpoint=http://127.0.0.1:{port};AccessKey={KEY}"));
    client.hub(&hub()).send(&to_everyone()).await.unwrap();
}
