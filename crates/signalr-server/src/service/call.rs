//! What a method knows of its call.

use std::sync::Arc;

use tokio_util::sync::CancellationToken;

use crate::{Connection, Headers};

/// One call of a method. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Call {
    pub(super) connection: Connection,
    pub(super) target: Arc<str>,
    pub(super) headers: Arc<Headers>,
    pub(super) cancellation: CancellationToken,
}

impl Call {
    /// The connection whose client calls.
    pub fn connection(&self) -> &Connection {
        &self.connection
    }

    /// The name of the method as the client wrote it.
    pub fn target(&self) -> &str {
        &self.target
    }

    /// The headers of the call's message.
    pub fn headers(&self) -> &Headers {
        &self.headers
    }

    /// Cancelled when the client cancels the call, when its connection ends, and when the call is over.
    pub fn cancellation(&self) -> &CancellationToken {
        &self.cancellation
    }
}
