//! JSON files as the Functions tools read them: comments are allowed, a byte-order mark is skipped, and names are
//! compared without letter case.
//!
//! Everything else that the parser could let pass (missing or trailing commas, bare names, single quotes) is refused.

use std::io::ErrorKind;
use std::path::Path;

use jsonc_parser::{CollectOptions, ParseOptions, parse_to_ast, parse_to_serde_value};
use serde_json::{Map, Value};

use super::AppError;

/// The text of a file without its byte-order mark; `None` when there is no such file.
pub(super) fn read(path: &Path) -> Result<Option<String>, AppError> {
    let text = match std::fs::read(path) {
        Ok(bytes) => String::from_utf8_lossy(&bytes).into_owned(),
        Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) => return Ok(None),
        Err(source) => return Err(AppError::Unreadable { path: path.to_owned(), source }),
    };
    Ok(Some(text.strip_prefix('\u{feff}').map(str::to_owned).unwrap_or(text)))
}

/// Reads an object. The error tells line and column.
pub(super) fn parse(text: &str) -> Result<Map<String, Value>, String> {
    let options = ParseOptions {
        allow_comments: true,
        allow_loose_object_property_names: false,
        allow_trailing_commas: false,
        allow_missing_commas: false,
        allow_single_quoted_strings: false,
        allow_hexadecimal_numbers: false,
        allow_unary_plus_numbers: false,
        allow_bare_decimal_point_numbers: false,
        allow_non_finite_numbers: false,
        allow_extended_string_escapes: false,
    };
    if text.trim().is_empty() {
        return Err("the file is empty".to_owned());
    }
    // The errors of the syntax tree have better positions, for example of a brace that is never closed.
    let told = |error: jsonc_parser::errors::ParseError| with_small_initial(&error.to_string());
    parse_to_ast(text, &CollectOptions::default(), &options).map_err(told)?;
    match parse_to_serde_value(text, &options) {
        Ok(Value::Object(object)) => Ok(object),
        Ok(_) => Err("expected an object, `{ … }`, on line 1 column 1".to_owned()),
        Err(error) => Err(told(error)),
    }
}

/// The value of a name, letter case ignored. The exact name wins; null counts as absent.
pub(super) fn member<'a>(object: &'a Map<String, Value>, name: &str) -> Option<&'a Value> {
    let ignoring_case = || object.iter().find(|(key, _)| key.eq_ignore_ascii_case(name)).map(|(_, value)| value);
    object.get(name).or_else(ignoring_case).filter(|value| !value.is_null())
}

/// The object under a name, letter case ignored.
pub(super) fn object_member<'a>(object: &'a Map<String, Value>, name: &str) -> Option<&'a Map<String, Value>> {
    member(object, name).and_then(Value::as_object)
}

/// A plain value as text: the configuration of .NET knows nothing but text. `None` for objects and arrays.
pub(super) fn text_of(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        Value::Bool(value) => Some(value.to_string()),
        Value::Null | Value::Array(_) | Value::Object(_) => None,
    }
}

fn with_small_initial(text: &str) -> String {
    let mut characters = text.chars();
    characters.next().map(|first| first.to_ascii_lowercase()).into_iter().chain(characters).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn comments_are_allowed_and_nothing_else_beyond_json() {
        assert!(parse("{ // one\n \"a\": /* two */ 1 }").is_ok());
        for text in
            ["{\"a\": 1,}", "{a: 1}", "{'a': 1}", "{\"a\": 1 \"b\": 2}", "{\"a\": 0x1}", "{\"a\": +1}", "[]", "1"]
        {
            assert!(parse(text).is_err(), "{text}");
        }
    }

    #[test]
    fn an_error_tells_line_and_column() {
        assert_eq!(parse("{\n  \"a\": 1\n  \"b\": 2\n}").unwrap_err(), "expected comma on line 2 column 9");
        assert_eq!(parse("{ \"a\": ").unwrap_err(), "expected value after colon in object property on line 1 column 8");
        assert_eq!(parse("{\n\"a\": {\n").unwrap_err(), "unterminated object on line 2 column 6");
        assert_eq!(parse(" \n").unwrap_err(), "the file is empty");
    }

    #[test]
    fn numbers_keep_their_value() {
        let object = parse("{\"a\": -1, \"b\": 1.5, \"c\": 12345678901234567}").unwrap();
        let texts: Vec<_> = object.values().filter_map(text_of).collect();
        assert_eq!(texts, ["-1", "1.5", "12345678901234567"]);
    }
}
