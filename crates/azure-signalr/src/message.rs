//! Messages and group actions, as the `signalR` output binding reads them (signalr-bindings 5.1).
//!
//! The binding treats an absent recipient as "everybody", so here everybody has to be named: [`Recipient::Everyone`].

use serde::{Serialize, Serializer};
use serde_json::value::RawValue;

use crate::group_action::Subject;
use crate::{ConnectionId, GroupAction, GroupName, Invocation, Target, UserId};

/// Who receives a message: exactly one of these, as the binding uses only one (signalr-bindings 5.3).
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Recipient {
    /// Every connection of the hub.
    Everyone,
    /// Every connection of one user.
    User(UserId),
    /// Every connection in one group.
    Group(GroupName),
    /// One connection.
    Connection(ConnectionId),
}

/// A call of a client method: `{"target":"newMessage","arguments":[...]}` and at most one of `userId`, `groupName`,
/// `connectionId`.
///
/// ```
/// use azure_signalr::{Message, Target};
///
/// let message = Message::to_user("alice".parse()?, Target::from_static("newMessage")).argument(&"hello")?;
/// assert_eq!(serde_json::to_string(&message)?, r#"{"target":"newMessage","arguments":["hello"],"userId":"alice"}"#);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone)]
pub struct Message {
    /// The client method.
    pub target: Target,
    /// Its arguments, as JSON that is passed on byte for byte: a large integer stays exact, `1.0` stays `1.0`.
    pub arguments: Vec<Box<RawValue>>,
    /// Who receives it.
    pub recipient: Recipient,
}

impl Message {
    /// A message, still without arguments, to every connection of the hub.
    pub fn to_everyone(target: Target) -> Self {
        Self::to(Recipient::Everyone, target)
    }

    /// A message, still without arguments, to every connection of a user.
    pub fn to_user(user_id: UserId, target: Target) -> Self {
        Self::to(Recipient::User(user_id), target)
    }

    /// A message, still without arguments, to every connection in a group.
    pub fn to_group(group_name: GroupName, target: Target) -> Self {
        Self::to(Recipient::Group(group_name), target)
    }

    /// A message, still without arguments, to one connection.
    pub fn to_connection(connection_id: ConnectionId, target: Target) -> Self {
        Self::to(Recipient::Connection(connection_id), target)
    }

    /// A message, still without arguments, to `recipient`.
    pub fn to(recipient: Recipient, target: Target) -> Self {
        Invocation::new(target).to(recipient)
    }

    /// Appends one argument.
    ///
    /// # Errors
    ///
    /// When `value` cannot be written as JSON, for example a map whose keys are not text.
    pub fn argument<T: Serialize + ?Sized>(self, value: &T) -> Result<Self, serde_json::Error> {
        let (call, recipient) = self.split();
        Ok(call.argument(value)?.to(recipient))
    }

    /// Appends one argument that is JSON already.
    #[must_use]
    pub fn raw_argument(self, json: Box<RawValue>) -> Self {
        let (call, recipient) = self.split();
        call.raw_argument(json).to(recipient)
    }

    fn split(self) -> (Invocation, Recipient) {
        (Invocation { target: self.target, arguments: self.arguments }, self.recipient)
    }
}

impl Serialize for Message {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        #[derive(Serialize)]
        #[serde(rename_all = "camelCase")]
        struct Wire<'a> {
            target: &'a Target,
            arguments: &'a [Box<RawValue>],
            #[serde(flatten)]
            recipient: Subject<'a>,
        }

        let recipient = match &self.recipient {
            Recipient::Everyone => Subject::default(),
            Recipient::User(user_id) => Subject { user_id: Some(user_id), ..Subject::default() },
            Recipient::Group(group_name) => Subject { group_name: Some(group_name), ..Subject::default() },
            Recipient::Connection(connection_id) => {
                Subject { connection_id: Some(connection_id), ..Subject::default() }
            }
        };
        Wire { target: &self.target, arguments: &self.arguments, recipient }.serialize(serializer)
    }
}

/// One element of the `signalR` output binding's array.
#[derive(Debug, Clone, Serialize)]
#[serde(untagged)]
pub enum OutputItem {
    /// A message to clients.
    Message(Message),
    /// A change of group membership.
    GroupAction(GroupAction),
}

impl From<Message> for OutputItem {
    fn from(message: Message) -> Self {
        Self::Message(message)
    }
}

impl From<GroupAction> for OutputItem {
    fn from(action: GroupAction) -> Self {
        Self::GroupAction(action)
    }
}

#[cfg(test)]
mod tests;
