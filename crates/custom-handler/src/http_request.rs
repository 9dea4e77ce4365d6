//! The HTTP request behind an `httpTrigger`.
//!
//! The body is text, never parsed: the host hands JSON bodies over as a string (functions-host 2.4). What is asked for is
//! found where it lies in the invocation; only a text with escapes in it has a copy of its own.

mod wire;

use crate::lenient;
use serde::{Deserialize, Deserializer};
use serde_json::value::RawValue;
use std::borrow::Cow;
use std::fmt;
use std::ops::Range;
use std::sync::Arc;
use wire::Pairs;
pub(crate) use wire::Wire;

/// The request of an HTTP caller, as the host describes it (functions-host 2.4).
///
/// `Debug` shows its method and no more: the rest may hold secrets.
#[derive(Clone)]
pub struct HttpRequest {
    text: Arc<str>,
    url: Piece,
    method: Piece,
    query: Vec<Member>,
    headers: Vec<Member>,
    params: Vec<Member>,
    body: Option<Piece>,
}

/// A name and its value; of a list the first.
type Member = (Piece, Option<Piece>);

/// Text of the request.
#[derive(Clone)]
enum Piece {
    /// Where it lies.
    Inside(Range<usize>),
    /// Without its escapes.
    Own(String),
}

impl HttpRequest {
    /// Reads the request that lies at `place` in `text`.
    pub(crate) fn read(text: &Arc<str>, place: Range<usize>) -> Result<Self, serde_json::Error> {
        let json = &text[place];
        if json.starts_with('{') { Self::of_object(text, json) } else { lenient::read(json) }
    }

    /// `json` is a part of `text`.
    fn of_object(text: &Arc<str>, json: &str) -> Result<Self, serde_json::Error> {
        Self::found(serde_json::from_str(json)?, text, text)
    }

    /// What was found in `text`, of which `kept` is a copy or the original.
    pub(crate) fn found(wire: Wire<'_>, text: &str, kept: &Arc<str>) -> Result<Self, serde_json::Error> {
        let Wire { url, method, query, headers, params, body } = wire;
        let body = body.map(wire::body_text).transpose()?.flatten();
        Ok(Self {
            url: Piece::of(text, url.0),
            method: Piece::of(text, method.0),
            query: members(text, query),
            headers: members(text, headers),
            params: members(text, params),
            body: body.map(|body| Piece::of(text, body)),
            text: Arc::clone(kept),
        })
    }

    /// The whole address that was called, with its query.
    pub fn url(&self) -> &str {
        self.show(&self.url)
    }

    /// The method as the caller wrote it, for example `POST`.
    pub fn method(&self) -> &str {
        self.show(&self.method)
    }

    /// A query parameter; a repeated one is joined with `,` by the host.
    pub fn query(&self, name: &str) -> Option<&str> {
        self.find(&self.query, name)
    }

    /// The first value of a header; its name is compared without regard to case.
    pub fn header(&self, name: &str) -> Option<&str> {
        let is_wanted = |(found, _): &&Member| match found {
            // Compared where it lies: callers ask for many that are not there.
            Piece::Inside(place) => place.len() == name.len() && self.text[place.clone()].eq_ignore_ascii_case(name),
            Piece::Own(found) => found.eq_ignore_ascii_case(name),
        };
        self.value(self.headers.iter().find(is_wanted)?)
    }

    /// A parameter of the route; `None` when it is optional and was left out.
    pub fn parameter(&self, name: &str) -> Option<&str> {
        self.find(&self.params, name)
    }

    /// The body as text. `None` when there is none, which is also what the host makes of a body that was sent in chunks
    /// (functions-host 2.4). For `application/octet-stream` and `multipart/*` the text is base64.
    pub fn body(&self) -> Option<&str> {
        self.body.as_ref().map(|body| self.show(body))
    }

    fn find<'a>(&'a self, members: &'a [Member], name: &str) -> Option<&'a str> {
        self.value(members.iter().find(|(found, _)| self.show(found) == name)?)
    }

    fn value<'a>(&'a self, (_, value): &'a Member) -> Option<&'a str> {
        value.as_ref().map(|value| self.show(value))
    }

    fn show<'a>(&'a self, piece: &'a Piece) -> &'a str {
        match piece {
            Piece::Inside(place) => &self.text[place.clone()],
            Piece::Own(text) => text,
        }
    }
}

impl Piece {
    /// What is borrowed is a part of `text`.
    fn of(text: &str, part: Cow<'_, str>) -> Self {
        match part {
            Cow::Borrowed(part) => Self::Inside(place_of(text, part)),
            Cow::Owned(part) => Self::Own(part),
        }
    }
}

