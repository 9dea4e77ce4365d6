//! What can be done with all connections of a hub at once.

use super::call::{Call, Whose};
use super::{HubClient, RestError};
use crate::{ConnectionId, Invocation};

/// All connections of a hub; from [`HubClient::everyone`].
#[derive(Debug, Clone, Copy)]
pub struct Everyone<'a> {
    hub: &'a HubClient,
}

impl<'a> Everyone<'a> {
    pub(super) fn new(hub: &'a HubClient) -> Self {
        Self { hub }
    }

    /// Calls every connection but those in `excluded`.
    ///
    /// # Errors
    ///
    /// [`RestError`], after repetitions where those are safe.
    pub async fn send_excluding(&self, excluded: &[ConnectionId], invocation: &Invocation) -> Result<(), RestError> {
        self.hub.perform(&Call::send_excluding(self.hub.name(), &Whose::Everyone, excluded, invocation)).await
    }

    /// Closes every connection; clients may come back.
    ///
    /// # Errors
    ///
    /// [`RestError`], after repetitions.
    pub async fn close_connections(&self, closing: &Closing) -> Result<(), RestError> {
        self.hub.perform(&closing.call(self.hub, &Whose::Everyone)).await
    }
}

/// How connections are closed: with which reason, and which of them stay. [`Closing::default`] closes all without a reason.
#[derive(Debug, Clone, Default)]
pub struct Closing {
    reason: Option<String>,
    excluded: Vec<ConnectionId>,
}

impl Closing {
    /// Closes with a reason, which clients are told.
    pub fn because(reason: impl Into<String>) -> Self {
        Self { reason: Some(reason.into()), excluded: Vec::new() }
    }

    /// Leaves these connections open.
    #[must_use]
    pub fn excluding(mut self, connections: impl IntoIterator<Item = ConnectionId>) -> Self {
        self.excluded.extend(connections);
        self
    }

    pub(super) fn call(&self, hub: &HubClient, whose: &Whose<'_>) -> Call {
        Call::close_connections(hub.name(), whose, &self.excluded, self.reason.as_deref())
    }
}
