//! What can be done with a group.

use super::call::{Call, Whose};
use super::{Closing, HubClient, Members, RestError};
use crate::{ConnectionId, GroupName, Invocation};

/// A group of a hub; from [`HubClient::group`]. Members join and leave through [`User`](super::User) and
/// [`Connection`](super::Connection).
#[derive(Debug, Clone, Copy)]
pub struct Group<'a> {
    hub: &'a HubClient,
    name: &'a GroupName,
}

impl<'a> Group<'a> {
    pub(super) fn new(hub: &'a HubClient, name: &'a GroupName) -> Self {
        Self { hub, name }
    }

    /// Whether any connection is in the group now.
    ///
    /// # Errors
    ///
    /// [`RestError`], after repetitions.
    pub async fn exists(&self) -> Result<bool, RestError> {
        self.hub.ask(&Call::group_exists(self.hub.name(), self.name)).await
    }

    /// Calls every connection in the group but those in `excluded`.
    ///
    /// # Errors
    ///
    /// [`RestError`], after repetitions where those are safe.
    pub async fn send_excluding(&self, excluded: &[ConnectionId], invocation: &Invocation) -> Result<(), RestError> {
        self.hub.perform(&Call::send_excluding(self.hub.name(), &Whose::Group(self.name), excluded, invocation)).await
    }

    /// Closes the connections in the group; clients may come back.
    ///
    /// # Errors
    ///
    /// [`RestError`], after repetitions.
    pub async fn close_connections(&self, closing: &Closing) -> Result<(), RestError> {
        self.hub.perform(&closing.call(self.hub, &Whose::Group(self.name))).await
    }

    /// The connections in the group, page by page. Nothing is asked before the first page is wanted.
    pub fn members(&self) -> Members<'a> {
        Members::of(self.hub, self.name)
    }
}
