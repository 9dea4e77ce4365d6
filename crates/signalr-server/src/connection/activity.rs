//! When a connection last did something, and until when it must do something.
//!
//! An expiry is a time of day: the clock that tells it may be set (`TimeSource`). Every other time is one of the engine.
//!
//! Plain atomics that one timer for all connections looks at (`engine::watch`): a connection has no timer of its own.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use super::Volume;

/// Times since the start of the engine, in milliseconds. Zero means "never" where a time may be absent.
#[derive(Debug)]
pub(crate) struct Activity {
    sent: AtomicU64,
    received: AtomicU64,
    pinged: AtomicBool,
    deadline: AtomicU64,
    expiry: AtomicU64,
    stalled: AtomicU64,
    absent: AtomicU64,
    messages: AtomicU64,
    bytes: AtomicU64,
}

impl Activity {
    pub(crate) fn new(now: Duration) -> Self {
        Self {
            sent: AtomicU64::new(millis(now)),
            received: AtomicU64::new(millis(now)),
            pinged: AtomicBool::new(false),
            deadline: AtomicU64::new(0),
            expiry: AtomicU64::new(0),
            stalled: AtomicU64::new(0),
            absent: AtomicU64::new(0),
            messages: AtomicU64::new(0),
            bytes: AtomicU64::new(0),
        }
    }

    /// Something was written to the client.
    pub(crate) fn sent(&self, now: Duration) {
        self.sent.store(millis(now), Relaxed);
        self.stalled.store(0, Relaxed);
    }

    /// Nothing waits to be written.
    pub(crate) fn caught_up(&self) {
        self.stalled.store(0, Relaxed);
    }

    /// A write made no progress. Counts from the first such write on.
    pub(crate) fn stalled(&self, now: Duration) {
        let _ = self.stalled.compare_exchange(0, millis(now).max(1), Relaxed, Relaxed);
    }

    /// Something came from the client, or the hub is done with what came.
    pub(crate) fn received(&self, now: Duration) {
        self.received.store(millis(now), Relaxed);
    }

    /// A hub message came from the client.
    pub(crate) fn took(&self, bytes: usize) {
        self.messages.fetch_add(1, Relaxed);
        self.bytes.fetch_add(bytes as u64, Relaxed);
    }

    /// The hub messages that came from the client.
    pub(crate) fn taken(&self) -> Volume {
        Volume { messages: self.messages.load(Relaxed), bytes: self.bytes.load(Relaxed) }
    }

    /// The client has sent a Ping: from here on it is expected to keep doing so (signalr-protocol 6.1).
    pub(crate) fn pinged(&self) {
        self.pinged.store(true, Relaxed);
    }

    /// From here on nothing connects the client, although its connection goes on.
    pub(crate) fn left(&self, now: Duration) {
        self.absent.store(millis(now).max(1), Relaxed);
    }

    /// The client is connected again.
    pub(crate) fn returned(&self) {
        self.absent.store(0, Relaxed);
    }

    /// The end of the handshake's time, or of the grace of a close.
    pub(crate) fn set_deadline(&self, at: Duration) {
        self.deadline.store(millis(at).max(1), Relaxed);
    }

    pub(crate) fn clear_deadline(&self) {
        self.deadline.store(0, Relaxed);
    }

    pub(crate) fn set_expiry(&self, at: SystemTime) {
        self.expiry.store(millis(since_1970(at)).max(1), Relaxed);
    }

    pub(crate) fn is_past_deadline(&self, now: Duration) -> bool {
        reached(&self.deadline, now)
    }

    /// `now` is the time of day.
    pub(crate) fn is_expired(&self, now: SystemTime) -> bool {
        reached(&self.expiry, since_1970(now))
    }

    /// Whether a write has made no progress for `limit`.
    pub(crate) fn is_stalled(&self, now: Duration, limit: Duration) -> bool {
        lasts(&self.stalled, now, limit)
    }

    /// Whether the client has been away for `limit`.
    pub(crate) fn is_absent(&self, now: Duration, limit: Duration) -> bool {
        lasts(&self.absent, now, limit)
    }

    /// Whether nothing was written for `interval`.
    pub(crate) fn is_quiet(&self, now: Duration, interval: Duration) -> bool {
        millis(now).saturating_sub(self.sent.load(Relaxed)) >= millis(interval)
    }

    /// Whether a client that pings has been silent for `timeout`.
    pub(crate) fn is_silent(&self, now: Duration, timeout: Duration) -> bool {
        self.pinged.load(Relaxed) && millis(now).saturating_sub(self.received.load(Relaxed)) >= millis(timeout)
    }
}

fn lasts(since: &AtomicU64, now: Duration, limit: Duration) -> bool {
    let since = since.load(Relaxed);
    since != 0 && millis(now).saturating_sub(since) >= millis(limit)
}

fn reached(time: &AtomicU64, now: Duration) -> bool {
    let time = time.load(Relaxed);
    time != 0 && millis(now) >= time
}

fn since_1970(time: SystemTime) -> Duration {
    time.duration_since(UNIX_EPOCH).unwrap_or_default()
}

fn millis(time: Duration) -> u64 {
    time.as_millis().try_into().unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    #[test]
    fn silence_counts_only_after_a_ping() {
        let activity = Activity::new(SECOND);
        assert!(!activity.is_silent(SECOND * 100, SECOND * 30));
        activity.pinged();
        activity.received(SECOND * 2);
        assert!(!activity.is_silent(SECOND * 31, SECOND * 30));
        assert!(activity.is_silent(SECOND * 32, SECOND * 30));
    }

    #[test]
    fn a_stall_counts_from_its_first_write_until_one_succeeds() {
        let activity = Activity::new(SECOND);
        assert!(!activity.is_stalled(SECOND * 100, SECOND * 10));
        activity.stalled(SECOND * 2);
        activity.stalled(SECOND * 11);
        assert!(activity.is_stalled(SECOND * 12, SECOND * 10));
        activity.sent(SECOND * 12);
        assert!(!activity.is_stalled(SECOND * 12, SECOND * 10) && !activity.is_quiet(SECOND * 12, SECOND));
        assert!(activity.is_quiet(SECOND * 13, SECOND));
    }

    #[test]
    fn an_absence_counts_until_the_return() {
        let activity = Activity::new(SECOND);
        assert!(!activity.is_absent(SECOND * 100, SECOND));
        activity.left(SECOND * 2);
        assert!(!activity.is_absent(SECOND * 16, SECOND * 15) && activity.is_absent(SECOND * 17, SECOND * 15));
        activity.returned();
        assert!(!activity.is_absent(SECOND * 100, SECOND));
    }

    #[test]
    fn a_deadline_is_absent_until_it_is_set() {
        let activity = Activity::new(SECOND);
        assert!(!activity.is_past_deadline(SECOND * 100) && !activity.is_expired(UNIX_EPOCH + SECOND * 100));
        activity.set_deadline(SECOND * 5);
        activity.set_expiry(UNIX_EPOCH);
        assert!(!activity.is_past_deadline(SECOND * 4) && activity.is_past_deadline(SECOND * 5));
        assert!(activity.is_expired(UNIX_EPOCH + SECOND), "an expiry that has passed already is one");
        activity.clear_deadline();
        assert!(!activity.is_past_deadline(SECOND * 100));
    }
}
