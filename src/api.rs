//! What callers send and receive: every body, every event and every method of the hub.
//!
//! `web/src/generated/api.ts` is written from these types; a test fails when it is not what they say. Names on the wire are in
//! camelCase, and what is not known is `null`, never left out.

#[cfg(test)]
mod typescript;

use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::fmt;

/// The answer of `GET` or `POST /api/negotiate`, which SignalR clients follow as a redirect (signalr-protocol 2.4); it is also the value
/// of a `signalRConnectionInfo` binding (signalr-bindings 4.4).
#[derive(Deserialize, Serialize)]
#[serde(rename_all = "camelCase")]
#[cfg_attr(test, derive(ts_rs::TS))]
pub struct ConnectionInfo {
    /// Where the client connects.
    pub url: String,
    /// What the client shows there. It ends no later than the sign-in of the caller.
    pub access_token: String,
}

impl fmt::Debug for ConnectionInfo {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ConnectionInfo").field("url", &self.url).finish_non_exhaustive()
    }
}

/// The body of `POST /api/broadcast`, `/api/users/{userId}/messages` and `/api/groups/{groupName}/messages`.
#[derive(Debug, Clone, PartialEq, Deserialize, Serialize)]
#[serde(untagged)]
#[cfg_attr(test, derive(ts_rs::TS))]
pub enum SendRequest {
    /// Calls `newNotification(message)`; the reply is `Sent`.
    Notification {
        /// The text.
        message: String,
    },
    /// Calls `newMessage(payload)`; the reply is the payload, as plain text.
    Payload {
        /// The text.
        payload: String,
    },
    /// Calls any method; the reply is `Sent`.
    Call {
        /// The method that clients listen to. Not empty.
        target: String,
        /// Its arguments, none when left out.
        #[serde(default)]
        #[cfg_attr(test, ts(optional, inline, as = "Option<Vec<typescript::Any>>"))]
        arguments: Vec<Value>,
    },
}

/// The service takes the message after this reply; that somebody is there to receive it, nobody knows.
#[derive(Debug, PartialEq, Eq, Deserialize, Serialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
pub struct Sent {
    /// Always true.
    pub sent: bool,
}

/// The answer of `PUT` and `DELETE /api/groups/{groupName}/users/{userId}`, `/api/groups/{groupName}/connections/{connectionId}` and
/// `/api/users/{userId}/groups`. As with messages, the service acts after this reply.
#[derive(Debug, PartialEq, Eq, Deserialize, Serialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
pub struct Accepted {
    /// Always true.
    pub accepted: bool,
}

/// The answer of `GET /api/presence`: who is connected now, as the service itself says.
#[derive(Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "camelCase")]
#[cfg_attr(test, derive(ts_rs::TS))]
pub struct Presence {
    /// How many connections there are, of users and of nobody.
    pub connections: u32,
    /// How many users have at least one connection.
    pub user_count: u32,
    /// The users in the order of their ids; the first thousand, if there are more.
    pub users: Vec<PresentUser>,
    /// How many connections belong to nobody.
    pub anonymous: u32,
    /// Why the numbers are not to be believed, if they are not: nobody is listed although clients are connected.
    pub detail: Option<String>,
}

/// A user who is connected.
#[derive(Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "camelCase")]
#[cfg_attr(test, derive(ts_rs::TS))]
pub struct PresentUser {
    /// Who it is.
    pub user_id: String,
    /// How many connections the user has, one at least.
    pub connections: u32,
}

/// The answer of `GET /api/presence/users/{userId}`.
#[derive(Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "camelCase")]
#[cfg_attr(test, derive(ts_rs::TS))]
pub struct UserPresence {
    /// Who was asked for.
    pub user_id: String,
    /// Whether the user has a connection.
    pub online: bool,
    /// How many; null when the service says that there are some and does not list them (see `detail` of `Presence`).
    pub connections: Option<u32>,
}

/// A refusal, as `application/problem+json` (RFC 9457).
#[derive(Debug, PartialEq, Eq, Deserialize, Serialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
pub struct Problem {
    /// The reason phrase of the status.
    pub title: String,
    /// The status of the answer: 400, 401, 403, 500 or 503.
    pub status: u16,
    /// What is wrong, and the cure.
    pub detail: String,
    /// The member of the body, the parameter of the route or the header that is wrong, if it is one.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[cfg_attr(test, ts(optional))]
    pub field: Option<String>,
}

/// The argument of the event `statusUpdate`.
#[derive(Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "camelCase")]
#[cfg_attr(test, derive(ts_rs::TS))]
pub struct StatusUpdate {
    /// When it was gathered, such as `2024-01-01T00:00:00Z`; in whole seconds, because the host would rewrite fractions
    /// (functions-host 3.5).
    pub timestamp: String,
    /// Whether SignalR Service answered its health check; null when it cannot be asked, which says nothing about it.
    pub services_healthy: Option<bool>,
    /// How many users are connected, where a connection of nobody counts as one; null when that is not known.
    pub active_users: Option<u32>,
}

/// The result of the hub's methods `joinGroup` and `leaveGroup`.
#[derive(Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "camelCase")]
#[cfg_attr(test, derive(ts_rs::TS))]
pub struct GroupMembership {
    /// The group that was named.
    pub group_name: String,
    /// Whether the connection that asked is a member now.
    pub member: bool,
    /// Why nothing was changed; null when it was.
    pub problem: Option<String>,
}

/// What clients listen to: events and their arguments. `broadcast` and its like may send others.
#[cfg(test)]
#[derive(ts_rs::TS)]
#[ts(rename_all = "camelCase")]
#[expect(dead_code, reason = "the description of what is sent elsewhere")]
struct HubEvents {
    /// Somebody has sent `{"message"}`.
    #[ts(type = "[message: string]")]
    new_notification: (String,),
    /// Somebody has sent `{"payload"}`.
    #[ts(type = "[payload: string]")]
    new_message: (String,),
    /// Every five minutes, by itself.
    #[ts(type = "[status: StatusUpdate]")]
    status_update: (StatusUpdate,),
}

/// What clients call: methods of the hub, their arguments and results.
#[cfg(test)]
#[derive(ts_rs::TS)]
#[ts(rename_all = "camelCase")]
#[expect(dead_code, reason = "the description of what is answered elsewhere")]
struct HubMethods {
    /// Puts the connection that calls into a group, until the connection ends: to be called again after a reconnect.
    #[ts(type = "{ arguments: [groupName: string], result: GroupMembership }")]
    join_group: (String, GroupMembership),
    /// Takes the connection that calls out of a group.
    #[ts(type = "{ arguments: [groupName: string], result: GroupMembership }")]
    leave_group: (String, GroupMembership),
}
