//! Names that are checked once, when they are made, and then carried as types.
//!
//! None can be empty, and none can be `.` or `..`: an address drops those as path segments, so `users/../:send` would
//! reach everybody. A hub name is kept in lower case, because that is how tokens and addresses spell it.

use std::borrow::Cow;
use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// Why a text is not a name. The texts are those of the service (signalr-service 1.8) where it has one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NameError {
    /// Not a hub name.
    #[error(
        "Invalid hub name. Valid hub name should be in between 1 and 128 characters long. The first character must be a letter, other characters can be letters, digits or the following symbols _`,.[]"
    )]
    Hub,
    /// Not an application name.
    #[error(
        "Invalid value of 'application'. Valid application name should be in between 1 and 128 characters long. The first character must be a letter, other characters can be letters, digits or the following symbols _`,.[]"
    )]
    Application,
    /// Empty, blank, with a line break or longer than 1,024 characters.
    #[error("Invalid group name. Valid group name should be in between 1 and 1024 characters long.")]
    Group,
    /// Empty.
    #[error("Invalid connection id. Valid connection id should be more than 1 characters long")]
    Connection,
    /// Empty; the service has no text for it.
    #[error("invalid user id: it is empty; to reach everybody, say so with `Recipient::Everyone`")]
    User,
    /// An empty target; the text is that of the Functions extension (signalr-bindings 5.4).
    #[error("Argument cannot be null or empty. (Parameter 'methodName')")]
    Target,
    /// Empty, blank, or longer than 100 characters; the service has no text for it.
    #[error("invalid stream id; it has 1 to 100 characters and not only white space")]
    Stream,
    /// `.` or `..`, which no address can carry as a path segment.
    #[error(
        "`.` and `..` name no user, group, connection or stream; an address would drop them and reach more than was meant"
    )]
    DotSegment,
}

