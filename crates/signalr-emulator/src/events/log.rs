//! The log: one line per event.
//!
//! What somebody has to act on is a warning and names the cure; what merely happens often is for `debug`.

use http::StatusCode;

use super::{Event, UpstreamOutcome};

/// Writes the line of an event.
pub(super) fn write(event: &Event) {
    match event {
        Event::Connected { hub, connection_id, user_id, transport } => {
            tracing::info!(event = "connected", hub, connection_id, user_id, transport, "a client connected");
        }
        Event::Disconnected { hub, connection_id, user_id, reason } => {
            tracing::info!(event = "disconnected", hub, connection_id, user_id, reason, "a client disconnected");
        }
        Event::DroppedSlowConsumer { hub, connection_id } => {
            tracing::warn!(event = "dropped", hub, connection_id, "closed a connection that did not read fast enough");
        }
        Event::Received { hub, connection_id, kind, bytes } => {
            tracing::debug!(event = "received", hub, connection_id, kind, bytes, "a client sent a message");
        }
        Event::JoinedGroup { hub, group, member, connections } => {
            tracing::debug!(event = "joined", hub, group, %member, connections, "joined a group");
        }
        Event::LeftGroup { hub, group, member } => {
            tracing::debug!(event = "left", hub, group, %member, "left a group, or all of them");
        }
        Event::Sent { hub, target, to, queued: 0, dropped: 0, .. } => {
            tracing::info!(event = "sent", hub, target, %to, "a message reached nobody; the service answers 202 all the same");
        }
        Event::Sent { hub, target, to, bytes, queued, dropped } => {
            tracing::debug!(event = "sent", hub, target, %to, bytes, queued, dropped, "sent a message");
        }
        Event::Streamed { hub, connection_id, stream_id, queued: false, .. } => tracing::info!(
            event = "streamed",
            hub,
            connection_id,
            stream_id,
            "an item or the end of a stream reached nobody; the service answers 202 all the same"
        ),
        Event::Streamed { hub, connection_id, stream_id, bytes, .. } => {
            tracing::debug!(
                event = "streamed",
                hub,
                connection_id,
                stream_id,
                bytes,
                "sent an item or the end of a stream"
            );
        }
        Event::Refused { surface, status, reason } => {
            tracing::warn!(event = "refused", status = status.as_u16(), reason, "refused a {surface} request");
        }
        Event::Unheard { hub, target, cause } => {
            tracing::warn!(
                hub,
                target,
                "a client called `{target}` and nobody listens, so it waits for ever, as in Azure; {cause}"
            );
        }
        Event::UpstreamCalled { hub, category, event, connection_id, url } => {
            tracing::debug!(hub, %category, event, connection_id, url, "called the upstream");
        }
        Event::UpstreamAnswered { .. } => write_answer(event),
    }
}

fn write_answer(event: &Event) {
    let Event::UpstreamAnswered { hub, category, event, connection_id, outcome, elapsed } = event else { return };
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
