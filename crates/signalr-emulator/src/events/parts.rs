//! What events are made of: who, to whom, why.

use std::fmt;

use http::StatusCode;
use serde::{Serialize, Serializer};

/// The call of the REST interface to which an event belongs: one causal chain has the same `id`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct RestCall {
    /// Numbers the calls of this emulator.
    pub id: u64,
    /// What the caller knows it by: the request header `x-ms-client-request-id`, in which our Functions host writes the
    /// id of the invocation whose output this is. At most 128 characters are kept.
    pub correlation: Option<String>,
}

/// Why a message did not reach a connection for which it was meant.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub enum DropReason {
    /// Too much waits for the client already, or has gathered while it was away. Its connection is closed for that.
    QueueFull,
    /// The connection was closing.
    Closing,
    /// The caller sent the message in encoded form, but not in the hub protocol of this client.
    NotEncoded,
}

impl fmt::Display for DropReason {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::QueueFull => "its queue is full, so it is closed",
            Self::Closing => "it was closing",
            Self::NotEncoded => "the message has no form in its hub protocol",
        })
    }
}

/// Why nobody listens to what a client calls.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
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
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum UpstreamOutcome {
    /// It answered.
    Status(#[serde(serialize_with = "as_number")] StatusCode),
    /// It did not; why.
    Failed(String),
}

/// Who is in a group.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
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
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum SentTo {
    /// Every connection of the hub.
    Everyone,
    /// The connections of a user.
    User(String),
    /// The connections in a group.
    Group(String),
    /// One connection.
    Connection(String),
    /// The connections that match the filter of an `:execute`.
    Matching(String),
}

impl fmt::Display for SentTo {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Everyone => formatter.write_str("everyone"),
            Self::User(user) => write!(formatter, "user `{user}`"),
            Self::Group(group) => write!(formatter, "group `{group}`"),
            Self::Connection(connection) => write!(formatter, "connection `{connection}`"),
            Self::Matching(filter) => write!(formatter, "those that match `{filter}`"),
        }
    }
}

/// One of the two sides of the service.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
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

/// A status as its number.
pub(super) fn as_number<S: Serializer>(status: &StatusCode, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_u16(status.as_u16())
}
