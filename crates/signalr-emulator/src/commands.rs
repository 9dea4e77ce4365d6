//! The body of `:execute`: a list of commands (signalr-service 1.5, `SignalRCommand`).
//!
//! All of them are read before the first is carried out.

use std::collections::HashMap;

use serde_json::value::RawValue;

use crate::message::{BodyError, Message};

/// What happens to a connection.
#[derive(Debug)]
pub(crate) enum Command {
    /// Its client is called.
    Send(Message),
    /// It joins a group, until it ends.
    Join(String),
    /// It leaves a group.
    Leave(String),
    /// It is closed, with a reason for the client.
    Close(Option<String>),
}

type Properties = HashMap<String, Box<RawValue>>;

/// Reads the body.
pub(crate) fn read(body: &[u8]) -> Result<Vec<Command>, BodyError> {
    let commands: Option<Vec<Properties>> = serde_json::from_slice(body).map_err(BodyError::NotCommands)?;
    commands.ok_or(BodyError::Missing)?.iter().map(command).collect()
}

fn command(properties: &Properties) -> Result<Command, BodyError> {
    let kind = text(properties, "type")?.unwrap_or_default();
    let group = || text(properties, "group")?.ok_or(BodyError::Incomplete { kind: kind.clone(), lacks: "group" });
    match kind.as_str() {
        "SendMessage" => {
            let message = property(properties, "message");
            let message = message.ok_or(BodyError::Incomplete { kind: kind.clone(), lacks: "message" })?;
            Message::parse_json(message.get().as_bytes()).map(Command::Send)
        }
        "JoinGroup" => group().map(Command::Join),
        "LeaveGroup" => group().map(Command::Leave),
        "CloseConnection" => text(properties, "reason").map(Command::Close),
        _ => Err(BodyError::UnknownCommand(kind)),
    }
}

/// An empty text counts as absent.
fn text(properties: &Properties, name: &str) -> Result<Option<String>, BodyError> {
    let Some(value) = property(properties, name) else { return Ok(None) };
    let text: Option<String> = serde_json::from_str(value.get()).map_err(BodyError::NotCommands)?;
    Ok(text.filter(|text| !text.is_empty()))
}

/// Names ignore case, as in every body.
fn property<'a>(properties: &'a Properties, name: &str) -> Option<&'a RawValue> {
    properties.iter().find(|(key, _)| key.eq_ignore_ascii_case(name)).map(|(_, value)| &**value)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(body: &str, expected: Result<&[&str], &str>) {
        let shown = |command: &Command| match command {
            Command::Send(message) => format!("send {}", message.target),
            Command::Join(group) => format!("join {group}"),
            Command::Leave(group) => format!("leave {group}"),
            Command::Close(reason) => format!("close {reason:?}"),
        };
        let found = read(body.as_bytes()).map(|commands| commands.iter().map(shown).collect::<Vec<_>>());
        let expected = expected.map(|commands| commands.iter().map(|command| (*command).to_owned()).collect());
        assert_eq!(found.map_err(|error| error.to_string()), expected.map_err(str::to_owned), "{body}");
    }

    #[test]
    fn every_command_is_read() {
        check("[]", Ok(&[]));
        check(
            r#"[{"type":"SendMessage","message":{"Target":"m"}},{"Type":"JoinGroup","GROUP":"g"},
                {"type":"LeaveGroup","group":"g"},{"type":"CloseConnection","reason":"bye"},{"type":"CloseConnection"}]"#,
            Ok(&["send m", "join g", "leave g", "close Some(\"bye\")", "close None"]),
        );
    }

    #[test]
    fn what_is_no_list_of_commands_is_told() {
        check("null", Err("Message in request body is required."));
        check(r#"[{"type":"Shout"}]"#, Err("The command 'Shout' is not known."));
        check("[{}]", Err("The command '' is not known."));
        check(r#"[{"type":"JoinGroup"}]"#, Err("The command 'JoinGroup' needs a 'group'."));
        check(r#"[{"type":"SendMessage"}]"#, Err("The command 'SendMessage' needs a 'message'."));
        check(r#"[{"type":"SendMessage","message":{}}]"#, Err("The Target field is required."));
        let list =
            "The request body is not a list of commands: invalid type: map, expected a sequence at line 1 column 0";
        check("{}", Err(list));
    }
}
