//! Timers by a clock that passes time without waiting.

use std::sync::mpsc;
use std::time::Duration;

use super::*;
use crate::clock::VirtualClock;
use crate::schedule::Schedule;

fn clock_at(time: &str) -> VirtualClock {
    VirtualClock::starting_at(time.parse().expect("a time"))
}

fn zoned(time: &str) -> Zoned {
    let time = if time.contains('[') { time.to_owned() } else { format!("{time}[UTC]") };
    time.parse().expect("a time with its zone")
}

fn trigger(schedule: &str) -> TimerTrigger {
    let schedule = Schedule::parse(schedule).expect(schedule);
    TimerTrigger { name: "timer".to_owned(), schedule, run_on_startup: false, use_monitor: true }
}

/// What was fired, at which time, and what the observer heard.
struct Record {
    firings: Vec<(Zoned, Firing)>,
    events: Vec<String>,
    timers: Timers,
}

impl Record {
    fn times(&self) -> Vec<String> {
        self.firings.iter().map(|(time, _)| time.strftime("%dT%H:%M:%S%.f").to_string()).collect()
    }
}

/// Notes each run, which takes `duration`, and ends everything with the last of `count`.
struct Recorder<'a> {
    clock: &'a VirtualClock,
    duration: Duration,
    count: usize,
    done: &'a CancellationToken,
    firings: Mutex<Vec<(Zoned, Firing)>>,
}

impl Runner for Recorder<'_> {
    async fn run(&self, firing: Firing) {
        let count = {
            let mut firings = self.firings.lock().unwrap();
            firings.push((self.clock.now().to_zoned(TimeZone::UTC), firing));
            firings.len()
        };
        self.clock.jump(self.duration);
        if count == self.count {
            self.done.cancel();
            std::future::pending::<()>().await;
        }
    }
}

fn function(trigger: &TimerTrigger) -> Function {
    Function {
        name: "statusUpdate".to_owned(),
        state: FunctionState::Enabled,
        trigger: Trigger::Timer(trigger.clone()),
        inputs: Vec::new(),
        outputs: Vec::new(),
        retry: None,
    }
}

/// Lets a timer fire `count` times, each run taking `duration`.
async fn run(trigger: &TimerTrigger, clock: &VirtualClock, count: usize, duration: Duration) -> Record {
    run_with(&Timers::default(), trigger, clock, count, duration).await
}

/// The same with timers that may know something already.
async fn run_with(
    timers: &Timers,
    trigger: &TimerTrigger,
    clock: &VirtualClock,
    count: usize,
    duration: Duration,
) -> Record {
    let (sender, receiver) = mpsc::channel();
    let observer = Observer::new(move |event| {
        let text = match event {
            HostEvent::TimerOccurrences { function, schedule, occurrences } => {
                format!("{function} {schedule}\n{}", occurrences.join("\n"))
            }
            HostEvent::Log { text, .. } => text.clone(),
            other => format!("{other:?}"),
        };
        sender.send(text).unwrap();
    });
    let timers = Timers { clock: clock.clock(), ..timers.clone() };
    let (done, function) = (CancellationToken::new(), function(trigger));
    let recorder = Recorder { clock, duration, count, done: &done, firings: Mutex::default() };
    let (activity, zone) = (&Arc::new(clock.clock().activity()), TimeZone::UTC);
    let runner = &recorder;
    let timer = Timer {
        function: &function,
        trigger,
        timers: &timers,
        observer: &observer,
        activity,
        zone,
        stop: &done,
        runner,
    };
    let time_passes = async {
        loop {
            clock.advance(Duration::from_secs(86_400)).await;
        }
    };
    tokio::select! {
        _ = done.run_until_cancelled(timer.run()) => {}
        () = time_passes => {}
    }
    Record { firings: recorder.firings.into_inner().unwrap(), events: receiver.try_iter().collect(), timers }
}

#[tokio::test]
async fn a_timer_fires_at_its_occurrences() {
    let clock = clock_at("2026-02-07T15:44:30Z");
    let record = run(&trigger("0 * * * * *"), &clock, 3, Duration::ZERO).await;
    assert_eq!(record.times(), ["07T15:45:00", "07T15:46:00", "07T15:47:00"]);
    assert_eq!(record.firings[0].1.reason, "Timer fired at 2026-02-07T15:45:00.0000000+00:00");
    assert_eq!(record.firings[0].1.details, None);
}

