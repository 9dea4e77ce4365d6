//! functions-host 1.6, "Exit, crash and restart": what follows when the handler ends, with real processes.

use std::time::{Duration, Instant};

use functions_host::clock::VirtualClock;
use functions_host::events::{AfterExit, HostEvent, LogLevel};
use functions_host::host::WorkerSource;
use serde_json::{Value, json};

use crate::harness::{LONG, Running, TestApp, http, listener};
use crate::supervision::{app, described, failures, stop_reason, text_of};

const TOO_MANY: &str = "Exceeded http worker restart retry count. Shutting down Functions Host";

fn variable(described: &Value, name: &str) -> Value {
    described["environment"][name].clone()
}

/// Ends the handler with this code in the middle of a call, which gets 500 with an empty body.
async fn exit(host: &Running, code: &'static str) {
    assert_eq!(text_of(host, "/api/exit", code).await, (500, String::new()), "exit code {code}");
}

/// How it went on after each failure.
fn nexts(host: &Running) -> Vec<AfterExit> {
    failures(host).into_iter().map(|(_, _, next)| next).collect()
}

// 1.6, row 1: exit code 0.
#[tokio::test]
async fn row_1_exit_code_0_nothing_follows_and_later_calls_fail_with_connection_refused() {
    let host = app().start().await;
    exit(&host, "0").await;
    let is_down = |event: &HostEvent| match event {
        HostEvent::WorkerFailed { next: AfterExit::StayDown, .. } => Some(()),
        _ => None,
    };
    host.events.wait_for("the handler stays down", is_down).await;
    assert_eq!(text_of(&host, "/api/describe", "").await, (500, String::new()));
    assert!(host.last_error().unwrap().starts_with("Connection refused (127.0.0.1:"), "{:?}", host.last_error());
    assert_eq!(host.events.processes_ready(), 1);
    host.host.shutdown().await;
}

// 1.6, row 2: exit code 200.
#[tokio::test]
async fn row_2_exit_code_200_is_an_intentional_restart_that_is_not_counted() {
    let host = app().start().await;
    for _ in 0..4 {
        exit(&host, "200").await;
    }
    assert_eq!(text_of(&host, "/api/describe", "").await.0, 200);
    assert_eq!(host.events.processes_ready(), 5);
    assert!(failures(&host).is_empty());
    let restarts = "Language Worker Process exited and needs to be restarted.";
    assert_eq!(host.events.logs(LogLevel::Information).iter().filter(|line| *line == restarts).count(), 4);
    host.host.shutdown().await;
}

// Ours, where Azure restarts without end: the sixth short life in a row is followed by a pause.
#[tokio::test]
async fn row_2_a_handler_that_serves_and_exits_with_200_in_a_loop_is_slowed_down_and_warned_of() {
    let host = app().start().await;
    for _ in 0..5 {
        exit(&host, "200").await;
    }
    let is_warned = || host.events.logs(LogLevel::Warning).iter().any(|line| line.starts_with("FH5005 "));
    // Served by the sixth process, which came as soon as the others.
    assert_eq!(text_of(&host, "/api/describe", "").await.0, 200);
    assert!(!is_warned());
    let asked = Instant::now();
    exit(&host, "200").await;
    assert_eq!(text_of(&host, "/api/describe", "").await.0, 200, "calls wait for the next process");
    assert!(asked.elapsed() >= Duration::from_secs(1), "{:?}", asked.elapsed());
    assert!(is_warned());
    assert_eq!((host.events.processes_ready(), failures(&host).len()), (7, 0));
    host.host.shutdown().await;
}

// 1.6, row 3: any other code, or a signal.
#[tokio::test]
async fn row_3_another_code_is_counted_with_the_process_and_the_code_in_both_notations() {
    let host = app().start().await;
    let before = described(&host).await;
    exit(&host, "101").await;
    let after = described(&host).await;
    assert_ne!(before["pid"], after["pid"]);
    let (line, error, next) = failures(&host).remove(0);
    assert_eq!(line, format!("Language Worker Process exited. Pid={}.", before["pid"]));
    assert!(error.ends_with("test_handler exited with code 101 (0x65): leaving as told"), "{error}");
    assert_eq!(next, AfterExit::Restart);
    host.host.shutdown().await;
}

#[tokio::test]
async fn row_3_the_cause_is_the_last_three_lines_on_stderr_joined_with_commas() {
    let host = app().handler("exit-7").start().await;
    assert_eq!(stop_reason(&host).await, TOO_MANY);
    let (_, error, _) = failures(&host).remove(0);
    let expected = " exited with code 7 (0x7): second complaint,third complaint,fourth complaint";
    assert!(error.ends_with(expected), "{error}");
    host.host.shutdown().await;
}

