use proptest::prelude::*;
use serde::Deserialize;
use serde_json::Value;
use serde_json::value::RawValue;

use super::*;
use crate::protocol::json;

#[derive(Deserialize)]
struct Vectors {
    framed: Vec<Vector>,
    unframed: Vec<Vector>,
}

#[derive(Deserialize)]
struct Vector {
    name: String,
    bytes: String,
    /// What the bytes say, as the JSON protocol says it.
    messages: Vec<Value>,
    /// Servers write exactly these bytes.
    #[serde(default)]
    written: bool,
}

/// All vectors of the fixture with their lengths.
fn vectors() -> Vec<(Vector, Vec<u8>)> {
    let Vectors { framed, unframed } =
        serde_json::from_str(include_str!("../../../fixtures/messagepack_signalr-protocol_4.6.json")).unwrap();
    let framed = framed.into_iter().map(|vector| {
        let bytes = bytes(&vector.bytes);
        (vector, bytes)
    });
    let unframed = unframed.into_iter().map(|vector| {
        let mut bytes = bytes(&vector.bytes);
        length::insert(&mut bytes, 0).unwrap();
        (vector, bytes)
    });
    framed.chain(unframed).collect()
}

fn bytes(hexadecimal: &str) -> Vec<u8> {
    hexadecimal.split(' ').map(|byte| u8::from_str_radix(byte, 16).unwrap()).collect()
}

fn messages(mut stream: &[u8]) -> Vec<Vec<u8>> {
    let mut splitter = Splitter::new(usize::MAX);
    std::iter::from_fn(|| splitter.next(&mut stream).unwrap().map(|message| message.into_owned())).collect()
}

fn summary(incoming: Result<Incoming, Malformed>) -> String {
    let message = match incoming {
        Ok(Incoming::Message(message)) => message,
        other => return format!("{other:?}"),
    };
    match message {
        ClientMessage::Invocation { invocation_id, target, arguments, stream_ids, headers } => {
            format!("invocation {invocation_id:?} {target} {} {stream_ids:?} {headers:?}", arguments.json())
        }
        ClientMessage::StreamInvocation { invocation_id, target, arguments, stream_ids, headers } => {
            format!("stream invocation {invocation_id} {target} {} {stream_ids:?} {headers:?}", arguments.json())
        }
        ClientMessage::StreamItem { invocation_id, item, headers } => {
            format!("item {invocation_id} {} {headers:?}", item.json())
        }
        ClientMessage::Completion { invocation_id, outcome: Outcome::Result(value), headers } => {
            format!("result {invocation_id} {} {headers:?}", value.json())
        }
        other => format!("{other:?}"),
    }
}

#[test]
fn every_vector_reads_like_the_same_message_in_json() {
    for (vector, bytes) in vectors() {
        let read: Vec<_> = messages(&bytes).iter().map(|message| summary(read(message))).collect();
        let json: Vec<_> =
            vector.messages.iter().map(|message| summary(json::read(message.to_string().as_bytes()))).collect();
        assert_eq!(read, json, "{}", vector.name);
    }
}

#[test]
fn every_vector_of_a_server_is_written_byte_for_byte() {
    let mut count = 0;
    for (vector, bytes) in vectors().into_iter().filter(|(vector, _)| vector.written) {
        let mut buffer = Vec::new();
        for message in &vector.messages {
            write_json(message, &mut buffer);
        }
        assert_eq!(buffer, bytes, "{}", vector.name);
        count += 1;
    }
    assert_eq!(count, 23);
}

