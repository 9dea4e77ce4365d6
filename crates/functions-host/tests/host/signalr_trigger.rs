//! The webhook of the SignalR extension: every status of signalr-bindings 6.2, and what function and client get.

use axum::Router;
use axum::routing::post;
use azure_signalr::{AccessKey, upstream};
use functions_host::events::{HostEvent, ListedTrigger, LogLevel};
use hyper::ext::ReasonPhrase;
use serde_json::{Value, json};

use crate::harness::{Running, TestApp};

const KEY: &str = "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789ABCDEFGH";
const CONNECTION: &str =
    "Endpoint=http://localhost;Port=8888;AccessKey=ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789ABCDEFGH;Version=1.0;";

fn trigger(category: &str, event: &str, names: &[&str]) -> Vec<Value> {
    vec![json!({"type": "signalRTrigger", "name": "event", "hubName": "%HUB%", "category": category, "event": event,
        "parameterNames": names})]
}

/// Answers every invocation with what it got as `ReturnValue`; `fail` fails.
fn handler() -> Router {
    let tell = |invocation: String| async move {
        let invocation: Value = serde_json::from_str(&invocation).unwrap();
        axum::Json(json!({"Outputs": {}, "Logs": [], "ReturnValue": invocation}))
    };
    let value = || async { axum::Json(json!({"ReturnValue": 5})) };
    let fail = || async { axum::http::StatusCode::INTERNAL_SERVER_ERROR };
    Router::new()
        .route("/send", post(tell))
        .route("/bare", post(value))
        .route("/fail", post(fail))
        .route("/joined", post(value))
        .route("/left", post(fail))
}

async fn host() -> Running {
    app(CONNECTION).start_attached(handler()).await
}

fn app(connection: &str) -> TestApp {
    TestApp::new()
        .setting("AzureSignalRConnectionString", connection)
        .setting("HUB", "Chat")
        .setting("AzureWebJobsStorage", "UseDevelopmentStorage=true")
        .function("send", &trigger("messages", "SendMessage", &["text", "options"]))
        .function("bare", &trigger("messages", "bare", &[]))
        .function("fail", &trigger("messages", "fail", &[]))
        .function("joined", &trigger("connections", "connected", &[]))
        .function("left", &trigger("connections", "disconnected", &[]))
        .function_json("off", &json!({"disabled": true, "bindings": trigger("messages", "off", &[])}))
}

/// A request as the service makes it.
struct Event {
    headers: Vec<(&'static str, String)>,
    body: Vec<u8>,
}

impl Event {
    fn new(category: &str, event: &str, body: impl Into<Vec<u8>>) -> Event {
        let headers = vec![
            ("Content-Type", "application/json".to_owned()),
            ("X-ASRS-Hub", "chat".to_owned()),
            ("X-ASRS-Category", category.to_owned()),
            ("X-ASRS-Event", event.to_owned()),
            ("X-ASRS-Connection-Id", "c1".to_owned()),
            ("X-ASRS-Signature", upstream::sign([&AccessKey::new(KEY)], "c1")),
        ];
        Event { headers, body: body.into() }
    }

    fn call(target: &str, arguments: &Value) -> Event {
        let body = json!({"type": 1, "invocationId": "0", "target": target, "arguments": arguments});
        Event::new("messages", target, body.to_string())
    }

    fn with(mut self, name: &'static str, value: &str) -> Event {
        self = self.without(name);
        self.headers.push((name, value.to_owned()));
        self
    }

    fn without(mut self, name: &str) -> Event {
        self.headers.retain(|(known, _)| *known != name);
        self
    }

    async fn send(self, host: &Running) -> reqwest::Response {
        let mut request = host.http.post(host.url("/runtime/webhooks/signalr?code=any")).body(self.body);
        for (name, value) in self.headers {
            request = request.header(name, value);
        }
        request.send().await.unwrap()
    }

