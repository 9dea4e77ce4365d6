//! Why a body cannot be sent; always the caller's mistake.
//!
//! The texts end up in log lines too, so whatever a caller wrote stands in them escaped and cut.

use super::LARGEST_MESSAGE;
use crate::error::{CallError, shown};

#[derive(Debug, thiserror::Error)]
pub(super) enum BodyError {
    #[error("the body is empty; send a JSON object such as {{\"message\":\"hello\"}}, with a `Content-Length`")]
    Empty,
    #[error("the body is not JSON: {0}")]
    NotJson(serde_json::Error),
    #[error(
        "the body was sent as `{}`, which the Functions host passes on as base64; send it as `application/json`",
        shown(content_type)
    )]
    Base64 { content_type: String },
    #[error("the body must be a JSON object, not {0}")]
    NotAnObject(&'static str),
    #[error("one of `message`, `payload` or `target` is missing")]
    Nothing,
    #[error("`{second}` cannot be sent together with `{first}`; send one of `message`, `payload` or `target`")]
    Ambiguous { first: &'static str, second: &'static str },
    #[error("`{}` is not known; the members are `message`, or `payload`, or `target` and `arguments`", shown(.0))]
    UnknownField(String),
    #[error("`{field}` must be {expected}, not {found}")]
    WrongType { field: &'static str, expected: &'static str, found: &'static str },
    #[error("`{0}` has half of a surrogate pair, such as `\\ud800`, which is no text; send both halves")]
    LoneSurrogate(&'static str),
    #[error("the name of a member has half of a surrogate pair, such as `\\ud800`, which is no text")]
    LoneSurrogateInName,
    #[error("`target` must not be empty; it is the name of the method that clients listen to")]
    EmptyTarget,
    #[error("with `{field}` the message has {size} bytes; SignalR Service takes at most {LARGEST_MESSAGE}")]
    TooLarge { field: &'static str, size: usize },
}

impl BodyError {
    pub(super) fn field(&self) -> Option<&str> {
        match self {
            Self::Empty | Self::NotJson(_) | Self::Base64 { .. } | Self::NotAnObject(_) | Self::LoneSurrogateInName => {
                None
            }
            Self::Nothing => Some("message"),
            Self::Ambiguous { second, .. } => Some(second),
            Self::UnknownField(field) => Some(field),
            Self::WrongType { field, .. } | Self::LoneSurrogate(field) | Self::TooLarge { field, .. } => Some(field),
            Self::EmptyTarget => Some("target"),
        }
    }

    /// The same mistake of a body that came with this content type: base64 is no JSON object, but to hear that would help nobody
    /// who sent one (functions-host 2.4).
    pub(super) fn of_a_body_sent_as(self, content_type: Option<&str>) -> Self {
        let media_type = content_type.and_then(|text| text.split(';').next()).unwrap_or_default();
        let media_type = media_type.trim().to_ascii_lowercase();
        let as_base64 = media_type == "application/octet-stream" || media_type.starts_with("multipart/");
        match self {
            Self::NotJson(_) | Self::NotAnObject(_) if as_base64 => Self::Base64 { content_type: media_type },
            other => other,
        }
    }
}

impl From<BodyError> for CallError {
    fn from(error: BodyError) -> Self {
        Self::BadRequest { detail: error.to_string(), field: error.field().map(str::to_owned) }
    }
}
