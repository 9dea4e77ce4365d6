//! `statusUpdate`: tells every client how the system is doing, on a schedule.

use super::MESSAGES;
use crate::App;
use crate::error::RunError;
use crate::status::Status;
use axum::extract::State;
use azure_signalr::Message;
use custom_handler::{Invocation, InvocationRejection, InvocationResult};

/// The method that clients listen to.
const TARGET: &str = "statusUpdate";

pub(super) async fn status_update(
    State(app): State<App>,
    invocation: Result<Invocation, InvocationRejection>,
) -> Result<InvocationResult, RunError> {
    let timer = invocation?.timer("timer")?;
    let status = Status::gather(&app.service).await;
    let message = Message::to_everyone(TARGET.parse()?).argument(&status)?;
    let late = if timer.is_past_due { ", later than planned" } else { "" };
    // The host sends it after this line is written, and may fail to.
    let log = format!("sending `{TARGET}` to all clients{late}");
    Ok(InvocationResult::new().output(MESSAGES, &[message])?.log(log))
}
