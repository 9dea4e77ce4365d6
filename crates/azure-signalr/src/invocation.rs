//! What is called on a client, without saying on which.
//!
//! Arguments are JSON that is passed on byte for byte: a large integer stays exact, `1.0` stays `1.0`.

use serde::Serialize;
use serde_json::value::{RawValue, to_raw_value};

use crate::{Message, Recipient, Target};

/// A client method and its arguments. With a recipient it is a [`Message`]; the REST calls that name their receivers in another way,
/// such as [`Connection::invoke`](crate::rest::Connection::invoke), take it as it is.
///
/// ```
/// use azure_signalr::{Invocation, Target};
///
/// let question = Invocation::new(Target::from_static("confirm")).argument("Delete everything?")?.argument(&30)?;
/// assert_eq!(question.arguments.len(), 2);
/// # Ok::<(), serde_json::Error>(())
/// ```
#[derive(Debug, Clone)]
pub struct Invocation {
    /// The client method.
    pub target: Target,
    /// Its arguments.
    pub arguments: Vec<Box<RawValue>>,
}

impl Invocation {
    /// A call of `target`, still without arguments.
    pub fn new(target: Target) -> Self {
        Self { target, arguments: Vec::new() }
    }

    /// Appends one argument.
    ///
    /// # Errors
    ///
    /// When `value` cannot be written as JSON, for example a map whose keys are not text.
    pub fn argument<T: Serialize + ?Sized>(self, value: &T) -> Result<Self, serde_json::Error> {
        Ok(self.raw_argument(to_raw_value(value)?))
    }

    /// Appends one argument that is JSON already.
    #[must_use]
    pub fn raw_argument(mut self, json: Box<RawValue>) -> Self {
        self.arguments.push(json);
        self
    }

    /// Addresses it.
    pub fn to(self, recipient: Recipient) -> Message {
        Message { target: self.target, arguments: self.arguments, recipient }
    }
}
