mod declarations;
mod envelopes;
mod rights;

use crate::{Config, RequireSignIn, SignInConfig, app, logs};
use axum::Router;
use axum::body::Body;
use axum::http::{HeaderMap, Request, StatusCode};
use http_body_util::BodyExt;
use serde_json::{Value, json};
use std::sync::Once;
use tower::ServiceExt;

/// Open to everybody, as in development, and without a service.
pub(crate) fn config() -> Config {
    let sign_in = SignInConfig {
        app_service: false,
        development: true,
        oidc: None,
        require_sign_in: RequireSignIn::Never,
        manager_role: "manager".to_owned(),
        claims: Vec::new(),
    };
    let (exports_spans, service_name) = (false, "app".to_owned());
    Config { port: 0, signalr: None, log_filter: "info".parse().unwrap(), sign_in, exports_spans, service_name }
}

fn handler() -> Router {
    handler_of(&config())
}

fn handler_of(config: &Config) -> Router {
    log();
    app(config)
}

/// Collects log lines as the binary does.
pub(crate) fn log() {
    static LOGS: Once = Once::new();
    LOGS.call_once(|| drop(logs::begin(&config())));
}

async fn answer(handler: Router, path: &str, body: String) -> (StatusCode, String) {
    let response = handler.oneshot(Request::post(path).body(Body::from(body)).unwrap()).await.unwrap();
    let status = response.status();
    let body = response.into_body().collect().await.unwrap().to_bytes();
    (status, String::from_utf8(body.to_vec()).unwrap())
}

async fn call(handler: Router, path: &str, body: String) -> (StatusCode, Value) {
    let (status, body) = answer(handler, path, body).await;
    (status, serde_json::from_str(&body).unwrap_or(Value::Null))
}

fn http_call(body: &str) -> String {
    let request = json!({"Url": "http://localhost:7071/api/x", "Method": "POST", "Body": body});
    json!({"Data": {"req": request}, "Metadata": {}}).to_string()
}

#[tokio::test]
async fn the_host_finds_the_handler_ready() {
    let response = handler().oneshot(Request::get("/").body(Body::empty()).unwrap()).await.unwrap();
    assert_eq!(response.status(), StatusCode::OK);
}

#[tokio::test]
async fn negotiate_answers_the_connection_info_as_json() {
    let invocation =
        include_str!("../../crates/custom-handler/fixtures/negotiate_invocation_signalr-bindings_4.5.json");
    let (status, result) = call(handler(), "/negotiate", invocation.to_owned()).await;
    assert_eq!(status, StatusCode::OK);
    let res = &result["Outputs"]["res"];
    assert_eq!(res["statusCode"], 200);
    assert_eq!(res["headers"]["content-type"], "application/json");
    let body = r#"{"url":"http://localhost:8888/client/?hub=serverless","accessToken":"T"}"#;
    assert_eq!(res["body"], body);
}

#[tokio::test]
async fn negotiate_without_connection_info_is_a_500_inside_an_envelope() {
    let (status, result) = call(handler(), "/negotiate", http_call("")).await;
    assert_eq!((status, &result["Outputs"]["res"]["statusCode"]), (StatusCode::OK, &json!(500)));
    assert!(result["Logs"][0].as_str().unwrap().contains("no input `connectionInfo`"), "{result}");
}

#[tokio::test]
async fn connection_info_of_another_form_is_not_logged_because_it_may_be_a_token() {
    let invocation = json!({"Data": {"req": {"Method": "POST"}, "connectionInfo": "eyJ-secret-token"}});
    let (status, body) = answer(handler(), "/negotiate", invocation.to_string()).await;
    assert_eq!(status, StatusCode::OK);
    assert!(body.contains("the input `connectionInfo` has an unexpected form: JSON of another shape at"), "{body}");
    assert!(!body.contains("secret"), "{body}");
}

