//! The JSON hub protocol (signalr-protocol 4.3, 4.4).
//!
//! Absent properties are left out when writing: `"invocationId":null` makes the JavaScript client drop the connection
//! (signalr-protocol 1.7). When reading, the properties that a message type does not use are not looked at.

use serde::{Deserialize, Deserializer, Serialize, de::DeserializeOwned};
use serde_json::value::RawValue;

use super::{Incoming, Malformed, splitter::RECORD_SEPARATOR};
use crate::message::{ClientMessage, Content, Headers, Outcome, Reconnect};
use crate::{Arguments, Payload};

/// Appends a message and its record separator.
pub(crate) fn write(content: &Content, buffer: &mut Vec<u8>) {
    serde_json::to_writer(&mut *buffer, &Outgoing::from(content)).expect("strings and raw JSON are written to memory");
    buffer.push(RECORD_SEPARATOR);
}

/// Appends an Ack or a Sequence.
pub(crate) fn write_control(kind: u8, number: u64, buffer: &mut Vec<u8>) {
    buffer.extend_from_slice(format!(r#"{{"type":{kind},"sequenceId":{number}}}"#).as_bytes());
    buffer.push(RECORD_SEPARATOR);
}

/// A message towards the client; the fields are written in this order.
#[derive(Serialize, Default)]
#[serde(rename_all = "camelCase")]
struct Outgoing<'a> {
    r#type: u8,
    #[serde(skip_serializing_if = "Option::is_none")]
    invocation_id: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    target: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    arguments: Option<&'a RawValue>,
    #[serde(skip_serializing_if = "Option::is_none")]
    item: Option<&'a RawValue>,
    #[serde(skip_serializing_if = "Option::is_none")]
    result: Option<&'a RawValue>,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    allow_reconnect: Option<bool>,
}

impl<'a> From<&'a Content> for Outgoing<'a> {
    fn from(content: &'a Content) -> Self {
        match content {
            Content::Invocation { invocation_id, target, arguments } => Self {
                r#type: 1,
                invocation_id: invocation_id.as_deref(),
                target: Some(target),
                arguments: Some(arguments.json()),
                ..Self::default()
            },
            Content::StreamItem { invocation_id, item } => {
                Self { r#type: 2, invocation_id: Some(invocation_id), item: Some(item.json()), ..Self::default() }
            }
            Content::Completion { invocation_id, outcome } => {
                let (result, error) = match outcome {
                    Outcome::Void => (None, None),
                    Outcome::Result(value) => (Some(value.json()), None),
                    Outcome::Error(error) => (None, Some(error.as_str())),
                };
                Self { r#type: 3, invocation_id: Some(invocation_id), result, error, ..Self::default() }
            }
            Content::Close { error, reconnect } => Self {
                r#type: 7,
                error: error.as_deref(),
                allow_reconnect: (*reconnect == Reconnect::Allowed).then_some(true),
                ..Self::default()
            },
        }
    }
}

/// A message of a client, each property as the text that it is: which ones matter depends on the type.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Properties<'a> {
    #[serde(borrow, default, deserialize_with = "present")]
    r#type: Option<&'a RawValue>,
    #[serde(borrow, default, deserialize_with = "present")]
    invocation_id: Option<&'a RawValue>,
    #[serde(borrow, default, deserialize_with = "present")]
    target: Option<&'a RawValue>,
    #[serde(borrow, default, deserialize_with = "present")]
    arguments: Option<&'a RawValue>,
    #[serde(borrow, default, deserialize_with = "present")]
    stream_ids: Option<&'a RawValue>,
    #[serde(borrow, default, deserialize_with = "present")]
    headers: Option<&'a RawValue>,
    #[serde(borrow, default, deserialize_with = "present")]
    item: Option<&'a RawValue>,
    #[serde(borrow, default, deserialize_with = "present")]
    result: Option<&'a RawValue>,
    #[serde(borrow, default, deserialize_with = "present")]
    error: Option<&'a RawValue>,
    #[serde(borrow, default, deserialize_with = "present")]
    sequence_id: Option<&'a RawValue>,
}

/// A property that is there, also when it is `null`: serde alone would take `null` for absent.
fn present<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<&'de RawValue>, D::Error> {
    <&RawValue>::deserialize(deserializer).map(Some)
}

