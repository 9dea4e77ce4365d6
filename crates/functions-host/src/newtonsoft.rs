//! What the host's JSON library, Newtonsoft.Json, does to values on their way through: dates, numbers and booleans as text.
//!
//! Easily missed: the library takes every *string* that looks like a date and time for one, wherever it stands
//! (functions-host 3.5). A date alone (`2024-01-01`) is left as it is: only 19 to 40 characters with a `T` are looked at.

use std::borrow::Cow;

use jiff::{Timestamp, civil, tz::TimeZone};
use serde_json::Value;

/// A string that the host took for a date and time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Date {
    moment: civil::DateTime,
    kind: Kind,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Unspecified,
    Utc,
    /// Written with an offset: the host turns it into its own local time.
    Local {
        offset_minutes: i32,
    },
}

impl Date {
    /// The date that Newtonsoft sees in `text`, if it sees one; `zone` is the host's own.
    pub(crate) fn read(text: &str, zone: &TimeZone) -> Option<Date> {
        let bytes = text.as_bytes();
        if !(19..=40).contains(&bytes.len()) || !bytes[0].is_ascii_digit() || bytes[10] != b'T' || !text.is_ascii() {
            return None;
        }
        let (seconds, rest) = text.split_at(19);
        let (nanoseconds, written_zone) = read_fraction(rest)?;
        let moment: civil::DateTime = civil::DateTime::strptime("%Y-%m-%dT%H:%M:%S", seconds)
            .ok()?
            .with()
            .subsec_nanosecond(nanoseconds)
            .build()
            .ok()?;
        match written_zone {
            "" => Some(Date { moment, kind: Kind::Unspecified }),
            "Z" | "z" => Some(Date { moment, kind: Kind::Utc }),
            offset => into_local(moment, read_offset(offset)?, zone),
        }
    }

    /// As the host writes it again inside JSON: no zeros at the end of the fraction, local offsets.
    pub(crate) fn json_text(&self) -> String {
        let Date { moment, kind } = self;
        let fraction = format!(".{:07}", moment.subsec_nanosecond() / 100);
        let fraction = fraction.trim_end_matches('0').trim_end_matches('.');
        let seconds = moment.strftime("%Y-%m-%dT%H:%M:%S");
        match kind {
            Kind::Unspecified => format!("{seconds}{fraction}"),
            Kind::Utc => format!("{seconds}{fraction}Z"),
            Kind::Local { offset_minutes } => {
                let sign = if *offset_minutes < 0 { '-' } else { '+' };
                let minutes = offset_minutes.abs();
                format!("{seconds}{fraction}{sign}{:02}:{:02}", minutes / 60, minutes % 60)
            }
        }
    }

    /// As the host writes it where it needs plain text, e.g. `01/31/2024 23:59:59`.
    pub(crate) fn plain_text(&self) -> String {
        self.moment.strftime("%m/%d/%Y %H:%M:%S").to_string()
    }
}

fn into_local(moment: civil::DateTime, offset_minutes: i32, zone: &TimeZone) -> Option<Date> {
    let offset = jiff::tz::Offset::from_seconds(offset_minutes * 60).ok()?;
    let timestamp: Timestamp = offset.to_timestamp(moment).ok()?;
    let local = timestamp.to_zoned(zone.clone());
    let offset_minutes = local.offset().seconds() / 60;
    Some(Date { moment: local.datetime(), kind: Kind::Local { offset_minutes } })
}

/// The fraction of a second, at most seven digits, and what stands behind it.
fn read_fraction(rest: &str) -> Option<(i32, &str)> {
    let Some(digits) = rest.strip_prefix('.') else {
        return Some((0, rest));
    };
    let length = digits.bytes().take_while(u8::is_ascii_digit).count();
    if !(1..=7).contains(&length) {
        return None;
    }
    let value: i32 = digits[..length].parse().ok()?;
    Some((value * 10_i32.pow(9 - u32::try_from(length).ok()?), &digits[length..]))
}

/// `+02:00`, `+0200` or `+02` in minutes.
fn read_offset(text: &str) -> Option<i32> {
    let sign = match text.as_bytes().first()? {
        b'+' => 1,
        b'-' => -1,
        _ => return None,
    };
    let digits = text[1..].replacen(':', "", 1);
    if !matches!(digits.len(), 2 | 4) || !digits.bytes().all(|digit| digit.is_ascii_digit()) {
        return None;
    }
    let hours: i32 = digits[..2].parse().ok()?;
    let minutes: i32 = if digits.len() == 4 { digits[2..].parse().ok()? } else { 0 };
    Some(sign * (hours * 60 + minutes))
}

