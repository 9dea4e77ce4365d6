//! A test of a function app that moves the clock, cuts connections, and stops and starts the parts of its stack.

use crate::harness::{DEADLINE, SignalRClient, TestApp, http, post, send};
use axum::http::StatusCode;
use axum::routing::post as on_post;
use axum::{Json, Router};
use functions_host::clock::VirtualClock;
use functions_host::events::HostEvent;
use local_stack::{Events, Handler, LocalStack, Part, StackEvent, StackOptions};
use serde_json::{Value, json};
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::sync::Notify;

const HOUR: Duration = Duration::from_secs(60 * 60);

/// An app with a timer that tells every client the time at which it was due, and a function by which clients negotiate.
fn clock_app(schedule: &str) -> TestApp {
    let hub = |kind: &str, direction: &str, name: &str| json!({"type": kind, "direction": direction, "name": name, "hubName": "clock"});
    let http = [
        json!({"type": "httpTrigger", "direction": "in", "name": "req", "authLevel": "anonymous"}),
        json!({"type": "http", "direction": "out", "name": "res"}),
    ];
    let timer = json!({"type": "timerTrigger", "direction": "in", "name": "timer", "schedule": schedule});
    TestApp::new()
        .function("tick", &[timer, hub("signalR", "out", "messages")])
        .function("negotiate", &[http.as_slice(), &[hub("signalRConnectionInfo", "in", "connectionInfo")]].concat())
}

fn functions() -> Router {
    Router::new().route("/tick", on_post(tick)).route("/negotiate", on_post(negotiate))
}

async fn tick(Json(invocation): Json<Value>) -> Json<Value> {
    let timer = &invocation["Data"]["timer"];
    let message = json!({"target": "tick", "arguments": [invocation["Metadata"]["sys"]["UtcNow"], timer["IsPastDue"]]});
    Json(json!({"Outputs": {"messages": [message]}}))
}

async fn negotiate(Json(invocation): Json<Value>) -> Json<Value> {
    let literal = invocation["Data"]["connectionInfo"].as_str().expect("a string");
    let info: String = serde_json::from_str(literal).unwrap_or_else(|_| literal.to_owned());
    Json(json!({"Outputs": {"res": {"body": info, "headers": {"content-type": "application/json"}}}}))
}

async fn start(app: &TestApp, time: &VirtualClock) -> LocalStack {
    let handler = Handler::in_process(functions());
    let options = StackOptions { handler, clock: time.clock(), ..StackOptions::new(app.path()) };
    LocalStack::start(options).await.expect("the stack starts on free ports")
}

fn time_at(time: &str) -> VirtualClock {
    VirtualClock::starting_at(time.parse().expect("a time"))
}

/// The time and the lateness in the next message of the timer.
async fn next_tick(client: &mut SignalRClient) -> (String, bool) {
    let (target, arguments) = client.next().await;
    assert_eq!(target, "tick");
    (arguments[0].as_str().expect("a time").chars().take(19).collect(), arguments[1].as_bool().expect("yes or no"))
}

async fn wait_for<T>(events: &mut Events, what: &str, find: impl FnMut(&StackEvent) -> Option<T>) -> T {
    let found = tokio::time::timeout(DEADLINE, events.until(find)).await;
    found.ok().flatten().unwrap_or_else(|| panic!("no event: {what}"))
}

#[tokio::test]
async fn each_occurrence_that_passes_reaches_a_connected_client_at_its_time() {
    let (app, time) = (clock_app("0 */5 * * * *"), time_at("2026-02-07T15:44:30Z"));
    let stack = start(&app, &time).await;
    let mut client = SignalRClient::connect(&stack).await;
    time.advance(Duration::from_secs(15 * 60)).await;
    for expected in ["2026-02-07T15:45:00", "2026-02-07T15:50:00", "2026-02-07T15:55:00"] {
        assert_eq!(next_tick(&mut client).await, (expected.to_owned(), false));
    }
    assert_eq!(stack.clock().now(), "2026-02-07T15:59:30Z".parse().unwrap());
    drop(client);
    stack.shutdown().await;
}

#[tokio::test]
async fn a_machine_that_was_asleep_runs_a_timer_once_and_late() {
    let (app, time) = (clock_app("0 */5 * * * *"), time_at("2026-02-07T15:44:30Z"));
    let stack = start(&app, &time).await;
    let mut client = SignalRClient::connect(&stack).await;
    time.jump(Duration::from_secs(15 * 60));
    time.advance(Duration::from_secs(60)).await;
    assert_eq!(next_tick(&mut client).await, ("2026-02-07T15:59:30".to_owned(), false));
    assert_eq!(next_tick(&mut client).await.0, "2026-02-07T16:00:00");
    drop(client);
    stack.shutdown().await;
}

