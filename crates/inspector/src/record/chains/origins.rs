//! What started a chain, as the host and the service tell it.

use functions_host::events::Cause;

use crate::record::chain::Origin;
use crate::record::text::Text;

/// What the host says.
pub(super) fn origin_of(cause: &Cause) -> Origin {
    match cause {
        Cause::Http { method, target, body } => Origin::Http {
            method: method.to_string(),
            target: target.clone(),
            body: Text(body.clone()),
            response: None,
        },
        Cause::Timer => Origin::Timer,
        Cause::SignalR { hub, category, event, connection_id, user_id, arguments } => Origin::Client {
            hub: hub.clone(),
            category: category.clone(),
            event: event.clone(),
            connection_id: connection_id.clone(),
            user_id: user_id.clone(),
            arguments: Some(Text(arguments.clone())).filter(|text| text.weight() > 0),
            upstream: None,
        },
        _ => Origin::ByHand,
    }
}

/// Both halves of a client's call; of anything else the host's word counts, which is the second.
pub(super) fn merged(service: &Origin, host: Origin) -> Origin {
    match (service, host) {
        (
            Origin::Client { upstream: Some(known), .. },
            Origin::Client { hub, category, event, connection_id, user_id, arguments, upstream },
        ) => {
            let upstream = upstream.or_else(|| Some(known.clone()));
            Origin::Client { hub, category, event, connection_id, user_id, arguments, upstream }
        }
        (_, host) => host,
    }
}

/// Whether the service has told its half of a client's call.
pub(super) fn has_upstream(origin: &Origin) -> bool {
    matches!(origin, Origin::Client { upstream: Some(_), .. })
}

/// Whether these may be the two halves of one client's call.
pub(super) fn is_same_event(one: &Origin, other: &Origin) -> bool {
    match (one, other) {
        (
            Origin::Client { hub, category, event, connection_id, .. },
            Origin::Client { hub: hub2, category: category2, event: event2, connection_id: connection2, .. },
        ) => {
            connection_id == connection2
                && hub.eq_ignore_ascii_case(hub2)
                && category.eq_ignore_ascii_case(category2)
                && event.eq_ignore_ascii_case(event2)
        }
        _ => false,
    }
}
