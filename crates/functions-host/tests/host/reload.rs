//! An app that is replaced while it serves.

use std::sync::Arc;
use std::time::Duration;

use axum::routing::post;
use axum::{Json, Router};
use functions_host::clock::VirtualClock;
use functions_host::events::{HostEvent, LogLevel};
use functions_host::host::{Host, ReloadError, WorkerSource};
use serde_json::{Value, json};
use tokio::sync::Notify;

use crate::harness::{LONG, Running, TestApp, client, http, listener, serve};

fn answer(body: &str) -> Json<Value> {
    Json(json!({"Outputs": {"res": {"body": body}}}))
}

/// A handler in this process whose function `hello` answers with `name`.
async fn attached(name: &'static str) -> WorkerSource {
    WorkerSource::Attached(serve(Router::new().route("/hello", post(async move || answer(name)))).await)
}

async fn hello(host: &Host) -> (u16, String) {
    let response = client().post(format!("http://{}/api/hello", host.address())).send().await.unwrap();
    (response.status().as_u16(), response.text().await.unwrap())
}

fn obedient() -> TestApp {
    TestApp::new().handler("obey").function("describe", &http())
}

async fn pid(running: &Running) -> String {
    running.get("/api/describe").await.json::<Value>().await.unwrap()["pid"].to_string()
}

#[tokio::test]
async fn a_call_that_has_begun_ends_with_the_old_handler_and_the_next_goes_to_the_new_one() {
    let (begun, released) = (Arc::<Notify>::default(), Arc::<Notify>::default());
    let (begins, waits) = (Arc::clone(&begun), Arc::clone(&released));
    let old = Router::new().route(
        "/hello",
        post(async move || {
            begins.notify_one();
            waits.notified().await;
            answer("old")
        }),
    );
    let running = TestApp::new().function("hello", &http()).start_attached(old).await;
    let url = running.url("/api/hello");
    let first = tokio::spawn(async move { client().post(url).send().await.unwrap().text().await.unwrap() });
    begun.notified().await;
    let retirement = running.host.reload(running.app.load(), attached("new").await).await.unwrap();
    assert_eq!(hello(&running.host).await, (200, "new".to_owned()));
    released.notify_one();
    assert_eq!(first.await.unwrap(), "old");
    tokio::time::timeout(LONG, retirement.ended()).await.expect("nothing keeps the old app");
    running.host.shutdown().await;
}

#[tokio::test]
async fn a_function_that_is_new_is_there_after_a_reload() {
    let running = TestApp::new().function("other", &http()).start_attached(Router::new()).await;
    assert_eq!(hello(&running.host).await.0, 404);
    let Running { host, events, app, .. } = running;
    let app = app.function("hello", &http());
    host.reload(app.load(), attached("new").await).await.unwrap();
    assert_eq!(hello(&host).await, (200, "new".to_owned()));
    let names = |event: &HostEvent| match event {
        HostEvent::Reloaded { functions, .. } => {
            Some(functions.iter().map(|function| function.name.clone()).collect::<Vec<_>>())
        }
        _ => None,
    };
    assert_eq!(events.wait_for("the reload", names).await, ["hello", "other"]);
    host.shutdown().await;
}

#[tokio::test]
async fn a_new_process_takes_the_place_of_the_old_one_which_is_ended() {
    let running = obedient().start().await;
    let before = pid(&running).await;
    let retirement = running.host.reload(running.app.load(), WorkerSource::Process).await.unwrap();
    let after = pid(&running).await;
    assert_ne!(before, after);
    assert_eq!(running.host.handler_process().unwrap().to_string(), after);
    retirement.ended().await;
    #[cfg(target_os = "linux")]
    assert!(!std::path::Path::new("/proc").join(before).exists());
    running.host.shutdown().await;
}

#[tokio::test]
async fn a_handler_that_does_not_start_is_tried_once_and_leaves_the_old_one_serving() {
    let running = obedient().start().await;
    let before = pid(&running).await;
    let Running { host, events, app, http } = running;
    let app = app.handler("exit-7");
    let error = host.reload(app.load(), WorkerSource::Process).await.unwrap_err();
    let ReloadError::Handler { reason } = &error else { panic!("{error}") };
    assert!(reason.contains("exited with code 7 (0x7): second complaint"), "{reason}");
    let failures = events.all().iter().filter(|event| matches!(event, HostEvent::WorkerFailed { .. })).count();
    assert_eq!(failures, 1);
    let running = Running { host, events, app, http };
    assert_eq!(pid(&running).await, before);
    running.host.shutdown().await;
}

#[tokio::test]
async fn a_host_that_has_given_up_serves_again_with_a_better_handler() {
    let running = TestApp::new().handler("exit-7").function("describe", &http()).start().await;
    running.host.stopped().await;
    assert_eq!(running.get("/api/describe").await.status(), 503);
    let Running { host, events, app, http } = running;
    let app = app.handler("obey");
    host.reload(app.load(), WorkerSource::Process).await.unwrap();
    let running = Running { host, events, app, http };
    assert_eq!(running.get("/api/describe").await.status(), 200);
    running.host.shutdown().await;
}

