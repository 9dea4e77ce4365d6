//! The handler as a process: started, watched, restarted and ended (functions-host 1). The rows of 1.6 are in `tables/section_1_6`.

use std::path::Path;
use std::time::Duration;

use functions_host::events::{AfterExit, HostEvent, LogLevel, Stream};
use functions_host::host::{Host, HostOptions, WorkerSource};
use serde_json::{Value, json};

use crate::harness::{Events, LONG, Running, TestApp, http, listener};

pub(crate) fn app() -> TestApp {
    let app = TestApp::new().handler("obey");
    ["describe", "exit", "hang", "spawn"].into_iter().fold(app, |app, name| app.function(name, &http()))
}

pub(crate) async fn described(host: &Running) -> Value {
    host.get("/api/describe").await.json().await.unwrap()
}

pub(crate) async fn text_of(host: &Running, path: &str, body: &'static str) -> (u16, String) {
    let response = host.post(path, body).await;
    (response.status().as_u16(), response.text().await.unwrap())
}

pub(crate) async fn stop_reason(host: &Running) -> String {
    tokio::time::timeout(LONG, host.host.stopped()).await.expect("the host stops itself").reason
}

/// The failures of the handler so far: line, error, and what follows.
pub(crate) fn failures(host: &Running) -> Vec<(String, String, AfterExit)> {
    let failure = |event: HostEvent| match event {
        HostEvent::WorkerFailed { line, error, next, .. } => Some((line, error.unwrap_or_default(), next)),
        _ => None,
    };
    host.events.all().into_iter().filter_map(failure).collect()
}

#[tokio::test]
async fn the_handler_gets_its_port_its_ids_and_the_settings() {
    let host = app().setting("MySetting", "value").start().await;
    let described = described(&host).await;
    let environment = &described["environment"];
    let root = host.app.root().canonicalize().unwrap();
    let port = environment["FUNCTIONS_CUSTOMHANDLER_PORT"].as_str().unwrap();
    assert_eq!(described["arguments"], json!([port, "obey"]));
    assert_eq!(environment["FUNCTIONS_HTTPWORKER_PORT"], port);
    assert_eq!(environment["FUNCTIONS_HTTPWORKER_ID"], environment["FUNCTIONS_CUSTOMHANDLER_WORKER_ID"]);
    assert_eq!(environment["MySetting"], "value");
    assert_eq!(environment["FUNCTIONS_WORKER_RUNTIME"], "custom");
    assert_eq!(environment["AZURE_FUNCTIONS_ENVIRONMENT"], "Development");
    for path in
        [&environment["FUNCTIONS_APP_ROOT_PATH"], &environment["AzureWebJobsScriptRoot"], &described["directory"]]
    {
        assert_eq!(Path::new(path.as_str().unwrap()).canonicalize().unwrap(), root);
    }
    host.host.shutdown().await;
}

#[tokio::test]
async fn a_call_before_the_handler_is_ready_waits_for_it() {
    let listener = listener().await;
    let url = format!("http://{}/api/describe", listener.local_addr().unwrap());
    let early = tokio::spawn(crate::harness::client().get(url).send());
    let host = app().handler("late").start_on(listener, WorkerSource::Process, |_| {}).await;
    assert_eq!(early.await.unwrap().unwrap().status(), 200);
    assert_eq!(host.events.processes_ready(), 1);
    host.host.shutdown().await;
}

#[tokio::test]
async fn an_app_without_functions_never_starts_its_handler() {
    let host = TestApp::new().handler("exit-1").start().await;
    assert_eq!(host.get("/api/x").await.status(), 404);
    assert!(!host.events.all().iter().any(|event| matches!(event, HostEvent::WorkerStarting { .. })));
    host.host.shutdown().await;
}

#[tokio::test]
async fn a_function_timeout_restarts_the_handler() {
    let host = app().host_json("", "functionTimeout", json!("00:00:01")).start().await;
    let before = described(&host).await;
    assert_eq!(text_of(&host, "/api/hang", "").await, (500, String::new()));
    assert_eq!(
        host.last_error().as_deref(),
        Some("Timeout value of 00:00:01 was exceeded by function: Functions.hang")
    );
    let is_second = |event: &HostEvent| matches!(event, HostEvent::WorkerReady { .. }).then_some(());
    let mut ready = 0;
    let second = host.events.wait_for("second process", move |event| {
        ready += usize::from(is_second(event).is_some());
        (ready >= 2).then_some(())
    });
    second.await;
    assert_ne!(described(&host).await["pid"], before["pid"]);
    assert!(failures(&host).is_empty(), "a timeout is not counted");
    host.host.shutdown().await;
}

