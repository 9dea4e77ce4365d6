//! The messages that a client has not acknowledged, kept for its return over another WebSocket (signalr-protocol 7).
//!
//! ASP.NET lets the sender wait when a client's buffer is full. A sender here never waits, because it sends to others
//! too. While the client is connected it gets everything at once, and what it does not acknowledge is forgotten beyond
//! the limit: its connection is then lost with its WebSocket, unless it acknowledges more in time. While it is away a
//! message that does not fit ends the connection.

use std::collections::VecDeque;
use std::time::Duration;

use super::traffic::Volume;
use crate::protocol::Frame;

/// How many bytes are kept. Frames are shared with all their receivers: this is what they count, not what they cost.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Limits {
    /// Sent and not acknowledged.
    pub(crate) connected: usize,
    /// Gathered while the client is away, beside the former.
    pub(crate) away: usize,
}

/// The client is away and the message does not fit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Overflow;

#[derive(Debug)]
pub(super) struct Retained {
    frames: VecDeque<Frame>,
    bytes: usize,
    /// The number of the first of them, or of the next message.
    first: u64,
    /// The highest number that the client has acknowledged.
    acknowledged: u64,
    limits: Limits,
    away: Option<Away>,
}

#[derive(Debug, Clone, Copy)]
struct Away {
    since: Duration,
    gathered: usize,
}

impl Retained {
    pub(super) fn new(limits: Limits) -> Self {
        Self { frames: VecDeque::new(), bytes: 0, first: 1, acknowledged: 0, limits, away: None }
    }

    /// Keeps the next message. One message above the limit passes when it is alone.
    pub(super) fn keep(&mut self, frame: &Frame) -> Result<(), Overflow> {
        if let Some(away) = &mut self.away {
            let is_alone = away.gathered == 0 && self.bytes <= self.limits.connected;
            let (gathered, kept) = (away.gathered + frame.len(), self.bytes + frame.len());
            if !is_alone && (gathered > self.limits.away || kept > self.limits.connected + self.limits.away) {
                return Err(Overflow);
            }
            away.gathered += frame.len();
        }
        self.bytes += frame.len();
        self.frames.push_back(frame.clone());
        while self.away.is_none() && self.bytes > self.limits.connected {
            self.drop_first();
        }
        Ok(())
    }

    /// The client has everything up to `number`. A number that was never sent is as good as the last one that was.
    pub(super) fn acknowledge(&mut self, number: u64) {
        let number = number.min(self.first + self.frames.len() as u64 - 1);
        self.acknowledged = self.acknowledged.max(number);
        while self.first <= number {
            self.drop_first();
        }
    }

    fn drop_first(&mut self) {
        if let Some(frame) = self.frames.pop_front() {
            self.bytes -= frame.len();
            self.first += 1;
        }
    }

    /// Whether everything is there that the client may still need.
    pub(super) fn is_whole(&self) -> bool {
        self.first <= self.acknowledged + 1
    }

    /// The number of the first message that is not acknowledged, or of the next one.
    pub(super) fn first(&self) -> u64 {
        self.first
    }

    pub(super) fn frames(&self) -> impl Iterator<Item = &Frame> {
        self.frames.iter()
    }

    /// What is not acknowledged.
    pub(super) fn volume(&self) -> Volume {
        Volume { messages: self.frames.len() as u64, bytes: self.bytes as u64 }
    }

    /// Forgets everything, for good.
    pub(super) fn clear(&mut self) {
        self.frames = VecDeque::new();
        self.bytes = 0;
    }

    pub(super) fn leave(&mut self, now: Duration) {
        self.away = Some(Away { since: now, gathered: 0 });
    }

    pub(super) fn come_back(&mut self) {
        self.away = None;
    }

    /// Since when the client is away.
    pub(super) fn away_since(&self) -> Option<Duration> {
        self.away.map(|away| away.since)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::HubProtocol;

    /// A frame that counts ten bytes.
    fn frame() -> Frame {
        Frame::encoded(HubProtocol::Json, b"12345678")
    }

    fn retained(messages: usize) -> Retained {
        let mut retained = Retained::new(Limits { connected: 50, away: 30 });
        (0..messages).for_each(|_| retained.keep(&frame()).unwrap());
        retained
    }

    #[track_caller]
    fn check(retained: &Retained, first: u64, kept: usize, is_whole: bool) {
        assert_eq!((retained.first(), retained.frames().count()), (first, kept));
        assert_eq!((retained.bytes, retained.is_whole()), (kept * 10, is_whole));
    }

    #[test]
    fn messages_are_kept_until_they_are_acknowledged() {
        let mut retained = retained(3);
        check(&retained, 1, 3, true);
        retained.acknowledge(2);
        check(&retained, 3, 1, true);
        retained.acknowledge(1);
        check(&retained, 3, 1, true);
        retained.acknowledge(u64::MAX);
        check(&retained, 4, 0, true);
        retained.acknowledge(9);
        retained.keep(&frame()).unwrap();
        check(&retained, 4, 1, true);
    }

    #[test]
    fn a_connected_client_gets_everything_and_may_fall_behind_for_a_while() {
        let mut retained = retained(7);
        check(&retained, 3, 5, false);
        retained.acknowledge(1);
        check(&retained, 3, 5, false);
        retained.acknowledge(2);
        check(&retained, 3, 5, true);
    }

    #[test]
    fn absences_do_not_add_up() {
        let mut retained = retained(5);
        for gathered in [3, 0] {
            retained.leave(Duration::ZERO);
            (0..gathered).for_each(|_| retained.keep(&frame()).unwrap());
            assert_eq!(retained.keep(&frame()), Err(Overflow));
            retained.come_back();
        }
        check(&retained, 1, 8, true);
    }

    #[test]
    fn what_gathers_for_a_client_that_is_away_has_a_limit_of_its_own() {
        let mut retained = retained(5);
        retained.leave(Duration::ZERO);
        (0..3).for_each(|_| retained.keep(&frame()).unwrap());
        assert_eq!(retained.keep(&frame()), Err(Overflow));
        check(&retained, 1, 8, true);
        retained.come_back();
        retained.keep(&frame()).unwrap();
        check(&retained, 5, 5, false);
        retained.leave(Duration::ZERO);
        let large = Frame::encoded(HubProtocol::Json, &[b'x'; 100]);
        retained.keep(&large).unwrap();
        assert_eq!(retained.keep(&frame()), Err(Overflow), "one message above the limit passes alone");
    }
}