#[tokio::test]
async fn each_run_is_given_the_status_before_it() {
    let clock = clock_at("2026-02-07T15:44:30Z");
    let record = run(&trigger("0 * * * * *"), &clock, 2, Duration::from_secs(5)).await;
    let first =
        ScheduleStatus { last: None, next: zoned("2026-02-07T15:45:00Z"), last_updated: zoned("2026-02-07T15:44:30Z") };
    let second = ScheduleStatus {
        last: Some(zoned("2026-02-07T15:45:00Z")),
        next: zoned("2026-02-07T15:46:00Z"),
        last_updated: zoned("2026-02-07T15:45:00Z"),
    };
    let info = |status| TimerInfo { adjust_for_dst: true, status: Some(status), is_past_due: false };
    assert_eq!(record.firings[0].1.timer, info(first));
    assert_eq!(record.firings[1].1.timer, info(second.clone()));
    assert_eq!(record.timers.manual_run("statusUpdate", &trigger("0 * * * * *")), info(second));
    assert_eq!(record.timers.manual_run("other", &trigger("0 * * * * *")).status, None);
}

#[tokio::test]
async fn a_long_run_is_followed_by_one_late_run_and_never_overlaps() {
    let clock = clock_at("2026-02-07T15:44:30Z");
    let record = run(&trigger("0 * * * * *"), &clock, 3, Duration::from_secs(150)).await;
    assert_eq!(record.times(), ["07T15:45:00", "07T15:47:30.001", "07T15:50:00.002"]);
    assert!(record.firings.iter().all(|(_, firing)| !firing.timer.is_past_due));
}

#[tokio::test]
async fn an_interval_is_counted_from_the_start_of_the_run_before() {
    let clock = clock_at("2026-02-07T15:44:30Z");
    let record = run(&trigger("00:05:00"), &clock, 3, Duration::from_secs(60)).await;
    assert_eq!(record.times(), ["07T15:49:30", "07T15:54:30", "07T15:59:30"]);
    assert!(!record.firings[0].1.timer.adjust_for_dst);
}

#[tokio::test]
async fn run_on_startup_runs_once_at_once_and_says_so() {
    let clock = clock_at("2026-02-07T15:44:30Z");
    let trigger = TimerTrigger { run_on_startup: true, ..trigger("0 * * * * *") };
    let record = run(&trigger, &clock, 2, Duration::ZERO).await;
    assert_eq!(record.times(), ["07T15:44:30", "07T15:45:00"]);
    let details = Some("Trigger Details: UnscheduledInvocationReason: RunOnStartup".to_owned());
    assert_eq!(record.firings[0].1.details, details);
    assert_eq!(record.firings[1].1.details, None);
    assert_eq!(record.events[1], "Function 'statusUpdate' is configured to run on startup. Executing now.");
}

#[tokio::test]
async fn a_timer_without_monitor_has_no_status() {
    for trigger in
        [TimerTrigger { use_monitor: false, ..trigger("0 * * * * *") }, trigger("*/10 * * * * *"), trigger("00:00:30")]
    {
        let record = run(&trigger, &clock_at("2026-02-07T15:44:30Z"), 2, Duration::ZERO).await;
        assert!(record.firings.iter().all(|(_, firing)| firing.timer.status.is_none()));
        assert_eq!(record.timers.manual_run("statusUpdate", &trigger).status, None);
    }
}

#[tokio::test]
async fn an_occurrence_that_is_months_away_is_waited_for() {
    let clock = clock_at("2026-01-01T00:00:00Z");
    let record = run(&trigger("0 0 0 1 3 *"), &clock, 1, Duration::ZERO).await;
    assert_eq!(record.firings[0].0, zoned("2026-03-01T00:00:00Z"));
}

#[tokio::test]
async fn an_interval_of_zero_leaves_time_for_others() {
    let clock = clock_at("2026-02-07T15:44:30Z");
    let record = run(&trigger("00:00:00"), &clock, 3, Duration::ZERO).await;
    assert_eq!(record.times(), ["07T15:44:30.001", "07T15:44:30.002", "07T15:44:30.003"]);
}

