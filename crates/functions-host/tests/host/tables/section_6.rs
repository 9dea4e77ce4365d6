//! functions-host 6.2 to 6.5 and the rest of 6.1: timers on a running host, by a clock that the test moves. Expressions are in
//! `section_6_1`.

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::http::StatusCode;
use axum::response::{IntoResponse as _, Response};
use axum::routing::post;
use functions_host::clock::VirtualClock;
use functions_host::console::{Detail, Style, render};
use functions_host::events::{HostEvent, LogLevel};
use functions_host::timers::{MemorySchedules, ScheduleStore};
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::harness::{Running, TestApp};

const START: &str = "2026-02-07T15:44:30Z";

/// An app with the timer `tick` of this function.json.
fn app(trigger: &Value) -> TestApp {
    app_in("UTC", trigger)
}

fn app_in(zone: &str, trigger: &Value) -> TestApp {
    let mut binding = json!({"type": "timerTrigger", "direction": "in", "name": "timer"});
    binding.as_object_mut().unwrap().extend(trigger.as_object().unwrap().clone());
    TestApp::new().setting("WEBSITE_TIME_ZONE", zone).function("tick", &[binding])
}

/// Logs the timer value and when it came.
fn handler() -> Router {
    let log = |invocation: String| async move {
        let invocation: Value = serde_json::from_str(&invocation).unwrap();
        axum::Json(json!({"Logs": [invocation["Metadata"]["sys"]["UtcNow"], invocation["Data"]["timer"].to_string()]}))
    };
    Router::new().route("/tick", post(log))
}

fn clock_at(time: &str) -> VirtualClock {
    VirtualClock::starting_at(time.parse().unwrap())
}

async fn start(app: TestApp, time: &VirtualClock, schedules: ScheduleStore) -> Running {
    start_with(app, time, schedules, handler()).await
}

async fn start_with(app: TestApp, time: &VirtualClock, schedules: ScheduleStore, handler: Router) -> Running {
    let host = app
        .start_attached_with(handler, |options| {
            options.clock = time.clock();
            options.schedules = schedules;
        })
        .await;
    // Whatever happens at the start has happened then.
    time.advance(Duration::ZERO).await;
    host
}

async fn minutes(time: &VirtualClock, minutes: u64) {
    time.advance(Duration::from_secs(60 * minutes)).await;
}

fn logged(host: &Running) -> Vec<String> {
    let line = |event: HostEvent| match event {
        HostEvent::FunctionLog { line, .. } => Some(line),
        _ => None,
    };
    host.events.all().into_iter().filter_map(line).collect()
}

/// When the runs were, without their date and fraction.
fn times(host: &Running) -> Vec<String> {
    logged(host).iter().step_by(2).map(|time| time[11..19].to_owned()).collect()
}

/// What the runs were given.
fn values(host: &Running) -> Vec<Value> {
    logged(host).iter().skip(1).step_by(2).map(|value| serde_json::from_str(value).unwrap()).collect()
}

fn details(host: &Running) -> Vec<Option<String>> {
    let details = |event: HostEvent| match event {
        HostEvent::Executing { details, .. } => Some(details),
        _ => None,
    };
    host.events.all().into_iter().filter_map(details).collect()
}

/// The words with which a timer is in error.
fn in_error(schedule: &str) -> String {
    app(&json!({"schedule": schedule})).load().broken.remove(0).message
}

// 6.1: `schedule` may be `%SETTING%`, and what is neither an expression nor a TimeSpan is an error of the function.
#[test]
fn section_6_1_a_schedule_may_be_a_setting() {
    let loaded = app(&json!({"schedule": "%WHEN%"})).setting("WHEN", "0 */5 * * * *").load();
    assert_eq!((loaded.functions.len(), loaded.broken.len()), (1, 0));
    assert_eq!(in_error("%WHEN%"), "'%WHEN%' does not resolve to a value.");
    let expected = "The schedule expression 'soon' was not recognized as a valid cron expression or timespan string.";
    assert_eq!(in_error("soon"), expected);
}

