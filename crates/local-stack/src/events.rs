//! What happens in a stack, from the host and from the emulator, in one stream.
//!
//! Easily missed: an observer is called where the event happens, in the middle of a call, so it must not block. A subscription is
//! a queue of its own and may be read at leisure, up to its length.

use functions_host::events::HostEvent;
use inspector::Inspector;
use signalr_emulator::Happened;
use std::fmt;
use std::sync::Arc;
use tokio::sync::broadcast;
use tokio::sync::broadcast::error::RecvError;

/// How many events wait for a subscriber. Older ones are dropped and counted.
const WAITING_EVENTS: usize = 1024;

/// Something that happened.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub enum StackEvent {
    /// In the Functions host, or in the handler, which the host watches.
    Host(HostEvent),
    /// In the SignalR emulator, with its time there. Of the receivers of one message the first 16 are named; whoever wants all of them
    /// listens to [`LocalStack::emulator`](crate::LocalStack::emulator) itself.
    Emulator(Arc<Happened>),
    /// So many events were not taken in time and are lost.
    Missed(u64),
}

/// Is told of every event. Cheap to clone.
#[derive(Clone)]
pub struct Observer(Arc<dyn Fn(&StackEvent) + Send + Sync>);

/// The events of a stack from a moment on; see [`LocalStack::events`](crate::LocalStack::events).
#[derive(Debug)]
pub struct Events(broadcast::Receiver<StackEvent>);

/// Tells an observer and all subscribers.
#[derive(Debug, Clone)]
pub(crate) struct News {
    observer: Observer,
    subscribers: broadcast::Sender<StackEvent>,
    pub(crate) inspector: Option<Inspector>,
}

impl Observer {
    /// Calls `watch` for every event, on the task that caused it; `watch` must not block.
    pub fn new(watch: impl Fn(&StackEvent) + Send + Sync + 'static) -> Self {
        Self(Arc::new(watch))
    }

    /// Drops every event.
    pub fn silent() -> Self {
        Self::new(|_| {})
    }
}

impl fmt::Debug for Observer {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Observer")
    }
}

impl Events {
    /// The next event; `None` when the stack is gone. At most 1,024 wait for their turn: of what came before those, there is only
    /// [`StackEvent::Missed`].
    pub async fn next(&mut self) -> Option<StackEvent> {
        match self.0.recv().await {
            Ok(event) => Some(event),
            Err(RecvError::Lagged(count)) => Some(StackEvent::Missed(count)),
            Err(RecvError::Closed) => None,
        }
    }

    /// What `find` makes of the first event for which it makes something; `None` when the stack is gone before. The events up to there
    /// are taken.
    pub async fn until<T>(&mut self, mut find: impl FnMut(&StackEvent) -> Option<T>) -> Option<T> {
        loop {
            if let Some(found) = find(&self.next().await?) {
                return Some(found);
            }
        }
    }
}

impl News {
    pub(crate) fn new(observer: Observer, inspector: Option<Inspector>) -> Self {
        Self { observer, subscribers: broadcast::Sender::new(WAITING_EVENTS), inspector }
    }

    pub(crate) fn subscribe(&self) -> Events {
        Events(self.subscribers.subscribe())
    }

    pub(crate) fn tell(&self, event: StackEvent) {
        (self.observer.0)(&event);
        match (&self.inspector, &event) {
            (Some(inspector), StackEvent::Host(event)) => inspector.hear(event),
            (Some(inspector), StackEvent::Emulator(happened)) => inspector.hear_service(happened),
            (Some(inspector), StackEvent::Missed(count)) => inspector.hear_missed(*count),
            (None, _) => {}
        }
        // Without a subscriber nobody misses it.
        let _ = self.subscribers.send(event);
    }
}