#[tokio::test]
async fn handlers_with_a_fixed_port_take_turns_and_calls_wait() {
    let port = std::net::TcpListener::bind("127.0.0.1:0").and_then(|socket| socket.local_addr()).unwrap().port();
    let running = obedient().host_json("/customHandler", "port", json!(port)).start().await;
    let before = pid(&running).await;
    running.host.reload(running.app.load(), WorkerSource::Process).await.unwrap();
    let after = pid(&running).await;
    assert_ne!(before, after);
    let Running { host, events, app, http } = running;
    let app = app.handler("exit-7");
    host.reload(app.load(), WorkerSource::Process).await.unwrap_err();
    let running = Running { host, events, app, http };
    // The one before was started again.
    assert_eq!(running.get("/api/describe").await.status(), 200);
    running.host.shutdown().await;
}

#[tokio::test]
async fn a_reload_that_nobody_waits_for_any_more_leaves_no_call_waiting() {
    let port = std::net::TcpListener::bind("127.0.0.1:0").and_then(|socket| socket.local_addr()).unwrap().port();
    let running = obedient().host_json("/customHandler", "port", json!(port)).start().await;
    let before = pid(&running).await;
    // It is polled once, which is enough for the old handler to be on its way out.
    tokio::select! {
        biased;
        _ = running.host.reload(running.app.load(), WorkerSource::Process) => panic!("the old handler takes its time"),
        () = std::future::ready(()) => {}
    }
    let after = tokio::time::timeout(LONG, pid(&running)).await.expect("the door is open again");
    assert_ne!(before, after);
    running.host.shutdown().await;
}

#[tokio::test]
async fn a_fixed_port_is_taken_in_turn_also_where_the_handler_before_has_no_process_at_the_moment() {
    let port = std::net::TcpListener::bind("127.0.0.1:0").and_then(|socket| socket.local_addr()).unwrap().port();
    let app =
        TestApp::new().handler("exit-7").function("describe", &http()).host_json("/customHandler", "port", json!(port));
    let running = app.start().await;
    running.host.stopped().await;
    let failures =
        || running.events.all().iter().filter(|event| matches!(event, HostEvent::WorkerFailed { .. })).count();
    let before = failures();
    running.host.reload(running.app.load(), WorkerSource::Process).await.unwrap_err();
    // In turn: the next one has failed, and then the one before, which was ended for it, has failed once more.
    assert_eq!(failures(), before + 2);
    running.host.shutdown().await;
}

#[tokio::test]
async fn calls_wait_for_a_handler_that_is_awaited_and_are_told_when_it_does_not_come() {
    let app = TestApp::new().function("hello", &http());
    let running = app.start_on(listener().await, WorkerSource::Awaited, |_| {}).await;
    assert_eq!(running.get("/admin/host/status").await.status(), 200);
    assert_eq!(running.get("/api/nothing").await.status(), 404);
    running.host.give_up_waiting("it does not build");
    assert_eq!(hello(&running.host).await, (503, "it does not build".to_owned()));
    running.host.wait_again();
    let reload = async {
        let new = attached("new").await;
        running.host.reload(running.app.load(), new).await.unwrap()
    };
    let (answer, _) = tokio::join!(hello(&running.host), reload);
    assert_eq!(answer, (200, "new".to_owned()));
    running.host.shutdown().await;
}

#[tokio::test]
async fn a_timer_whose_run_goes_on_in_the_old_app_does_not_fire_in_the_new_one_before_it_ends() {
    let time = VirtualClock::starting_at("2026-02-07T15:44:30Z".parse().unwrap());
    let (begun, released) = (Arc::<Notify>::default(), Arc::<Notify>::default());
    let (begins, waits) = (Arc::clone(&begun), Arc::clone(&released));
    let old = Router::new().route(
        "/tick",
        post(async move || {
            begins.notify_one();
            waits.notified().await;
            Json(json!({"Logs": ["old"]}))
        }),
    );
    let timer = json!({"type": "timerTrigger", "direction": "in", "name": "timer", "schedule": "0 * * * * *"});
    let app = TestApp::new().function("tick", &[timer]);
    let running = app.start_attached_with(old, |options| options.clock = time.clock()).await;
    time.advance(Duration::ZERO).await;
    time.jump(Duration::from_secs(30));
    begun.notified().await;
    let new = Router::new().route("/tick", post(async || Json(json!({"Logs": ["new"]}))));
    let worker = WorkerSource::Attached(serve(new).await);
    let retirement = running.host.reload(running.app.load(), worker).await.unwrap();
    // The next occurrence, and nobody may run it yet.
    time.jump(Duration::from_secs(60));
    released.notify_one();
    retirement.ended().await;
    time.advance(Duration::from_secs(60)).await;
    let log = |event: HostEvent| match event {
        HostEvent::FunctionLog { line, .. } => Some(line),
        _ => None,
    };
    let logs: Vec<_> = running.events.all().into_iter().filter_map(log).collect();
    assert_eq!(logs, ["old", "new", "new"]);
    running.host.shutdown().await;
}

