//! Values that pass through the server: the arguments of an invocation, the result of a completion, a stream item.
//!
//! They are opaque on purpose. A value that came in as JSON goes out as the same bytes, so numbers keep their digits
//! and objects their order; another encoding is made only when a client of the other protocol needs it, and once.

use std::sync::{Arc, OnceLock};

use serde::Serialize;
use serde_json::value::{RawValue, to_raw_value};

/// Any value, in one of the encodings of the hub protocols. Cheap to clone.
#[derive(Clone)]
pub struct Payload(Arc<Encodings>);

#[derive(Default)]
struct Encodings {
    json: OnceLock<Box<RawValue>>,
}

impl Payload {
    /// A value as the JSON text that it is.
    pub fn from_json(json: Box<RawValue>) -> Self {
        Self(Arc::new(Encodings { json: OnceLock::from(json) }))
    }

    /// Serialises `value` as JSON.
    ///
    /// # Errors
    /// When `value` refuses to be serialised, for example a map whose keys are not strings.
    pub fn serialize<T: Serialize + ?Sized>(value: &T) -> Result<Self, serde_json::Error> {
        to_raw_value(value).map(Self::from_json)
    }

    /// The value as JSON text; byte for byte what came in if it came in as JSON.
    pub fn json(&self) -> &RawValue {
        self.0.json.get_or_init(|| RawValue::NULL.to_owned())
    }
}

/// Shows the size only: payloads belong to users and are never logged.
impl std::fmt::Debug for Payload {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "Payload({} bytes of JSON)", self.json().get().len())
    }
}

/// The arguments of an invocation: a [`Payload`] that is an array. Cheap to clone.
#[derive(Clone)]
pub struct Arguments(Payload);

/// The text given as arguments is JSON, but not an array. The caller's fault.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("arguments are not a JSON array")]
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
        if array.get().trim_ascii_start().starts_with('[') {
            Ok(Self(Payload::from_json(array)))
        } else {
            Err(NotAnArray)
        }
    }

    /// Serialises each value as one argument: `Arguments::serialize(&("Ada", 42))` is `["Ada",42]`.
    ///
    /// # Errors
    /// When `values` refuses to be serialised or is not written as an array.
    pub fn serialize<T: Serialize + ?Sized>(values: &T) -> Result<Self, serde_json::Error> {
        Self::from_raw_json(to_raw_value(values)?).map_err(serde::ser::Error::custom)
    }

    /// The arguments as the JSON text of an array; byte for byte what came in if it came in as JSON.
    pub fn json(&self) -> &RawValue {
        self.0.json()
    }
}

/// Shows the size only: payloads belong to users and are never logged.
impl std::fmt::Debug for Arguments {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "Arguments({} bytes of JSON)", self.json().get().len())
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
    fn a_payload_does_not_show_its_content() {
        assert_eq!(format!("{:?}", Payload::serialize("secret").unwrap()), "Payload(8 bytes of JSON)");
    }
}