/// Parses a message without its record separator.
pub(crate) fn read(message: &[u8]) -> Result<Incoming, Malformed> {
    let properties = object(message).ok_or(Malformed("a message is not a JSON object"))?;
    let kind = properties.r#type.ok_or(Malformed("a message has no `type`"))?;
    let kind: i64 = parse(kind, "the `type` of a message is not an integer")?;
    match kind {
        1 => properties.invocation().map(Incoming::Message),
        2 => properties.stream_item().map(Incoming::Message),
        3 => properties.completion().map(Incoming::Message),
        4 => properties.stream_invocation().map(Incoming::Message),
        5 => properties.cancel_invocation().map(Incoming::Message),
        6 => Ok(Incoming::Ping),
        7 => Ok(Incoming::Close { error: properties.error()? }),
        8 => properties.sequence_id().map(Incoming::Ack),
        9 => properties.sequence_id().map(Incoming::Sequence),
        _ => Ok(Incoming::Ignored),
    }
}

/// serde would read an array as a struct, too.
fn object(message: &[u8]) -> Option<Properties<'_>> {
    message.trim_ascii_start().starts_with(b"{").then(|| serde_json::from_slice(message).ok())?
}

impl Properties<'_> {
    fn invocation(&self) -> Result<ClientMessage, Malformed> {
        Ok(ClientMessage::Invocation {
            invocation_id: self.optional_id()?,
            target: self.target()?,
            arguments: self.arguments()?,
            stream_ids: self.stream_ids()?,
            headers: self.headers()?,
        })
    }

    fn stream_invocation(&self) -> Result<ClientMessage, Malformed> {
        Ok(ClientMessage::StreamInvocation {
            invocation_id: self.id()?,
            target: self.target()?,
            arguments: self.arguments()?,
            stream_ids: self.stream_ids()?,
            headers: self.headers()?,
        })
    }

    fn stream_item(&self) -> Result<ClientMessage, Malformed> {
        let item = self.item.ok_or(Malformed("a stream item has no `item`"))?;
        Ok(ClientMessage::StreamItem {
            invocation_id: self.id()?,
            item: Payload::from_json(item.to_owned()),
            headers: self.headers()?,
        })
    }

    fn completion(&self) -> Result<ClientMessage, Malformed> {
        let outcome = match (self.result, self.error()?) {
            (Some(_), Some(_)) => return Err(Malformed("a completion has both `result` and `error`")),
            (Some(result), None) => Outcome::Result(Payload::from_json(result.to_owned())),
            (None, Some(error)) => Outcome::Error(error),
            (None, None) => Outcome::Void,
        };
        Ok(ClientMessage::Completion { invocation_id: self.id()?, outcome, headers: self.headers()? })
    }

    fn cancel_invocation(&self) -> Result<ClientMessage, Malformed> {
        Ok(ClientMessage::CancelInvocation { invocation_id: self.id()?, headers: self.headers()? })
    }

    fn id(&self) -> Result<String, Malformed> {
        self.optional_id()?.ok_or(Malformed("a message has no `invocationId`"))
    }

    /// An empty id is none, as .NET sees it.
    fn optional_id(&self) -> Result<Option<String>, Malformed> {
        let id: Option<String> = optional(self.invocation_id, "an `invocationId` is not a string")?;
        Ok(id.filter(|id| !id.is_empty()))
    }

    fn target(&self) -> Result<String, Malformed> {
        let target: Option<String> = optional(self.target, "the `target` of an invocation is not a string")?;
        target.ok_or(Malformed("an invocation has no `target`"))
    }

    fn arguments(&self) -> Result<Arguments, Malformed> {
        let arguments = self.arguments.ok_or(Malformed("an invocation has no `arguments`"))?;
        Arguments::from_raw_json(arguments.to_owned())
            .map_err(|_| Malformed("the `arguments` of an invocation are not an array"))
    }

    fn stream_ids(&self) -> Result<Vec<String>, Malformed> {
        optional(self.stream_ids, "the `streamIds` of an invocation are not an array of strings")
            .map(Option::unwrap_or_default)
    }

    fn headers(&self) -> Result<Headers, Malformed> {
        optional(self.headers, "the `headers` of a message are not a map of strings").map(Option::unwrap_or_default)
    }

    fn sequence_id(&self) -> Result<u64, Malformed> {
        const COMPLAINT: &str = "the `sequenceId` of a message is not a number";
        optional(self.sequence_id, COMPLAINT)?.ok_or(Malformed(COMPLAINT))
    }

    fn error(&self) -> Result<Option<String>, Malformed> {
        optional(self.error, "the `error` of a message is not a string")
    }
}

