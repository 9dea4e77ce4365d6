//! What a caller sees when something is wrong, and what is logged.
//!
//! An HTTP function always answers the host with 200 and an envelope; the status for the caller is inside it. A status outside 2xx
//! would hide the reason behind an empty 500 (functions-host 3.2). A timer has no caller, so there a failure is a failed invocation.

use axum::Json;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use custom_handler::{HttpResponse, InvocationRejection, InvocationResult};
use serde::Serialize;
use std::any::Any;
use std::error::Error;

/// The name of the `http` output in every function.json.
pub(crate) const HTTP_OUTPUT: &str = "res";

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
                Self::BadRequest { detail: "the body is too large".to_owned(), field: None }
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

fn failed_run(line: String) -> Response {
    (StatusCode::INTERNAL_SERVER_ERROR, Json(InvocationResult::new().log(line))).into_response()
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
