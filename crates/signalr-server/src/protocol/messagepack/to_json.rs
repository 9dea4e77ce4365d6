//! The JSON form of a MessagePack value, as .NET shows such values in JSON.
//!
//! | MessagePack | JSON |
//! |---|---|
//! | nil, booleans, integers | the same |
//! | floats | the shortest number that reads back the same, always with a fraction or an exponent |
//! | NaN, infinities | the strings `NaN`, `Infinity`, `-Infinity`: JSON has no such numbers, and .NET reads these |
//! | strings | the same; what is not UTF-8 becomes the replacement character, as everywhere in .NET |
//! | binary | its base64 as a string |
//! | timestamp, extension -1 | a string as of a UTC `DateTime`: `2023-11-14T22:13:20.5Z`, at most seven decimals |
//! | other extensions | the base64 of their data, as for binary: what they mean is between the clients |
//! | maps | objects in the same order; equal keys stay |
//! | keys: numbers, booleans, timestamps | what they would be as values, as a string |
//! | keys: nil, binary, other extensions, arrays, maps | refused |

use std::io::Write;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::Serialize;
use serde_json::value::RawValue;

use super::reader::{Reader, Scalar};
use super::walk::{Kind, Step, Walk};
use crate::protocol::Malformed;

const TO_MEMORY: &str = "text and numbers are written to memory";

/// Converts the value at the start of `messagepack`; see the table above.
pub(crate) fn to_json(messagepack: &[u8]) -> Result<Box<RawValue>, Malformed> {
    let mut json = Vec::with_capacity(messagepack.len());
    let mut walk = Walk::new(Reader::new(messagepack));
    while let Some(step) = walk.next()? {
        write_step(step, &mut json);
    }
    let json = String::from_utf8(json).expect("strings are made UTF-8, the rest is ASCII");
    Ok(RawValue::from_string(json).expect("a walk through a value is JSON"))
}

fn write_step(step: Step<'_>, json: &mut Vec<u8>) {
    // Every value and every key ends in another character than these, so the last one tells whether a comma is due.
    if !matches!(step, Step::Close(_)) && !matches!(json.last(), None | Some(b'[' | b'{' | b':')) {
        json.push(b',');
    }
    match step {
        Step::Key(key) => {
            write_key(key, json);
            json.push(b':');
        }
        Step::Value(scalar) => write_scalar(scalar, json),
        Step::Open(Kind::Array) => json.push(b'['),
        Step::Close(Kind::Array) => json.push(b']'),
        Step::Open(Kind::Map) => json.push(b'{'),
        Step::Close(Kind::Map) => json.push(b'}'),
    }
}

fn write_key(key: Scalar<'_>, json: &mut Vec<u8>) {
    let start = json.len();
    write_scalar(key, json);
    if json[start] != b'"' {
        json.insert(start, b'"');
        json.push(b'"');
    }
}

fn write_scalar(scalar: Scalar<'_>, json: &mut Vec<u8>) {
    match scalar {
        Scalar::Nil => json.extend_from_slice(b"null"),
        Scalar::Boolean(boolean) => write(boolean, json),
        Scalar::Unsigned(number) => write(number, json),
        Scalar::Signed(number) => write(number, json),
        Scalar::Single(number) if number.is_finite() => write(number, json),
        Scalar::Single(number) => write(name(number.into()), json),
        Scalar::Double(number) if number.is_finite() => write(number, json),
        Scalar::Double(number) => write(name(number), json),
        Scalar::Text(bytes) => write(&*String::from_utf8_lossy(bytes), json),
        Scalar::Binary(bytes) | Scalar::Extension(bytes) => write(&*STANDARD.encode(bytes), json),
        Scalar::Timestamp(timestamp) => write!(json, "\"{timestamp}Z\"").expect(TO_MEMORY),
    }
}

fn name(number: f64) -> &'static str {
    match number {
        f64::INFINITY => "Infinity",
        f64::NEG_INFINITY => "-Infinity",
        _ => "NaN",
    }
}

