//! Why connections end, as the hub is told.
//!
//! The first reason counts: what happens to a transport afterwards is a consequence.

use std::fmt;

/// Why a connection has ended.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Disconnect {
    /// The client said so: a Close message, or a WebSocket Close frame with an ordinary code.
    ClientClosed {
        /// What the client gave as the reason in its Close message.
        error: Option<String>,
    },
    /// The transport broke or ended without a word.
    TransportLost,
    /// [`Connection::close`](crate::Connection::close) or [`Clients::close`](crate::Clients::close).
    Closed {
        /// What the client was told.
        error: Option<String>,
    },
    /// [`Connection::abort`](crate::Connection::abort).
    Aborted,
    /// The client was silent for too long.
    ClientTimeout,
    /// The client did not read fast enough, and its queue was full.
    QueueFull,
    /// The client took nothing of what waited for it for
    /// [`ServerOptions::send_timeout`](crate::ServerOptions::send_timeout).
    Stalled,
    /// The client's WebSocket was lost, and more messages waited for its return than are kept
    /// ([`ServerOptions::reconnect_buffer`](crate::ServerOptions::reconnect_buffer)).
    BufferFull,
    /// The client broke the protocol; the text says how.
    ProtocolError(&'static str),
    /// The hub panicked.
    HubFailed,
    /// [`Admission::closes_at`](crate::Admission::closes_at) has come.
    Expired,
    /// The server shuts down.
    Shutdown,
}

impl Disconnect {
    /// Whether the connection ended as it should, by the client or by the server's own decision.
    pub fn is_orderly(&self) -> bool {
        matches!(self, Self::ClientClosed { error: None } | Self::Closed { .. } | Self::Expired | Self::Shutdown)
    }

    /// Whether the transport just breaks off, without an end that the client could mistake for an orderly one.
    pub(crate) fn is_cut(&self) -> bool {
        matches!(self, Self::TransportLost | Self::Stalled)
    }
}

impl fmt::Display for Disconnect {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::ClientClosed { error: None } => formatter.write_str("the client closed the connection"),
            Self::ClientClosed { error: Some(error) } => write!(formatter, "the client closed the connection: {error}"),
            Self::TransportLost => formatter.write_str("the transport ended without a close"),
            Self::Closed { error: None } => formatter.write_str("the server closed the connection"),
            Self::Closed { error: Some(error) } => write!(formatter, "the server closed the connection: {error}"),
            Self::Aborted => formatter.write_str("the server dropped the connection"),
            Self::ClientTimeout => formatter.write_str("the client was silent for too long"),
            Self::QueueFull => formatter.write_str("the client does not read its messages fast enough"),
            Self::Stalled => formatter.write_str("the client has stopped reading"),
            Self::BufferFull => formatter.write_str("more messages wait for the return of the client than are kept"),
            Self::ProtocolError(complaint) => write!(formatter, "the client broke the protocol: {complaint}"),
            Self::HubFailed => formatter.write_str("the hub failed"),
            Self::Expired => formatter.write_str("the client's admission has expired"),
            Self::Shutdown => formatter.write_str("the server shuts down"),
        }
    }
}
