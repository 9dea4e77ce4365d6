//! The bodies of upstream requests (signalr-bindings 6.3).
//!
//! Easily missed: they carry no framing, neither a record separator nor a length, although the answers do. And the end of a
//! connection is always reported in JSON, whatever the client spoke.

use base64::Engine as _;
use jiff::Timestamp;
use serde::Deserialize as _;
use serde_json::value::RawValue;
use serde_json::{Value, json};

use super::{Protocol, Unreadable};
use crate::members::{Members, as_string, is_null};

/// How deep a MessagePack value may be nested; .NET's limit for JSON is of the same order.
const DEPTH: usize = 64;

const INVOCATION: i64 = 1;
const CLOSE_CONNECTION: i64 = 11;
/// The MessagePack extension type of points in time.
const TIMESTAMP: i8 = -1;

/// A method that a client calls.
#[derive(Debug)]
pub(crate) struct Call {
    /// Absent when the client wants no answer.
    pub(crate) invocation_id: Option<String>,
    pub(crate) target: Option<String>,
    /// A JSON array.
    pub(crate) arguments: Option<Box<RawValue>>,
}

/// Reads the body of an event of the category `messages`.
///
/// # Errors
/// When it is not an invocation.
pub(crate) fn read_call(protocol: Protocol, body: &[u8]) -> Result<Call, Unreadable> {
    let call = match protocol {
        Protocol::Json => json_call(body),
        Protocol::MessagePack => messagepack_call(body),
    };
    call.ok_or(Unreadable::Message)
}

/// Reads the body of `disconnected`: the error, if there was one.
///
/// # Errors
/// When it is something else, or MessagePack.
pub(crate) fn read_disconnection(protocol: Protocol, body: &[u8]) -> Result<Option<String>, Unreadable> {
    let members = match protocol {
        Protocol::Json => json_message(body, CLOSE_CONNECTION).ok_or(Unreadable::Message)?,
        Protocol::MessagePack => return Err(Unreadable::Message),
    };
    text(&members, "error").ok_or(Unreadable::Message)
}

fn json_call(body: &[u8]) -> Option<Call> {
    let members = json_message(body, INVOCATION)?;
    let arguments = members.get_ignoring_case("arguments").filter(|arguments| !is_null(arguments));
    if arguments.is_some_and(|arguments| !arguments.get().starts_with('[')) {
        return None;
    }
    Some(Call {
        invocation_id: text(&members, "invocationId")?.filter(|id| !id.is_empty()),
        target: text(&members, "target")?,
        arguments: arguments.map(ToOwned::to_owned),
    })
}

/// The members of the first JSON value in `body`, if it is a message of this kind. What follows is not looked at.
fn json_message(body: &[u8], kind: i64) -> Option<Members> {
    let body = body.strip_prefix("\u{feff}".as_bytes()).unwrap_or(body);
    let members = Members::deserialize(&mut serde_json::Deserializer::from_slice(body)).ok()?;
    let found = members.get_ignoring_case("type")?;
    let found = as_string(found).unwrap_or_else(|| found.get().to_owned());
    (found.parse() == Ok(kind)).then_some(members)
}

/// A member that is text to .NET: `Some(None)` when it is missing or null, `None` when it cannot be text.
#[expect(clippy::option_option, reason = "absent and impossible are two things here, and both are common")]
fn text(members: &Members, name: &str) -> Option<Option<String>> {
    match members.get_ignoring_case(name).filter(|value| !is_null(value)) {
        None => Some(None),
        Some(value) if value.get().starts_with(['{', '[']) => None,
        Some(value) => Some(Some(as_string(value).unwrap_or_else(|| value.get().to_owned()))),
    }
}