#[tokio::test]
async fn a_schedule_without_occurrence_ends_at_once() {
    let clock = clock_at("2026-02-07T15:44:30Z");
    let record = run(&trigger("0 0 0 30 2 *"), &clock, 1, Duration::ZERO).await;
    assert!(record.firings.is_empty());
    assert_eq!(clock.now(), zoned("2026-02-07T15:44:30Z").timestamp());
}

#[tokio::test]
async fn the_next_five_occurrences_are_told_and_then_which_one_is_waited_for() {
    let clock = clock_at("2026-02-07T15:44:30Z");
    let record = run(&trigger("0 0 */12 * * *"), &clock, 1, Duration::ZERO).await;
    let expected = "statusUpdate Cron: '0 0 0,12 * * *'\n02/08/2026 00:00:00Z\n02/08/2026 12:00:00Z\n\
                    02/09/2026 00:00:00Z\n02/09/2026 12:00:00Z\n02/10/2026 00:00:00Z";
    let waits = "TimerWaits { function: \"statusUpdate\", next: 2026-02-08T00:00:00Z }";
    assert_eq!(record.events, [expected, waits]);
}

#[test]
fn an_occurrence_in_another_zone_is_also_told_in_utc() {
    for (time, expected) in [
        ("2026-02-07T15:45:00Z[UTC]", "02/07/2026 15:45:00Z"),
        ("2026-02-07T15:45:00Z[Etc/UTC]", "02/07/2026 15:45:00Z"),
        ("2026-02-07T15:45:00+01:00[Europe/Berlin]", "02/07/2026 15:45:00+01:00 (02/07/2026 14:45:00Z)"),
        ("2026-02-07T15:45:00Z[Europe/London]", "02/07/2026 15:45:00+00:00 (02/07/2026 15:45:00Z)"),
        ("2026-02-07T20:45:00-08:00[America/Los_Angeles]", "02/07/2026 20:45:00-08:00 (02/08/2026 04:45:00Z)"),
    ] {
        assert_eq!(occurrence_line(&zoned(time)), expected);
    }
}

#[tokio::test]
async fn a_timer_that_is_stopped_ends_its_run_and_keeps_what_it_knows() {
    struct Stopping<'a>(&'a CancellationToken);
    impl Runner for Stopping<'_> {
        async fn run(&self, _firing: Firing) {
            self.0.cancel();
            tokio::task::yield_now().await;
        }
    }
    let (trigger, observer, stop) = (trigger("0 * * * * *"), Observer::silent(), CancellationToken::new());
    let clock = clock_at("2026-02-07T15:44:30Z");
    let timers = Timers::new(clock.clock(), ScheduleStore::default());
    let function = function(&trigger);
    let (activity, runner, zone) = (&Arc::new(clock.clock().activity()), &Stopping(&stop), TimeZone::UTC);
    let timer = Timer {
        function: &function,
        trigger: &trigger,
        timers: &timers,
        observer: &observer,
        activity,
        zone,
        stop: &stop,
        runner,
    };
    tokio::join!(timer.run(), async { clock.jump(Duration::from_secs(30)) });
    let status = timers.statuses.get("statusUpdate").unwrap();
    assert_eq!((status.last, status.next), (Some(zoned("2026-02-07T15:45:00Z")), zoned("2026-02-07T15:46:00Z")));
}

/// What the monitor of one timer knows after a run at 15:45 on one day, kept in a folder.
async fn after_a_run(folder: &std::path::Path, schedule: &str) -> Timers {
    let timers = Timers::new(Clock::system(), ScheduleStore::Folder(folder.to_owned()));
    // Two runs, of which the second never ends, so that the status after the first is the last one written.
    run_with(&timers, &trigger(schedule), &clock_at("2026-02-07T15:44:30Z"), 2, Duration::ZERO).await;
    // Another process: what is in memory is gone.
    Timers::new(Clock::system(), ScheduleStore::Folder(folder.to_owned()))
}

