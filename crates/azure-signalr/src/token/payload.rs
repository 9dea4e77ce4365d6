//! The payload of a token, read into claims in their order.
//!
//! A name that comes twice counts with its last value, as in .NET; one that a check depends on may not come twice.

use std::fmt;

use serde::de::{Deserialize, Deserializer, Error, MapAccess, Visitor};
use serde_json::map::Entry;
use serde_json::{Map, Value};

/// What decides whether a token is believed, and whose it is.
const ONCE: [&str; 5] = ["exp", "nbf", "sub", "iss", "aud"];

/// The claims; `None` when the bytes are not an object of JSON, or when it says two things of one that counts.
pub(super) fn read(json: &[u8]) -> Option<Map<String, Value>> {
    serde_json::from_slice(json).ok().map(|Payload(claims)| claims)
}

struct Payload(Map<String, Value>);

impl<'de> Deserialize<'de> for Payload {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(Gathering)
    }
}

struct Gathering;

impl<'de> Visitor<'de> for Gathering {
    type Value = Payload;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("an object of claims")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Payload, A::Error> {
        let mut claims = Map::with_capacity(8);
        while let Some(name) = entries.next_key::<String>()? {
            match claims.entry(name) {
                Entry::Vacant(vacant) => drop(vacant.insert(entries.next_value()?)),
                Entry::Occupied(again) if ONCE.contains(&again.key().as_str()) => {
                    return Err(A::Error::custom("a claim comes twice"));
                }
                Entry::Occupied(mut again) => drop(again.insert(entries.next_value()?)),
            }
        }
        Ok(Payload(claims))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(json: &str, expected: Option<&str>) {
        assert_eq!(
            read(json.as_bytes()).map(|claims| Value::Object(claims).to_string()).as_deref(),
            expected,
            "{json}"
        );
    }

    #[test]
    fn what_counts_comes_once_and_of_the_rest_the_last() {
        check(r#"{"z":1, "a":[2], "m":{"b":null}}"#, Some(r#"{"z":1,"a":[2],"m":{"b":null}}"#));
        check(r#"{"role":"user","x":1,"role":"admin"}"#, Some(r#"{"role":"admin","x":1}"#));
        for name in ONCE {
            check(&format!(r#"{{"{name}":1,"{name}":1}}"#), None);
        }
        for json in ["", "[]", "1", "null", "{", r#"{"a":1}x"#, r#"{"a"}"#, "{\"a\":\"\u{1}\"}"] {
            check(json, None);
        }
        assert_eq!(read(b"{\"a\":\"\xff\"}"), None);
    }
}
