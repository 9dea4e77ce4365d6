//! What the claims of a token with a good signature must say, and who the caller is by them.
//!
//! A minute of difference between the clocks is forgiven when a token is checked. It does not lengthen the caller's stay: what the caller
//! is given ends at `exp`.

use crate::config::OidcConfig;
use crate::identity::{Now, Principal};
use azure_signalr::NameError;
use serde_json::{Map, Value};

/// How far the issuer's clock and this one may be apart, in seconds.
const LEEWAY: f64 = 60.0;
/// The end of the year 9999; an `exp` beyond it is as good as never.
const LAST_SECOND: f64 = 253_402_300_799.0;

/// What is wrong with the claims. Never their values: the token is somebody's.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum ClaimsError {
    /// Another issuer's, even if the key is known.
    #[error("has another issuer than `OidcIssuer`")]
    Issuer,
    /// Meant for another application.
    #[error("is for another audience than `OidcAudience`")]
    Audience,
    /// A token that never ends is not believed.
    #[error("has no expiration")]
    NoExpiration,
    /// Too late.
    #[error("is expired; sign in again")]
    Expired,
    /// Too early.
    #[error("is not valid yet")]
    NotYetValid,
    /// A time that is no number.
    #[error("has a time that is no number")]
    Time,
    /// Nobody is named.
    #[error("has no text in the claim that `OidcUserClaim` names")]
    NoUser,
    /// A name that SignalR Service cannot have.
    #[error("names a user id that cannot be used; {0}")]
    UserId(NameError),
}

type Claims = Map<String, Value>;

/// Checks the claims and reads the caller out of them.
pub(super) fn principal(
    claims: &Claims,
    config: &OidcConfig,
    chosen: &[String],
    now: Now,
) -> Result<Principal, ClaimsError> {
    if claims.get("iss").and_then(Value::as_str) != Some(&config.issuer) {
        return Err(ClaimsError::Issuer);
    }
    if !texts(claims.get("aud")).any(|audience| config.audiences.iter().any(|known| known == audience)) {
        return Err(ClaimsError::Audience);
    }
    let ends = valid_until(claims, now)?;
    let user_id = claim(claims, &config.user_claim).and_then(Value::as_str).ok_or(ClaimsError::NoUser)?;
    let user_id = user_id.parse().map_err(|error| match error {
        NameError::User => ClaimsError::NoUser,
        other => ClaimsError::UserId(other),
    })?;
    let roles = texts(claim(claims, &config.roles_claim)).map(str::to_owned).collect();
    let claims = chosen.iter().flat_map(|name| values(claims, name)).collect();
    Ok(Principal { user_id, roles, claims, ends: Some(ends) })
}

/// When the token ends, which it has not done yet.
fn valid_until(claims: &Claims, now: Now) -> Result<u64, ClaimsError> {
    let time = |name| match claims.get(name) {
        None => Ok(None),
        Some(value) => value.as_f64().filter(|time| time.is_finite()).map(Some).ok_or(ClaimsError::Time),
    };
    #[expect(
        clippy::cast_precision_loss,
        reason = "seconds since 1970 are far below the 2^53 that a float tells apart"
    )]
    let present = now.unix_seconds() as f64;
    let ends = time("exp")?.ok_or(ClaimsError::NoExpiration)?;
    if present >= ends + LEEWAY {
        return Err(ClaimsError::Expired);
    }
    if time("nbf")?.is_some_and(|begins| present < begins - LEEWAY) {
        return Err(ClaimsError::NotYetValid);
    }
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "it was clamped to what is a time")]
    Ok(ends.clamp(0.0, LAST_SECOND) as u64)
}

/// A claim by its name, or by a JSON pointer such as `/realm_access/roles`.
fn claim<'a>(claims: &'a Claims, name: &str) -> Option<&'a Value> {
    claims.get(name).or_else(|| {
        let (first, rest) = name.strip_prefix('/')?.split_once('/')?;
        claims.get(first)?.pointer(&format!("/{rest}"))
    })
}

/// A text, or the texts of an array.
fn texts(value: Option<&Value>) -> impl Iterator<Item = &str> {
    let values = match value {
        Some(Value::Array(values)) => values.as_slice(),
        Some(one) => std::slice::from_ref(one),
        None => &[],
    };
    values.iter().filter_map(Value::as_str)
}

