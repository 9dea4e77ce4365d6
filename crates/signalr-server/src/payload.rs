//! Values that pass through the server: the arguments of an invocation, the result of a completion, a stream item.
//!
//! They are opaque on purpose. A value that came in as JSON goes out as the same bytes, so numbers keep their digits
//! and objects their order; another encoding is made only when a client of the other protocol needs it, and once.

use std::fmt;
use std::sync::{Arc, OnceLock};

use serde::{Serialize, de::DeserializeOwned};
use serde_json::value::{RawValue, to_raw_value};

use crate::protocol::{HubProtocol, messagepack};

/// Any value, in one of the encodings of the hub protocols. Cheap to clone.
///
/// JSON becomes MessagePack by signalr-protocol 4.7: numbers in the fewest bytes, those beyond 64 bits and those with a
/// fraction or an exponent as floats, text that looks like a date as text. MessagePack becomes JSON as .NET shows such
/// values: binary in base64, a timestamp as `2023-11-14T22:13:20.5Z`, `NaN` and the infinities as strings of these
/// names, keys of maps as strings; the data of other extensions in base64.
#[derive(Clone)]
pub struct Payload(Arc<Encodings>);

/// At least one of them is there from the beginning.
#[derive(Default)]
struct Encodings {
    json: OnceLock<Box<RawValue>>,
    messagepack: OnceLock<Box<[u8]>>,
}

/// The bytes are not one MessagePack value, or not one that has a JSON form. The fault of whoever wrote them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct InvalidMessagePack(&'static str);

impl Payload {
    /// A value as the JSON text that it is.
    pub fn from_json(json: Box<RawValue>) -> Self {
        Self(Arc::new(Encodings { json: OnceLock::from(json), ..Encodings::default() }))
    }

    /// A value as the MessagePack that it is.
    ///
    /// # Errors
    /// [`InvalidMessagePack`] for anything but exactly one value, for one deeper than 500 levels, for a timestamp
    /// outside the years 1 to 9999, and for a map with a key that is nil, binary, an extension, an array or a map.
    pub fn from_messagepack(messagepack: &[u8]) -> Result<Self, InvalidMessagePack> {
        messagepack::check(messagepack).map_err(|malformed| InvalidMessagePack(malformed.0))?;
        Ok(Self::from_checked_messagepack(messagepack))
    }

    /// As [`Payload::from_messagepack`], for what `messagepack::read` has found to be a value.
    pub(crate) fn from_checked_messagepack(messagepack: &[u8]) -> Self {
        Self(Arc::new(Encodings { messagepack: OnceLock::from(Box::from(messagepack)), ..Encodings::default() }))
    }

    /// Serialises `value` as JSON.
    ///
    /// # Errors
    /// When `value` refuses to be serialised, for example a map whose keys are not strings.
    pub fn serialize<T: Serialize + ?Sized>(value: &T) -> Result<Self, serde_json::Error> {
        to_raw_value(value).map(Self::from_json)
    }

    /// Reads the value as JSON says it.
    ///
    /// # Errors
    /// When it is no `T`.
    pub fn deserialize<T: DeserializeOwned>(&self) -> Result<T, serde_json::Error> {
        serde_json::from_str(self.json().get())
    }

    /// The value as JSON text; byte for byte what came in if it came in as JSON, otherwise converted on first use.
    pub fn json(&self) -> &RawValue {
        self.0.json.get_or_init(|| {
            messagepack::to_json(self.messagepack()).expect("MessagePack is checked before it becomes a payload")
        })
    }

    /// The value as MessagePack; byte for byte what came in if it came in as MessagePack, otherwise converted on first
    /// use.
    pub fn messagepack(&self) -> &[u8] {
        self.0.messagepack.get_or_init(|| messagepack::from_json(self.json()).into())
    }

    /// A protocol in whose encoding the value is there already.
    fn protocol(&self) -> HubProtocol {
        if self.0.json.get().is_some() { HubProtocol::Json } else { HubProtocol::MessagePack }
    }

    fn is_array(&self) -> bool {
        match (self.0.json.get(), self.0.messagepack.get()) {
            (Some(json), _) => json.get().trim_ascii_start().starts_with('['),
            (None, messagepack) => messagepack.is_some_and(|value| messagepack::is_array(value)),
        }
    }

