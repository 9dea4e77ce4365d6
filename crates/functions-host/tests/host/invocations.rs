//! What the handler gets (functions-host 2).

use std::sync::{Arc, Mutex};

use axum::Router;
use axum::extract::Request;
use axum::http::{HeaderMap, Method, header};
use axum::response::{IntoResponse, Redirect, Response};
use axum::routing::{any, post};
use functions_host::host::BodyFraming;
use serde_json::{Value, json};

use crate::harness::{Running, TestApp, http, http_and};

/// What came to the handler.
#[derive(Debug, Clone)]
struct Received {
    method: Method,
    path_and_query: String,
    headers: HeaderMap,
    body: String,
}

type Record = Arc<Mutex<Vec<Received>>>;

async fn receive(record: Record, request: Request) {
    let (parts, body) = request.into_parts();
    let body = axum::body::to_bytes(body, 1024 * 1024).await.unwrap();
    record.lock().unwrap().push(Received {
        method: parts.method,
        path_and_query: parts.uri.to_string(),
        headers: parts.headers,
        body: String::from_utf8(body.to_vec()).unwrap(),
    });
}

/// A handler that writes down every request and answers with an empty response.
fn recorder() -> (Router, Record) {
    let record = Record::default();
    let recorded = Arc::clone(&record);
    let answer = move |request| async move {
        receive(recorded, request).await;
        axum::Json(json!({"Outputs": {"res": {"body": "recorded"}}}))
    };
    (Router::new().fallback(any(answer)), record)
}

fn only(record: &Record) -> Received {
    let record = record.lock().unwrap();
    assert_eq!(record.len(), 1, "{record:#?}");
    record[0].clone()
}

fn signalr_input() -> Value {
    json!({"type": "signalRConnectionInfo", "direction": "in", "name": "connectionInfo", "hubName": "chat"})
}

#[tokio::test]
async fn a_call_is_posted_to_the_functions_name_with_the_hosts_headers() {
    let (handler, record) = recorder();
    let mut bindings = http();
    bindings[0]["route"] = json!("users/{id}");
    let host = TestApp::new().function("SendToUser", &bindings).start_attached(handler).await;
    assert_eq!(host.get("/api/users/7?a=1").await.text().await.unwrap(), "recorded");
    let received = only(&record);
    assert_eq!((received.method, received.path_and_query.as_str()), (Method::POST, "/SendToUser"));
    assert_eq!(received.headers[header::CONTENT_TYPE], "application/json; charset=utf-8");
    assert_eq!(received.headers["x-azure-functions-hostversion"], functions_host::host::HOST_VERSION);
    let agent = format!("Azure-Functions-Host/{}", functions_host::host::HOST_VERSION);
    assert_eq!(received.headers[header::USER_AGENT], agent.as_str());
    let id = received.headers["x-azure-functions-invocationid"].to_str().unwrap();
    let executing = host.events.wait_for("executing", |event| match event {
        functions_host::events::HostEvent::Executing { id, .. } => Some(id.to_string()),
        _ => None,
    });
    assert_eq!(executing.await, id);
    let envelope: Value = serde_json::from_str(&received.body).unwrap();
    assert_eq!(envelope["Data"]["req"]["Params"], json!({"id": "7"}));
    assert_eq!(envelope["Data"]["req"]["Url"], host.url("/api/users/7?a=1"));
    assert_eq!(envelope["Metadata"]["id"], "\"7\"");
    assert_eq!(envelope["Metadata"]["sys"]["MethodName"], "SendToUser");
}

#[tokio::test]
async fn bodies_have_a_length_as_under_func_or_come_in_chunks_as_in_azure() {
    for framing in [BodyFraming::ContentLength, BodyFraming::Chunked] {
        let (handler, record) = recorder();
        let app = TestApp::new().function("f", &http());
        let host = app.start_attached_with(handler, |options| options.framing = framing).await;
        assert_eq!(host.get("/api/f").await.status(), 200);
        let headers = only(&record).headers;
        assert_eq!(headers.contains_key(header::CONTENT_LENGTH), framing == BodyFraming::ContentLength);
        assert_eq!(headers.contains_key(header::TRANSFER_ENCODING), framing == BodyFraming::Chunked);
    }
}

#[tokio::test]
async fn a_body_in_chunks_is_lost() {
    let (handler, record) = recorder();
    let host = TestApp::new().function("f", &http()).start_attached(handler).await;
    let chunks = futures_util::stream::iter([Ok::<_, std::io::Error>("{\"a\":1}")]);
    assert_eq!(host.post("/api/f", reqwest::Body::wrap_stream(chunks)).await.status(), 200);
    let envelope: Value = serde_json::from_str(&only(&record).body).unwrap();
    assert_eq!(envelope["Data"]["req"].get("Body"), None);
    host.events.wait_for_log(functions_host::events::LogLevel::Warning, "the request body came in chunks").await;
}

#[tokio::test]
async fn connection_info_comes_doubly_encoded() {
    let (handler, record) = recorder();
    let host = negotiating(handler, &signalr_input()).await;
    assert_eq!(host.post("/api/negotiate", "").await.status(), 200);
    let envelope: Value = serde_json::from_str(&only(&record).body).unwrap();
    let once: String = serde_json::from_str(envelope["Data"]["connectionInfo"].as_str().unwrap()).unwrap();
    let info: Value = serde_json::from_str(&once).unwrap();
    assert_eq!(info["url"], "http://localhost:8888/client/?hub=chat");
    assert!(once.starts_with("{\n  \"url\""), "{once}");
}

