//! The numbers of a client's messages, by which those that come again over another WebSocket are told from new ones
//! (signalr-protocol 7).
//!
//! Two WebSockets may be read at the same time when the client gives one up before the server does. Only the newer one
//! counts, and the lock is held until a message is handed over, so that none overtakes another.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use crate::protocol::Incoming;

#[derive(Debug, Default)]
pub(crate) struct Numbering(Mutex<Numbers>);

#[derive(Debug, Default)]
pub(crate) struct Numbers {
    /// The handshake has agreed on it.
    agreed: bool,
    /// The WebSocket that counts.
    socket: u32,
    /// It is new, and its client has not said yet where it goes on.
    awaits_sequence: bool,
    /// How many messages have been counted; a Sequence sets it back.
    counted: u64,
    /// The highest number that was handed over.
    latest: u64,
    acknowledged: u64,
    acknowledged_at: Duration,
}

/// What is to be done with a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Verdict {
    Accepted,
    /// It was there before, or it comes from a WebSocket that no longer counts.
    Passed,
    /// Messages are missing between the last one and what the client says comes next.
    Gap,
}

impl Numbering {
    /// A panic elsewhere leaves the numbers as good as they were.
    pub(crate) fn lock(&self) -> MutexGuard<'_, Numbers> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Numbers {
    pub(crate) fn agree(&mut self) {
        self.agreed = true;
    }

    pub(crate) fn is_agreed(&self) -> bool {
        self.agreed
    }

    /// From here on only `socket` counts. What was acknowledged last may have been lost with the socket before it.
    pub(crate) fn resume(&mut self, socket: u32) {
        self.socket = socket;
        self.awaits_sequence = true;
        self.acknowledged = 0;
    }

    pub(crate) fn judge(&mut self, socket: u32, incoming: &Incoming) -> Verdict {
        if !self.agreed {
            return Verdict::Accepted;
        }
        if self.socket != socket || (self.awaits_sequence && !matches!(incoming, Incoming::Sequence(_))) {
            return Verdict::Passed;
        }
        match incoming {
            Incoming::Sequence(number) => self.go_on_at(*number),
            Incoming::Message(_) => self.count(),
            _ => Verdict::Accepted,
        }
    }

    fn go_on_at(&mut self, number: u64) -> Verdict {
        if number > self.counted + 1 {
            return Verdict::Gap;
        }
        self.awaits_sequence = false;
        self.counted = number.saturating_sub(1);
        Verdict::Accepted
    }

    fn count(&mut self) -> Verdict {
        self.counted += 1;
        if self.counted <= self.latest {
            return Verdict::Passed;
        }
        self.latest = self.counted;
        Verdict::Accepted
    }

    /// The number to acknowledge, if there is a new one and the last was not sent within `interval`.
    pub(crate) fn owed(&self, now: Duration, interval: Duration) -> Option<u64> {
        let is_owed = self.agreed && !self.awaits_sequence && self.latest > self.acknowledged;
        // The first one of a connection or of a WebSocket needs no interval.
        let is_due = self.acknowledged == 0 || now.saturating_sub(self.acknowledged_at) >= interval;
        (is_owed && is_due).then_some(self.latest)
    }

    pub(crate) fn acknowledged(&mut self, number: u64, now: Duration) {
        self.acknowledged = number;
        self.acknowledged_at = now;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ClientMessage;

    fn message() -> Incoming {
        let invocation_id = "1".to_owned();
        Incoming::Message(ClientMessage::CancelInvocation { invocation_id, headers: Default::default() })
    }

    fn numbers(messages: u64) -> Numbers {
        let mut numbers = Numbers { agreed: true, ..Numbers::default() };
        (0..messages).for_each(|_| assert_eq!(numbers.judge(0, &message()), Verdict::Accepted));
        numbers
    }

    #[test]
    fn nothing_counts_unless_it_was_agreed() {
        let mut numbers = Numbers::default();
        assert_eq!(numbers.judge(0, &message()), Verdict::Accepted);
        assert_eq!(numbers.judge(0, &Incoming::Sequence(7)), Verdict::Accepted);
        assert_eq!(numbers.owed(Duration::MAX, Duration::ZERO), None);
    }

    #[test]
    fn what_comes_again_is_passed_over() {
        let mut numbers = numbers(3);
        numbers.resume(1);
        for early in [message(), Incoming::Ping, Incoming::Ack(1)] {
            assert_eq!(numbers.judge(1, &early), Verdict::Passed, "the client has not said where it goes on");
        }
        assert_eq!(numbers.judge(1, &Incoming::Sequence(2)), Verdict::Accepted);
        let verdicts = [1, 1, 1].map(|socket| numbers.judge(socket, &message()));
        assert_eq!(verdicts, [Verdict::Passed, Verdict::Passed, Verdict::Accepted]);
        assert_eq!(numbers.judge(0, &message()), Verdict::Passed, "the older WebSocket no longer counts");
        assert_eq!(numbers.judge(1, &Incoming::Ping), Verdict::Accepted);
    }

    #[test]
    fn a_gap_cannot_be_mended() {
        for (number, verdict) in [(0, Verdict::Accepted), (4, Verdict::Accepted), (5, Verdict::Gap)] {
            let mut numbers = numbers(3);
            numbers.resume(1);
            assert_eq!(numbers.judge(1, &Incoming::Sequence(number)), verdict, "Sequence {number}");
        }
    }

    #[test]
    fn what_is_new_is_acknowledged_once_per_interval_and_again_on_another_websocket() {
        const SECOND: Duration = Duration::from_secs(1);
        let mut numbers = numbers(2);
        assert_eq!(numbers.owed(SECOND, SECOND), Some(2));
        numbers.acknowledged(2, SECOND);
        assert_eq!(numbers.owed(SECOND * 9, SECOND), None);
        numbers.judge(0, &message());
        assert_eq!((numbers.owed(SECOND, SECOND), numbers.owed(SECOND * 2, SECOND)), (None, Some(3)));
        numbers.acknowledged(3, SECOND * 2);
        numbers.resume(1);
        assert_eq!(numbers.owed(SECOND * 9, SECOND), None);
        numbers.judge(1, &Incoming::Sequence(3));
        assert_eq!(numbers.owed(SECOND * 9, SECOND), Some(3));
    }
}
