//! How events get to their listeners: through a ring of the newest ones, from which each listener reads at its own pace.
//!
//! Whoever reports never waits. A listener that falls behind by more than the ring holds misses the oldest events and is
//! told how many; while nobody listens there is no ring.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, OnceLock};
use std::time::SystemTime;

use serde::Serialize;
use tokio::sync::broadcast::{self, error::RecvError};

use super::{Event, log};
use crate::TimeSource;
use crate::control::as_timestamp;
use crate::metrics::Metrics;

/// How many events a listener may be behind.
const RING: usize = 8192;

/// An event with its place in history.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Happened {
    /// Numbers the events of this emulator while somebody listens: 1, 2, 3...
    pub number: u64,
    /// When, by [`ServerOptions::time`](signalr_server::ServerOptions::time).
    #[serde(serialize_with = "as_timestamp")]
    pub at: SystemTime,
    /// What.
    #[serde(flatten)]
    pub event: Event,
}

/// What a listener gets.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum News {
    /// The next event.
    Happened(Arc<Happened>),
    /// The listener was too slow: so many events are lost to it.
    Missed(u64),
}

/// The events from the moment of [`Emulator::events`](crate::Emulator::events) on.
#[derive(Debug)]
pub struct Events(broadcast::Receiver<Arc<Happened>>);

impl Events {
    /// The next news; `None` once the emulator is gone and everything is told. Nothing is lost when this is cancelled.
    pub async fn next(&mut self) -> Option<News> {
        match self.0.recv().await {
            Ok(happened) => Some(News::Happened(happened)),
            Err(RecvError::Lagged(missed)) => Some(News::Missed(missed)),
            Err(RecvError::Closed) => None,
        }
    }
}

/// Takes what happens: counts it, logs it, and tells the listeners.
#[derive(Debug)]
pub(crate) struct Reporter {
    pub(crate) metrics: Metrics,
    time: TimeSource,
    /// Made with the first listener.
    ring: OnceLock<broadcast::Sender<Arc<Happened>>>,
    number: AtomicU64,
}

impl Reporter {
    pub(crate) fn new(time: TimeSource) -> Self {
        Self { metrics: Metrics::default(), time, ring: OnceLock::new(), number: AtomicU64::new(1) }
    }

    pub(crate) fn listen(&self) -> Events {
        Events(self.ring.get_or_init(|| broadcast::Sender::new(RING)).subscribe())
    }

    /// Whether an event that has to be made for its listeners alone is worth it.
    pub(crate) fn is_heard(&self) -> bool {
        self.ring.get().is_some_and(|ring| ring.receiver_count() > 0)
    }

    pub(crate) fn report(&self, event: Event) {
        self.metrics.count(&event);
        log::write(&event);
        if let Some(ring) = self.ring.get().filter(|ring| ring.receiver_count() > 0) {
            let number = self.number.fetch_add(1, Relaxed);
            // The last listener may have left just now.
            let _ = ring.send(Arc::new(Happened { number, at: self.time.now(), event }));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Category, Surface};
    use http::StatusCode;
    use std::time::Duration;

    fn reporter() -> Reporter {
        Reporter::new(TimeSource::new(|| SystemTime::UNIX_EPOCH + Duration::from_millis(1_700_000_000_500)))
    }

    fn unheard(target: &str) -> Event {
        let (hub, cause) = ("chat".to_owned(), crate::UnheardCause::NoMatch);
        Event::Unheard { hub, target: target.to_owned(), cause }
    }

    #[tokio::test]
    async fn every_listener_hears_what_happens_from_its_beginning_on() {
        let reporter = reporter();
        reporter.report(unheard("before"));
        assert!(!reporter.is_heard());
        let (mut one, mut two) = (reporter.listen(), reporter.listen());
        reporter.report(unheard("first"));
        let mut three = reporter.listen();
        reporter.report(unheard("second"));
        drop(reporter);
        for (listener, expected) in [(&mut one, [1, 2].as_slice()), (&mut two, &[1, 2]), (&mut three, &[2])] {
            for number in expected {
                let Some(News::Happened(happened)) = listener.next().await else { panic!("it has happened") };
                assert_eq!(happened.number, *number);
                assert_eq!(happened.event, unheard(if *number == 1 { "first" } else { "second" }));
            }
            assert_eq!(listener.next().await, None);
        }
    }

    #[tokio::test]
    async fn a_slow_listener_is_told_how_much_it_has_missed() {
        let reporter = reporter();
        let mut slow = reporter.listen();
        for number in 0..RING + 3 {
            reporter.report(unheard(&number.to_string()));
        }
        assert_eq!(slow.next().await, Some(News::Missed(3)));
        let Some(News::Happened(happened)) = slow.next().await else { panic!("the newest are there") };
        assert_eq!((happened.number, &happened.event), (4, &unheard("3")));
    }

    #[test]
    fn nothing_is_kept_for_listeners_that_have_left() {
        let reporter = reporter();
        drop(reporter.listen());
        assert!(!reporter.is_heard());
        reporter.report(unheard("m"));
        assert_eq!(reporter.number.load(Relaxed), 1);
    }

    #[track_caller]
    fn check_json(event: Event, expected: &str) {
        let happened = Happened { number: 7, at: reporter().time.now(), event };
        let expected = format!(r#"{{"number":7,"at":"2023-11-14T22:13:20.5Z",{expected}}}"#);
        assert_eq!(serde_json::to_string(&happened).unwrap(), expected);
    }

    #[test]
    fn an_event_is_one_flat_object_of_json() {
        check_json(unheard("Send"), r#""event":"unheard","hub":"chat","target":"Send","cause":"noMatch""#);
        let (surface, status, reason) = (Surface::DataPlane, StatusCode::UNAUTHORIZED, "why".to_owned());
        check_json(
            Event::Refused { surface, status, reason, call: None, claims: None },
            r#""event":"refused","surface":"dataPlane","status":401,"reason":"why","call":null,"claims":null"#,
        );
        let answered = Event::UpstreamAnswered {
            id: 1,
            hub: "chat".to_owned(),
            category: Category::Messages,
            event: "Send".to_owned(),
            connection_id: "c".to_owned(),
            outcome: crate::UpstreamOutcome::Status(StatusCode::OK),
            elapsed: Duration::from_millis(1500),
        };
        check_json(
            answered,
            r#""event":"upstreamAnswered","id":1,"hub":"chat","category":"messages","name":"Send","connectionId":"c","outcome":{"status":200},"elapsed":1.5"#,
        );
    }
}
