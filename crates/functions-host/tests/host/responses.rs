//! What an HTTP caller gets for each kind of answer of the handler (functions-host 3.1 to 3.6).
//!
//! Two rows of 3.2 are no answers and are in `supervision`: a connection that is refused or reset, and an answer that is too slow.

use std::path::{Path, PathBuf};

use axum::Router;
use axum::http::{StatusCode, header::CONTENT_TYPE};
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use functions_host::events::{HostEvent, LogLevel};
use serde_json::{Value, json};

use crate::harness::{Running, TestApp, http};

/// A handler whose function `play` answers as the caller says: status, content type and body.
async fn play(invocation: String) -> Response {
    let invocation: Value = serde_json::from_str(&invocation).unwrap();
    let script: Value = serde_json::from_str(invocation["Data"]["req"]["Body"].as_str().unwrap()).unwrap();
    let status = StatusCode::from_u16(u16::try_from(script["status"].as_u64().unwrap()).unwrap()).unwrap();
    let body = script["body"].as_str().unwrap().to_owned();
    match script["contentType"].as_str() {
        Some(content_type) => (status, [(CONTENT_TYPE, content_type.to_owned())], body).into_response(),
        None => (status, axum::body::Body::from(body)).into_response(),
    }
}

async fn host() -> Running {
    let returning = vec![
        json!({"type": "httpTrigger", "direction": "in", "name": "req", "authLevel": "anonymous"}),
        json!({"type": "http", "direction": "out", "name": "$return"}),
    ];
    let handler = Router::new().route("/play", post(play)).route("/return", post(play));
    TestApp::new().function("play", &http()).function("return", &returning).start_attached(handler).await
}

async fn played(host: &Running, function: &str, script: &Value) -> (u16, String, String) {
    let response = host.post(&format!("/api/{function}"), script.to_string()).await;
    let content_type = response.headers().get(CONTENT_TYPE).map_or("", |value| value.to_str().unwrap()).to_owned();
    (response.status().as_u16(), content_type, response.text().await.unwrap())
}

/// One row: the JSON that the handler answers with, and what the caller gets.
async fn row(host: &Running, function: &str, answer: &Value, expected: (u16, &str, &str)) {
    let script = json!({"status": 200, "contentType": "application/json", "body": answer.to_string()});
    let (status, content_type, body) = expected;
    assert_eq!(played(host, function, &script).await, (status, content_type.to_owned(), body.to_owned()), "{answer}");
}

const PLAIN: &str = "text/plain; charset=utf-8";

/// A row of functions-host 3.1 to 3.6: what the handler answers, and what follows. Files of `custom-handler`, which checks them
/// against what it can write.
#[derive(serde::Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Row {
    http_output: String,
    handler: HandlerAnswer,
    caller: Caller,
    /// How the error of the invocation begins; none when it succeeds.
    error: Option<String>,
}

#[derive(serde::Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct HandlerAnswer {
    status: u16,
    content_type: Option<String>,
    json: Option<Value>,
    text: Option<String>,
}

#[derive(serde::Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Caller {
    status: u16,
    content_type: String,
    body: String,
}

fn rows() -> Vec<(String, Row)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../custom-handler/fixtures/answers");
    let files = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let row = |file: PathBuf| {
        let name = file.file_stem().unwrap().to_str().unwrap().to_owned();
        let row = serde_json::from_str(&std::fs::read_to_string(&file).unwrap());
        (name.clone(), row.unwrap_or_else(|error| panic!("{name}: {error}")))
    };
    let mut rows: Vec<_> = files.map(row).collect();
    rows.sort_by(|(one, _), (other, _)| one.cmp(other));
    rows
}