/// `json` with every date written the way the host writes it again (functions-host 3.5); everything else stays byte for
/// byte. The second part lists what changed, as `from -> to`.
pub(crate) fn rewrite_dates<'a>(json: &'a str, zone: &TimeZone) -> (Cow<'a, str>, Vec<(String, String)>) {
    let mut changes = Vec::new();
    // Most answers have no date, which is seen faster than their strings are gone through.
    if !json.as_bytes().windows(2).any(|pair| pair[1] == b'T' && pair[0].is_ascii_digit()) {
        return (Cow::Borrowed(json), changes);
    }
    let mut written = String::new();
    let mut copied = 0;
    let mut position = 0;
    while let Some(start) = json[position..].find('"').map(|found| position + found + 1) {
        let end = start + string_length(&json[start..]);
        let is_key = json[end..].trim_start_matches('"').trim_start().starts_with(':');
        if let Some(date) = (!is_key).then(|| Date::read(&json[start..end], zone)).flatten() {
            let text = date.json_text();
            if text != json[start..end] {
                written.push_str(&json[copied..start]);
                written.push_str(&text);
                copied = end;
                changes.push((json[start..end].to_owned(), text));
            }
        }
        position = (end + 1).min(json.len());
    }
    if changes.is_empty() {
        return (Cow::Borrowed(json), changes);
    }
    written.push_str(&json[copied..]);
    (Cow::Owned(written), changes)
}

/// The length of a JSON string's inside, up to its closing quote.
fn string_length(inside: &str) -> usize {
    let mut escaped = false;
    let closing = inside.bytes().position(|byte| {
        let closes = byte == b'"' && !escaped;
        escaped = byte == b'\\' && !escaped;
        closes
    });
    closing.unwrap_or(inside.len())
}

/// `json` without the white space between its values.
pub(crate) fn compact(json: &str) -> String {
    let (mut inside_string, mut escaped) = (false, false);
    let mut keeps = |character: char| {
        let quotes = character == '"' && !escaped;
        escaped = character == '\\' && !escaped;
        inside_string ^= quotes;
        inside_string || !matches!(character, ' ' | '\t' | '\r' | '\n')
    };
    json.chars().filter(|character| keeps(*character)).collect()
}

/// The text that .NET's `ToString()` makes of a JSON value (functions-host 3.4): strings as they are, objects and arrays
/// indented with two spaces, `True`, `False`, nothing for null.
pub(crate) fn plain_text(value: &Value, zone: &TimeZone) -> String {
    match value {
        Value::Null => String::new(),
        Value::Bool(true) => "True".to_owned(),
        Value::Bool(false) => "False".to_owned(),
        Value::Number(number) => number_text(number),
        Value::String(text) => match Date::read(text, zone) {
            Some(date) => date.plain_text(),
            None => text.clone(),
        },
        Value::Array(_) | Value::Object(_) => format!("{value:#}"),
    }
}

/// .NET prints a floating-point number without a fraction as an integer.
fn number_text(number: &serde_json::Number) -> String {
    match number.as_f64() {
        Some(float) if number.is_f64() => format!("{float}"),
        _ => number.to_string(),
    }
}

/// What .NET's `Convert.FromBase64String` makes of `text`, if it is base64 to it: white space does not count, padding does.
pub(crate) fn decode_base64(text: &str) -> Option<Vec<u8>> {
    use base64::Engine as _;
    let compact: String = text.chars().filter(|character| !matches!(character, ' ' | '\t' | '\r' | '\n')).collect();
    base64::engine::general_purpose::STANDARD.decode(compact).ok()
}

