//! How what is queued gets into a WebSocket: its own task writes it, or a flusher that writes for many at once.
//!
//! Whoever writes holds the queue's lock, so nothing overtakes anything. A flusher never waits: where a socket takes no
//! more it leaves the rest to the socket's task, which is told by the runtime when there is room.

use std::io::{ErrorKind, IoSlice, Result};
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use tokio::net::TcpStream;

use super::{Joined, Outbox, Phase, Posted, Refused, State, enqueue, wake};
use crate::protocol::Frame;

/// Takes bytes and never waits.
pub(crate) trait Sink {
    fn poll_write(&mut self, context: &mut Context<'_>, bytes: &[u8]) -> Poll<Result<usize>>;
    fn poll_write_vectored(&mut self, context: &mut Context<'_>, slices: &[IoSlice<'_>]) -> Poll<Result<usize>>;
}

/// What the task of a socket has done, or is to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Step {
    /// Some bytes are written; there may be more.
    Wrote,
    /// The socket takes no more; the task is woken when it does, and at the end of the connection.
    Blocked,
    /// Nothing can be written; the task is woken.
    Wait,
    /// Everything is written and the connection is to be closed in an orderly way; the task is woken for a drop.
    Close,
    /// Drop the socket.
    Drop,
}

/// What a flusher has done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Flushed {
    /// What was queued is written.
    Everything,
    /// The socket's task sees to the rest, or to the error.
    NotEverything,
    /// There was nothing to write, or nobody to write it to.
    Nothing,
}

impl Outbox {
    /// Others than its task may write to `socket` from now on, which is `wire`.
    pub(crate) fn attach(&self, socket: u32, wire: &Arc<TcpStream>) {
        let mut state = self.lock();
        if state.socket == socket {
            state.wire = Some(Arc::clone(wire));
        }
    }

    /// Nobody but its task may write to `socket` any more, and nobody else has hold of it.
    pub(crate) fn detach(&self, socket: u32) {
        let mut state = self.lock();
        if state.socket == socket {
            state.wire = None;
        }
    }

    /// Queues a message as [`push`](Self::push) does, but wakes nobody where a flusher can write it.
    pub(crate) fn post(&self, frame: &Frame, limit: usize) -> std::result::Result<Posted, Refused> {
        let mut state = self.lock();
        if !state.accept(frame, limit)? {
            return Ok(Posted::Settled);
        }
        if state.wire.is_none() || !state.answered || state.is_blocked {
            enqueue(state, frame);
            return Ok(Posted::Settled);
        }
        state.append(frame);
        let was_listed = std::mem::replace(&mut state.is_listed, true);
        Ok(if was_listed { Posted::Settled } else { Posted::ToFlush })
    }

    /// Writes what is queued on behalf of the task of the socket. `joined` is what was written for the last connection.
    pub(crate) fn flush(&self, joined: &mut Joined) -> Flushed {
        let mut state = self.lock();
        state.is_listed = false;
        if state.phase == Phase::Ended || state.cut || state.is_blocked || state.frames.is_empty() {
            return Flushed::Nothing;
        }
        let Some(wire) = state.wire.take() else { return Flushed::Nothing };
        if state.frames.only().is_some() {
            state.frames.release();
        }
        let mut context = Context::from_waker(Waker::noop());
        while !state.frames.is_empty() && !state.is_blocked {
            let written = state.write_once(&mut context, &mut &*wire, Some(joined));
            state.is_blocked = !matches!(written, Poll::Ready(Ok(1..)));
        }
        state.wire = Some(wire);
        let flushed = if state.is_blocked { Flushed::NotEverything } else { Flushed::Everything };
        let waker = if state.is_blocked { state.waker.take() } else { None };
        let patient = std::mem::take(&mut state.patient);
        drop(state);
        wake(waker);
        wake(patient);
        flushed
    }

