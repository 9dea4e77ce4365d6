//! The query of a client's request, read once.
//!
//! Keys are compared without regard to case (signalr-protocol 2.2), and a key may occur more than once: which
//! occurrence counts is the caller's decision, so [`Query::first`], [`Query::last`] and [`Query::all`] all exist.

use percent_encoding::percent_decode_str;

/// The parameters of a request in their order, decoded (`+` is a space, `%XX` a byte, invalid UTF-8 is replaced).
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Query {
    pairs: Vec<(Box<str>, Box<str>)>,
}

/// The parameters that are secrets: the access token and the connection token (signalr-protocol 2.8, 3).
const SECRETS: [&str; 2] = ["access_token", "id"];

impl Query {
    /// Reads the part of an address behind the `?`; an absent query is an empty one.
    pub fn parse(query: Option<&str>) -> Self {
        let pairs = query.unwrap_or_default().split('&').filter(|pair| !pair.is_empty());
        Self {
            pairs: pairs
                .map(|pair| {
                    let (key, value) = pair.split_once('=').unwrap_or((pair, ""));
                    (decode(key), decode(value))
                })
                .collect(),
        }
    }

    /// The first value of `key`.
    pub fn first(&self, key: &str) -> Option<&str> {
        self.all(key).next()
    }

    /// The last value of `key`: the one that counts for `access_token` (signalr-service 2.2).
    pub fn last(&self, key: &str) -> Option<&str> {
        self.all(key).next_back()
    }

    /// Every value of `key`, in the order of the request.
    pub fn all<'q>(&'q self, key: &str) -> impl DoubleEndedIterator<Item = &'q str> {
        self.pairs.iter().filter(move |(name, _)| name.eq_ignore_ascii_case(key)).map(|(_, value)| &**value)
    }

    /// Every parameter as `(key, value)`, in the order of the request.
    pub fn pairs(&self) -> impl DoubleEndedIterator<Item = (&str, &str)> {
        self.pairs.iter().map(|(key, value)| (&**key, &**value))
    }

    /// The same query without the parameters that are secrets. What a connection keeps for its lifetime.
    pub(crate) fn without_secrets(mut self) -> Self {
        self.pairs.retain(|(key, _)| !is_secret(key));
        self.pairs.shrink_to_fit();
        self
    }
}

/// Shows the values of secret parameters as `***`.
impl std::fmt::Debug for Query {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let shown = self.pairs().map(|(key, value)| (key, if is_secret(key) { "***" } else { value }));
        formatter.debug_map().entries(shown).finish()
    }
}

fn is_secret(key: &str) -> bool {
    SECRETS.iter().any(|secret| key.eq_ignore_ascii_case(secret))
}

fn decode(text: &str) -> Box<str> {
    // So are most: what clients put into addresses themselves needs no escapes (signalr-protocol 1.8).
    if !text.bytes().any(|byte| matches!(byte, b'+' | b'%')) {
        return text.into();
    }
    let spaced = text.replace('+', " ");
    percent_decode_str(&spaced).decode_utf8_lossy().into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(query: &str, key: &str, expected: &[&str]) {
        assert_eq!(Query::parse(Some(query)).all(key).collect::<Vec<_>>(), expected);
    }

    #[test]
    fn keys_ignore_case_and_values_are_decoded() {
        check("NegotiateVersion=1", "negotiateVersion", &["1"]);
        check("hub=a&hub=b&Hub=c", "hub", &["a", "b", "c"]);
        check("name=J%C3%BCrgen+K%2B", "name", &["Jürgen K+"]);
        check("flag&empty=", "flag", &[""]);
        check("flag&empty=", "empty", &[""]);
        check("&&a=1&", "a", &["1"]);
        check("a=%FF%zz", "a", &["\u{fffd}%zz"]);
        check("a=1=2", "a", &["1=2"]);
        check("", "a", &[]);
    }

    #[test]
    fn the_last_access_token_counts_and_none_is_shown_or_kept() {
        let query = Query::parse(Some("access_token=first&hub=h&access_token=last&id=secret"));
        assert_eq!(query.last("access_token"), Some("last"));
        assert_eq!(format!("{query:?}"), r#"{"access_token": "***", "hub": "h", "access_token": "***", "id": "***"}"#);
        assert_eq!(query.without_secrets(), Query::parse(Some("hub=h")));
    }
}