fn write(value: impl Serialize, json: &mut Vec<u8>) {
    serde_json::to_writer(json, &value).expect(TO_MEMORY);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(messagepack: &[u8], expected: &str) {
        let json = match to_json(messagepack) {
            Ok(json) => json.get().to_owned(),
            Err(malformed) => format!("error: {malformed}"),
        };
        assert_eq!(json, expected);
    }

    #[test]
    fn scalars_have_a_json_form() {
        check(&[0xc0], "null");
        check(&[0xc2], "false");
        check(&[0xc3], "true");
        check(&[0xcf, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff], "18446744073709551615");
        check(&[0xd3, 0x80, 0, 0, 0, 0, 0, 0, 0], "-9223372036854775808");
        check(&[0xd0, 0xdf], "-33");
        check(&[0xd1, 0, 1], "1");
        check(&[0xe0], "-32");
        check(&[0xcb, 0x3f, 0xf8, 0, 0, 0, 0, 0, 0], "1.5");
        check(&[0xcb, 0x3f, 0xf0, 0, 0, 0, 0, 0, 0], "1.0");
        check(&[0xca, 0x3f, 0x8c, 0xcc, 0xcd], "1.1");
        check(b"\xa4a\"\x01\n", r#""a\"\u0001\n""#);
        check(&[0xd9, 2, 0xc3, 0xa9], "\"é\"");
        check(&[0xc4, 2, 1, 2], "\"AQI=\"");
        check(&[0xc4, 0], "\"\"");
        check(&[0xd6, 0xff, 0x65, 0x53, 0xf1, 0], "\"2023-11-14T22:13:20Z\"");
        check(&[0xd5, 7, 1, 2], "\"AQI=\"");
    }

    #[test]
    fn what_json_cannot_say_is_a_string() {
        check(&[0xcb, 0x7f, 0xf8, 0, 0, 0, 0, 0, 0], "\"NaN\"");
        check(&[0xcb, 0x7f, 0xf0, 0, 0, 0, 0, 0, 0], "\"Infinity\"");
        check(&[0xcb, 0xff, 0xf0, 0, 0, 0, 0, 0, 0], "\"-Infinity\"");
        check(&[0xca, 0x7f, 0x80, 0, 0], "\"Infinity\"");
    }

    #[test]
    fn a_lone_surrogate_becomes_replacement_characters() {
        check(&[0xa3, 0xed, 0xa0, 0x80], "\"\u{fffd}\u{fffd}\u{fffd}\"");
    }

    #[test]
    fn arrays_and_maps_keep_their_order() {
        check(&[0x90], "[]");
        check(&[0x80], "{}");
        check(&[0x93, 1, 0x92, 2, 0x90, 0x80], "[1,[2,[]],{}]");
        check(b"\x82\xa1b\x91\x01\xa1a\x81\xa1c\xc0", r#"{"b":[1],"a":{"c":null}}"#);
        check(b"\x82\xa1a\x01\xa1a\x02", r#"{"a":1,"a":2}"#);
        check(b"\x92\xa1[\xa1:", r#"["[",":"]"#);
        check(&[0xdc, 0, 1, 5], "[5]");
        check(&[0xde, 0, 1, 5, 6], r#"{"5":6}"#);
    }

    #[test]
    fn keys_are_strings() {
        check(&[0x81, 0x05, 0xc0], r#"{"5":null}"#);
        check(&[0x81, 0xff, 0xc0], r#"{"-1":null}"#);
        check(&[0x81, 0xc3, 0xc0], r#"{"true":null}"#);
        check(&[0x81, 0xcb, 0x3f, 0xf8, 0, 0, 0, 0, 0, 0, 0xc0], r#"{"1.5":null}"#);
        check(&[0x81, 0xcb, 0x7f, 0xf8, 0, 0, 0, 0, 0, 0, 0xc0], r#"{"NaN":null}"#);
        check(&[0x81, 0xd6, 0xff, 0, 0, 0, 0, 0xc0], r#"{"1970-01-01T00:00:00Z":null}"#);
        for key in [&[0xc0][..], &[0x90], &[0x80], &[0xc4, 0], &[0xd4, 7, 0]] {
            let map = [&[0x81][..], key, &[0xc0]].concat();
            check(&map, "error: a map key is not a string, a number, a boolean or a timestamp");
        }
    }

    #[test]
    fn five_hundred_levels_are_enough() {
        let nested = |depth: usize| [vec![0x91; depth - 1], vec![0x90]].concat();
        check(&nested(500), &("[".repeat(500) + &"]".repeat(500)));
        check(&nested(501), "error: a value is nested deeper than 500 levels");
        check(&vec![0x91; 1_000_000], "error: a value is nested deeper than 500 levels");
    }
}
