//! What a request to the data plane asks for: method and raw path in, operation out.
//!
//! Both path families know every operation, as in the official emulator (signalr-service 1.3 note 2); what differs is
//! the status of success. The path is split before it is decoded: a `%2F` inside a segment belongs to a name.

use std::borrow::Cow;

use http::{Method, StatusCode};
use percent_encoding::percent_decode_str;

/// What the path says about the API version, and with it which statuses and error bodies a caller expects.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Family {
    /// `/api/v1/...`: version 1.0, plain text errors (signalr-service 1.4).
    V1,
    /// `/api/...?api-version=...`: from 2022-06-01 on (signalr-service 1.3).
    Versioned,
}

/// A request that the data plane knows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Route {
    /// `/api/health`, the only one without authentication.
    Health,
    /// An operation on one hub. `hub` is decoded but not yet validated.
    Hub { family: Family, hub: String, operation: Operation },
}

/// Those whom a message or a close call reaches.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Audience {
    Everyone,
    User(String),
    Group(String),
    Connection(String),
}

/// One operation of the data plane, with its names decoded and not yet validated.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Operation {
    Send(Audience),
    CloseConnections(Audience),
    CloseConnection { connection: String },
    ConnectionExists { connection: String },
    UserExists { user: String },
    GroupExists { group: String },
    UserInGroup { user: String, group: String },
    AddConnection { connection: String, group: String },
    RemoveConnection { connection: String, group: String },
    RemoveConnectionFromAll { connection: String },
    AddUser { user: String, group: String },
    RemoveUser { user: String, group: String },
    RemoveUserFromAll { user: String },
    ListConnections { group: String },
    GenerateToken,
    Execute,
    Invoke { connection: String },
    SendStreamItem { connection: String, stream: String },
    CompleteStream { connection: String, stream: String },
}

/// Why a request is no operation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Unroutable {
    /// Nothing of Azure SignalR Service is there.
    NotFound,
    /// Azure has this operation; here it answers 404 and a log line says that it is missing.
    Missing(&'static str),
    /// The path is known for other methods, listed as the `Allow` header wants them.
    MethodNotAllowed(String),
    /// A segment is not UTF-8 once decoded.
    NotUtf8,
}

impl Route {
    /// Reads the method and the raw path, without its query, of a request.
    pub(crate) fn parse(method: &Method, raw_path: &str) -> Result<Self, Unroutable> {
        let segments = segments(raw_path)?;
        match route(method.as_str(), &segments) {
            Err(Unroutable::NotFound) => Err(other_methods(&segments)),
            found => found,
        }
    }
}

impl Operation {
    /// The status of success, which differs between the two families (signalr-service 1.4).
    pub(crate) fn success(&self, family: Family) -> StatusCode {
        match (self, family) {
            (Self::Send(_) | Self::Execute | Self::SendStreamItem { .. } | Self::CompleteStream { .. }, _) => {
                StatusCode::ACCEPTED
            }
            (Self::CloseConnections(_), _) => StatusCode::NO_CONTENT,
            (Self::CloseConnection { .. } | Self::AddUser { .. } | Self::RemoveUser { .. }, Family::V1) => {
                StatusCode::ACCEPTED
            }
            (Self::RemoveUser { .. } | Self::RemoveUserFromAll { .. }, Family::Versioned) => StatusCode::NO_CONTENT,
            _ => StatusCode::OK,
        }
    }
}

/// The decoded segments of a path. One trailing slash is ignored, as ASP.NET routing does.
fn segments(raw_path: &str) -> Result<Vec<Cow<'_, str>>, Unroutable> {
    let path = raw_path.strip_prefix('/').unwrap_or(raw_path);
    let path = path.strip_suffix('/').unwrap_or(path);
    path.split('/').map(|segment| percent_decode_str(segment).decode_utf8().map_err(|_| Unroutable::NotUtf8)).collect()
}

