//! functions-host 3.5 to 3.8: the traps of dates and base64, and outputs beside the response, row by row. A line is as in `section_3`.

use std::sync::Arc;

use axum::Router;
use axum::http::StatusCode;
use axum::routing::{any, post};
use functions_host::events::LogLevel;
use serde_json::json;
use tokio::sync::Barrier;

use super::section_3::{NO_ITEM, PLAIN, Table, answer, app};
use crate::harness::{TestApp, http_and, serve};
use crate::signalr::service;

// 3.5 ISO date trap.
#[tokio::test]
async fn section_3_5_the_iso_date_trap() {
    let table = Table::new().await;
    table
        .row(
            "a body that is exactly a date",
            "play",
            r#"{"Outputs":{"res":{"body":"2024-01-01T00:00:00Z"}}}"#,
            (200, PLAIN, "01/01/2024 00:00:00"),
        )
        .await;
    table
        .row(
            "inside an object",
            "play",
            r#"{"Outputs":{"res":{"body":{"at":"2023-11-14T22:13:20.000Z"}}}}"#,
            (200, PLAIN, "{\n  \"at\": \"2023-11-14T22:13:20Z\"\n}"),
        )
        .await;
    table
        .row(
            "inside a serialised string",
            "play",
            r#"{"Outputs":{"res":{"body":"{\"at\":\"2023-11-14T22:13:20.000Z\"}"}}}"#,
            (200, PLAIN, r#"{"at":"2023-11-14T22:13:20.000Z"}"#),
        )
        .await;
    table.row("inside arguments", "send", r#"{"Outputs":{"res":{},"out":{"target":"t","arguments":["2023-11-14T22:13:20.120Z",["2023-11-14T22:13:20.000Z"]]}}}"#, (200, PLAIN, "")).await;
    assert_eq!(
        table.sent(),
        [
            r#"POST /api/hubs/chat/:send {"Target":"t","Arguments":["2023-11-14T22:13:20.12Z",["2023-11-14T22:13:20Z"]]}"#
        ]
    );
    assert!(table.warned("FH1004 play") && table.warned("FH1004 send"));
}

// 3.5: an offset becomes that of the host.
#[tokio::test]
async fn section_3_5_an_offset_becomes_that_of_the_host() {
    let (connection, calls) = service().await;
    let app = app(&connection).setting("WEBSITE_TIME_ZONE", "Asia/Tokyo");
    let host = app.start_attached(Router::new().fallback(post(answer))).await;
    let table = Table { host, calls };
    table
        .row(
            "an argument",
            "send",
            r#"{"Outputs":{"res":{},"out":{"target":"t","arguments":["2023-11-14T22:13:20+01:00"]}}}"#,
            (200, PLAIN, ""),
        )
        .await;
    assert_eq!(table.sent(), [r#"POST /api/hubs/chat/:send {"Target":"t","Arguments":["2023-11-15T06:13:20+09:00"]}"#]);
}

// 3.6 Base64 trap.
#[tokio::test]
async fn section_3_6_the_base64_trap() {
    let table = Table::new().await;
    table.fails("a plain string for any output", "send", r#"{"Outputs":{"res":{},"out":"abcd"}}"#, &[], NO_ITEM).await;
    assert!(table.warned("FH1003 send"), "{:?}", table.host.events.logs(LogLevel::Warning));
    let table = Table::new().await;
    table.row("ReturnValue with $return", "return", r#"{"ReturnValue":"aGVsbG8="}"#, (200, "", "hello")).await;
    table.row("ReturnValue without", "play", r#"{"ReturnValue":"aGVsbG8="}"#, (200, PLAIN, "aGVsbG8=")).await;
    table
        .row(
            "not an http output with an ordinary name",
            "play",
            r#"{"Outputs":{"res":{"body":"aGVsbG8="}}}"#,
            (200, PLAIN, "aGVsbG8="),
        )
        .await;
    table
        .row(
            "not objects",
            "send",
            r#"{"Outputs":{"res":{},"out":{"target":"abcd","arguments":["abcd"]}}}"#,
            (200, PLAIN, ""),
        )
        .await;
    assert_eq!(table.sent(), [r#"POST /api/hubs/chat/:send {"Target":"abcd","Arguments":["abcd"]}"#]);
    assert!(!table.warned("FH1003 send"));
}

// 3.6: `"dataType":"binary"` keeps the text, which is no item then, and nobody is warned.
#[tokio::test]
async fn section_3_6_data_type_binary_keeps_the_text() {
    let (connection, calls) = service().await;
    let out = json!({"type": "signalR", "direction": "out", "name": "out", "hubName": "chat", "dataType": "binary"});
    let app = TestApp::new().setting("AzureSignalRConnectionString", &connection).function("send", &http_and(&[out]));
    let host = app.start_attached(Router::new().fallback(post(answer))).await;
    let table = Table { host, calls };
    table.fails("a plain string", "send", r#"{"Outputs":{"res":{},"out":"abcd"}}"#, &[], NO_ITEM).await;
    assert!(!table.warned("FH1003"));
}

// 3.7 Order and failure of outputs.
#[tokio::test]
async fn section_3_7_a_failure_in_any_output_fails_the_invocation() {
    let table = Table::new().await;
    table
        .fails(
            "although res was fine",
            "both",
            r#"{"Outputs":{"res":{"body":"x"},"first":[5],"second":{"target":"t"}}}"#,
            &[],
            NO_ITEM,
        )
        .await;
    assert_eq!(table.sent().len(), 1, "part of the outputs is sent");
    let items = r#"{"Outputs":{"res":{},"first":[{"target":"a"},{"target":"b","groupName":"bad"},{"target":"c"}]}}"#;
    table
        .fails("items one after another", "both", items, &[], "Azure SignalR service runtime error. Request Uri: ")
        .await;
    let sent = table.sent();
    assert!(sent.len() == 2 && sent[0].contains(r#""Target":"a""#) && sent[1].contains(r#""Target":"b""#), "{sent:?}");
    let table = Table::new().await;
    table.row("null", "both", r#"{"Outputs":{"res":{},"first":null}}"#, (200, PLAIN, "")).await;
    table.row("missing", "both", r#"{"Outputs":{"res":{}}}"#, (200, PLAIN, "")).await;
    assert!(table.sent().is_empty());
}

// 3.7: the bindings of one invocation run concurrently.
#[tokio::test]
async fn section_3_7_outputs_are_sent_at_the_same_time() {
    // Answers a call only when the other one has come, too.
    let both = Arc::new(Barrier::new(2));
    let address = serve(Router::new().fallback(any(async move || {
        both.wait().await;
        StatusCode::ACCEPTED
    })))
    .await;
    let key = "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789ABCDEFGH";
    let app = app(&format!("Endpoint=http://{address};AccessKey={key};Version=1.0;"));
    let host = app.start_attached(Router::new().fallback(post(answer))).await;
    let outputs = r#"{"Outputs":{"res":{"body":"x"},"first":{"target":"t"},"second":{"target":"t"}}}"#;
    assert_eq!(host.post("/api/both", outputs).await.status(), 200);
}

// 3.8 SignalR output in short.
#[tokio::test]
async fn section_3_8_signalr_output() {
    let table = Table::new().await;
    for (row, value, count) in [
        ("an object is one item", r#"{"target":"t"}"#, 1),
        ("an array of objects is many", r#"[{"target":"t"},{"target":"u"}]"#, 2),
        ("[] is none", "[]", 0),
        ("null is none", "null", 0),
        ("a string holding an object", r#""{\"target\":\"t\"}""#, 1),
        ("a string holding an array", r#""[{\"target\":\"t\"},{\"target\":\"u\"}]""#, 2),
    ] {
        table.row(row, "send", &format!(r#"{{"Outputs":{{"res":{{}},"out":{value}}}}}"#), (200, PLAIN, "")).await;
        assert_eq!(table.sent().len(), count, "{row}");
    }
    table.row("missing is none", "send", r#"{"Outputs":{"res":{}}}"#, (200, PLAIN, "")).await;
    for value in ["5", "true", "\"other text\"", "[5]", "[[]]", "[null]"] {
        table
            .fails("anything else", "send", &format!(r#"{{"Outputs":{{"res":{{}},"out":{value}}}}}"#), &[], NO_ITEM)
            .await;
    }
    assert!(table.sent().is_empty());
}
