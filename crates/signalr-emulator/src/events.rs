//! What happens in the emulator, as typed events: for a log, a console, a test.
//!
//! Every event is also one `tracing` line, so an observer never has to log. Events hold names and counts; tokens, keys
//! and bodies never get here.

mod log;

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use http::StatusCode;

use crate::Category;

/// Something that happened. Hubs go by their internal name: lower case, behind the application where one is given.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Event {
    /// A client has finished its handshake and joined the stored groups of its user.
    Connected {
        /// The hub.
        hub: String,
        /// The public id of the connection.
        connection_id: String,
        /// The user, unless the client is anonymous.
        user_id: Option<String>,
        /// The transport, as `availableTransports` names it.
        transport: &'static str,
    },
    /// A connection has ended and has left its groups.
    Disconnected {
        /// The hub.
        hub: String,
        /// The public id of the connection.
        connection_id: String,
        /// The user, unless the client was anonymous.
        user_id: Option<String>,
        /// Why, in words.
        reason: String,
    },
    /// A connection was closed because its client did not read fast enough. `Disconnected` follows.
    DroppedSlowConsumer {
        /// The hub.
        hub: String,
        /// The public id of the connection.
        connection_id: String,
    },
    /// A client has sent a hub message that is no Ping.
    Received {
        /// The hub.
        hub: String,
        /// The public id of the connection.
        connection_id: String,
        /// The type of the message: `Invocation`, `StreamItem`...
        kind: &'static str,
        /// How large its arguments, its item or its result is, in the hub protocol of the client.
        bytes: usize,
    },
    /// A connection or the connections of a user have joined a group.
    JoinedGroup {
        /// The hub.
        hub: String,
        /// The group.
        group: String,
        /// Who was added.
        member: Member,
        /// How many live connections that concerns; a user may have none yet.
        connections: usize,
    },
    /// A connection or a user was taken out of a group.
    LeftGroup {
        /// The hub.
        hub: String,
        /// The group; `None` stands for all of them.
        group: Option<String>,
        /// Who was removed.
        member: Member,
    },
    /// A message was accepted and queued.
    Sent {
        /// The hub.
        hub: String,
        /// The method that clients have registered with `on`.
        target: String,
        /// To whom.
        to: SentTo,
        /// How large its payload is.
        bytes: usize,
        /// For how many connections it was queued.
        queued: usize,
        /// How many connections were closed instead, because too much waits for them already.
        dropped: usize,
    },
    /// An item or the end of a stream was accepted.
    Streamed {
        /// The hub.
        hub: String,
        /// The public id of the connection that it is for.
        connection_id: String,
        /// The invocation id under which the client has asked for the stream.
        stream_id: String,
        /// How large the item is; an end is nothing.
        bytes: usize,
        /// Whether the connection was there to take it.
        queued: bool,
    },
    /// A request was answered with an error.
    Refused {
        /// Where.
        surface: Surface,
        /// The status.
        status: StatusCode,
        /// Why, and where it helps, how to cure it.
        reason: String,
    },
    /// A client called the server and nobody listens. Told once per hub and method.
    Unheard {
        /// The hub.
        hub: String,
        /// The method that the client called.
        target: String,
        /// Why nobody listens.
        cause: UnheardCause,
    },
    /// An upstream is about to be called.
    UpstreamCalled {
        /// The hub.
        hub: String,
        /// The kind of the event.
        category: Category,
        /// `connected`, `disconnected`, or the method that the client called.
        event: String,
        /// The public id of the connection that it is about.
        connection_id: String,
        /// The address, without its query.
        url: String,
    },
    /// An upstream has answered, or could not be reached.
    UpstreamAnswered {
        /// The hub.
        hub: String,
        /// The kind of the event.
        category: Category,
        /// `connected`, `disconnected`, or the method that the client called.
        event: String,
        /// The public id of the connection that it is about.
        connection_id: String,
        /// What came of it.
        outcome: UpstreamOutcome,
        /// How long it took, waiting for its turn included.
        elapsed: Duration,
    },
}

/// Why nobody listens to what a client calls.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum UnheardCause {
    /// There is no upstream.
    NoUpstream,
    /// No template matches the hub, `messages` and the method.
    NoMatch,
    /// The client asked for a stream, which the service does not pass on (signalr-service 2.7 item 7).
    Stream,
}

impl fmt::Display for UnheardCause {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::NoUpstream => {
                "set an upstream to receive such messages, or send with an HTTP request to the function app"
            }
            Self::NoMatch => {
                "add a template whose patterns match this hub, the category `messages` and this event; case counts"
            }
            Self::Stream => {
                "upstreams do not hear of streams; use `invoke` or `send`, or send the items of this one through REST"
            }
        })
    }
}

/// What came of a call to an upstream.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum UpstreamOutcome {
    /// It answered.
    Status(StatusCode),
    /// It did not; why.
    Failed(String),
}

/// Who is in a group.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Member {
    /// One connection.
    Connection(String),
    /// A user with all connections, those of today and later ones.
    User(String),
}

impl fmt::Display for Member {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Connection(connection) => write!(formatter, "connection `{connection}`"),
            Self::User(user) => write!(formatter, "user `{user}`"),
        }
    }
}

/// Those to whom a message was sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SentTo {
    /// Every connection of the hub.
    Everyone,
    /// The connections of a user.
    User(String),
    /// The connections in a group.
    Group(String),
    /// One connection.
    Connection(String),
}

impl fmt::Display for SentTo {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Everyone => formatter.write_str("everyone"),
            Self::User(user) => write!(formatter, "user `{user}`"),
            Self::Group(group) => write!(formatter, "group `{group}`"),
            Self::Connection(connection) => write!(formatter, "connection `{connection}`"),
        }
    }
}

/// One of the two sides of the service.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Surface {
    /// `/client`, where SignalR clients connect.
    Client,
    /// `/api`, where servers send messages and manage groups.
    DataPlane,
}

impl fmt::Display for Surface {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Client => "client",
            Self::DataPlane => "REST",
        })
    }
}

/// Is told of every [`Event`], on the task where it happens: it must not block.
#[derive(Clone)]
pub struct Observer(Arc<dyn Fn(&Event) + Send + Sync>);

impl Observer {
    /// An observer that calls `observe` for every event.
    pub fn new(observe: impl Fn(&Event) + Send + Sync + 'static) -> Self {
        Self(Arc::new(observe))
    }

    /// Logs an event and hands it over.
    pub(crate) fn report(&self, event: &Event) {
        log::write(event);
        self.hand_over(event);
    }

    /// Hands an event over that is logged already.
    pub(crate) fn hand_over(&self, event: &Event) {
        (self.0)(event);
    }
}

/// Observes nothing.
impl Default for Observer {
    fn default() -> Self {
        Self::new(|_| {})
    }
}

impl fmt::Debug for Observer {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Observer")
    }
}
