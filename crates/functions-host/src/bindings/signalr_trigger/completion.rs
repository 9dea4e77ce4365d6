//! The answer to a client's call: one framed hub message (signalr-bindings 6.6).
//!
//! Easily missed: a function that returns nothing completes the call with the result null. That is another message than a
//! completion without a result, and it is what the extension sends.

use serde::Serialize;
use serde_json::Value;
use serde_json::value::RawValue;

use super::Protocol;
use crate::newtonsoft::compact;

/// The end of a JSON message.
const RECORD_SEPARATOR: u8 = 0x1e;
/// The type of a completion, and how one ends.
const COMPLETION: u8 = 3;
const ERROR: u8 = 1;
const RESULT: u8 = 3;

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct JsonCompletion<'a> {
    r#type: u8,
    invocation_id: &'a str,
    #[serde(flatten)]
    outcome: JsonOutcome<'a>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
enum JsonOutcome<'a> {
    Error(&'a str),
    Result(&'a RawValue),
}

/// The bytes of the completion for `invocation_id`: what the function returned (`None` is null), or why it failed.
pub(crate) fn write(protocol: Protocol, invocation_id: &str, outcome: Result<Option<&RawValue>, &str>) -> Vec<u8> {
    match protocol {
        Protocol::Json => json(invocation_id, outcome),
        Protocol::MessagePack => messagepack(invocation_id, outcome),
    }
}

fn json(invocation_id: &str, outcome: Result<Option<&RawValue>, &str>) -> Vec<u8> {
    let result = outcome.map(|value| {
        let text = value.map_or_else(|| "null".to_owned(), |value| compact(value.get()));
        RawValue::from_string(text).expect("JSON stays JSON without its white space")
    });
    let outcome = match &result {
        Ok(result) => JsonOutcome::Result(result),
        Err(error) => JsonOutcome::Error(error),
    };
    let mut bytes = serde_json::to_vec(&JsonCompletion { r#type: COMPLETION, invocation_id, outcome })
        .expect("texts and JSON can be written as JSON");
    bytes.push(RECORD_SEPARATOR);
    bytes
}

/// `[3, {}, invocation id, 1, error]` or `[3, {}, invocation id, 3, result]` behind its length.
fn messagepack(invocation_id: &str, outcome: Result<Option<&RawValue>, &str>) -> Vec<u8> {
    use rmpv::Value as Pack;
    let (kind, last) = match outcome {
        Ok(value) => {
            let value: Option<Value> = value.and_then(|value| serde_json::from_str(value.get()).ok());
            (RESULT, from_json(&value.unwrap_or_default()))
        }
        Err(error) => (ERROR, error.into()),
    };
    let message = Pack::Array(vec![COMPLETION.into(), Pack::Map(Vec::new()), invocation_id.into(), kind.into(), last]);
    let mut body = Vec::new();
    rmpv::encode::write_value(&mut body, &message).expect("a vector takes every write");
    let mut bytes = length_prefix(body.len());
    bytes.append(&mut body);
    bytes
}

fn from_json(value: &Value) -> rmpv::Value {
    match value {
        Value::Null => rmpv::Value::Nil,
        Value::Bool(value) => (*value).into(),
        Value::Number(number) => match (number.as_u64(), number.as_i64(), number.as_f64()) {
            (Some(number), _, _) => number.into(),
            (None, Some(number), _) => number.into(),
            (None, None, number) => number.unwrap_or_default().into(),
        },
        Value::String(text) => text.as_str().into(),
        Value::Array(items) => rmpv::Value::Array(items.iter().map(from_json).collect()),
        Value::Object(members) => {
            rmpv::Value::Map(members.iter().map(|(name, value)| (name.as_str().into(), from_json(value))).collect())
        }
    }
}

/// Seven bits per byte, the lowest first; all bytes but the last have their highest bit set.
fn length_prefix(mut length: usize) -> Vec<u8> {
    let mut bytes = Vec::new();
    loop {
        let low = u8::try_from(length & 0x7f).expect("seven bits fit into a byte");
        length >>= 7;
        if length == 0 {
            bytes.push(low);
            return bytes;
        }
        bytes.push(low | 0x80);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn raw(json: &str) -> Box<RawValue> {
        RawValue::from_string(json.to_owned()).unwrap()
    }

    #[track_caller]
    fn check(outcome: Result<Option<&str>, &str>, expected: &str) {
        let value = outcome.map(|value| value.map(raw));
        let written = write(Protocol::Json, "0", value.as_ref().map(Option::as_deref).map_err(|error| *error));
        assert_eq!(String::from_utf8(written).unwrap(), format!("{expected}\u{1e}"));
    }

    #[test]
    fn a_json_completion_ends_with_a_record_separator() {
        check(Ok(Some("5")), r#"{"type":3,"invocationId":"0","result":5}"#);
        check(
            Ok(Some("{ \"a\": [1.0, 12345678901234567890123] }")),
            r#"{"type":3,"invocationId":"0","result":{"a":[1.0,12345678901234567890123]}}"#,
        );
        check(Ok(None), r#"{"type":3,"invocationId":"0","result":null}"#);
        check(Err("it \"failed\""), r#"{"type":3,"invocationId":"0","error":"it \"failed\""}"#);
    }

    #[test]
    fn a_messagepack_completion_stands_behind_its_length() {
        let written = write(Protocol::MessagePack, "7", Ok(Some(&raw("[true,-1,1.5,\"x\",{\"a\":null}]"))));
        let expected =
            [21, 0x95, 3, 0x80, 0xa1, b'7', 3, 0x95, 0xc3, 0xff, 0xcb, 0x3f, 0xf8, 0, 0, 0, 0, 0, 0, 0xa1, b'x', 0x81];
        assert_eq!(written[..expected.len()], [&[24], &expected[1..]].concat());
        assert_eq!(written[expected.len()..], [0xa1, b'a', 0xc0]);
        assert_eq!(write(Protocol::MessagePack, "7", Ok(None)), [7, 0x95, 3, 0x80, 0xa1, b'7', 3, 0xc0]);
        assert_eq!(write(Protocol::MessagePack, "7", Err("x")), [8, 0x95, 3, 0x80, 0xa1, b'7', 1, 0xa1, b'x']);
    }

    #[test]
    fn long_messages_have_a_longer_prefix() {
        assert_eq!(length_prefix(0), [0]);
        assert_eq!(length_prefix(127), [0x7f]);
        assert_eq!(length_prefix(128), [0x80, 0x01]);
        assert_eq!(length_prefix(2_097_152), [0x80, 0x80, 0x80, 0x01]);
    }
}