/// Writes what a server says in the JSON `message`.
fn write_json(message: &Value, buffer: &mut Vec<u8>) {
    let reconnect = if message["allowReconnect"] == true { Reconnect::Allowed } else { Reconnect::Denied };
    let content = match json::read(message.to_string().as_bytes()).unwrap() {
        Incoming::Message(ClientMessage::Invocation { invocation_id, target, arguments, .. }) => {
            Content::Invocation { invocation_id, target, arguments }
        }
        Incoming::Message(ClientMessage::StreamItem { invocation_id, item, .. }) => {
            Content::StreamItem { invocation_id, item }
        }
        Incoming::Message(ClientMessage::Completion { invocation_id, outcome, .. }) => {
            Content::Completion { invocation_id, outcome }
        }
        Incoming::Close { error } => Content::Close { error, reconnect },
        Incoming::Ping => return write_control(Control::Ping, buffer),
        Incoming::Ack(number) => return write_control(Control::Ack(number), buffer),
        Incoming::Sequence(number) => return write_control(Control::Sequence(number), buffer),
        other => panic!("servers do not say {other:?}"),
    };
    write(&content, buffer).unwrap();
}

#[track_caller]
fn check_read(message: &str, expected: &str) {
    assert_eq!(summary(read(&bytes(message))), expected);
}

#[test]
fn what_follows_the_known_items_is_not_looked_at() {
    check_read("98 01 80 c0 a1 74 90 90 c1 c1", "invocation None t [] [] {}");
    check_read("96 03 80 a1 30 03 05 c1", "result 0 5 {}");
    check_read("95 03 80 a1 30 02 c1", "Completion { invocation_id: \"0\", outcome: Void, headers: {} }");
    check_read("92 06 c1", "Ok(Ping)");
    check_read("91 06 00", "Ok(Ping)");
    check_read("94 07 c0 c3 c1", "Ok(Close { error: None })");
    check_read("92 2a c1", "Ok(Ignored)");
    check_read("91 ff", "Ok(Ignored)");
    check_read("91 cf ff ff ff ff ff ff ff ff", "Ok(Ignored)");
}

#[test]
fn an_empty_id_is_none() {
    check_read("95 01 80 a0 a1 74 90", "invocation None t [] [] {}");
}

#[test]
fn numbers_may_be_wider_than_needed() {
    check_read("dc 00 05 cd 00 03 de 00 00 d9 01 30 d3 00 00 00 00 00 00 00 03 d1 00 05", "result 0 5 {}");
}

#[test]
fn a_string_that_is_not_utf8_is_repaired() {
    check_read("95 01 80 c0 a1 ff 91 a1 ff", "invocation None \u{fffd} [\"\u{fffd}\"] [] {}");
}

#[track_caller]
fn check_malformed(message: &str, complaint: &str) {
    let bytes = if message.is_empty() { Vec::new() } else { bytes(message) };
    match read(&bytes) {
        Err(malformed) => assert_eq!(malformed.to_string(), complaint),
        other => panic!("{other:?}"),
    }
}

