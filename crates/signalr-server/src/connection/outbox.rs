//! The queue of frames towards one client.
//!
//! Any thread pushes, the transport's task takes everything that is queued at once. Bytes count until they are written,
//! not until they are taken, so a client that does not read is noticed. Whoever pushes never waits: a frame that does
//! not fit is refused, and the caller closes the connection. Who has many frames to push asks for room between them.
//!
//! Under stateful reconnect the queue outlives the socket: without one, messages gather in [`Retained`], and the next
//! socket gets all of them first.

mod frames;
mod joined;
mod writing;

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use tokio::net::TcpStream;

use self::frames::Frames;
pub(crate) use self::joined::Joined;
pub(crate) use self::writing::{Flushed, Sink, Step};
use super::retained::{Limits, Overflow, Retained};
use super::traffic::Volume;
use crate::Disconnect;
use crate::protocol::Frame;

#[derive(Debug, Default)]
pub(crate) struct Outbox(Mutex<State>);

/// The number of the first socket, and of transports that have none and cannot be resumed.
const NO_SOCKET: u32 = 0;

#[derive(Debug, Default)]
struct State {
    frames: Frames,
    /// Messages that wait for the answer to the handshake: nothing overtakes it.
    held: Vec<Frame>,
    /// Of all of these, as far as they are not written.
    bytes: usize,
    waker: Option<Waker>,
    /// Of those who wait for room, or for the end.
    patient: Vec<Waker>,
    /// Everything that was ever accepted, but for what the protocol says for itself.
    accepted: Volume,
    phase: Phase,
    /// The answer to the handshake is queued.
    answered: bool,
    /// The socket is to be given up, as if it were lost.
    cut: bool,
    /// Numbers the sockets that have served the connection; only the last one is given anything.
    socket: u32,
    /// That socket, where others than its task may write to it.
    wire: Option<Arc<TcpStream>>,
    /// A flusher is going to write what is queued.
    is_listed: bool,
    /// The socket takes no more: its task waits until it does, and a flusher leaves it alone.
    is_blocked: bool,
    /// Under stateful reconnect: what the client has not acknowledged.
    retained: Option<Box<Retained>>,
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
    /// The client is away, and too much waits for its return.
    Away,
}

/// What became of a frame that was queued without waking anybody.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Posted {
    /// Somebody sees to it, or the client is away.
    Settled,
    /// A flusher has to.
    ToFlush,
}