    /// The size only: payloads belong to users and are never logged.
    fn show(&self, name: &str, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.0.json.get(), self.0.messagepack.get()) {
            (Some(json), _) => write!(formatter, "{name}({} bytes of JSON)", json.get().len()),
            (None, messagepack) => {
                write!(formatter, "{name}({} bytes of MessagePack)", messagepack.map_or(0, |value| value.len()))
            }
        }
    }
}

/// Shows the size only.
impl fmt::Debug for Payload {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.show("Payload", formatter)
    }
}

/// The arguments of an invocation: a [`Payload`] that is an array. Cheap to clone.
#[derive(Clone)]
pub struct Arguments(Payload);

/// The value given as arguments is not an array. The caller's fault.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("arguments are not an array")]
pub struct NotAnArray;

impl Arguments {
    /// No arguments: `[]`.
    pub fn none() -> Self {
        Self::from_json(&[])
    }

    /// The given values in their order, each byte for byte.
    pub fn from_json(values: &[Box<RawValue>]) -> Self {
        let length = values.iter().map(|value| value.get().len() + 1).sum::<usize>() + 2;
        let mut array = String::with_capacity(length);
        array.push('[');
        for (index, value) in values.iter().enumerate() {
            if index > 0 {
                array.push(',');
            }
            array.push_str(value.get());
        }
        array.push(']');
        let array = RawValue::from_string(array).expect("JSON values between brackets and commas are a JSON array");
        Self(Payload::from_json(array))
    }

    /// A JSON array as it is, byte for byte.
    ///
    /// # Errors
    /// [`NotAnArray`] for any other JSON value.
    pub fn from_raw_json(array: Box<RawValue>) -> Result<Self, NotAnArray> {
        Self::try_from(Payload::from_json(array))
    }

    /// Serialises each value as one argument: `Arguments::serialize(&("Ada", 42))` is `["Ada",42]`.
    ///
    /// # Errors
    /// When `values` refuses to be serialised or is not written as an array.
    pub fn serialize<T: Serialize + ?Sized>(values: &T) -> Result<Self, serde_json::Error> {
        Self::from_raw_json(to_raw_value(values)?).map_err(serde::ser::Error::custom)
    }

    /// The values one by one, each byte for byte in an encoding in which the arguments are there already.
    pub(crate) fn split(&self) -> Vec<Payload> {
        match self.0.protocol() {
            HubProtocol::Json => {
                let values: Vec<Box<RawValue>> =
                    serde_json::from_str(self.json().get()).expect("arguments are a JSON array");
                values.into_iter().map(Payload::from_json).collect()
            }
            HubProtocol::MessagePack => {
                messagepack::items(self.messagepack()).into_iter().map(Payload::from_checked_messagepack).collect()
            }
        }
    }

    /// The arguments as the JSON text of an array; byte for byte what came in if it came in as JSON.
    pub fn json(&self) -> &RawValue {
        self.0.json()
    }

    /// The arguments as a MessagePack array; byte for byte what came in if it came in as MessagePack.
    pub fn messagepack(&self) -> &[u8] {
        self.0.messagepack()
    }
}

/// Shows the size only.
impl fmt::Debug for Arguments {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.show("Arguments", formatter)
    }
}

impl TryFrom<Payload> for Arguments {
    type Error = NotAnArray;

    fn try_from(array: Payload) -> Result<Self, NotAnArray> {
        if array.is_array() { Ok(Self(array)) } else { Err(NotAnArray) }
    }
}