/// Whether the host takes `text` for a JSON object or array: by its first and last character only.
pub(crate) fn looks_like_json(text: &str) -> bool {
    let text = text.trim();
    (text.starts_with('{') && text.ends_with('}')) || (text.starts_with('[') && text.ends_with(']'))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn berlin() -> TimeZone {
        TimeZone::get("Europe/Berlin").unwrap()
    }

    #[track_caller]
    fn check(text: &str, json_text: Option<&str>, plain: &str) {
        let date = Date::read(text, &berlin());
        assert_eq!(date.as_ref().map(Date::json_text).as_deref(), json_text, "{text}");
        assert_eq!(plain_text(&json!(text), &berlin()), plain, "{text}");
    }

    #[test]
    fn only_a_full_date_and_time_is_a_date() {
        check("2024-01-01T00:00:00", Some("2024-01-01T00:00:00"), "01/01/2024 00:00:00");
        check("2023-11-14T22:13:20.000Z", Some("2023-11-14T22:13:20Z"), "11/14/2023 22:13:20");
        check("2023-11-14T22:13:20.1200000Z", Some("2023-11-14T22:13:20.12Z"), "11/14/2023 22:13:20");
        check("2023-11-14T22:13:20+00:00", Some("2023-11-14T23:13:20+01:00"), "11/14/2023 23:13:20");
        check("2023-07-14T22:13:20-0230", Some("2023-07-15T02:43:20+02:00"), "07/15/2023 02:43:20");
        for text in [
            "2024-01-01",
            "2024-01-01 00:00:00",
            "2024-13-01T00:00:00",
            "2023-11-14T22:13:20.12345678Z",
            "2023-11-14T22:13:20.",
            "2023-11-14T22:13:20 Z",
            "x023-11-14T22:13:20Z",
            "2023-11-14T22:13:20+é0",
            "",
        ] {
            check(text, None, text);
        }
    }

    #[test]
    fn dates_are_rewritten_in_values_but_not_in_keys_or_inside_other_strings() {
        let json = r#"{"2023-11-14T22:13:20.000Z" : ["2023-11-14T22:13:20.000Z", 1.0, 123456789012345678901234567890],
            "a":"\"2023-11-14T22:13:20.000Z\"", "b":"x \\", "c":"2023-11-14T22:13:20.500Z"}"#;
        let (written, changes) = rewrite_dates(json, &TimeZone::UTC);
        assert_eq!(
            written,
            r#"{"2023-11-14T22:13:20.000Z" : ["2023-11-14T22:13:20Z", 1.0, 123456789012345678901234567890],
            "a":"\"2023-11-14T22:13:20.000Z\"", "b":"x \\", "c":"2023-11-14T22:13:20.5Z"}"#
        );
        assert_eq!(changes.len(), 2);
        assert_eq!(changes[0], ("2023-11-14T22:13:20.000Z".to_owned(), "2023-11-14T22:13:20Z".to_owned()));
    }

    #[test]
    fn json_without_dates_stays_borrowed() {
        let json = r#"{"a":["b","2023-11-14T22:13:20Z"]}"#;
        assert!(matches!(rewrite_dates(json, &TimeZone::UTC), (Cow::Borrowed(same), _) if same == json));
    }

    #[test]
    fn compact_json_has_white_space_only_inside_strings() {
        assert_eq!(compact(" { \"a b\\\" c\" :\n[ 1 , \"\\\\\" , \" \" ]\t}\r\n"), r#"{"a b\" c":[1,"\\"," "]}"#);
    }

    #[test]
    fn values_become_the_text_that_dot_net_makes_of_them() {
        let zone = TimeZone::UTC;
        for (value, text) in [
            (json!(null), ""),
            (json!(true), "True"),
            (json!(false), "False"),
            (json!(5), "5"),
            (json!(1.5), "1.5"),
            (json!(2.0), "2"),
            (json!("text"), "text"),
            (json!([]), "[]"),
            (json!({}), "{}"),
            (json!({"a": [1, {"b": null}]}), "{\n  \"a\": [\n    1,\n    {\n      \"b\": null\n    }\n  ]\n}"),
        ] {
            assert_eq!(plain_text(&value, &zone), text);
        }
    }

    #[test]
    fn base64_is_what_dot_net_takes_for_it() {
        assert_eq!(decode_base64("abcd").as_deref(), Some(&[0x69, 0xb7, 0x1d][..]));
        assert_eq!(decode_base64(" ab\r\ncd ").as_deref(), Some(&[0x69, 0xb7, 0x1d][..]));
        assert_eq!(decode_base64("").as_deref(), Some(&[][..]));
        for text in ["abc", "hello world!", "[]", "{}", "a-_b"] {
            assert_eq!(decode_base64(text), None, "{text}");
        }
    }
}