#[cfg(unix)]
#[tokio::test]
async fn row_3_a_signal_is_128_and_its_number_and_fails_the_call_in_flight() {
    let host = app().start().await;
    let slow = tokio::spawn(host.http.post(host.url("/api/hang")).send());
    let is_slow = |event: &HostEvent| match event {
        HostEvent::Executing { function, .. } if function == "hang" => Some(()),
        _ => None,
    };
    host.events.wait_for("the slow call", is_slow).await;
    // Answered by the same process after the slow call went out to it.
    let before = described(&host).await;
    let killed = std::process::Command::new("kill").args(["-KILL", &before["pid"].to_string()]).status();
    assert!(killed.is_ok_and(|killed| killed.success()));
    let answer = tokio::time::timeout(LONG, slow).await.expect("the call ends").unwrap().unwrap();
    assert_eq!((answer.status().as_u16(), answer.text().await.unwrap()), (500, String::new()));
    let error = host.last_error().unwrap();
    assert!(error.starts_with("An error occurred while sending the request."), "{error}");
    assert_ne!(before["pid"], described(&host).await["pid"]);
    let (line, error, next) = failures(&host).remove(0);
    assert_eq!(line, format!("Language Worker Process exited. Pid={}.", before["pid"]));
    assert!(error.ends_with(" exited with code 137 (0x89)"), "{error}");
    assert_eq!(next, AfterExit::Restart);
    host.host.shutdown().await;
}

// 1.6, row 4: readiness timeout.
#[tokio::test]
async fn row_4_a_readiness_timeout_is_counted() {
    let app = app().handler("never-listen").host_json("/customHandler", "initializationTimeout", json!("00:00:00.2"));
    let host = app.start().await;
    assert_eq!(stop_reason(&host).await, TOO_MANY);
    for (line, error, _) in failures(&host) {
        assert!(line.starts_with("Failed to start http worker process. workerId:"), "{line}");
        assert_eq!(error, "Initializing HttpWorker timed out.");
    }
    assert_eq!(nexts(&host), [AfterExit::Restart, AfterExit::Restart, AfterExit::StopHost]);
    host.host.shutdown().await;
}

// 1.6, row 5: failure to start the process.
#[tokio::test]
async fn row_5_a_failure_to_start_the_process_names_the_file() {
    let missing = json!("no-such-handler-anywhere");
    let app = TestApp::new().function("f", &http());
    let host = app.host_json("/customHandler/description", "defaultExecutablePath", missing).start().await;
    assert_eq!(stop_reason(&host).await, TOO_MANY);
    for (line, _, _) in failures(&host) {
        assert_eq!(line, "Failed to start Worker Channel. Process fileName: no-such-handler-anywhere");
    }
    assert_eq!(nexts(&host).len(), 3);
    host.host.shutdown().await;
}

// 1.6, counting: one start and at most two restarts, each at once.
#[tokio::test]
async fn counting_the_third_error_stops_the_host() {
    let host = app().start().await;
    for _ in 0..3 {
        exit(&host, "1").await;
    }
    assert_eq!(stop_reason(&host).await, TOO_MANY);
    assert_eq!(host.events.logs(LogLevel::Error), [TOO_MANY]);
    assert_eq!(nexts(&host), [AfterExit::Restart, AfterExit::Restart, AfterExit::StopHost]);
    assert_eq!(text_of(&host, "/api/describe", "").await, (503, "Function host is not running.".to_owned()));
    assert_eq!(host.events.processes_ready(), 3);
    host.host.shutdown().await;
}

// 1.6, counting: more than 30 minutes after the previous error the list is empty.
#[tokio::test]
async fn counting_begins_anew_more_than_30_minutes_after_the_previous_error() {
    let time = VirtualClock::starting_now();
    let listener = listener().await;
    let host = app().start_on(listener, WorkerSource::Process, |options| options.clock = time.clock()).await;
    let minutes = |minutes: u64| time.jump(Duration::from_secs(60 * minutes));
    exit(&host, "1").await;
    minutes(30);
    exit(&host, "1").await;
    minutes(31);
    exit(&host, "1").await;
    minutes(30);
    exit(&host, "1").await;
    // Neither of them was the third within their half hours, and the next one is.
    assert_eq!(text_of(&host, "/api/describe", "").await.0, 200);
    exit(&host, "1").await;
    assert_eq!(stop_reason(&host).await, TOO_MANY);
    assert_eq!(nexts(&host).iter().filter(|next| **next == AfterExit::Restart).count(), 4);
    host.host.shutdown().await;
}

// 1.6: a restarted handler gets the same port and a new worker id.
#[tokio::test]
async fn a_restarted_handler_has_the_same_port_and_a_new_worker_id() {
    let host = app().start().await;
    let before = described(&host).await;
    exit(&host, "1").await;
    let after = described(&host).await;
    assert_eq!(variable(&before, "FUNCTIONS_CUSTOMHANDLER_PORT"), variable(&after, "FUNCTIONS_CUSTOMHANDLER_PORT"));
    let id = |described: &Value| variable(described, "FUNCTIONS_CUSTOMHANDLER_WORKER_ID");
    assert_ne!(id(&before), id(&after));
    host.host.shutdown().await;
}
