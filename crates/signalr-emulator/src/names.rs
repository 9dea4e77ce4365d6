//! Which names the data plane and the client endpoint take, and how they are refused.
//!
//! Hub and application names lose their case here; group, user and connection names never do (signalr-service 1.2).

use std::fmt::Display;

use azure_signalr::{ApplicationName, ConnectionId, GroupName, HubName};

/// Only `:closeConnections` limits its user, and no text is published for it (signalr-service 1.2).
const INVALID_USER: &str = "Invalid user id. Valid user id should be in between 1 and 1024 characters long.";
const LONGEST_USER: usize = 1024;

/// No text is published for a stream either (signalr-service 1.2).
const INVALID_STREAM: &str = "Invalid stream id. Valid stream id should be in between 1 and 100 characters long.";
const LONGEST_STREAM: usize = 100;

/// A parameter with a value that the service refuses with 400.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Invalid {
    /// The parameter, as the interface calls it.
    pub(crate) parameter: &'static str,
    /// The text that reaches the developer through the SDK's exception.
    pub(crate) message: String,
}

impl Invalid {
    pub(crate) fn new(parameter: &'static str, message: impl Display) -> Self {
        Self { parameter, message: format!("{message}") }
    }
}

/// The name under which a hub's connections are kept: lower case, behind the application where one is given.
pub(crate) fn internal_hub_name(hub: &str, application: Option<&str>) -> Result<String, Invalid> {
    let hub: HubName = hub.parse().map_err(|error| Invalid::new("hub", error))?;
    let Some(application) = application.filter(|application| !application.is_empty()) else {
        return Ok(hub.into());
    };
    let application: ApplicationName = application.parse().map_err(|error| Invalid::new("application", error))?;
    Ok(application.prefixed(&hub))
}

/// A group name: 1 to 1,024 characters, not only white space.
pub(crate) fn check_group(group: &str) -> Result<(), Invalid> {
    group.parse().map(|_: GroupName| ()).map_err(|error| Invalid::new("group", error))
}

/// A connection id: opaque, but not empty.
pub(crate) fn check_connection(connection: &str) -> Result<(), Invalid> {
    connection.parse().map(|_: ConnectionId| ()).map_err(|error| Invalid::new("connectionId", error))
}

/// The user of `:closeConnections`; no other operation limits its user.
pub(crate) fn check_user_to_close(user: &str) -> Result<(), Invalid> {
    // .NET counts UTF-16 units.
    let legal = !user.is_empty() && user.encode_utf16().count() <= LONGEST_USER;
    if legal { Ok(()) } else { Err(Invalid::new("user", INVALID_USER)) }
}

/// The id of a stream: 1 to 100 characters, not only white space.
pub(crate) fn check_stream(stream: &str) -> Result<(), Invalid> {
    let legal = !stream.trim().is_empty() && stream.encode_utf16().count() <= LONGEST_STREAM;
    if legal { Ok(()) } else { Err(Invalid::new("streamId", INVALID_STREAM)) }
}

#[cfg(test)]
mod tests {
    use super::*;

    const INVALID_HUB: &str = "Invalid hub name. Valid hub name should be in between 1 and 128 characters long. The first character must be a letter, other characters can be letters, digits or the following symbols _`,.[]";
    const INVALID_APPLICATION: &str = "Invalid value of 'application'. Valid application name should be in between 1 and 128 characters long. The first character must be a letter, other characters can be letters, digits or the following symbols _`,.[]";
    const INVALID_GROUP: &str = "Invalid group name. Valid group name should be in between 1 and 1024 characters long.";

    #[track_caller]
    fn check(hub: &str, application: Option<&str>, expected: Result<&str, &str>) {
        let found = internal_hub_name(hub, application);
        let found = found.as_deref().map_err(|invalid| invalid.message.as_str());
        assert_eq!(found, expected, "hub {hub:?}, application {application:?}");
    }

    #[test]
    fn hub_names_lose_their_case_and_gain_the_application() {
        let longest = "h".repeat(128);
        check("Chat", None, Ok("chat"));
        check("Chat", Some(""), Ok("chat"));
        check("Chat", Some("MyApp"), Ok("myapp_chat"));
        check("a_`,.[]9", None, Ok("a_`,.[]9"));
        check(&longest, None, Ok(&longest));
    }

    #[test]
    fn other_hub_names_are_refused_with_the_text_of_the_service() {
        check("", None, Err(INVALID_HUB));
        check("9lives", None, Err(INVALID_HUB));
        check("chat-room", None, Err(INVALID_HUB));
        check("chät", None, Err(INVALID_HUB));
        check(&"h".repeat(129), None, Err(INVALID_HUB));
        check("chat", Some("my-app"), Err(INVALID_APPLICATION));
    }

    #[track_caller]
    fn check_group_is(group: &str, legal: bool) {
        let message = check_group(group).map_err(|invalid| invalid.message);
        assert_eq!(message, if legal { Ok(()) } else { Err(INVALID_GROUP.to_owned()) }, "{group:?}");
    }

    #[test]
    fn a_group_name_is_anything_but_white_space_up_to_1024_characters() {
        check_group_is("room 1/2 50% Zürich 🦀", true);
        check_group_is(" x ", true);
        check_group_is(&"g".repeat(1024), true);
        check_group_is("", false);
        check_group_is("  \t ", false);
        check_group_is(&"g".repeat(1025), false);
    }

    #[test]
    fn a_user_to_close_has_1_to_1024_characters() {
        assert!(check_user_to_close("u").is_ok());
        assert!(check_user_to_close(&"u".repeat(1024)).is_ok());
        assert!(check_user_to_close("").is_err());
        assert!(check_user_to_close(&"u".repeat(1025)).is_err());
        assert!(check_user_to_close(&"🦀".repeat(513)).is_err());
    }

    #[test]
    fn a_stream_has_1_to_100_characters_and_not_only_white_space() {
        assert!(check_stream("0").is_ok());
        assert!(check_stream(&"s".repeat(100)).is_ok());
        assert!(check_stream("").is_err());
        assert!(check_stream(" \t").is_err());
        assert!(check_stream(&"s".repeat(101)).is_err());
    }
}
