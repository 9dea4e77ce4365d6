//! A body of `application/octet-stream`: a MessagePack map from hub protocol to a framed `Invocation` or `StreamItem`.
//!
//! The frames reach clients as they are, so they are checked here: a frame that is not whole makes every client drop its
//! connection (signalr-service 1.5 item 5, signalr-protocol 1.6).

use bytes::Bytes;
use rmpv::ValueRef;
use rmpv::decode::read_value_ref_with_max_depth;
use rmpv::encode::write_value_ref;
use serde::Deserialize;
use serde::de::IgnoredAny;
use serde_json::value::RawValue;
use signalr_server::{Arguments, HubProtocol, Payload};

use crate::message::{Content, Message};

const RECORD_SEPARATOR: u8 = 0x1e;
/// The message types (signalr-protocol 4.3).
const INVOCATION: u64 = 1;
const STREAM_ITEM: u64 = 2;
/// How deep arguments may be nested. Values of clients are nowhere near; a hostile one would exhaust the stack.
const DEPTH: usize = 128;

/// What a frame of one protocol says, or why it is none.
type Reading<T> = Result<T, &'static str>;

/// Reads the map of a send. Entries of protocols that no client here can speak are left out.
pub(crate) fn read(body: &[u8]) -> Reading<Message> {
    let (frames, target) = entries(body, |protocol, frame| match protocol {
        HubProtocol::Json => json_target(frame)
            .ok_or("`json` is not one Invocation with a target, an array of arguments and its record separator"),
        HubProtocol::MessagePack => messagepack_target(frame)
            .ok_or("`messagepack` is not one Invocation with a target, an array of arguments and its length"),
    })?;
    Ok(Message { target, content: Content::Frames(frames) })
}

/// Reads the map of an item of `stream`.
pub(crate) fn read_stream_item(stream: &str, body: &[u8]) -> Reading<Vec<(HubProtocol, Bytes)>> {
    let (frames, ()) = entries(body, |protocol, frame| {
        let (found, complaint) = match protocol {
            HubProtocol::Json => {
                (json_stream(frame), "`json` is not one StreamItem of this stream with its record separator")
            }
            HubProtocol::MessagePack => {
                (messagepack_stream(frame), "`messagepack` is not one StreamItem of this stream with its length")
            }
        };
        if found.as_deref() == Some(stream) { Ok(()) } else { Err(complaint) }
    })?;
    Ok(frames)
}

/// The arguments of an Invocation, which was checked before.
pub(crate) fn arguments(protocol: HubProtocol, frame: &[u8]) -> Option<Arguments> {
    match protocol {
        HubProtocol::Json => {
            let invocation: Invocation = serde_json::from_slice(json(frame)?).ok()?;
            Arguments::from_raw_json(invocation.arguments).ok()
        }
        HubProtocol::MessagePack => {
            let ValueRef::Array(parts) = value(without_length(frame)?)? else { return None };
            let mut bytes = Vec::new();
            write_value_ref(&mut bytes, parts.get(4)?).ok()?;
            Arguments::try_from(Payload::from_messagepack(&bytes).ok()?).ok()
        }
    }
}

