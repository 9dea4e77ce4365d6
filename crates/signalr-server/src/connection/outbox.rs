//! The queue of frames towards one client.
//!
//! Any thread pushes, the transport's task takes everything that is queued at once. Bytes count until they are written,
//! not until they are taken, so a client that does not read is noticed. Whoever pushes never waits: a frame that does
//! not fit is refused, and the caller closes the connection.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::task::{Context, Waker};

use crate::Disconnect;
use crate::protocol::Frame;

#[derive(Debug, Default)]
pub(crate) struct Outbox(Mutex<State>);

#[derive(Debug, Default)]
struct State {
    frames: Vec<Frame>,
    /// Of the frames that are queued and of those that are being written.
    bytes: usize,
    waker: Option<Waker>,
    phase: Phase,
    /// The answer to the handshake is queued: nothing overtakes it.
    answered: bool,
    reason: Option<Disconnect>,
}

#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
enum Phase {
    #[default]
    Open,
    /// What is queued is written, nothing is added.
    Closing,
    /// Nothing is written any more.
    Ended,
}

/// Why a frame was not queued.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Refused {
    Gone,
    Full,
}

/// What happens to queued frames when a connection closes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Backlog {
    Written,
    Dropped,
}

/// What the transport's task is to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Next {
    /// Write the frames that were handed out.
    Write,
    /// Wait; the task is woken.
    Wait,
    /// Everything is written and the connection is to be closed in an orderly way; the task is woken for a drop.
    Close,
    /// Drop the transport.
    Drop,
}

impl Outbox {
    /// Queues a frame unless more than `limit` bytes would wait. One frame above the limit passes when it is alone.
    pub(crate) fn push(&self, frame: &Frame, limit: usize) -> Result<(), Refused> {
        let mut state = self.lock();
        if state.phase != Phase::Open {
            return Err(Refused::Gone);
        }
        if state.bytes > 0 && state.bytes + frame.len() > limit {
            return Err(Refused::Full);
        }
        state.bytes += frame.len();
        let was_empty = state.frames.is_empty();
        state.frames.push(frame.clone());
        let waker = if was_empty { state.waker.take() } else { None };
        drop(state);
        wake(waker);
        Ok(())
    }

    /// Queues the answer to the handshake in front of everything that was queued until now, which waits for it.
    pub(crate) fn answer(&self, answer: &Frame) {
        let mut state = self.lock();
        if state.phase == Phase::Ended || std::mem::replace(&mut state.answered, true) {
            return;
        }
        state.bytes += answer.len();
        state.frames.insert(0, answer.clone());
        let waker = state.waker.take();
        drop(state);
        wake(waker);
    }

    /// Queues `last` and accepts nothing more; false when that has happened before.
    pub(crate) fn finish(&self, last: Option<&Frame>, backlog: Backlog, reason: Disconnect) -> bool {
        let mut state = self.lock();
        if state.phase != Phase::Open {
            return false;
        }
        state.phase = Phase::Closing;
        state.reason = Some(reason);
        if backlog == Backlog::Dropped {
            state.bytes -= state.frames.drain(..).map(|frame| frame.len()).sum::<usize>();
        }
        if let Some(last) = last {
            state.bytes += last.len();
            state.frames.push(last.clone());
        }
        let waker = state.waker.take();
        drop(state);
        wake(waker);
        true
    }

    /// Drops what is queued and ends the transport. The first reason given for an end is the one that counts.
    pub(crate) fn end(&self, reason: Disconnect) {
        let mut state = self.lock();
        state.phase = Phase::Ended;
        state.reason.get_or_insert(reason);
        let frames = std::mem::take(&mut state.frames);
        let waker = state.waker.take();
        drop(state);
        drop(frames);
        wake(waker);
    }

    /// Hands all queued frames to the transport's task, which has written `written` bytes since the last call. `batch`
    /// is empty, its memory goes back into the queue only where frames keep coming.
    pub(crate) fn take(&self, context: &Context<'_>, batch: &mut Vec<Frame>, written: usize) -> Next {
        let mut state = self.lock();
        state.bytes = state.bytes.saturating_sub(written);
        if state.phase == Phase::Ended {
            return Next::Drop;
        }
        if !state.frames.is_empty() {
            if !state.answered {
                state.watch(context);
                return Next::Wait;
            }
            std::mem::swap(&mut state.frames, batch);
            return Next::Write;
        }
        state.frames = Vec::new();
        state.watch(context);
        if state.phase == Phase::Closing { Next::Close } else { Next::Wait }
    }

    /// Wakes the task at the end of the connection while it waits for the socket; false when it has come already.
    pub(crate) fn watch(&self, context: &Context<'_>) -> bool {
        let mut state = self.lock();
        state.watch(context);
        state.phase != Phase::Ended
    }

    /// Whether messages are still accepted.
    pub(crate) fn is_open(&self) -> bool {
        self.lock().phase == Phase::Open
    }

    /// Whether nothing is written any more.
    pub(crate) fn is_ended(&self) -> bool {
        self.lock().phase == Phase::Ended
    }

    /// Whether nothing waits to be written.
    pub(crate) fn is_empty(&self) -> bool {
        self.lock().bytes == 0
    }

