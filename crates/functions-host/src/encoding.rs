//! How the host puts a value into `Data` or `Metadata` of an invocation (functions-host 2.3).
//!
//! Easily missed: only objects travel as they are. Everything else, even a plain string, becomes a JSON string that holds
//! JSON text, so `abc` arrives as `"\"abc\""` and must be read twice.

use std::sync::Arc;

use base64::Engine as _;
use jiff::Zoned;
use serde::{Serialize, Serializer};
use serde_json::Value;

use crate::invocation::{HttpCall, RequestObject};

/// A value of an input or of the trigger, by what it is to .NET. It serialises as the envelope has it: the first matching rule of
/// functions-host 2.3 wins.
#[derive(Debug, Clone)]
pub(crate) enum InputValue {
    /// The request of an HTTP trigger; in `Data` only.
    Request(Arc<HttpCall>),
    /// A byte array.
    #[cfg_attr(not(test), expect(dead_code, reason = "no input binding of today gives bytes; the rule is kept whole"))]
    Bytes(Vec<u8>),
    /// A `DateTimeOffset`.
    #[cfg_attr(not(test), expect(dead_code, reason = "no input binding of today gives a date; the rule is kept whole"))]
    Date(Zoned),
    /// Anything else, as the JSON that Newtonsoft makes of it.
    Json(Value),
}

impl Serialize for InputValue {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            InputValue::Request(request) => RequestObject(request).serialize(serializer),
            InputValue::Bytes(bytes) => serializer.serialize_str(&base64_text(bytes)),
            // Parsed from its own short text form, which has no fraction.
            InputValue::Date(date) => serializer.collect_str(&date.strftime("%Y-%m-%dT%H:%M:%S%:z")),
            InputValue::Json(value) => Encoded(value).serialize(serializer),
        }
    }
}

/// Bytes as text, wherever the envelope has some.
pub(crate) fn base64_text(bytes: &[u8]) -> String {
    base64::engine::general_purpose::STANDARD.encode(bytes)
}

/// The JSON that stands for `value` in the envelope.
#[cfg(test)]
pub(crate) fn encode(value: &InputValue) -> Value {
    serde_json::to_value(value).expect("JSON, texts and requests are always JSON")
}

/// A JSON value that is written into the envelope by the same rule, without being copied.
#[derive(Debug)]
pub(crate) struct Encoded<'a>(pub(crate) &'a Value);

impl Serialize for Encoded<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match json_text(self.0) {
            None => self.0.serialize(serializer),
            Some(text) => serializer.serialize_str(&text),
        }
    }
}

/// What stands for a value that does not travel as it is.
fn json_text(value: &Value) -> Option<String> {
    (!value.is_object()).then(|| value.to_string())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[track_caller]
    #[expect(clippy::needless_pass_by_value, reason = "a row of a table reads better without references")]
    fn check(value: InputValue, wire: &Value) {
        assert_eq!(encode(&value), *wire);
    }

    #[test]
    fn the_rule_has_a_row_for_each_kind_of_value() {
        check(InputValue::Bytes(vec![0x69, 0xb7, 0x1d]), &json!("abcd"));
        let date: Zoned = "2019-10-16T17:58:31.123+00:00[UTC]".parse().unwrap();
        check(InputValue::Date(date), &json!("2019-10-16T17:58:31+00:00"));
        check(InputValue::Json(json!({"a": {"b": [1]}})), &json!({"a": {"b": [1]}}));
        check(InputValue::Json(json!("anything else")), &json!("\"anything else\""));
    }

    #[test]
    fn everything_but_an_object_becomes_a_string_that_holds_json() {
        check(InputValue::Json(json!("abc")), &json!("\"abc\""));
        check(InputValue::Json(json!(4)), &json!("4"));
        check(InputValue::Json(json!(true)), &json!("true"));
        check(InputValue::Json(json!([1, 2])), &json!("[1,2]"));
        check(InputValue::Json(json!(null)), &json!("null"));
        let guid = "eac00178-9aae-4a67-adc8-90596a9adc70";
        check(InputValue::Json(json!(guid)), &json!(format!("\"{guid}\"")));
    }

    #[test]
    fn connection_info_arrives_doubly_encoded() {
        let indented = "{\n  \"url\": \"u\",\n  \"accessToken\": \"t\"\n}";
        let wire = encode(&InputValue::Json(json!(indented)));
        assert_eq!(wire.to_string(), r#""\"{\\n  \\\"url\\\": \\\"u\\\",\\n  \\\"accessToken\\\": \\\"t\\\"\\n}\"""#);
    }
}
