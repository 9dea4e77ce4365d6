//! The timer behind a `timerTrigger`.

use serde::Deserialize;

/// What the host says about a timer that fired (functions-host 2.5).
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct TimerInfo {
    /// The run is late: the host was not running at the planned time.
    #[serde(default)]
    pub is_past_due: bool,
    /// When the timer ran and will run; `None` when the schedule is not monitored.
    #[serde(default)]
    pub schedule_status: Option<ScheduleStatus>,
}

/// The occurrences around a run, as ISO 8601 text in the host's local time.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct ScheduleStatus {
    /// The run before this one; year 1 when there was none.
    #[serde(default)]
    pub last: Option<String>,
    /// The planned time of this run.
    #[serde(default)]
    pub next: Option<String>,
}
