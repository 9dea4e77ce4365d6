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

    /// When the token ends, without the tolerance that connecting with it still enjoys.
    pub fn expires_at(&self) -> SystemTime {
        let seconds = self.expires_at.clamp(0, LAST_SECOND).unsigned_abs();
        UNIX_EPOCH + Duration::from_secs(seconds)
    }

    /// All claims in the order of the token, times and audience included.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &Value)> {
        self.payload.iter().map(|(name, value)| (name.as_str(), value))
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
