//! Each event's text.

use std::time::Duration;

use http::Method;
use uuid::Uuid;

use super::*;
use crate::events::Stream;

const VERBOSE: Style = Style { colour: Colour::Never, detail: Detail::Verbose };
const COLOURED: Style = Style { colour: Colour::Always, detail: Detail::Normal };

fn now() -> Timestamp {
    "2026-02-07T15:44:59.782999Z".parse().expect("a time")
}

#[track_caller]
fn check(event: &HostEvent, style: Style, expected: &str) {
    assert_eq!(render(event, now(), style), expected);
}

fn http(name: &str, methods: &[Method]) -> ListedFunction {
    let url = format!("http://localhost:7071/api/{name}");
    ListedFunction {
        name: name.to_owned(),
        trigger: ListedTrigger::Http { methods: methods.to_vec(), url },
        disabled: false,
    }
}

fn timer(name: &str) -> ListedFunction {
    ListedFunction { name: name.to_owned(), trigger: ListedTrigger::Other("timerTrigger".to_owned()), disabled: false }
}

fn listening(functions: Vec<ListedFunction>, broken: Vec<(String, String)>) -> HostEvent {
    HostEvent::Listening { address: ([127, 0, 0, 1], 7071).into(), functions, broken }
}

#[test]
fn the_banner_names_the_host_and_the_runtime_that_it_follows() {
    let version = env!("CARGO_PKG_VERSION");
    let expected = format!(
        "\nLocal Functions Host\nHost Version:             {version}\nFunction Runtime Version: {HOST_VERSION}\n\n"
    );
    assert_eq!(banner(Style::default()), expected);
}

#[test]
fn functions_are_listed_with_the_http_ones_first() {
    let functions = vec![
        http("broadcast", &[Method::POST]),
        ListedFunction { disabled: true, ..timer("cleanup") },
        timer("aTimer"),
        http("negotiate", &[Method::GET, Method::POST]),
        http("presence", &[]),
    ];
    let broken = vec![("joinGroup".to_owned(), "At least one binding must be declared.".to_owned())];
    check(
        &listening(functions, broken),
        Style::default(),
        "\nFunctions:\n\n\
         \tbroadcast: [POST] http://localhost:7071/api/broadcast\n\n\
         \tnegotiate: [GET,POST] http://localhost:7071/api/negotiate\n\n\
         \tpresence:  http://localhost:7071/api/presence\n\n\
         \taTimer: timerTrigger\n\n\
         Function cleanup is disabled.\n\
         [2026-02-07T15:44:59.782Z] The 'joinGroup' function is in error: At least one binding must be declared.\n",
    );
}

#[test]
fn without_enabled_functions_there_is_no_heading() {
    let functions = vec![ListedFunction { disabled: true, ..timer("cleanup") }];
    check(&listening(functions, Vec::new()), Style::default(), "Function cleanup is disabled.\n");
    check(&listening(Vec::new(), Vec::new()), Style::default(), "");
}

#[test]
fn an_invocation_has_a_line_at_its_start_and_one_at_its_end() {
    let (function, id) = ("negotiate".to_owned(), Uuid::nil());
    let reason = "This function was programmatically called via the host APIs.".to_owned();
    check(
        &HostEvent::Executing { function: function.clone(), id, reason, details: None },
        Style::default(),
        "[2026-02-07T15:44:59.782Z] Executing 'Functions.negotiate' (Reason='This function was programmatically called via \
         the host APIs.', Id=00000000-0000-0000-0000-000000000000)\n",
    );
    check(
        &HostEvent::Executed { function, id, duration: Duration::from_micros(48_900), error: None },
        Style::default(),
        "[2026-02-07T15:44:59.782Z] Executed 'Functions.negotiate' (Succeeded, Id=00000000-0000-0000-0000-000000000000, \
         Duration=48ms)\n",
    );
}

#[test]
fn the_details_of_a_timer_have_a_line_of_their_own() {
    let event = HostEvent::Executing {
        function: "statusUpdate".to_owned(),
        id: Uuid::nil(),
        reason: "Timer fired at 2026-02-07T15:44:59.7829990+00:00".to_owned(),
        details: Some("Trigger Details: UnscheduledInvocationReason: RunOnStartup".to_owned()),
    };
    check(
        &event,
        Style::default(),
        "[2026-02-07T15:44:59.782Z] Executing 'Functions.statusUpdate' (Reason='Timer fired at \
         2026-02-07T15:44:59.7829990+00:00', Id=00000000-0000-0000-0000-000000000000)\n\
         [2026-02-07T15:44:59.782Z] Trigger Details: UnscheduledInvocationReason: RunOnStartup\n",
    );
}