fn optional<T: DeserializeOwned>(raw: Option<&RawValue>, complaint: &'static str) -> Result<Option<T>, Malformed> {
    raw.map_or(Ok(None), |raw| parse(raw, complaint))
}

fn parse<T: DeserializeOwned>(raw: &RawValue, complaint: &'static str) -> Result<T, Malformed> {
    serde_json::from_str(raw.get()).map_err(|_| Malformed(complaint))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[track_caller]
    fn check_written(content: &Content, expected: &str) {
        let mut buffer = Vec::new();
        write(content, &mut buffer);
        assert_eq!(String::from_utf8(buffer).unwrap(), format!("{expected}\u{1e}"));
    }

    fn payload(json: &str) -> Payload {
        Payload::from_json(RawValue::from_string(json.to_owned()).unwrap())
    }

    fn completion(outcome: Outcome) -> Content {
        Content::Completion { invocation_id: "0".to_owned(), outcome }
    }

    #[test]
    fn absent_properties_are_left_out() {
        let arguments = Arguments::serialize(&("hi", 42)).unwrap();
        check_written(
            &Content::Invocation { invocation_id: None, target: "newMessage".to_owned(), arguments },
            r#"{"type":1,"target":"newMessage","arguments":["hi",42]}"#,
        );
        check_written(
            &Content::Invocation {
                invocation_id: Some("0".to_owned()),
                target: "a\"b".to_owned(),
                arguments: Arguments::none(),
            },
            r#"{"type":1,"invocationId":"0","target":"a\"b","arguments":[]}"#,
        );
        check_written(
            &Content::StreamItem { invocation_id: "1".to_owned(), item: payload("5.0") },
            r#"{"type":2,"invocationId":"1","item":5.0}"#,
        );
        check_written(&completion(Outcome::Void), r#"{"type":3,"invocationId":"0"}"#);
        check_written(&completion(Outcome::Result(payload("null"))), r#"{"type":3,"invocationId":"0","result":null}"#);
        check_written(
            &completion(Outcome::Error("boom".to_owned())),
            r#"{"type":3,"invocationId":"0","error":"boom"}"#,
        );
        check_written(&Content::Close { error: None, reconnect: Reconnect::Denied }, r#"{"type":7}"#);
        check_written(
            &Content::Close { error: Some("e".to_owned()), reconnect: Reconnect::Allowed },
            r#"{"type":7,"error":"e","allowReconnect":true}"#,
        );
    }

    #[track_caller]
    fn check_read(message: &str, expected: &str) {
        let read = match read(message.as_bytes()) {
            Ok(incoming) => summary(&incoming),
            Err(error) => format!("error: {error}"),
        };
        assert_eq!(read, expected);
    }

    fn summary(incoming: &Incoming) -> String {
        match incoming {
            Incoming::Message(ClientMessage::Invocation { invocation_id, target, arguments, stream_ids, headers }) => {
                format!("invocation {invocation_id:?} {target} {} {stream_ids:?} {headers:?}", arguments.json())
            }
            Incoming::Message(ClientMessage::StreamInvocation { invocation_id, target, arguments, .. }) => {
                format!("stream invocation {invocation_id} {target} {}", arguments.json())
            }
            Incoming::Message(ClientMessage::StreamItem { invocation_id, item, .. }) => {
                format!("item {invocation_id} {}", item.json())
            }
            Incoming::Message(ClientMessage::Completion { invocation_id, outcome, .. }) => match outcome {
                Outcome::Result(value) => format!("completion {invocation_id} result {}", value.json()),
                other => format!("completion {invocation_id} {other:?}"),
            },
            Incoming::Message(ClientMessage::CancelInvocation { invocation_id, .. }) => {
                format!("cancel {invocation_id}")
            }
            Incoming::Ping => "ping".to_owned(),
            Incoming::Close { error } => format!("close {error:?}"),
            Incoming::Ack(number) => format!("ack {number}"),
            Incoming::Sequence(number) => format!("sequence {number}"),
            Incoming::Ignored => "ignored".to_owned(),
        }
    }

    #[test]
    fn every_message_of_a_client_is_read() {
        check_read(
            r#"{"type":1,"target":"t","arguments":[1.0, {"b":1,"a":2}]}"#,
            r#"invocation None t [1.0, {"b":1,"a":2}] [] {}"#,
        );
        check_read(
            r#"{"arguments":[],"target":"a\u0062","invocationId":"7","streamIds":["1"],"headers":{"x":"y"},"type":1,"more":{}}"#,
            r#"invocation Some("7") ab [] ["1"] {"x": "y"}"#,
        );
        check_read(r#"{"type":1,"invocationId":null,"target":"t","arguments":[]}"#, "invocation None t [] [] {}");
        check_read(r#"{"type":1,"invocationId":"","target":"t","arguments":[]}"#, "invocation None t [] [] {}");
        check_read(r#"{"type":2,"invocationId":"1","item":null}"#, "item 1 null");
        check_read(r#"{"type":3,"invocationId":"1"}"#, "completion 1 Void");
        check_read(r#"{"type":3,"invocationId":"1","result":null}"#, "completion 1 result null");
        check_read(r#"{"type":3,"invocationId":"1","error":"e"}"#, r#"completion 1 Error("e")"#);
        check_read(
            r#"{"type":4,"invocationId":"2","target":"Stream","arguments":[3]}"#,
            "stream invocation 2 Stream [3]",
        );
        check_read(r#"{"type":5,"invocationId":"2"}"#, "cancel 2");
        check_read(r#"{"type":6}"#, "ping");
        check_read(r#"{"type":7}"#, "close None");
        check_read(r#"{"type":7,"error":"bye"}"#, r#"close Some("bye")"#);
        check_read(r#"{"type":8,"sequenceId":36}"#, "ack 36");
        check_read(r#"{"sequenceId":300,"type":9}"#, "sequence 300");
        check_read(r#"{"type":42,"target":5}"#, "ignored");
    }

    #[test]
    fn what_breaks_the_protocol_is_named() {
        check_read("", "error: a message is not a JSON object");
        check_read("[1]", "error: a message is not a JSON object");
        check_read("{", "error: a message is not a JSON object");
        check_read("{}", "error: a message has no `type`");
        check_read(r#"{"type":"1"}"#, "error: the `type` of a message is not an integer");
        check_read(r#"{"type":1.5}"#, "error: the `type` of a message is not an integer");
        check_read(r#"{"type":null}"#, "error: the `type` of a message is not an integer");
        check_read(r#"{"type":1,"arguments":[]}"#, "error: an invocation has no `target`");
        check_read(r#"{"type":1,"target":"t"}"#, "error: an invocation has no `arguments`");
        check_read(
            r#"{"type":1,"target":"t","arguments":{}}"#,
            "error: the `arguments` of an invocation are not an array",
        );
        check_read(
            r#"{"type":1,"target":"t","arguments":[],"invocationId":1}"#,
            "error: an `invocationId` is not a string",
        );
        check_read(r#"{"type":2,"invocationId":"1"}"#, "error: a stream item has no `item`");
        check_read(r#"{"type":3}"#, "error: a message has no `invocationId`");
        check_read(
            r#"{"type":3,"invocationId":"1","result":1,"error":"e"}"#,
            "error: a completion has both `result` and `error`",
        );
        check_read(r#"{"type":5,"invocationId":""}"#, "error: a message has no `invocationId`");
        check_read(r#"{"type":8}"#, "error: the `sequenceId` of a message is not a number");
        check_read(r#"{"type":9,"sequenceId":-1}"#, "error: the `sequenceId` of a message is not a number");
    }

    proptest! {
        #[test]
        fn garbage_never_panics(message in prop::collection::vec(any::<u8>(), 0..200)) {
            let _ = read(&message);
        }

        #[test]
        fn what_a_client_sends_comes_out_as_it_went_in(id in "\\PC{1,8}", target in "\\PC{0,12}", numbers in prop::collection::vec(any::<f64>().prop_filter("finite", |n| n.is_finite()), 0..5)) {
            let arguments = serde_json::to_string(&numbers).unwrap();
            let message = format!(r#"{{"type":1,"invocationId":{},"target":{},"arguments":{arguments}}}"#, serde_json::json!(id), serde_json::json!(target));
            prop_assert_eq!(summary(&read(message.as_bytes()).unwrap()), format!("invocation {:?} {target} {arguments} [] {{}}", Some(id)));
        }
    }
}
