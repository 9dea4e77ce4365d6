//! `userInGroup`, `connectionInGroup` and `userGroups`: who is in which group, changed by a caller who may.
//!
//! The methods are `PUT` and `DELETE`; function.json lets no other through.

use crate::api::Accepted;
use crate::error::{CallError, chain};
use crate::identity::Caller;
use crate::invocation::Call;
use crate::outputs::ReplyAndMessages;
use crate::presence::{self, ONLINE, PresenceError, online};
use crate::rights::{Act, Change, membership};
use azure_signalr::rest::GroupMember;
use azure_signalr::{ConnectionId, GroupAction, GroupName, Member, OutputItem, UserId};
use custom_handler::{HttpResponse, InvocationResult};

pub(super) async fn user_in_group(call: Call) -> Result<InvocationResult<ReplyAndMessages>, CallError> {
    let (user, change) = (call.parameter::<UserId>("userId")?, change(&call)?);
    let group = group(&call)?;
    call.may(membership(&call.caller, &user, &group, change))?;
    accepted([action(change, Member::User(user), group)])
}

pub(super) async fn connection_in_group(call: Call) -> Result<InvocationResult<ReplyAndMessages>, CallError> {
    // Whose connection it is, the id does not say.
    call.may(Act::ManageGroups)?;
    let connection = call.parameter::<ConnectionId>("connectionId")?;
    accepted([action(change(&call)?, Member::Connection(connection), group(&call)?)])
}

/// "All groups" are all but the one that presence is counted by: the connections of the user are put back into it.
pub(super) async fn user_groups(call: Call) -> Result<InvocationResult<ReplyAndMessages>, CallError> {
    let user = call.parameter::<UserId>("userId")?;
    let own = matches!(&call.caller, Caller::User(principal) if principal.user_id == user);
    call.may(if own { Act::ChangeOwnGroups } else { Act::ManageGroups })?;
    let connections = connections_of(&call, &user).await.unwrap_or_else(|error| {
        tracing::warn!(
            error = chain(&error),
            "the user leaves `{ONLINE}` too, and is not counted until the next connect"
        );
        Vec::new()
    });
    let back = connections.into_iter().map(|connection| {
        let member = Member::Connection(connection);
        GroupAction::Add { member, group: online() }
    });
    accepted([GroupAction::RemoveUserFromAll(user)].into_iter().chain(back))
}

/// Listing all connections takes long where there are many, so only a user who is there is looked for.
async fn connections_of(call: &Call, user: &UserId) -> Result<Vec<ConnectionId>, PresenceError> {
    let hub = call.app.service.hub().ok_or(PresenceError::NoService)?;
    let mut connections = Vec::new();
    if hub.user(user).exists().await? {
        let own =
            |member: GroupMember| (member.user_id.as_deref() == Some(user.as_str())).then_some(member.connection_id);
        presence::for_each_connection(Some(hub), |member| connections.extend(own(member))).await?;
    }
    Ok(connections)
}

fn change(call: &Call) -> Result<Change, CallError> {
    match call.request.method() {
        method if method.eq_ignore_ascii_case("PUT") => Ok(Change::Join),
        method if method.eq_ignore_ascii_case("DELETE") => Ok(Change::Leave),
        _ => Err(CallError::BadRequest { detail: "send `PUT` to join and `DELETE` to leave".to_owned(), field: None }),
    }
}

fn group(call: &Call) -> Result<GroupName, CallError> {
    let group: GroupName = call.parameter("groupName")?;
    if group.as_str() == ONLINE {
        let detail =
            format!("the group `{ONLINE}` is this app's own, by which presence is counted; choose another one");
        return Err(CallError::BadRequest { detail, field: Some("groupName".to_owned()) });
    }
    Ok(group)
}

fn action(change: Change, member: Member, group: GroupName) -> GroupAction {
    match change {
        Change::Join => GroupAction::Add { member, group },
        Change::Leave => GroupAction::Remove { member, group },
    }
}

fn accepted(actions: impl IntoIterator<Item = GroupAction>) -> Result<InvocationResult<ReplyAndMessages>, CallError> {
    let messages: Vec<OutputItem> = actions.into_iter().map(OutputItem::from).collect();
    tracing::info!("changing groups, {} actions", messages.len());
    let res = HttpResponse::json(200, &Accepted { accepted: true }).map_err(CallError::internal)?;
    Ok(InvocationResult::new(ReplyAndMessages { res, messages }))
}
