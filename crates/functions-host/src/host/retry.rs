//! `retry` policies: a failed invocation is tried again, as a new invocation with an id of its own.
//!
//! Easily missed: whoever waits for the first attempt waits for all of them, an HTTP caller too. And a policy without end goes on
//! until the host stops. Under a virtual clock `advance` passes the pauses and waits for the attempts.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use jiff::SignedDuration;
use serde_json::{Value, json};
use uuid::Uuid;

use super::{Call, Finished, Shared, call};
use crate::app::{Function, RetryDelay, RetryPolicy};
use crate::events::LogLevel;
use crate::schedule::time_span;

/// How many invocations wait for their next attempt.
#[derive(Debug, Default)]
pub(crate) struct Pending(AtomicUsize);

/// One that waits, for as long as this lives.
struct Waiting<'a>(&'a Pending);

impl Pending {
    pub(crate) fn count(&self) -> usize {
        self.0.load(Ordering::Relaxed)
    }

    fn one_more(&self) -> Waiting<'_> {
        self.0.fetch_add(1, Ordering::Relaxed);
        Waiting(self)
    }
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.0.0.fetch_sub(1, Ordering::Relaxed);
    }
}

/// Runs a function until it succeeds or its policy says that it is enough; the last attempt is what counts.
pub(super) async fn run(host: &Shared, function: &Function, call: Call) -> Finished {
    // Most functions have no policy, and then nothing is kept for another attempt.
    let next = function.retry.as_ref().and_then(|policy| Some((policy, call.again()?)));
    match next {
        Some((policy, next)) => Box::pin(run_again(host, function, policy, call, next)).await,
        None => call::run(host, function, call, None).await,
    }
}

async fn run_again(host: &Shared, function: &Function, policy: &RetryPolicy, call: Call, mut next: Call) -> Finished {
    let mut finished = call::run(host, function, call, Some(context(policy, 0, None))).await;
    let mut waiting = None;
    let activity = next.activity();
    for retry in 1_u32.. {
        let Err(error) = &finished.result else { break };
        if policy.max_retries.is_some_and(|most| retry > most) {
            let text = format!("Function execution failed after '{}' retries.", retry - 1);
            host.observer.log(LogLevel::Error, text);
            break;
        }
        // From now on a virtual clock waits for it, as it does for a timer from the beginning.
        let (_, activity) = waiting.get_or_insert_with(|| {
            let activity = activity.clone().unwrap_or_else(|| Arc::new(host.timers.clock().activity()));
            (host.retries.one_more(), activity)
        });
        let delay = policy.delay.before(retry, random());
        host.observer.log(LogLevel::Debug, announcement(delay, retry, policy));
        tokio::select! {
            () = activity.sleep(delay) => {}
            _ = host.worker.stopped() => break,
        }
        let context = context(policy, retry, Some((&function.name, error)));
        let Some(again) = next.again() else { break };
        finished = call::run(host, function, std::mem::replace(&mut next, again), Some(context)).await;
    }
    finished
}

/// `RetryContext` under `Metadata` (functions-host 2.4).
fn context(policy: &RetryPolicy, retry: u32, failed: Option<(&str, &str)>) -> Value {
    let exception = failed.map(|(function, error)| {
        json!({
            "ClassName": "Microsoft.Azure.WebJobs.Host.FunctionInvocationException",
            "Message": format!("Exception while executing function: Functions.{function}"),
            "InnerException": {"ClassName": "System.Exception", "Message": error},
        })
    });
    json!({"RetryCount": retry, "MaxRetryCount": most(policy), "Exception": exception})
}

/// -1 stands for "without end".
fn most(policy: &RetryPolicy) -> i64 {
    policy.max_retries.map_or(-1, i64::from)
}

fn announcement(delay: Duration, retry: u32, policy: &RetryPolicy) -> String {
    let delay = time_span::display(SignedDuration::try_from(delay).unwrap_or(SignedDuration::MAX));
    let most = most(policy);
    format!(
        "Waiting for `{delay}` before retrying function execution. Next attempt: '{retry}'. Max retry count: '{most}'."
    )
}

/// From 0 to 1. Any spread will do; the random ids are at hand.
fn random() -> f64 {
    f64::from(Uuid::new_v4().as_fields().0) / f64::from(u32::MAX)
}

impl RetryDelay {
    /// How long to wait before a retry, counted from 1. Backoff begins with the minimum, adds to it once, twice, four times … as much
    /// (each time up to a fifth more or less, by `random` from 0 to 1), and stays at the maximum once it has got there.
    fn before(&self, retry: u32, random: f64) -> Duration {
        let (minimum, maximum) = match *self {
            RetryDelay::Fixed(delay) => return delay,
            RetryDelay::Exponential { minimum, maximum } => (minimum, maximum),
        };
        if retry == 1 {
            return minimum.min(maximum);
        }
        // Beyond 2^32 times anything has reached its maximum.
        let power = f64::from(1_u32.checked_shl(retry - 2).unwrap_or(u32::MAX));
        let added = minimum.as_secs_f64() * power * (0.8 + 0.4 * random);
        Duration::try_from_secs_f64(minimum.as_secs_f64() + added).map_or(maximum, |delay| delay.min(maximum))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(delay: RetryDelay, random: f64, seconds: &[u64]) {
        let delays = (1..).take(seconds.len()).map(|retry| delay.before(retry, random));
        assert_eq!(delays.collect::<Vec<_>>(), seconds.iter().copied().map(Duration::from_secs).collect::<Vec<_>>());
    }

    #[test]
    fn a_fixed_delay_stays_and_backoff_doubles_up_to_its_maximum() {
        check(RetryDelay::Fixed(Duration::from_secs(5)), 0.5, &[5, 5, 5]);
        let (minimum, maximum) = (Duration::from_secs(10), Duration::from_secs(100));
        check(RetryDelay::Exponential { minimum, maximum }, 0.5, &[10, 20, 30, 50, 90, 100, 100]);
        check(RetryDelay::Exponential { minimum, maximum }, 0.0, &[10, 18, 26, 42, 74, 100]);
        check(RetryDelay::Exponential { minimum, maximum }, 1.0, &[10, 22, 34, 58, 100]);
        let endless = RetryDelay::Exponential { minimum, maximum };
        assert_eq!(endless.before(u32::MAX, 0.5), maximum);
        check(RetryDelay::Exponential { minimum, maximum: minimum }, 0.5, &[10, 10]);
    }

    #[test]
    fn random_numbers_are_from_0_to_1() {
        assert!((0..100).map(|_| random()).all(|number| (0.0..=1.0).contains(&number)));
    }

    #[test]
    fn the_first_attempt_has_a_context_without_an_exception() {
        let policy = RetryPolicy { max_retries: Some(2), delay: RetryDelay::Fixed(Duration::ZERO) };
        assert_eq!(context(&policy, 0, None).to_string(), r#"{"RetryCount":0,"MaxRetryCount":2,"Exception":null}"#);
        let endless = RetryPolicy { max_retries: None, ..policy };
        assert_eq!(context(&endless, 3, Some(("f", "e")))["MaxRetryCount"], -1);
    }
}
