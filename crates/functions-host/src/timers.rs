//! The tasks that fire timer functions (functions-host 6.2 to 6.4).
//!
//! One task per timer, by the host's clock, and it waits for the end of each run, so runs of one timer never overlap. The next time is
//! counted from the start of a run: a run that takes longer than its interval is followed by the next one at once.
//! What the real host's schedule monitor keeps in storage is kept in memory or in a folder: see [`ScheduleStore`].

use std::collections::HashMap;
use std::fmt::Write as _;
use std::sync::{Arc, Mutex, PoisonError};

use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp, Zoned};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::app::{Function, FunctionState, TimerTrigger, Trigger};
use crate::clock::{Activity, Clock};
use crate::events::{HostEvent, LogLevel, Observer};
use crate::host::Invoker;
use crate::invocation::{ScheduleStatus, TimerInfo};
use crate::warnings::{Warning, WarningCode};

/// The shortest wait, which also keeps an interval of zero from taking all the processor.
const SHORTEST_WAIT: SignedDuration = SignedDuration::from_millis(1);

mod store;

pub use store::{MemorySchedules, ScheduleStore};

/// The timers of a host, and what its schedule monitor knows. Clones share it.
#[derive(Debug, Clone, Default)]
pub(crate) struct Timers {
    clock: Clock,
    store: ScheduleStore,
    statuses: MemorySchedules,
    leases: Leases,
}

/// Who may run the timer of a function. The real host's lease on the listener (functions-host 6.5); here it keeps an app that was
/// reloaded from firing a timer whose last run goes on in the app before.
type Leases = Arc<Mutex<HashMap<String, Arc<tokio::sync::Mutex<()>>>>>;

/// How the timers end.
#[derive(Debug, Clone)]
pub(crate) struct Ending {
    /// Runs that have begun go on; nothing else begins.
    pub(crate) soon: CancellationToken,
    /// Nobody waits for runs any more.
    pub(crate) now: CancellationToken,
}

impl Timers {
    /// Timers by this clock whose monitor keeps what it knows there.
    pub(crate) fn new(clock: Clock, store: ScheduleStore) -> Timers {
        let statuses = match &store {
            ScheduleStore::Memory(statuses) => statuses.clone(),
            ScheduleStore::Folder(_) => MemorySchedules::default(),
        };
        Timers { clock, store, statuses, leases: Leases::default() }
    }

    /// The clock by which they run.
    pub(crate) fn clock(&self) -> &Clock {
        &self.clock
    }

    /// Starts a task for each timer that is not disabled, in `tasks`.
    pub(crate) fn start(&self, invoker: &Invoker, tasks: &TaskTracker, ending: &Ending) {
        for (place, function) in invoker.app().functions.iter().enumerate() {
            if function.state == FunctionState::Enabled && matches!(function.trigger, Trigger::Timer(_)) {
                let (timers, invoker, ending) = (self.clone(), invoker.clone(), ending.clone());
                let activity = Arc::new(self.clock.activity());
                tasks.spawn(async move {
                    let run = timers.run_function(&invoker, place, &activity, &ending.soon);
                    ending.now.run_until_cancelled(run).await;
                });
            }
        }
    }

    /// The timer value of a run by hand: the current status, never past due (functions-host 4.3).
    pub(crate) fn manual_run(&self, function: &str, trigger: &TimerTrigger) -> TimerInfo {
        let status = self.statuses.get(function);
        TimerInfo { adjust_for_dst: trigger.schedule.adjusts_for_dst(), status, is_past_due: false }
    }

    async fn run_function(&self, invoker: &Invoker, place: usize, activity: &Arc<Activity>, stop: &CancellationToken) {
        let Some(function) = invoker.app().functions.get(place) else { return };
        let Trigger::Timer(trigger) = &function.trigger else { return };
        let lease = self.lease(&function.name);
        let Some(_lease) = stop.run_until_cancelled(lease.lock()).await else { return };
        let (observer, runner) = (invoker.observer(), &HostRunner { invoker, function });
        let zone = invoker.app().time_zone.clone();
        Timer { function, trigger, timers: self, observer, activity, zone, stop, runner }.run().await;
    }

