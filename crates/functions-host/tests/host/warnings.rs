//! What the host warns of while it runs: the code, the function, and once only.

use axum::Router;
use axum::routing::post;
use functions_host::events::{HostEvent, LogLevel};
use serde_json::json;

use crate::harness::{Running, TestApp, http, http_and};

const CONNECTION: &str =
    "Endpoint=http://localhost;Port=8888;AccessKey=ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789ABCDEFGH;Version=1.0;";

async fn host() -> Running {
    let info = json!({"type": "signalRConnectionInfo", "direction": "in", "name": "info", "hubName": "chat",
        "userId": "{headers.x-user}"});
    let trigger = json!({"type": "signalRTrigger", "name": "event", "hubName": "chat", "category": "messages",
        "event": "say"});
    let handler = Router::new().fallback(post(|| async { axum::Json(json!({"Outputs": {"res": {"body": "x"}}})) }));
    TestApp::new()
        .setting("AzureSignalRConnectionString", CONNECTION)
        .setting("AzureWebJobsStorage", "UseDevelopmentStorage=true")
        .function("plain", &http())
        .function("negotiate", &http_and(&[info]))
        .function("say", &[trigger])
        .function("broken", &[])
        .function("queue", &[json!({"type": "queueTrigger", "name": "q"})])
        .start_attached(handler)
        .await
}

#[track_caller]
fn check_last(host: &Running, expected: &str) {
    let warnings = host.events.logs(LogLevel::Warning);
    assert!(warnings.last().is_some_and(|last| last.starts_with(expected)), "{warnings:#?}");
}

#[tokio::test]
async fn a_warning_of_every_call_is_told_once_and_counted_at_the_end() {
    let host = host().await;
    for _ in 0..3 {
        let chunks = futures_util::stream::iter([Ok::<_, std::io::Error>("x")]);
        host.post("/api/plain", reqwest::Body::wrap_stream(chunks)).await;
    }
    check_last(&host, "FH4001 plain: the request body came in chunks");
    assert_eq!(host.events.logs(LogLevel::Warning).len(), 1);
    let events = host.events.clone();
    host.host.shutdown().await;
    assert_eq!(events.logs(LogLevel::Warning)[1..], ["FH4001 plain: the same 2 more times"]);
}

#[tokio::test]
async fn a_user_id_that_is_missing_fails_and_an_empty_one_does_not() {
    let host = host().await;
    assert_eq!(host.get("/api/negotiate").await.status(), 500);
    check_last(&host, "FH2006 negotiate: `{headers.x-user}` has no value in this call");
    let response = host.http.get(host.url("/api/negotiate")).header("x-user", "").send().await.unwrap();
    assert_eq!(response.status(), 200);
    check_last(&host, "FH2007 negotiate: `userId` is empty");
}

#[tokio::test]
async fn upstream_events_that_are_refused_say_why() {
    let host = host().await;
    let report = async |event: &'static str, connection_id: &'static str| {
        let request = host.http.post(host.url("/runtime/webhooks/signalr")).header("content-type", "application/json");
        let request = request.header("x-asrs-hub", "chat").header("x-asrs-category", "messages");
        let request = request.header("x-asrs-event", event).header("x-asrs-connection-id", connection_id);
        request.body(json!({"type": 1, "target": event, "arguments": []}).to_string()).send().await.unwrap().status()
    };
    assert_eq!(report("say", "c").await, 401);
    check_last(&host, "FH4002 say: an upstream event is not signed with the key of `AzureSignalRConnectionString`");
    assert_eq!(report("shout", "c").await, 404);
    check_last(&host, "FH4003 chat: a client of the hub `chat` called `shout`");
    assert_eq!(report("say", "").await, 500);
    check_last(&host, "FH4004 say: an upstream event cannot be read");
}

#[tokio::test]
async fn functions_in_error_have_a_code_at_the_end_of_the_hosts_words() {
    let host = host().await;
    let broken = host.events.all().into_iter().find_map(|event| match event {
        HostEvent::Listening { broken, .. } => Some(broken),
        _ => None,
    });
    let broken: Vec<String> = broken.unwrap().into_iter().map(|(_, message)| message).collect();
    let expected = [
        "At least one binding must be declared. [FH2001]",
        "The binding type(s) 'queueTrigger' work in Azure but not in this local host. [FH2002]",
    ];
    assert_eq!(broken, expected);
}

#[cfg(target_os = "linux")]
#[tokio::test]
async fn logs_on_standard_error_are_warned_of() {
    let host = TestApp::new().function("exit", &http()).handler("obey").start().await;
    assert_eq!(host.post("/api/exit", "1").await.status(), 500);
    host.events.wait_for_log(LogLevel::Warning, "FH5001 what the handler writes to standard error").await;
    host.host.shutdown().await;
}
