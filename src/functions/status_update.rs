//! `statusUpdate`: tells every client how the system is doing, on a schedule.

use crate::App;
use crate::error::RunError;
use crate::outputs::Messages;
use crate::status;
use azure_signalr::{Message, Target};
use custom_handler::{Invocation, InvocationResult};

/// The method that clients listen to.
const TARGET: Target = Target::from_static("statusUpdate");

pub(super) async fn status_update(app: App, invocation: Invocation) -> Result<InvocationResult<Messages>, RunError> {
    let timer = invocation.timer("timer")?;
    let status = status::gather(&app).await;
    let message = Message::to_everyone(TARGET).argument(&status)?;
    let late = if timer.is_past_due { ", later than planned" } else { "" };
    // The host sends it after this line is written, and may fail to.
    tracing::info!("sending `{TARGET}` to all clients{late}");
    Ok(InvocationResult::new(Messages { messages: vec![message.into()] }))
}
