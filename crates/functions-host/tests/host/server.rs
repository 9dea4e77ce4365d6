//! The HTTP side of the host: routes, CORS, the admin interface and the start page (functions-host 4).

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::routing::post;
use functions_host::events::{HostEvent, ListedTrigger, LogLevel};
use functions_host::host::{Host, HostOptions, StartError};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::sync::Semaphore;

use crate::harness::{Running, TestApp, http, listener};

const PAGE: &str = "http://localhost:3000";

fn handler() -> Router {
    let fine = || async { axum::Json(json!({"Outputs": {"res": {"body": "fine"}}})) };
    let failing = || async { axum::http::StatusCode::INTERNAL_SERVER_ERROR };
    Router::new().route("/fine", post(fine)).route("/failing", post(failing)).route("/tick", post(fine))
}

fn app() -> TestApp {
    let mut only_post = http();
    only_post[0]["methods"] = json!(["post"]);
    let timer =
        json!({"type": "timerTrigger", "direction": "in", "name": "t", "schedule": "0 0 0 1 1 *", "useMonitor": false});
    TestApp::new()
        .function("fine", &http())
        .function("failing", &only_post)
        .function("tick", &[timer])
        .function_json("off", &json!({"disabled": true, "bindings": http()}))
        .function_json("broken", &json!({"bindings": []}))
}

async fn host() -> Running {
    app().start_attached(handler()).await
}

async fn status_of(host: &Running, path: &str) -> u16 {
    host.get(path).await.status().as_u16()
}

#[tokio::test]
async fn unknown_routes_wrong_methods_and_disabled_functions_are_404() {
    let host = host().await;
    assert_eq!(status_of(&host, "/api/FINE").await, 200);
    for path in [
        "/api/unknown",
        "/fine",
        "/api/failing",
        "/api/off",
        "/api/broken",
        "/api/tick",
        "/admin",
        "/admin/x",
        "/runtime/x",
    ] {
        assert_eq!(status_of(&host, path).await, 404, "{path}");
    }
}

#[tokio::test]
async fn the_route_prefix_comes_from_host_json() {
    let app =
        TestApp::new().function("fine", &http()).host_json("", "extensions", json!({"http": {"routePrefix": ""}}));
    let host = app.start_attached(handler()).await;
    assert_eq!((status_of(&host, "/fine").await, status_of(&host, "/api/fine").await), (200, 404));
}

#[tokio::test]
async fn the_start_page_can_be_switched_off() {
    let host = host().await;
    let page = host.get("/").await;
    assert_eq!((page.status().as_u16(), page.headers()["content-type"].to_str().unwrap()), (200, "text/html"));
    let silent = app().setting("AzureWebJobsDisableHomepage", "TRUE").start_attached(handler()).await;
    assert_eq!(status_of(&silent, "/").await, 204);
}

#[tokio::test]
async fn the_listener_and_its_functions_are_told_first() {
    let host = host().await;
    let Some(HostEvent::Listening { address, functions, broken }) = host.events.all().into_iter().next() else {
        panic!("the first event is another one");
    };
    assert_eq!(address, host.host.address());
    let find = |name: &str| functions.iter().find(|function| function.name == name).unwrap();
    let url = format!("http://localhost:{}/api/failing", address.port());
    assert_eq!(find("failing").trigger, ListedTrigger::Http { methods: vec!["POST".parse().unwrap()], url });
    assert_eq!(find("tick").trigger, ListedTrigger::Other("timerTrigger".to_owned()));
    assert!(find("off").disabled);
    assert_eq!(broken[0].0, "broken");
}

#[tokio::test]
async fn a_function_runs_by_hand_with_202() {
    let host = host().await;
    assert_eq!(host.by_hand("TICK", "{}").await.status(), 202);
    let is_end = |event: &HostEvent| match event {
        HostEvent::Executed { function, error, .. } => Some((function.clone(), error.clone())),
        _ => None,
    };
    assert_eq!(host.events.wait_for("executed", is_end).await, ("tick".to_owned(), None));
    assert_eq!(host.by_hand("tick", "{\"input\":\"x\"}").await.status(), 202);
    assert_eq!(host.by_hand("unknown", "{}").await.status(), 404);
    for body in ["", "x", "[]", "{\"input\":{}}"] {
        assert_eq!(host.by_hand("tick", body).await.status(), 400, "{body}");
    }
    // ASP.NET does not even look at what is no JSON by its type.
    assert_eq!(host.post("/admin/functions/tick", "{}").await.status(), 415);
}

