//! `x-ms-error-code`: how the service tells "there is no such thing" from "this is the wrong address" (signalr-service 1.6).
//!
//! The form is `{level}.{scope}.{kind}`. Only the five codes that the official libraries act on are documented.

use std::fmt;

use http::HeaderMap;

const HEADER: &str = "x-ms-error-code";

/// The value of `x-ms-error-code`. Codes are compared without case, as the official libraries do.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ErrorCode {
    /// `Warning.Connection.NotExisted`: there is no such connection.
    ConnectionNotFound,
    /// `Warning.User.NotExisted`: the user has no connection.
    UserNotFound,
    /// `Warning.Group.NotExisted`: the group has no connection.
    GroupNotFound,
    /// `Info.User.NotInGroup`: the user is no member of the group.
    UserNotInGroup,
    /// `Error.Connection.NotExisted`: what was to be done with a connection needs one that is there.
    ConnectionRequired,
    /// Another code, as the service wrote it.
    Other(String),
}

const DOCUMENTED: [(&str, ErrorCode); 5] = [
    ("Warning.Connection.NotExisted", ErrorCode::ConnectionNotFound),
    ("Warning.User.NotExisted", ErrorCode::UserNotFound),
    ("Warning.Group.NotExisted", ErrorCode::GroupNotFound),
    ("Info.User.NotInGroup", ErrorCode::UserNotInGroup),
    ("Error.Connection.NotExisted", ErrorCode::ConnectionRequired),
];

impl ErrorCode {
    /// The code of an answer, if it has one that is text.
    pub(super) fn of(headers: &HeaderMap) -> Option<Self> {
        headers.get(HEADER)?.to_str().ok().map(Self::from)
    }

    /// The code as the service writes it.
    pub fn as_str(&self) -> &str {
        match self {
            Self::Other(text) => text,
            known => DOCUMENTED.iter().find(|(_, code)| code == known).map_or("", |(text, _)| text),
        }
    }
}

impl From<&str> for ErrorCode {
    fn from(text: &str) -> Self {
        let known = DOCUMENTED.into_iter().find(|(known, _)| known.eq_ignore_ascii_case(text));
        known.map_or_else(|| Self::Other(text.to_owned()), |(_, code)| code)
    }
}

impl fmt::Display for ErrorCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::{DOCUMENTED, ErrorCode};

    #[test]
    fn documented_codes_are_known_whatever_their_case() {
        for (text, code) in DOCUMENTED {
            assert_eq!(ErrorCode::from(text), code);
            assert_eq!(ErrorCode::from(&*text.to_uppercase()), code);
            assert_eq!(code.as_str(), text);
        }
    }

    #[test]
    fn another_code_is_kept_as_it_was_written() {
        let code = ErrorCode::from("Error.Request.Invalid");
        assert_eq!((code.as_str(), code.to_string()), ("Error.Request.Invalid", "Error.Request.Invalid".to_owned()));
    }
}
