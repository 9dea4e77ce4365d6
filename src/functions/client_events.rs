//! `connected`, `joinGroup` and `leaveGroup`: what the service reports of its clients, and what they call.
//!
//! Who the client is, its token has said; the host has checked that the report comes from the service (signalr-bindings 6.4). A call that
//! is refused is a success with a reason in its result: a failed invocation would tell the client no more than a status.

use crate::App;
use crate::api::GroupMembership;
use crate::error::{RunError, shown};
use crate::identity::{Caller, Principal};
use crate::outputs::Messages;
use crate::presence::{ONLINE, online};
use crate::rights::{self, Act, Change, PRIVATE};
use azure_signalr::{ConnectionId, GroupAction, GroupName, Member};
use custom_handler::{ClientEvent, Invocation, InvocationResult};
use std::collections::BTreeSet;

/// The name of the `signalRTrigger` binding in every function.json.
const SIGNALR_TRIGGER: &str = "event";

type Completion = InvocationResult<Messages, GroupMembership>;

pub(super) async fn connected(app: App, invocation: Invocation) -> Result<InvocationResult<Messages>, RunError> {
    let event: ClientEvent = invocation.input(SIGNALR_TRIGGER)?;
    app.upstream.reported();
    let member = Member::Connection(event.connection_id.parse()?);
    let join = GroupAction::Add { member, group: online() };
    Ok(InvocationResult::new(Messages { messages: vec![join.into()] }))
}

pub(super) async fn join_group(app: App, invocation: Invocation) -> Result<Completion, RunError> {
    move_connection(&app, &invocation, Change::Join)
}

pub(super) async fn leave_group(app: App, invocation: Invocation) -> Result<Completion, RunError> {
    move_connection(&app, &invocation, Change::Leave)
}

fn move_connection(app: &App, invocation: &Invocation, change: Change) -> Result<Completion, RunError> {
    let event: ClientEvent = invocation.input(SIGNALR_TRIGGER)?;
    let connection: ConnectionId = event.connection_id.parse()?;
    let argument = event.arguments.as_ref().and_then(|arguments| arguments.first());
    let text = argument.and_then(|argument| argument.as_str()).unwrap_or_default();
    let group = match permitted(app, &event, text, change) {
        Ok(group) => group,
        Err(problem) => {
            tracing::info!("refused: {problem}");
            return Ok(completion(Vec::new(), text, false, Some(problem)));
        }
    };
    let member = Member::Connection(connection);
    let action = match change {
        Change::Join => GroupAction::Add { member, group },
        Change::Leave => GroupAction::Remove { member, group },
    };
    Ok(completion(vec![action], text, change == Change::Join, None))
}

/// The group that `text` names, if the client's connection may join or leave it.
fn permitted(app: &App, event: &ClientEvent, text: &str, change: Change) -> Result<GroupName, String> {
    let group: GroupName = text.parse().map_err(|error| format!("`{}` cannot be used; {error}", shown(text)))?;
    if group.as_str() == ONLINE {
        return Err(format!(
            "the group `{ONLINE}` is this app's own, by which presence is counted; choose another one"
        ));
    }
    if change == Change::Join && rights::is_private(&group) {
        return Err(format!("nobody joins a group `{PRIVATE}…` by asking; whoever manages groups adds its members"));
    }
    let caller = client(event)?;
    rights::check(app.identity.config(), &caller, Act::MoveOwnConnection).map_err(|_| {
        "the connection belongs to nobody, and this takes somebody; sign in and connect again".to_owned()
    })?;
    Ok(group)
}

/// Its roles do not matter here: no role lets a connection move another one.
fn client(event: &ClientEvent) -> Result<Caller, String> {
    let Some(user) = event.user() else { return Ok(Caller::Anonymous) };
    let user_id = user.parse().map_err(|error| format!("the user id cannot be used; {error}"))?;
    Ok(Caller::User(Principal { user_id, roles: BTreeSet::new(), claims: Vec::new(), ends: None }))
}

fn completion(actions: Vec<GroupAction>, group: &str, member: bool, problem: Option<String>) -> Completion {
    let messages = actions.into_iter().map(Into::into).collect();
    let membership = GroupMembership { group_name: group.to_owned(), member, problem };
    InvocationResult::new(Messages { messages }).return_value(membership)
}
