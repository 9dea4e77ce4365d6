//! What can be done with a user.
//!
//! A user is in a group even while nobody is connected: whoever connects as that user later is in it too (signalr-service 4).

use std::time::Duration;

use super::call::{Call, Whose};
use super::{Closing, HubClient, RestError};
use crate::{GroupAction, GroupName, Member, UserId};

/// A user of a hub; from [`HubClient::user`].
#[derive(Debug, Clone, Copy)]
pub struct User<'a> {
    hub: &'a HubClient,
    id: &'a UserId,
}

impl<'a> User<'a> {
    pub(super) fn new(hub: &'a HubClient, id: &'a UserId) -> Self {
        Self { hub, id }
    }

    /// Whether the user has any connection now.
    ///
    /// # Errors
    ///
    /// [`RestError`], after repetitions.
    pub async fn exists(&self) -> Result<bool, RestError> {
        self.hub.ask(&Call::user_exists(self.hub.name(), self.id)).await
    }

    /// Adds the user to a group, for as long as the service keeps memberships: a year, and the newest hundred.
    ///
    /// # Errors
    ///
    /// [`RestError`], after repetitions.
    pub async fn join(&self, group: &GroupName) -> Result<(), RestError> {
        self.hub.perform(&Call::add_user(self.hub.name(), self.id, group, None)).await
    }

    /// Adds the user to a group for a time, of which whole seconds count. No time at all adds the connections of the moment and
    /// none that come later.
    ///
    /// # Errors
    ///
    /// [`RestError`], after repetitions.
    pub async fn join_for(&self, group: &GroupName, time: Duration) -> Result<(), RestError> {
        self.hub.perform(&Call::add_user(self.hub.name(), self.id, group, Some(time.as_secs()))).await
    }

    /// Removes the user, and all connections of theirs, from a group.
    ///
    /// # Errors
    ///
    /// [`RestError`], after repetitions.
    pub async fn leave(&self, group: &GroupName) -> Result<(), RestError> {
        let (member, group) = (Member::User(self.id.clone()), group.clone());
        self.hub.apply(&GroupAction::Remove { member, group }).await
    }

    /// Removes the user from every group.
    ///
    /// # Errors
    ///
    /// [`RestError`], after repetitions.
    pub async fn leave_all(&self) -> Result<(), RestError> {
        self.hub.apply(&GroupAction::RemoveUserFromAll(self.id.clone())).await
    }

    /// Whether the user is in a group.
    ///
    /// # Errors
    ///
    /// [`RestError`], after repetitions.
    pub async fn is_in(&self, group: &GroupName) -> Result<bool, RestError> {
        self.hub.ask(&Call::user_in_group(self.hub.name(), self.id, group)).await
    }

    /// Closes all connections of the user; clients may come back.
    ///
    /// # Errors
    ///
    /// [`RestError`], after repetitions.
    pub async fn close_connections(&self, closing: &Closing) -> Result<(), RestError> {
        self.hub.perform(&closing.call(self.hub, &Whose::User(self.id))).await
    }
}
