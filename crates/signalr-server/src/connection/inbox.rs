//! What waits for the hub on behalf of one connection.
//!
//! The hub is called by a task that exists only while something waits, so an idle connection has none, and all calls
//! of a connection are in order whatever transport they come from.

use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};

use crate::ClientMessage;

/// Bytes of messages that may wait before the client is no longer read; ASP.NET's buffers (signalr-protocol 6.1).
const LIMIT: usize = 64 * 1024;

#[derive(Debug, Default)]
pub(crate) struct Inbox(Mutex<State>);

#[derive(Debug, Default)]
struct State {
    calls: VecDeque<(Call, usize)>,
    bytes: usize,
    /// A task is calling the hub.
    busy: bool,
    reader: Option<Waker>,
}

/// A call of the hub.
#[derive(Debug)]
pub(crate) enum Call {
    Connected,
    Received(ClientMessage),
    Disconnected,
}

/// Whether somebody has to start calling the hub.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[must_use]
pub(crate) enum Calling {
    Goes,
    Starts,
}

impl Inbox {
    /// Adds a call; `size` is what it counts.
    pub(crate) fn push(&self, call: Call, size: usize) -> Calling {
        let mut state = self.lock();
        state.calls.push_back((call, size));
        state.bytes += size;
        if std::mem::replace(&mut state.busy, true) { Calling::Goes } else { Calling::Starts }
    }

    /// The next call; `None` ends the calling until something is pushed.
    pub(crate) fn next(&self) -> Option<Call> {
        let mut state = self.lock();
        let Some((call, size)) = state.calls.pop_front() else {
            state.busy = false;
            state.calls = VecDeque::new();
            return None;
        };
        state.bytes -= size;
        let reader = if state.bytes < LIMIT { state.reader.take() } else { None };
        drop(state);
        if let Some(reader) = reader {
            reader.wake();
        }
        Some(call)
    }

    /// Ready when more may be read from the client.
    pub(crate) fn poll_room(&self, context: &Context<'_>) -> Poll<()> {
        let mut state = self.lock();
        if state.bytes < LIMIT {
            return Poll::Ready(());
        }
        state.reader = Some(context.waker().clone());
        Poll::Pending
    }

    /// Whether the hub is being called.
    pub(crate) fn is_busy(&self) -> bool {
        self.lock().busy
    }

    /// A panic elsewhere leaves the queue as good as it was: every change is complete before anything can fail.
    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn calling_starts_once_and_again_after_it_ended() {
        let inbox = Inbox::default();
        assert_eq!(inbox.push(Call::Connected, 0), Calling::Starts);
        assert_eq!(inbox.push(Call::Disconnected, 0), Calling::Goes);
        assert!(matches!(inbox.next(), Some(Call::Connected)));
        assert!(matches!(inbox.next(), Some(Call::Disconnected)));
        assert!(inbox.is_busy(), "the last call is going on");
        assert!(inbox.next().is_none() && !inbox.is_busy());
        assert_eq!(inbox.push(Call::Connected, 0), Calling::Starts);
    }

    #[test]
    fn the_client_is_not_read_while_too_much_waits() {
        let (inbox, context) = (Inbox::default(), Context::from_waker(Waker::noop()));
        let _ = inbox.push(Call::Connected, LIMIT - 1);
        assert_eq!(inbox.poll_room(&context), Poll::Ready(()));
        let _ = inbox.push(Call::Disconnected, 1);
        assert_eq!(inbox.poll_room(&context), Poll::Pending);
        inbox.next();
        assert_eq!(inbox.poll_room(&context), Poll::Ready(()));
    }
}
