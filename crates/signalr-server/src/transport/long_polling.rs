//! Long polling (signalr-protocol 3.4): each poll waits for messages and takes all there are.
//!
//! The first poll is answered at once and empty, because the client sends its handshake only behind the answer. A poll
//! that is answered with frames has them for good: what its client does not receive is lost, as with any server.

use std::future::poll_fn;
use std::sync::{Arc, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};

use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use http::{HeaderValue, StatusCode, header};
use tokio::sync::{Mutex, watch};

use super::broken;
use super::requests::Requests;
use crate::connection::Continuity;
use crate::connection::outbox::Next;
use crate::endpoint::claim::{Claim, New, claim};
use crate::endpoint::text;
use crate::engine::{Engine, Seat};
use crate::protocol::Frame;
use crate::{Admission, Connection, Disconnect, Query, Transport};

/// The polls of one connection.
#[derive(Debug, Default)]
pub(super) struct Polls {
    /// The number of the newest poll.
    newest: watch::Sender<u64>,
    /// How many polls are there now.
    present: std::sync::Mutex<usize>,
    /// Held by the one poll that waits for frames; the size of those that the poll before it was given.
    turn: Mutex<usize>,
}

impl Polls {
    /// Locked until the connection knows of the change, too. A panic elsewhere leaves the number right.
    fn present(&self) -> MutexGuard<'_, usize> {
        self.present.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Answers a poll.
pub(crate) async fn poll(engine: &Arc<Engine>, query: Query, admission: Admission) -> Response {
    match claim(engine, Transport::LongPolling, &query, &admission) {
        Ok(Claim::New(New { token, connection_id, early, .. })) => {
            let transport = Transport::LongPolling;
            let continuity = Continuity::OneSocket;
            let connection =
                Connection::open(Arc::clone(engine), connection_id, transport, continuity, admission, query);
            connection.activity().left(engine.now());
            Requests::open(&connection, token, &early);
            frames(Bytes::new())
        }
        Ok(Claim::Again(Seat { connection, requests: Some(requests) })) => wait(&connection, &requests.polls).await,
        Ok(Claim::Again(Seat { requests: None, .. })) => StatusCode::INTERNAL_SERVER_ERROR.into_response(),
        Err(refused) => refused.into_response(),
    }
}

/// Answers a DELETE: the client ends the connection.
pub(crate) fn terminate(connection: &Connection) -> Response {
    connection.outbox().end(Disconnect::ClientClosed { error: None });
    connection.engine().ended(connection);
    terminated()
}

/// The answer to a DELETE that finds the connection ended just as its client wants it.
pub(crate) fn terminated() -> Response {
    text(StatusCode::ACCEPTED, "")
}

/// The answer to a poll behind the last frames.
pub(crate) fn over() -> Response {
    empty(StatusCode::NO_CONTENT)
}

/// The answer to a poll that came after the end, but knew nothing of it.
pub(crate) fn last_words(bytes: Bytes) -> Response {
    if bytes.is_empty() { over() } else { frames(bytes) }
}

/// What waits for a client that is between two polls.
pub(crate) fn rest(connection: &Connection) -> Bytes {
    let (mut frames, context) = (Vec::new(), Context::from_waker(Waker::noop()));
    while connection.outbox().take(&context, &mut frames, 0) == Next::Write {}
    join(&frames)
}

/// Waits for frames, for the end of the connection, for a newer poll, or for as long as a poll is held.
async fn wait(connection: &Connection, polls: &Polls) -> Response {
    let _presence = Presence::begin(connection, polls);
    let mut newest = polls.newest.subscribe();
    let mut number = 0;
    polls.newest.send_modify(|newest| {
        *newest += 1;
        number = *newest;
    });
    tokio::select! {
        // First, so that a poll that nobody waits for any more takes nothing.
        biased;
        _ = newest.wait_for(|newest| *newest != number) => over(),
        taken = take(connection, polls) => hand_over(connection, &taken),
        () = tokio::time::sleep(connection.engine().options().poll_hold) => empty(StatusCode::OK),
    }
}

/// What a poll gets of a connection.
#[derive(Debug, Default)]
struct Taken {
    frames: Vec<Frame>,
    /// There will be no more.
    is_last: bool,
}

/// All frames that wait, once there are any or there will be none. Nothing is awaited behind the taking, so frames that
/// are taken are in an answer.
async fn take(connection: &Connection, polls: &Polls) -> Taken {
    let mut given = polls.turn.lock().await;
    poll_fn(|context| poll_take(connection, &mut given, context)).await
}

fn poll_take(connection: &Connection, given: &mut usize, context: &Context<'_>) -> Poll<Taken> {
    let mut taken = Taken::default();
    loop {
        let mut frames = Vec::new();
        match connection.outbox().take(context, &mut frames, std::mem::take(given)) {
            Next::Write => taken.frames.append(&mut frames),
            Next::Wait => break,
            Next::Close | Next::Drop => {
                taken.is_last = true;
                break;
            }
        }
        // Behind the last frames there is no need for another poll: the client may not be able to send it.
        if connection.outbox().is_open() {
            break;
        }
    }
    if taken.frames.is_empty() && !taken.is_last {
        return Poll::Pending;
    }
    *given = taken.frames.iter().map(Frame::len).sum();
    Poll::Ready(taken)
}

/// Answers a poll with what it has taken. The last frames end the connection: a client that knows of the end need not
/// come back, and cannot once the listener is closed.
fn hand_over(connection: &Connection, taken: &Taken) -> Response {
    if taken.frames.is_empty() {
        connection.engine().ended(connection);
        let is_cut = connection.outbox().reason().is_cut();
        return if is_cut { broken::response() } else { over() };
    }
    connection.activity().sent(connection.engine().now());
    if taken.is_last {
        connection.engine().parted(connection);
    }
    frames(join(&taken.frames))
}

fn join(frames: &[Frame]) -> Bytes {
    match frames {
        [frame] => frame.message_bytes(),
        frames => {
            let mut body = Vec::with_capacity(frames.iter().map(Frame::len).sum());
            frames.iter().for_each(|frame| body.extend_from_slice(frame.message()));
            body.into()
        }
    }
}

/// As long as a poll is there the client is; the time without one counts from the end of the last.
struct Presence<'c> {
    connection: &'c Connection,
    polls: &'c Polls,
}

impl<'c> Presence<'c> {
    fn begin(connection: &'c Connection, polls: &'c Polls) -> Self {
        let mut present = polls.present();
        *present += 1;
        connection.activity().returned();
        drop(present);
        Self { connection, polls }
    }
}

impl Drop for Presence<'_> {
    fn drop(&mut self) {
        let mut present = self.polls.present();
        *present -= 1;
        if *present == 0 {
            self.connection.activity().left(self.connection.engine().now());
        }
    }
}

fn frames(body: Bytes) -> Response {
    let mut response = Response::new(body.into());
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("application/octet-stream"));
    uncached(response)
}

fn empty(status: StatusCode) -> Response {
    uncached(text(status, ""))
}

/// What every answer to a poll carries.
fn uncached(mut response: Response) -> Response {
    let headers = response.headers_mut();
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-cache, no-store"));
    headers.insert(header::PRAGMA, HeaderValue::from_static("no-cache"));
    headers.insert(header::EXPIRES, HeaderValue::from_static("Thu, 01 Jan 1970 00:00:00 GMT"));
    response
}
