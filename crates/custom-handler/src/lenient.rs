//! Takes values out of the several layers of JSON text that a host may wrap them in.
//!
//! The host writes everything that is not an object as a JSON string holding JSON text (functions-host 2.3), and a binding whose
//! value is itself JSON text arrives encoded twice (functions-host 2.6). Other hosts and other versions differ, so nothing here
//! depends on how many layers there are.

use serde::de::{DeserializeOwned, IgnoredAny};
use std::borrow::Cow;

/// No known host wraps a value more often than this (signalr-bindings 4.5).
const MOST_LAYERS: usize = 3;

/// Reads `T` from JSON text, taking off as many layers of string encoding as are needed; the error is that of the outermost layer
/// that still looked like a `T`.
pub(crate) fn read<T: DeserializeOwned>(text: &str) -> Result<T, serde_json::Error> {
    let layers = layers(text);
    let mut innermost_error = None;
    for (depth, layer) in layers.iter().enumerate().rev() {
        match serde_json::from_str(layer) {
            Ok(value) => return Ok(value),
            // A text that only happens to be the last layer is none of them.
            Err(_) if depth > 0 && innermost_error.is_none() && !is_json(layer) => {}
            Err(error) => innermost_error = innermost_error.or(Some(error)),
        }
    }
    Err(innermost_error.expect("there is always the outermost layer, and it failed"))
}

/// The text itself, then what each string layer holds. Only of the last one it is not known whether it is JSON.
fn layers(text: &str) -> Vec<Cow<'_, str>> {
    let mut layers = vec![Cow::Borrowed(text)];
    while layers.len() <= MOST_LAYERS
        && let Some(inner) = layers.last().and_then(|layer| inside(layer))
    {
        layers.push(Cow::Owned(inner));
    }
    layers
}

/// What a JSON string holds.
fn inside(text: &str) -> Option<String> {
    text.trim_ascii_start().starts_with('"').then(|| serde_json::from_str(text).ok()).flatten()
}

fn is_json(text: &str) -> bool {
    serde_json::from_str::<IgnoredAny>(text).is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde::Deserialize;

    #[derive(Debug, Deserialize, PartialEq)]
    struct Info {
        url: String,
    }

    #[track_caller]
    fn check_info(text: &str) {
        assert_eq!(read::<Info>(text).unwrap(), Info { url: "u".to_owned() });
    }

    #[test]
    fn an_object_may_be_encoded_up_to_three_times() {
        check_info(r#"{"url":"u"}"#);
        check_info(r#""{\"url\":\"u\"}""#);
        check_info(r#""\"{\\n  \\\"url\\\": \\\"u\\\"\\n}\"""#);
    }

    #[test]
    fn a_string_is_what_the_host_quoted() {
        assert_eq!(read::<String>(r#""\"hello\"""#).unwrap(), "hello");
        assert_eq!(read::<String>(r#""hello""#).unwrap(), "hello");
    }

    #[test]
    fn a_string_that_looks_like_a_number_stays_a_string() {
        assert_eq!(read::<String>(r#""\"4\"""#).unwrap(), "4");
        assert_eq!(read::<u32>(r#""4""#).unwrap(), 4);
    }

    #[test]
    fn text_that_is_no_json_is_an_error_and_not_a_panic() {
        assert!(read::<Info>("nonsense").is_err());
        assert!(read::<Info>("").is_err());
        assert!(read::<Info>("\"null\"").is_err());
        assert_eq!(read::<Option<Info>>("\"null\"").unwrap(), None);
    }
}
