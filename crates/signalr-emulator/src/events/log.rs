//! The log: one line per event.
//!
//! What somebody has to act on is a warning and names the cure; what merely happens often is for `debug`.

use http::StatusCode;

use super::{Event, UpstreamOutcome};

/// Whether lines for `debug` are written.
pub(super) fn is_detailed() -> bool {
    tracing::enabled!(tracing::Level::DEBUG)
}

/// Writes the line of an event.
pub(super) fn write(event: &Event) {
    match event {
        Event::Connected { .. }
        | Event::Disconnected { .. }
        | Event::DroppedSlowConsumer { .. }
        | Event::Received { .. }
        | Event::Unheard { .. } => write_client(event),
        Event::Called { .. } | Event::Answered { .. } | Event::Refused { .. } => write_call(event),
        Event::JoinedGroup { .. } | Event::LeftGroup { .. } | Event::Closed { .. } => write_change(event),
        Event::Sent { .. } | Event::Streamed { .. } => write_message(event),
        // There may be thousands of them, and `sent` has their number.
        Event::Delivered { .. } | Event::Dropped { .. } => {}
        Event::UpstreamCalled { hub, category, event, connection_id, url, .. } => {
            tracing::debug!(hub, %category, event, connection_id, url, "called the upstream");
        }
        Event::UpstreamAnswered { .. } => write_answer(event),
    }
}

fn write_client(event: &Event) {
    match event {
        Event::Connected { hub, connection_id, user_id, transport, protocol } => {
            tracing::info!(event = "connected", hub, connection_id, user_id, transport, protocol, "a client connected");
        }
        Event::Disconnected { hub, connection_id, user_id, reason } => {
            tracing::info!(event = "disconnected", hub, connection_id, user_id, reason, "a client disconnected");
        }
        Event::DroppedSlowConsumer { hub, connection_id } => {
            tracing::warn!(event = "dropped", hub, connection_id, "closed a connection that did not read fast enough");
        }
        Event::Received { hub, connection_id, kind, target, bytes, .. } => {
            tracing::debug!(event = "received", hub, connection_id, kind, target, bytes, "a client sent a message");
        }
        Event::Unheard { hub, target, cause } => tracing::warn!(
            hub,
            target,
            "a client called `{target}` and nobody listens; an `invoke` waits for ever in Azure; {cause}"
        ),
        _ => {}
    }
}

fn write_call(event: &Event) {
    match event {
        Event::Called { call, method, path } => {
            let (call, correlation) = (call.id, call.correlation.as_deref());
            tracing::debug!(event = "called", call, correlation, method, path, "a REST call came");
        }
        Event::Answered { call, status, elapsed } => {
            let (call, status) = (call.id, status.as_u16());
            tracing::debug!(event = "answered", call, status, ?elapsed, "a REST call was answered");
        }
        Event::Refused { surface, status, reason, call, .. } => {
            let (status, call) = (status.as_u16(), call.as_ref().map(|call| call.id));
            tracing::warn!(event = "refused", status, call, reason, "refused a {surface} request");
        }
        _ => {}
    }
}

fn write_change(event: &Event) {
    match event {
        Event::JoinedGroup { hub, group, member, connections, call } => {
            let call = call.as_ref().map(|call| call.id);
            tracing::debug!(event = "joined", hub, call, group, %member, connections, "joined a group");
        }
        Event::LeftGroup { hub, group, member, call } => {
            tracing::debug!(event = "left", hub, call = call.id, group, %member, "left a group, or all of them");
        }
        Event::Closed { hub, call, to, connections } => {
            tracing::debug!(event = "closed", hub, call = call.id, %to, connections, "closed connections");
        }
        _ => {}
    }
}

fn write_message(event: &Event) {
    match event {
        Event::Sent { hub, call, target, to, queued: 0, dropped: 0, .. } => {
            let told = "a message reached nobody; the service answers 202 all the same";
            tracing::info!(event = "sent", hub, call = call.id, target, %to, "{told}");
        }
        Event::Sent { hub, call, target, to, bytes, queued, dropped } => {
            let call = call.id;
            tracing::debug!(event = "sent", hub, call, target, %to, bytes, queued, dropped, "sent a message");
        }
        Event::Streamed { hub, call, connection_id, stream_id, queued: false, .. } => {
            let told = "an item or the end of a stream reached nobody; the service answers 202 all the same";
            tracing::info!(event = "streamed", hub, call = call.id, connection_id, stream_id, "{told}");
        }
        Event::Streamed { hub, call, connection_id, stream_id, bytes, .. } => {
            let (call, told) = (call.id, "sent an item or the end of a stream");
            tracing::debug!(event = "streamed", hub, call, connection_id, stream_id, bytes, "{told}");
        }
        _ => {}
    }
}

fn write_answer(event: &Event) {
    let Event::UpstreamAnswered { hub, category, event, connection_id, outcome, elapsed, .. } = event else { return };
    match outcome {
        outcome if outcome.is_expected() => {
            tracing::debug!(hub, %category, event, connection_id, ?elapsed, "the upstream answered");
        }
        // The words of the official emulator (signalr-service 3.7).
        UpstreamOutcome::Status(status) => tracing::warn!(
            connection_id,
            status = status.as_u16(),
            ?elapsed,
            "The response for {{hub}}={hub},{{event}}={event},{{category}}={category} is unexpected: {}.",
            dotnet_name(*status)
        ),
        UpstreamOutcome::Failed(error) => tracing::warn!(
            hub,
            %category,
            event,
            connection_id,
            ?elapsed,
            "the upstream did not answer: {error}; start the function app, or correct the address of the upstream"
        ),
    }
}

/// A status as .NET names it: `NotFound`.
fn dotnet_name(status: StatusCode) -> String {
    status.canonical_reason().map_or_else(|| status.as_str().to_owned(), |reason| reason.replace(' ', ""))
}