fn members(text: &str, Pairs(pairs): Pairs<'_>) -> Vec<Member> {
    let piece = |part| Piece::of(text, part);
    pairs.into_iter().map(|(name, value)| (piece(name.0), value.map(|value| piece(value.0)))).collect()
}

/// Where `part`, which is a part of `text`, lies in it.
pub(crate) fn place_of(text: &str, part: &str) -> Range<usize> {
    // An empty text may be borrowed from anywhere.
    let start = if part.is_empty() { 0 } else { part.as_ptr().addr() - text.as_ptr().addr() };
    start..start + part.len()
}

impl<'de> Deserialize<'de> for HttpRequest {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text: Arc<str> = Box::<RawValue>::deserialize(deserializer)?.get().into();
        Self::of_object(&text, &text).map_err(serde::de::Error::custom)
    }
}

impl fmt::Debug for HttpRequest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HttpRequest").field("method", &self.method()).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request(json: &str) -> HttpRequest {
        serde_json::from_str(json).unwrap()
    }

    #[test]
    fn headers_are_found_in_any_case_as_string_or_list() {
        let request = request(r#"{"Headers":{"X-One":"1","x-many":["a","b"],"x-none":[]}}"#);
        assert_eq!(request.header("x-one"), Some("1"));
        assert_eq!(request.header("X-MANY"), Some("a"));
        assert_eq!(request.header("x-none"), None);
    }

    #[test]
    fn the_query_may_be_an_object_or_its_json_text() {
        assert_eq!(request(r#"{"Query":{"a":"1"}}"#).query("a"), Some("1"));
        assert_eq!(request(r#"{"Query":"{\"a\":\"1\"}"}"#).query("a"), Some("1"));
        assert_eq!(request(r#"{"Query":null}"#).query("a"), None);
    }

    #[test]
    fn a_json_body_arrives_as_text_and_keeps_its_quotes() {
        assert_eq!(request(r#"{"Body":"{\"a\":1}"}"#).body(), Some("{\"a\":1}"));
        assert_eq!(request(r#"{"Body":"\"quoted\""}"#).body(), Some("\"quoted\""));
        assert_eq!(request(r#"{"Body":{"a":1}}"#).body(), Some("{\"a\":1}"));
        assert_eq!(request(r#"{"Body":null}"#).body(), None);
    }

    #[test]
    fn an_optional_route_parameter_may_be_null() {
        let request = request(r#"{"Params":{"id":"7","rest":null}}"#);
        assert_eq!(request.parameter("id"), Some("7"));
        assert_eq!(request.parameter("rest"), None);
    }

    #[test]
    fn a_null_or_missing_member_is_empty() {
        let request = request(r#"{"Headers":null,"Params":null}"#);
        assert_eq!((request.header("x"), request.parameter("x"), request.query("x")), (None, None, None));
        assert_eq!((request.url(), request.method(), request.body()), ("", "", None));
    }

    #[test]
    fn escapes_are_taken_off_wherever_they_are() {
        let request = request(
            r#"{"Url":"http://h/\u00e9","Headers":{"x-\u0061":["\u0022"]},"Query":"{\"a\\u0062\":\"\\u00e9\"}","Body":"\ud83d\ude00"}"#,
        );
        assert_eq!((request.url(), request.header("x-a"), request.query("ab")), ("http://h/é", Some("\""), Some("é")));
        assert_eq!(request.body(), Some("😀"));
    }

    #[test]
    fn it_may_lie_anywhere_in_a_text_and_be_wrapped() {
        let object = r#"{"Method":"GET","Headers":{"a":"1"},"Body":"b"}"#;
        for json in [object.to_owned(), serde_json::to_string(object).unwrap()] {
            let text: Arc<str> = format!("before{json}after").into();
            let request = HttpRequest::read(&text, 6..6 + json.len()).unwrap();
            assert_eq!((request.method(), request.header("A"), request.body()), ("GET", Some("1"), Some("b")));
        }
    }

    #[test]
    fn what_may_be_secret_is_not_shown() {
        let shown =
            format!("{:?}", request(r#"{"Method":"GET","Headers":{"authorization":"secret"},"Body":"secret"}"#));
        assert_eq!(shown, r#"HttpRequest { method: "GET", .. }"#);
    }

    #[test]
    fn another_shape_is_refused() {
        for json in ["1", r#"{"Url":1}"#, r#"{"Headers":[]}"#, r#"{"Headers":{"a":1}}"#, r#"{"Query":"x"}"#] {
            assert!(serde_json::from_str::<HttpRequest>(json).is_err(), "{json}");
        }
    }
}
