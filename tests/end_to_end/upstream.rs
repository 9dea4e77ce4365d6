//! Clients call functions: the service reports to the host's webhook, and the function's return value completes the call.

use crate::harness::{SignalRClient, TestApp, post as post_to};
use axum::extract::State;
use axum::http::StatusCode;
use axum::routing::post;
use axum::{Json, Router};
use functions_host::events::HostEvent;
use local_stack::{Handler, LocalStack, StackEvent, StackOptions};
use serde_json::{Value, json};
use std::time::Duration;
use tokio::sync::mpsc;

/// Far more than anything here takes.
const DEADLINE: Duration = Duration::from_secs(20);

/// A stack whose functions are in this process, and what they hear.
struct Chat {
    stack: LocalStack,
    events: mpsc::UnboundedReceiver<Value>,
    _app: TestApp,
}

impl Chat {
    async fn start() -> Chat {
        let output = json!({"type": "signalR", "direction": "out", "name": "messages", "hubName": "chat"});
        let app = TestApp::new()
            .function("joined", &[trigger("connections", "connected")])
            .function("left", &[trigger("connections", "disconnected")])
            .function("say", &[trigger("messages", "say"), output])
            .function("fail", &[trigger("messages", "fail")]);
        let (heard, events) = mpsc::unbounded_channel();
        let handler = Handler::in_process(functions(heard));
        // With keys, so that the service has to know that of the webhook.
        let keys = Some(app.path().join("keys.json"));
        let options = StackOptions { handler, keys, ..StackOptions::new(app.path()) };
        let stack = LocalStack::start(options).await.expect("the stack starts on free ports");
        Chat { stack, events, _app: app }
    }

    /// The next event that a function has heard of.
    async fn heard(&mut self) -> Value {
        let event = tokio::time::timeout(DEADLINE, self.events.recv()).await.expect("an event");
        event.expect("the functions are there")
    }
}

fn trigger(category: &str, event: &str) -> Value {
    json!({"type": "signalRTrigger", "direction": "in", "name": "event", "hubName": "chat", "category": category,
        "event": event})
}

fn functions(heard: mpsc::UnboundedSender<Value>) -> Router {
    Router::new()
        .route("/joined", post(note))
        .route("/left", post(note))
        .route("/say", post(say))
        .route("/fail", post(|| async { StatusCode::INTERNAL_SERVER_ERROR }))
        .with_state(heard)
}

/// The event of an invocation, out of its two shells of JSON text.
fn event_of(invocation: &Value) -> Value {
    let literal = invocation["Data"]["event"].as_str().expect("a string");
    let text: String = serde_json::from_str(literal).expect("a string in a string");
    serde_json::from_str(&text).expect("an object")
}

async fn note(State(heard): State<mpsc::UnboundedSender<Value>>, Json(invocation): Json<Value>) -> Json<Value> {
    heard.send(event_of(&invocation)).expect("the test listens");
    Json(json!({"Outputs": {}}))
}

/// Passes on what a client says, and tells it how long that was.
async fn say(Json(invocation): Json<Value>) -> Json<Value> {
    let event = event_of(&invocation);
    let text = event["Arguments"][0].as_str().expect("a text");
    let message = json!({"target": "said", "arguments": [event["UserId"], text]});
    Json(json!({"Outputs": {"messages": [message]}, "ReturnValue": {"length": text.len()}}))
}

#[tokio::test]
async fn a_call_is_completed_with_what_the_function_returns_and_others_hear_of_it() {
    let chat = Chat::start().await;
    let mut alice = SignalRClient::connect_as(&chat.stack, "chat", "alice").await;
    let mut bob = SignalRClient::connect_as(&chat.stack, "chat", "bob").await;
    let completion = alice.invoke("say", &json!(["hello"])).await;
    assert_eq!(completion, json!({"type": 3, "invocationId": "7", "result": {"length": 5}}));
    for client in [&mut alice, &mut bob] {
        assert_eq!(client.next().await, ("said".to_owned(), json!(["alice", "hello"])));
    }
    drop((alice, bob));
    chat.stack.shutdown().await;
}

#[tokio::test]
async fn a_call_that_fails_or_that_no_function_wants_is_completed_with_an_error() {
    let chat = Chat::start().await;
    let mut client = SignalRClient::connect_as(&chat.stack, "chat", "alice").await;
    let completion = client.invoke("fail", &json!([])).await;
    assert_eq!(completion["error"], "Response status code does not indicate success: 500 (Internal Server Error).");
    let completion = client.invoke("unknown", &json!([])).await;
    assert_eq!(completion["error"], "Invocation failed, status code 404");
    drop(client);
    chat.stack.shutdown().await;
}

#[tokio::test]
async fn functions_hear_who_comes_and_who_goes() {
    let mut chat = Chat::start().await;
    let client = SignalRClient::connect_as(&chat.stack, "chat", "alice").await;
    let joined = chat.heard().await;
    assert_eq!((&joined["Event"], &joined["UserId"]), (&json!("connected"), &json!("alice")));
    drop(client);
    let left = chat.heard().await;
    assert_eq!((&left["Event"], &left["ConnectionId"]), (&json!("disconnected"), &joined["ConnectionId"]));
    chat.stack.shutdown().await;
}

#[tokio::test]
async fn a_function_that_is_there_after_a_restart_hears_who_comes() {
    let app = TestApp::new().function("other", &[json!({"type": "httpTrigger", "direction": "in", "name": "req"})]);
    let (heard, mut events) = mpsc::unbounded_channel();
    let handler = Handler::in_process(functions(heard));
    let stack = LocalStack::start(StackOptions { handler, ..StackOptions::new(app.path()) }).await.expect("it starts");
    let app = app.function("joined", &[trigger("connections", "connected")]);
    let mut told = stack.events();
    assert_eq!(post_to(&stack, "/admin/host/restart", "").await.status(), StatusCode::OK);
    let reloaded = |event: &StackEvent| matches!(event, StackEvent::Host(HostEvent::Reloaded { .. })).then_some(());
    tokio::time::timeout(DEADLINE, told.until(reloaded)).await.expect("the app is read again");
    let client = SignalRClient::connect_as(&stack, "chat", "alice").await;
    let joined = tokio::time::timeout(DEADLINE, events.recv()).await.expect("an event").unwrap();
    assert_eq!(joined["UserId"], "alice");
    drop((client, app));
    stack.shutdown().await;
}
