//! How events get to their listeners: through a ring of the newest ones, from which each listener reads at its own pace.
//!
//! Whoever reports never waits. A listener that falls behind by more than the ring holds misses the oldest events and is
//! told how many; while nobody listens there is no ring.

use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering::Relaxed};
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

/// How many receivers of a message are named to those who listen to messages only.
const FIRST_RECEIVERS: usize = 16;

/// How much of a message to many a listener wants to hear.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Detail {
    /// Every message with its counts, its first 16 receivers, and every connection that it did not reach. A broadcast costs next
    /// to nothing more than without a listener.
    Messages,
    /// Every single receiver, which costs an allocation each.
    Deliveries,
}

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
pub struct Events {
    ring: broadcast::Receiver<Arc<Happened>>,
    _wish: Option<Wish>,
}

/// Counts, as long as it lives, among those who want to hear of every receiver.
#[derive(Debug)]
struct Wish(Arc<AtomicUsize>);

impl Wish {
    fn counted_in(wishes: &Arc<AtomicUsize>) -> Self {
        wishes.fetch_add(1, Relaxed);
        Self(Arc::clone(wishes))
    }
}

impl Drop for Wish {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Relaxed);
    }
}

impl Events {
    /// The next news; `None` once the emulator is gone and everything is told. Nothing is lost when this is cancelled.
    pub async fn next(&mut self) -> Option<News> {
        match self.ring.recv().await {
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
    /// How many listeners want to hear of every receiver.
    wishes: Arc<AtomicUsize>,
}

impl Reporter {
    pub(crate) fn new(time: TimeSource) -> Self {
        let (ring, number) = (OnceLock::new(), AtomicU64::new(1));
        Self { metrics: Metrics::default(), time, ring, number, wishes: Arc::default() }
    }

    pub(crate) fn listen(&self, detail: Detail) -> Events {
        let wish = (detail == Detail::Deliveries).then(|| Wish::counted_in(&self.wishes));
        Events { ring: self.ring.get_or_init(|| broadcast::Sender::new(RING)).subscribe(), _wish: wish }
    }

    /// How many receivers of a message are worth naming; `None` when nobody listens.
    pub(crate) fn receivers_to_name(&self) -> Option<usize> {
        let is_heard = self.ring.get().is_some_and(|ring| ring.receiver_count() > 0);
        is_heard.then(|| if self.wishes.load(Relaxed) > 0 { usize::MAX } else { FIRST_RECEIVERS })
    }

    /// Reports an event of which nothing is counted. It is made only where somebody listens, or where it is logged.
    pub(crate) fn report_if_heard(&self, event: impl FnOnce() -> Event) {
        if self.receivers_to_name().is_some() || log::is_detailed() {
            self.report(event());
        }
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
        assert_eq!(reporter.receivers_to_name(), None);
        let (mut one, mut two) = (reporter.listen(Detail::Messages), reporter.listen(Detail::Deliveries));
        reporter.report(unheard("first"));
        let mut three = reporter.listen(Detail::Messages);
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
        let mut slow = reporter.listen(Detail::Messages);
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
        drop(reporter.listen(Detail::Messages));
        assert_eq!(reporter.receivers_to_name(), None);
        reporter.report(unheard("m"));
        assert_eq!(reporter.number.load(Relaxed), 1);
    }

    #[test]
    fn receivers_are_named_as_fully_as_somebody_wants() {
        let reporter = reporter();
        let _messages = reporter.listen(Detail::Messages);
        assert_eq!(reporter.receivers_to_name(), Some(16));
        let deliveries = [reporter.listen(Detail::Deliveries), reporter.listen(Detail::Deliveries)];
        for listener in deliveries {
            assert_eq!(reporter.receivers_to_name(), Some(usize::MAX));
            drop(listener);
        }
        assert_eq!(reporter.receivers_to_name(), Some(16));
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