// 6.1: five parts work here; Windows Consumption refuses them, which is told.
#[tokio::test]
async fn section_6_1_five_parts_have_no_seconds_and_are_warned_of() {
    let time = clock_at(START);
    let host = start(app(&json!({"schedule": "*/5 * * * *"})), &time, ScheduleStore::default()).await;
    minutes(&time, 10).await;
    assert_eq!(times(&host), ["15:45:00", "15:50:00"]);
    host.events.wait_for_log(LogLevel::Warning, "FH2010 tick: the schedule has five fields").await;
}

// 6.2, row 1: `runOnStartup`, false by default.
#[tokio::test]
async fn section_6_2_row_1_run_on_startup_is_one_immediate_run() {
    for (trigger, expected) in [
        (json!({"schedule": "0 0 * * * *"}), &[][..]),
        (json!({"schedule": "0 0 * * * *", "runOnStartup": false}), &[]),
        (json!({"schedule": "0 0 * * * *", "runOnStartup": true}), &["15:44:30"]),
    ] {
        let host = start(app(&trigger), &clock_at(START), ScheduleStore::default()).await;
        assert_eq!(times(&host), expected, "{trigger}");
    }
}

// 6.2, row 2: `useMonitor`, true by default, and when it is forced off. Without it the status is null.
#[tokio::test]
async fn section_6_2_row_2_the_monitor_is_forced_off_below_a_minute() {
    for (trigger, is_monitored) in [
        (json!({"schedule": "0 * * * * *"}), true),
        (json!({"schedule": "0 * * * * *", "useMonitor": true}), true),
        (json!({"schedule": "0 * * * * *", "useMonitor": false}), false),
        // Every field after the seconds is `*`, and more than one occurrence falls in the next minute.
        (json!({"schedule": "*/30 * * * * *", "useMonitor": true}), false),
        (json!({"schedule": "*/90 * * * * *"}), true),
        (json!({"schedule": "0,30 */2 * * * *"}), true),
        (json!({"schedule": "0,30 * 15-16 * * *"}), true),
        // An interval shorter than a minute.
        (json!({"schedule": "00:00:59", "useMonitor": true}), false),
        (json!({"schedule": "00:01:00"}), true),
    ] {
        let time = clock_at(START);
        let host = start(app(&trigger), &time, ScheduleStore::default()).await;
        minutes(&time, 2).await;
        assert_eq!(!values(&host)[0]["ScheduleStatus"].is_null(), is_monitored, "{trigger}");
    }
}

// 6.2: runs never overlap, since the next start is computed after the run has ended.
#[tokio::test]
async fn section_6_2_runs_never_overlap() {
    let time = clock_at(START);
    let passing = time.clone();
    // Each run takes two minutes and a half.
    let slow = post(async move |invocation: String| {
        passing.jump(Duration::from_secs(150));
        let invocation: Value = serde_json::from_str(&invocation).unwrap();
        axum::Json(json!({"Logs": [invocation["Metadata"]["sys"]["UtcNow"], "null"]}))
    });
    let app = app(&json!({"schedule": "0 * * * * *"}));
    let host = start_with(app, &time, ScheduleStore::default(), Router::new().route("/tick", slow)).await;
    time.advance(Duration::from_secs(30)).await;
    // The next one is due already, and comes after the shortest of waits.
    time.advance(Duration::from_millis(1)).await;
    let starts = |event: &HostEvent| matches!(event, HostEvent::Executing { .. });
    let in_progress = host.events.all().iter().fold((0, 0), |(most, now), event| match event {
        event if starts(event) => (most.max(now + 1), now + 1),
        HostEvent::Executed { .. } => (most, now - 1),
        _ => (most, now),
    });
    assert_eq!(in_progress, (1, 0));
    // At 15:45:00, and as soon as that has ended.
    assert_eq!(times(&host), ["15:45:00", "15:47:30"]);
}

