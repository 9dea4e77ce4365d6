//! What a client asks for, with its address and with its token.

use std::time::{Duration, UNIX_EPOCH};

use serde_json::Value;
use signalr_server::{Admission, Query, Transports};

use super::Client;
use crate::authentication::Identity;
use crate::names::internal_hub_name;

/// The longest handshake timeout that a token may ask for (signalr-service 2.3).
const LONGEST_HANDSHAKE: u64 = 30;
/// The longest time without a poll that a token may ask for (signalr-service 2.3).
const LONGEST_INACTIVITY: u64 = 300;

/// The internal name of the hub that a client asks for: exactly one `hub` is wanted (signalr-service 2.1).
pub(super) fn requested_hub(query: &Query) -> Result<String, String> {
    let mut hubs = query.all("hub");
    match (hubs.next(), hubs.next()) {
        (Some(hub), None) => internal_hub_name(hub, None).map_err(|invalid| invalid.message),
        (None, _) => Err("The query parameter 'hub' is required.".to_owned()),
        (Some(_), Some(_)) => Err("The query parameter 'hub' must not be repeated.".to_owned()),
    }
}

/// What the system claims of a token ask for (signalr-service 2.3).
pub(super) fn admission(client: Client, identity: Identity) -> Admission {
    let mut admission = Admission::to(client.hub.clients.clone());
    admission.user_id = identity.user_id.filter(|user_id| !user_id.is_empty());
    let claims = identity.claims;
    let number = |name: &str| claims.get(name).and_then(whole_number);
    admission.handshake_timeout =
        number("asrs.s.cht").map(|seconds| Duration::from_secs(seconds.clamp(1, LONGEST_HANDSHAKE)));
    admission.inactivity_timeout =
        number("asrs.s.ttl").map(|seconds| Duration::from_secs(seconds.clamp(1, LONGEST_INACTIVITY)));
    if let Some(mask) = number("asrs.s.htt") {
        admission.transports = Transports::from_mask(mask);
    }
    if claims.get("asrs.s.coae").is_some_and(is_true) {
        admission.closes_at = number("asrs.s.aeo").and_then(|at| UNIX_EPOCH.checked_add(Duration::from_secs(at)));
    }
    admission.extensions.insert(client);
    admission
}

/// Claims are written as numbers or as texts.
fn whole_number(claim: &Value) -> Option<u64> {
    claim.as_u64().or_else(|| claim.as_str()?.trim().parse().ok())
}

fn is_true(claim: &Value) -> bool {
    claim.as_bool().unwrap_or_else(|| claim.as_str().is_some_and(|text| text.eq_ignore_ascii_case("true")))
}

#[cfg(test)]
mod tests {
    use serde_json::json;
    use signalr_server::Transport;

    use super::*;
    use crate::hub::Hubs;

    #[track_caller]
    fn check_hub(query: &str, expected: Option<&str>) {
        assert_eq!(requested_hub(&Query::parse(Some(query))).ok().as_deref(), expected, "{query}");
    }

    #[test]
    fn exactly_one_hub_is_wanted() {
        check_hub("hub=Chat&id=x", Some("chat"));
        check_hub("HUB=app_chat", Some("app_chat"));
        check_hub("", None);
        check_hub("hub=", None);
        check_hub("hub=a&hub=a", None);
        check_hub("hub=no-hub", None);
    }

    fn admit(claims: Value) -> Admission {
        let Value::Object(claims) = claims else { panic!("claims are an object") };
        let client = Client::passing(Hubs::default().open("chat"));
        admission(client, Identity { user_id: Some(String::new()), claims })
    }

    #[test]
    fn an_empty_user_id_is_nobody() {
        assert_eq!(admit(json!({})).user_id, None);
    }

    #[track_caller]
    fn check_handshake(claim: impl Into<Value>, expected: Option<u64>) {
        let claim = claim.into();
        let admission = admit(json!({"asrs.s.cht": claim}));
        assert_eq!(admission.handshake_timeout, expected.map(Duration::from_secs), "{claim}");
    }

    #[test]
    fn a_token_may_ask_for_up_to_30_seconds_of_handshake() {
        check_handshake(20, Some(20));
        check_handshake("20", Some(20));
        check_handshake(31, Some(30));
        check_handshake("soon", None);
        check_handshake(Value::Null, None);
    }

    #[track_caller]
    fn check_inactivity(claim: impl Into<Value>, expected: Option<u64>) {
        let admission = admit(json!({"asrs.s.ttl": claim.into()}));
        assert_eq!(admission.inactivity_timeout, expected.map(Duration::from_secs));
    }

    #[test]
    fn a_token_may_say_how_long_a_client_stays_between_polls() {
        check_inactivity(60, Some(60));
        check_inactivity("0", Some(1));
        check_inactivity(301, Some(300));
        check_inactivity(Value::Null, None);
    }

    #[test]
    fn a_token_may_limit_the_transports() {
        let transports = admit(json!({"asrs.s.htt": 6})).transports;
        assert!(!transports.contains(Transport::WebSockets));
        assert!(transports.contains(Transport::ServerSentEvents) && transports.contains(Transport::LongPolling));
        assert_eq!(admit(json!({})).transports, Transports::ALL);
    }

    #[test]
    fn a_connection_is_closed_on_expiry_only_when_the_token_asks_for_it() {
        let at = UNIX_EPOCH + Duration::from_secs(1_700_000_000);
        let aeo = 1_700_000_000;
        assert_eq!(admit(json!({"asrs.s.coae": "true", "asrs.s.aeo": aeo})).closes_at, Some(at));
        assert_eq!(admit(json!({"asrs.s.coae": true, "asrs.s.aeo": "1700000000"})).closes_at, Some(at));
        assert_eq!(admit(json!({"asrs.s.aeo": aeo})).closes_at, None);
        assert_eq!(admit(json!({"asrs.s.coae": "false", "asrs.s.aeo": aeo})).closes_at, None);
        assert_eq!(admit(json!({"asrs.s.coae": "true"})).closes_at, None);
    }
}
