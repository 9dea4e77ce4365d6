//! `broadcast`, `sendToUser` and `sendToGroup`: one message to everyone, to one user or to one group. The body is the same for all.

use crate::error::{CallError, shown};
use crate::invocation::Call;
use crate::message_body;
use crate::outputs::ReplyAndMessages;
use crate::rights::{Act, sending_to};
use azure_signalr::Recipient;
use custom_handler::InvocationResult;

pub(super) async fn broadcast(call: Call) -> Result<InvocationResult<ReplyAndMessages>, CallError> {
    call.may(Act::Send)?;
    send(&call, Recipient::Everyone, "all clients")
}

pub(super) async fn send_to_user(call: Call) -> Result<InvocationResult<ReplyAndMessages>, CallError> {
    call.may(Act::Send)?;
    send(&call, Recipient::User(call.parameter("userId")?), "one user")
}

pub(super) async fn send_to_group(call: Call) -> Result<InvocationResult<ReplyAndMessages>, CallError> {
    let group = call.parameter("groupName")?;
    call.may(sending_to(&group))?;
    send(&call, Recipient::Group(group), "one group")
}

fn send(call: &Call, recipient: Recipient, whom: &str) -> Result<InvocationResult<ReplyAndMessages>, CallError> {
    let (message, res) = message_body::read(&call.request, recipient)?;
    // The host sends it after this line is written, and may fail to.
    tracing::info!("sending `{}` to {whom}", shown(message.target.as_str()));
    Ok(InvocationResult::new(ReplyAndMessages { res, messages: vec![message.into()] }))
}