#[tokio::test]
async fn broadcast_gives_the_message_to_the_binding_and_a_reply_to_the_caller() {
    let (status, result) = call(handler(), "/broadcast", http_call(r#"{"message":"hi"}"#)).await;
    assert_eq!(status, StatusCode::OK);
    assert_eq!(result["Outputs"]["signalRMessages"], json!([{"target": "newNotification", "arguments": ["hi"]}]));
    assert_eq!(result["Outputs"]["res"]["body"], r#"{"sent":true}"#);
}

#[tokio::test]
async fn a_bad_body_is_a_problem_and_sends_nothing() {
    let (status, result) = call(handler(), "/broadcast", http_call(r#"{"message":1}"#)).await;
    assert_eq!(status, StatusCode::OK);
    let outputs = result["Outputs"].as_object().unwrap();
    assert_eq!(outputs.keys().collect::<Vec<_>>(), ["res"]);
    let res = &outputs["res"];
    assert_eq!(res["statusCode"], 400);
    assert_eq!(res["headers"]["content-type"], "application/problem+json");
    let problem: Value = serde_json::from_str(res["body"].as_str().unwrap()).unwrap();
    assert_eq!(problem["field"], "message");
}

#[tokio::test]
async fn a_body_over_every_limit_is_a_problem_too() {
    let (status, result) = call(handler(), "/broadcast", http_call(&"x".repeat(17 << 20))).await;
    assert_eq!((status, &result["Outputs"]["res"]["statusCode"]), (StatusCode::OK, &json!(400)));
    let problem = result["Outputs"]["res"]["body"].as_str().unwrap();
    assert!(problem.contains("it may have 16777216 bytes"), "{problem}");
}

#[tokio::test]
async fn what_a_caller_writes_cannot_forge_a_log_line() {
    for body in [json!({"a\nb\u{1b}[31mRED": 1}), json!({"target": "a\nb\u{1b}[31mRED"})] {
        let (_, result) = call(handler(), "/broadcast", http_call(&body.to_string())).await;
        let line = result["Logs"][0].as_str().unwrap();
        assert!(line.contains(r"`a\nb\u{1b}[31mRED`"), "{line}");
        assert!(!line.contains(char::is_control), "{line:?}");
    }
}

#[tokio::test]
async fn no_log_line_claims_that_something_was_sent_which_only_the_host_can_know() {
    let timer = r#"{"Data":{"timer":{"IsPastDue":true}}}"#.to_owned();
    for (path, invocation, line) in [
        ("/broadcast", http_call(r#"{"message":"hi"}"#), "sending `newNotification` to all clients"),
        ("/statusUpdate", timer, "sending `statusUpdate` to all clients, later than planned"),
    ] {
        let (_, result) = call(handler(), path, invocation).await;
        assert_eq!(result["Logs"].as_array().unwrap().last().unwrap(), line);
    }
}

#[tokio::test]
async fn the_status_is_sent_to_everyone_and_without_a_service_its_health_is_not_known() {
    let invocation = r#"{"Data":{"timer":{"IsPastDue":false}},"Metadata":{}}"#;
    let (status, result) = call(handler(), "/statusUpdate", invocation.to_owned()).await;
    assert_eq!(status, StatusCode::OK);
    let message = &result["Outputs"]["signalRMessages"][0];
    assert_eq!(message["target"], "statusUpdate");
    let update = &message["arguments"][0];
    assert_eq!((&update["servicesHealthy"], &update["activeUsers"]), (&Value::Null, &Value::Null));
    update["timestamp"].as_str().unwrap().parse::<jiff::Timestamp>().unwrap();
}

#[tokio::test]
async fn the_trace_of_an_invocation_goes_on_at_the_service() {
    let (seen, mut headers) = tokio::sync::mpsc::unbounded_channel();
    let service = Router::new().fallback(async move |headers: HeaderMap| {
        seen.send(headers.get("traceparent").cloned()).unwrap();
    });
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(async { axum::serve(listener, service).await });
    let key = "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789ABCDEFGH";
    let signalr = Some(format!("Endpoint=http://127.0.0.1;Port={port};AccessKey={key}").parse().unwrap());
    let handler = handler_of(&Config { signalr, ..config() });
    let parent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
    let run = Request::post("/statusUpdate").header("traceparent", parent);
    let run = run.body(Body::from(r#"{"Data":{"timer":{"IsPastDue":false}}}"#)).unwrap();
    assert_eq!(handler.oneshot(run).await.unwrap().status(), StatusCode::OK);
    let found = headers.recv().await.unwrap().expect("a call of the service says to which trace it belongs");
    // Where spans are exported, the invocation's own span is the parent.
    assert_eq!(found.to_str().unwrap().split('-').nth(1), parent.split('-').nth(1));
}

#[tokio::test]
async fn a_timer_that_fails_is_no_envelope_which_nobody_would_read() {
    let (status, body) = answer(handler(), "/statusUpdate", r#"{"Data":{}}"#.to_owned()).await;
    assert_eq!(status, StatusCode::INTERNAL_SERVER_ERROR);
    assert!(body.starts_with("failed: the invocation has no input `timer`; it has none"), "{body}");
}
