//! Changes of group membership, as the `signalR` output binding reads them (signalr-bindings 5.1).
//!
//! The key is `action`. `actionName`, which tutorials copy from the Web `PubSub` binding, is understood when it is read, with a warning, and never
//! written: the SignalR extension refuses it (signalr-bindings 5.6).

use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::{ConnectionId, GroupName, UserId};

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
///
/// It is read from the same form, keys and action in any case. What the binding would refuse is refused here: an action without a
/// group or without somebody, and an empty name.
///
/// ```
/// use azure_signalr::GroupAction;
///
/// // As tutorials have it; the log says what is wrong with it.
/// let action: GroupAction = serde_json::from_str(r#"{"actionName":"add","userId":"alice","groupName":"admins"}"#)?;
/// assert_eq!(serde_json::to_string(&action)?, r#"{"action":"add","userId":"alice","groupName":"admins"}"#);
/// assert!(serde_json::from_str::<GroupAction>(r#"{"action":"add","groupName":"admins"}"#).is_err());
/// # Ok::<(), serde_json::Error>(())
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

impl<'de> Deserialize<'de> for GroupAction {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Fields::read(&serde_json::Map::deserialize(deserializer)?).and_then(Fields::action).map_err(D::Error::custom)
    }
}

/// What an action that is read says, before it is one.
struct Fields {
    action: String,
    member: Member,
    group: Option<GroupName>,
}

impl Fields {
    fn read(object: &serde_json::Map<String, serde_json::Value>) -> Result<Self, String> {
        let value = |name: &str| {
            let found = object.iter().find(|(key, _)| key.eq_ignore_ascii_case(name)).map(|(_, value)| value);
            match found {
                None | Some(serde_json::Value::Null) => Ok(None),
                Some(serde_json::Value::String(text)) => Ok(Some(text.clone())),
                Some(_) => Err(format!("`{name}` is no text")),
            }
        };
        let of_web_pub_sub = || -> Result<Option<String>, String> {
            let action = value("actionName")?;
            if action.is_some() {
                tracing::warn!(
                    "`actionName` belongs to Web PubSub, and the SignalR binding refuses it; write `action`"
                );
            }
            Ok(action)
        };
        let action = value("action")?.map_or_else(of_web_pub_sub, |action| Ok(Some(action)))?;
        let name = |error: crate::NameError| error.to_string();
        let connection = value("connectionId")?.map(ConnectionId::try_from).transpose().map_err(name)?;
        let user = value("userId")?.map(UserId::try_from).transpose().map_err(name)?;
        let member = connection.map(Member::Connection).or_else(|| user.map(Member::User));
        Ok(Self {
            action: action.ok_or("`action` is missing; it is `add`, `remove` or `removeAll`")?,
            member: member.ok_or("ConnectionId and UserId cannot be null or empty together")?,
            group: value("groupName")?.map(GroupName::try_from).transpose().map_err(name)?,
        })
    }

    fn action(self) -> Result<GroupAction, String> {
        let Self { action, member, group } = self;
        let group = group.ok_or("groupName cannot be null or empty");
        match (action.to_ascii_lowercase().as_str(), member) {
            ("add", member) => Ok(GroupAction::Add { member, group: group? }),
            ("remove", member) => Ok(GroupAction::Remove { member, group: group? }),
            ("removeall", Member::User(user_id)) => Ok(GroupAction::RemoveUserFromAll(user_id)),
            // The binding would send nothing and say nothing (signalr-bindings 5.4).
            ("removeall", Member::Connection(_)) => {
                Err("`removeAll` does nothing for a connection; use `remove` for each group".to_owned())
            }
            _ => Err(format!("`{action}` is no action; it is `add`, `remove` or `removeAll`")),
        }
    }
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

#[derive(Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Subject<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) user_id: Option<&'a UserId>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) connection_id: Option<&'a ConnectionId>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) group_name: Option<&'a GroupName>,
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
    use super::GroupAction;

    #[track_caller]
    fn check(json: &str, expected: Result<&str, &str>) {
        let read = serde_json::from_str::<GroupAction>(json);
        let read = read.map(|action| serde_json::to_string(&action).unwrap()).map_err(|error| error.to_string());
        assert_eq!(read.as_deref().map_err(String::as_str), expected, "{json}");
    }

    #[test]
    fn an_action_is_read_as_the_binding_reads_it_and_written_with_action() {
        let add = r#"{"action":"add","userId":"u","groupName":"g"}"#;
        check(add, Ok(add));
        check(r#"{"ACTION":"Add","UserId":"u","GroupName":"g","extra":1}"#, Ok(add));
        check(r#"{"actionName":"add","userId":"u","groupName":"g","connectionId":null}"#, Ok(add));
        let remove = r#"{"action":"remove","connectionId":"c","groupName":"g"}"#;
        check(r#"{"action":"remove","connectionId":"c","userId":"u","groupName":"g"}"#, Ok(remove));
        check(r#"{"action":"removeAll","userId":"u","groupName":"g"}"#, Ok(r#"{"action":"removeAll","userId":"u"}"#));
    }

    #[test]
    fn what_the_binding_would_refuse_is_refused() {
        check(r#"{"action":"add","groupName":"g"}"#, Err("ConnectionId and UserId cannot be null or empty together"));
        check(
            r#"{"action":"add","userId":"","groupName":"g"}"#,
            Err("invalid user id: it is empty; to reach everybody, say so with `Recipient::Everyone`"),
        );
        check(r#"{"action":"add","userId":"u"}"#, Err("groupName cannot be null or empty"));
        check(r#"{"userId":"u"}"#, Err("`action` is missing; it is `add`, `remove` or `removeAll`"));
        check(r#"{"action":"join","userId":"u"}"#, Err("`join` is no action; it is `add`, `remove` or `removeAll`"));
        check(r#"{"action":1,"userId":"u"}"#, Err("`action` is no text"));
        check(
            r#"{"action":"removeAll","connectionId":"c"}"#,
            Err("`removeAll` does nothing for a connection; use `remove` for each group"),
        );
    }
}
