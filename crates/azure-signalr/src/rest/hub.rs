//! The operations on one hub, and the way to those on its users, groups and connections.

use std::num::NonZeroU32;
use std::sync::Arc;

use serde::Deserialize;

use super::call::Call;
use super::{Command, Connection, Everyone, Filter, Group, RestClient, RestError, User};
use crate::{ConnectionId, GroupAction, GroupName, HubName, Message, UserId};

/// One hub of a resource. Cloning is cheap.
///
/// ```no_run
/// use azure_signalr::rest::Closing;
/// use azure_signalr::{ConnectionString, Invocation, RestClient, Target, UserId};
///
/// # async fn example(connection: ConnectionString) -> Result<(), Box<dyn std::error::Error>> {
/// let hub = RestClient::new(connection).hub(&"chat".parse()?);
/// let (alice, admins): (UserId, _) = ("alice".parse()?, "admins".parse()?);
/// hub.user(&alice).join(&admins).await?;
/// let sender = "gZ9-5Jm0Xr0m4x3cW1Tjqw".parse()?;
/// let news = Invocation::new(Target::from_static("news")).argument("hello")?;
/// hub.group(&admins).send_excluding(&[sender], &news).await?;
/// if hub.user(&alice).exists().await? {
///     hub.user(&alice).close_connections(&Closing::because("signed out")).await?;
/// }
/// # Ok(())
/// # }
/// ```
#[derive(Debug, Clone)]
pub struct HubClient {
    client: RestClient,
    name: HubName,
}

impl HubClient {
    pub(super) fn new(client: RestClient, name: HubName) -> Self {
        Self { client, name }
    }

    /// The hub.
    pub fn name(&self) -> &HubName {
        &self.name
    }

    /// The same hub, with another `x-ms-client-request-id`; see [`RestClient::with_request_id`].
    #[must_use]
    pub fn with_request_id(self, id: impl Into<Arc<str>>) -> Self {
        Self { client: self.client.with_request_id(id), ..self }
    }

    /// Sends `message` to its recipient.
    ///
    /// # Errors
    ///
    /// [`RestError`], after repetitions where those are safe.
    pub async fn send(&self, message: &Message) -> Result<(), RestError> {
        self.perform(&Call::send(&self.name, message)).await
    }

    /// Changes the membership of a group. Adding a connection that has ended is a success, as it is for the binding;
    /// removing one is whatever the service says.
    ///
    /// # Errors
    ///
    /// [`RestError`], after repetitions.
    pub async fn apply(&self, action: &GroupAction) -> Result<(), RestError> {
        self.perform(&Call::apply(&self.name, action)).await
    }

    /// A client token that the service signs itself, as it must where there is no access key; somebody anonymous without `user`.
    /// Since `2022-11-01`. The operation takes a user and a time and no claims (signalr-service 1.3), so whoever connects with it has no
    /// roles and is not disconnected when a sign-in ends.
    ///
    /// # Errors
    ///
    /// [`RestError`], after repetitions.
    pub async fn generate_token(&self, user: Option<&UserId>, minutes: NonZeroU32) -> Result<String, RestError> {
        #[derive(Deserialize)]
        struct Generated {
            token: String,
        }

        let answer = self.client.perform(&Call::generate_token(&self.name, user, minutes.get())).await?;
        Ok(answer.json::<Generated>()?.token)
    }

    /// Has every connection that `filter` matches get messages, join and leave groups, or be closed. Since `2023-07-01`.
    ///
    /// # Errors
    ///
    /// [`RestError`]; 400 for a filter that the service cannot read.
    pub async fn execute(&self, filter: &Filter, commands: &[Command]) -> Result<(), RestError> {
        self.perform(&Call::execute(&self.name, filter.as_str(), Command::to_json(commands))).await
    }

    /// All connections of the hub.
    pub fn everyone(&self) -> Everyone<'_> {
        Everyone::new(self)
    }

    /// A user.
    pub fn user<'a>(&'a self, user: &'a UserId) -> User<'a> {
        User::new(self, user)
    }

    /// A group.
    pub fn group<'a>(&'a self, group: &'a GroupName) -> Group<'a> {
        Group::new(self, group)
    }

    /// A connection.
    pub fn connection<'a>(&'a self, connection: &'a ConnectionId) -> Connection<'a> {
        Connection::new(self, connection)
    }

    pub(super) fn client(&self) -> &RestClient {
        &self.client
    }

    /// A call of which only the success matters.
    pub(super) async fn perform(&self, call: &Call) -> Result<(), RestError> {
        self.client.perform(call).await.map(drop)
    }

    /// A call that asks whether something is there.
    pub(super) async fn ask(&self, call: &Call) -> Result<bool, RestError> {
        Ok(self.client.perform(call).await?.present)
    }
}