    /// One write by the task of `socket`.
    pub(crate) fn write(&self, context: &mut Context<'_>, socket: u32, sink: &mut impl Sink) -> Step {
        let mut state = self.lock();
        if state.is_over_for(socket) {
            return Step::Drop;
        }
        if state.frames.is_empty() {
            state.is_blocked = false;
            state.frames.release();
            state.watch(context);
            return if state.is_all_said() { Step::Close } else { Step::Wait };
        }
        match state.write_once(context, sink, None) {
            Poll::Ready(Ok(1..)) => {
                let patient = std::mem::take(&mut state.patient);
                drop(state);
                wake(patient);
                Step::Wrote
            }
            Poll::Ready(_) => Step::Drop,
            Poll::Pending => {
                state.is_blocked = true;
                state.watch(context);
                Step::Blocked
            }
        }
    }

    /// Queues what the WebSocket protocol wants said on `socket`. Its task does it, so nobody needs to be woken.
    pub(crate) fn append(&self, socket: u32, frame: &Frame) {
        let mut state = self.lock();
        if !state.is_over_for(socket) {
            state.append_control(frame);
        }
    }

    /// Queues the last word on `socket` behind nothing but what is begun.
    pub(crate) fn say_last(&self, socket: u32, frame: &Frame) {
        let mut state = self.lock();
        if !state.is_over_for(socket) {
            state.cut_backlog();
            state.append_control(frame);
        }
    }

    /// Whether the socket takes no more at present.
    pub(crate) fn is_blocked(&self) -> bool {
        self.lock().is_blocked
    }
}

impl State {
    /// What belongs to the WebSocket and not to the hub protocol waits for no handshake.
    fn append_control(&mut self, frame: &Frame) {
        self.bytes += frame.len();
        self.frames.push(frame.clone());
    }

    /// One system call; whoever waits for room is still to be woken. A vectored one costs more, and its slices need a kilobyte of stack that is cleared first.
    fn write_once(
        &mut self,
        context: &mut Context<'_>,
        sink: &mut impl Sink,
        joined: Option<&mut Joined>,
    ) -> Poll<Result<usize>> {
        let one_piece = self.frames.only().or_else(|| joined?.of(&self.frames, self.bytes));
        let written = match one_piece {
            Some(bytes) => sink.poll_write(context, bytes),
            None => self.frames.with_slices(|slices| sink.poll_write_vectored(context, slices)),
        };
        if let Poll::Ready(Ok(count)) = written {
            self.frames.advance(count);
            self.bytes = self.bytes.saturating_sub(count);
        }
        written
    }
}

/// A plain socket as a flusher sees it.
impl Sink for &TcpStream {
    fn poll_write(&mut self, _: &mut Context<'_>, bytes: &[u8]) -> Poll<Result<usize>> {
        unless_blocked(write_now(self, bytes))
    }

    fn poll_write_vectored(&mut self, _: &mut Context<'_>, slices: &[IoSlice<'_>]) -> Poll<Result<usize>> {
        unless_blocked(self.try_write_vectored(slices))
    }
}

/// Asks the kernel at once. What the runtime believes about the socket would have to be fetched from memory first, and
/// whether the socket took no more the last time is known here.
#[cfg(target_os = "linux")]
fn write_now(wire: &TcpStream, bytes: &[u8]) -> Result<usize> {
    use rustix::net::{SendFlags, send};

    Ok(send(wire, bytes, SendFlags::NOSIGNAL | SendFlags::DONTWAIT)?)
}

#[cfg(not(target_os = "linux"))]
fn write_now(wire: &TcpStream, bytes: &[u8]) -> Result<usize> {
    wire.try_write(bytes)
}

fn unless_blocked(written: Result<usize>) -> Poll<Result<usize>> {
    match written {
        Err(error) if error.kind() == ErrorKind::WouldBlock => Poll::Pending,
        written => Poll::Ready(written),
    }
}
