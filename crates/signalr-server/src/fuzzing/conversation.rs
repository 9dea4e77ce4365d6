//! All that a client says over one connection: the handshake, messages, and a second socket under stateful reconnect.

use std::io::{IoSlice, Result};
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use http::StatusCode;
use tokio_util::sync::CancellationToken;

use super::cut;
use crate::connection::Continuity;
use crate::connection::outbox::{Sink, Step};
use crate::engine::Engine;
use crate::session::Session;
use crate::{
    Admission, ClientMessage, ClientRequest, Clients, Connection, Hub, Query, Refusal, ServerOptions,
    StatefulReconnect, Transport,
};

/// Lets nobody in; connections are opened without asking.
struct Nobody;

impl Hub for Nobody {
    async fn admit(&self, _: &ClientRequest<'_>) -> std::result::Result<Admission, Refusal> {
        Err(Refusal::text(StatusCode::FORBIDDEN, ""))
    }

    async fn received(&self, _: &Connection, _: ClientMessage) {}
}

/// What came of a stream.
#[derive(Debug, PartialEq, Eq)]
struct Outcome {
    /// What the hub would be told.
    calls: Vec<String>,
    /// What the client would get.
    answers: Vec<u8>,
    reason: String,
}

/// A byte for the options, one for the size of the pieces, and what the client sends: cut or whole, it comes to the same.
pub fn sessions(input: &[u8]) {
    let Some((options, rest)) = input.split_first() else { return };
    let (size, stream) = cut(rest);
    let continuity = if options & 1 == 0 { Continuity::OneSocket } else { Continuity::Resumable };
    // Every sixteenth of the stream the client may lose its socket.
    let lost_after = stream.len() * usize::from(options >> 4) / 16;
    let (first, second) = stream.split_at(lost_after);
    let whole = converse(continuity, [first], [second]);
    assert_eq!(converse(continuity, first.chunks(size), second.chunks(size)), whole);
}

fn converse<'s>(
    continuity: Continuity,
    first: impl IntoIterator<Item = &'s [u8]>,
    second: impl IntoIterator<Item = &'s [u8]>,
) -> Outcome {
    let options = ServerOptions {
        maximum_message_size: Some(1000),
        stateful_reconnect: StatefulReconnect::Enabled,
        detailed_errors: true,
        ..ServerOptions::default()
    };
    let engine = Arc::new(Engine::new(Arc::new(Nobody), options, CancellationToken::new()));
    let (transport, admission) = (Transport::WebSockets, Admission::to(Clients::default()));
    let connection =
        Connection::open(Arc::clone(&engine), "id".to_owned(), transport, continuity, admission, Query::default());
    let mut session = Session::new(connection.clone());
    for piece in first {
        // What is too large has closed the connection.
        let _ = session.receive(piece);
    }
    let mut answers = Answers::default();
    answers.take(&connection, session.socket());
    if let Some(socket) = engine.resumed(&connection) {
        let mut session = Session::resume(connection.clone(), socket);
        for piece in second {
            let _ = session.receive(piece);
        }
        answers.take(&connection, socket);
    }
    let calls = std::iter::from_fn(|| connection.inbox().next()).map(|call| format!("{call:?}")).collect();
    let reason = connection.outbox().reason().to_string();
    // A connection and its clients hold each other until it ends.
    engine.ended(&connection);
    Outcome { calls, answers: answers.0, reason }
}

/// The bytes that come out of a connection's sockets.
#[derive(Default)]
struct Answers(Vec<u8>);

impl Answers {
    fn take(&mut self, connection: &Connection, socket: u32) {
        let mut context = Context::from_waker(Waker::noop());
        while connection.outbox().write(&mut context, socket, self) == Step::Wrote {}
    }
}

impl Sink for Answers {
    fn poll_write(&mut self, _: &mut Context<'_>, bytes: &[u8]) -> Poll<Result<usize>> {
        self.0.extend_from_slice(bytes);
        Poll::Ready(Ok(bytes.len()))
    }

    fn poll_write_vectored(&mut self, context: &mut Context<'_>, slices: &[IoSlice<'_>]) -> Poll<Result<usize>> {
        let bytes: Vec<u8> = slices.iter().flat_map(|slice| slice.to_vec()).collect();
        self.poll_write(context, &bytes)
    }
}