#[tokio::test]
async fn lines_of_the_handler_are_told_with_their_levels() {
    let host = app().handler("exit-7").start().await;
    stop_reason(&host).await;
    let line = |event: HostEvent| match event {
        HostEvent::Console { level, stream, line } => Some((level, stream, line)),
        _ => None,
    };
    let lines: Vec<_> = host.events.all().into_iter().filter_map(line).collect();
    assert!(lines.contains(&(LogLevel::Information, Stream::Stdout, "leaving at once".to_owned())), "{lines:?}");
    assert!(lines.contains(&(LogLevel::Error, Stream::Stderr, "first complaint".to_owned())), "{lines:?}");
    host.host.shutdown().await;
}

fn said(host: &Events, text: &str) -> bool {
    let said = |event: &HostEvent| matches!(event, HostEvent::Console { line, .. } if line == text);
    host.all().iter().any(said)
}

#[cfg(target_os = "linux")]
fn is_alive(process: &str) -> bool {
    // A process that is dead but not yet reaped by its new parent does not count.
    let status = std::fs::read_to_string(format!("/proc/{process}/stat")).unwrap_or_default();
    status.rsplit(')').next().is_some_and(|rest| !rest.is_empty() && !rest.trim_start().starts_with(['Z', 'X']))
}

#[cfg(target_os = "linux")]
#[tokio::test]
async fn shutdown_interrupts_the_handler_and_leaves_nothing_behind() {
    let host = app().start().await;
    let handler = described(&host).await["pid"].to_string();
    let child = text_of(&host, "/api/spawn", "").await.1;
    assert!(is_alive(&handler) && is_alive(&child));
    let status = host.get("/admin/host/status").await.json::<Value>().await.unwrap();
    let instance = status["instanceId"].as_str().unwrap();
    let (url, events, http) = (host.url("/admin/host/status"), host.events.clone(), host.http.clone());
    host.host.shutdown().await;
    assert!(said(&events, "interrupted"));
    assert!(!is_alive(&handler));
    assert!(!is_alive(&child));
    // The port may belong to somebody else by now.
    if let Ok(stranger) = http.get(url).send().await {
        assert!(!stranger.text().await.unwrap_or_default().contains(instance));
    }
}

#[cfg(target_os = "linux")]
#[tokio::test]
async fn a_host_that_is_dropped_while_its_handler_starts_leaves_nothing_behind() {
    let (observer, events) = Events::record();
    let app = app().handler("never-listen");
    let options = HostOptions { observer, ..HostOptions::new(app.load()) };
    let host = Host::start(listener().await, options).await.unwrap();
    let is_start = |event: &HostEvent| match event {
        HostEvent::WorkerStarting { process_id, .. } => Some(process_id.to_string()),
        _ => None,
    };
    let handler = events.wait_for("the handler starts", is_start).await;
    drop(host);
    // Nothing tells the end of a host that nobody holds.
    let gone = async {
        while is_alive(&handler) {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    assert!(tokio::time::timeout(LONG, gone).await.is_ok());
}

#[cfg(target_os = "linux")]
#[tokio::test]
async fn a_handler_that_ignores_the_interrupt_is_killed_after_the_grace() {
    let app = app().handler("ignore-interrupts");
    let grace = Duration::from_millis(300);
    let host = app.start_on(listener().await, WorkerSource::Process, |options| options.shutdown_grace = grace).await;
    let handler = described(&host).await["pid"].to_string();
    let events = host.events.clone();
    host.host.shutdown().await;
    assert!(said(&events, "interrupted"));
    assert!(!is_alive(&handler));
}

#[cfg(target_os = "linux")]
#[tokio::test]
async fn a_restart_by_hand_is_a_new_process_and_no_failure() {
    let host = app().start().await;
    let first = described(&host).await["pid"].to_string();
    for _ in 0..4 {
        let before = host.events.processes_ready();
        assert_eq!(host.post("/admin/host/restart", "").await.status(), 200);
        let is_ready = |event: &HostEvent| matches!(event, HostEvent::WorkerReady { .. });
        host.events.wait_until(|events| events.iter().filter(|event| is_ready(event)).count() > before).await;
    }
    assert_ne!(described(&host).await["pid"].to_string(), first);
    assert!(!is_alive(&first));
    assert!(!host.events.all().iter().any(|event| matches!(event, HostEvent::WorkerFailed { .. })));
    host.host.shutdown().await;
}

#[cfg(target_os = "linux")]
#[tokio::test]
async fn a_crash_takes_the_children_of_the_handler_along() {
    let host = app().start().await;
    let child = text_of(&host, "/api/spawn", "").await.1;
    assert_eq!(text_of(&host, "/api/exit", "1").await.0, 500);
    // Answered by the next process, so the first one and its group are over.
    assert_eq!(text_of(&host, "/api/describe", "").await.0, 200);
    assert!(!is_alive(&child));
    host.host.shutdown().await;
}
