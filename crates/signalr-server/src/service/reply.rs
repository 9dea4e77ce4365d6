//! What a method may answer with.

use serde::Serialize;

use super::MethodError;
use crate::Payload;

/// A result, or an item of a stream: whatever serde serialises as JSON, and [`Payload`] for a value that is to go out
/// as it is, for example one that only MessagePack has.
pub trait Reply: Send + 'static {
    /// The value as it goes out.
    ///
    /// # Errors
    /// When the value refuses to be serialised. A private error.
    fn into_payload(self) -> Result<Payload, MethodError>;
}

impl<T: Serialize + Send + 'static> Reply for T {
    fn into_payload(self) -> Result<Payload, MethodError> {
        Ok(Payload::serialize(&self)?)
    }
}

impl Reply for Payload {
    fn into_payload(self) -> Result<Payload, MethodError> {
        Ok(self)
    }
}
