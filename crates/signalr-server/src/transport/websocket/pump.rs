//! Moves bytes between a socket and a connection until one of them ends.
//!
//! One hand-written future per connection: what it holds while it waits is this struct, and buffers live on the stack.
//! All queued frames go out in one write; those of a broadcast usually without this task (`engine::flusher`).

use std::future::poll_fn;
use std::mem::MaybeUninit;
use std::task::{Context, Poll};

use tokio::io::ReadBuf;

use super::frame::{self, Event, FrameReader, Violation};
use super::socket::Socket;
use crate::connection::numbering::Numbering;
use crate::connection::outbox::{Backlog, Step};
use crate::message::Reconnect;
use crate::protocol::Frame;
use crate::session::Session;
use crate::{Connection, Disconnect};

/// Bytes per read.
const SCRATCH: usize = 4096;

#[derive(Debug)]
pub(super) struct Pump {
    socket: Socket,
    reader: FrameReader,
    session: Session,
    /// The answer to the last Ping. A client that pings without reading gets one answer, not a thousand.
    pong: Option<Frame>,
    closing: Closing,
    /// The code of the Close frame where the WebSocket protocol has a particular one.
    code: Option<u16>,
}

/// How far the closing handshake is (RFC 6455, 7).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Closing {
    NotYet,
    /// The Close frame is on its way or written; the peer's is awaited.
    Sent,
    /// The peer cannot be understood any more. Once the Close frame is written the socket is closed in this direction
    /// only: dropping it with unread input would make the peer lose the frame.
    Deaf,
    /// As `Deaf`, and closed in this direction.
    HalfClosed,
    /// Both sides have said Close: the socket is dropped once everything is written.
    Agreed,
}

/// Whether there is more to come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Flow {
    /// Something was done, more may be possible.
    Goes,
    /// Nothing can be done now; the task is woken when it can.
    Waits,
    Ends,
}

impl Pump {
    /// `early` has been read already, behind the request.
    pub(super) fn new(socket: Socket, session: Session, early: &[u8]) -> Self {
        let mut pump =
            Self { socket, reader: FrameReader::default(), session, pong: None, closing: Closing::NotYet, code: None };
        if let Some(wire) = pump.socket.wire() {
            pump.connection().outbox().attach(pump.session.socket(), wire);
        }
        pump.absorb(&mut early.to_vec());
        pump
    }

    /// Serves the socket until it ends, and with it the connection.
    pub(super) async fn run(mut self) {
        poll_fn(|context| self.poll(context)).await;
    }

    fn poll(&mut self, context: &mut Context<'_>) -> Poll<()> {
        loop {
            if self.poll_write(context) == Flow::Ends {
                return Poll::Ready(());
            }
            match self.poll_read(context) {
                Flow::Goes => {}
                Flow::Waits => return Poll::Pending,
                Flow::Ends => return Poll::Ready(()),
            }
        }
    }

    fn connection(&self) -> &Connection {
        self.session.connection()
    }

    /// Writes until nothing is left or the socket takes no more.
    fn poll_write(&mut self, context: &mut Context<'_>) -> Flow {
        self.answer_ping();
        loop {
            let (connection, socket) = (self.session.connection(), self.session.socket());
            let step = connection.outbox().write(context, socket, &mut self.socket);
            match step {
                Step::Wrote => connection.activity().sent(connection.engine().now()),
                Step::Blocked => {
                    connection.activity().stalled(connection.engine().now());
                    return Flow::Waits;
                }
                Step::Wait => return self.settle(context),
                Step::Close if !self.say_close() => return self.settle(context),
                Step::Close => {}
                Step::Drop => return Flow::Ends,
            }
        }
    }

    /// Queues the answer to a Ping, unless the socket takes nothing anyway.
    fn answer_ping(&mut self) {
        let outbox = self.session.connection().outbox();
        if self.closing == Closing::NotYet
            && self.pong.is_some()
            && !outbox.is_blocked()
            && let Some(pong) = self.pong.take()
        {
            outbox.append(self.session.socket(), &pong);
        }
    }

    /// Queues the Close frame, once; false when it was.
    fn say_close(&mut self) -> bool {
        match self.closing {
            Closing::NotYet => self.closing = Closing::Sent,
            Closing::Deaf if self.code.is_some() => {}
            Closing::Deaf | Closing::Sent | Closing::HalfClosed | Closing::Agreed => return false,
        }
        self.connection().outbox().append(self.session.socket(), &self.close_frame());
        if self.closing == Closing::Deaf {
            self.code = None;
        }
        true
    }