#[tokio::test]
async fn a_run_that_was_missed_is_made_up_for_once_at_the_start() {
    let folder = tempfile::tempdir().unwrap();
    let timers = after_a_run(folder.path(), "0 * * * * *").await;
    let clock = clock_at("2026-02-07T15:59:30Z");
    let record = run_with(&timers, &trigger("0 * * * * *"), &clock, 2, Duration::ZERO).await;
    assert_eq!(record.times(), ["07T15:59:30", "07T16:00:00"]);
    let [late, on_time] = &record.firings[..] else { panic!("two runs") };
    assert!(late.1.timer.is_past_due && !on_time.1.timer.is_past_due);
    let before = ScheduleStatus {
        last: Some(zoned("2026-02-07T15:45:00Z")),
        next: zoned("2026-02-07T15:46:00Z"),
        last_updated: zoned("2026-02-07T15:45:00Z"),
    };
    assert_eq!(late.1.timer.status, Some(before));
    let details =
        "Trigger Details: UnscheduledInvocationReason: IsPastDue, OriginalSchedule: 2026-02-07T15:46:00.0000000+00:00";
    assert_eq!((late.1.details.as_deref(), &on_time.1.details), (Some(details), &None));
    assert!(record.events.iter().any(|line| line == "Function 'statusUpdate' is past due on startup. Executing now."));
}

#[tokio::test]
async fn a_run_by_hand_after_a_restart_knows_the_status_from_the_folder() {
    let folder = tempfile::tempdir().unwrap();
    let timers = after_a_run(folder.path(), "0 */5 * * * *").await;
    let trigger = trigger("0 */5 * * * *");
    assert_eq!(timers.manual_run("statusUpdate", &trigger).status, None);
    // It waits for the next run, and is told to stop.
    let clock = clock_at("2026-02-07T15:46:00Z");
    let record = run_with(&timers, &trigger, &clock, 1, Duration::ZERO).await;
    let status = record.timers.manual_run("statusUpdate", &trigger).status.expect("the status of the run before");
    assert!(status.last.is_some(), "{status:?}");
}

#[tokio::test]
async fn a_schedule_that_has_changed_makes_nothing_past_due() {
    let folder = tempfile::tempdir().unwrap();
    let timers = after_a_run(folder.path(), "0 * * * * *").await;
    let clock = clock_at("2026-02-07T15:59:30Z");
    let record = run_with(&timers, &trigger("30 */2 * * * *"), &clock, 1, Duration::ZERO).await;
    assert_eq!(record.times(), ["07T16:00:30"]);
    assert_eq!(record.firings[0].1.timer.status.as_ref().unwrap().last, None);
    assert!(!record.firings[0].1.timer.is_past_due);
}

#[tokio::test]
async fn a_run_that_is_not_missed_yet_is_waited_for() {
    let folder = tempfile::tempdir().unwrap();
    let timers = after_a_run(folder.path(), "0 * * * * *").await;
    let clock = clock_at("2026-02-07T15:45:10Z");
    let record = run_with(&timers, &trigger("0 * * * * *"), &clock, 1, Duration::ZERO).await;
    assert_eq!(record.times(), ["07T15:46:00"]);
    assert_eq!(record.firings[0].1.timer.status.as_ref().unwrap().last, Some(zoned("2026-02-07T15:45:00Z")));
}

#[tokio::test]
async fn a_timer_without_a_monitor_leaves_no_file_and_misses_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let timers = Timers::new(Clock::system(), ScheduleStore::Folder(folder.path().to_owned()));
    let trigger = TimerTrigger { use_monitor: false, ..trigger("0 * * * * *") };
    run_with(&timers, &trigger, &clock_at("2026-02-07T15:44:30Z"), 2, Duration::ZERO).await;
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
}

#[tokio::test]
async fn a_folder_that_cannot_be_written_is_told_once_and_the_timer_runs() {
    let file = tempfile::NamedTempFile::new().unwrap();
    let timers = Timers::new(Clock::system(), ScheduleStore::Folder(file.path().to_owned()));
    let record = run_with(&timers, &trigger("0 * * * * *"), &clock_at("2026-02-07T15:44:30Z"), 3, Duration::ZERO).await;
    assert_eq!(record.firings.len(), 3);
    let told = record.events.iter().filter(|event| event.contains("cannot be written to"));
    assert_eq!(told.count(), 1);
}
