//! One client connection, as the hub and the engine see it.
//!
//! A [`Connection`] is a handle: clones are the same connection, and holding one keeps nothing open. Nothing here
//! waits for the client: messages go into a queue that the transport's task writes out.

pub(crate) mod activity;
mod disconnect;
pub(crate) mod inbox;
pub(crate) mod numbering;
pub(crate) mod outbox;
mod results;
pub(crate) mod retained;
mod traffic;

use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::{Duration, SystemTime};

use http::Extensions;

use crate::engine::Engine;
use crate::message::{Reconnect, ServerMessage};
use crate::protocol::{Frame, HubProtocol, handshake};
use crate::{Admission, Clients, Query, Transport};
use activity::Activity;
pub use disconnect::Disconnect;
use inbox::Inbox;
use numbering::Numbering;
use outbox::{Backlog, Flushed, Joined, Outbox, Posted, Refused};
pub use results::InvokeError;
use results::Results;
use retained::Limits;
pub use traffic::{Traffic, Volume};

/// A client connection. Cheap to clone; two clones are the same connection.
#[derive(Clone)]
pub struct Connection(Arc<Shared>);

struct Shared {
    serial: u64,
    opened_at: SystemTime,
    id: String,
    user_id: Option<String>,
    clients: Clients,
    extensions: Extensions,
    query: Query,
    transport: Transport,
    protocol: OnceLock<HubProtocol>,
    membership: Mutex<Membership>,
    outbox: Outbox,
    inbox: Inbox,
    activity: Activity,
    patience: Duration,
    /// Present when the negotiation agreed to stateful reconnect.
    numbering: Option<Box<Numbering>>,
    results: Results,
    engine: Arc<Engine>,
}

/// What the negotiation agreed on for the case that a socket is lost.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Continuity {
    /// The connection ends with it.
    OneSocket,
    /// The client may come back with another one (signalr-protocol 7).
    Resumable,
}

/// Whether the connection is among its clients. Changes only in this order.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Membership {
    /// The handshake is still to come.
    #[default]
    NotYet,
    /// It is, and the hub knows it.
    Joined,
    /// It has left, or it can no longer join.
    Over,
}

/// Why a message was not queued for a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum SendError {
    /// The connection is closed or about to be. Nobody's fault.
    #[error("the connection is gone")]
    Gone,
    /// The client does not read fast enough, or has been away for too many messages; the connection is now closed for
    /// that. The client's fault.
    #[error("the queue of the connection is full; the connection is closed")]
    QueueFull,
    /// The message was given in encoded form, but not in this connection's hub protocol. The caller's fault.
    #[error("the message is not encoded for the hub protocol of the connection")]
    NotEncoded,
}

/// What a client is told about an error behind which it needs no details (signalr-protocol 5).
const CLOSED_WITH_AN_ERROR: &str = "Connection closed with an error.";

impl Connection {
    /// What one connection takes, whatever it is doing.
    #[cfg(test)]
    pub(crate) const SIZE: usize = size_of::<Shared>();

    pub(crate) fn open(
        engine: Arc<Engine>,
        id: String,
        transport: Transport,
        continuity: Continuity,
        admission: Admission,
        query: Query,
    ) -> Self {
        let now = engine.now();
        let activity = Activity::new(now);
        activity.set_deadline(now + admission.handshake_timeout.unwrap_or(engine.options().handshake_timeout));
        if let Some(closes_at) = admission.closes_at {
            activity.set_expiry(closes_at);
        }
        let patience = admission.inactivity_timeout.unwrap_or(engine.options().inactivity_timeout);
        Self(Arc::new(Shared {
            serial: engine.next_serial(),
            opened_at: engine.options().time.now(),
            id,
            user_id: admission.user_id,
            clients: admission.clients,
            extensions: admission.extensions,
            query: query.without_secrets(),
            transport,
            protocol: OnceLock::new(),
            membership: Mutex::default(),
            outbox: Outbox::default(),
            inbox: Inbox::default(),
            activity,
            patience,
            numbering: (continuity == Continuity::Resumable).then(Box::default),
            results: Results::default(),
            engine,
        }))
    }

    /// The public id: 22 characters of base64url, never the secret token.
    pub fn id(&self) -> &str {
        &self.0.id
    }

    /// The user on whose behalf the client connected.
    pub fn user_id(&self) -> Option<&str> {
        self.0.user_id.as_deref()
    }

