//! Takes a token apart and says what is wrong with it.
//!
//! Easily missed: nothing of it is kept, and a token that this service would refuse may be right for another one; the findings say
//! for whom it is.

use std::time::SystemTime;

use azure_signalr::token::{Audience, Rejection, Verifier, unverified_claims};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jiff::Timestamp;
use serde::Serialize;
use serde_json::{Map, Value};

/// The longest token that Azure takes, in bytes (signalr-service 6.2).
const LONGEST: usize = 4096;

/// The name of the service in a token, which is also that of every other address of this machine.
const HOSTS: &[&str] = &["localhost"];

/// A token, taken apart. The signature is not part of it.
#[derive(Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Decoded {
    /// Whether the service would let somebody in with it.
    pub(crate) accepted: bool,
    /// What is right and wrong with it, the worst first.
    pub(crate) findings: Vec<Finding>,
    pub(crate) header: Option<Value>,
    pub(crate) claims: Option<Map<String, Value>>,
    /// `exp`, `nbf` and `iat` as times.
    pub(crate) times: Map<String, Value>,
}

/// One thing that is right or wrong.
#[derive(Debug, PartialEq, Serialize)]
pub(crate) struct Finding {
    pub(crate) good: bool,
    pub(crate) text: String,
}

/// Takes `token` apart and judges it with the keys of the service.
pub(crate) fn decode(token: &str, verifier: &Verifier, now: SystemTime) -> Decoded {
    let token = token.trim();
    let token = token.strip_prefix("Bearer ").unwrap_or(token).trim();
    let claims = unverified_claims(token);
    let mut findings = Vec::new();
    let rejection = rejection(token, claims.as_ref(), verifier, now);
    if let Some(rejection) = rejection {
        findings.push(bad(format!("{rejection}; {}", cure(rejection))));
    }
    if rejection != Some(Rejection::KeyNotFound) && verifier.verify_signature(token).is_ok() {
        findings.push(good("a key of this service signed it"));
    }
    if token.len() > LONGEST {
        findings.push(bad(format!("it has {} bytes and Azure takes {LONGEST}; put fewer claims into it", token.len())));
    }
    let accepted = findings.iter().all(|finding| finding.good);
    if let Some(claims) = &claims {
        findings.extend(about_the_audience(claims));
        findings.extend(about_the_user(claims));
    }
    let times = claims.as_ref().map(times).unwrap_or_default();
    Decoded { accepted, findings, header: header(token), claims, times }
}

/// Why the service would refuse the token for that which the token itself says it is for.
fn rejection(
    token: &str,
    claims: Option<&Map<String, Value>>,
    verifier: &Verifier,
    now: SystemTime,
) -> Option<Rejection> {
    let purpose = claims.and_then(|claims| claims.get("aud")).and_then(audience);
    let Some(Purpose { path, hub, .. }) = purpose else {
        return verifier.verify(token, &Audience::Rest { path: "/", hosts: &[] }, now).err();
    };
    let audience = match &hub {
        Some(hub) => Audience::Client { hub, hosts: HOSTS },
        None => Audience::Rest { path: &path, hosts: HOSTS },
    };
    verifier.verify(token, &audience, now).err()
}

/// What a token is for.
struct Purpose {
    host: String,
    path: String,
    /// Of a client's token.
    hub: Option<String>,
}

fn audience(aud: &Value) -> Option<Purpose> {
    let text = match aud {
        Value::Array(all) => all.first()?.as_str()?,
        other => other.as_str()?,
    };
    let url: reqwest::Url = text.parse().ok()?;
    let hub = url.query_pairs().find(|(name, _)| name == "hub").map(|(_, hub)| hub.into_owned());
    let hub = hub.filter(|_| url.path().trim_end_matches('/') == "/client");
    // As it was written, escapes included.
    let path = text.split_once("://")?.1.split_once('/').map_or(String::new(), |(_, path)| format!("/{path}"));
    Some(Purpose { host: url.host_str()?.to_owned(), path, hub })
}

fn about_the_audience(claims: &Map<String, Value>) -> Option<Finding> {
    let Some(purpose) = claims.get("aud").and_then(audience) else {
        return Some(bad("`aud` is no address; a client's token is for `http://HOST/client/?hub=HUB`".to_owned()));
    };
    let Purpose { host, path, hub } = purpose;
    Some(match hub {
        Some(hub) => good(&format!("it lets a client connect to hub `{hub}` of `{host}`")),
        None => good(&format!(
            "it is for one call of the REST interface, `{path}` of `{host}`; clients cannot connect with it"
        )),
    })
}