#[test]
fn what_breaks_the_protocol_is_named() {
    check_malformed("", "a value is longer than its message");
    check_malformed("06", "a message is not a MessagePack array");
    check_malformed("80", "a message is not a MessagePack array");
    check_malformed("90", "a message has too few items");
    check_malformed("91 a1 36", "the type of a message is not an integer");
    check_malformed("91 c0", "the type of a message is not an integer");
    check_malformed("91 cb 40 18 00 00 00 00 00 00", "the type of a message is not an integer");
    check_malformed("91 01", "a message has too few items");
    check_malformed("94 01 80 c0 a1 74", "a message has too few items");
    check_malformed("93 02 80 a1 31", "a message has too few items");
    check_malformed("94 03 80 a1 31 01", "a message has too few items");
    check_malformed("94 03 80 a1 31 03", "a message has too few items");
    check_malformed("92 05 80", "a message has too few items");
    check_malformed("91 07", "a message has too few items");
    check_malformed("95 01 c0 c0 a1 74 90", "the `headers` of a message are not a map of strings");
    check_malformed("95 01 81 01 a1 79 c0 a1 74 90", "the `headers` of a message are not a map of strings");
    check_malformed("95 01 81 a1 78 c0 c0 a1 74 90", "the `headers` of a message are not a map of strings");
    check_malformed("95 01 80 00 a1 74 90", "an `invocationId` is not a string");
    check_malformed("95 01 80 c0 c4 01 74 90", "the `target` of an invocation is not a string");
    check_malformed("95 01 80 c0 c0 90", "an invocation has no `target`");
    check_malformed("95 01 80 c0 a1 74 80", "the `arguments` of an invocation are not an array");
    check_malformed("95 01 80 c0 a1 74 c0", "the `arguments` of an invocation are not an array");
    check_malformed("96 01 80 c0 a1 74 90 c0", "the `streamIds` of an invocation are not an array of strings");
    check_malformed("96 01 80 c0 a1 74 90 91 01", "the `streamIds` of an invocation are not an array of strings");
    check_malformed("95 04 80 c0 a1 74 90", "a message has no `invocationId`");
    check_malformed("94 02 80 a0 05", "a message has no `invocationId`");
    check_malformed("94 03 80 a1 30 c0", "the kind of a completion is not an integer");
    check_malformed("94 03 80 a1 30 04", "the kind of a completion is none of 1, 2 and 3");
    check_malformed("94 03 80 a1 30 ff", "the kind of a completion is none of 1, 2 and 3");
    check_malformed("95 03 80 a1 30 01 05", "the `error` of a message is not a string");
    check_malformed("95 03 80 a1 30 01 c0", "a completion that failed has no `error`");
    check_malformed("95 03 80 a1 30 03 c1", "a value starts with the reserved byte c1");
    check_malformed("92 07 05", "the `error` of a message is not a string");
    check_malformed("95 01 80 c0 a1 74 91", "a value is longer than its message");
}

/// Any value whose text, as this crate writes JSON, is the one that comes back.
fn any_json() -> impl Strategy<Value = Value> {
    let scalar = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<u64>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<i16>().prop_map(Value::from),
        any::<f64>().prop_filter("finite", |number| number.is_finite()).prop_map(Value::from),
        "\\PC{0,40}".prop_map(Value::from),
        any::<String>().prop_map(Value::from),
    ];
    scalar.prop_recursive(6, 80, 20, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..20).prop_map(Value::from),
            prop::collection::vec((any::<String>(), inner), 0..20)
                .prop_map(|pairs| Value::Object(pairs.into_iter().collect())),
        ]
    })
}

fn any_messagepack() -> impl Strategy<Value = rmpv::Value> {
    let scalar = prop_oneof![
        Just(rmpv::Value::Nil),
        any::<bool>().prop_map(rmpv::Value::from),
        any::<u64>().prop_map(rmpv::Value::from),
        any::<i64>().prop_map(rmpv::Value::from),
        any::<f32>().prop_map(rmpv::Value::F32),
        any::<f64>().prop_map(rmpv::Value::F64),
        any::<String>().prop_map(rmpv::Value::from),
        prop::collection::vec(any::<u8>(), 0..20).prop_map(rmpv::Value::Binary),
        (0..i8::MAX, prop::collection::vec(any::<u8>(), 0..20)).prop_map(|(kind, data)| rmpv::Value::Ext(kind, data)),
    ];
    scalar.prop_recursive(6, 80, 20, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..20).prop_map(rmpv::Value::Array),
            prop::collection::vec((any::<String>().prop_map(rmpv::Value::from), inner), 0..20)
                .prop_map(rmpv::Value::Map),
        ]
    })
}

/// The value as another implementation of MessagePack knows it.
fn peer(value: &Value) -> rmpv::Value {
    match value {
        Value::Null => rmpv::Value::Nil,
        Value::Bool(boolean) => (*boolean).into(),
        Value::Number(number) => match (number.as_u64(), number.as_i64()) {
            (Some(integer), _) => integer.into(),
            (None, Some(integer)) => integer.into(),
            (None, None) => number.as_f64().unwrap().into(),
        },
        Value::String(text) => text.as_str().into(),
        Value::Array(items) => rmpv::Value::Array(items.iter().map(peer).collect()),
        Value::Object(pairs) => {
            rmpv::Value::Map(pairs.iter().map(|(key, value)| (key.as_str().into(), peer(value))).collect())
        }
    }
}

