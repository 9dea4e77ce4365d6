//! Which call each operation becomes (signalr-service 1.3; for the output binding's part of it signalr-bindings 5.4).
//!
//! Every name is one path segment, escaped like .NET's `Uri.EscapeDataString`, so `a/b` stays one segment. Names cannot
//! be empty, `.` or `..`, which is what keeps `users/{user}/:send` from becoming `/:send`, the call to everybody.

use http::Method;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use serde::Serialize;
use serde_json::value::RawValue;

use super::ErrorCode;
use super::retry::Repeat;
use crate::{ApplicationName, ConnectionId, GroupAction, GroupName, HubName, Invocation, Member, Message, Recipient};
use crate::{StreamId, Target, UserId};

/// What `Uri.EscapeDataString` leaves alone: letters, digits and `-_.~`.
const ESCAPED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'_').remove(b'.').remove(b'~');

/// The description in which an operation first appears. Each call asks for the oldest that has it, so that every deployment and every
/// emulator which knows the operation takes the call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum ApiVersion {
    /// Messages, groups, existence, closing.
    V20220601,
    /// `:generateToken`
    V20221101,
    /// `:execute` and `auth/accessKey`
    V20230701,
    /// `:invoke`, streams and the members of a group.
    V20241201,
}

/// One call, still without address and token.
#[derive(Debug)]
pub(super) struct Call {
    pub(super) method: Method,
    /// Below the root of the service, without a leading slash.
    pub(super) path: String,
    query: Vec<(&'static str, String)>,
    version: ApiVersion,
    pub(super) body: Option<Vec<u8>>,
    /// With this code a 404 is no error but a "no", or a success.
    pub(super) absence: Option<ErrorCode>,
    pub(super) repeat: Repeat,
    pub(super) wants: Wants,
}

/// What of a success is of interest.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Wants {
    /// That it is one.
    Status,
    /// The JSON that comes with it.
    Document,
}

impl Call {
    fn new(method: Method, path: String) -> Self {
        let (version, repeat, wants) = (ApiVersion::V20220601, Repeat::Safe, Wants::Status);
        Self { method, path, query: Vec::new(), version, body: None, absence: None, repeat, wants }
    }

    pub(super) fn health() -> Self {
        Self::new(Method::HEAD, "api/health".to_owned())
    }

    /// On the path that the official library calls, which knows no `api-version` (signalr-service 1.7 item 13).
    pub(super) fn access_key() -> Self {
        Self::new(Method::GET, "api/v1/auth/accessKey".to_owned()).since(ApiVersion::V20230701).for_document()
    }

    pub(super) fn send(hub: &HubName, message: &Message) -> Self {
        let path = match &message.recipient {
            Recipient::Everyone => path(hub, &[":send"]),
            Recipient::User(user_id) => path(hub, &["users", &escape(user_id.as_str()), ":send"]),
            Recipient::Group(group_name) => path(hub, &["groups", &escape(group_name.as_str()), ":send"]),
            Recipient::Connection(connection_id) => {
                path(hub, &["connections", &escape(connection_id.as_str()), ":send"])
            }
        };
        Self::visible(path, payload(&message.target, &message.arguments))
    }

    pub(super) fn apply(hub: &HubName, action: &GroupAction) -> Self {
        match action {
            GroupAction::Add { member: Member::User(user_id), group } => Self::add_user(hub, user_id, group, None),
            GroupAction::Add { member: Member::Connection(id), group } => Self::add_connection(hub, id, group),
            GroupAction::Remove { member, group } => Self::new(Method::DELETE, membership(hub, member, group)),
            GroupAction::RemoveUserFromAll(user_id) => {
                Self::new(Method::DELETE, path(hub, &["users", &escape(user_id.as_str()), "groups"]))
            }
        }
    }

    /// A connection that has ended is no error: its membership would have ended with it (signalr-service 1.6).
    pub(super) fn add_connection(hub: &HubName, connection: &ConnectionId, group: &GroupName) -> Self {
        let path = membership(hub, &Member::Connection(connection.clone()), group);
        Self::new(Method::PUT, path).absent_as(ErrorCode::ConnectionRequired)
    }