/// The frames per protocol, and what the first of them says.
fn entries<T>(body: &[u8], read: impl Fn(HubProtocol, &[u8]) -> Reading<T>) -> Reading<(Vec<(HubProtocol, Bytes)>, T)> {
    let Some(ValueRef::Map(entries)) = value(body) else {
        return Err("it is not one MessagePack map");
    };
    let mut first = None;
    let mut frames = Vec::with_capacity(entries.len());
    for (protocol, frame) in &entries {
        let (ValueRef::String(protocol), ValueRef::Binary(frame)) = (protocol, frame) else {
            return Err("its entries are not names of hub protocols with binary values");
        };
        let Some(protocol) = protocol.as_str().and_then(HubProtocol::from_name) else { continue };
        let found = read(protocol, frame)?;
        first.get_or_insert(found);
        frames.push((protocol, Bytes::copy_from_slice(frame)));
    }
    Ok((frames, first.ok_or("it has neither `json` nor `messagepack`")?))
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Invocation {
    #[serde(rename = "type")]
    kind: u64,
    /// Clients take none for a message that is broken.
    #[serde(default, deserialize_with = "text")]
    invocation_id: Option<String>,
    target: String,
    arguments: Box<RawValue>,
}

/// A text, where nothing but a text may stand.
fn text<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<Option<String>, D::Error> {
    String::deserialize(deserializer).map(Some)
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct StreamItem {
    #[serde(rename = "type")]
    kind: u64,
    invocation_id: String,
    #[serde(rename = "item")]
    _item: IgnoredAny,
}

fn json_target(frame: &[u8]) -> Option<String> {
    let invocation: Invocation = serde_json::from_slice(json(frame)?).ok()?;
    let is_named = !invocation.target.is_empty() && invocation.invocation_id.is_none_or(|id| !id.is_empty());
    let is_whole = invocation.kind == INVOCATION && is_named && Arguments::from_raw_json(invocation.arguments).is_ok();
    is_whole.then_some(invocation.target)
}

fn json_stream(frame: &[u8]) -> Option<String> {
    let item: StreamItem = serde_json::from_slice(json(frame)?).ok()?;
    (item.kind == STREAM_ITEM).then_some(item.invocation_id)
}

/// `[1, headers, invocation id or nil, target, arguments, ...]` behind its length. Clients drop their connection for
/// anything less (signalr-protocol 4.5).
fn messagepack_target(frame: &[u8]) -> Option<String> {
    let ValueRef::Array(parts) = value(without_length(frame)?)? else { return None };
    match parts.as_slice() {
        [
            kind,
            ValueRef::Map(_),
            ValueRef::Nil | ValueRef::String(_),
            ValueRef::String(target),
            ValueRef::Array(_),
            ..,
        ] if kind.as_u64() == Some(INVOCATION) => {
            target.as_str().filter(|target| !target.is_empty()).map(str::to_owned)
        }
        _ => None,
    }
}

/// `[2, headers, stream id, item]` behind its length.
fn messagepack_stream(frame: &[u8]) -> Option<String> {
    let ValueRef::Array(parts) = value(without_length(frame)?)? else { return None };
    match parts.as_slice() {
        [kind, _, ValueRef::String(stream), _, ..] if kind.as_u64() == Some(STREAM_ITEM) => {
            stream.as_str().map(str::to_owned)
        }
        _ => None,
    }
}

/// The message before its record separator.
fn json(frame: &[u8]) -> Option<&[u8]> {
    let (separator, message) = frame.split_last()?;
    (*separator == RECORD_SEPARATOR && !message.contains(&RECORD_SEPARATOR)).then_some(message)
}

/// The message behind a length of base 128, least significant group first, in at most five bytes.
pub(crate) fn without_length(frame: &[u8]) -> Option<&[u8]> {
    let last = frame.iter().take(5).position(|byte| byte & 0x80 == 0)?;
    let (length, message) = frame.split_at(last + 1);
    let length = length.iter().rev().fold(0_u64, |length, byte| length << 7 | u64::from(byte & 0x7f));
    (usize::try_from(length).ok() == Some(message.len())).then_some(message)
}

/// One whole value and nothing behind it.
pub(crate) fn value(mut bytes: &[u8]) -> Option<ValueRef<'_>> {
    let value = read_value_ref_with_max_depth(&mut bytes, DEPTH).ok()?;
    bytes.is_empty().then_some(value)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The vector of signalr-service 1.5: both protocols, target `newMessage`, one argument `hi`.
    const VECTOR: &[u8] = b"\x82\xabmessagepack\xc4\x15\x14\x96\x01\x80\xc0\xaanewMessage\x91\xa2hi\x90\
        \xa4json\xc4\x34{\"type\":1,\"target\":\"newMessage\",\"arguments\":[\"hi\"]}\x1e";

    #[test]
    fn the_vector_of_the_sdk_holds_a_frame_per_protocol() {
        let message = read(VECTOR).unwrap();
        assert_eq!(message.target, "newMessage");
        let Content::Frames(frames) = message.content else { panic!("these are frames") };
        let json = "{\"type\":1,\"target\":\"newMessage\",\"arguments\":[\"hi\"]}\u{1e}";
        let messagepack = b"\x14\x96\x01\x80\xc0\xaanewMessage\x91\xa2hi\x90";
        assert_eq!(frames[0], (HubProtocol::MessagePack, Bytes::from_static(messagepack)));
        assert_eq!(frames[1], (HubProtocol::Json, Bytes::from(json)));
    }

    /// A map with one entry.
    fn map(protocol: &str, frame: &[u8]) -> Vec<u8> {
        let mut body = vec![0x81, 0xa0 | protocol.len() as u8];
        body.extend_from_slice(protocol.as_bytes());
        body.extend_from_slice(&[0xc4, frame.len() as u8]);
        body.extend_from_slice(frame);
        body
    }

    #[track_caller]
    fn check(body: &[u8], expected: Result<&str, &str>) {
        assert_eq!(read(body).map(|message| message.target).as_deref().map_err(|error| *error), expected);
    }

    #[test]
    fn frames_have_to_be_whole_invocations() {
        let json = Err("`json` is not one Invocation with a target, an array of arguments and its record separator");
        check(&map("json", b"{\"type\":1,\"target\":\"m\",\"arguments\":[]}\x1e"), Ok("m"));
        check(&map("JSON", b"{\"type\":1,\"target\":\"m\",\"arguments\":[]}"), json);
        check(&map("json", b"{\"type\":6}\x1e{\"type\":1,\"target\":\"m\"}\x1e"), json);
        check(&map("json", b"{\"type\":7,\"target\":\"m\",\"arguments\":[]}\x1e"), json);
        check(&map("json", b"{\"type\":1,\"target\":\"m\"}\x1e"), json);
        check(&map("json", b"{\"type\":1,\"target\":\"m\",\"arguments\":{}}\x1e"), json);
        check(&map("json", b"{\"type\":1,\"target\":\"\",\"arguments\":[]}\x1e"), json);
        check(&map("json", b"{\"type\":1,\"invocationId\":null,\"target\":\"m\",\"arguments\":[]}\x1e"), json);
        check(&map("json", b"{\"type\":1,\"invocationId\":\"1\",\"target\":\"m\",\"arguments\":[]}\x1e"), Ok("m"));
        check(&map("json", b""), json);
        let messagepack =
            Err("`messagepack` is not one Invocation with a target, an array of arguments and its length");
        check(&map("messagepack", b"\x06\x95\x01\x80\xc0\xa1m"), messagepack);
        check(&map("messagepack", b"\x07\x95\x01\x80\xc0\xa1m\x90"), Ok("m"));
        check(&map("messagepack", b"\x06\x94\x01\x80\xc0\xa1m"), messagepack);
        check(&map("messagepack", b"\x07\x95\x01\x80\xc0\xa1m\x80"), messagepack);
        check(&map("messagepack", b"\x07\x95\x01\xc0\xc0\xa1m\x90"), messagepack);
        check(&map("messagepack", b"\x87\x00\x95\x01\x80\xc0\xa1m\x90"), Ok("m"));
        check(&map("messagepack", b"\x08\x95\x01\x80\xc0\xa1m\x90"), messagepack);
        check(&map("messagepack", b"\x07\x95\x02\x80\xc0\xa1m\x90"), messagepack);
        check(&map("messagepack", b"\xff\xff\xff\xff\xff\x01"), messagepack);
    }

    #[track_caller]
    fn check_arguments(protocol: HubProtocol, frame: &[u8], expected: Option<&str>) {
        let found = arguments(protocol, frame);
        assert_eq!(found.as_ref().map(|arguments| arguments.json().get()), expected);
    }

    #[test]
    fn arguments_are_taken_out_of_a_frame() {
        let json = HubProtocol::Json;
        check_arguments(json, b"{\"type\":1,\"target\":\"m\",\"arguments\":[1.0, {}]}\x1e", Some("[1.0, {}]"));
        check_arguments(json, b"{\"type\":1,\"target\":\"m\",\"arguments\":{}}\x1e", None);
        let messagepack = HubProtocol::MessagePack;
        check_arguments(messagepack, b"\x14\x96\x01\x80\xc0\xaanewMessage\x91\xa2hi\x90", Some(r#"["hi"]"#));
        check_arguments(messagepack, b"\x07\x95\x01\x80\xc0\xa1m\x80", None);
        check_arguments(messagepack, b"\x06\x94\x01\x80\xc0\xa1m", None);
    }

    #[track_caller]
    fn check_item(body: &[u8], expected: Result<usize, &str>) {
        assert_eq!(read_stream_item("s", body).map(|frames| frames.len()), expected);
    }

    #[test]
    fn an_item_has_to_be_one_of_its_stream() {
        let json = Err("`json` is not one StreamItem of this stream with its record separator");
        check_item(&map("json", b"{\"type\":2,\"invocationId\":\"s\",\"item\":null}\x1e"), Ok(1));
        check_item(&map("json", b"{\"type\":2,\"invocationId\":\"t\",\"item\":null}\x1e"), json);
        check_item(&map("json", b"{\"type\":2,\"invocationId\":\"s\"}\x1e"), json);
        check_item(&map("json", b"{\"type\":3,\"invocationId\":\"s\",\"item\":1}\x1e"), json);
        let messagepack = Err("`messagepack` is not one StreamItem of this stream with its length");
        check_item(&map("messagepack", b"\x06\x94\x02\x80\xa1s\x2a"), Ok(1));
        check_item(&map("messagepack", b"\x06\x94\x02\x80\xa1t\x2a"), messagepack);
        check_item(&map("messagepack", b"\x05\x93\x02\x80\xa1s"), messagepack);
    }

    #[test]
    fn anything_else_is_no_map_of_frames() {
        check(b"", Err("it is not one MessagePack map"));
        check(b"\x93\x01\x02\x03", Err("it is not one MessagePack map"));
        check(b"\x80\x80", Err("it is not one MessagePack map"));
        check(b"\x80", Err("it has neither `json` nor `messagepack`"));
        check(&map("blazorpack", b"?"), Err("it has neither `json` nor `messagepack`"));
        check(b"\x81\xa4json\xa1x", Err("its entries are not names of hub protocols with binary values"));
        check(&[0x91; 4096], Err("it is not one MessagePack map"));
        check(b"\xdf\xff\xff\xff\xff", Err("it is not one MessagePack map"));
    }
}
