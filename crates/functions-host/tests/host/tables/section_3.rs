//! functions-host 3.1 and 3.2, "The response in default mode": what follows from each answer of the handler, row by row. The files
//! `section_3_3` and `section_3_5` go on.
//!
//! A line is: the row, the function, the handler's answer, what the caller gets. Functions: `play` has the HTTP output `res`, `return`
//! has one named `$return`, `send` has `res` and the SignalR output `out`, `both` has two SignalR outputs.

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::Request;
use axum::http::header::{CONTENT_TYPE, HeaderValue};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse as _, Response};
use axum::routing::post;
use functions_host::clock::VirtualClock;
use functions_host::events::{HostEvent, LogLevel};
use functions_host::host::WorkerSource;
use serde_json::{Value, json};
use tokio::sync::Notify;

use crate::harness::{Running, TestApp, http, http_and, listener};
use crate::signalr::{Calls, service};

pub(super) const PLAIN: &str = "text/plain; charset=utf-8";
pub(super) const NO_ITEM: &str = "Value cannot be null. (Parameter 'item')";

/// The answer is the body of the caller; its status and content type come in headers, which are 200 and JSON otherwise.
pub(super) async fn answer(request: Request) -> Response {
    let body = axum::body::to_bytes(request.into_body(), 1024 * 1024).await.unwrap();
    let invocation: Value = serde_json::from_slice(&body).unwrap();
    let request = &invocation["Data"]["req"];
    let header = |name: &str| request["Headers"][name][0].as_str().map(str::to_owned);
    let status = header("x-status").map_or(StatusCode::OK, |status| status.parse().unwrap());
    let mut response = (status, request["Body"].as_str().unwrap_or_default().to_owned()).into_response();
    response.headers_mut().remove(CONTENT_TYPE);
    match header("x-type").as_deref() {
        Some("none") => {}
        Some(given) => drop(response.headers_mut().insert(CONTENT_TYPE, given.parse().unwrap())),
        None => drop(response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/json"))),
    }
    response
}

pub(super) struct Table {
    pub(super) host: Running,
    pub(super) calls: Calls,
}

pub(super) fn app(connection: &str) -> TestApp {
    let signalr = |name: &str| json!({"type": "signalR", "direction": "out", "name": name, "hubName": "chat"});
    let named = |name: &str| {
        let mut bindings = http();
        bindings[1]["name"] = json!(name);
        bindings
    };
    TestApp::new()
        .setting("AzureSignalRConnectionString", connection)
        .function("play", &http())
        .function("return", &named("$return"))
        .function("send", &http_and(&[signalr("out")]))
        .function("both", &http_and(&[signalr("first"), signalr("second")]))
}

impl Table {
    pub(super) async fn new() -> Table {
        let (connection, calls) = service().await;
        let host = app(&connection).start_attached(Router::new().fallback(post(answer))).await;
        Table { host, calls }
    }

    /// Status, content type and body that the caller gets, and all headers.
    pub(super) async fn call(
        &self,
        function: &str,
        answer: &str,
        headers: &[(&str, &str)],
    ) -> (u16, String, String, HeaderMap) {
        let mut request = self.host.http.post(self.host.url(&format!("/api/{function}"))).body(answer.to_owned());
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let response = request.send().await.unwrap();
        let headers = response.headers().clone();
        let content_type = headers.get(CONTENT_TYPE).map_or("", |value| value.to_str().unwrap()).to_owned();
        (response.status().as_u16(), content_type, response.text().await.unwrap(), headers)
    }

    pub(super) async fn row(&self, row: &str, function: &str, answer: &str, caller: (u16, &str, &str)) {
        let (status, content_type, body, _) = self.call(function, answer, &[]).await;
        assert_eq!((status, content_type.as_str(), body.as_str()), caller, "{row}: {answer}");
        assert_eq!(self.host.last_error(), None, "{row}: {answer}");
    }

    /// The invocation fails with an error that begins like this, and the caller gets 500 with an empty body.
    pub(super) async fn fails(&self, row: &str, function: &str, answer: &str, headers: &[(&str, &str)], error: &str) {
        let (status, content_type, body, _) = self.call(function, answer, headers).await;
        assert_eq!((status, content_type.as_str(), body.as_str()), (500, "", ""), "{row}: {answer}");
        let found = self.host.last_error().unwrap_or_default();
        assert!(found.starts_with(error), "{row}: {answer}: {found}");
    }

    /// The response cannot be written: the caller gets 500, although the invocation has succeeded.
    pub(super) async fn cannot_be_written(&self, row: &str, answer: &str, error: &str) {
        let (status, content_type, body, _) = self.call("play", answer, &[]).await;
        assert_eq!((status, content_type.as_str(), body.as_str()), (500, "", ""), "{row}: {answer}");
        assert_eq!(self.host.last_error(), None, "{row}: {answer}");
        self.host.events.wait_for_log(LogLevel::Error, error).await;
    }

    /// What has reached the service since the last time.
    pub(super) fn sent(&self) -> Vec<String> {
        std::mem::take(&mut *self.calls.lock().unwrap())
    }

    pub(super) fn logged(&self) -> Vec<String> {
        let line = |event: HostEvent| match event {
            HostEvent::FunctionLog { function, line, .. } => Some(format!("{function}: {line}")),
            _ => None,
        };
        self.host.events.all().into_iter().filter_map(line).collect()
    }

    pub(super) fn warned(&self, code: &str) -> bool {
        self.host.events.logs(LogLevel::Warning).iter().any(|line| line.starts_with(code))
    }
}

// 3.1 Envelope.
#[tokio::test]
async fn section_3_1_the_envelope() {
    let table = Table::new().await;
    let fine = r#"{"Outputs":{"res":{"statusCode":201,"body":"x"}}}"#;
    for (row, headers) in [
        ("any 2xx", [("x-status", "299"), ("x-type", "application/json")]),
        ("application/json with a charset", [("x-status", "200"), ("x-type", "Application/JSON; charset=utf-8")]),
        ("text/json", [("x-status", "201"), ("x-type", "text/json")]),
        ("text/json with a charset", [("x-status", "200"), ("x-type", "text/json; charset=utf-8")]),
    ] {
        let (status, content_type, body, _) = table.call("play", fine, &headers).await;
        assert_eq!((status, content_type.as_str(), body.as_str()), (201, PLAIN, "x"), "{row}");
    }
    table
        .row(
            "member names in any case",
            "play",
            r#"{"OUTPUTS":{"res":{"body":"x"}},"logs":[],"returnValue":null}"#,
            (200, PLAIN, "x"),
        )
        .await;
    table.row("unknown members", "play", r#"{"Outputs":{"res":{"body":"x"}},"more":{"a":1}}"#, (200, PLAIN, "x")).await;
    table
        .row(
            "keys inside Outputs are case-sensitive",
            "play",
            r#"{"Outputs":{"Res":{"body":"x"}}}"#,
            (200, PLAIN, "{}"),
        )
        .await;
    table
        .row(
            "a key that no binding declares",
            "send",
            r#"{"Outputs":{"res":{"body":"x"},"queue":[{"target":"t"}]}}"#,
            (200, PLAIN, "x"),
        )
        .await;
    assert!(table.sent().is_empty());
    assert!(table.logged().is_empty());
    table
        .row("entries of Logs", "play", r#"{"Outputs":{"res":{"body":"x"}},"Logs":["one","two"]}"#, (200, PLAIN, "x"))
        .await;
    assert_eq!(table.logged(), ["play: one", "play: two"]);
    table
        .fails(
            "an object among them",
            "play",
            r#"{"Outputs":{"res":{"body":"x"}},"Logs":["three",{"a":1}]}"#,
            &[],
            "Invalid HttpResponseMessage:\n",
        )
        .await;
    assert_eq!(table.logged().len(), 2);
}

// 3.1, last point: what is missing is logged at Debug, with the id of the invocation.
#[tokio::test]
async fn section_3_1_missing_members_are_logged() {
    let table = Table::new().await;
    table.row("neither", "play", "{}", (204, "", "")).await;
    let id = table.host.events.wait_for("the end", |event| match event {
        HostEvent::Executed { id, .. } => Some(*id),
        _ => None,
    });
    let id = id.await;
    let expected =
        ["Outputs", "ReturnValue"].map(|name| format!("{name} not set on http response for invocationId:{id}"));
    let logs = table.host.events.logs(LogLevel::Debug);
    assert_eq!(
        logs.iter().filter(|line| line.contains("not set on http response")).collect::<Vec<_>>(),
        expected.iter().collect::<Vec<_>>()
    );
}

// 3.2 What the host makes of the handler's answer, rows 1 to 4.
#[tokio::test]
async fn section_3_2_answers_that_fail_the_invocation() {
    let table = Table::new().await;
    let whole = r#"{"Outputs":{"res":{"body":"x"},"out":{"target":"t"}},"Logs":["line"]}"#;
    let success = "Response status code does not indicate success: ";
    for (row, status, text) in [
        ("1: 404", "404", "404 (Not Found)."),
        ("1: 500", "500", "500 (Internal Server Error)."),
        ("1: 400", "400", "400 (Bad Request)."),
        ("1: 302", "302", "302 (Found)."),
    ] {
        table.fails(row, "send", whole, &[("x-status", status)], &format!("{success}{text}")).await;
        assert_eq!(table.host.last_error().unwrap(), format!("{success}{text}"));
    }
    assert!(table.sent().is_empty(), "row 1: Outputs are not read");
    assert!(table.logged().is_empty(), "row 1: Logs are not read");
    let invalid = "Invalid HttpResponseMessage:\n";
    table.fails("2: another content type", "play", whole, &[("x-type", "text/plain")], invalid).await;
    assert!(table.host.last_error().unwrap().contains("from content with media type 'text/plain'"));
    table.fails("2: no content type", "play", whole, &[("x-type", "none")], invalid).await;
    for malformed in ["{", "[]", "5", "\"text\"", r#"{"Outputs":[]}"#, r#"{"Logs":"x"}"#, "{'Outputs':{}}"] {
        table.fails("3: malformed JSON", "play", malformed, &[], invalid).await;
    }
    // Where the real host hangs until the function timeout, this one fails at once and says so.
    let nothing = "the real host never ends such an invocation and kills the handler at the function timeout";
    table
        .fails("4: an empty body", "play", "", &[], &format!("the handler answered 200 with an empty body; {nothing}"))
        .await;
    table
        .fails(
            "4: the body null",
            "play",
            "null",
            &[],
            &format!("the handler answered 200 with the body `null`; {nothing}"),
        )
        .await;
    table.fails("4: 204", "play", "", &[("x-status", "204")], "the handler answered 204 with an empty body").await;
}

// 3.2, row 5: connection refused or reset.
#[tokio::test]
async fn section_3_2_row_5_no_connection_is_500() {
    let nobody = listener().await.local_addr().unwrap();
    let host = app("").start_on(listener().await, WorkerSource::Attached(nobody), |_| {}).await;
    let refused = host.post("/api/play", "x").await;
    assert_eq!((refused.status().as_u16(), refused.text().await.unwrap()), (500, String::new()));
    assert_eq!(host.last_error().unwrap(), format!("Connection refused ({nobody})"));

    let rude = listener().await;
    let address = rude.local_addr().unwrap();
    tokio::spawn(async move {
        loop {
            drop(rude.accept().await);
        }
    });
    let host = app("").start_on(listener().await, WorkerSource::Attached(address), |_| {}).await;
    let reset = host.post("/api/play", "x").await;
    assert_eq!((reset.status().as_u16(), reset.text().await.unwrap()), (500, String::new()));
    let error = host.last_error().unwrap();
    assert!(error.starts_with("An error occurred while sending the request."), "{error}");
}

// 3.2, row 6: slow answers.
#[tokio::test]
async fn section_3_2_row_6_an_answer_is_waited_for_until_the_function_timeout() {
    for (setting, seconds, text) in
        [(None, 1800, "00:30:00"), (Some("00:00:05"), 5, "00:00:05"), (Some("1"), 86_400, "1.00:00:00")]
    {
        let (time, called) = (VirtualClock::starting_now(), Arc::new(Notify::new()));
        let calls = Arc::clone(&called);
        let never = post(async move || {
            calls.notify_one();
            std::future::pending::<()>().await;
        });
        let app = setting.map_or_else(|| app(""), |timeout| app("").host_json("", "functionTimeout", json!(timeout)));
        let host = app.start_attached_with(Router::new().fallback(never), |options| options.clock = time.clock()).await;
        let call = tokio::spawn(host.http.post(host.url("/api/play")).body("x").send());
        called.notified().await;
        time.advance(Duration::from_secs(seconds) - Duration::from_nanos(1)).await;
        assert_eq!((host.last_error(), call.is_finished()), (None, false), "{setting:?}");
        time.advance(Duration::from_nanos(1)).await;
        let response = call.await.unwrap().unwrap();
        assert_eq!((response.status().as_u16(), response.text().await.unwrap()), (500, String::new()));
        let expected = format!("Timeout value of {text} was exceeded by function: Functions.play");
        assert_eq!(host.last_error(), Some(expected), "{setting:?}");
    }
}

#[tokio::test]
async fn section_3_2_row_6_minus_one_is_no_timeout_and_less_than_a_second_is_refused() {
    assert_eq!(app("").host_json("", "functionTimeout", json!("-1")).load().host.function_timeout, None);
    assert_eq!(app("").load().host.function_timeout, Some(Duration::from_secs(30 * 60)));
    assert_eq!(
        app("").host_json("", "functionTimeout", json!("00:00:01")).load().host.function_timeout,
        Some(Duration::from_secs(1))
    );
    let refused = app("").host_json("", "functionTimeout", json!("00:00:00.999")).try_load().unwrap_err().to_string();
    assert_eq!(
        refused,
        "host.json: FunctionTimeout must be greater than 00:00:01 and less than 10675199.02:48:05.4775807."
    );
}

// 3.2, row 7: any failure with a trigger other than HTTP.
#[tokio::test]
async fn section_3_2_row_7_a_timer_that_fails_carries_on_with_its_schedule() {
    let time = VirtualClock::starting_at("2026-02-07T15:44:30Z".parse().unwrap());
    let timer = json!({"type": "timerTrigger", "direction": "in", "name": "t", "schedule": "0 * * * * *"});
    let handler = Router::new().route("/tick", post(async || StatusCode::INTERNAL_SERVER_ERROR));
    let app = TestApp::new().function("tick", &[timer]);
    let host = app.start_attached_with(handler, |options| options.clock = time.clock()).await;
    time.advance(Duration::from_secs(120)).await;
    let error = |event: HostEvent| match event {
        HostEvent::Executed { function, error, .. } if function == "tick" => error,
        _ => None,
    };
    let errors: Vec<_> = host.events.all().into_iter().filter_map(error).collect();
    assert_eq!(errors, ["Response status code does not indicate success: 500 (Internal Server Error)."; 2]);
}
