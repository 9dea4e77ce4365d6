//! When a call is made again, and after how long (signalr-bindings 10.2).
//!
//! A message is not repeated after a 500: the service may have delivered it before something timed out, and its clients would
//! get it twice.

use std::time::{Duration, SystemTime};

use http::{HeaderMap, StatusCode};

use super::RestError;

/// Whether a call can be made twice without anybody noticing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Repeat {
    /// Twice is as good as once: memberships, questions, closing.
    Safe,
    /// Clients could see it twice: messages.
    Visible,
}

impl Repeat {
    /// Whether what went wrong says that the call may be made again.
    pub(super) fn allows(self, error: &RestError) -> bool {
        match error {
            RestError::Runtime { status, .. } => self.allows_status(*status),
            // Without a connection nothing has been sent, so nothing can be seen twice.
            RestError::Unanswered { source, .. } if source.is_connect() => true,
            RestError::Unanswered { source, .. } => self == Self::Safe && !source.is_builder(),
            _ => false,
        }
    }

    fn allows_status(self, status: StatusCode) -> bool {
        match self {
            Self::Safe => status.as_u16() >= 500 || status == StatusCode::REQUEST_TIMEOUT,
            Self::Visible => status.as_u16() > 500,
        }
    }
}

/// How the pauses between repetitions grow.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Backoff {
    /// Every pause is as long as the first.
    Fixed,
    /// Every pause is twice the one before.
    Exponential,
}

/// How often and when a failed call is made again. The default is that of the Functions extension from version 2.1.0 on: three times,
/// after 0.8, 1.6 and 3.2 seconds.
///
/// What is repeated is not a matter of choice: a message after a status *above* 500 or when no connection came about; every other
/// call also after a 500, after a 408 and when no answer came. A `Retry-After` makes a pause longer, never shorter.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RetryPolicy {
    /// How often a call is made again at most; 0 makes every call once.
    pub max_retries: u32,
    /// The first pause.
    pub delay: Duration,
    /// The longest pause that is chosen here; a `Retry-After` may ask for more.
    pub max_delay: Duration,
    /// How the pauses grow.
    pub backoff: Backoff,
}

impl Default for RetryPolicy {
    fn default() -> Self {
        let (delay, max_delay) = (Duration::from_millis(800), Duration::from_secs(60));
        Self { max_retries: 3, delay, max_delay, backoff: Backoff::Exponential }
    }
}

impl RetryPolicy {
    /// Makes every call once.
    pub fn none() -> Self {
        Self { max_retries: 0, ..Self::default() }
    }

    /// The pauses, one after another.
    pub(super) fn pauses(&self) -> impl Iterator<Item = Duration> + Send + Sync + Unpin + use<> {
        let Self { delay, max_delay, backoff, max_retries } = self.clone();
        (0..max_retries).map(move |index| {
            let factor = match backoff {
                Backoff::Fixed => 1,
                Backoff::Exponential => 1_u32.checked_shl(index).unwrap_or(u32::MAX),
            };
            delay.saturating_mul(factor).min(max_delay)
        })
    }
}

/// `Retry-After`: seconds, or a date, from which `now` is taken.
pub(super) fn retry_after(headers: &HeaderMap, now: SystemTime) -> Option<Duration> {
    let text = headers.get(http::header::RETRY_AFTER)?.to_str().ok()?.trim();
    if let Ok(seconds) = text.parse() {
        return Some(Duration::from_secs(seconds));
    }
    let date = httpdate::parse_http_date(text).ok()?;
    Some(date.duration_since(now).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use http::{HeaderMap, HeaderValue, StatusCode};

    use super::{Backoff, Repeat, RetryPolicy, retry_after};
    use crate::rest::RestError;

    fn seconds(policy: &RetryPolicy) -> Vec<f64> {
        policy.pauses().map(|pause| pause.as_secs_f64()).collect()
    }

    #[test]
    fn pauses_double_up_to_the_longest() {
        assert_eq!(seconds(&RetryPolicy::default()), [0.8, 1.6, 3.2]);
        let many = RetryPolicy { max_retries: 9, ..RetryPolicy::default() };
        assert_eq!(seconds(&many), [0.8, 1.6, 3.2, 6.4, 12.8, 25.6, 51.2, 60.0, 60.0]);
        let fixed = RetryPolicy { backoff: Backoff::Fixed, ..RetryPolicy::default() };
        assert_eq!(seconds(&fixed), [0.8, 0.8, 0.8]);
        assert_eq!(seconds(&RetryPolicy::none()), [0.0; 0]);
        let endless = RetryPolicy { max_retries: 100, ..RetryPolicy::default() };
        assert_eq!(endless.pauses().last(), Some(Duration::from_secs(60)));
    }

    #[track_caller]
    fn check(status: u16, safe: bool, visible: bool) {
        let status = StatusCode::from_u16(status).unwrap();
        let error = RestError::Runtime { status, code: None, retry_after: None, uri: String::new() };
        assert_eq!((Repeat::Safe.allows(&error), Repeat::Visible.allows(&error)), (safe, visible), "{status}");
    }

    #[test]
    fn a_message_is_repeated_only_above_500() {
        check(500, true, false);
        check(501, true, true);
        check(502, true, true);
        check(503, true, true);
        check(504, true, true);
        check(599, true, true);
        check(408, true, false);
        check(429, false, false);
        check(413, false, false);
        check(302, false, false);
    }

    #[track_caller]
    fn check_pause(header: &str, expected: Option<u64>) {
        let headers = HeaderMap::from_iter([(http::header::RETRY_AFTER, HeaderValue::from_str(header).unwrap())]);
        let now = httpdate::parse_http_date("Sun, 22 Nov 2026 10:00:00 GMT").unwrap();
        assert_eq!(retry_after(&headers, now), expected.map(Duration::from_secs), "{header}");
    }

    #[test]
    fn retry_after_is_seconds_or_a_date() {
        check_pause("3", Some(3));
        check_pause(" 0 ", Some(0));
        check_pause("Sun, 22 Nov 2026 10:00:07 GMT", Some(7));
        check_pause("Sun, 22 Nov 2026 09:00:00 GMT", Some(0));
        check_pause("soon", None);
        check_pause("-1", None);
        check_pause("1.5", None);
    }
}