#[test]
fn a_failure_is_followed_by_its_cause() {
    let event = HostEvent::Executed {
        function: "f".to_owned(),
        id: Uuid::nil(),
        duration: Duration::from_millis(5),
        error: Some("Connection refused (127.0.0.1:41234)".to_owned()),
    };
    check(
        &event,
        Style::default(),
        "[2026-02-07T15:44:59.782Z] Executed 'Functions.f' (Failed, Id=00000000-0000-0000-0000-000000000000, Duration=5ms)\n\
         [2026-02-07T15:44:59.782Z] System.Private.CoreLib: Exception while executing function: Functions.f. \
         Connection refused (127.0.0.1:41234)\n",
    );
}

#[test]
fn the_lines_of_handler_and_invocations_are_always_shown() {
    let console = |level| HostEvent::Console { level, stream: Stream::Stdout, line: "hello ".to_owned() };
    check(&console(LogLevel::Information), Style::default(), "[2026-02-07T15:44:59.782Z] hello\n");
    check(&console(LogLevel::Error), COLOURED, "[2026-02-07T15:44:59.782Z] \u{1b}[31mhello\u{1b}[0m\n");
    check(&console(LogLevel::Warning), COLOURED, "[2026-02-07T15:44:59.782Z] \u{1b}[33mhello\u{1b}[0m\n");
    let log = HostEvent::FunctionLog { function: "f".to_owned(), id: Uuid::nil(), line: "step 1".to_owned() };
    check(&log, Style::default(), "[2026-02-07T15:44:59.782Z] step 1\n");
}

#[test]
fn lines_of_the_host_are_shown_from_a_warning_on() {
    for (level, is_shown) in
        [(LogLevel::Debug, false), (LogLevel::Information, false), (LogLevel::Warning, true), (LogLevel::Error, true)]
    {
        let event = HostEvent::Log { level, text: "text".to_owned() };
        check(&event, Style::default(), if is_shown { "[2026-02-07T15:44:59.782Z] text\n" } else { "" });
        check(&event, VERBOSE, "[2026-02-07T15:44:59.782Z] text\n");
    }
}

#[test]
fn the_next_occurrences_are_news_of_the_host() {
    let event = HostEvent::TimerOccurrences {
        function: "statusUpdate".to_owned(),
        schedule: "Cron: '0 * * * * *'".to_owned(),
        occurrences: vec!["02/07/2026 15:45:00Z".to_owned(), "02/07/2026 15:46:00Z".to_owned()],
    };
    check(&event, Style::default(), "");
    check(
        &event,
        VERBOSE,
        "[2026-02-07T15:44:59.782Z] The next 2 occurrences of the 'statusUpdate' schedule (Cron: '0 * * * * *') will be:\n\
         02/07/2026 15:45:00Z\n02/07/2026 15:46:00Z\n",
    );
}

#[test]
fn the_life_of_the_worker_is_told() {
    let worker_id = Uuid::nil();
    let ready = HostEvent::WorkerReady { worker_id, after: Duration::from_millis(80) };
    check(&ready, Style::default(), "[2026-02-07T15:44:59.782Z] Worker process started and initialized.\n");
    let starting =
        HostEvent::WorkerStarting { worker_id, process_id: 77, executable: "/app/handler".to_owned(), port: 41234 };
    check(&starting, Style::default(), "");
    check(
        &starting,
        VERBOSE,
        "[2026-02-07T15:44:59.782Z] Starting worker process. fileName:/app/handler, pid:77, port:41234, \
         workerId:00000000-0000-0000-0000-000000000000\n",
    );
    let failed = |error: Option<&str>, next| HostEvent::WorkerFailed {
        worker_id,
        line: "Language Worker Process exited. Pid=12.".to_owned(),
        error: error.map(str::to_owned),
        next,
    };
    let line = "[2026-02-07T15:44:59.782Z] Language Worker Process exited. Pid=12.\n";
    check(&failed(None, AfterExit::StayDown), Style::default(), line);
    let error = "[2026-02-07T15:44:59.782Z] handler exited with code 101 (0x65)\n";
    let with_error = failed(Some("handler exited with code 101 (0x65)"), AfterExit::Restart);
    check(&with_error, Style::default(), &format!("{line}{error}"));
    let restarting = "[2026-02-07T15:44:59.782Z] Restarting the worker process.\n";
    check(&with_error, VERBOSE, &format!("{line}{error}{restarting}"));
}

#[test]
fn colours_are_used_only_when_asked_for() {
    check(
        &listening(vec![http("negotiate", &[Method::GET])], Vec::new()),
        COLOURED,
        "\n\u{1b}[33mFunctions:\u{1b}[0m\n\n\t\u{1b}[93mnegotiate:\u{1b}[0m \u{1b}[32m[GET]\u{1b}[0m \
         \u{1b}[32mhttp://localhost:7071/api/negotiate\u{1b}[0m\n\n",
    );
}