    /// The result in the completion, which must be framed JSON without a content type.
    async fn completion(self, host: &Running) -> Value {
        let response = self.send(host).await;
        assert_eq!(response.status(), 200);
        assert_eq!(response.headers().get("content-type"), None);
        let text = response.text().await.unwrap();
        serde_json::from_str(text.strip_suffix('\u{1e}').expect("a framed message")).unwrap()
    }
}

#[tokio::test]
async fn the_function_gets_the_event_doubly_encoded_and_the_arguments_by_name() {
    let host = host().await;
    let event = Event::call("SendMessage", &json!(["hi", {"a": [1]}])).with("X-ASRS-User-Id", "alice");
    let completion = event.with("X-ASRS-User-Claims", "role: admin").completion(&host).await;
    assert_eq!((&completion["type"], &completion["invocationId"]), (&json!(3), &json!("0")));
    let Value::String(literal) = &completion["result"]["Data"]["event"] else { panic!("a string: {completion}") };
    let text: String = serde_json::from_str(literal).unwrap();
    assert!(text.starts_with(r#"{"Arguments":["hi",{"a":[1]}],"Error":null,"Category":"messages","#), "{text}");
    let context: Value = serde_json::from_str(&text).unwrap();
    assert_eq!(context["UserId"], "alice");
    assert_eq!(context["Claims"], json!({"role": "admin"}));
    assert_eq!(context["Headers"]["X-ASRS-Hub"], "chat");
    let metadata = &completion["result"]["Metadata"];
    assert_eq!((&metadata["text"], &metadata["options"]), (&json!("\"hi\""), &json!({"a": [1]})));
    assert_eq!(metadata["sys"]["MethodName"], "send");
}

#[tokio::test]
async fn a_call_in_messagepack_is_completed_in_messagepack() {
    let host = host().await;
    let call = Event::new("messages", "bare", b"\x95\x01\x80\xa17\xa4bare\x90");
    let response = call.with("Content-Type", "application/x-msgpack").send(&host).await;
    assert_eq!(response.bytes().await.unwrap().as_ref(), [7, 0x95, 3, 0x80, 0xa1, b'7', 3, 5]);
}

#[tokio::test]
async fn a_failed_call_is_completed_with_its_error() {
    let host = host().await;
    let completion = Event::call("fail", &json!([])).completion(&host).await;
    let error = "Response status code does not indicate success: 500 (Internal Server Error).";
    assert_eq!(completion, json!({"type": 3, "invocationId": "0", "error": error}));
    let completion = Event::call("SendMessage", &json!(["hi"])).completion(&host).await;
    assert_eq!(completion["error"], "The function accept 2 arguments but message provided 1.");
}

#[tokio::test]
async fn a_call_that_wants_no_answer_gets_none_even_when_it_fails() {
    let host = host().await;
    for method in ["bare", "fail"] {
        let body = json!({"type": 1, "target": method, "arguments": []}).to_string();
        let response = Event::new("messages", method, body).send(&host).await;
        assert_eq!(response.status(), 200);
        assert_eq!(response.text().await.unwrap(), "");
    }
    assert!(host.last_error().is_some());
}

#[tokio::test]
async fn a_client_may_be_refused_but_not_kept() {
    let host = host().await;
    let connected = || Event::new("connections", "connected", r#"{"type":10}"#);
    let response = connected().send(&host).await;
    assert_eq!((response.status().as_u16(), response.text().await.unwrap()), (200, String::new()));
    let left = Event::new("connections", "disconnected", r#"{"Type":11,"Error":"gone"}"#).send(&host).await;
    assert_eq!(left.status(), 200, "although the function fails");
    assert!(host.last_error().is_some());
    let refusing = Router::new().route("/joined", post(|| async { axum::http::StatusCode::FORBIDDEN }));
    let host = app(CONNECTION).start_attached(refusing).await;
    assert_eq!(connected().send(&host).await.status(), 403);
}

#[track_caller]
fn check(response: &reqwest::Response, status: u16, reason: Option<&str>) {
    assert_eq!(response.status(), status);
    let found = response.extensions().get::<ReasonPhrase>().map(|reason| String::from_utf8_lossy(reason.as_bytes()));
    assert_eq!(found.as_deref(), reason);
}

#[tokio::test]
async fn what_is_wrong_with_a_request_is_noticed_in_this_order() {
    let host = host().await;
    let wrong =
        || Event::new("nothing", "", "junk").without("X-ASRS-Connection-Id").with("X-ASRS-Signature", "sha256=00");
    check(&wrong().without("Content-Type").send(&host).await, 500, None);
    check(&wrong().with("Content-Type", "text/plain").send(&host).await, 415, None);
    check(&wrong().without("X-ASRS-Hub").send(&host).await, 500, None);
    check(&wrong().send(&host).await, 400, None);
    let wrong = || wrong().with("X-ASRS-Event", "bare");
    check(&wrong().send(&host).await, 404, None);
    let wrong = || wrong().with("X-ASRS-Category", "messages");
    check(&wrong().send(&host).await, 500, Some("The given header was not found."));
    let wrong = || wrong().with("X-ASRS-Connection-Id", "c1");
    check(&wrong().send(&host).await, 500, Some("Parsing message failed"));
    let readable = Event::call("bare", &json!([])).with("X-ASRS-Signature", "sha256=00");
    let unauthorized = "The request is unauthorized, please check the Signature.";
    check(&readable.send(&host).await, 401, Some(unauthorized));
    check(&Event::call("bare", &json!([])).without("X-ASRS-Signature").send(&host).await, 401, Some(unauthorized));
    let other_method = Event::call("bare", &json!([])).with("X-ASRS-Event", "fail").send(&host).await;
    let exception =
        "Exception of type 'Microsoft.Azure.WebJobs.Extensions.SignalRService.SignalRTriggerException' was thrown.";
    check(&other_method, 500, Some(exception));
    assert!(host.events.all().iter().all(|event| !matches!(event, HostEvent::Executing { .. })));
}

#[tokio::test]
async fn only_functions_that_run_are_found() {
    let host = host().await;
    assert_eq!(Event::call("off", &json!([])).send(&host).await.status(), 404);
    assert_eq!(Event::call("BARE", &json!([])).with("X-ASRS-Hub", "CHAT").send(&host).await.status(), 200);
    assert_eq!(host.post("/runtime/webhooks/eventgrid", "").await.status(), 404);
    let patch = host.http.patch(host.url("/runtime/webhooks/signalr")).send().await.unwrap();
    assert_eq!(patch.status(), 404);
}

#[tokio::test]
async fn an_identity_has_no_key_to_sign_with_so_nothing_is_checked() {
    let identity = "Endpoint=https://contoso.service.signalr.net;AuthType=azure.msi;Version=1.0;";
    let host = app(identity).start_attached(handler()).await;
    assert_eq!(Event::call("bare", &json!([])).without("X-ASRS-Signature").send(&host).await.status(), 200);
}

#[tokio::test]
async fn without_a_connection_string_the_function_has_no_event() {
    let host = app("").start_attached(handler()).await;
    let warnings = host.events.logs(LogLevel::Warning);
    assert!(
        warnings[0].starts_with("FH2005 bare: calls will fail: the setting `AzureSignalRConnectionString` is missing")
    );
    check(&Event::call("bare", &json!([])).send(&host).await, 404, None);
}

#[tokio::test]
async fn the_start_names_the_webhook_and_lists_the_trigger() {
    let host = host().await;
    let port = host.host.address().port();
    let lines = host.events.logs(LogLevel::Information);
    let endpoint = format!("Registered SignalR trigger Endpoint = http://localhost:{port}/runtime/webhooks/signalr");
    assert_eq!(lines[..2], [endpoint, "SignalRService binding initialized".to_owned()]);
    let listed = host.events.all().into_iter().find_map(|event| match event {
        HostEvent::Listening { functions, .. } => functions.into_iter().find(|function| function.name == "send"),
        _ => None,
    });
    assert_eq!(listed.unwrap().trigger, ListedTrigger::Other("signalRTrigger".to_owned()));
    let event = host.events.wait_for("the start of the call", |event| match event {
        HostEvent::Executing { reason, .. } => Some(reason.clone()),
        _ => None,
    });
    let (_, reason) = tokio::join!(Event::call("bare", &json!([])).send(&host), event);
    assert_eq!(reason, "(null)");
}

#[tokio::test]
async fn without_a_signalr_binding_there_is_no_webhook() {
    let host = TestApp::new().function("f", &crate::harness::http()).start_attached(Router::new()).await;
    assert_eq!(Event::call("bare", &json!([])).with("Content-Type", "text/plain").send(&host).await.status(), 404);
    assert!(!host.events.logs(LogLevel::Information).iter().any(|line| line.contains("SignalR")));
}

#[tokio::test]
async fn by_hand_there_is_no_event_to_run_with() {
    let host = host().await;
    let report = host.host.invoke("bare", None).await.unwrap();
    assert!(report.error.unwrap().starts_with("Object reference not set to an instance of an object."));
}
