//! The MessagePack form of a JSON value (signalr-protocol 4.7).
//!
//! Strings that look like dates stay strings. `-0` is the integer 0, a number beyond 64 bits the nearest float, and
//! beyond those an infinity. A lone surrogate, which JSON can escape and UTF-8 cannot hold, becomes the replacement
//! character.

use serde_json::value::RawValue;

use super::encode;
use super::walk::Kind;

const VALID: &str = "raw values are valid JSON";

/// Converts in one pass and without recursion: raw JSON may be nested to any depth. Objects keep their order, and
/// equal keys stay.
pub(crate) fn from_json(json: &RawValue) -> Vec<u8> {
    let mut draft = Draft::default();
    let mut rest = json.get();
    while let Some(first) = rest.bytes().next() {
        let length = match first {
            b'"' => text(rest, &mut draft.scalars),
            b'[' => draft.open(Kind::Array),
            b'{' => draft.open(Kind::Map),
            b']' | b'}' => draft.close(),
            b',' => draft.count(),
            b'n' | b't' | b'f' => literal(first, &mut draft.scalars),
            b'-' | b'0'..=b'9' => number(rest, &mut draft.scalars),
            _ => 1,
        };
        rest = &rest[length..];
    }
    draft.finish()
}

/// A value without the starts of its arrays and maps: how long those are shows only when they end.
#[derive(Default)]
struct Draft {
    scalars: Vec<u8>,
    starts: Vec<Start>,
    /// The starts that have no end yet, outermost first.
    open: Vec<usize>,
}

struct Start {
    kind: Kind,
    /// Where among the scalars.
    at: usize,
    /// Items or pairs.
    count: usize,
}

/// Each returns the number of characters it stands for.
impl Draft {
    fn open(&mut self, kind: Kind) -> usize {
        self.open.push(self.starts.len());
        self.starts.push(Start { kind, at: self.scalars.len(), count: 0 });
        1
    }

    /// A comma has been met.
    fn count(&mut self) -> usize {
        let innermost = *self.open.last().expect(VALID);
        self.starts[innermost].count += 1;
        1
    }

    fn close(&mut self) -> usize {
        let index = self.open.pop().expect(VALID);
        let is_last = self.starts.len() == index + 1;
        let start = &mut self.starts[index];
        let is_empty = is_last && start.at == self.scalars.len();
        if !is_empty {
            // One more than there are commas.
            start.count += 1;
        }
        1
    }

    fn finish(self) -> Vec<u8> {
        if self.starts.is_empty() {
            return self.scalars;
        }
        let mut whole = Vec::with_capacity(self.scalars.len() + self.starts.len() + 8);
        let mut done = 0;
        for Start { kind, at, count } in self.starts {
            whole.extend_from_slice(&self.scalars[done..at]);
            done = at;
            match kind {
                Kind::Array => encode::array(count, &mut whole),
                Kind::Map => encode::map(count, &mut whole),
            }
        }
        whole.extend_from_slice(&self.scalars[done..]);
        whole
    }
}

fn literal(first: u8, buffer: &mut Vec<u8>) -> usize {
    match first {
        b'n' => {
            encode::nil(buffer);
            "null".len()
        }
        b't' => {
            encode::boolean(true, buffer);
            "true".len()
        }
        _ => {
            encode::boolean(false, buffer);
            "false".len()
        }
    }
}

fn number(json: &str, buffer: &mut Vec<u8>) -> usize {
    let length = json.find(|c: char| !matches!(c, '0'..='9' | '-' | '+' | '.' | 'e' | 'E')).unwrap_or(json.len());
    let number = &json[..length];
    if let Ok(integer) = number.parse() {
        encode::unsigned(integer, buffer);
    } else if let Ok(integer) = number.parse() {
        encode::signed(integer, buffer);
    } else {
        encode::double(number.parse().expect(VALID), buffer);
    }
    length
}

