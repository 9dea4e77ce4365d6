//! `negotiate`: gives a client the address of the SignalR service and a token for it.
//!
//! The host has minted both; they arrive as an input of the invocation.

use super::HTTP_TRIGGER;
use crate::error::{CallError, HTTP_OUTPUT};
use custom_handler::{HttpResponse, Invocation, InvocationRejection, InvocationResult};
use serde::{Deserialize, Serialize};

/// The value of a `signalRConnectionInfo` binding (signalr-bindings 4.4), and the answer that SignalR clients follow as a redirect
/// (signalr-protocol 2.4).
#[derive(Debug, Deserialize, Serialize)]
#[serde(rename_all = "camelCase")]
struct ConnectionInfo {
    url: String,
    access_token: String,
}

pub(super) async fn negotiate(
    invocation: Result<Invocation, InvocationRejection>,
) -> Result<InvocationResult, CallError> {
    let invocation = invocation?;
    invocation.http_request(HTTP_TRIGGER).map_err(CallError::internal)?;
    let info: ConnectionInfo = invocation.input("connectionInfo").map_err(CallError::internal)?;
    let response = HttpResponse::json(200, &info).map_err(CallError::internal)?;
    // A token must never come out of a cache.
    Ok(InvocationResult::new().http(HTTP_OUTPUT, &response.header("cache-control", "no-store")))
}