    fn lease(&self, function: &str) -> Arc<tokio::sync::Mutex<()>> {
        let mut leases = self.leases.lock().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(leases.entry(function.to_owned()).or_default())
    }
}

/// What one run is given.
#[derive(Debug, Clone)]
pub(crate) struct Firing {
    pub(crate) timer: TimerInfo,
    /// For `Executing 'Functions.x' (Reason='…', Id=…)`.
    pub(crate) reason: String,
    /// A line such as `Trigger Details: UnscheduledInvocationReason: RunOnStartup`.
    pub(crate) details: Option<String>,
    /// That of the timer. It goes on in the run, so that a pause between two attempts is one that a virtual clock passes.
    pub(crate) activity: Arc<Activity>,
}

/// Why a timer runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Cause {
    Schedule,
    Startup,
    /// An occurrence was missed while nobody waited for it.
    PastDue,
}

/// Runs the function of a timer.
trait Runner: Sync {
    /// Returns when the run has ended, however it went.
    fn run(&self, firing: Firing) -> impl Future<Output = ()> + Send;
}

struct HostRunner<'a> {
    invoker: &'a Invoker,
    function: &'a Function,
}

impl Runner for HostRunner<'_> {
    fn run(&self, firing: Firing) -> impl Future<Output = ()> + Send {
        self.invoker.fire_timer(self.function, firing)
    }
}

/// One timer that runs.
struct Timer<'a, R> {
    function: &'a Function,
    trigger: &'a TimerTrigger,
    timers: &'a Timers,
    observer: &'a Observer,
    activity: &'a Arc<Activity>,
    /// In which the schedule is meant.
    zone: TimeZone,
    /// Ends it between two runs.
    stop: &'a CancellationToken,
    runner: &'a R,
}

