//! The claims of a token that was believed, in the order in which the token has them.
//!
//! A user id can stand under four names; `asrs.s.uid` wins, and it may be empty (signalr-service 2.3).

use std::borrow::Cow;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use serde_json::{Map, Value};

const NAME_IDENTIFIERS: [&str; 3] =
    ["nameid", "sub", "http://schemas.xmlsoap.org/ws/2005/05/identity/claims/nameidentifier"];

/// The end of the year 9999: the last time that every platform's clock can say.
const LAST_SECOND: i64 = 253_402_300_799;

/// What a believed token says.
#[derive(Debug, Clone)]
pub struct Claims {
    payload: Map<String, Value>,
    expires_at: i64,
}

impl Claims {
    pub(super) fn new(payload: Map<String, Value>, expires_at: i64) -> Self {
        Self { payload, expires_at }
    }

    /// Who the client is: `asrs.s.uid`, else the first of `nameid`, `sub` and the long name identifier. `None` is
    /// somebody anonymous; an empty id is possible.
    pub fn user_id(&self) -> Option<Cow<'_, str>> {
        let identifier = || self.payload.iter().find(|(name, _)| NAME_IDENTIFIERS.contains(&name.as_str()));
        let value = self.get("asrs.s.uid").or_else(|| identifier().map(|(_, value)| value))?;
        first_text(value)
    }

    /// One claim, as the token has it.
    pub fn get(&self, name: &str) -> Option<&Value> {
        self.payload.get(name)
    }

    /// When the token ends, without the tolerance that connecting with it still enjoys. The year 9999 for a token of
    /// which only the signature was checked and that names no end.
    pub fn expires_at(&self) -> SystemTime {
        let seconds = self.expires_at.clamp(0, LAST_SECOND).unsigned_abs();
        UNIX_EPOCH + Duration::from_secs(seconds)
    }

    /// All claims in the order of the token, times and audience included.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &Value)> {
        self.payload.iter().map(|(name, value)| (name.as_str(), value))
    }

    /// The same claims as an object of JSON.
    pub fn into_map(self) -> Map<String, Value> {
        self.payload
    }
}

/// A repeated claim is an array, of which .NET takes the first; a number counts as its digits.
fn first_text(value: &Value) -> Option<Cow<'_, str>> {
    match value {
        Value::Null => None,
        Value::String(text) => Some(Cow::Borrowed(text)),
        Value::Array(values) => values.first().and_then(first_text),
        other => Some(Cow::Owned(other.to_string())),
    }
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, UNIX_EPOCH};

    use serde_json::{Value, json};

    use super::Claims;

    const LONG: &str = "http://schemas.xmlsoap.org/ws/2005/05/identity/claims/nameidentifier";

    fn claims(payload: Value, expires_at: i64) -> Claims {
        let Value::Object(payload) = payload else { panic!("not an object") };
        Claims::new(payload, expires_at)
    }

    #[track_caller]
    fn check(payload: Value, expected: Option<&str>) {
        let printed = payload.to_string();
        assert_eq!(claims(payload, 0).user_id().as_deref(), expected, "{printed}");
    }

    #[test]
    fn the_user_id_stands_under_one_of_four_names() {
        check(json!({"sub": "b", "asrs.s.uid": "a"}), Some("a"));
        check(json!({"sub": "b", "asrs.s.uid": ""}), Some(""));
        check(json!({"sub": "b", "nameid": "c"}), Some("b"));
        check(json!({"nameid": "c"}), Some("c"));
        check(json!({LONG: "d"}), Some("d"));
        check(json!({"nameid": ["e", "f"]}), Some("e"));
        check(json!({"asrs.s.uid": 7}), Some("7"));
        check(json!({"asrs.s.uid": null}), None);
        check(json!({"sub": []}), None);
        check(json!({"unique_name": "g"}), None);
    }

    #[test]
    fn claims_keep_the_order_of_the_token() {
        let claims = claims(json!({"z": 1, "a": 2, "m": 3}), 0);
        assert_eq!(claims.iter().map(|(name, _)| name).collect::<Vec<_>>(), ["z", "a", "m"]);
        assert_eq!(claims.get("m"), Some(&json!(3)));
    }

    #[test]
    fn no_expiry_is_too_far_away_to_be_told() {
        let at = |expires_at| claims(json!({}), expires_at).expires_at();
        assert_eq!(at(1_700_000_000), UNIX_EPOCH + Duration::from_secs(1_700_000_000));
        assert_eq!(at(i64::MAX), UNIX_EPOCH + Duration::from_secs(253_402_300_799));
        assert_eq!(at(-1), UNIX_EPOCH);
    }
}
