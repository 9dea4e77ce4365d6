//! Retry policies: failed invocations are tried again, whatever triggered them.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::Router;
use axum::http::StatusCode;
use axum::response::{IntoResponse as _, Response};
use axum::routing::post;
use functions_host::clock::VirtualClock;
use functions_host::events::{HostEvent, LogLevel};
use serde_json::{Value, json};

use crate::harness::{Running, TestApp, http};

type Contexts = Arc<Mutex<Vec<Value>>>;

/// A host whose functions fail `failures` times and succeed then, and the retry contexts that they have got.
async fn host(failures: usize) -> (Running, Contexts) {
    let contexts = Contexts::default();
    let record = Arc::clone(&contexts);
    let answer = move |invocation: String| async move { answer(&record, failures, &invocation) };
    let retry = json!({"strategy": "fixedDelay", "maxRetryCount": 2, "delayInterval": "00:00:00.001"});
    let timer = json!([{"type": "timerTrigger", "name": "t", "schedule": "0 0 0 1 1 *", "useMonitor": false}]);
    let host = TestApp::new()
        .function_json("f", &json!({"retry": retry, "bindings": http()}))
        .function_json("tick", &json!({"retry": retry, "bindings": timer}))
        .start_attached(Router::new().fallback(post(answer)))
        .await;
    (host, contexts)
}

fn answer(contexts: &Contexts, failures: usize, invocation: &str) -> Response {
    let invocation: Value = serde_json::from_str(invocation).unwrap();
    let mut contexts = contexts.lock().unwrap();
    contexts.push(invocation["Metadata"]["RetryContext"].clone());
    if contexts.len() <= failures {
        return StatusCode::INTERNAL_SERVER_ERROR.into_response();
    }
    axum::Json(json!({"Outputs": {"res": {"body": "at last"}}})).into_response()
}

fn counts(contexts: &Contexts) -> Vec<u64> {
    contexts.lock().unwrap().iter().map(|context| context["RetryCount"].as_u64().unwrap()).collect()
}

#[tokio::test]
async fn a_call_that_fails_twice_succeeds_at_the_third_attempt() {
    let (host, contexts) = host(2).await;
    let response = host.get("/api/f").await;
    assert_eq!((response.status().as_u16(), response.text().await.unwrap()), (200, "at last".to_owned()));
    assert_eq!(counts(&contexts), [0, 1, 2]);
    let contexts = contexts.lock().unwrap().clone();
    assert_eq!(contexts[0], json!({"RetryCount": 0, "MaxRetryCount": 2, "Exception": null}));
    assert_eq!(contexts[1]["Exception"]["Message"], "Exception while executing function: Functions.f");
    let ended = |event: HostEvent| match event {
        HostEvent::Executed { id, .. } => Some(id),
        _ => None,
    };
    let ids: Vec<_> = host.events.all().into_iter().filter_map(ended).collect();
    assert!(ids.len() == 3 && ids[0] != ids[1] && ids[1] != ids[2], "{ids:?}");
    let waiting =
        "Waiting for `00:00:00.0010000` before retrying function execution. Next attempt: '1'. Max retry count: '2'.";
    host.events.wait_for_log(LogLevel::Debug, waiting).await;
}

#[tokio::test]
async fn a_call_that_fails_more_often_is_given_up() {
    let (host, contexts) = host(9).await;
    assert_eq!(host.get("/api/f").await.status(), 500);
    assert_eq!(counts(&contexts), [0, 1, 2]);
    host.events.wait_for_log(LogLevel::Error, "Function execution failed after '2' retries.").await;
    let drain: Value = host.get("/admin/host/drain/status").await.json().await.unwrap();
    assert_eq!(drain["outstandingRetries"], 0);
    let told = host.events.logs(LogLevel::Warning);
    assert!(told.iter().any(|told| told.starts_with("FH2009 f: Soon retries will not be supported for function 'f'.")));
    assert!(!told.iter().any(|told| told.starts_with("FH2009 tick")), "{told:?}");
}

#[tokio::test]
async fn a_timer_is_tried_again_too() {
    let (host, contexts) = host(1).await;
    let report = host.host.invoke("tick", None).await.unwrap();
    assert_eq!((report.error, counts(&contexts)), (None, vec![0, 1]));
}

#[tokio::test]
async fn pauses_of_an_http_function_pass_by_a_virtual_clock() {
    let (time, contexts) = (VirtualClock::starting_now(), Contexts::default());
    let record = Arc::clone(&contexts);
    let answer = move |invocation: String| async move { answer(&record, 2, &invocation) };
    let retry = json!({"strategy": "exponentialBackoff", "maxRetryCount": 2, "minimumInterval": "1.00:00:00", "maximumInterval": "2.00:00:00"});
    let app = TestApp::new().function_json("f", &json!({"retry": retry, "bindings": http()}));
    let handler = Router::new().fallback(post(answer));
    let host = app.start_attached_with(handler, |options| options.clock = time.clock()).await;
    let call = tokio::spawn(host.http.get(host.url("/api/f")).send());
    host.events.wait_for_log(LogLevel::Debug, "Waiting for `1.00:00:00` before retrying function execution.").await;
    time.advance(Duration::from_secs(5 * 86_400)).await;
    assert_eq!(call.await.unwrap().unwrap().text().await.unwrap(), "at last");
    assert_eq!(counts(&contexts), [0, 1, 2]);
}
