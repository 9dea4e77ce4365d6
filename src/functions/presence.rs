//! `presence` and `userPresence`: who is connected now, and whether somebody is.

use crate::api::UserPresence;
use crate::error::{CallError, chain};
use crate::invocation::Call;
use crate::outputs::Reply;
use crate::presence::PresenceError;
use crate::rights::Act;
use azure_signalr::UserId;
use custom_handler::{HttpResponse, InvocationResult};
use serde::Serialize;

pub(super) async fn presence(call: Call) -> Result<InvocationResult<Reply>, CallError> {
    call.may(Act::SeeWhoIsThere)?;
    let hub = call.app.service.hub();
    let census = call.app.counter.census(hub.clone()).await.map_err(|error| unavailable(&error))?;
    let detail = if census.is_empty() { call.app.upstream.suspicion(hub.as_ref()).await } else { None };
    if let Some(detail) = &detail {
        tracing::warn!("{detail}");
    }
    reply(&census.to_presence(detail))
}

/// The service knows whether a user is there, also where it does not report its clients; how often, only the list says.
pub(super) async fn user_presence(call: Call) -> Result<InvocationResult<Reply>, CallError> {
    call.may(Act::SeeWhoIsThere)?;
    let user: UserId = call.parameter("userId")?;
    let hub = call.app.service.hub().ok_or_else(|| unavailable(&PresenceError::NoService))?;
    let online = hub.user(&user).exists().await.map_err(|error| unavailable(&error.into()))?;
    let connections = if online { count(&call, &user).await? } else { Some(0) };
    reply(&UserPresence { user_id: user.into(), online, connections })
}

async fn count(call: &Call, user: &UserId) -> Result<Option<u32>, CallError> {
    let census = call.app.counter.census(call.app.service.hub()).await.map_err(|error| unavailable(&error))?;
    Ok(census.users.get(user.as_str()).copied())
}

fn unavailable(error: &PresenceError) -> CallError {
    let detail = "SignalR Service cannot say who is connected; the log of this call says why".to_owned();
    CallError::Unavailable { detail, reason: chain(error) }
}

/// What is true now may be wrong in a moment.
fn reply<T: Serialize>(body: &T) -> Result<InvocationResult<Reply>, CallError> {
    let res = HttpResponse::json(200, body).map_err(CallError::internal)?;
    Ok(InvocationResult::new(Reply { res: res.header("cache-control", "no-store") }))
}