    /// The reason for the end; before it, that of a transport that is gone.
    pub(crate) fn reason(&self) -> Disconnect {
        self.lock().reason.clone().unwrap_or(Disconnect::TransportLost)
    }

    /// A panic elsewhere leaves the queue as good as it was: every change is complete before anything can fail.
    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn watch(&mut self, context: &Context<'_>) {
        match &mut self.waker {
            Some(waker) => waker.clone_from(context.waker()),
            None => self.waker = Some(context.waker().clone()),
        }
    }
}

fn wake(waker: Option<Waker>) {
    if let Some(waker) = waker {
        waker.wake();
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
    use std::task::Wake;

    use super::*;
    use crate::HubProtocol;

    #[derive(Default)]
    struct Wakes(AtomicUsize);

    impl Wake for Wakes {
        fn wake(self: Arc<Self>) {
            self.0.fetch_add(1, Relaxed);
        }
    }

    /// A queue behind the handshake.
    fn outbox() -> Outbox {
        let outbox = Outbox::default();
        outbox.lock().answered = true;
        outbox
    }

    /// A frame that counts ten bytes.
    fn frame() -> Frame {
        Frame::encoded(HubProtocol::Json, b"12345678")
    }

    #[test]
    fn the_task_is_woken_once_for_all_that_is_queued_until_it_comes() {
        let (outbox, wakes) = (outbox(), Arc::new(Wakes::default()));
        let waker = Waker::from(Arc::clone(&wakes));
        let context = Context::from_waker(&waker);
        let mut batch = Vec::new();
        assert_eq!(outbox.take(&context, &mut batch, 0), Next::Wait);
        for _ in 0..3 {
            outbox.push(&frame(), 100).unwrap();
        }
        assert_eq!(wakes.0.load(Relaxed), 1);
        assert_eq!((outbox.take(&context, &mut batch, 0), batch.len()), (Next::Write, 3));
        outbox.push(&frame(), 100).unwrap();
        assert_eq!(wakes.0.load(Relaxed), 1, "a task that is writing needs no wake");
        assert!(outbox.watch(&context));
        outbox.end(Disconnect::Aborted);
        assert_eq!(wakes.0.load(Relaxed), 2, "a task that waits for the socket hears of the end");
        assert_eq!(outbox.take(&context, &mut Vec::new(), 0), Next::Drop);
    }

    #[test]
    fn nothing_overtakes_the_answer_to_the_handshake() {
        let (outbox, context) = (Outbox::default(), Context::from_waker(Waker::noop()));
        let mut batch = Vec::new();
        outbox.push(&frame(), 100).unwrap();
        assert!(outbox.finish(Some(&frame()), Backlog::Written, Disconnect::Shutdown));
        assert_eq!(outbox.take(&context, &mut batch, 0), Next::Wait);
        let answer = Frame::encoded(HubProtocol::Json, b"{}");
        outbox.answer(&answer);
        outbox.answer(&frame());
        assert_eq!((outbox.take(&context, &mut batch, 0), batch.len()), (Next::Write, 3));
        assert_eq!(batch[0].len(), answer.len());
    }

    #[test]
    fn bytes_count_until_they_are_written() {
        let (outbox, context) = (outbox(), Context::from_waker(Waker::noop()));
        let mut batch = Vec::new();
        outbox.push(&frame(), 20).unwrap();
        outbox.push(&frame(), 20).unwrap();
        assert_eq!(outbox.push(&frame(), 20), Err(Refused::Full));
        assert_eq!(outbox.take(&context, &mut batch, 0), Next::Write);
        assert_eq!(outbox.push(&frame(), 20), Err(Refused::Full));
        batch.clear();
        assert_eq!(outbox.take(&context, &mut batch, 10), Next::Wait);
        outbox.push(&frame(), 20).unwrap();
        assert_eq!(outbox.take(&context, &mut batch, 10), Next::Write);
        batch.clear();
        assert_eq!(outbox.take(&context, &mut batch, 10), Next::Wait);
        assert!(outbox.is_empty());
        outbox.push(&frame(), 5).unwrap();
        assert_eq!(outbox.push(&frame(), 5), Err(Refused::Full), "one frame above the limit passes alone");
    }

    #[test]
    fn the_first_end_counts_and_what_is_queued_is_written_or_dropped() {
        let context = Context::from_waker(Waker::noop());
        for (backlog, expected) in [(Backlog::Written, 3), (Backlog::Dropped, 1)] {
            let (outbox, mut batch) = (outbox(), Vec::new());
            outbox.push(&frame(), 100).unwrap();
            outbox.push(&frame(), 100).unwrap();
            assert!(outbox.finish(Some(&frame()), backlog, Disconnect::Shutdown));
            assert!(!outbox.finish(Some(&frame()), backlog, Disconnect::Aborted));
            assert_eq!(outbox.push(&frame(), 100), Err(Refused::Gone));
            assert_eq!((outbox.take(&context, &mut batch, 0), batch.len()), (Next::Write, expected));
            batch.clear();
            assert_eq!(outbox.take(&context, &mut batch, expected * 10), Next::Close);
            outbox.end(Disconnect::TransportLost);
            assert_eq!(outbox.reason(), Disconnect::Shutdown);
        }
    }
}
