//! Why a method fails, and what its caller is told: the texts of ASP.NET (signalr-protocol 4.8).

use std::error::Error;
use std::fmt;

/// Why a method failed.
///
/// Its caller reads a [`public`](Self::public) text, as that of a `HubException` in ASP.NET. Of anything else it learns
/// only that there was an error, unless [`ServerOptions::detailed_errors`](crate::ServerOptions::detailed_errors) is
/// on. `?` makes any error a private one.
pub struct MethodError(Cause);

enum Cause {
    Public(String),
    Private(Box<dyn Error + Send + Sync>),
}

impl MethodError {
    /// A failure whose text the caller may read.
    pub fn public(text: impl Into<String>) -> Self {
        Self(Cause::Public(text.into()))
    }

    /// A failure that is the server's own affair.
    pub fn private(error: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        Self(Cause::Private(error.into()))
    }

    /// What the caller is told behind `what`, which says where it happened.
    pub(super) fn told(&self, what: &str, details: Details) -> String {
        match (&self.0, details) {
            (Cause::Public(text), _) => format!("{what} HubException: {text}"),
            (Cause::Private(_), Details::Hidden) => what.to_owned(),
            (Cause::Private(_), Details::Shown) => format!("{what} {self}"),
        }
    }

    /// Whether somebody has to look into it on the server.
    pub(super) fn is_private(&self) -> bool {
        matches!(self.0, Cause::Private(_))
    }
}

/// Whether callers learn the cause of private errors.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Details {
    Shown,
    Hidden,
}

/// The error and its causes.
impl fmt::Display for MethodError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Cause::Public(text) => formatter.write_str(text),
            Cause::Private(error) => {
                write!(formatter, "{error}")?;
                let mut source = error.source();
                while let Some(cause) = source {
                    write!(formatter, ": {cause}")?;
                    source = cause.source();
                }
                Ok(())
            }
        }
    }
}

impl fmt::Debug for MethodError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kind = if self.is_private() { "private" } else { "public" };
        write!(formatter, "MethodError({kind}, {self})")
    }
}

// MethodError itself is no `Error`, which makes room for this.
impl<E: Error + Send + Sync + 'static> From<E> for MethodError {
    fn from(error: E) -> Self {
        Self::private(error)
    }
}

/// Why what a client gave does not fit the method. The client's fault.
#[derive(Debug, thiserror::Error)]
pub(super) enum BindingError {
    /// The text is ASP.NET's.
    #[error("InvalidDataException: Invocation provides {given} argument(s) but target expects {expected}.")]
    Count { given: usize, expected: usize },
    /// The text is ASP.NET's.
    #[error(
        "InvalidDataException: Error binding arguments. Make sure that the types of the provided values match the types \
         of the hub method being invoked."
    )]
    Value(serde_json::Error),
}

pub(super) fn unknown_method(target: &str) -> String {
    format!("Unknown hub method '{target}'")
}

pub(super) fn called_without_stream(target: &str) -> String {
    format!("The client attempted to invoke the streaming '{target}' method with a non-streaming invocation.")
}

pub(super) fn called_as_stream(target: &str) -> String {
    format!("The client attempted to invoke the non-streaming '{target}' method with a streaming invocation.")
}

pub(super) fn id_in_use(invocation_id: &str) -> String {
    format!("Invocation ID '{invocation_id}' is already in use.")
}

pub(super) fn wrong_number_of_uploads(given: usize, expected: usize) -> MethodError {
    MethodError::public(format!("Client sent {given} stream(s), Hub method expects {expected}."))
}

/// Where an error happened: in the method.
pub(super) fn invoking(target: &str) -> String {
    format!("An unexpected error occurred invoking '{target}' on the server.")
}

/// Where an error happened: before the method.
pub(super) fn binding(target: &str) -> String {
    format!("Failed to invoke '{target}' due to an error on the server.")
}

/// Where an error happened: behind the method, among the items of its stream.
pub(super) const STREAMING: &str = "An error occurred on the server while streaming results.";

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, thiserror::Error)]
    #[error("the table is locked")]
    struct Outer(#[source] std::num::ParseIntError);

    #[track_caller]
    fn check(error: &MethodError, details: Details, expected: &str) {
        assert_eq!(error.told("It failed.", details), expected);
    }

    #[test]
    fn callers_read_public_errors_and_private_ones_only_with_details() {
        let public = MethodError::public("there is no such room");
        check(&public, Details::Hidden, "It failed. HubException: there is no such room");
        check(&public, Details::Shown, "It failed. HubException: there is no such room");
        let private: MethodError = Outer("x".parse::<u8>().unwrap_err()).into();
        check(&private, Details::Hidden, "It failed.");
        check(&private, Details::Shown, "It failed. the table is locked: invalid digit found in string");
        assert!(private.is_private() && !public.is_private());
    }
}