    pub(super) fn add_user(hub: &HubName, user: &UserId, group: &GroupName, ttl_seconds: Option<u64>) -> Self {
        let call = Self::new(Method::PUT, membership(hub, &Member::User(user.clone()), group));
        call.with("ttl", ttl_seconds)
    }

    pub(super) fn remove_connection_from_all(hub: &HubName, connection: &ConnectionId) -> Self {
        Self::new(Method::DELETE, path(hub, &["connections", &escape(connection.as_str()), "groups"]))
    }

    pub(super) fn connection_exists(hub: &HubName, connection: &ConnectionId) -> Self {
        let path = path(hub, &["connections", &escape(connection.as_str())]);
        Self::new(Method::HEAD, path).absent_as(ErrorCode::ConnectionNotFound)
    }

    pub(super) fn user_exists(hub: &HubName, user: &UserId) -> Self {
        Self::new(Method::HEAD, path(hub, &["users", &escape(user.as_str())])).absent_as(ErrorCode::UserNotFound)
    }

    pub(super) fn group_exists(hub: &HubName, group: &GroupName) -> Self {
        Self::new(Method::HEAD, path(hub, &["groups", &escape(group.as_str())])).absent_as(ErrorCode::GroupNotFound)
    }

    pub(super) fn user_in_group(hub: &HubName, user: &UserId, group: &GroupName) -> Self {
        let path = membership(hub, &Member::User(user.clone()), group);
        Self::new(Method::HEAD, path).absent_as(ErrorCode::UserNotInGroup)
    }

    /// A connection that has ended already is no error (signalr-service 1.6).
    pub(super) fn close_connection(hub: &HubName, connection: &ConnectionId, reason: Option<&str>) -> Self {
        let path = path(hub, &["connections", &escape(connection.as_str())]);
        Self::new(Method::DELETE, path).absent_as(ErrorCode::ConnectionNotFound).with("reason", reason)
    }

    pub(super) fn close_connections(
        hub: &HubName,
        of: &Whose<'_>,
        excluded: &[ConnectionId],
        why: Option<&str>,
    ) -> Self {
        let path = of.path(hub, ":closeConnections");
        Self::new(Method::POST, path).excluding(excluded).with("reason", why)
    }

    pub(super) fn send_excluding(
        hub: &HubName,
        to: &Whose<'_>,
        excluded: &[ConnectionId],
        invocation: &Invocation,
    ) -> Self {
        let body = payload(&invocation.target, &invocation.arguments);
        Self::visible(to.path(hub, ":send"), body).excluding(excluded)
    }

    pub(super) fn generate_token(hub: &HubName, user: Option<&UserId>, minutes: u32) -> Self {
        let call = Self::new(Method::POST, path(hub, &[":generateToken"])).since(ApiVersion::V20221101);
        call.with("userId", user.map(UserId::as_str)).with("minutesToExpire", Some(minutes)).for_document()
    }

    pub(super) fn execute(hub: &HubName, filter: &str, body: Vec<u8>) -> Self {
        let call = Self::visible(path(hub, &[":execute"]), body).since(ApiVersion::V20230701);
        call.with("filter", Some(filter))
    }

    pub(super) fn invoke(hub: &HubName, connection: &ConnectionId, invocation: &Invocation) -> Self {
        let path = path(hub, &["connections", &escape(connection.as_str()), ":invoke"]);
        let call = Self::visible(path, payload(&invocation.target, &invocation.arguments));
        call.since(ApiVersion::V20241201).for_document()
    }

    /// Not to be repeated after a 500 either: the client would see the item twice.
    pub(super) fn stream_item(hub: &HubName, at: (&ConnectionId, &StreamId), item: Vec<u8>, last: Last) -> Self {
        let call = Self::visible(stream(hub, at, ":send"), item).since(ApiVersion::V20241201);
        call.with("completed", (last == Last::Yes).then_some(true))
    }

    pub(super) fn complete_stream(hub: &HubName, at: (&ConnectionId, &StreamId), error: Option<&str>) -> Self {
        let call = Self::new(Method::POST, stream(hub, at, ":complete")).since(ApiVersion::V20241201);
        Self { repeat: Repeat::Visible, ..call.with("reason", error) }
    }