/// `[1, headers, invocation id or nil, target, [arguments], …]`.
fn messagepack_call(mut body: &[u8]) -> Option<Call> {
    let message = rmpv::decode::read_value_with_max_depth(&mut body, DEPTH).ok()?;
    let [kind, _headers, invocation_id, target, arguments, ..] = message.as_array()?.as_slice() else { return None };
    if kind.as_i64() != Some(INVOCATION) {
        return None;
    }
    let arguments = arguments.as_array()?.iter().map(to_json).collect::<Option<Vec<Value>>>()?;
    Some(Call {
        invocation_id: text_or_nil(invocation_id)?.filter(|id| !id.is_empty()),
        target: text_or_nil(target)?,
        arguments: serde_json::value::to_raw_value(&arguments).ok(),
    })
}

#[expect(clippy::option_option, reason = "nil and impossible are two things here, and both are common")]
fn text_or_nil(value: &rmpv::Value) -> Option<Option<String>> {
    if value.is_nil() { Some(None) } else { value.as_str().map(|text| Some(text.to_owned())) }
}

/// A MessagePack value as Newtonsoft writes what .NET makes of it; `None` for what .NET cannot read.
fn to_json(value: &rmpv::Value) -> Option<Value> {
    Some(match value {
        rmpv::Value::Nil => Value::Null,
        rmpv::Value::Boolean(value) => json!(value),
        rmpv::Value::Integer(number) => number.as_u64().map_or_else(|| json!(number.as_i64()), |number| json!(number)),
        rmpv::Value::F32(number) => float(f64::from(*number)),
        rmpv::Value::F64(number) => float(*number),
        rmpv::Value::String(text) => json!(text.as_str()?),
        rmpv::Value::Binary(bytes) => json!(base64::engine::general_purpose::STANDARD.encode(bytes)),
        rmpv::Value::Array(items) => Value::Array(items.iter().map(to_json).collect::<Option<_>>()?),
        rmpv::Value::Map(pairs) => Value::Object(
            pairs.iter().map(|(key, value)| Some((key_text(key)?, to_json(value)?))).collect::<Option<_>>()?,
        ),
        rmpv::Value::Ext(TIMESTAMP, bytes) => json!(date_text(timestamp(bytes)?)),
        rmpv::Value::Ext(..) => return None,
    })
}

/// Newtonsoft writes numbers that JSON does not have as strings.
fn float(number: f64) -> Value {
    match number {
        _ if number.is_finite() => json!(number),
        _ if number.is_nan() => json!("NaN"),
        _ if number > 0.0 => json!("Infinity"),
        _ => json!("-Infinity"),
    }
}

fn key_text(key: &rmpv::Value) -> Option<String> {
    match to_json(key)? {
        Value::String(text) => Some(text),
        Value::Number(number) => Some(number.to_string()),
        Value::Bool(true) => Some("True".to_owned()),
        Value::Bool(false) => Some("False".to_owned()),
        Value::Null | Value::Array(_) | Value::Object(_) => None,
    }
}

/// The three sizes of a MessagePack timestamp.
fn timestamp(bytes: &[u8]) -> Option<Timestamp> {
    let (seconds, nanoseconds) = match bytes.len() {
        4 => (i64::from(u32::from_be_bytes(bytes.try_into().ok()?)), 0),
        8 => {
            let both = u64::from_be_bytes(bytes.try_into().ok()?);
            (i64::try_from(both & 0x3_ffff_ffff).ok()?, u32::try_from(both >> 34).ok()?)
        }
        12 => {
            let (nanoseconds, seconds) = bytes.split_at(4);
            (i64::from_be_bytes(seconds.try_into().ok()?), u32::from_be_bytes(nanoseconds.try_into().ok()?))
        }
        _ => return None,
    };
    Timestamp::new(seconds, i32::try_from(nanoseconds).ok()?).ok()
}

/// `2023-11-14T22:13:20.5Z`: no zeros at the end of the fraction, at most seven digits.
fn date_text(time: Timestamp) -> String {
    let fraction = format!(".{:07}", time.subsec_nanosecond() / 100);
    let fraction = fraction.trim_end_matches('0').trim_end_matches('.');
    format!("{}{fraction}Z", time.strftime("%Y-%m-%dT%H:%M:%S"))
}
