//! What a caller sees when something is wrong, and what is logged.
//!
//! An HTTP function always answers the host with 200 and an envelope; the status for the caller is inside it. A status outside 2xx
//! would hide the reason behind an empty 500 (functions-host 3.2). A timer or an event has no caller, so there a failure is a failed
//! invocation; its reason is in the handler's own log, because the host reads nothing of such an answer.

use crate::api::Problem;
use crate::outputs::Reply;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use custom_handler::{HttpResponse, InvocationRejection, InvocationResult, LARGEST_INVOCATION};
use std::error::Error;

/// How much of a caller's text is repeated, in characters.
const LONGEST_SHOWN: usize = 64;

/// Why an HTTP function does not do what it was asked.
#[derive(Debug)]
pub(crate) enum CallError {
    /// The caller's mistake, with its cure.
    BadRequest { detail: String, field: Option<String> },
    /// The caller must sign in, or has sent a credential that is not believed.
    Unauthorized { detail: String, challenge: Challenge },
    /// The caller is known and may not.
    Forbidden { detail: String },
    /// Somebody else does not answer; the reason is for the log only.
    Unavailable { detail: String, reason: String },
    /// Ours, or the host's; the caller learns no more than that.
    Internal(Box<dyn Error + Send + Sync>),
    /// A bug of ours.
    Panic(String),
}

/// What `WWW-Authenticate` says (RFC 6750, 3).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Challenge {
    /// There was no credential.
    NoCredential,
    /// There was one that is not believed.
    InvalidToken,
}

impl Challenge {
    fn header(self) -> &'static str {
        match self {
            Self::NoCredential => "Bearer",
            Self::InvalidToken => r#"Bearer error="invalid_token""#,
        }
    }
}

impl CallError {
    pub(crate) fn internal(error: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        Self::Internal(error.into())
    }

    /// Writes the reason to the log, once.
    pub(crate) fn log(&self) {
        match self {
            Self::BadRequest { detail, .. } | Self::Unauthorized { detail, .. } | Self::Forbidden { detail } => {
                tracing::info!("refused: {detail}");
            }
            Self::Unavailable { reason, .. } => tracing::error!("failed: {reason}"),
            Self::Internal(error) => tracing::error!("failed: {}", chain(error.as_ref())),
            Self::Panic(message) => tracing::error!("panicked: {message}"),
        }
    }

    /// What the host is answered.
    pub(crate) fn into_result(self) -> InvocationResult<Reply> {
        let ours = || "the function failed; its log says why".to_owned();
        match self {
            Self::BadRequest { detail, field } => problem(400, detail, field, None),
            Self::Unauthorized { detail, challenge } => {
                problem(401, detail, None, Some(("www-authenticate", challenge.header())))
            }
            Self::Forbidden { detail } => problem(403, detail, None, None),
            Self::Unavailable { detail, .. } => problem(503, detail, None, Some(("retry-after", "5"))),
            Self::Internal(_) | Self::Panic(_) => problem(500, ours(), None, None),
        }
    }
}

fn problem(
    status: u16,
    detail: String,
    field: Option<String>,
    header: Option<(&str, &str)>,
) -> InvocationResult<Reply> {
    let title = StatusCode::from_u16(status).ok().and_then(|status| status.canonical_reason()).unwrap_or_default();
    let problem = Problem { title: title.to_owned(), status, detail, field };
    let body = serde_json::to_string(&problem).expect("a problem has only strings and a number");
    let res = HttpResponse::with_content_type(status, "application/problem+json", body);
    let res = header.into_iter().fold(res, |res, (name, value)| res.header(name, value));
    InvocationResult::new(Reply { res })
}

impl From<InvocationRejection> for CallError {
    fn from(rejection: InvocationRejection) -> Self {
        match rejection {
            InvocationRejection::TooLarge => {
                let detail = format!(
                    "the body is too large; with all that the Functions host adds to it, it may have {LARGEST_INVOCATION} bytes"
                );
                Self::BadRequest { detail, field: None }
            }
            other => Self::internal(other),
        }
    }
}

/// Why a function that nobody has called did not do its work.
#[derive(Debug)]
pub(crate) struct RunError(String);

impl RunError {
    pub(crate) fn panic(message: &str) -> Self {
        Self(format!("panicked: {message}"))
    }

    /// Writes the reason to the log, once.
    pub(crate) fn log(&self) {
        tracing::error!("{}", self.0);
    }
}

impl<E: Into<Box<dyn Error + Send + Sync>>> From<E> for RunError {
    fn from(error: E) -> Self {
        Self(format!("failed: {}", chain(error.into().as_ref())))
    }
}

/// The status tells the host that the invocation has failed. The text is for whoever calls the handler without a host: an envelope
/// would not be read (functions-host 3.2).
impl IntoResponse for RunError {
    fn into_response(self) -> Response {
        (StatusCode::INTERNAL_SERVER_ERROR, self.0).into_response()
    }
}

/// An error with all its causes in one line.
pub(crate) fn chain(error: &(dyn Error + 'static)) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text = format!("{text}: {error}");
        cause = error.source();
    }
    text
}

/// Text of a caller as it may stand in a message: cut, and with its control characters escaped. The host writes log lines to the
/// console as they are, so a line break would begin a line that nobody has logged.
pub(crate) fn shown(text: &str) -> String {
    // Nearly always, and quickly seen.
    let is_plain = |byte: u8| byte.is_ascii_graphic() && !matches!(byte, b'"' | b'\'' | b'\\');
    if text.len() <= LONGEST_SHOWN && text.bytes().all(is_plain) {
        return text.to_owned();
    }
    let cut = text.char_indices().nth(LONGEST_SHOWN).map_or(text.len(), |(place, _)| place);
    let ellipsis = if cut < text.len() { "…" } else { "" };
    format!("{}{ellipsis}", text[..cut].escape_debug())
}
