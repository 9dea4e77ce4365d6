//! Server-Sent Events (signalr-protocol 3.3): one response without an end, an event per frame.
//!
//! The client hears only that the stream has begun when its first bytes arrive, so there are some before any message.
//! How much of the stream the client has taken is hyper's knowledge: a piece counts as written once hyper asks for the
//! next one, which it does while less than half a megabyte waits for the socket.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use axum::body::Body;
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use http::{HeaderValue, header};
use hyper::body::Frame as Piece;

use super::broken;
use super::requests::Requests;
use crate::connection::Continuity;
use crate::connection::outbox::Next;
use crate::endpoint::claim::{Claim, New, Refused, claim};
use crate::engine::Engine;
use crate::protocol::Frame;
use crate::{Admission, Connection, Query, Transport};

/// Bytes of one piece of the stream, unless a single message is longer. A piece is a chunk of HTTP, and the JavaScript
/// client's event source for Node.js (eventsource 2.0.2) reads every line of a chunk from the chunk's beginning: 5,000
/// short events take it 1.5 s in chunks of 64 KiB and 0.2 s in chunks of 4 KiB.
const PIECE: usize = 4 * 1024;

/// Opens the stream of a connection that has been negotiated.
pub(crate) fn accept(engine: &Arc<Engine>, query: Query, admission: Admission) -> Response {
    match claim(engine, Transport::ServerSentEvents, &query, &admission) {
        Ok(Claim::New(New { token, connection_id, early, .. })) => {
            let transport = Transport::ServerSentEvents;
            let continuity = Continuity::OneSocket;
            let connection =
                Connection::open(Arc::clone(engine), connection_id, transport, continuity, admission, query);
            Requests::open(&connection, token, &early);
            stream(Events { connection, begun: false, frames: Vec::new(), next: 0, handed: 0 })
        }
        Ok(Claim::Again(_)) => Refused::InUse.into_response(),
        Err(refused) => refused.into_response(),
    }
}

fn stream(events: Events) -> Response {
    let mut response = Response::new(Body::new(events));
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("text/event-stream"));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-cache,no-store"));
    headers.insert(header::PRAGMA, HeaderValue::from_static("no-cache"));
    // Whoever compresses answers leaves those alone that have an encoding.
    headers.insert(header::CONTENT_ENCODING, HeaderValue::from_static("identity"));
    response
}

/// The body of the stream. Its end, also by a client that goes away, is the end of the connection.
#[derive(Debug)]
struct Events {
    connection: Connection,
    begun: bool,
    frames: Vec<Frame>,
    /// The first frame that is not handed out.
    next: usize,
    /// The size of the frames handed out since the queue last heard of it.
    handed: usize,
}

impl hyper::body::Body for Events {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<io::Result<Piece<Bytes>>>> {
        if !std::mem::replace(&mut self.begun, true) {
            return Poll::Ready(Some(Ok(Piece::data(Bytes::from_static(b":\r\n")))));
        }
        if self.next == self.frames.len() {
            let events = &mut *self;
            events.frames.clear();
            events.next = 0;
            let handed = std::mem::take(&mut events.handed);
            match events.connection.outbox().take(context, &mut events.frames, handed) {
                Next::Write => {}
                Next::Wait => {
                    events.frames = Vec::new();
                    return Poll::Pending;
                }
                Next::Drop if events.connection.outbox().reason().is_cut() => {
                    return Poll::Ready(Some(Err(broken::cut())));
                }
                Next::Close | Next::Drop => return Poll::Ready(None),
            }
        }
        Poll::Ready(Some(Ok(Piece::data(self.next_piece()))))
    }
}

impl Events {
    fn next_piece(&mut self) -> Bytes {
        let mut piece = Vec::new();
        while let Some(frame) = self.frames.get(self.next)
            && (piece.is_empty() || piece.len() + frame.len() <= PIECE)
        {
            write_event(frame.message(), &mut piece);
            self.handed += frame.len();
            self.next += 1;
        }
        self.connection.activity().sent(self.connection.engine().now());
        piece.into()
    }
}

impl Drop for Events {
    fn drop(&mut self) {
        self.connection.engine().ended(&self.connection);
    }
}

/// Appends one event. In JSON a line break is mere space, so the parser that joins the lines with LF changes nothing;
/// a CR alone, which it takes for a line break too, would otherwise cut the message.
fn write_event(message: &[u8], piece: &mut Vec<u8>) {
    piece.reserve(message.len() + 10);
    let mut rest = Some(message);
    while let Some(text) = rest {
        let end = text.iter().position(|byte| matches!(byte, b'\r' | b'\n'));
        let line = &text[..end.unwrap_or(text.len())];
        rest = end.map(|end| {
            let behind = &text[end..];
            behind.strip_prefix(b"\r\n").unwrap_or(&behind[1..])
        });
        piece.extend_from_slice(b"data: ");
        piece.extend_from_slice(line);
        piece.extend_from_slice(b"\r\n");
    }
    piece.extend_from_slice(b"\r\n");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(message: &str, expected: &str) {
        let mut piece = Vec::new();
        write_event(message.as_bytes(), &mut piece);
        assert_eq!(String::from_utf8(piece).unwrap(), expected);
    }

    #[test]
    fn an_event_has_a_line_for_every_line_of_the_message() {
        check("{}\u{1e}", "data: {}\u{1e}\r\n\r\n");
        check("{\"a\":\n1}\u{1e}", "data: {\"a\":\r\ndata: 1}\u{1e}\r\n\r\n");
        check("[\r\n1,\r2]", "data: [\r\ndata: 1,\r\ndata: 2]\r\n\r\n");
        check("[\n\n]\n", "data: [\r\ndata: \r\ndata: ]\r\ndata: \r\n\r\n");
    }
}
