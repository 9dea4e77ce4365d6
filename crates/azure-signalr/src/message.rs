//! Messages and group actions, as the `signalR` output binding reads them (signalr-bindings 5.1).
//!
//! The binding treats an absent recipient as "everybody", so here everybody has to be named: [`Recipient::Everyone`].

use serde::{Serialize, Serializer};
use serde_json::value::{RawValue, to_raw_value};

use crate::{ConnectionId, GroupName, Target, UserId};

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
        Self { target, arguments: Vec::new(), recipient }
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

/// Who joins or leaves one group.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Member {
    /// A user: all their connections, now and later.
    User(UserId),
    /// One connection, until it ends.
    Connection(ConnectionId),
}

/// A change of group membership: `{"action":"add","userId":"u1","groupName":"g1"}`.
///
/// There is no "remove a connection from all groups": the binding accepts it and then silently sends nothing
/// (signalr-bindings 5.4).
///
/// ```
/// use azure_signalr::{GroupAction, Member};
///
/// let action = GroupAction::Add { member: Member::User("alice".parse()?), group: "admins".parse()? };
/// assert_eq!(serde_json::to_string(&action)?, r#"{"action":"add","userId":"alice","groupName":"admins"}"#);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum GroupAction {
    /// Adds `member` to `group`.
    Add {
        /// Who joins.
        member: Member,
        /// The group; it exists as soon as it has a member.
        group: GroupName,
    },
    /// Removes `member` from `group`.
    Remove {
        /// Who leaves.
        member: Member,
        /// The group.
        group: GroupName,
    },
    /// Removes a user from every group.
    RemoveUserFromAll(UserId),
}

impl Serialize for GroupAction {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        #[derive(Serialize)]
        struct Wire<'a> {
            // Never `actionName`: that is Web PubSub, and the SignalR extension refuses it (signalr-bindings 5.6).
            action: &'static str,
            #[serde(flatten)]
            subject: Subject<'a>,
        }

        let (action, subject) = match self {
            Self::Add { member, group } => ("add", Subject::in_group(member, group)),
            Self::Remove { member, group } => ("remove", Subject::in_group(member, group)),
            Self::RemoveUserFromAll(user_id) => ("removeAll", Subject { user_id: Some(user_id), ..Subject::default() }),
        };
        Wire { action, subject }.serialize(serializer)
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

#[derive(Default, Serialize)]
#[serde(rename_all = "camelCase")]
struct Subject<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    user_id: Option<&'a UserId>,
    #[serde(skip_serializing_if = "Option::is_none")]
    connection_id: Option<&'a ConnectionId>,
    #[serde(skip_serializing_if = "Option::is_none")]
    group_name: Option<&'a GroupName>,
}

impl<'a> Subject<'a> {
    fn in_group(member: &'a Member, group: &'a GroupName) -> Self {
        let group_name = Some(group);
        match member {
            Member::User(user_id) => Self { user_id: Some(user_id), group_name, ..Self::default() },
            Member::Connection(connection_id) => {
                Self { connection_id: Some(connection_id), group_name, ..Self::default() }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::value::RawValue;

    use super::{GroupAction, Member, Message, OutputItem, Recipient};
    use crate::Target;

    const TARGET: Target = Target::from_static("newMessage");

    #[track_caller]
    fn check(item: impl Into<OutputItem>, expected: &str) {
        assert_eq!(serde_json::to_string(&item.into()).unwrap(), expected);
    }

    #[test]
    fn a_message_names_its_recipient_or_everyone() {
        let message = |recipient| Message::to(recipient, TARGET);
        check(message(Recipient::Everyone), r#"{"target":"newMessage","arguments":[]}"#);
        check(message(Recipient::User("u".parse().unwrap())), r#"{"target":"newMessage","arguments":[],"userId":"u"}"#);
        check(
            message(Recipient::Group("g".parse().unwrap())),
            r#"{"target":"newMessage","arguments":[],"groupName":"g"}"#,
        );
        check(
            message(Recipient::Connection("c".parse().unwrap())),
            r#"{"target":"newMessage","arguments":[],"connectionId":"c"}"#,
        );
    }

    #[test]
    fn arguments_pass_byte_for_byte() {
        let raw = |json: &str| RawValue::from_string(json.to_owned()).unwrap();
        let message = Message::to_everyone(TARGET)
            .raw_argument(raw("12345678901234567890123"))
            .raw_argument(raw("1.0"))
            .raw_argument(raw(r#"{"b": 1,"a":"\u00e9"}"#))
            .argument(&Some("x"))
            .unwrap();
        check(
            message,
            r#"{"target":"newMessage","arguments":[12345678901234567890123,1.0,{"b": 1,"a":"\u00e9"},"x"]}"#,
        );
    }

    #[test]
    fn a_group_action_is_named_by_action() {
        let user = || Member::User("u".parse().unwrap());
        let connection = || Member::Connection("c".parse().unwrap());
        let group = || "g".parse().unwrap();
        check(GroupAction::Add { member: user(), group: group() }, r#"{"action":"add","userId":"u","groupName":"g"}"#);
        check(
            GroupAction::Remove { member: connection(), group: group() },
            r#"{"action":"remove","connectionId":"c","groupName":"g"}"#,
        );
        check(GroupAction::RemoveUserFromAll("u".parse().unwrap()), r#"{"action":"removeAll","userId":"u"}"#);
    }

    #[test]
    fn items_have_the_shape_that_the_binding_reads() {
        let member = || Member::User("u1".parse().unwrap());
        let group = || "g1".parse().unwrap();
        let message = Message::to_user("u1".parse().unwrap(), TARGET).argument("x").unwrap().argument(&1).unwrap();
        let items: [OutputItem; 5] = [
            message.argument(&serde_json::json!({"k": true})).unwrap().into(),
            Message::to_everyone(TARGET).into(),
            GroupAction::Add { member: member(), group: group() }.into(),
            GroupAction::Remove { member: Member::Connection("c1".parse().unwrap()), group: group() }.into(),
            GroupAction::RemoveUserFromAll("u1".parse().unwrap()).into(),
        ];
        let fixture = include_str!("../fixtures/output-items.signalr-bindings-5.1.json");
        assert_eq!(serde_json::to_string(&items).unwrap(), fixture.trim_end());
    }

    #[test]
    fn an_argument_that_is_not_json_is_refused() {
        let not_json = std::collections::BTreeMap::from([(vec![1], 2)]);
        assert!(Message::to_everyone(TARGET).argument(&not_json).is_err());
    }
}