impl<R: Runner> Timer<'_, R> {
    /// Fires for ever, or until it is stopped or the schedule has no further occurrence.
    async fn run(&self) {
        let started = self.now();
        let known = self.known_status().await;
        let mut status =
            known.as_ref().map_or_else(|| self.first_status(&started), |known| self.checked(known, &started));
        if known.as_ref() == Some(&status) {
            // It may come from a file, and a run by hand asks the memory.
            self.timers.statuses.set(&self.function.name, status.clone());
        } else {
            self.keep(&status).await;
        }
        self.announce(&started);
        if let Some(cause) = self.reason_to_run_at_once(&status, &started) {
            status = self.fire(cause, status).await;
        }
        while status.next < never(&status.next) {
            let (function, next) = (self.function.name.clone(), status.next.timestamp());
            self.observer.tell(&HostEvent::TimerWaits { function, next });
            if self.stop.run_until_cancelled(self.wait_until(&status.next)).await.is_none() {
                return;
            }
            status = self.fire(Cause::Schedule, status).await;
        }
    }

    fn now(&self) -> Zoned {
        self.activity.now().to_zoned(self.zone.clone())
    }

    /// What the monitor knows from an earlier time.
    async fn known_status(&self) -> Option<ScheduleStatus> {
        if !self.trigger.is_monitored() {
            return None;
        }
        match &self.timers.store {
            ScheduleStore::Memory(statuses) => statuses.get(&self.function.name),
            ScheduleStore::Folder(folder) => store::read(folder, &self.function.name, &self.zone).await,
        }
    }

    fn first_status(&self, now: &Zoned) -> ScheduleStatus {
        ScheduleStatus { last: None, next: self.next_after(now), last_updated: now.clone() }
    }

    /// The known status, unless it belongs to another schedule. A schedule that has changed makes nothing past due
    /// (functions-host 6.3).
    fn checked(&self, known: &ScheduleStatus, now: &Zoned) -> ScheduleStatus {
        let base = known.last.as_ref().unwrap_or(&known.last_updated);
        let expected = self.next_after(base);
        match () {
            () if known.next == expected => known.clone(),
            () if *now > expected => self.first_status(now),
            () => ScheduleStatus { last: None, next: expected, last_updated: base.clone() },
        }
    }

    fn reason_to_run_at_once(&self, status: &ScheduleStatus, now: &Zoned) -> Option<Cause> {
        let name = &self.function.name;
        let (cause, line) = match () {
            () if *now > status.next => {
                (Cause::PastDue, format!("Function '{name}' is past due on startup. Executing now."))
            }
            () if self.trigger.run_on_startup => {
                (Cause::Startup, format!("Function '{name}' is configured to run on startup. Executing now."))
            }
            () => return None,
        };
        self.observer.log(LogLevel::Information, line);
        Some(cause)
    }

    /// Runs the function once and answers the status after it.
    async fn fire(&self, cause: Cause, status: ScheduleStatus) -> ScheduleStatus {
        let now = self.now();
        let planned = status.next.clone();
        let firing = Firing {
            timer: TimerInfo {
                adjust_for_dst: self.trigger.schedule.adjusts_for_dst(),
                status: self.trigger.is_monitored().then_some(status),
                is_past_due: cause == Cause::PastDue,
            },
            reason: format!("Timer fired at {}", now.strftime("%Y-%m-%dT%H:%M:%S.%7f%:z")),
            details: match cause {
                Cause::Schedule => None,
                Cause::Startup => Some("Trigger Details: UnscheduledInvocationReason: RunOnStartup".to_owned()),
                Cause::PastDue => Some(format!(
                    "Trigger Details: UnscheduledInvocationReason: IsPastDue, OriginalSchedule: {}",
                    planned.strftime("%Y-%m-%dT%H:%M:%S.%7f%:z")
                )),
            },
            activity: Arc::clone(self.activity),
        };
        self.runner.run(firing).await;
        // A clock that was set back must not make the same occurrence come twice.
        let last = if cause == Cause::Schedule && planned > now { planned } else { now };
        let status = ScheduleStatus { next: self.next_after(&last), last_updated: last.clone(), last: Some(last) };
        self.keep(&status).await;
        status
    }

    async fn wait_until(&self, time: &Zoned) {
        let soonest = self.activity.now().checked_add(SHORTEST_WAIT).unwrap_or(Timestamp::MAX);
        self.activity.sleep_until(time.timestamp().max(soonest)).await;
    }

    fn next_after(&self, time: &Zoned) -> Zoned {
        self.trigger.schedule.next_after(time).unwrap_or_else(|| never(time))
    }

    async fn keep(&self, status: &ScheduleStatus) {
        if !self.trigger.is_monitored() {
            return;
        }
        let name = &self.function.name;
        self.timers.statuses.set(name, status.clone());
        if let ScheduleStore::Folder(folder) = &self.timers.store
            && let Err(error) = store::write(folder, name, status).await
        {
            let text = format!(
                "the status of the schedule cannot be written to `{}` ({error}), so a missed run will not be made up for; make the \
                 folder writable",
                folder.display()
            );
            self.observer.warn(Warning::new(WarningCode::ScheduleNotKept, text).about(name));
        }
    }

    fn announce(&self, now: &Zoned) {
        let schedule = &self.trigger.schedule;
        self.observer.tell(&HostEvent::TimerOccurrences {
            function: self.function.name.clone(),
            schedule: schedule.to_string(),
            occurrences: schedule.next_occurrences(5, now).iter().map(occurrence_line).collect(),
        });
    }
}

/// The time of an occurrence that never comes.
fn never(like: &Zoned) -> Zoned {
    Timestamp::MAX.to_zoned(like.time_zone().clone())
}

/// `MM/dd/yyyy HH:mm:ssK`, followed by the same time in UTC when the zone is another one (functions-host 6.4).
fn occurrence_line(time: &Zoned) -> String {
    const FORMAT: &str = "%m/%d/%Y %H:%M:%S";
    let utc = format!("{}Z", time.with_time_zone(jiff::tz::TimeZone::UTC).strftime(FORMAT));
    if is_utc(time) {
        return utc;
    }
    let mut line = time.strftime("%m/%d/%Y %H:%M:%S%:z").to_string();
    let _ = write!(line, " ({utc})");
    line
}

fn is_utc(time: &Zoned) -> bool {
    let zone = time.time_zone();
    let names =
        ["UTC", "Etc/UTC", "UCT", "Etc/UCT", "Zulu", "Etc/Zulu", "Universal", "Etc/Universal", "GMT", "Etc/GMT"];
    zone.to_fixed_offset().is_ok_and(|offset| offset.is_zero())
        || zone.iana_name().is_some_and(|name| names.contains(&name))
}

#[cfg(test)]
mod tests;
