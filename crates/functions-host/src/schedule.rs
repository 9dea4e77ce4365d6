//! When a timer fires: NCRONTAB expressions and fixed intervals (functions-host 6.1).
//!
//! An expression is evaluated on the wall clock of a time zone, so what happens when clocks change is decided here,
//! the way the real host decides it (functions-host 6.4).

use std::fmt;

use jiff::civil::DateTime;
use jiff::tz::{AmbiguousOffset, TimeZone};
use jiff::{SignedDuration, Zoned};

use self::ncrontab::Ncrontab;

mod ncrontab;
pub(crate) mod time_span;

/// When a timer fires.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Schedule(Kind);

#[derive(Debug, Clone, PartialEq, Eq)]
enum Kind {
    Cron(Ncrontab),
    Interval(SignedDuration),
}

/// Why a text is no schedule, in the real host's words.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("The schedule expression '{expression}' was not recognized as a valid cron expression or timespan string.")]
pub struct ScheduleError {
    /// The text.
    pub expression: String,
}

impl Schedule {
    /// Reads an NCRONTAB expression or a `TimeSpan`.
    ///
    /// ```
    /// use functions_host::schedule::Schedule;
    ///
    /// assert_eq!(Schedule::parse("*/20 * * * * *")?.to_string(), "Cron: '0,20,40 * * * * *'");
    /// assert_eq!(Schedule::parse("00:05:00")?.to_string(), "Constant: 00:05:00");
    /// # Ok::<(), functions_host::schedule::ScheduleError>(())
    /// ```
    ///
    /// # Errors
    /// When the text is neither.
    pub fn parse(text: &str) -> Result<Schedule, ScheduleError> {
        let cron = Ncrontab::parse(text).map(Kind::Cron);
        let kind = cron.or_else(|| time_span::parse(text).map(Kind::Interval));
        kind.map(Schedule).ok_or_else(|| ScheduleError { expression: text.to_owned() })
    }

    /// The next occurrence after `now`, in the time zone of `now`; `None` when there is none.
    ///
    /// For an expression it is strictly after `now` and in whole seconds; for an interval it is `now` plus the interval.
    #[must_use]
    pub fn next_after(&self, now: &Zoned) -> Option<Zoned> {
        match &self.0 {
            Kind::Cron(cron) => next_on_the_clock(cron, now),
            Kind::Interval(interval) => now.checked_add(*interval).ok(),
        }
    }

    /// The next `count` occurrences, fewer when they end.
    #[must_use]
    pub fn next_occurrences(&self, count: usize, now: &Zoned) -> Vec<Zoned> {
        std::iter::successors(self.next_after(now), |last| self.next_after(last)).take(count).collect()
    }

    /// `Schedule.AdjustForDST` of the timer value: true for an expression, false for an interval.
    #[must_use]
    pub fn adjusts_for_dst(&self) -> bool {
        matches!(self.0, Kind::Cron(_))
    }

    /// Whether it is an expression with five fields, which some hosts refuse (functions-host 6.1).
    #[must_use]
    pub fn has_no_seconds(&self) -> bool {
        matches!(&self.0, Kind::Cron(cron) if cron.has_no_seconds())
    }

    /// Whether it is a fixed interval, which works on some plans only (functions-host 6.1).
    #[must_use]
    pub fn is_interval(&self) -> bool {
        matches!(self.0, Kind::Interval(_))
    }

    /// Whether it fires more often than once a minute, which switches the monitor off (functions-host 6.2).
    #[must_use]
    pub fn is_shorter_than_a_minute(&self) -> bool {
        match &self.0 {
            Kind::Cron(cron) => cron.is_shorter_than_a_minute(),
            Kind::Interval(interval) => *interval < SignedDuration::from_mins(1),
        }
    }
}

/// `Cron: '0 * * * * *'` (expanded) or `Constant: 00:05:00`, as the log shows it.
impl fmt::Display for Schedule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Kind::Cron(cron) => write!(f, "Cron: '{cron}'"),
            Kind::Interval(interval) => write!(f, "Constant: {}", time_span::display(*interval)),
        }
    }
}

/// The next occurrence on a clock that may be set forward or back.
///
/// Times that spring skips are moved by the size of the gap. In the hour that autumn repeats, an interval goes on
/// through both passes and a point in time happens in the first one only (functions-host 6.4).
fn next_on_the_clock(cron: &Ncrontab, now: &Zoned) -> Option<Zoned> {
    let zone = now.time_zone();
    let next = standard_reading(zone, cron.next_after(now.datetime())?)?;
    let next_is_repeated = is_repeated(zone, next.datetime());
    let offset_change = i64::from(next.offset().seconds() - now.offset().seconds());
    if cron.is_interval() {
        let near_the_change = next_is_repeated || is_repeated(zone, now.datetime());
        return if near_the_change { shifted(&next, offset_change) } else { Some(next) };
    }
    match (next_is_repeated, offset_change) {
        (false, _) => Some(next),
        // Equal offsets mean standard time, so the first pass counts as done. The real host concludes the same from a
        // start in the winter before, and then skips the occurrence of that autumn altogether.
        (true, 0) => after_the_repeated_hour(cron, zone, next.datetime()),
        (true, _) => shifted(&next, offset_change),
    }
}

fn after_the_repeated_hour(cron: &Ncrontab, zone: &TimeZone, mut time: DateTime) -> Option<Zoned> {
    while is_repeated(zone, time) {
        time = cron.next_after(time)?;
    }
    standard_reading(zone, time)
}

/// The instant that .NET takes a wall-clock time for: the second pass of a repeated hour, and past a skipped one.
fn standard_reading(zone: &TimeZone, time: DateTime) -> Option<Zoned> {
    zone.to_ambiguous_zoned(time).later().ok()
}

fn is_repeated(zone: &TimeZone, time: DateTime) -> bool {
    matches!(zone.to_ambiguous_timestamp(time).offset(), AmbiguousOffset::Fold { .. })
}

fn shifted(time: &Zoned, seconds: i64) -> Option<Zoned> {
    time.checked_add(SignedDuration::from_secs(seconds)).ok()
}

#[cfg(test)]
mod tests;
