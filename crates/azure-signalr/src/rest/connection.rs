//! What can be done with one connection.

use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::value::RawValue;

use super::call::Call;
use super::{ClientStream, HubClient, RestError};
use crate::{ConnectionId, GroupAction, GroupName, Invocation, Member, StreamId};

/// A connection of a hub; from [`HubClient::connection`].
#[derive(Debug, Clone, Copy)]
pub struct Connection<'a> {
    hub: &'a HubClient,
    id: &'a ConnectionId,
}

impl<'a> Connection<'a> {
    pub(super) fn new(hub: &'a HubClient, id: &'a ConnectionId) -> Self {
        Self { hub, id }
    }

    /// Whether the connection is open.
    ///
    /// # Errors
    ///
    /// [`RestError`], after repetitions.
    pub async fn exists(&self) -> Result<bool, RestError> {
        self.hub.ask(&Call::connection_exists(self.hub.name(), self.id)).await
    }

    /// Closes the connection, with a reason that the client is told; it may come back. One that has ended already is a success.
    ///
    /// # Errors
    ///
    /// [`RestError`], after repetitions.
    pub async fn close(&self, reason: Option<&str>) -> Result<(), RestError> {
        self.hub.perform(&Call::close_connection(self.hub.name(), self.id, reason)).await
    }

    /// Adds the connection to a group, until it ends. One that has ended already is a success.
    ///
    /// # Errors
    ///
    /// [`RestError`], after repetitions.
    pub async fn join(&self, group: &GroupName) -> Result<(), RestError> {
        self.hub.perform(&Call::add_connection(self.hub.name(), self.id, group)).await
    }

    /// Removes the connection from a group.
    ///
    /// # Errors
    ///
    /// [`RestError`], after repetitions.
    pub async fn leave(&self, group: &GroupName) -> Result<(), RestError> {
        let (member, group) = (Member::Connection(self.id.clone()), group.clone());
        self.hub.apply(&GroupAction::Remove { member, group }).await
    }

    /// Removes the connection from every group, which the output binding cannot do.
    ///
    /// # Errors
    ///
    /// [`RestError`], after repetitions.
    pub async fn leave_all(&self) -> Result<(), RestError> {
        self.hub.perform(&Call::remove_connection_from_all(self.hub.name(), self.id)).await
    }

    /// Calls the client and waits for what it answers. The service waits at most ten minutes, so a
    /// [`deadline`](super::RestClient::with_deadline) is worth setting. Since `2024-12-01`.
    ///
    /// # Errors
    ///
    /// [`RestError`]; also when the client has no such method, fails, or is gone.
    pub async fn invoke(&self, invocation: &Invocation) -> Result<ClientResult, RestError> {
        self.hub.client().perform(&Call::invoke(self.hub.name(), self.id, invocation)).await?.json()
    }

    /// A stream to the client that it waits for. Since `2024-12-01`.
    pub fn stream(&self, stream: &'a StreamId) -> ClientStream<'a> {
        ClientStream::new(self.hub, self.id, stream)
    }
}

/// What a client answered.
#[derive(Debug, Clone, Deserialize)]
pub struct ClientResult {
    /// The value, byte for byte; `null` where the client returns nothing.
    #[serde(default = "null")]
    pub result: Box<RawValue>,
    /// The hub protocol of the client, where it is neither `json` nor `messagepack`; the result is then in a form of its own.
    pub protocol: Option<String>,
}

impl ClientResult {
    /// The value as `T`.
    ///
    /// # Errors
    ///
    /// When it is not one.
    pub fn read<T: DeserializeOwned>(&self) -> Result<T, serde_json::Error> {
        serde_json::from_str(self.result.get())
    }
}

fn null() -> Box<RawValue> {
    RawValue::NULL.to_owned()
}
