//! What a caller sees when something is wrong, and what is logged.
//!
//! An HTTP function always answers the host with 200 and an envelope; the status for the caller is inside it. A status outside 2xx
//! would hide the reason behind an empty 500 (functions-host 3.2). A timer has no caller, so there a failure is a failed invocation;
//! its reason is in the handler's own log, because the host reads nothing of such an answer.

use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use custom_handler::{HttpResponse, InvocationRejection, InvocationResult, LARGEST_INVOCATION};
use serde::Serialize;
use std::any::Any;
use std::error::Error;

/// The name of the `http` output in every function.json.
pub(crate) const HTTP_OUTPUT: &str = "res";

/// How much of a caller's text is repeated, in characters.
const LONGEST_SHOWN: usize = 64;

/// Why an HTTP function does not do what it was asked.
#[derive(Debug)]
pub(crate) enum CallError {
    /// The caller's mistake, with its cure.
    BadRequest { detail: String, field: Option<String> },
    /// Ours, or the host's; the caller learns no more than that.
    Internal(Box<dyn Error + Send + Sync>),
}

impl CallError {
    pub(crate) fn internal(error: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        Self::Internal(error.into())
    }
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

/// A problem in the form of RFC 9457.
#[derive(Debug, Serialize)]
struct Problem<'a> {
    title: &'a str,
    status: u16,
    detail: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    field: Option<&'a str>,
}

impl Problem<'_> {
    fn into_result(self) -> InvocationResult {
        let body = serde_json::to_string(&self).expect("a problem has only strings and a number");
        let response = HttpResponse::with_content_type(self.status, "application/problem+json", body);
        InvocationResult::new().http(HTTP_OUTPUT, &response)
    }
}

impl IntoResponse for CallError {
    fn into_response(self) -> Response {
        match self {
            Self::BadRequest { detail, field } => {
                let problem = Problem { title: "Bad Request", status: 400, detail: &detail, field: field.as_deref() };
                problem.into_result().log(format!("refused: {detail}")).into_response()
            }
            Self::Internal(error) => {
                let reason = chain(error.as_ref());
                tracing::error!(error = reason, "a function failed");
                internal_error().log(format!("failed: {reason}")).into_response()
            }
        }
    }
}

fn internal_error() -> InvocationResult {
    let detail = "the function failed; its log says why";
    Problem { title: "Internal Server Error", status: 500, detail, field: None }.into_result()
}

/// Why a timer function did not do its work. The status tells the host that the invocation has failed; nobody else is there to tell.
#[derive(Debug)]
pub(crate) struct RunError(Box<dyn Error + Send + Sync>);

impl<E: Into<Box<dyn Error + Send + Sync>>> From<E> for RunError {
    fn from(error: E) -> Self {
        Self(error.into())
    }
}

impl IntoResponse for RunError {
    fn into_response(self) -> Response {
        let reason = chain(self.0.as_ref());
        tracing::error!(error = reason, "a timer function failed");
        failed_run(format!("failed: {reason}"))
    }
}

/// Text, for whoever calls the handler without a host; an envelope would not be read (functions-host 3.2).
fn failed_run(reason: String) -> Response {
    (StatusCode::INTERNAL_SERVER_ERROR, reason).into_response()
}

/// The answer to an HTTP call whose function panicked.
pub(crate) fn http_panic(panic: Box<dyn Any + Send>) -> Response {
    internal_error().log(panicked(panic)).into_response()
}

/// The answer to a timer whose function panicked.
pub(crate) fn timer_panic(panic: Box<dyn Any + Send>) -> Response {
    failed_run(panicked(panic))
}

fn panicked(panic: Box<dyn Any + Send>) -> String {
    let message = match panic.downcast::<String>() {
        Ok(message) => *message,
        Err(panic) => {
            panic.downcast::<&str>().map_or_else(|_| "without a message".to_owned(), |message| (*message).to_owned())
        }
    };
    tracing::error!(message, "a function panicked");
    format!("panicked: {message}")
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
    let cut = text.char_indices().nth(LONGEST_SHOWN).map_or(text.len(), |(place, _)| place);
    let ellipsis = if cut < text.len() { "…" } else { "" };
    format!("{}{ellipsis}", text[..cut].escape_debug())
}
