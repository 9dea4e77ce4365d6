//! How soon a handler that asks to be restarted gets its wish (functions-host 1.6).
//!
//! Easily missed: the real host grants it at once, without end, and does not count it. A handler that always asks would keep the
//! machine busy with nothing else.

use std::time::Duration;

/// A process that has lived as long has done something.
const A_LIFE: Duration = Duration::from_secs(10);

/// So many short lives in a row are granted at once.
const AT_ONCE: u32 = 5;

/// The pause after each further one.
pub(super) const PAUSE: Duration = Duration::from_secs(1);

/// How many processes in a row have asked to be restarted soon after they were started.
#[derive(Debug, Default)]
pub(super) struct Pace {
    short_lives: u32,
}

/// When the next process is started.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Start {
    AtOnce,
    AfterPause,
}

impl Pace {
    /// Decides about a process that has asked to be restarted after it had lived so long.
    pub(super) fn grant(&mut self, lived: Duration) -> Start {
        self.short_lives = if lived < A_LIFE { self.short_lives + 1 } else { 0 };
        if self.short_lives > AT_ONCE { Start::AfterPause } else { Start::AtOnce }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The decision about the last of processes that lived so many seconds.
    #[track_caller]
    fn check(lives: &[u64], expected: Start) {
        let mut pace = Pace::default();
        let decisions: Vec<_> = lives.iter().map(|seconds| pace.grant(Duration::from_secs(*seconds))).collect();
        assert_eq!(decisions.last(), Some(&expected), "{lives:?}");
    }

    #[test]
    fn the_sixth_short_life_in_a_row_is_followed_by_a_pause() {
        check(&[0], Start::AtOnce);
        check(&[0, 1, 2, 3, 9], Start::AtOnce);
        check(&[0, 0, 0, 0, 0, 0], Start::AfterPause);
        check(&[0, 0, 0, 0, 0, 0, 0], Start::AfterPause);
    }

    #[test]
    fn a_longer_life_wipes_the_slate() {
        check(&[0, 0, 0, 0, 0, 10], Start::AtOnce);
        check(&[0, 0, 0, 0, 0, 10, 0], Start::AtOnce);
    }
}
