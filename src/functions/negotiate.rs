//! `negotiate`: gives a client the address of the SignalR service and a token for it.
//!
//! For somebody anonymous the host has minted both; they arrive as an input. For somebody who has signed in the handler mints them
//! itself: a binding expression for the user fails the whole call of whoever has not signed in (signalr-bindings 4.3).

use crate::api::ConnectionInfo;
use crate::error::{CallError, Challenge};
use crate::identity::{Caller, Now};
use crate::invocation::Call;
use crate::outputs::Reply;
use crate::rights::Act;
use crate::service::AdmissionError;
use custom_handler::{HttpResponse, InvocationResult};

pub(super) async fn negotiate(call: Call) -> Result<InvocationResult<Reply>, CallError> {
    call.may(Act::Connect)?;
    let (info, user): (ConnectionInfo, _) = match &call.caller {
        Caller::Anonymous => (call.input("connectionInfo")?, None),
        Caller::User(principal) => {
            let info = call.app.service.admit(principal, Now::read()).await.map_err(not_admitted)?;
            (info, Some(&principal.user_id))
        }
    };
    call.app.upstream.let_in(user);
    let response = HttpResponse::json(200, &info).map_err(CallError::internal)?;
    // A token must never come out of a cache.
    Ok(InvocationResult::new(Reply { res: response.header("cache-control", "no-store") }))
}

fn not_admitted(error: AdmissionError) -> CallError {
    match error {
        AdmissionError::SignInEnds => {
            CallError::Unauthorized { detail: error.to_string(), challenge: Challenge::InvalidToken }
        }
        AdmissionError::Service(_) => CallError::Unavailable {
            detail: "SignalR Service does not let anybody in at the moment; try again".to_owned(),
            reason: crate::error::chain(&error),
        },
        other => CallError::internal(other),
    }
}
