//! What calls of the service have done.
//!
//! Easily missed: receivers and drops are told after the message, and belong to the last one of their call.

use signalr_emulator::{Event, RestCall};

use crate::record::chain::{Call, Drop, Effect, NAMED_DROPS, NAMED_RECEIVERS};
use crate::record::surroundings::Surroundings;

/// A message, if that is what `event` is.
pub(super) fn sent(event: &Event, surroundings: Option<Surroundings>) -> Option<Effect> {
    let Event::Sent { hub, target, to, bytes, queued, dropped, .. } = event else { return None };
    Some(Effect::Sent {
        hub: hub.clone(),
        target: target.clone(),
        to: to.clone(),
        bytes: *bytes,
        delivered: *queued,
        dropped: *dropped,
        receivers: Vec::new(),
        drops: Vec::new(),
        surroundings,
    })
}

/// Anything else that a call has done, and the call.
pub(super) fn other_effect(event: &Event) -> Option<(&RestCall, Effect)> {
    Some(match event {
        Event::JoinedGroup { hub, group, member, connections, call: Some(call) } => {
            let (hub, group, member) = (hub.clone(), group.clone(), member.clone());
            (call, Effect::Joined { hub, group, member, connections: *connections })
        }
        Event::LeftGroup { hub, group, member, call } => {
            (call, Effect::Left { hub: hub.clone(), group: group.clone(), member: member.clone() })
        }
        Event::Closed { hub, call, to, connections } => {
            (call, Effect::Closed { hub: hub.clone(), to: to.clone(), connections: *connections })
        }
        Event::Streamed { hub, connection_id, call, bytes, queued, .. } => {
            let (hub, connection_id) = (hub.clone(), connection_id.clone());
            (call, Effect::Streamed { hub, connection_id, bytes: *bytes, delivered: *queued })
        }
        Event::Received { connection_id, bytes, call: Some(call), .. } => {
            (call, Effect::Answered { connection_id: connection_id.clone(), bytes: *bytes })
        }
        _ => return None,
    })
}

/// The first of those who have the last message of a call.
pub(super) fn name_receivers(call: &mut Call, connection_ids: &[String]) {
    if let Some(Effect::Sent { receivers, .. }) = call.effects.last_mut() {
        let room = NAMED_RECEIVERS.saturating_sub(receivers.len());
        receivers.extend(connection_ids.iter().take(room).cloned());
    }
}

/// Every connection that did not get the message, whatever the service has counted.
pub(super) fn name_drop(call: &mut Call, missed: Drop) {
    if let Some(Effect::Sent { drops, dropped, .. }) = call.effects.last_mut() {
        if drops.len() < NAMED_DROPS {
            drops.push(missed);
        }
        *dropped = (*dropped).max(drops.len());
    }
}