macro_rules! checked_name {
    ($(#[$docs:meta])* $name:ident, $check:path) => {
        $(#[$docs])*
        #[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
        #[serde(try_from = "String", into = "String")]
        pub struct $name(String);

        impl $name {
            /// The name as the service spells it.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl TryFrom<String> for $name {
            type Error = NameError;

            fn try_from(text: String) -> Result<Self, NameError> {
                $check(text).map(Self)
            }
        }

        impl FromStr for $name {
            type Err = NameError;

            fn from_str(text: &str) -> Result<Self, NameError> {
                Self::try_from(text.to_owned())
            }
        }

        impl From<$name> for String {
            fn from(name: $name) -> Self {
                name.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }
    };
}

checked_name! {
    /// A hub: an isolated set of connections. A letter, then up to 127 letters, digits or ``_`,.[]``.
    /// Hubs are told apart without case; the name is kept in lower case.
    HubName, checked_hub
}

checked_name! {
    /// The optional `application` of a call, by the rules of a hub name and kept in lower case.
    ApplicationName, checked_application
}

checked_name! {
    /// Whom a message is for, as the client token named them. Not empty; case matters.
    UserId, checked_user
}

checked_name! {
    /// A group of connections or users. 1 to 1,024 characters, not only spaces, no line break; case matters.
    GroupName, checked_group
}

checked_name! {
    /// The public id of one client connection; its form is the service's business. Not empty; case matters.
    ConnectionId, checked_connection
}

checked_name! {
    /// A stream to one client, as the client named it. 1 to 100 characters, not only white space (signalr-service 1.2).
    StreamId, checked_stream
}

impl ApplicationName {
    /// The name under which the service keeps `hub` for this application: `{application}_{hub}`.
    pub fn prefixed(&self, hub: &HubName) -> String {
        format!("{self}_{hub}")
    }
}

/// The client method that a message calls, such as `newMessage`. Not empty; case matters to some clients.
///
/// ```
/// use azure_signalr::Target;
///
/// const NEW_MESSAGE: Target = Target::from_static("newMessage");
/// assert_eq!(NEW_MESSAGE.as_str(), "newMessage");
/// assert!("".parse::<Target>().is_err());
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Target(Cow<'static, str>);

impl Target {
    /// A target written in the source.
    ///
    /// # Panics
    ///
    /// When `text` is empty; as a constant that is a compile error.
    pub const fn from_static(text: &'static str) -> Self {
        assert!(!text.is_empty(), "a target is not empty");
        Self(Cow::Borrowed(text))
    }

    /// The method name.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl TryFrom<String> for Target {
    type Error = NameError;

    fn try_from(text: String) -> Result<Self, NameError> {
        if text.is_empty() { Err(NameError::Target) } else { Ok(Self(Cow::Owned(text))) }
    }
}

impl FromStr for Target {
    type Err = NameError;

    fn from_str(text: &str) -> Result<Self, NameError> {
        Self::try_from(text.to_owned())
    }
}

impl From<Target> for String {
    fn from(target: Target) -> Self {
        target.0.into_owned()
    }
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

fn checked_hub(text: String) -> Result<String, NameError> {
    checked_identifier(text, NameError::Hub)
}

fn checked_application(text: String) -> Result<String, NameError> {
    checked_identifier(text, NameError::Application)
}

/// ``^[A-Za-z][A-Za-z0-9_`,.[\]]{0,127}$`` (signalr-service 1.2)
fn checked_identifier(mut text: String, error: NameError) -> Result<String, NameError> {
    let starts_well = text.starts_with(|first: char| first.is_ascii_alphabetic());
    let goes_on_well = text.chars().all(|c| c.is_ascii_alphanumeric() || "_`,.[]".contains(c));
    if !starts_well || !goes_on_well || text.len() > 128 {
        return Err(error);
    }
    text.make_ascii_lowercase();
    Ok(text)
}

fn checked_user(text: String) -> Result<String, NameError> {
    if text.is_empty() { Err(NameError::User) } else { checked_segment(text) }
}

/// `^(?!\s+$).+$`, at most 1,024 UTF-16 units as .NET counts them (signalr-service 1.2)
fn checked_group(text: String) -> Result<String, NameError> {
    let blank = text.chars().all(char::is_whitespace);
    if blank || text.contains('\n') || text.encode_utf16().count() > 1024 {
        return Err(NameError::Group);
    }
    checked_segment(text)
}

fn checked_connection(text: String) -> Result<String, NameError> {
    if text.is_empty() { Err(NameError::Connection) } else { checked_segment(text) }
}

fn checked_stream(text: String) -> Result<String, NameError> {
    let blank = text.chars().all(char::is_whitespace);
    if blank || text.encode_utf16().count() > 100 { Err(NameError::Stream) } else { checked_segment(text) }
}

fn checked_segment(text: String) -> Result<String, NameError> {
    if text == "." || text == ".." { Err(NameError::DotSegment) } else { Ok(text) }
}

#[cfg(test)]
mod tests {
    use super::{ApplicationName, ConnectionId, GroupName, HubName, NameError, StreamId, Target, UserId};

    #[track_caller]
    fn check<T>(text: &str, expected: Result<&str, NameError>)
    where
        T: std::str::FromStr<Err = NameError> + std::fmt::Display,
    {
        let name = text.parse::<T>().map(|name| name.to_string());
        assert_eq!(name, expected.map(str::to_owned), "{text:?}");
    }

    #[test]
    fn hub_names_follow_the_pattern_and_lose_their_case() {
        check::<HubName>("Serverless", Ok("serverless"));
        check::<HubName>("c", Ok("c"));
        check::<HubName>("a_`,.[]9", Ok("a_`,.[]9"));
        check::<HubName>(&"a".repeat(128), Ok(&"a".repeat(128)));
        check::<HubName>(&"a".repeat(129), Err(NameError::Hub));
        for wrong in ["", "9lives", "_x", "a-b", "a b", "a/b", "chatä", "chat\n", " chat"] {
            check::<HubName>(wrong, Err(NameError::Hub));
        }
        check::<ApplicationName>("9lives", Err(NameError::Application));
    }

    #[test]
    fn an_application_prefixes_its_hubs() {
        let application: ApplicationName = "App".parse().unwrap();
        assert_eq!(application.prefixed(&"Chat".parse().unwrap()), "app_chat");
    }

    #[test]
    fn group_names_hold_1_to_1024_characters_that_are_not_all_blank() {
        check::<GroupName>("a b/ü", Ok("a b/ü"));
        check::<GroupName>(" x ", Ok(" x "));
        check::<GroupName>(&"ä".repeat(1024), Ok(&"ä".repeat(1024)));
        check::<GroupName>(&"😀".repeat(513), Err(NameError::Group));
        for wrong in ["", " ", "\t \u{3000}", "a\nb", &"x".repeat(1025)] {
            check::<GroupName>(wrong, Err(NameError::Group));
        }
    }

    #[test]
    fn users_connections_and_targets_are_not_empty() {
        check::<UserId>("alice@example.com", Ok("alice@example.com"));
        check::<UserId>("", Err(NameError::User));
        check::<ConnectionId>("gZ9-5Jm0Xr0m4x3cW1Tjqw", Ok("gZ9-5Jm0Xr0m4x3cW1Tjqw"));
        check::<ConnectionId>("", Err(NameError::Connection));
        check::<Target>("newMessage", Ok("newMessage"));
        check::<Target>("", Err(NameError::Target));
    }

    #[test]
    fn stream_ids_hold_1_to_100_characters_that_are_not_all_blank() {
        check::<StreamId>("1", Ok("1"));
        check::<StreamId>(&"x".repeat(100), Ok(&"x".repeat(100)));
        for wrong in ["", " ", "\t\n", &"x".repeat(101)] {
            check::<StreamId>(wrong, Err(NameError::Stream));
        }
    }

    #[test]
    fn a_name_that_an_address_would_drop_is_refused() {
        for dots in [".", ".."] {
            check::<UserId>(dots, Err(NameError::DotSegment));
            check::<GroupName>(dots, Err(NameError::DotSegment));
            check::<ConnectionId>(dots, Err(NameError::DotSegment));
            check::<StreamId>(dots, Err(NameError::DotSegment));
        }
        check::<UserId>("...", Ok("..."));
    }

    #[test]
    fn names_are_checked_when_they_are_read_from_json() {
        assert!(serde_json::from_str::<UserId>(r#""alice""#).is_ok());
        assert!(serde_json::from_str::<UserId>(r#""""#).is_err());
        assert_eq!(serde_json::to_string(&"Chat".parse::<HubName>().unwrap()).unwrap(), r#""chat""#);
    }

    #[test]
    fn refusals_carry_the_texts_of_the_service() {
        let texts =
            [NameError::Hub, NameError::Application, NameError::Group, NameError::Connection, NameError::Target];
        insta::assert_snapshot!(texts.map(|error| error.to_string()).join("\n"), @r"
        Invalid hub name. Valid hub name should be in between 1 and 128 characters long. The first character must be a letter, other characters can be letters, digits or the following symbols _`,.[]
        Invalid value of 'application'. Valid application name should be in between 1 and 128 characters long. The first character must be a letter, other characters can be letters, digits or the following symbols _`,.[]
        Invalid group name. Valid group name should be in between 1 and 1024 characters long.
        Invalid connection id. Valid connection id should be more than 1 characters long
        Argument cannot be null or empty. (Parameter 'methodName')
        ");
    }
}