    /// Everything is written: what that means depends on how far the closing is.
    fn settle(&mut self, context: &mut Context<'_>) -> Flow {
        match self.socket.poll_flush(context) {
            Poll::Ready(Ok(())) => {}
            Poll::Ready(Err(_)) => return Flow::Ends,
            Poll::Pending => return Flow::Waits,
        }
        match self.closing {
            Closing::Agreed => Flow::Ends,
            Closing::Deaf => self.close_half(context),
            Closing::NotYet | Closing::Sent | Closing::HalfClosed => Flow::Waits,
        }
    }

    fn close_half(&mut self, context: &mut Context<'_>) -> Flow {
        self.connection().outbox().detach(self.session.socket());
        match self.socket.poll_shutdown(context) {
            Poll::Ready(Ok(())) => {
                self.closing = Closing::HalfClosed;
                Flow::Waits
            }
            Poll::Ready(Err(_)) => Flow::Ends,
            Poll::Pending => Flow::Waits,
        }
    }

    fn close_frame(&self) -> Frame {
        let code = self.code.unwrap_or_else(|| match self.connection().outbox().reason() {
            Disconnect::HubFailed => 1011,
            _ => 1000,
        });
        Frame::control(frame::CLOSE, &code.to_be_bytes())
    }

    /// Reads once, unless nothing has come: most often the task was woken to write.
    fn poll_read(&mut self, context: &mut Context<'_>) -> Flow {
        if self.closing == Closing::Agreed || self.socket.poll_readable(context).is_pending() {
            return Flow::Waits;
        }
        if self.closing == Closing::NotYet && self.connection().inbox().poll_room(context).is_pending() {
            return Flow::Waits;
        }
        self.read_once(context)
    }

    /// Not inlined, so that the buffer is on the stack only while it is used.
    #[inline(never)]
    fn read_once(&mut self, context: &mut Context<'_>) -> Flow {
        let mut scratch = [MaybeUninit::uninit(); SCRATCH];
        let mut buffer = ReadBuf::uninit(&mut scratch);
        match self.socket.poll_read(context, &mut buffer) {
            Poll::Pending => Flow::Waits,
            Poll::Ready(Ok(())) if !buffer.filled().is_empty() => {
                self.absorb(buffer.filled_mut());
                Flow::Goes
            }
            Poll::Ready(_) => Flow::Ends,
        }
    }

    fn absorb(&mut self, mut bytes: &mut [u8]) {
        while !matches!(self.closing, Closing::Deaf | Closing::HalfClosed | Closing::Agreed) {
            match self.reader.next(&mut bytes) {
                Ok(None) => return,
                Ok(Some(Event::Data(data))) => {
                    if self.session.receive(data).is_err() {
                        self.code = Some(1009);
                    }
                }
                Ok(Some(Event::Ping(payload))) => self.pong = Some(Frame::control(frame::PONG, &payload)),
                Ok(Some(Event::Pong)) => {}
                Ok(Some(Event::Close(code))) => self.agree(code),
                Err(violation) => self.refuse(violation),
            }
        }
    }

    /// The peer says Close. What is queued for it is not written any more.
    fn agree(&mut self, code: Option<u16>) {
        let connection = self.connection().clone();
        // Locked so that the client cannot go over to another socket meanwhile: it would close that one, too.
        let _numbers = connection.numbering().map(Numbering::lock);
        if self.closing == Closing::NotYet && connection.outbox().is_served_by(self.session.socket()) {
            let error = match code {
                None | Some(1000 | 1001) => None,
                Some(code) => Some(format!("the WebSocket was closed with code {code}")),
            };
            connection.finish(None, Backlog::Dropped, Disconnect::ClientClosed { error });
            // A close without a code is answered with 1000; an echo would read as 1005 (signalr-protocol 3.2).
            let answer = Frame::control(frame::CLOSE, &code.unwrap_or(1000).to_be_bytes());
            connection.outbox().say_last(self.session.socket(), &answer);
        }
        self.closing = Closing::Agreed;
    }

    /// The peer broke the WebSocket protocol.
    fn refuse(&mut self, violation: Violation) {
        if self.closing == Closing::Sent {
            self.closing = Closing::Agreed;
            return;
        }
        let connection = self.connection().clone();
        let _numbers = connection.numbering().map(Numbering::lock);
        if !connection.outbox().is_served_by(self.session.socket()) {
            self.closing = Closing::Agreed;
            return;
        }
        self.closing = Closing::Deaf;
        self.code = Some(violation.code());
        connection.fail(Disconnect::ProtocolError(violation.complaint()), Reconnect::Denied);
    }
}

/// However the task ends, also by a panic, its socket is lost.
impl Drop for Pump {
    fn drop(&mut self) {
        let connection = self.connection();
        connection.engine().lost(connection, self.session.socket());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_idle_connection_is_small() {
        let state = size_of::<Pump>() + Connection::SIZE;
        assert!(state <= 1024, "{state} bytes without the buffers of the system");
    }
}