fn raw(json: &str) -> Box<RawValue> {
    RawValue::from_string(json.to_owned()).unwrap()
}

/// The same text with every character of its strings escaped.
fn escaped(json: &str) -> String {
    let mut text = String::new();
    let mut in_string = false;
    let mut characters = json.chars();
    while let Some(character) = characters.next() {
        match character {
            '"' => {
                in_string = !in_string;
                text.push('"');
            }
            '\\' => {
                text.push('\\');
                text.extend(characters.next());
            }
            _ if in_string => {
                text.extend(character.encode_utf16(&mut [0; 2]).iter().map(|unit| format!("\\u{unit:04X}")));
            }
            _ => text.push(character),
        }
    }
    text
}

proptest! {
    #[test]
    fn any_json_value_comes_back_as_the_same_text(value in any_json()) {
        let json = value.to_string();
        let messagepack = from_json(&raw(&json));
        let back = to_json(&messagepack).unwrap();
        prop_assert_eq!(back.get(), json);
    }

    #[test]
    fn any_json_value_is_encoded_as_another_implementation_does_it(value in any_json()) {
        let mut expected = Vec::new();
        rmpv::encode::write_value(&mut expected, &peer(&value)).unwrap();
        prop_assert_eq!(&from_json(&raw(&value.to_string())), &expected);
        prop_assert_eq!(&from_json(&raw(&serde_json::to_string_pretty(&value).unwrap())), &expected);
        prop_assert_eq!(&from_json(&raw(&escaped(&value.to_string()))), &expected);
    }

    #[test]
    fn any_value_of_another_implementation_has_a_json_form(value in any_messagepack()) {
        let mut messagepack = Vec::new();
        rmpv::encode::write_value(&mut messagepack, &value).unwrap();
        prop_assert!(to_json(&messagepack).is_ok());
        let mut reader = Reader::new(&messagepack);
        prop_assert_eq!(walk::value(&mut reader), Ok(&messagepack[..]));
        prop_assert!(reader.rest().is_empty());
        messagepack.pop();
        prop_assert!(to_json(&messagepack).is_err());
    }

    #[test]
    fn garbage_never_panics(message in prop::collection::vec(any::<u8>(), 0..200)) {
        let _ = read(&message);
        let _ = to_json(&message);
    }

    #[test]
    fn a_damaged_message_never_panics(damage in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..4), chosen in any::<prop::sample::Index>()) {
        let vectors = vectors();
        let mut bytes = vectors[chosen.index(vectors.len())].1.clone();
        for (place, byte) in damage {
            let place = place.index(bytes.len());
            bytes[place] = byte;
        }
        let _ = read(&bytes[1..]);
    }

    #[test]
    fn what_a_client_sends_comes_out_as_it_went_in(id in "\\PC{1,8}", target in "\\PC{0,40}", arguments in prop::collection::vec(any_json(), 0..5)) {
        let arguments = Value::from(arguments).to_string();
        let content = Content::Invocation {
            invocation_id: Some(id.clone()),
            target: target.clone(),
            arguments: Arguments::from_raw_json(raw(&arguments)).unwrap(),
        };
        let mut buffer = b"before".to_vec();
        write(&content, &mut buffer).unwrap();
        let messages = messages(buffer.strip_prefix(b"before").unwrap());
        prop_assert_eq!(messages.len(), 1);
        prop_assert_eq!(summary(read(&messages[0])), format!("invocation {:?} {target} {arguments} [] {{}}", Some(id)));
    }
}