// 6.2: errors never stop the schedule.
#[tokio::test]
async fn section_6_2_errors_never_stop_the_schedule() {
    let time = clock_at(START);
    let failing = || async { StatusCode::INTERNAL_SERVER_ERROR };
    let app = app(&json!({"schedule": "0 * * * * *"}));
    let host = start_with(app, &time, ScheduleStore::default(), Router::new().route("/tick", post(failing))).await;
    minutes(&time, 3).await;
    let failed = |event: &HostEvent| matches!(event, HostEvent::Executed { error: Some(_), .. });
    assert_eq!(host.events.all().iter().filter(|event| failed(event)).count(), 3);
}

// 6.2: a wait of more than 24 days is one for the function. (How waits by the real clock are chained is a test of `clock`.)
#[tokio::test]
async fn section_6_2_an_occurrence_that_is_months_away_is_waited_for() {
    let time = clock_at(START);
    let host = start(app(&json!({"schedule": "0 0 0 1 6 *"})), &time, ScheduleStore::default()).await;
    time.advance(Duration::from_secs(113 * 86_400)).await;
    assert!(times(&host).is_empty());
    time.advance(Duration::from_secs(86_400)).await;
    assert_eq!(times(&host), ["00:00:00"]);
}

/// What the monitor has kept in the folder.
fn kept(folder: &TempDir) -> String {
    std::fs::read_to_string(folder.path().join("tick.json")).unwrap()
}

fn in_folder(folder: &TempDir) -> ScheduleStore {
    ScheduleStore::Folder(folder.path().to_owned())
}

