//! What one client has received: every broadcast exactly once, or else.
//!
//! Broadcasts that are in flight together may overtake one another, so a gap is not yet a loss; what is still missing
//! when everything has been published is.

/// How far ahead of the first missing broadcast one may arrive.
pub(super) const WINDOW: u64 = 128;

/// The deliveries to one client, counted by their numbers from 0 on.
#[derive(Debug, Clone, Default)]
pub(super) struct Ledger {
    /// The first broadcast that is missing.
    next: u64,
    /// Bit `n` is the broadcast `next + n`; bit 0 is never set between calls.
    ahead: u128,
}

/// A delivery that cannot be right.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Miscount {
    Doubled,
    /// So much has come since the first missing broadcast that it must be lost.
    Lost(u64),
}

impl Ledger {
    pub(super) fn note(&mut self, sequence: u64) -> Result<(), Miscount> {
        let distance = sequence.checked_sub(self.next).ok_or(Miscount::Doubled)?;
        if distance >= WINDOW {
            return Err(Miscount::Lost(self.next));
        }
        let bit = 1 << distance;
        if self.ahead & bit != 0 {
            return Err(Miscount::Doubled);
        }
        self.ahead |= bit;
        let run = self.ahead.trailing_ones();
        self.ahead = self.ahead.checked_shr(run).unwrap_or(0);
        self.next += u64::from(run);
        Ok(())
    }

    /// How many broadcasts have arrived.
    pub(super) fn received(&self) -> u64 {
        self.next + u64::from(self.ahead.count_ones())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[track_caller]
    fn check(sequences: &[u64], expected: Result<u64, Miscount>) {
        let mut ledger = Ledger::default();
        let noted = sequences.iter().try_for_each(|sequence| ledger.note(*sequence));
        assert_eq!(noted.map(|()| ledger.received()), expected);
    }

    #[test]
    fn a_broadcast_counts_once() {
        check(&[], Ok(0));
        check(&[0, 1, 2], Ok(3));
        check(&[1, 2], Ok(2));
        check(&[0, 0], Err(Miscount::Doubled));
        check(&[0, 2, 2], Err(Miscount::Doubled));
        check(&[0, 2, 1, 1], Err(Miscount::Doubled));
    }

    #[test]
    fn a_gap_is_a_loss_once_too_much_has_come_behind_it() {
        check(&[0, WINDOW], Ok(2));
        check(&[0, WINDOW + 1], Err(Miscount::Lost(1)));
        let all_but_the_first: Vec<u64> = (1..WINDOW).collect();
        check(&all_but_the_first, Ok(WINDOW - 1));
        let the_first_at_last: Vec<u64> = (1..WINDOW).chain([0, WINDOW]).collect();
        check(&the_first_at_last, Ok(WINDOW + 1));
    }

    proptest! {
        #[test]
        fn the_order_within_the_window_does_not_matter(order in Just((0..WINDOW).collect::<Vec<_>>()).prop_shuffle()) {
            check(&order, Ok(WINDOW));
        }
    }
}
