//! What an HTTP caller gets for each kind of answer of the handler (functions-host 3.2 to 3.4).

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
const JSON: &str = "application/json; charset=utf-8";

#[tokio::test]
async fn each_row_of_the_response_table_reaches_the_caller() {
    let host = host().await;
    let rows = [
        (json!({}), (204, "", "")),
        (json!({"Outputs": null, "ReturnValue": null}), (204, "", "")),
        (json!({"Outputs": {}}), (200, PLAIN, "{}")),
        (json!({"Outputs": {"res": {"statusCode": 201, "body": "x"}}}), (201, PLAIN, "x")),
        (json!({"Outputs": {"res": "{\"statusCode\":\"202\",\"body\":\"x\"}"}}), (202, PLAIN, "x")),
        (json!({"Outputs": {"res": null}}), (500, "", "")),
        (json!({"Outputs": {"res": 5}}), (500, "", "")),
        (json!({"Outputs": {"res": "text"}}), (500, "", "")),
        (json!({"Outputs": {"res": {"status": 404, "body": "x"}}}), (200, PLAIN, "x")),
        (json!({"Outputs": {"res": {"body": {"ok": true}}}}), (200, PLAIN, "{\n  \"ok\": true\n}")),
        (json!({"Outputs": {"res": {"body": true}}}), (200, PLAIN, "True")),
        (json!({"Outputs": {"res": {"body": 5}}}), (200, PLAIN, "5")),
        (json!({"Outputs": {"res": {"body": null}}}), (200, PLAIN, "")),
        (
            json!({"Outputs": {"res": {"headers": {"content-type": "application/json"}, "body": "{}"}}}),
            (200, JSON, "{}"),
        ),
        (json!({"Outputs": {"res": {"headers": {"x": null}}}}), (500, "", "")),
        (json!({"Outputs": {"res": {"headers": {"x": ["a"]}}}}), (500, "", "")),
        (json!({"ReturnValue": "text"}), (200, PLAIN, "text")),
        (json!({"ReturnValue": [1]}), (200, JSON, "[1]")),
        (json!({"ReturnValue": {"res": {"statusCode": 203, "body": "merged"}}}), (203, PLAIN, "merged")),
    ];
    for (answer, expected) in &rows {
        row(&host, "play", answer, *expected).await;
    }
}

#[tokio::test]
async fn a_return_binding_makes_the_return_value_the_response() {
    let host = host().await;
    row(&host, "return", &json!({"ReturnValue": {"statusCode": 201, "body": "x"}}), (201, PLAIN, "x")).await;
    row(&host, "return", &json!({"ReturnValue": "plain text"}), (200, PLAIN, "plain text")).await;
    row(&host, "return", &json!({"ReturnValue": "aGVsbG8="}), (200, "", "hello")).await;
    row(&host, "return", &json!({}), (204, "", "")).await;
}

/// The caller gets 500 with an empty body, and the invocation has failed with `error`.
async fn fails(host: &Running, script: &Value, error: &str) {
    assert_eq!(played(host, "play", script).await, (500, String::new(), String::new()), "{script}");
    let last = host.last_error().unwrap_or_default();
    assert!(last.starts_with(error), "{script}: {last}");
}

#[tokio::test]
async fn answers_that_are_no_envelope_fail_the_invocation() {
    let host = host().await;
    let json = "application/json";
    for (status, content_type, body, error) in [
        (404, Some(json), "{}", "Response status code does not indicate success: 404 (Not Found)."),
        (500, None, "", "Response status code does not indicate success: 500 (Internal Server Error)."),
        (200, Some("text/plain"), "{}", "Invalid HttpResponseMessage:\n"),
        (200, None, "{}", "Invalid HttpResponseMessage:\n"),
        (200, Some(json), "{\"Outputs\":", "Invalid HttpResponseMessage:\n"),
        (200, Some(json), "{\"Logs\":[{}]}", "Invalid HttpResponseMessage:\n"),
        (200, Some(json), "null", "the handler answered 200 with the body `null`"),
        (
            200,
            Some(json),
            "",
            "the handler answered 200 with an empty body; the real host never ends such an invocation",
        ),
    ] {
        let script = json!({"status": status, "contentType": content_type, "body": body});
        fails(&host, &script, error).await;
    }
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
