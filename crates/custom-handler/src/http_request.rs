//! The HTTP request behind an `httpTrigger`.
//!
//! The body is text, never parsed: the host hands JSON bodies over as a string (functions-host 2.4).

use crate::lenient;
use serde::{Deserialize, Deserializer};
use serde_json::value::RawValue;
use std::collections::BTreeMap;

/// The request of an HTTP caller, as the host describes it (functions-host 2.4).
#[derive(Debug, Clone, Deserialize)]
pub struct HttpRequest {
    #[serde(rename = "Url", default)]
    url: String,
    #[serde(rename = "Method", default)]
    method: String,
    #[serde(rename = "Query", default, deserialize_with = "lenient_map")]
    query: BTreeMap<String, String>,
    #[serde(rename = "Headers", default, deserialize_with = "lenient_map")]
    headers: BTreeMap<String, OneOrMany>,
    #[serde(rename = "Params", default, deserialize_with = "lenient_map")]
    params: BTreeMap<String, Option<String>>,
    #[serde(rename = "Body", default, deserialize_with = "body_text")]
    body: Option<String>,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(untagged)]
enum OneOrMany {
    One(String),
    Many(Vec<String>),
}

impl HttpRequest {
    /// The whole address that was called, with its query.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// The method as the caller wrote it, for example `POST`.
    pub fn method(&self) -> &str {
        &self.method
    }

    /// A query parameter; a repeated one is joined with `,` by the host.
    pub fn query(&self, name: &str) -> Option<&str> {
        self.query.get(name).map(String::as_str)
    }

    /// The first value of a header; its name is compared without regard to case.
    pub fn header(&self, name: &str) -> Option<&str> {
        let (_, values) = self.headers.iter().find(|(key, _)| key.eq_ignore_ascii_case(name))?;
        match values {
            OneOrMany::One(value) => Some(value),
            OneOrMany::Many(values) => values.first().map(String::as_str),
        }
    }

    /// A parameter of the route; `None` when it is optional and was left out.
    pub fn parameter(&self, name: &str) -> Option<&str> {
        self.params.get(name)?.as_deref()
    }

    /// The body as text. `None` when there is none, which is also what the host makes of a body that was sent in chunks
    /// (functions-host 2.4). For `application/octet-stream` and `multipart/*` the text is base64.
    pub fn body(&self) -> Option<&str> {
        self.body.as_deref()
    }
}

/// An object, or JSON text of one: older hosts sent `Query` as a string (functions-host 2.4).
fn lenient_map<'de, D: Deserializer<'de>, V: serde::de::DeserializeOwned>(
    deserializer: D,
) -> Result<BTreeMap<String, V>, D::Error> {
    let raw = Box::<RawValue>::deserialize(deserializer)?;
    let map: Option<BTreeMap<String, V>> = lenient::read(raw.get()).map_err(serde::de::Error::custom)?;
    Ok(map.unwrap_or_default())
}

/// The text of a JSON string, or the JSON text of anything else, in case a host parsed the body after all.
fn body_text<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<String>, D::Error> {
    let raw = Box::<RawValue>::deserialize(deserializer)?;
    match raw.get() {
        "null" => Ok(None),
        text if text.starts_with('"') => serde_json::from_str(text).map(Some).map_err(serde::de::Error::custom),
        text => Ok(Some(text.to_owned())),
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
}
