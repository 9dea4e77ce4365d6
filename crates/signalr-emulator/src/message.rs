//! The body of a send: `{"target":..,"arguments":[..]}`, or the same framed already for each hub protocol.
//!
//! The arguments are never parsed into values: they reach JSON clients byte for byte, so that `1.0` stays `1.0` and a
//! number of 30 digits keeps them all. Property names ignore case, since the SDK writes `Target` (signalr-service 1.5).

use std::fmt;

use bytes::Bytes;
use http::HeaderMap;
use http::header::CONTENT_TYPE;
use serde::Deserialize;
use serde::de::{Deserializer, IgnoredAny, MapAccess, Visitor};
use serde_json::value::RawValue;
use signalr_server::{Arguments, HubProtocol, ServerMessage};

use crate::operation::Family;
use crate::{frames, packed};

/// What a send carries.
#[derive(Debug)]
pub(crate) struct Message {
    /// The method that clients have registered with `on`.
    pub(crate) target: String,
    pub(crate) content: Content,
}

/// What the clients get.
#[derive(Debug)]
pub(crate) enum Content {
    /// The arguments as they were written, and their size. Absent and `null` mean none.
    Arguments { arguments: Arguments, size: usize },
    /// Whole messages, which go out as they came in to the clients of their protocol.
    Frames(Vec<(HubProtocol, Bytes)>),
}

/// How a body is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Format {
    /// `application/json`, with or without a charset.
    Json,
    /// `application/octet-stream`: a MessagePack map from hub protocol to a framed message (signalr-service 1.5 item 5).
    FrameMap,
    /// `application/x-msgpack`: the message itself in MessagePack.
    MessagePack,
}