#[tokio::test]
async fn what_was_missed_while_the_host_was_stopped_is_past_due_once() {
    let (app, time) = (clock_app("0 */5 * * * *"), time_at("2026-02-07T15:44:30Z"));
    let mut stack = start(&app, &time).await;
    let mut client = SignalRClient::connect(&stack).await;
    stack.stop(Part::Host).await.unwrap();
    time.advance(HOUR).await;
    stack.start_again(Part::Host).await.unwrap();
    time.advance(Duration::from_secs(60)).await;
    assert_eq!(next_tick(&mut client).await, ("2026-02-07T16:44:30".to_owned(), true));
    assert_eq!(next_tick(&mut client).await, ("2026-02-07T16:45:00".to_owned(), false));
    drop(client);
    stack.shutdown().await;
}

#[tokio::test]
async fn a_timer_runs_now_when_it_is_told_to() {
    let (app, time) = (clock_app("0 0 0 1 1 *"), VirtualClock::starting_now());
    let stack = start(&app, &time).await;
    let mut client = SignalRClient::connect(&stack).await;
    let report = stack.run("TICK").await.unwrap();
    assert_eq!(report.error, None);
    assert!(!next_tick(&mut client).await.1);
    assert!(stack.run("nothing").await.is_err());
    drop(client);
    stack.shutdown().await;
}

#[tokio::test]
async fn a_function_that_never_answers_times_out_by_the_clock_of_the_stack() {
    let (app, time) = (clock_app("0 0 0 1 1 *"), VirtualClock::starting_now());
    let (called, calls) = (Arc::new(Notify::new()), Arc::new(Notify::new()));
    let calling = Arc::clone(&called);
    let never = on_post(async move || {
        calling.notify_one();
        calls.notified().await;
    });
    let handler = Handler::in_process(Router::new().route("/negotiate", never));
    let options = StackOptions { handler, clock: time.clock(), ..StackOptions::new(app.path()) };
    let stack = LocalStack::start(options).await.expect("the stack starts on free ports");
    let (status, ()) = tokio::join!(async { post(&stack, "/api/negotiate", "").await.status() }, async {
        called.notified().await;
        // The default of host.json.
        time.advance(HOUR / 2).await;
    });
    assert_eq!(status, StatusCode::INTERNAL_SERVER_ERROR);
    stack.shutdown().await;
}

#[tokio::test]
async fn another_handler_in_the_process_takes_the_place_of_the_first() {
    let (app, time) = (clock_app("0 0 0 1 1 *"), VirtualClock::starting_now());
    let mut stack = start(&app, &time).await;
    for text in ["second", "third"] {
        let reply = async move || Json(json!({"Outputs": {"res": {"body": text}}}));
        let handler = Handler::in_process(Router::new().route("/negotiate", on_post(reply)));
        stack.reload(handler).await.unwrap();
        assert_eq!(post(&stack, "/api/negotiate", "").await.text().await.unwrap(), text);
        stack.restart(Part::Handler).await.unwrap();
        assert_eq!(post(&stack, "/api/negotiate", "").await.text().await.unwrap(), text);
    }
    stack.shutdown().await;
}

#[tokio::test]
async fn a_token_is_good_for_an_hour_by_the_clock_of_the_stack() {
    let (app, time) = (clock_app("0 0 0 1 1 *"), time_at("2030-02-07T15:44:30Z"));
    let stack = start(&app, &time).await;
    let info: Value = post(&stack, "/api/negotiate", "").await.json().await.unwrap();
    let negotiate = info["url"].as_str().unwrap().replacen("/client/?", "/client/negotiate?", 1);
    let token = info["accessToken"].as_str().unwrap();
    let status = async || send(http().post(&negotiate).bearer_auth(token)).await.status();
    assert_eq!(status().await, 200);
    time.advance(Duration::from_secs(59 * 60)).await;
    assert_eq!(status().await, 200);
    time.advance(HOUR).await;
    assert_eq!(status().await, 401);
    stack.shutdown().await;
}