#[tokio::test]
async fn an_input_that_cannot_be_made_fails_the_call_before_the_handler_hears_of_it() {
    let (handler, record) = recorder();
    let mut input = signalr_input();
    input["userId"] = json!("{headers.x-ms-client-principal-id}");
    let host = negotiating(handler, &input).await;
    let response = host.post("/api/negotiate", "").await;
    assert_eq!((response.status().as_u16(), response.text().await.unwrap()), (500, String::new()));
    let error = "Error while accessing 'x-ms-client-principal-id': property doesn't exist.";
    assert_eq!(host.last_error().as_deref(), Some(error));
    assert!(record.lock().unwrap().is_empty());
}

async fn negotiating(handler: Router, input: &Value) -> Running {
    let connection =
        "Endpoint=http://localhost;Port=8888;AccessKey=ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789ABCDEFGH;Version=1.0;";
    let app = TestApp::new().setting("AzureSignalRConnectionString", connection);
    app.function("negotiate", &http_and(std::slice::from_ref(input))).start_attached(handler).await
}

#[tokio::test]
async fn redirects_of_the_handler_are_followed() {
    let (moved, record) = recorder();
    let handler =
        Router::new().route("/f", post(|| async { Redirect::temporary("/elsewhere") })).fallback_service(moved);
    let host = TestApp::new().function("f", &http()).start_attached(handler).await;
    assert_eq!(host.get("/api/f").await.text().await.unwrap(), "recorded");
    assert_eq!(only(&record).path_and_query, "/elsewhere");
}

#[tokio::test]
async fn a_timer_run_by_hand_gets_a_timer_value() {
    let (handler, record) = recorder();
    let timer = json!({"type": "timerTrigger", "direction": "in", "name": "myTimer", "schedule": "0 0 0 1 1 *", "useMonitor": false});
    let host = TestApp::new().function("tick", &[timer]).start_attached(handler).await;
    let report = host.host.invoke("TICK", None).await.unwrap();
    assert_eq!(report.error, None);
    let envelope: Value = serde_json::from_str(&only(&record).body).unwrap();
    let expected = json!({"Schedule": {"AdjustForDST": true}, "ScheduleStatus": null, "IsPastDue": false});
    assert_eq!(envelope["Data"]["myTimer"], expected);
}

#[tokio::test]
async fn an_http_function_run_by_hand_fails_for_want_of_a_request() {
    let (handler, _) = recorder();
    let host = TestApp::new().function("f", &http()).start_attached(handler).await;
    assert_eq!(host.host.invoke("f", None).await.unwrap().error.as_deref(), Some("An HttpRequest is required"));
    let unknown = host.host.invoke("g", None).await.unwrap_err();
    assert_eq!(unknown.to_string(), "there is no function `g`; look at the list that the host prints at its start");
}

#[tokio::test]
async fn an_invocation_goes_on_when_its_caller_goes_away() {
    let (started, mut starts) = tokio::sync::mpsc::channel::<()>(1);
    let finish = Arc::new(tokio::sync::Notify::new());
    let waiting = Arc::clone(&finish);
    let slow = move || async move {
        started.send(()).await.unwrap();
        waiting.notified().await;
        axum::Json(json!({}))
    };
    let host = TestApp::new().function("slow", &http()).start_attached(Router::new().route("/slow", post(slow))).await;
    let caller = tokio::spawn(host.http.get(host.url("/api/slow")).send());
    starts.recv().await.unwrap();
    caller.abort();
    assert!(caller.await.unwrap_err().is_cancelled());
    finish.notify_one();
    let is_end = |event: &functions_host::events::HostEvent| match event {
        functions_host::events::HostEvent::Executed { error, .. } => Some(error.clone()),
        _ => None,
    };
    assert_eq!(host.events.wait_for("executed", is_end).await, None);
}

async fn plain_answer(record: Record, request: Request) -> Response {
    receive(record, request).await;
    (axum::http::StatusCode::IM_A_TEAPOT, [("x-handler", "yes"), ("location", "/x")], "as it is").into_response()
}

#[tokio::test]
async fn forwarding_passes_a_pure_http_call_on_as_it_is() {
    let record = Record::default();
    let recorded = Arc::clone(&record);
    let handler = Router::new().fallback(any(move |request| plain_answer(recorded, request)));
    let app =
        TestApp::new().function("f", &http()).host_json("/customHandler", "enableForwardingHttpRequest", json!(true));
    let host = app.start_attached(handler).await;
    let request = host.http.put(host.url("/api/f?a=1&b=x%20y&a=2")).header("x-mine", "1").header("user-agent", "me/1");
    let response = request.body("body").send().await.unwrap();
    assert_eq!((response.status().as_u16(), response.headers()["x-handler"].to_str().unwrap()), (418, "yes"));
    assert_eq!(response.text().await.unwrap(), "as it is");
    let received = only(&record);
    assert_eq!((received.method, received.path_and_query.as_str()), (Method::PUT, "/api/f?a=1%2C2&b=x%20y"));
    assert_eq!((received.headers["x-mine"].to_str().unwrap(), received.body.as_str()), ("1", "body"));
    assert_eq!(received.headers["host"], host.host.address().to_string().as_str());
    assert!(received.headers["user-agent"].to_str().unwrap().starts_with("me/1 Azure-Functions-Host/"));
    assert!(received.headers.contains_key("x-azure-functions-invocationid"));
}

#[tokio::test]
async fn forwarding_does_not_apply_to_functions_with_other_bindings() {
    let (handler, record) = recorder();
    let output = json!({"type": "signalR", "direction": "out", "name": "messages", "hubName": "chat"});
    let app = TestApp::new().host_json("/customHandler", "enableForwardingHttpRequest", json!(true));
    let host = app.function("f", &http_and(&[output])).start_attached(handler).await;
    assert_eq!(host.get("/api/f").await.text().await.unwrap(), "recorded");
    assert_eq!(only(&record).path_and_query, "/f");
}