/// What the loss of a socket means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Loss {
    /// The connection is over.
    Final,
    /// The connection waits for its client.
    Awaited,
    /// Another socket serves the connection already.
    Replaced,
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
    /// Queues a message unless more than `limit` bytes would wait. One message above the limit passes when it is alone.
    pub(crate) fn push(&self, frame: &Frame, limit: usize) -> Result<(), Refused> {
        let mut state = self.lock();
        if state.accept(frame, limit)? {
            enqueue(state, frame);
        }
        Ok(())
    }

    /// Queues what has no number and no meaning for another socket: a Ping, an acknowledgement.
    pub(crate) fn push_control(&self, frame: &Frame) {
        let state = self.lock();
        if state.phase == Phase::Open && state.away_since().is_none() {
            enqueue(state, frame);
        }
    }

    /// Keeps messages from now on until the client acknowledges them.
    pub(crate) fn retain(&self, limits: Limits) {
        self.lock().retained = Some(Box::new(Retained::new(limits)));
    }

    /// The client has all messages up to `number`.
    pub(crate) fn acknowledge(&self, number: u64) {
        if let Some(retained) = &mut self.lock().retained {
            retained.acknowledge(number);
        }
    }

    /// Another socket takes over, whether the last one is known to be lost or not: it gets the frame that names the
    /// first message that follows, and all messages that are not acknowledged. They do not count as waiting: the client
    /// did not fail to read them. `None` when nothing can be resumed.
    pub(crate) fn resume(&self, sequence: impl FnOnce(u64) -> Frame) -> Option<u32> {
        let mut state = self.lock();
        let is_away = state.away_since().is_some();
        let is_resumable = match state.phase {
            Phase::Open => true,
            Phase::Closing => is_away,
            Phase::Ended => false,
        };
        let retained = state.retained.as_mut().filter(|retained| is_resumable && retained.is_whole())?;
        retained.come_back();
        let mut frames = Frames::default();
        frames.push(sequence(retained.first()));
        frames.extend(retained.frames().cloned());
        // While the client was away nothing was queued but the Close message.
        frames.extend(state.frames.drain().filter(|_| is_away));
        (state.frames, state.bytes, state.cut) = (frames, 0, false);
        (state.wire, state.is_blocked) = (None, false);
        state.socket += 1;
        let (socket, waker) = (state.socket, state.waker.take());
        let patient = std::mem::take(&mut state.patient);
        drop(state);
        wake(waker);
        wake(patient);
        Some(socket)
    }

    /// A socket is lost.
    pub(crate) fn lose(&self, socket: u32, now: Duration) -> Loss {
        let mut state = self.lock();
        if state.socket != socket {
            return Loss::Replaced;
        }
        (state.wire, state.is_blocked) = (None, false);
        let is_open = state.phase == Phase::Open;
        let Some(retained) = state.retained.as_mut().filter(|_| is_open) else {
            return Loss::Final;
        };
        if !retained.is_whole() {
            state.reason.get_or_insert(Disconnect::BufferFull);
            return Loss::Final;
        }
        retained.leave(now);
        // Messages are kept elsewhere, and nothing else makes sense on another socket.
        (state.frames, state.bytes, state.waker) = (Frames::default(), 0, None);
        Loss::Awaited
    }

    /// Gives the socket up, as if it were lost.
    pub(crate) fn cut(&self) {
        let mut state = self.lock();
        state.cut = true;
        let waker = state.waker.take();
        drop(state);
        wake(waker);
    }

    /// Whether `socket` is the one that serves the connection.
    pub(crate) fn is_served_by(&self, socket: u32) -> bool {
        !self.lock().is_over_for(socket)
    }

    /// Since when there has been no socket.
    pub(crate) fn away_since(&self) -> Option<Duration> {
        self.lock().away_since()
    }

    /// Queues the answer to the handshake in front of every message that was queued until now, which waits for it.
    pub(crate) fn answer(&self, answer: &Frame) {
        let mut state = self.lock();
        if state.phase == Phase::Ended || std::mem::replace(&mut state.answered, true) {
            return;
        }
        state.append(answer);
        let held = std::mem::take(&mut state.held);
        state.frames.extend(held);
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
        // A client that is away may come back for the Close message, but not to less than it is owed.
        let is_final = backlog == Backlog::Dropped && state.away_since().is_some();
        state.phase = if is_final { Phase::Ended } else { Phase::Closing };
        state.reason = Some(reason);
        if backlog == Backlog::Dropped {
            state.cut_backlog();
        }
        if let Some(last) = last {
            state.append(last);
        }
        let (waker, patient) = (state.waker.take(), std::mem::take(&mut state.patient));
        drop(state);
        wake(waker);
        wake(patient);
        true
    }

    /// Drops what is queued and ends the transport. The first reason given for an end is the one that counts.
    pub(crate) fn end(&self, reason: Disconnect) {
        let mut state = self.lock();
        state.phase = Phase::Ended;
        state.reason.get_or_insert(reason);
        let frames = (std::mem::take(&mut state.frames), std::mem::take(&mut state.held));
        let wire = state.wire.take();
        if let Some(retained) = &mut state.retained {
            retained.clear();
        }
        let (waker, patient) = (state.waker.take(), std::mem::take(&mut state.patient));
        drop(state);
        drop((frames, wire));
        wake(waker);
        wake(patient);
    }

    /// Hands all queued frames to a transport without a socket of its own, which has passed on `written` bytes since the
    /// last call. The queue keeps its memory only where frames keep coming.
    pub(crate) fn take(&self, context: &Context<'_>, batch: &mut Vec<Frame>, written: usize) -> Next {
        let mut state = self.lock();
        if state.is_over_for(NO_SOCKET) {
            return Next::Drop;
        }
        state.bytes = state.bytes.saturating_sub(written);
        let patient = if written > 0 { std::mem::take(&mut state.patient) } else { Vec::new() };
        let next = if !state.frames.is_empty() {
            batch.extend(state.frames.drain());
            Next::Write
        } else {
            state.frames.release();
            state.watch(context);
            if state.is_all_said() { Next::Close } else { Next::Wait }
        };
        drop(state);
        wake(patient);
        next
    }

    /// Ready when at most `most` bytes wait and the client is there, and when messages are no longer accepted.
    pub(crate) fn poll_room(&self, context: &Context<'_>, most: usize) -> Poll<()> {
        let mut state = self.lock();
        if state.phase != Phase::Open || (state.bytes <= most && state.away_since().is_none()) {
            return Poll::Ready(());
        }
        state.await_change(context);
        Poll::Pending
    }

    /// Ready when messages are no longer accepted.
    pub(crate) fn poll_closing(&self, context: &Context<'_>) -> Poll<()> {
        let mut state = self.lock();
        if state.phase != Phase::Open {
            return Poll::Ready(());
        }
        state.await_change(context);
        Poll::Pending
    }

    /// Whether messages are still accepted.
    pub(crate) fn is_open(&self) -> bool {
        self.lock().phase == Phase::Open
    }

    /// Whether nothing is written any more.
    pub(crate) fn is_ended(&self) -> bool {
        self.lock().phase == Phase::Ended
    }

    /// What was ever accepted, and what of it waits.
    pub(crate) fn volumes(&self) -> (Volume, Volume) {
        let state = self.lock();
        let away = state.retained.as_ref().filter(|retained| retained.away_since().is_some());
        let waiting = match away {
            Some(retained) => retained.volume(),
            None => Volume { messages: (state.frames.len() + state.held.len()) as u64, bytes: state.bytes as u64 },
        };
        (state.accepted, waiting)
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
    /// Whether a message is to be queued; false when it is kept for a client that is away.
    fn accept(&mut self, frame: &Frame, limit: usize) -> Result<bool, Refused> {
        if self.phase != Phase::Open {
            return Err(Refused::Gone);
        }
        if self.bytes > 0 && self.bytes + frame.len() > limit {
            return Err(Refused::Full);
        }
        if let Some(retained) = &mut self.retained {
            retained.keep(frame).map_err(|Overflow| Refused::Away)?;
        }
        self.accepted.add(frame.len());
        Ok(self.away_since().is_none())
    }

    fn append(&mut self, frame: &Frame) {
        self.bytes += frame.len();
        if self.answered { self.frames.push(frame.clone()) } else { self.held.push(frame.clone()) }
    }

    /// Whether the connection closes and nothing waits any more.
    fn is_all_said(&self) -> bool {
        self.phase == Phase::Closing && self.frames.is_empty() && self.held.is_empty()
    }

    /// Forgets what is queued and not begun. After a return of the client not all of it has been counted.
    fn cut_backlog(&mut self) {
        let held = self.held.drain(..).map(|frame| frame.len()).sum::<usize>();
        self.bytes = self.bytes.saturating_sub(self.frames.cut() + held);
    }

    fn is_over_for(&self, socket: u32) -> bool {
        self.phase == Phase::Ended || self.cut || self.socket != socket
    }

    fn away_since(&self) -> Option<Duration> {
        self.retained.as_ref()?.away_since()
    }

    fn watch(&mut self, context: &Context<'_>) {
        match &mut self.waker {
            Some(waker) => waker.clone_from(context.waker()),
            None => self.waker = Some(context.waker().clone()),
        }
    }

    fn await_change(&mut self, context: &Context<'_>) {
        if !self.patient.iter().any(|waker| waker.will_wake(context.waker())) {
            self.patient.push(context.waker().clone());
        }
    }
}

fn enqueue(mut state: MutexGuard<'_, State>, frame: &Frame) {
    let was_empty = state.frames.is_empty();
    state.append(frame);
    let waker = if was_empty { state.waker.take() } else { None };
    drop(state);
    wake(waker);
}

fn wake(wakers: impl IntoIterator<Item = Waker>) {
    wakers.into_iter().for_each(Waker::wake);
}

#[cfg(test)]
mod tests;