#[tokio::test]
async fn a_client_that_is_cut_off_comes_back_and_hears_what_is_sent_then() {
    let (app, time) = (clock_app("0 */5 * * * *"), time_at("2026-02-07T15:44:30Z"));
    let stack = start(&app, &time).await;
    let mut client = SignalRClient::connect(&stack).await;
    let mut events = stack.events();
    let emulator = stack.emulator().unwrap();
    let [connection] = &emulator.connections()[..] else { panic!("one client") };
    assert!(emulator.cut(&connection.connection_id));
    client.until_lost().await;
    let gone = |event: &StackEvent| match event {
        StackEvent::Emulator(happened) => match &happened.event {
            signalr_emulator::Event::Disconnected { connection_id, .. } => Some(connection_id.clone()),
            _ => None,
        },
        _ => None,
    };
    assert_eq!(wait_for(&mut events, "the connection has ended", gone).await, connection.connection_id);
    let mut client = SignalRClient::connect(&stack).await;
    time.advance(Duration::from_secs(30)).await;
    assert_eq!(next_tick(&mut client).await.0, "2026-02-07T15:45:00");
    drop(client);
    stack.shutdown().await;
}

#[tokio::test]
async fn a_service_that_was_down_fails_the_run_and_serves_again_on_the_same_port() {
    let (app, time) = (clock_app("0 0 0 1 1 *"), VirtualClock::starting_now());
    let mut stack = start(&app, &time).await;
    let address = stack.signalr_url();
    let mut client = SignalRClient::connect(&stack).await;
    stack.stop(Part::Emulator).await.unwrap();
    client.until_lost().await;
    let error = stack.run("tick").await.unwrap().error.unwrap();
    assert!(error.contains("onnection refused") || error.contains("error sending request"), "{error}");
    stack.start_again(Part::Emulator).await.unwrap();
    assert_eq!(stack.signalr_url(), address);
    let mut client = SignalRClient::connect(&stack).await;
    assert_eq!(stack.run("tick").await.unwrap().error, None);
    assert!(!next_tick(&mut client).await.1);
    drop(client);
    stack.shutdown().await;
}

#[tokio::test]
async fn a_handler_that_is_down_fails_calls_until_it_is_back() {
    let (app, time) = (clock_app("0 0 0 1 1 *"), VirtualClock::starting_now());
    let mut stack = start(&app, &time).await;
    stack.stop(Part::Handler).await.unwrap();
    let mut events = stack.events();
    assert_eq!(post(&stack, "/api/negotiate", "").await.status(), StatusCode::INTERNAL_SERVER_ERROR);
    let error = |event: &StackEvent| match event {
        StackEvent::Host(HostEvent::Executed { error: Some(error), .. }) => Some(error.clone()),
        _ => None,
    };
    assert!(wait_for(&mut events, "the call fails", error).await.starts_with("Connection refused"));
    stack.start_again(Part::Handler).await.unwrap();
    assert_eq!(post(&stack, "/api/negotiate", "").await.status(), StatusCode::OK);
    stack.shutdown().await;
}

#[tokio::test]
async fn fifty_stacks_live_side_by_side_and_each_has_its_own_time() {
    let begun = Instant::now();
    let stacks = (0..50u64).map(|number| async move {
        let (app, time) = (clock_app("0 0 * * * *"), time_at("2026-02-07T15:44:30Z"));
        let stack = start(&app, &time).await;
        let mut client = SignalRClient::connect(&stack).await;
        let hours = 1 + number % 5;
        time.advance(HOUR * u32::try_from(hours).expect("a small number")).await;
        for hour in 0..hours {
            assert_eq!(next_tick(&mut client).await.0, format!("2026-02-07T{}:00:00", 16 + hour), "stack {number}");
        }
        drop(client);
        stack.shutdown().await;
    });
    let stacks: Vec<_> = stacks.map(tokio::spawn).collect();
    for stack in stacks {
        stack.await.expect("a stack is as good as alone");
    }
    // A figure for whoever asks with --nocapture; it decides nothing.
    let seconds = begun.elapsed().as_secs_f64();
    crate::harness::note(&format!("50 stacks with a client each started, served and ended in {seconds:.2} s"));
}

#[tokio::test]
async fn a_stack_with_its_handler_in_process_tells_how_fast_it_is_up() {
    let (app, time) = (clock_app("0 0 * * * *"), VirtualClock::starting_now());
    let mut times = Vec::new();
    for _ in 0..20 {
        let begun = Instant::now();
        let stack = start(&app, &time).await;
        times.push(begun.elapsed());
        assert_eq!(post(&stack, "/api/negotiate", "").await.status(), StatusCode::OK);
        stack.shutdown().await;
    }
    times.sort_unstable();
    crate::harness::note(&format!(
        "a stack is up in {:?} (median of {}), at most {:?}",
        times[10],
        times.len(),
        times[19]
    ));
}