fn text(json: &str, buffer: &mut Vec<u8>) -> usize {
    let bytes = json.as_bytes();
    let mut end = 1;
    while bytes[end] != b'"' {
        end += if bytes[end] == b'\\' { 2 } else { 1 };
    }
    let inner = &json[1..end];
    if inner.contains('\\') {
        encode::text(&unescape(inner), buffer);
    } else {
        encode::text(inner, buffer);
    }
    end + 1
}

fn unescape(mut escaped: &str) -> String {
    let mut text = String::with_capacity(escaped.len());
    while let Some(at) = escaped.find('\\') {
        text.push_str(&escaped[..at]);
        escaped = &escaped[at..];
        if escaped.starts_with("\\u") {
            let units = std::iter::from_fn(|| {
                let (digits, rest) = escaped.strip_prefix("\\u")?.split_at(4);
                escaped = rest;
                Some(u16::from_str_radix(digits, 16).expect(VALID))
            });
            text.extend(char::decode_utf16(units).map(|unit| unit.unwrap_or(char::REPLACEMENT_CHARACTER)));
        } else {
            text.push(short_escape(escaped.as_bytes()[1]));
            escaped = &escaped[2..];
        }
    }
    text.push_str(escaped);
    text
}

fn short_escape(letter: u8) -> char {
    match letter {
        b'b' => '\u{8}',
        b'f' => '\u{c}',
        b'n' => '\n',
        b'r' => '\r',
        b't' => '\t',
        itself => itself.into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(json: &str, expected: &[u8]) {
        let json = RawValue::from_string(json.to_owned()).unwrap();
        assert_eq!(from_json(&json), expected, "{json}");
    }

    #[test]
    fn literals_take_one_byte() {
        check("null", &[0xc0]);
        check("false", &[0xc2]);
        check("true", &[0xc3]);
    }

    #[test]
    fn integers_take_the_fewest_bytes() {
        check("0", &[0]);
        check("127", &[0x7f]);
        check("128", &[0xcc, 0x80]);
        check("255", &[0xcc, 0xff]);
        check("256", &[0xcd, 1, 0]);
        check("65535", &[0xcd, 0xff, 0xff]);
        check("65536", &[0xce, 0, 1, 0, 0]);
        check("4294967295", &[0xce, 0xff, 0xff, 0xff, 0xff]);
        check("4294967296", &[0xcf, 0, 0, 0, 1, 0, 0, 0, 0]);
        check("18446744073709551615", &[0xcf, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff]);
        check("-0", &[0]);
        check("-1", &[0xff]);
        check("-32", &[0xe0]);
        check("-33", &[0xd0, 0xdf]);
        check("-128", &[0xd0, 0x80]);
        check("-129", &[0xd1, 0xff, 0x7f]);
        check("-32768", &[0xd1, 0x80, 0]);
        check("-32769", &[0xd2, 0xff, 0xff, 0x7f, 0xff]);
        check("-2147483648", &[0xd2, 0x80, 0, 0, 0]);
        check("-2147483649", &[0xd3, 0xff, 0xff, 0xff, 0xff, 0x7f, 0xff, 0xff, 0xff]);
        check("-9223372036854775808", &[0xd3, 0x80, 0, 0, 0, 0, 0, 0, 0]);
    }

    #[track_caller]
    fn check_double(json: &str, expected: f64) {
        check(json, &[&[0xcb][..], &expected.to_be_bytes()].concat());
    }

    #[test]
    fn everything_else_is_the_nearest_double() {
        check("1.5", &[0xcb, 0x3f, 0xf8, 0, 0, 0, 0, 0, 0]);
        check_double("1.0", 1.0);
        check_double("-0.0", -0.0);
        check_double("1e3", 1e3);
        check_double("1E+3", 1e3);
        check_double("25e-1", 2.5);
        check_double("18446744073709551616", 18_446_744_073_709_551_616.0);
        check_double("-9223372036854775809", -9_223_372_036_854_775_809.0);
        check_double("123456789012345678901234567890", 1.234_567_890_123_456_8e29);
        // Read by halves, as quick parsers do, this one is off by one in the last place.
        check_double("51.248178375505404", 51.248_178_375_505_404);
        check_double("1e400", f64::INFINITY);
        check_double("-1e400", f64::NEG_INFINITY);
    }

    /// `expected` is a string of at most 31 bytes.
    #[track_caller]
    fn check_text(json: &str, expected: &str) {
        check(json, &[&[0xa0 | expected.len() as u8], expected.as_bytes()].concat());
    }

    #[test]
    fn strings_are_unescaped() {
        check("\"\"", &[0xa0]);
        check("\"é\"", &[0xa2, 0xc3, 0xa9]);
        check(r#""\u00e9""#, &[0xa2, 0xc3, 0xa9]);
        check_text(r#""\"\\\/\b\f\n\r\t""#, "\"\\/\u{8}\u{c}\n\r\t");
        check_text(r#""a\ud83d\ude00b\u0041""#, "a\u{1f600}bA");
        check_text(r#""\\u00e9""#, "\\u00e9");
        check_text(r#""\\""#, "\\");
    }

    #[test]
    fn a_lone_surrogate_becomes_the_replacement_character() {
        check_text(r#""\ud800""#, "\u{fffd}");
        check_text(r#""\ude00\ud83dx""#, "\u{fffd}\u{fffd}x");
        check_text(r#""\ud83d\n\ude00""#, "\u{fffd}\n\u{fffd}");
    }

    #[test]
    fn strings_that_look_like_dates_stay_strings() {
        check("\"2023-11-14T22:13:20Z\"", b"\xb42023-11-14T22:13:20Z");
    }

    #[track_caller]
    fn check_length(characters: usize, start: &[u8]) {
        check(&format!("\"{}\"", "x".repeat(characters)), &[start, &vec![b'x'; characters]].concat());
    }

    #[test]
    fn strings_have_the_shortest_length() {
        check_length(31, &[0xbf]);
        check_length(32, &[0xd9, 32]);
        check_length(255, &[0xd9, 255]);
        check_length(256, &[0xda, 1, 0]);
        check_length(65_535, &[0xda, 0xff, 0xff]);
        check_length(65_536, &[0xdb, 0, 1, 0, 0]);
    }

    #[track_caller]
    fn check_count(items: usize, array: &[u8], map: &[u8]) {
        check(&format!("[{}]", vec!["7"; items].join(",")), &[array, &vec![7; items]].concat());
        check(&format!("{{{}}}", vec!["\"k\":7"; items].join(" , ")), &[map, &b"\xa1k\x07".repeat(items)].concat());
    }

    #[test]
    fn arrays_and_objects_have_the_shortest_length() {
        check_count(0, &[0x90], &[0x80]);
        check_count(1, &[0x91], &[0x81]);
        check_count(15, &[0x9f], &[0x8f]);
        check_count(16, &[0xdc, 0, 16], &[0xde, 0, 16]);
        check_count(65_535, &[0xdc, 0xff, 0xff], &[0xde, 0xff, 0xff]);
        check_count(65_536, &[0xdd, 0, 1, 0, 0], &[0xdf, 0, 1, 0, 0]);
    }

    #[test]
    fn nested_values_are_counted_where_they_belong() {
        check("[ [ ] , { } ,[ [ ] ] ]", &[0x93, 0x90, 0x80, 0x91, 0x90]);
        check("{\"b\" : [1, [2,3]],\n\"a\":{\"[,\":{}}}", b"\x82\xa1b\x92\x01\x92\x02\x03\xa1a\x81\xa2[,\x80");
        let deep = "[".repeat(100_000) + &"]".repeat(100_000);
        check(&deep, &[vec![0x91; 99_999], vec![0x90]].concat());
    }
}
