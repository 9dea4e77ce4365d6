//! What happens in the emulator, as typed events: for a log, a console, a test.
//!
//! Every event is also one `tracing` line, so a listener never has to log. Events hold names and counts; tokens, keys and
//! bodies never get here. What one REST call causes carries the same [`RestCall`].

mod bus;
mod log;
mod parts;

use std::time::Duration;

use http::StatusCode;
use serde::{Serialize, Serializer};
use serde_json::{Map, Value};

use crate::Category;
pub(crate) use bus::Reporter;
pub use bus::{Detail, Events, Happened, News};
use parts::as_number;
pub use parts::{DropReason, Member, RestCall, SentTo, Surface, UnheardCause, UpstreamOutcome};

/// Something that happened. Hubs go by their internal name: lower case, behind the application where one is given.
///
/// As JSON an event is an object: `event` has the name of the variant, the rest its fields (`connectionId`).
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "event", rename_all = "camelCase", rename_all_fields = "camelCase")]
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
        /// The hub protocol, as the handshake names it.
        protocol: &'static str,
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
        /// The method that an invocation calls.
        target: Option<String>,
        /// The id under which the client waits for an answer, or under which it answers.
        invocation_id: Option<String>,
        /// How large its arguments, its item or its result is, in the hub protocol of the client.
        bytes: usize,
        /// The REST call that waits for this message: the result of a client.
        call: Option<RestCall>,
    },
    /// A REST call has come. [`Answered`](Self::Answered) or [`Refused`](Self::Refused) follows.
    Called {
        /// The call.
        call: RestCall,
        /// The HTTP method.
        method: String,
        /// The path, without the query.
        path: String,
    },
    /// A REST call was answered; also with 404, where what it asks about does not exist.
    Answered {
        /// The call.
        call: RestCall,
        /// The status.
        #[serde(serialize_with = "as_number")]
        status: StatusCode,
        /// How long it took, in seconds where it is JSON.
        #[serde(serialize_with = "as_seconds")]
        elapsed: Duration,
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
        /// The call that asked for it; without one the connection has joined because its user belongs to the group.
        call: Option<RestCall>,
    },
    /// A connection or a user was taken out of a group.
    LeftGroup {
        /// The hub.
        hub: String,
        /// The group; `None` stands for all of them.
        group: Option<String>,
        /// Who was removed.
        member: Member,
        /// The call that asked for it.
        call: RestCall,
    },
    /// A message was accepted and queued.
    Sent {
        /// The hub.
        hub: String,
        /// The call that sent it.
        call: RestCall,
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
    /// A message was put into the queues of these connections, which are written as fast as their clients read. A
    /// message to many is told in several of these events; while nobody listens for [`Detail::Deliveries`], in one with its
    /// first receivers. Only made while somebody listens.
    Delivered {
        /// The hub.
        hub: String,
        /// The call that sent it.
        call: RestCall,
        /// The public ids of the connections.
        connection_ids: Vec<String>,
    },
    /// A message did not reach a connection for which it was meant. Only made while somebody listens.
    Dropped {
        /// The hub.
        hub: String,
        /// The call that sent it.
        call: RestCall,
        /// The public id of the connection.
        connection_id: String,
        /// Why.
        reason: DropReason,
    },
    /// Connections were asked to close by REST. `Disconnected` follows for each.
    Closed {
        /// The hub.
        hub: String,
        /// The call that asked for it.
        call: RestCall,
        /// Which connections.
        to: SentTo,
        /// How many they were.
        connections: usize,
    },
    /// An item or the end of a stream was accepted.
    Streamed {
        /// The hub.
        hub: String,
        /// The public id of the connection that it is for.
        connection_id: String,
        /// The invocation id under which the client has asked for the stream.
        stream_id: String,
        /// The call that sent it.
        call: RestCall,
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
        #[serde(serialize_with = "as_number")]
        status: StatusCode,
        /// Why, and where it helps, how to cure it.
        reason: String,
        /// The call, where it was one.
        call: Option<RestCall>,
        /// What the token of the request says, where there is one that can be read. **Nobody has vouched for it**: it may
        /// be that which was refused. Without its signature it is no token.
        claims: Option<Map<String, Value>>,
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
        /// Numbers the calls to upstreams.
        id: u64,
        /// The hub.
        hub: String,
        /// The kind of the event.
        category: Category,
        /// `connected`, `disconnected`, or the method that the client called; `name` in JSON.
        #[serde(rename = "name")]
        event: String,
        /// The public id of the connection that it is about.
        connection_id: String,
        /// The address, without its query.
        url: String,
    },
    /// An upstream has answered, or could not be reached.
    UpstreamAnswered {
        /// That of the call.
        id: u64,
        /// The hub.
        hub: String,
        /// The kind of the event.
        category: Category,
        /// `connected`, `disconnected`, or the method that the client called; `name` in JSON.
        #[serde(rename = "name")]
        event: String,
        /// The public id of the connection that it is about.
        connection_id: String,
        /// What came of it.
        outcome: UpstreamOutcome,
        /// How long it took, waiting for its turn included; in seconds where it is JSON.
        #[serde(serialize_with = "as_seconds")]
        elapsed: Duration,
    },
}

fn as_seconds<S: Serializer>(duration: &Duration, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_f64(duration.as_secs_f64())
}
