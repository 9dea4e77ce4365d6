//! What happens in the emulator, as typed events: for a log, a console, a test.
//!
//! Every event is also one `tracing` line, so an observer never has to log. Events hold names and counts; tokens, keys
//! and bodies never get here.

use std::fmt;
use std::sync::Arc;

use http::StatusCode;

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
    /// A message was accepted and queued.
    Sent {
        /// The hub.
        hub: String,
        /// The method that clients have registered with `on`.
        target: String,
        /// To whom.
        to: SentTo,
        /// For how many connections it was queued.
        queued: usize,
        /// How many connections were closed instead, because too much waits for them already.
        dropped: usize,
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
    /// A client called the server and nobody listens: no upstream is set.
    Unheard {
        /// The hub.
        hub: String,
        /// The method that the client called.
        target: String,
    },
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
        log(event);
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

fn log(event: &Event) {
    match event {
        Event::Connected { hub, connection_id, user_id, transport } => {
            tracing::info!(hub, connection_id, user_id, transport, "a client connected");
        }
        Event::Disconnected { hub, connection_id, user_id, reason } => {
            tracing::info!(hub, connection_id, user_id, reason, "a client disconnected");
        }
        Event::DroppedSlowConsumer { hub, connection_id } => {
            tracing::warn!(hub, connection_id, "closed a connection that did not read fast enough");
        }
        Event::Sent { hub, target, to, queued: 0, dropped: 0 } => {
            tracing::info!(hub, target, %to, "a message reached nobody; the service answers 202 all the same");
        }
        Event::Sent { hub, target, to, queued, dropped } => {
            tracing::debug!(hub, target, %to, queued, dropped, "sent a message");
        }
        Event::Refused { surface, status, reason } => {
            tracing::warn!(status = status.as_u16(), reason, "refused a {surface} request");
        }
        Event::Unheard { hub, target } => tracing::warn!(
            hub,
            target,
            "a client called `{target}` and nobody listens, so an `invoke` waits for ever, as in Azure; \
             set an upstream to receive such messages, or send with an HTTP request to the function app",
        ),
    }
}