// 6.3, first, second and sixth point: the status, at the first start and after a run.
#[tokio::test]
async fn section_6_3_the_status_is_kept_as_json() {
    let (time, folder) = (clock_at(START), tempfile::tempdir().unwrap());
    let host = start(app(&json!({"schedule": "0 * * * * *"})), &time, in_folder(&folder)).await;
    let first = r#"{"Last":"0001-01-01T00:00:00+00:00","Next":"2026-02-07T15:45:00+00:00","LastUpdated":"2026-02-07T15:44:30+00:00"}"#;
    assert_eq!(kept(&folder), first);
    assert!(times(&host).is_empty(), "not past due");
    minutes(&time, 1).await;
    let second = r#"{"Last":"2026-02-07T15:45:00+00:00","Next":"2026-02-07T15:46:00+00:00","LastUpdated":"2026-02-07T15:45:00+00:00"}"#;
    assert_eq!(kept(&folder), second);
    // 6.3, last point: the value carries the status as it was before the run.
    let expected = format!(r#"{{"Schedule":{{"AdjustForDST":true}},"ScheduleStatus":{first},"IsPastDue":false}}"#);
    assert_eq!(logged(&host)[1], expected);
}

// 6.3: local time with its offset.
#[tokio::test]
async fn section_6_3_the_status_is_in_local_time() {
    let (time, folder) = (clock_at(START), tempfile::tempdir().unwrap());
    let _host = start(app_in("Asia/Tokyo", &json!({"schedule": "0 0 0 * * *"})), &time, in_folder(&folder)).await;
    let expected = r#"{"Last":"0001-01-01T00:00:00+00:00","Next":"2026-02-09T00:00:00+09:00","LastUpdated":"2026-02-08T00:44:30+09:00"}"#;
    assert_eq!(kept(&folder), expected);
}

/// A monitor that knows of a run at 15:45 of a timer that runs every minute.
async fn after_a_run() -> ScheduleStore {
    let (time, schedules) = (clock_at(START), ScheduleStore::Memory(MemorySchedules::default()));
    let host = start(app(&json!({"schedule": "0 * * * * *"})), &time, schedules.clone()).await;
    minutes(&time, 1).await;
    assert_eq!(times(&host), ["15:45:00"]);
    host.host.shutdown().await;
    schedules
}

// 6.3, fourth point: past due is one immediate run.
#[tokio::test]
async fn section_6_3_a_missed_run_is_made_up_for_once() {
    let (schedules, time) = (after_a_run().await, clock_at("2026-02-07T15:59:30Z"));
    let host = start(app(&json!({"schedule": "0 * * * * *", "runOnStartup": true})), &time, schedules).await;
    minutes(&time, 1).await;
    assert_eq!(times(&host), ["15:59:30", "16:00:00"]);
    assert_eq!(
        values(&host).iter().map(|value| value["IsPastDue"].as_bool().unwrap()).collect::<Vec<_>>(),
        [true, false]
    );
    let late =
        "Trigger Details: UnscheduledInvocationReason: IsPastDue, OriginalSchedule: 2026-02-07T15:46:00.0000000+00:00";
    assert_eq!(details(&host), [Some(late.to_owned()), None]);
}

// 6.3, fourth point: otherwise, with runOnStartup, one immediate run with that reason.
#[tokio::test]
async fn section_6_3_a_run_on_startup_says_so() {
    let (schedules, time) = (after_a_run().await, clock_at("2026-02-07T15:45:10Z"));
    let host = start(app(&json!({"schedule": "0 * * * * *", "runOnStartup": true})), &time, schedules).await;
    assert_eq!(times(&host), ["15:45:10"]);
    assert_eq!(values(&host)[0]["IsPastDue"], false);
    let reason = "Trigger Details: UnscheduledInvocationReason: RunOnStartup";
    assert_eq!(details(&host), [Some(reason.to_owned())]);
}

// 6.3, third point: a schedule that has changed is computed anew, and nothing is past due.
#[tokio::test]
async fn section_6_3_a_changed_schedule_makes_nothing_past_due() {
    let (schedules, time) = (after_a_run().await, clock_at("2026-02-07T15:59:30Z"));
    let host = start(app(&json!({"schedule": "0 */30 * * * *"})), &time, schedules).await;
    assert!(times(&host).is_empty());
    minutes(&time, 1).await;
    assert_eq!(times(&host), ["16:00:00"]);
    let status = json!({"Last": "0001-01-01T00:00:00+00:00", "Next": "2026-02-07T16:00:00+00:00", "LastUpdated": "2026-02-07T15:45:00+00:00"});
    assert_eq!(values(&host)[0]["ScheduleStatus"], status);
}

// 6.3, fifth point: `Last` is the planned time when the run came early, so that no occurrence comes twice.
#[tokio::test]
async fn section_6_3_a_run_counts_for_its_planned_time_or_for_the_later_one_when_it_was_late() {
    let (time, folder) = (clock_at(START), tempfile::tempdir().unwrap());
    let _host = start(app(&json!({"schedule": "0 * * * * *"})), &time, in_folder(&folder)).await;
    time.jump(Duration::from_secs(40));
    time.advance(Duration::ZERO).await;
    let late = r#"{"Last":"2026-02-07T15:45:10+00:00","Next":"2026-02-07T15:46:00+00:00","LastUpdated":"2026-02-07T15:45:10+00:00"}"#;
    assert_eq!(kept(&folder), late);
}

/// The lines of an event as the console prints them with `--verbose`.
fn printed(host: &Running, which: impl Fn(&HostEvent) -> bool) -> String {
    let style = Style { detail: Detail::Verbose, ..Style::default() };
    let event = host.events.all().into_iter().find(which).expect("such an event");
    render(&event, START.parse().unwrap(), style)
}

// 6.4, first point: the coming occurrences.
#[tokio::test]
async fn section_6_4_the_next_five_occurrences_are_told() {
    let is_occurrences = |event: &HostEvent| matches!(event, HostEvent::TimerOccurrences { .. });
    let host = start(app(&json!({"schedule": "0 */10 * * * *"})), &clock_at(START), ScheduleStore::default()).await;
    let expected = "[2026-02-07T15:44:30.000Z] The next 5 occurrences of the 'tick' schedule (Cron: '0 0,10,20,30,40,50 * * * *') will be:\n\
                    02/07/2026 15:50:00Z\n02/07/2026 16:00:00Z\n02/07/2026 16:10:00Z\n02/07/2026 16:20:00Z\n02/07/2026 16:30:00Z\n";
    assert_eq!(printed(&host, is_occurrences), expected);
    let elsewhere = app_in("America/New_York", &json!({"schedule": "0 0 * * * *"}));
    let host = start(elsewhere, &clock_at(START), ScheduleStore::default()).await;
    assert!(printed(&host, is_occurrences).contains("\n02/07/2026 11:00:00-05:00 (02/07/2026 16:00:00Z)\n"));
}

// 6.4, third point: the zone is that of `WEBSITE_TIME_ZONE`, which plans on Linux do not support.
#[tokio::test]
async fn section_6_4_the_zone_of_the_app_is_a_setting_that_is_warned_of() {
    let time = clock_at(START);
    let host = start(app_in("Asia/Tokyo", &json!({"schedule": "0 0 1 * * *"})), &time, ScheduleStore::default()).await;
    minutes(&time, 60).await;
    assert_eq!(times(&host), ["16:00:00"], "one o'clock in Tokyo");
    host.events
        .wait_for_log(
            LogLevel::Warning,
            "FH3019 The setting WEBSITE_TIME_ZONE is 'Asia/Tokyo', which Linux Consumption",
        )
        .await;
}

// 6.5, first point: the primary host lock.
#[tokio::test]
async fn section_6_5_the_host_lock_is_told_with_the_instance() {
    let host = start(app(&json!({"schedule": "0 * * * * *"})), &clock_at(START), ScheduleStore::default()).await;
    let status: Value = host.get("/admin/host/status").await.json().await.unwrap();
    let line = format!("Host lock lease acquired by instance ID '{}'.", status["instanceId"].as_str().unwrap());
    host.events.wait_for_log(LogLevel::Information, &line).await;
    // 8.4: always shown.
    let is_it = |event: &HostEvent| matches!(event, HostEvent::Log { text, .. } if *text == line);
    let event = host.events.all().into_iter().find(is_it).unwrap();
    assert_eq!(
        render(&event, START.parse().unwrap(), Style::default()),
        format!("[2026-02-07T15:44:30.000Z] {line}\n")
    );
}

/// Answers 500 until so many calls have come.
fn failing_at_first(failures: usize) -> Router {
    let calls = Arc::new(std::sync::atomic::AtomicUsize::new(0));
    let answer = async move |invocation: String| -> Response {
        if calls.fetch_add(1, std::sync::atomic::Ordering::Relaxed) < failures {
            return StatusCode::INTERNAL_SERVER_ERROR.into_response();
        }
        let invocation: Value = serde_json::from_str(&invocation).unwrap();
        axum::Json(json!({"Logs": [invocation["Metadata"]["sys"]["UtcNow"], "null"]})).into_response()
    };
    Router::new().fallback(post(answer))
}

// Retry policies of timers pass their pauses by the same clock.
#[tokio::test]
async fn pauses_between_attempts_pass_by_the_clock_of_the_timers() {
    let time = clock_at(START);
    let retry = json!({"strategy": "fixedDelay", "maxRetryCount": 3, "delayInterval": "00:00:05"});
    let timer = json!([{"type": "timerTrigger", "name": "timer", "schedule": "0 * * * * *"}]);
    let app = TestApp::new().function_json("tick", &json!({"retry": retry, "bindings": timer}));
    let host = start_with(app, &time, ScheduleStore::default(), failing_at_first(2)).await;
    minutes(&time, 2).await;
    assert_eq!(times(&host), ["15:45:10", "15:46:00"]);
}