fn route(method: &str, segments: &[Cow<'_, str>]) -> Result<Route, Unroutable> {
    let lower: Vec<String> = segments.iter().map(|segment| segment.to_ascii_lowercase()).collect();
    let lower: Vec<&str> = lower.iter().map(String::as_str).collect();
    let (family, rest) = match lower.as_slice() {
        ["api", "v1", ..] => (Family::V1, 2),
        ["api", ..] => (Family::Versioned, 1),
        ["server", ..] => return Err(Unroutable::Missing("the endpoint of application servers (Default mode)")),
        ["aspnetclient", ..] => return Err(Unroutable::Missing("the endpoint of ASP.NET SignalR clients")),
        _ => return Err(Unroutable::NotFound),
    };
    match &lower[rest..] {
        ["health"] if matches!(method, "GET" | "HEAD") => Ok(Route::Health),
        ["auth", "accesskey"] => Err(Unroutable::Missing("`auth/accessKey` (Entra identities)")),
        ["hubs", hub, ..] if !hub.is_empty() => {
            let operation = hub_operation(method, &segments[rest + 2..])?;
            Ok(Route::Hub { family, hub: segments[rest + 1].clone().into_owned(), operation })
        }
        _ => Err(Unroutable::NotFound),
    }
}

/// The table of signalr-service 1.3 and 1.4. After the hub, words and names alternate: `word/name/word/name/word`.
fn hub_operation(method: &str, segments: &[Cow<'_, str>]) -> Result<Operation, Unroutable> {
    let words: Vec<String> = segments.iter().step_by(2).map(|word| word.to_ascii_lowercase()).collect();
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    let names: Vec<&str> = segments.iter().skip(1).step_by(2).map(AsRef::as_ref).collect();
    if names.contains(&"") {
        return Err(Unroutable::NotFound);
    }
    match method {
        "POST" => post(&words, &names),
        "GET" => listing(&words, &names).or_else(|| existence(&words, &names)).ok_or(Unroutable::NotFound),
        "HEAD" => existence(&words, &names).ok_or(Unroutable::NotFound),
        "PUT" => put(&words, &names).ok_or(Unroutable::NotFound),
        "DELETE" => delete(&words, &names).ok_or(Unroutable::NotFound),
        _ => Err(Unroutable::NotFound),
    }
}

fn post(words: &[&str], names: &[&str]) -> Result<Operation, Unroutable> {
    Ok(match (words, names) {
        ([] | [":send"], []) => Operation::Send(Audience::Everyone),
        (["users"] | ["users", ":send"], [user]) => Operation::Send(Audience::User(own(user))),
        (["groups"] | ["groups", ":send"], [group]) => Operation::Send(Audience::Group(own(group))),
        (["connections"] | ["connections", ":send"], [id]) => Operation::Send(Audience::Connection(own(id))),
        ([":closeconnections"], []) => Operation::CloseConnections(Audience::Everyone),
        (["users", ":closeconnections"], [user]) => Operation::CloseConnections(Audience::User(own(user))),
        (["groups", ":closeconnections"], [group]) => Operation::CloseConnections(Audience::Group(own(group))),
        ([":generatetoken"], []) => Operation::GenerateToken,
        ([":execute"], []) => Operation::Execute,
        (["connections", ":invoke"], [id]) => Operation::Invoke { connection: own(id) },
        (["connections", "streams", ":send"], [id, stream]) => {
            Operation::SendStreamItem { connection: own(id), stream: own(stream) }
        }
        (["connections", "streams", ":complete"], [id, stream]) => {
            Operation::CompleteStream { connection: own(id), stream: own(stream) }
        }
        _ => return Err(Unroutable::NotFound),
    })
}

fn listing(words: &[&str], names: &[&str]) -> Option<Operation> {
    match (words, names) {
        (["groups", "connections"], [group]) => Some(Operation::ListConnections { group: own(group) }),
        _ => None,
    }
}

/// Existence is asked with HEAD and with GET (signalr-service 1.3 note 1).
fn existence(words: &[&str], names: &[&str]) -> Option<Operation> {
    Some(match (words, names) {
        (["connections"], [connection]) => Operation::ConnectionExists { connection: own(connection) },
        (["users"], [user]) => Operation::UserExists { user: own(user) },
        (["groups"], [group]) => Operation::GroupExists { group: own(group) },
        (["users", "groups"], [user, group]) | (["groups", "users"], [group, user]) => {
            Operation::UserInGroup { user: own(user), group: own(group) }
        }
        _ => return None,
    })
}

fn put(words: &[&str], names: &[&str]) -> Option<Operation> {
    Some(match (words, names) {
        (["groups", "connections"], [group, connection]) | (["connections", "groups"], [connection, group]) => {
            Operation::AddConnection { connection: own(connection), group: own(group) }
        }
        (["groups", "users"], [group, user]) | (["users", "groups"], [user, group]) => {
            Operation::AddUser { user: own(user), group: own(group) }
        }
        _ => return None,
    })
}

fn delete(words: &[&str], names: &[&str]) -> Option<Operation> {
    Some(match (words, names) {
        (["connections"], [connection]) => Operation::CloseConnection { connection: own(connection) },
        (["connections", "groups"], [id]) => Operation::RemoveConnectionFromAll { connection: own(id) },
        (["groups", "connections"], [group, connection]) | (["connections", "groups"], [connection, group]) => {
            Operation::RemoveConnection { connection: own(connection), group: own(group) }
        }
        (["users", "groups"], [user]) => Operation::RemoveUserFromAll { user: own(user) },
        (["groups", "users"], [group, user]) | (["users", "groups"], [user, group]) => {
            Operation::RemoveUser { user: own(user), group: own(group) }
        }
        _ => return None,
    })
}

fn own(name: &str) -> String {
    name.to_owned()
}

/// Tells a path that is unknown from one that only wants another method.
fn other_methods(segments: &[Cow<'_, str>]) -> Unroutable {
    let allowed: Vec<&str> = ["GET", "HEAD", "POST", "PUT", "DELETE"]
        .into_iter()
        .filter(|method| !matches!(route(method, segments), Err(Unroutable::NotFound)))
        .collect();
    if allowed.is_empty() { Unroutable::NotFound } else { Unroutable::MethodNotAllowed(allowed.join(", ")) }
}

#[cfg(test)]
mod tests;
