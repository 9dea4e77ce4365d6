//! How often the handler may fail (functions-host 1.6).
//!
//! Easily missed: the time that counts is the one since the *previous* failure. After half an hour of peace all earlier
//! failures are forgotten; without it, even old ones count.

use jiff::{SignedDuration, Timestamp};

/// With this many failures the host gives up: one start and at most two restarts.
pub(super) const ALLOWED: u32 = 3;

const PEACE: SignedDuration = SignedDuration::from_mins(30);

/// The failures that still count.
#[derive(Debug, Default)]
pub(super) struct Failures {
    count: u32,
    last: Option<Timestamp>,
}

/// Whether the handler is started again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Verdict {
    GoOn,
    GiveUp,
}

impl Failures {
    /// Counts one failure.
    pub(super) fn add(&mut self, now: Timestamp) -> Verdict {
        if self.last.is_some_and(|last| now.duration_since(last) > PEACE) {
            self.count = 0;
        }
        self.count += 1;
        self.last = Some(now);
        if self.count < ALLOWED { Verdict::GoOn } else { Verdict::GiveUp }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The verdicts on failures at these minutes.
    #[track_caller]
    fn check(minutes: &[i64], last_verdict: Verdict) {
        let start: Timestamp = "2026-02-07T15:44:30Z".parse().unwrap();
        let mut failures = Failures::default();
        let verdicts = minutes.iter().map(|minute| failures.add(start + SignedDuration::from_mins(*minute)));
        let verdicts: Vec<_> = verdicts.collect();
        let (last, earlier) = verdicts.split_last().unwrap();
        assert_eq!(*last, last_verdict, "{minutes:?}");
        assert!(earlier.iter().all(|verdict| *verdict == Verdict::GoOn), "{minutes:?}");
    }

    #[test]
    fn the_third_failure_is_one_too_many() {
        check(&[0], Verdict::GoOn);
        check(&[0, 0], Verdict::GoOn);
        check(&[0, 0, 0], Verdict::GiveUp);
        check(&[0, 29, 58], Verdict::GiveUp);
    }

    #[test]
    fn half_an_hour_of_peace_wipes_the_slate() {
        check(&[0, 0, 31], Verdict::GoOn);
        check(&[0, 0, 31, 32], Verdict::GoOn);
        check(&[0, 0, 31, 32, 33], Verdict::GiveUp);
        check(&[0, 30, 60], Verdict::GiveUp);
    }
}
