//! When a timer fires: NCRONTAB expressions and fixed intervals (functions-host 6.1).

use jiff::Zoned;

/// When a timer fires.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Schedule {
    text: String,
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
    /// # Errors
    /// When the text is neither.
    pub fn parse(text: &str) -> Result<Schedule, ScheduleError> {
        Ok(Schedule { text: text.to_owned() })
    }

    /// The first occurrence strictly after `now`, in the time zone of `now`; `None` when there is none.
    #[must_use]
    pub fn next_after(&self, now: &Zoned) -> Option<Zoned> {
        let _ = &self.text;
        let _ = now;
        None
    }

    /// `Schedule.AdjustForDST` of the timer value: true for a cron expression, false for an interval.
    #[must_use]
    pub fn adjusts_for_dst(&self) -> bool {
        true
    }

    /// Whether it fires more often than once a minute, which switches the monitor off (functions-host 6.2).
    #[must_use]
    pub fn is_shorter_than_a_minute(&self) -> bool {
        false
    }
}

/// `Cron: '0 * * * * *'` (expanded) or `Constant: 00:05:00`, as the log shows it.
impl std::fmt::Display for Schedule {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Cron: '{}'", self.text)
    }
}
