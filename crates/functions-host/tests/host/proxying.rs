//! Proxying mode: what goes in and comes out is passed on as it comes (functions-host 2.8).

use std::sync::{Arc, Mutex};

use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::Request;
use axum::response::{IntoResponse as _, Response};
use axum::routing::any;
use functions_host::events::HostEvent;
use futures_util::{StreamExt as _, stream};
use http::request::Parts;
use http::{Method, StatusCode};
use serde_json::json;
use tokio::sync::mpsc;

use crate::harness::{Running, TestApp, http, http_and};

type Chunk = Result<&'static str, std::io::Error>;

async fn host(handler: Router) -> Running {
    app().start_attached(handler).await
}

fn app() -> TestApp {
    TestApp::new().function("f", &http()).host_json("/customHandler", "enableProxyingHttpRequest", json!(true))
}

/// A body whose chunks a test sends one by one.
fn chunks() -> (mpsc::Sender<Chunk>, impl futures_util::Stream<Item = Chunk> + Send + 'static) {
    let (sender, mut receiver) = mpsc::channel(1);
    (sender, stream::poll_fn(move |context| receiver.poll_recv(context)))
}

/// How the one invocation ended: its error text.
async fn end(host: &Running) -> Option<String> {
    let ended = |event: &HostEvent| match event {
        HostEvent::Executed { error, .. } => Some(error.clone()),
        _ => None,
    };
    host.events.wait_for("the end", ended).await
}

#[tokio::test]
async fn both_directions_are_streamed_at_the_same_time() {
    let echo = |request: Request| async { Response::new(request.into_body()) };
    let host = host(Router::new().fallback(any(echo))).await;
    let (sender, body) = chunks();
    sender.send(Ok("one")).await.unwrap();
    let request = host.http.post(host.url("/api/f")).body(reqwest::Body::wrap_stream(body));
    let mut answer = request.send().await.unwrap().bytes_stream();
    assert_eq!(answer.next().await.unwrap().unwrap(), "one");
    // The answer to the first chunk is here, and only now the second is sent.
    sender.send(Ok("two")).await.unwrap();
    assert_eq!(answer.next().await.unwrap().unwrap(), "two");
    drop(sender);
    assert!(answer.next().await.is_none());
    assert_eq!(end(&host).await, None);
}

#[tokio::test]
async fn the_request_arrives_as_it_was_sent_with_the_hosts_own_headers() {
    let received: Arc<Mutex<Option<(Parts, Bytes)>>> = Arc::default();
    let record = Arc::clone(&received);
    let handler = move |request: Request| async move {
        let (parts, body) = request.into_parts();
        let body = axum::body::to_bytes(body, 100).await.unwrap();
        *record.lock().unwrap() = Some((parts, body));
        (StatusCode::TEMPORARY_REDIRECT, [("location", "/elsewhere"), ("x-mine", "a")], [("x-mine", "b")], "moved")
            .into_response()
    };
    let host = host(Router::new().fallback(any(handler))).await;
    let request = host.http.put(host.url("/api/f?b=2&a=x%20y&b=+1")).header("X-Azure-Functions-InvocationId", "mine");
    let request = request.header("user-agent", "me/1").header("x-two", "a").header("x-two", "b");
    let response = request.body("body").send().await.unwrap();
    assert_eq!((response.status().as_u16(), response.headers()["location"].to_str().unwrap()), (307, "/elsewhere"));
    assert_eq!(response.text().await.unwrap(), "moved");
    let (Parts { method, uri, headers, .. }, body) = received.lock().unwrap().take().unwrap();
    assert_eq!((method, uri.to_string().as_str()), (Method::PUT, "/api/f?b=2&a=x%20y&b=+1"));
    assert_eq!(body, "body");
    assert_eq!(headers.get_all("x-two").iter().count(), 2);
    assert_eq!((&headers["user-agent"], &headers["content-length"]), (&"me/1".parse().unwrap(), &"4".parse().unwrap()));
    assert_eq!(headers["host"], host.host.address().to_string().as_str());
    let executing = |event: &HostEvent| match event {
        HostEvent::Executing { id, .. } => Some(id.to_string()),
        _ => None,
    };
    let id = host.events.wait_for("the start", executing).await;
    assert_eq!(headers.get_all("x-azure-functions-invocationid").iter().collect::<Vec<_>>(), [id.as_str()]);
}

#[tokio::test]
async fn a_response_that_breaks_off_does_not_look_whole() {
    let (sender, body) = chunks();
    let body = Arc::new(Mutex::new(Some(body)));
    let handler = move || async move { Body::from_stream(body.lock().unwrap().take().unwrap()) };
    let host = host(Router::new().fallback(any(handler))).await;
    sender.send(Ok("half")).await.unwrap();
    let response = host.get("/api/f").await;
    assert_eq!(response.status(), 200);
    sender.send(Err(std::io::Error::other("broken"))).await.unwrap();
    assert!(response.bytes().await.is_err());
    assert_eq!(
        end(&host).await.as_deref(),
        Some("Failed to proxy request with ForwarderError: ResponseBodyDestination")
    );
}

#[tokio::test]
async fn a_caller_who_leaves_ends_the_invocation() {
    let (sender, body) = chunks();
    let body = Arc::new(Mutex::new(Some(body)));
    let handler = move || async move { Body::from_stream(body.lock().unwrap().take().unwrap()) };
    let host = host(Router::new().fallback(any(handler))).await;
    sender.send(Ok("half")).await.unwrap();
    drop(host.get("/api/f").await);
    assert_eq!(end(&host).await.as_deref(), Some("Failed to proxy request with ForwarderError: RequestCanceled"));
}

#[tokio::test]
async fn a_handler_that_is_gone_gives_500_without_a_body() {
    let nobody = crate::harness::listener().await.local_addr().unwrap();
    let worker = functions_host::host::WorkerSource::Attached(nobody);
    let host = app().start_on(crate::harness::listener().await, worker, |_| {}).await;
    let response = host.get("/api/f").await;
    assert_eq!((response.status().as_u16(), response.text().await.unwrap()), (500, String::new()));
    assert_eq!(end(&host).await.as_deref(), Some("Failed to proxy request with ForwarderError: Request"));
}

#[tokio::test]
async fn functions_with_other_bindings_get_an_envelope_all_the_same() {
    let output = json!({"type": "signalR", "direction": "out", "name": "messages", "hubName": "chat"});
    let answer = || async { axum::Json(json!({"Outputs": {"res": {"body": "from an envelope"}}})) };
    let app = app().function("g", &http_and(&[output]));
    let host = app.start_attached(Router::new().route("/g", any(answer))).await;
    assert_eq!(host.get("/api/g").await.text().await.unwrap(), "from an envelope");
}
