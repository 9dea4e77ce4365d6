//! `:execute`: one call for every connection that a filter matches (signalr-service 1.3, 1.5, since 2023-07-01).
//!
//! A filter that matches everything reaches everyone, so an empty one is no filter.

use std::fmt;
use std::str::FromStr;

use serde::Serialize;
use serde_json::value::RawValue;

use crate::{GroupName, Invocation, Target};

/// An `OData` expression over connections, for example `startswith(userId, 'listener-')`. Its grammar is the service's business.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Filter(String);

/// A filter that would match everything by saying nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a filter is not empty; to reach everybody, say so with `Recipient::Everyone` or `HubClient::everyone`")]
pub struct EmptyFilter;

impl Filter {
    /// The expression.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for Filter {
    type Err = EmptyFilter;

    fn from_str(text: &str) -> Result<Self, EmptyFilter> {
        if text.trim().is_empty() { Err(EmptyFilter) } else { Ok(Self(text.to_owned())) }
    }
}

impl fmt::Display for Filter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// What happens to a connection that a filter matches.
#[derive(Debug, Clone)]
pub enum Command {
    /// Its client is called.
    Send(Invocation),
    /// It joins a group, until it ends.
    JoinGroup(GroupName),
    /// It leaves a group.
    LeaveGroup(GroupName),
    /// It is closed, with a reason that the client is told.
    CloseConnection {
        /// The reason.
        reason: Option<String>,
    },
}

#[derive(Serialize)]
#[serde(tag = "type")]
enum Wire<'a> {
    SendMessage {
        message: Payload<'a>,
    },
    JoinGroup {
        group: &'a GroupName,
    },
    LeaveGroup {
        group: &'a GroupName,
    },
    CloseConnection {
        #[serde(skip_serializing_if = "Option::is_none")]
        reason: Option<&'a str>,
    },
}

#[derive(Serialize)]
struct Payload<'a> {
    target: &'a Target,
    arguments: &'a [Box<RawValue>],
}

impl Command {
    pub(super) fn to_json(commands: &[Self]) -> Vec<u8> {
        let wire: Vec<Wire<'_>> = commands.iter().map(Wire::from).collect();
        serde_json::to_vec(&wire).expect("texts and JSON can be written as JSON")
    }
}

impl<'a> From<&'a Command> for Wire<'a> {
    fn from(command: &'a Command) -> Self {
        match command {
            Command::Send(Invocation { target, arguments }) => {
                Self::SendMessage { message: Payload { target, arguments } }
            }
            Command::JoinGroup(group) => Self::JoinGroup { group },
            Command::LeaveGroup(group) => Self::LeaveGroup { group },
            Command::CloseConnection { reason } => Self::CloseConnection { reason: reason.as_deref() },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Command, EmptyFilter, Filter};
    use crate::{Invocation, Target};

    #[test]
    fn commands_are_written_as_the_description_has_them() {
        let hello = Invocation::new(Target::from_static("hello")).argument(&1).unwrap();
        let commands = [
            Command::Send(hello),
            Command::JoinGroup("g".parse().unwrap()),
            Command::LeaveGroup("g".parse().unwrap()),
            Command::CloseConnection { reason: Some("bye".to_owned()) },
            Command::CloseConnection { reason: None },
        ];
        let fixture = include_str!("../../fixtures/commands.signalr-service-1.5.json");
        assert_eq!(String::from_utf8(Command::to_json(&commands)).unwrap(), fixture.trim_end());
    }

    #[test]
    fn nothing_is_no_filter() {
        assert_eq!("".parse::<Filter>(), Err(EmptyFilter));
        assert_eq!(" \t".parse::<Filter>(), Err(EmptyFilter));
        assert_eq!("userId eq 'a'".parse::<Filter>().unwrap().as_str(), "userId eq 'a'");
    }
}