/// A claim's values as text, one for each item of an array. What is an object has no text.
fn values(claims: &Claims, name: &str) -> Vec<(String, String)> {
    let values = match claim(claims, name) {
        Some(Value::Array(values)) => values.as_slice(),
        Some(one) => std::slice::from_ref(one),
        None => &[],
    };
    let text = |value: &Value| match value {
        Value::String(text) => Some(text.clone()),
        Value::Number(_) | Value::Bool(_) => Some(value.to_string()),
        _ => None,
    };
    values.iter().filter_map(text).map(|value| (name.to_owned(), value)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;
    use std::time::{Duration, Instant, SystemTime};

    const PRESENT: u64 = 1_700_000_000;

    fn read(changes: &Value) -> Result<Principal, ClaimsError> {
        let mut claims = json!({"iss": "https://issuer", "aud": "app", "exp": PRESENT + 600, "sub": "ann"});
        for (name, value) in changes.as_object().unwrap() {
            match value {
                Value::Null => drop(claims.as_object_mut().unwrap().remove(name)),
                value => claims[name] = value.clone(),
            }
        }
        let config = OidcConfig {
            issuer: "https://issuer".to_owned(),
            audiences: vec!["app".to_owned(), "api://app".to_owned()],
            user_claim: "sub".to_owned(),
            roles_claim: "/realm_access/roles".to_owned(),
        };
        let now = Now { system: SystemTime::UNIX_EPOCH + Duration::from_secs(PRESENT), instant: Instant::now() };
        let chosen = ["department".to_owned(), "level".to_owned()];
        principal(claims.as_object().unwrap(), &config, &chosen, now)
    }

    #[track_caller]
    fn check(changes: &Value, expected: Option<ClaimsError>) {
        assert_eq!(read(changes).err(), expected, "{changes}");
    }

    #[test]
    fn issuer_and_audience_must_be_these_to_the_letter() {
        check(&json!({}), None);
        check(&json!({"aud": ["other", "api://app"]}), None);
        for issuer in [json!(null), json!("https://issuer/"), json!("https://ISSUER"), json!(["https://issuer"])] {
            check(&json!({"iss": issuer}), Some(ClaimsError::Issuer));
        }
        for audience in [json!(null), json!("App"), json!([]), json!([["app"]]), json!({"app": "app"})] {
            check(&json!({"aud": audience}), Some(ClaimsError::Audience));
        }
    }

    #[test]
    fn times_are_checked_with_a_minute_of_leeway() {
        check(&json!({"exp": null}), Some(ClaimsError::NoExpiration));
        check(&json!({"exp": "soon"}), Some(ClaimsError::Time));
        check(&json!({"exp": PRESENT - 59}), None);
        check(&json!({"exp": PRESENT - 60}), Some(ClaimsError::Expired));
        check(&json!({"nbf": PRESENT + 60}), None);
        check(&json!({"nbf": PRESENT + 61}), Some(ClaimsError::NotYetValid));
        check(&json!({"nbf": "now"}), Some(ClaimsError::Time));
        assert_eq!(read(&json!({"exp": PRESENT - 59})).unwrap().ends, Some(PRESENT - 59));
        assert_eq!(read(&json!({"exp": 1700000600.9})).unwrap().ends, Some(PRESENT + 600));
        assert_eq!(read(&json!({"exp": 1e300})).unwrap().ends, Some(253_402_300_799));
    }

    #[test]
    fn the_user_is_a_text_that_can_be_a_user_id() {
        check(&json!({"sub": null}), Some(ClaimsError::NoUser));
        check(&json!({"sub": ""}), Some(ClaimsError::NoUser));
        check(&json!({"sub": 7}), Some(ClaimsError::NoUser));
        check(&json!({"sub": ".."}), Some(ClaimsError::UserId(NameError::DotSegment)));
    }

    #[test]
    fn roles_and_chosen_claims_are_read() {
        let claims =
            json!({"realm_access": {"roles": ["b", "a", 1]}, "department": "sales", "level": [3, true, {}], "x": "y"});
        let ann = read(&claims).unwrap();
        assert_eq!(ann.roles.iter().map(String::as_str).collect::<Vec<_>>(), ["a", "b"]);
        let claims: Vec<_> = ann.claims.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        assert_eq!(claims, [("department", "sales"), ("level", "3"), ("level", "true")]);
    }
}