#[tokio::test]
async fn functions_and_their_state_are_listed() {
    let host = host().await;
    let list: Value = host.get("/admin/functions").await.json().await.unwrap();
    let names: Vec<_> = list.as_array().unwrap().iter().map(|function| function["name"].as_str().unwrap()).collect();
    assert_eq!(names, ["failing", "fine", "off", "tick"]);
    let one: Value = host.get("/admin/functions/Off").await.json().await.unwrap();
    assert_eq!((&one["name"], &one["isDisabled"]), (&json!("off"), &json!(true)));
    assert_eq!(one["invoke_url_template"], host.url("/api/off"));
    assert_eq!(one["href"], host.url("/admin/functions/off"));
    assert_eq!(
        (&one["config"]["disabled"], &one["config"]["bindings"][0]["type"]),
        (&json!(true), &json!("httpTrigger"))
    );
    assert_eq!(status_of(&host, "/admin/functions/unknown").await, 404);
    assert_eq!(status_of(&host, "/admin/functions/unknown/status").await, 404);
    let fine: Value = host.get("/admin/functions/fine/status").await.json().await.unwrap();
    assert_eq!(fine, json!({}));
    let broken: Value = host.get("/admin/functions/broken/status").await.json().await.unwrap();
    assert_eq!(broken["errors"].as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn the_host_says_how_it_is() {
    let host = host().await;
    let status: Value = host.get("/admin/host/status").await.json().await.unwrap();
    assert_eq!((&status["state"], &status["version"]), (&json!("Running"), &json!(functions_host::host::HOST_VERSION)));
    assert_eq!(
        status["extensionBundle"],
        json!({"id": "Microsoft.Azure.Functions.ExtensionBundle", "version": "4.38.0"})
    );
    assert_eq!(status_of(&host, "/admin/host/ping").await, 200);
    assert_eq!(host.post("/admin/host/ping", "").await.status(), 200);
}

/// A host with one timer, which fires every second, and a handler that answers when it is let go.
async fn ticking(letting_go: &Arc<Semaphore>) -> Running {
    let timer = json!({"type": "timerTrigger", "direction": "in", "name": "timer", "schedule": "* * * * * *"});
    let gate = Arc::clone(letting_go);
    let tick = move || async move {
        gate.acquire().await.unwrap().forget();
        axum::Json(json!({"Outputs": {}}))
    };
    let handler =
        Router::new().route("/tick", post(tick)).route("/fine", post(|| async { axum::Json(json!({"Outputs": {}})) }));
    TestApp::new().function("tick", &[timer]).function("fine", &http()).start_attached(handler).await
}

async fn drain_status(host: &Running) -> (String, u64) {
    let status: Value = host.get("/admin/host/drain/status").await.json().await.unwrap();
    assert_eq!(status["outstandingRetries"], 0);
    (status["state"].as_str().unwrap().to_owned(), status["outstandingInvocations"].as_u64().unwrap())
}

#[tokio::test]
async fn a_drained_host_fires_no_timers_and_a_resumed_one_does() {
    let letting_go = Arc::new(Semaphore::new(0));
    let host = ticking(&letting_go).await;
    let is_start =
        |event: &HostEvent| matches!(event, HostEvent::Executing { function, .. } if function == "tick").then_some(());
    let is_end =
        |event: &HostEvent| matches!(event, HostEvent::Executed { function, .. } if function == "tick").then_some(());
    host.events.wait_for("the first tick", is_start).await;
    assert_eq!(drain_status(&host).await, ("Disabled".to_owned(), 1));
    assert_eq!(host.post("/admin/host/drain", "").await.status(), 202);
    assert_eq!(drain_status(&host).await, ("InProgress".to_owned(), 1));
    letting_go.add_permits(100);
    host.events.wait_for("the end of the tick", is_end).await;
    while drain_status(&host).await.0 == "InProgress" {}
    assert_eq!(drain_status(&host).await, ("Completed".to_owned(), 0));
    assert_eq!(host.post("/api/fine", "").await.status(), 200, "requests are no listener");
    let ticks = || host.events.all().iter().filter_map(is_start).count();
    // The absence of a tick takes as long as a tick would.
    tokio::time::sleep(Duration::from_millis(1100)).await;
    assert_eq!(ticks(), 1);
    let resumed: Value = host.post("/admin/host/resume", "").await.json().await.unwrap();
    assert_eq!(resumed, json!({"state": "Running"}));
    assert_eq!(drain_status(&host).await.0, "Disabled");
    host.events.wait_until(|events| events.iter().filter_map(is_start).count() > 1).await;
}

#[tokio::test]
async fn a_preflight_is_answered_before_any_function_runs() {
    let host = app().cors(PAGE, &json!(true)).start_attached(handler()).await;
    let request = host.http.request("OPTIONS".parse().unwrap(), host.url("/api/unknown")).header("origin", PAGE);
    let request =
        request.header("access-control-request-method", "POST").header("access-control-request-headers", "x-a");
    let response = request.send().await.unwrap();
    assert_eq!(response.status(), 204);
    assert_eq!(response.headers()["access-control-allow-origin"], PAGE);
    assert_eq!(response.headers()["access-control-allow-credentials"], "true");
    assert_eq!(response.headers()["access-control-allow-headers"], "x-a");
    assert!(!host.events.all().iter().any(|event| matches!(event, HostEvent::Executing { .. })));
}

#[tokio::test]
async fn errors_carry_cors_headers_too() {
    let host = app().cors(PAGE, &json!(true)).start_attached(handler()).await;
    for (path, status) in [("/api/failing", 500), ("/api/unknown", 404), ("/api/fine", 200)] {
        let response = host.http.post(host.url(path)).header("origin", PAGE).send().await.unwrap();
        assert_eq!(response.status(), status, "{path}");
        assert_eq!(response.headers()["access-control-allow-origin"], PAGE, "{path}");
    }
    let stranger = host.http.post(host.url("/api/fine")).header("origin", "http://evil").send().await.unwrap();
    assert_eq!((stranger.status().as_u16(), stranger.headers().get("access-control-allow-origin")), (200, None));
}

async fn start_error(app: TestApp) -> StartError {
    Host::start(listener().await, HostOptions::new(app.load())).await.unwrap_err()
}

#[tokio::test]
async fn everybody_with_credentials_is_refused_at_the_start() {
    let error = start_error(app().cors("*", &json!(true))).await;
    assert!(matches!(error, StartError::AnyOriginWithCredentials), "{error}");
}

#[tokio::test]
async fn a_port_for_the_handler_that_somebody_else_has_is_refused_at_the_start() {
    let taken = listener().await;
    let port = taken.local_addr().unwrap().port();
    let app = TestApp::new().function("fine", &http()).host_json("/customHandler", "port", json!(port));
    let error = start_error(app).await;
    assert!(matches!(error, StartError::HandlerPort { port: found, .. } if found == port), "{error}");
    assert!(error.to_string().starts_with(&format!("Unable to bind to port {port} specified in configuration")));
}

#[tokio::test]
async fn routes_in_host_json_are_functions_for_every_method() {
    let answer =
        |name: &'static str| post(move || async move { axum::Json(json!({"Outputs": {"res": {"body": name}}})) });
    let handler = Router::new().route("/http-handler1", answer("first")).route("/http-handler3", answer("third"));
    let routes = json!([{"route": "items/{id:int}"}, {"route": " "}, {"route": "{*rest}"}]);
    let app = TestApp::new().host_json("/customHandler", "http", json!({"routes": routes}));
    let host = app.start_attached(handler).await;
    for (method, path, expected) in
        [("GET", "/api/Items/7", "first"), ("PATCH", "/api/items/x", "third"), ("TRACE", "/api", "third")]
    {
        let request = host.http.request(method.parse().unwrap(), host.url(path));
        assert_eq!(request.send().await.unwrap().text().await.unwrap(), expected, "{method} {path}");
    }
    host.events
        .wait_for_log(
            LogLevel::Information,
            "Created function 'http-handler1' for route 'items/{id:int}' (authLevel=Function).",
        )
        .await;
    let unable = "Unable to create function 'http-handler2' for route ' ' due to invalid route: Route cannot be null, empty or whitespace.";
    host.events.wait_for_log(LogLevel::Error, unable).await;
    let listed: Value = host.get("/admin/functions/http-handler3").await.json().await.unwrap();
    assert_eq!(listed["config"]["bindings"][0]["route"], "{*rest}");
}

#[test]
fn routes_in_host_json_stand_alone_and_need_the_custom_runtime() {
    let app = || TestApp::new().host_json("/customHandler", "http", json!({"routes": [{"route": "a"}]}));
    let refused = |app: TestApp| app.try_load().unwrap_err().to_string();
    let both = "host.json: Detected both function.json files and custom handler HTTP route configuration definition in host.jsonOnly one";
    assert!(refused(app().function("f", &http())).starts_with(both));
    let runtime = app().setting("FUNCTIONS_WORKER_RUNTIME", "node");
    assert!(refused(runtime).starts_with("host.json: Routes configuration is only allowed for worker runtime: custom"));
}

#[tokio::test]
async fn settings_that_never_match_are_warned_of() {
    let host = app().cors("http://a,http://b/, http://c", &json!(false)).start_attached(handler()).await;
    let warnings = host.events.logs(LogLevel::Warning).join("\n");
    assert!(warnings.contains("`http://b/` never matches"), "{warnings}");
    assert!(warnings.contains("` http://c` never matches"), "{warnings}");
}

#[tokio::test]
async fn a_body_over_the_limit_is_413_without_being_read() {
    let host = host().await;
    let mut connection = tokio::net::TcpStream::connect(host.host.address()).await.unwrap();
    let head = "POST /api/fine HTTP/1.1\r\nHost: h\r\nContent-Length: 104857601\r\nConnection: close\r\n\r\n";
    connection.write_all(head.as_bytes()).await.unwrap();
    let mut answer = [0; 12];
    connection.read_exact(&mut answer).await.unwrap();
    assert_eq!(&answer, b"HTTP/1.1 413");
}
