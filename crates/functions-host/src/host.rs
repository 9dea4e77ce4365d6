//! The running host: starts, invokes functions, supervises and stops.

use crate::app::Function;
use crate::invocation::TimerInfo;

/// Runs functions; cheap to clone. This is what the timers get: `fire_timer` returns when the invocation has ended, and
/// its outcome has been told to the observer by then. A failure is no reason to stop a schedule.
#[derive(Debug, Clone)]
pub(crate) struct Invoker;

impl Invoker {
    /// Runs a timer function. `reason` is what stands in `Executing 'Functions.x' (Reason='…', Id=…)`, `details` a line such as
    /// `Trigger Details: UnscheduledInvocationReason: IsPastDue, OriginalSchedule: …`.
    pub(crate) async fn fire_timer(
        &self,
        _function: &Function,
        _timer: TimerInfo,
        _reason: String,
        _details: Option<String>,
    ) {
    }
}