fn about_the_user(claims: &Map<String, Value>) -> Option<Finding> {
    let user = ["asrs.s.uid", "nameid", "http://schemas.xmlsoap.org/ws/2005/05/identity/claims/nameidentifier", "sub"]
        .iter()
        .find_map(|name| claims.get(*name).and_then(Value::as_str));
    match user {
        Some("") => Some(bad("its user id is empty, so messages to a user never reach this client".to_owned())),
        Some(user) => Some(good(&format!("its user is `{user}`"))),
        None => Some(good("it has no user: messages to a user do not reach this client")),
    }
}

fn cure(rejection: Rejection) -> &'static str {
    match rejection {
        Rejection::NoToken => "paste one",
        Rejection::Malformed => "it must be three parts of base64url with points between, whole and unchanged",
        Rejection::Unsigned => "sign it with HS256 and the access key",
        Rejection::KeyNotFound => {
            "its key is not the `AccessKey` of this service, or it was changed after it was signed"
        }
        Rejection::NoExpiration => "give it `exp` in seconds since 1970",
        Rejection::InvalidLifetime => "`exp` and `nbf` are seconds since 1970, and `exp` is the later one",
        Rejection::NotYetValid => "compare the clocks of both machines",
        Rejection::Expired => "negotiate again, or compare the clocks of both machines",
        Rejection::InvalidAudience => "`aud` must name this service, which is `localhost`, and one hub or one path",
    }
}

fn header(token: &str) -> Option<Value> {
    let (header, _) = token.split_once('.')?;
    serde_json::from_slice(&URL_SAFE_NO_PAD.decode(header.trim_end_matches('=')).ok()?).ok()
}

fn times(claims: &Map<String, Value>) -> Map<String, Value> {
    let time = |name: &&str| {
        let seconds = claims.get(*name)?.as_i64()?;
        Some(((*name).to_owned(), Value::String(Timestamp::from_second(seconds).ok()?.to_string())))
    };
    ["iat", "nbf", "exp"].iter().filter_map(time).collect()
}

fn good(text: &str) -> Finding {
    Finding { good: true, text: text.to_owned() }
}

fn bad(text: String) -> Finding {
    Finding { good: false, text }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use azure_signalr::token::ClientToken;
    use azure_signalr::{AccessKey, ConnectionString};

    use super::*;

    const KEY: &str = "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789ABCDEFGH";

    fn token(key: &str, at: SystemTime) -> String {
        token_for("http://localhost:8888", key, at)
    }

    fn token_for(service: &str, key: &str, at: SystemTime) -> String {
        let connection = ConnectionString::with_access_key(service.parse().unwrap(), AccessKey::new(key));
        ClientToken::new(&"chat".parse().unwrap()).user_id(Some("alice")).sign(&connection, at).unwrap()
    }

    #[track_caller]
    fn check(token: &str, accepted: bool, worst: &str) {
        let decoded = decode(token, &Verifier::new([AccessKey::new(KEY)]), SystemTime::now());
        assert_eq!(decoded.accepted, accepted, "{decoded:?}");
        assert!(decoded.findings[0].text.contains(worst), "{decoded:?}");
    }

    #[test]
    fn the_worst_is_said_first_with_its_cure() {
        let now = SystemTime::now();
        let of_now = token(KEY, now);
        check(&of_now, true, "a key of this service signed it");
        check(&format!(" Bearer {of_now}\n"), true, "a key of this service signed it");
        check(&token("another-key-that-is-as-long-as-the-first-one", now), false, "its key is not the `AccessKey`");
        check(&token(KEY, now - Duration::from_secs(86_400)), false, "The token is expired; negotiate again");
        check(&token(KEY, now + Duration::from_secs(3600)), false, "The token is not valid yet; compare the clocks");
        check(&token_for("https://contoso.service.signalr.net", KEY, now), false, "which is `localhost`");
        check("", false, "no access token was sent; paste one");
        check("hello", false, "is not a JSON Web Token");
        check(&of_now[..of_now.len() - 2], false, "whole and unchanged");
        check(&of_now[..of_now.rfind('.').unwrap() + 1], false, "sign it with HS256");
    }

    #[test]
    fn it_is_said_for_whom_a_token_is() {
        let decoded = decode(&token(KEY, SystemTime::now()), &Verifier::new([AccessKey::new(KEY)]), SystemTime::now());
        let texts: Vec<_> = decoded.findings.iter().map(|finding| finding.text.as_str()).collect();
        let purpose = "it lets a client connect to hub `chat` of `localhost`";
        assert_eq!(texts, ["a key of this service signed it", purpose, "its user is `alice`"]);
        assert_eq!(decoded.header.unwrap()["alg"], "HS256");
        assert!(decoded.times.contains_key("exp"));
    }

    #[test]
    fn the_signature_is_not_given_back() {
        let token = token(KEY, SystemTime::now());
        let signature = token.rsplit('.').next().unwrap();
        let decoded = decode(&token, &Verifier::new([]), SystemTime::now());
        assert!(!serde_json::to_string(&decoded).unwrap().contains(signature));
    }
}
