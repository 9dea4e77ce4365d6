//! JSON as the service will receive it: without white space, and with every text written in the shortest way.
//!
//! The Functions host rewrites what it passes on, so `"\u00e9"` counts as two bytes there and not as six. Only texts are parsed:
//! numbers keep all their digits.

use serde_json::value::RawValue;

/// A text with half of a surrogate pair, such as `"\ud800"`: valid JSON, but nothing that UTF-8 can hold.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct LoneSurrogate;

/// The same JSON, as short as it can be.
pub(super) fn compact(json: &RawValue) -> Result<Box<RawValue>, LoneSurrogate> {
    let mut compact = String::with_capacity(json.get().len());
    let mut rest = json.get();
    while let Some(start) = rest.find('"') {
        compact.extend(rest[..start].split_ascii_whitespace());
        let (text, after) = rest[start..].split_at(text_length(&rest[start..]));
        push_text(&mut compact, text)?;
        rest = after;
    }
    compact.extend(rest.split_ascii_whitespace());
    Ok(RawValue::from_string(compact).expect("JSON stays JSON without white space and with its texts rewritten"))
}

fn push_text(compact: &mut String, text: &str) -> Result<(), LoneSurrogate> {
    if !text.contains('\\') {
        compact.push_str(text);
        return Ok(());
    }
    let text: String = serde_json::from_str(text).map_err(|_| LoneSurrogate)?;
    compact.push_str(&serde_json::to_string(&text).expect("a text can be written as JSON"));
    Ok(())
}

/// The length of the text that `json` begins with, with both its quotes.
fn text_length(json: &str) -> usize {
    let mut escaped = false;
    let closes = |byte: u8| {
        let closes = byte == b'"' && !escaped;
        escaped = byte == b'\\' && !escaped;
        closes
    };
    json.bytes().skip(1).position(closes).map_or(json.len(), |inside| inside + 2)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn raw(json: &str) -> Box<RawValue> {
        RawValue::from_string(json.to_owned()).unwrap()
    }

    #[track_caller]
    fn check(json: &str, expected: &str) {
        assert_eq!(compact(&raw(json)).unwrap().get(), expected);
    }

    #[test]
    fn white_space_goes_outside_texts_only() {
        check("[ 1 ,\n\t\"a b\" , { \"c d\" : null } ]", r#"[1,"a b",{"c d":null}]"#);
        check(r#"" ""#, r#"" ""#);
        check(" true ", "true");
    }

    #[test]
    fn texts_are_written_in_the_shortest_way() {
        check(r#"["\u00e9","\ud83d\ude00","\/","\u0041"]"#, r#"["é","😀","/","A"]"#);
        check(r#"{"\u0061":"\u0022\u005c\u000a\u0001"}"#, r#"{"a":"\"\\\n\u0001"}"#);
        check(r#"["a\\","\\\"b"]"#, r#"["a\\","\\\"b"]"#);
    }

    #[test]
    fn numbers_keep_their_digits() {
        check("[12345678901234567890123, 1.0, 1e2, -0.10]", "[12345678901234567890123,1.0,1e2,-0.10]");
    }

    #[test]
    fn half_of_a_surrogate_pair_is_no_text() {
        for json in [r#""\ud800""#, r#"["\udc00 "]"#, r#"{"a":{"\ud800":1}}"#] {
            assert_eq!(compact(&raw(json)).unwrap_err(), LoneSurrogate, "{json}");
        }
    }
}