    /// The connections among which this one is.
    pub fn clients(&self) -> &Clients {
        &self.0.clients
    }

    /// What the hub stored at admission.
    pub fn extensions(&self) -> &Extensions {
        &self.0.extensions
    }

    /// The query of the request that opened the transport, without `access_token` and `id`, which are secrets.
    pub fn query(&self) -> &Query {
        &self.0.query
    }

    /// The hub protocol; JSON until the handshake is done.
    pub fn protocol(&self) -> HubProtocol {
        self.0.protocol.get().copied().unwrap_or(HubProtocol::Json)
    }

    /// The transport.
    pub fn transport(&self) -> Transport {
        self.0.transport
    }

    /// When the transport was opened, by [`ServerOptions::time`](crate::ServerOptions::time).
    pub fn opened_at(&self) -> SystemTime {
        self.0.opened_at
    }

    /// How much has gone over the connection until now.
    pub fn traffic(&self) -> Traffic {
        let (sent, waiting) = self.0.outbox.volumes();
        Traffic { received: self.activity().taken(), sent, waiting }
    }

    /// Queues a message for the client and returns at once. Messages arrive in the order of these calls.
    ///
    /// # Errors
    /// [`SendError`]; the message was not queued.
    pub fn send(&self, message: &ServerMessage) -> Result<(), SendError> {
        let frame = message.frame(self.protocol()).ok_or(SendError::NotEncoded)?;
        self.push(frame)
    }

    /// Tells the client that the connection is closed, writes what is queued, and drops the transport after
    /// [`ServerOptions::close_grace`](crate::ServerOptions::close_grace) at the latest. Does nothing when the
    /// connection is closing already.
    pub fn close(&self, error: Option<&str>, reconnect: Reconnect) {
        let message = ServerMessage::close(error, reconnect);
        self.close_with(&message, Disconnect::Closed { error: error.map(str::to_owned) });
    }

    /// Ends the connection at once: drops the transport without a word and without writing what is queued.
    pub fn abort(&self) {
        self.0.outbox.end(Disconnect::Aborted);
    }

    /// Drops the transport as a broken network would. Under stateful reconnect the client may come back to the
    /// connection; any other connection ends.
    pub fn cut(&self) {
        match self.transport() {
            Transport::WebSockets => self.0.outbox.cut(),
            Transport::ServerSentEvents | Transport::LongPolling => self.0.outbox.end(Disconnect::TransportLost),
        }
    }

    /// Queues a message; a full queue closes the connection (the slow-consumer rule).
    pub(crate) fn push(&self, frame: &Frame) -> Result<(), SendError> {
        let pushed = self.0.outbox.push(frame, self.engine().options().queue_limit);
        pushed.map_err(|refused| self.refused(refused))
    }

    /// Queues a message that goes to many, to be written together with theirs ([`Engine::flush`]).
    pub(crate) fn post(&self, message: &ServerMessage) -> Result<Posted, SendError> {
        let frame = message.frame(self.protocol()).ok_or(SendError::NotEncoded)?;
        let posted = self.0.outbox.post(frame, self.engine().options().queue_limit);
        posted.map_err(|refused| self.refused(refused))
    }

    /// Writes what waits, as far as the client takes it at once.
    pub(crate) fn flush(&self, joined: &mut Joined, now: Duration) {
        match self.0.outbox.flush(joined) {
            Flushed::Everything => self.0.activity.sent(now),
            Flushed::NotEverything => self.0.activity.stalled(now),
            Flushed::Nothing => {}
        }
    }

    fn refused(&self, refused: Refused) -> SendError {
        match refused {
            Refused::Gone => SendError::Gone,
            Refused::Full => {
                self.fail(Disconnect::QueueFull, Reconnect::Allowed);
                SendError::QueueFull
            }
            Refused::Away => {
                self.0.outbox.end(Disconnect::BufferFull);
                SendError::QueueFull
            }
        }
    }

    /// Closes with a message that is encoded once for many connections; false when it was closing already.
    pub(crate) fn close_with(&self, message: &ServerMessage, reason: Disconnect) -> bool {
        let backlog = if reason == Disconnect::QueueFull { Backlog::Dropped } else { Backlog::Written };
        // Before the handshake the client understands no hub message.
        let last = self.0.protocol.get().and_then(|protocol| message.frame(*protocol));
        self.finish(last, backlog, reason)
    }