/// A function in the making, in an app that runs.
fn write_function(running: &Running, name: &str) {
    let folder = running.app.root().join(name);
    std::fs::create_dir(&folder).unwrap();
    std::fs::write(folder.join("function.json"), json!({"bindings": http()}).to_string()).unwrap();
}

async fn restart(running: &Running) -> u16 {
    running.post("/admin/host/restart", "").await.status().as_u16()
}

async fn reloads(running: &Running, count: usize) {
    let is_reload = |event: &HostEvent| matches!(event, HostEvent::Reloaded { .. });
    running.events.wait_until(|events| events.iter().filter(|event| is_reload(event)).count() >= count).await;
}

#[tokio::test]
async fn a_restart_reads_functions_host_json_and_settings_again() {
    let handler = Router::new().fallback(post(async || answer("fine")));
    let running = TestApp::new().function("hello", &http()).start_attached(handler).await;
    write_function(&running, "later");
    let host_json = std::fs::read_to_string(running.app.root().join("host.json")).unwrap();
    let changed = host_json.replacen('{', r#"{"extensions":{"http":{"routePrefix":"v2"}},"#, 1);
    std::fs::write(running.app.root().join("host.json"), changed).unwrap();
    let settings = json!({"IsEncrypted": false, "Values": {"FUNCTIONS_WORKER_RUNTIME": "custom", "AzureWebJobsDisableHomepage": "true"}});
    std::fs::write(running.app.root().join("local.settings.json"), settings.to_string()).unwrap();
    assert_eq!(
        (running.get("/api/later").await.status().as_u16(), running.get("/").await.status().as_u16()),
        (404, 200)
    );
    assert_eq!(restart(&running).await, 200);
    reloads(&running, 1).await;
    assert_eq!(running.get("/v2/later").await.text().await.unwrap(), "fine");
    assert_eq!(
        (running.get("/api/hello").await.status().as_u16(), running.get("/").await.status().as_u16()),
        (404, 204)
    );
    running.host.shutdown().await;
}

#[tokio::test]
async fn a_resume_reads_the_app_again_before_it_answers_but_only_after_a_drain() {
    let handler = Router::new().fallback(post(async || answer("fine")));
    let running = TestApp::new().function("hello", &http()).start_attached(handler).await;
    write_function(&running, "later");
    assert_eq!(running.post("/admin/host/resume", "").await.status(), 200);
    assert_eq!(running.get("/api/later").await.status(), 404, "there was nothing to resume");
    assert_eq!(running.post("/admin/host/drain", "").await.status(), 202);
    assert_eq!(running.post("/admin/host/resume", "").await.status(), 200);
    assert_eq!(running.get("/api/later").await.status(), 200);
    running.host.shutdown().await;
}

#[tokio::test]
async fn a_restart_of_an_app_that_cannot_be_read_changes_nothing_and_says_so() {
    let running = obedient().start().await;
    let before = pid(&running).await;
    let host_json = running.app.root().join("host.json");
    let good = std::fs::read_to_string(&host_json).unwrap();
    std::fs::write(&host_json, "{").unwrap();
    assert_eq!(restart(&running).await, 200);
    let told = "FH5006 the app was not restarted and goes on as it was: ";
    running.events.wait_for_log(LogLevel::Warning, told).await;
    assert_eq!(pid(&running).await, before);
    assert_eq!(running.post("/admin/host/drain", "").await.status(), 202);
    assert_eq!(running.post("/admin/host/resume", "").await.status(), 200);
    let drain: Value = running.get("/admin/host/drain/status").await.json().await.unwrap();
    assert_eq!(drain["state"], "Disabled", "the timers run again all the same");
    std::fs::write(&host_json, good).unwrap();
    assert_eq!(restart(&running).await, 200);
    reloads(&running, 1).await;
    assert_ne!(pid(&running).await, before);
    running.host.shutdown().await;
}

#[tokio::test]
async fn a_restart_with_a_fixed_port_does_not_wait_for_the_one_who_asks_for_it() {
    let port = std::net::TcpListener::bind("127.0.0.1:0").and_then(|socket| socket.local_addr()).unwrap().port();
    let running = obedient().host_json("/customHandler", "port", json!(port)).start().await;
    let before = pid(&running).await;
    assert_eq!(running.post("/admin/host/drain", "").await.status(), 202);
    // The answer comes when the app is there again; the call below would run into its deadline if the two waited for each other.
    assert_eq!(running.post("/admin/host/resume", "").await.status(), 200);
    assert_ne!(pid(&running).await, before);
    running.host.shutdown().await;
}

#[tokio::test]
async fn while_a_handler_is_awaited_there_is_nothing_to_restart() {
    let app = TestApp::new().function("hello", &http());
    let running = app.start_on(listener().await, WorkerSource::Awaited, |_| {}).await;
    assert_eq!(restart(&running).await, 200);
    assert!(!running.events.all().iter().any(|event| matches!(event, HostEvent::Reloaded { .. })));
    running.host.give_up_waiting("it does not build");
    assert_eq!(hello(&running.host).await, (503, "it does not build".to_owned()));
    running.host.shutdown().await;
}