/// The arguments as one value, which is an array.
impl From<Arguments> for Payload {
    fn from(arguments: Arguments) -> Self {
        arguments.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn raw(json: &str) -> Box<RawValue> {
        RawValue::from_string(json.to_owned()).unwrap()
    }

    #[test]
    fn json_passes_through_byte_for_byte() {
        let values = [raw("1.0"), raw("123456789012345678901234567890"), raw("{ \"b\":1,\n\"a\":2}")];
        let expected = "[1.0,123456789012345678901234567890,{ \"b\":1,\n\"a\":2}]";
        assert_eq!(Arguments::from_json(&values).json().get(), expected);
        assert_eq!(Arguments::from_raw_json(raw(expected)).unwrap().json().get(), expected);
        assert_eq!(Arguments::none().json().get(), "[]");
    }

    #[test]
    fn only_arrays_are_arguments() {
        assert_eq!(Arguments::from_raw_json(raw("{}")).unwrap_err(), NotAnArray);
        assert_eq!(Arguments::serialize(&("Ada", 42)).unwrap().json().get(), r#"["Ada",42]"#);
        assert!(Arguments::serialize("Ada").is_err());
    }

    #[test]
    fn messagepack_passes_through_byte_for_byte() {
        let wide_and_binary = [0x92, 0xcd, 0, 1, 0xc4, 1, 7];
        let payload = Payload::from_messagepack(&wide_and_binary).unwrap();
        assert_eq!(payload.json().get(), r#"[1,"Bw=="]"#);
        assert_eq!(payload.messagepack(), wide_and_binary);
        let arguments = Arguments::try_from(payload).unwrap();
        assert_eq!(arguments.messagepack(), wide_and_binary);
        assert_eq!(Payload::from(arguments).messagepack(), wide_and_binary);
    }

    #[test]
    fn the_other_encoding_is_made_once() {
        let payload = Payload::from_json(raw("[1, 2]"));
        let copy = payload.clone();
        assert_eq!(payload.messagepack(), [0x92, 1, 2]);
        assert_eq!(payload.messagepack().as_ptr(), copy.messagepack().as_ptr());
        assert_eq!(payload.json().get(), "[1, 2]");
    }

    #[test]
    fn arguments_are_split_into_the_bytes_that_came_in() {
        let split = Arguments::from_raw_json(raw("[ 1.0 , {\"a\": [2]},null ]")).unwrap().split();
        assert_eq!(split.iter().map(|value| value.json().get()).collect::<Vec<_>>(), ["1.0", "{\"a\": [2]}", "null"]);
        let wide = Payload::from_messagepack(&[0x93, 0xcd, 0, 1, 0x81, 0xa1, b'a', 0x91, 2, 0xc4, 1, 7]).unwrap();
        let split = Arguments::try_from(wide).unwrap().split();
        let expected: [&[u8]; 3] = [&[0xcd, 0, 1], &[0x81, 0xa1, b'a', 0x91, 2], &[0xc4, 1, 7]];
        assert_eq!(split.iter().map(Payload::messagepack).collect::<Vec<_>>(), expected);
        assert!(Arguments::none().split().is_empty());
    }

    #[track_caller]
    fn check_refused(messagepack: &[u8], complaint: &str) {
        assert_eq!(Payload::from_messagepack(messagepack).unwrap_err().to_string(), complaint);
    }

    #[test]
    fn only_one_messagepack_value_is_a_payload() {
        check_refused(&[], "a value is longer than its message");
        check_refused(&[0x92, 1], "a value is longer than its message");
        check_refused(&[1, 2], "a value is followed by more bytes");
        check_refused(&[0x81, 0xc0, 1], "a map key is not a string, a number, a boolean or a timestamp");
    }

    #[test]
    fn only_messagepack_arrays_are_arguments() {
        for (value, is_array) in [
            (&[0x90][..], true),
            (&[0xdc, 0, 0], true),
            (&[0xdd, 0, 0, 0, 0], true),
            (&[0x80], false),
            (&[0xc0], false),
            (&[0xa1, b'['], false),
        ] {
            let arguments = Arguments::try_from(Payload::from_messagepack(value).unwrap());
            assert_eq!(arguments.is_ok(), is_array, "{value:?}");
        }
    }

    #[test]
    fn a_payload_does_not_show_its_content() {
        let payload = Payload::serialize("secret").unwrap();
        assert_eq!(format!("{payload:?}"), "Payload(8 bytes of JSON)");
        let payload = Payload::from_messagepack(payload.messagepack()).unwrap();
        assert_eq!(format!("{payload:?}"), "Payload(7 bytes of MessagePack)");
        assert_eq!(format!("{:?}", Arguments::none()), "Arguments(2 bytes of JSON)");
    }
}