    /// Closes because of an error. The client learns the cause only where detailed errors are on.
    pub(crate) fn fail(&self, reason: Disconnect, reconnect: Reconnect) {
        let error = match self.engine().options().detailed_errors {
            true => format!("{CLOSED_WITH_AN_ERROR} {reason}"),
            false => CLOSED_WITH_AN_ERROR.to_owned(),
        };
        self.close_with(&ServerMessage::close(Some(&error), reconnect), reason);
    }

    /// Closes because a call of the hub panicked.
    pub(crate) fn hub_failed(&self) {
        tracing::error!(connection = self.id(), "the hub panicked; its connection is closed");
        self.fail(Disconnect::HubFailed, Reconnect::Denied);
    }

    /// Ends the queue with an optional last frame and starts the grace; false when it was ended already.
    pub(crate) fn finish(&self, last: Option<&Frame>, backlog: Backlog, reason: Disconnect) -> bool {
        let first = self.0.outbox.finish(last, backlog, reason);
        if first {
            let engine = self.engine();
            self.activity().set_deadline(engine.now() + engine.options().close_grace);
        }
        first
    }

    /// Answers the handshake with an error and closes, unless the handshake is done or was refused before.
    pub(crate) fn refuse(&self, error: &handshake::HandshakeError, reason: Disconnect) {
        let mut membership = self.membership();
        if *membership == Membership::NotYet {
            *membership = Membership::Over;
            self.0.outbox.answer(&handshake::answer(HubProtocol::Json, Some(error)));
            self.finish(None, Backlog::Written, reason);
        }
    }

    /// Whether the connection is among its clients; locked while that changes, so that it does not end half joined. A
    /// panic elsewhere leaves it as true as it was.
    pub(crate) fn membership(&self) -> MutexGuard<'_, Membership> {
        self.0.membership.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Sets the protocol that the handshake agreed on; false when the handshake was done before.
    pub(crate) fn agree(&self, protocol: HubProtocol) -> bool {
        self.0.protocol.set(protocol).is_ok()
    }

    /// Whether a request that is admitted like this comes from the client of this connection.
    pub(crate) fn belongs_to(&self, admission: &Admission) -> bool {
        self.user_id() == admission.user_id.as_deref() && self.clients().is_same(&admission.clients)
    }

    /// How long the client may be away.
    pub(crate) fn patience(&self) -> Duration {
        self.0.patience
    }

    /// The numbers of the client's messages, where the negotiation agreed to stateful reconnect.
    pub(crate) fn numbering(&self) -> Option<&Numbering> {
        self.0.numbering.as_deref()
    }

    /// The handshake agrees to stateful reconnect, too, so messages are numbered from here on.
    pub(crate) fn begin_numbering(&self) {
        if let Some(numbering) = self.numbering() {
            let options = self.engine().options();
            let limits = Limits { connected: options.queue_limit, away: options.reconnect_buffer };
            self.0.outbox.retain(limits);
            numbering.lock().agree();
        }
    }

    /// Whether the loss of a socket need not be the end.
    pub(crate) fn is_resumable(&self) -> bool {
        self.numbering().is_some_and(|numbering| numbering.lock().is_agreed()) && !self.0.outbox.is_ended()
    }

    /// What the client is being asked.
    pub(crate) fn results(&self) -> &Results {
        &self.0.results
    }

    /// Since when a client that may come back has been away.
    pub(crate) fn away_since(&self) -> Option<Duration> {
        self.numbering().and_then(|_| self.0.outbox.away_since())
    }

    /// Whether the handshake is still to come.
    pub(crate) fn awaits_handshake(&self) -> bool {
        self.0.protocol.get().is_none()
    }

    /// A number that no other connection of the process has.
    pub(crate) fn serial(&self) -> u64 {
        self.0.serial
    }

    pub(crate) fn outbox(&self) -> &Outbox {
        &self.0.outbox
    }

    pub(crate) fn inbox(&self) -> &Inbox {
        &self.0.inbox
    }

    pub(crate) fn activity(&self) -> &Activity {
        &self.0.activity
    }

    pub(crate) fn engine(&self) -> &Arc<Engine> {
        &self.0.engine
    }
}

/// Two handles are equal when they are the same connection.
impl PartialEq for Connection {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }
}

impl Eq for Connection {}

impl fmt::Debug for Connection {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Connection")
            .field("id", &self.id())
            .field("user_id", &self.user_id())
            .finish_non_exhaustive()
    }
}
