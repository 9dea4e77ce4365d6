//! A JSON object as the host reads it: members in order, names compared with or without letter case, values kept as text.
//!
//! Easily missed: values stay the raw text of the handler, so that numbers reach SignalR clients as they were written.

use std::fmt;

use serde::de::{Deserialize, Deserializer, MapAccess, Visitor};
use serde_json::value::RawValue;

/// The members of a JSON object. Of two members with the same name the later one counts.
#[derive(Debug, Default)]
pub(crate) struct Members(Vec<(String, Box<RawValue>)>);

impl Members {
    /// Reads a JSON object; `None` for any other text.
    pub(crate) fn read(json: &str) -> Option<Members> {
        serde_json::from_str(json).ok()
    }

    /// The value of the member with exactly this name.
    pub(crate) fn get(&self, name: &str) -> Option<&RawValue> {
        self.0.iter().rfind(|(key, _)| key == name).map(|(_, value)| &**value)
    }

    /// The value of the member with this name, letter case ignored.
    pub(crate) fn get_ignoring_case(&self, name: &str) -> Option<&RawValue> {
        self.0.iter().rfind(|(key, _)| key.eq_ignore_ascii_case(name)).map(|(_, value)| &**value)
    }

    /// Name and value of each member, in order.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (&str, &RawValue)> {
        self.0.iter().map(|(name, value)| (name.as_str(), &**value))
    }

    /// Gives every value a new one.
    pub(crate) fn map(self, mut change: impl FnMut(&str, Box<RawValue>) -> Box<RawValue>) -> Members {
        Members(self.0.into_iter().map(|(name, value)| (change(&name, value), name)).map(|(v, n)| (n, v)).collect())
    }
}

impl<'de> Deserialize<'de> for Members {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct MembersVisitor;
        impl<'de> Visitor<'de> for MembersVisitor {
            type Value = Members;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a JSON object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Members, A::Error> {
                let mut members = Vec::new();
                while let Some(member) = map.next_entry()? {
                    members.push(member);
                }
                Ok(Members(members))
            }
        }
        deserializer.deserialize_map(MembersVisitor)
    }
}

/// Whether a value is `null`.
pub(crate) fn is_null(value: &RawValue) -> bool {
    value.get() == "null"
}

/// The text of a JSON string; `None` for any other value.
pub(crate) fn as_string(value: &RawValue) -> Option<String> {
    // An error with a text of its own would cost more than all the reading.
    if value.get().starts_with('"') { serde_json::from_str(value.get()).ok() } else { None }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_found_with_and_without_letter_case_and_the_last_one_counts() {
        let members = Members::read(r#"{"a":1,"A":2,"a":3.0}"#).unwrap();
        assert_eq!(members.get("a").map(RawValue::get), Some("3.0"));
        assert_eq!(members.get("A").map(RawValue::get), Some("2"));
        assert_eq!(members.get("b").map(RawValue::get), None);
        assert_eq!(members.get_ignoring_case("A").map(RawValue::get), Some("3.0"));
    }

    #[test]
    fn only_objects_have_members() {
        for json in ["[]", "null", "\"{}\"", "{", ""] {
            assert!(Members::read(json).is_none(), "{json}");
        }
    }
}