#[tokio::test]
async fn each_row_of_the_response_table_reaches_the_caller() {
    let host = host().await;
    let rows = rows();
    // `custom-handler` has the list of them, and misses none.
    assert!(rows.len() > 40, "there are only {} rows", rows.len());
    for (name, Row { http_output, handler, caller, error }) in rows {
        let function = if http_output == "$return" { "return" } else { "play" };
        let body = handler.text.or(handler.json.map(|json| json.to_string())).unwrap();
        let script = json!({"status": handler.status, "contentType": handler.content_type, "body": body});
        assert_eq!(played(&host, function, &script).await, (caller.status, caller.content_type, caller.body), "{name}");
        match (host.last_error(), error) {
            (Some(last), Some(error)) => assert!(last.starts_with(&error), "{name}: {last}"),
            (last, error) => assert_eq!(last, error, "{name}"),
        }
    }
}

#[tokio::test]
async fn an_answer_outside_2xx_fails_a_timer_too() {
    let timer =
        json!({"type": "timerTrigger", "direction": "in", "name": "t", "schedule": "0 0 0 1 1 *", "useMonitor": false});
    let handler = Router::new().route("/tick", post(async || StatusCode::INTERNAL_SERVER_ERROR));
    let host = TestApp::new().function("tick", &[timer]).start_attached(handler).await;
    assert_eq!(host.by_hand("tick", "{}").await.status(), 202);
    let failed = |event: &HostEvent| match event {
        HostEvent::Executed { function, error, .. } if function == "tick" => Some(error.clone()),
        _ => None,
    };
    let error = host.events.wait_for("the timer has run", failed).await;
    let expected = "Response status code does not indicate success: 500 (Internal Server Error).";
    assert_eq!(error.as_deref(), Some(expected));
}

#[tokio::test]
async fn a_header_that_cannot_be_written_is_500_although_the_invocation_succeeded() {
    let host = host().await;
    row(&host, "play", &json!({"Outputs": {"res": {"headers": {"x": null}}}}), (500, "", "")).await;
    assert_eq!(host.last_error(), None);
    host.events.wait_for_log(LogLevel::Error, "Object reference not set to an instance of an object.").await;
}

#[tokio::test]
async fn logs_are_told_unless_the_status_is_outside_2xx() {
    let host = host().await;
    let body = json!({"Logs": ["one", "two"], "Outputs": {"res": {}}}).to_string();
    played(&host, "play", &json!({"status": 500, "contentType": "application/json", "body": body})).await;
    played(&host, "play", &json!({"status": 200, "contentType": "application/json", "body": body})).await;
    let line = |event: HostEvent| match event {
        HostEvent::FunctionLog { function, line, .. } => Some(format!("{function}: {line}")),
        _ => None,
    };
    let lines: Vec<_> = host.events.all().into_iter().filter_map(line).collect();
    assert_eq!(lines, ["play: one", "play: two"]);
}

#[tokio::test]
async fn silent_surprises_are_told_as_warnings() {
    let host = host().await;
    let answer = json!({"Outputs": {"res": {"status": 404, "body": "x"}, "Res": {}}});
    row(&host, "play", &answer, (200, PLAIN, "x")).await;
    host.events.wait_for_log(LogLevel::Warning, "FH1005 play: `status` of the response is ignored").await;
    host.events.wait_for_log(LogLevel::Warning, "FH1002 play: `Outputs.Res` goes nowhere").await;
}

#[tokio::test]
async fn an_invocation_is_told_from_start_to_end_under_one_id() {
    let host = host().await;
    row(&host, "play", &json!({"Outputs": {"res": {}}}), (200, PLAIN, "")).await;
    let started = host.events.wait_for("executing", |event| match event {
        HostEvent::Executing { function, id, reason, .. } => Some((function.clone(), *id, reason.clone())),
        _ => None,
    });
    let (function, id, reason) = started.await;
    assert_eq!(function, "play");
    assert_eq!(reason, "This function was programmatically called via the host APIs.");
    let ended = host.events.wait_for("executed", |event| match event {
        HostEvent::Executed { id, error, .. } => Some((*id, error.clone())),
        _ => None,
    });
    assert_eq!(ended.await, (id, None));
}