/// Why a body is refused.
#[derive(Debug, thiserror::Error)]
pub(crate) enum BodyError {
    /// 415.
    #[error("The content type '{0}' is not supported; send 'application/json'.")]
    Unsupported(String),
    /// 400.
    #[error("Message in request body is required.")]
    Missing,
    /// 400: no target.
    #[error("The Target field is required.")]
    NoTarget,
    /// 400: arguments that are something else.
    #[error("The Arguments field is not an array.")]
    NotAnArray,
    /// 400.
    #[error("The request body is not a message: {0}")]
    Malformed(serde_json::Error),
    /// 400: the body of `:execute`.
    #[error("The request body is not a list of commands: {0}")]
    NotCommands(serde_json::Error),
    /// 400.
    #[error("The command '{0}' is not known.")]
    UnknownCommand(String),
    /// 400.
    #[error("The command '{kind}' needs a '{lacks}'.")]
    Incomplete { kind: String, lacks: &'static str },
    /// 400.
    #[error("The request body is not a map of framed messages: {0}")]
    NotFrames(&'static str),
    /// 400.
    #[error("The request body is not a packed message: {0}")]
    NotPacked(&'static str),
}

impl Format {
    /// Reads the `Content-Type` of a send. Version 1.0 takes JSON only (signalr-service 1.5 item 4).
    pub(crate) fn of(family: Family, headers: &HeaderMap) -> Result<Self, BodyError> {
        let written = headers.get(CONTENT_TYPE).map(|value| String::from_utf8_lossy(value.as_bytes()).into_owned());
        let written = written.unwrap_or_default();
        let mut parts = written.split(';').map(|part| part.trim().to_ascii_lowercase());
        let media_type = parts.next().unwrap_or_default();
        match (media_type.as_str(), family) {
            ("application/json", _) if parts.all(|parameter| is_utf8(&parameter)) => Ok(Self::Json),
            ("application/octet-stream", Family::Versioned) => Ok(Self::FrameMap),
            ("application/x-msgpack", Family::Versioned) => Ok(Self::MessagePack),
            _ => Err(BodyError::Unsupported(written)),
        }
    }
}

/// Only a charset other than UTF-8 changes how JSON is read.
fn is_utf8(parameter: &str) -> bool {
    let Some(charset) = parameter.strip_prefix("charset=") else { return true };
    matches!(charset.trim_matches('"'), "utf-8" | "utf8" | "us-ascii")
}

impl Message {
    /// Reads a body of `format`.
    pub(crate) fn parse(format: Format, body: &[u8]) -> Result<Self, BodyError> {
        match format {
            Format::Json => Self::parse_json(body),
            Format::FrameMap => frames::read(body).map_err(BodyError::NotFrames),
            Format::MessagePack => packed::read(body),
        }
    }

    /// How large what the clients get is, before it is framed for them. Of whole messages the largest counts.
    pub(crate) fn size(&self) -> usize {
        match &self.content {
            Content::Arguments { size, .. } => *size,
            Content::Frames(frames) => frames.iter().map(|(_, frame)| frame.len()).max().unwrap_or_default(),
        }
    }

    /// The arguments for a client of `protocol`. Of whole messages those of its own protocol count, if there are any.
    pub(crate) fn arguments(&self, protocol: HubProtocol) -> Result<Arguments, BodyError> {
        match &self.content {
            Content::Arguments { arguments, .. } => Ok(arguments.clone()),
            Content::Frames(frames) => {
                let own = frames.iter().find(|(spoken, _)| *spoken == protocol);
                let frame = own.or_else(|| frames.first());
                frame.and_then(|(spoken, frame)| frames::arguments(*spoken, frame)).ok_or(BodyError::NotAnArray)
            }
        }
    }

    /// What the clients get.
    pub(crate) fn to_clients(&self) -> ServerMessage {
        match &self.content {
            Content::Arguments { arguments, .. } => ServerMessage::invocation(self.target.as_str(), arguments.clone()),
            Content::Frames(frames) => ServerMessage::encoded(frames.iter().cloned()),
        }
    }

    /// Reads the JSON form.
    pub(crate) fn parse_json(body: &[u8]) -> Result<Self, BodyError> {
        let read: Option<Properties> = serde_json::from_slice(body).map_err(BodyError::Malformed)?;
        let Properties { target, arguments } = read.ok_or(BodyError::Missing)?;
        let target = target.filter(|target| !target.is_empty()).ok_or(BodyError::NoTarget)?;
        let arguments = arguments.map_or_else(|| Ok(Arguments::none()), Arguments::from_raw_json);
        let arguments = arguments.map_err(|_| BodyError::NotAnArray)?;
        let size = arguments.json().get().len();
        Ok(Self { target, content: Content::Arguments { arguments, size } })
    }
}

#[derive(Default)]
struct Properties {
    target: Option<String>,
    arguments: Option<Box<RawValue>>,
}

impl<'de> Deserialize<'de> for Properties {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(PropertiesVisitor)
    }
}

struct PropertiesVisitor;

impl<'de> Visitor<'de> for PropertiesVisitor {
    type Value = Properties;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("an object with `target` and `arguments`")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Properties, A::Error> {
        let mut found = Properties::default();
        while let Some(name) = map.next_key::<String>()? {
            if name.eq_ignore_ascii_case("target") {
                found.target = map.next_value()?;
            } else if name.eq_ignore_ascii_case("arguments") {
                found.arguments = map.next_value()?;
            } else {
                map.next_value::<IgnoredAny>()?;
            }
        }
        Ok(found)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(body: &str, expected: Result<(&str, &str), &str>) {
        let found = Message::parse(Format::Json, body.as_bytes());
        let found = found.map(|message| {
            let Content::Arguments { arguments, .. } = message.content else { panic!("JSON has arguments") };
            (message.target, arguments.json().get().to_owned())
        });
        let found = found.as_ref().map(|(target, arguments)| (target.as_str(), arguments.as_str()));
        assert_eq!(found.map_err(ToString::to_string), expected.map_err(str::to_owned), "{body}");
    }

    #[test]
    fn property_names_ignore_case_and_others_are_skipped() {
        check(r#"{"target":"m","arguments":[1]}"#, Ok(("m", "[1]")));
        check(r#"{"Target":"m","Arguments":[1]}"#, Ok(("m", "[1]")));
        check(r#"{"rawOnly":false,"ARGUMENTS":["a"],"x":{"target":"n"},"TARGET":"m"}"#, Ok(("m", r#"["a"]"#)));
    }

    #[test]
    fn arguments_are_kept_as_they_were_written() {
        let arguments = r#"[1.0, 123456789012345678901234567890 ,{"b":1,"a":1e5,"a":2}, "\u00e9é", null]"#;
        check(&format!(r#"{{"target":"m","arguments":{arguments}}}"#), Ok(("m", arguments)));
    }

    #[test]
    fn absent_and_null_arguments_mean_none() {
        check(r#"{"target":"m"}"#, Ok(("m", "[]")));
        check(r#"{"target":"m","arguments":null}"#, Ok(("m", "[]")));
        check(r#"{"target":"m","arguments":[]}"#, Ok(("m", "[]")));
    }

    #[test]
    fn a_message_needs_a_target_and_an_array() {
        check("null", Err("Message in request body is required."));
        check("{}", Err("The Target field is required."));
        check(r#"{"target":""}"#, Err("The Target field is required."));
        check(r#"{"target":null}"#, Err("The Target field is required."));
        check(r#"{"target":"m","arguments":{"a":1}}"#, Err("The Arguments field is not an array."));
        let ends = "The request body is not a message: EOF while parsing an object at line 1 column 13";
        check(r#"{"target":"m""#, Err(ends));
        let trailing = "The request body is not a message: trailing characters at line 1 column 15";
        check(r#"{"target":"m"}x"#, Err(trailing));
        let list = "The request body is not a message: invalid type: sequence, expected an object with `target` and `arguments` at line 1 column 0";
        check("[]", Err(list));
    }

    #[track_caller]
    fn check_format(content_type: Option<&str>, v1: Option<Format>, versioned: Option<Format>) {
        let mut headers = HeaderMap::new();
        if let Some(content_type) = content_type {
            headers.insert(CONTENT_TYPE, content_type.parse().unwrap());
        }
        assert_eq!(Format::of(Family::V1, &headers).ok(), v1, "{content_type:?}");
        assert_eq!(Format::of(Family::Versioned, &headers).ok(), versioned, "{content_type:?}");
    }

    #[test]
    fn json_may_name_utf8_and_nothing_else() {
        let json = Some(Format::Json);
        check_format(Some("application/json"), json, json);
        check_format(Some("application/json; charset=utf-8"), json, json);
        check_format(Some("Application/JSON;Charset=\"UTF-8\""), json, json);
        check_format(Some("application/json; odata=verbose"), json, json);
        check_format(Some("application/json; charset=utf-16"), None, None);
        check_format(Some("text/plain"), None, None);
        check_format(None, None, None);
    }

    #[test]
    fn version_1_takes_json_only() {
        check_format(Some("application/octet-stream"), None, Some(Format::FrameMap));
        check_format(Some("application/x-msgpack"), None, Some(Format::MessagePack));
        check_format(Some("application/msgpack"), None, None);
    }
}
