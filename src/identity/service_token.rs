//! A client's token for SignalR Service, which is no sign-in here.
//!
//! Microsoft's JavaScript client keeps the token that it was given, and sends it along when a lost connection negotiates anew; neither
//! page nor user can help it. To refuse it would keep every such client from coming back.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::Deserialize;
use url::Url;

#[derive(Deserialize)]
struct Claims {
    aud: String,
}

/// Whether a bearer token is meant for SignalR Service: its audience is an address that clients connect to (signalr-service 2.2). Whose it
/// is and whether it is genuine does not matter, because it makes nobody anybody.
pub(super) fn is_for_service(token: &str) -> bool {
    let claims = token.split('.').nth(1).and_then(|claims| URL_SAFE_NO_PAD.decode(claims).ok());
    let claims = claims.and_then(|claims| serde_json::from_slice::<Claims>(&claims).ok());
    let audience = claims.and_then(|claims| Url::parse(&claims.aud).ok());
    audience.is_some_and(|url| url.path() == "/client/" && url.query_pairs().any(|(name, _)| name == "hub"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    #[track_caller]
    fn check(claims: &Value, expected: bool) {
        let token = format!("header.{}.signature", URL_SAFE_NO_PAD.encode(claims.to_string()));
        assert_eq!(is_for_service(&token), expected, "{claims}");
    }

    #[test]
    fn the_audience_tells_the_service_from_everybody_else() {
        check(&json!({"aud": "http://localhost/client/?hub=notifications", "nameid": "ann"}), true);
        check(&json!({"aud": "https://name.service.signalr.net/client/?hub=notifications"}), true);
        check(&json!({"aud": "https://name.service.signalr.net/api/hubs/notifications/:send"}), false);
        check(&json!({"aud": "https://login.example/client/"}), false);
        check(&json!({"aud": "api://app"}), false);
        check(&json!({"aud": ["api://app"]}), false);
        check(&json!({}), false);
    }

    #[test]
    fn what_cannot_be_read_is_not_for_the_service() {
        for token in ["", "x.y.z", "opaque", "e30.e30"] {
            assert!(!is_for_service(token), "{token}");
        }
    }
}