    pub(super) fn members(hub: &HubName, group: &GroupName, page: &PageQuery<'_>) -> Self {
        let path = path(hub, &["groups", &escape(group.as_str()), "connections"]);
        let call = Self::new(Method::GET, path).since(ApiVersion::V20241201).for_document();
        call.with("maxpagesize", page.size).with("top", page.top).with("continuationToken", page.continues_at)
    }

    /// What is appended to the path.
    pub(super) fn query(&self, application: Option<&ApplicationName>) -> String {
        let mut query = url::form_urlencoded::Serializer::new(String::new());
        if let Some(application) = application {
            query.append_pair("application", application.as_str());
        }
        query.append_pair("api-version", self.version.as_str());
        query.extend_pairs(&self.query).finish()
    }

    /// A call whose effect clients see.
    fn visible(path: String, body: Vec<u8>) -> Self {
        Self { body: Some(body), repeat: Repeat::Visible, ..Self::new(Method::POST, path) }
    }

    fn since(self, version: ApiVersion) -> Self {
        Self { version, ..self }
    }

    fn for_document(self) -> Self {
        Self { wants: Wants::Document, ..self }
    }

    fn absent_as(self, code: ErrorCode) -> Self {
        Self { absence: Some(code), ..self }
    }

    fn with(mut self, name: &'static str, value: Option<impl ToString>) -> Self {
        self.query.extend(value.map(|value| (name, value.to_string())));
        self
    }

    /// `excluded=a&excluded=b` (signalr-service 1.3 note 4)
    fn excluding(mut self, connections: &[ConnectionId]) -> Self {
        self.query.extend(connections.iter().map(|connection| ("excluded", connection.as_str().to_owned())));
        self
    }
}

/// Those of whom connections can be left out.
#[derive(Debug)]
pub(super) enum Whose<'a> {
    Everyone,
    Group(&'a GroupName),
    User(&'a UserId),
}

impl Whose<'_> {
    fn path(&self, hub: &HubName, verb: &str) -> String {
        match self {
            Self::Everyone => path(hub, &[verb]),
            Self::Group(group) => path(hub, &["groups", &escape(group.as_str()), verb]),
            Self::User(user) => path(hub, &["users", &escape(user.as_str()), verb]),
        }
    }
}

/// Whether a stream ends with an item.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Last {
    Yes,
    No,
}

/// Which members of a group are asked for.
#[derive(Debug)]
pub(super) struct PageQuery<'a> {
    pub(super) size: Option<u8>,
    pub(super) top: Option<u32>,
    pub(super) continues_at: Option<&'a str>,
}

impl ApiVersion {
    fn as_str(self) -> &'static str {
        match self {
            Self::V20220601 => "2022-06-01",
            Self::V20221101 => "2022-11-01",
            Self::V20230701 => "2023-07-01",
            Self::V20241201 => "2024-12-01",
        }
    }
}

fn payload(target: &Target, arguments: &[Box<RawValue>]) -> Vec<u8> {
    #[derive(Serialize)]
    #[serde(rename_all = "PascalCase")]
    struct Payload<'a> {
        target: &'a Target,
        arguments: &'a [Box<RawValue>],
    }

    serde_json::to_vec(&Payload { target, arguments }).expect("a text and JSON can be written as JSON")
}

fn membership(hub: &HubName, member: &Member, group: &GroupName) -> String {
    let group = escape(group.as_str());
    match member {
        Member::User(user_id) => path(hub, &["users", &escape(user_id.as_str()), "groups", &group]),
        Member::Connection(id) => path(hub, &["groups", &group, "connections", &escape(id.as_str())]),
    }
}

fn stream(hub: &HubName, (connection, stream): (&ConnectionId, &StreamId), verb: &str) -> String {
    path(hub, &["connections", &escape(connection.as_str()), "streams", &escape(stream.as_str()), verb])
}

fn path(hub: &HubName, segments: &[&str]) -> String {
    format!("api/hubs/{}/{}", escape(hub.as_str()), segments.join("/"))
}

fn escape(name: &str) -> String {
    utf8_percent_encode(name, ESCAPED).to_string()
}

#[cfg(test)]
mod tests;
