//! The REST interface of the service: sending messages and changing groups without the output binding.

mod error;

pub use error::RestError;

use crate::{ConnectionString, GroupAction, HubName, Message};

/// Sends messages and group actions to the service.
#[derive(Debug, Clone)]
pub struct RestClient {
    connection: ConnectionString,
    http: reqwest::Client,
}

impl RestClient {
    /// A client for the resource of `connection`.
    pub fn new(connection: ConnectionString, http: reqwest::Client) -> Self {
        Self { connection, http }
    }

    /// Sends `message` to its recipient.
    ///
    /// # Errors
    ///
    /// When the service refuses the call or cannot be reached.
    pub async fn send(&self, hub: &HubName, message: &Message) -> Result<(), RestError> {
        let _ = (&self.connection, &self.http, hub, message);
        Err(RestError::Runtime { status: http::StatusCode::NOT_IMPLEMENTED, code: None, uri: String::new() })
    }

    /// Changes the membership of a group.
    ///
    /// # Errors
    ///
    /// When the service refuses the call or cannot be reached.
    pub async fn apply(&self, hub: &HubName, action: &GroupAction) -> Result<(), RestError> {
        let _ = (hub, action);
        Err(RestError::Runtime { status: http::StatusCode::NOT_IMPLEMENTED, code: None, uri: String::new() })
    }

    /// Asks the service whether it is well.
    ///
    /// # Errors
    ///
    /// When the service is not well or cannot be reached.
    pub async fn health(&self) -> Result<(), RestError> {
        Err(RestError::Runtime { status: http::StatusCode::NOT_IMPLEMENTED, code: None, uri: String::new() })
    }
}
