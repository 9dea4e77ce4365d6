//! What a handler answers to an invocation.
//!
//! The answer is always 200 with the three members `Outputs`, `Logs` and `ReturnValue`; failures that the caller should see go into
//! the status of the `http` output (functions-host 3.1, 11.1).

use serde::ser::{SerializeMap, SerializeStruct};
use serde::{Serialize, Serializer};
use serde_json::value::{RawValue, to_raw_value};

/// The result of one invocation.
#[derive(Debug, Default)]
pub struct InvocationResult {
    outputs: Vec<(String, Box<RawValue>)>,
    logs: Vec<String>,
}

impl InvocationResult {
    /// A result without outputs or log lines, which suits a function that only does something.
    pub fn new() -> Self {
        Self::default()
    }

    /// Answers the HTTP caller; `name` is the name of the `http` binding, mostly `res`.
    #[must_use]
    pub fn http(mut self, name: &str, response: &HttpResponse) -> Self {
        let response = to_raw_value(response).expect("an HTTP response has only strings and numbers");
        self.outputs.push((name.to_owned(), response));
        self
    }

    /// Sends items to an output binding, in order; `name` is the name of the binding, matched with its case by the host.
    ///
    /// Items go out as an array of their own JSON: the host would decode a plain string that happens to be base64
    /// (functions-host 3.6).
    ///
    /// # Errors
    /// When an item cannot be JSON, for example a map with keys that are no strings.
    pub fn output<T: Serialize>(mut self, name: &str, items: &[T]) -> Result<Self, serde_json::Error> {
        self.outputs.push((name.to_owned(), to_raw_value(items)?));
        Ok(self)
    }

    /// Adds a line that the host logs as part of this invocation, at level Information.
    #[must_use]
    pub fn log(mut self, line: impl Into<String>) -> Self {
        self.logs.push(line.into());
        self
    }
}

impl Serialize for InvocationResult {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut result = serializer.serialize_struct("InvocationResult", 3)?;
        result.serialize_field("Outputs", &Outputs(&self.outputs))?;
        result.serialize_field("Logs", &self.logs)?;
        result.serialize_field("ReturnValue", &())?;
        result.end()
    }
}

struct Outputs<'a>(&'a [(String, Box<RawValue>)]);

impl Serialize for Outputs<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut outputs = serializer.serialize_map(Some(self.0.len()))?;
        for (name, value) in self.0 {
            outputs.serialize_entry(name, value)?;
        }
        outputs.end()
    }
}

/// An answer to an HTTP caller. Its body is always text that is already serialised, because the host would indent an object and
/// give it the content type `text/plain` (functions-host 3.4).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HttpResponse {
    status: u16,
    headers: Vec<(String, String)>,
    body: String,
}

impl HttpResponse {
    /// A JSON answer.
    ///
    /// # Errors
    /// When `body` cannot be JSON.
    pub fn json<T: Serialize + ?Sized>(status: u16, body: &T) -> Result<Self, serde_json::Error> {
        Ok(Self::with_content_type(status, "application/json", serde_json::to_string(body)?))
    }

    /// A plain text answer.
    pub fn text(status: u16, body: impl Into<String>) -> Self {
        Self::with_content_type(status, "text/plain; charset=utf-8", body.into())
    }

    /// An answer of any content type, with a body that is serialised already.
    pub fn with_content_type(status: u16, content_type: &str, body: String) -> Self {
        Self { status, headers: vec![("content-type".to_owned(), content_type.to_owned())], body }
    }

    /// Sets a header. The host sends each name once only, so a second value replaces the first (functions-host 3.4).
    #[must_use]
    pub fn header(mut self, name: &str, value: impl Into<String>) -> Self {
        self.headers.retain(|(present, _)| !present.eq_ignore_ascii_case(name));
        self.headers.push((name.to_owned(), value.into()));
        self
    }

    /// The HTTP status.
    pub fn status(&self) -> u16 {
        self.status
    }

    /// The body.
    pub fn body(&self) -> &str {
        &self.body
    }
}

impl Serialize for HttpResponse {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        struct Headers<'a>(&'a [(String, String)]);
        impl Serialize for Headers<'_> {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.collect_map(self.0.iter().map(|(name, value)| (name, value)))
            }
        }
        let mut response = serializer.serialize_struct("HttpResponse", 3)?;
        // `status` alone would be ignored by the host (functions-host 3.3).
        response.serialize_field("statusCode", &self.status)?;
        response.serialize_field("headers", &Headers(&self.headers))?;
        response.serialize_field("body", &self.body)?;
        response.end()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_result_has_the_documented_form() {
        let result = InvocationResult::new()
            .http("res", &HttpResponse::json(200, &json!({"ok": true})).unwrap())
            .output("signalRMessages", &[json!({"target": "newMessage", "arguments": ["hi"]})])
            .unwrap()
            .log("line");
        let expected = include_str!("../fixtures/result_functions-host_3.1.json").trim_end();
        assert_eq!(serde_json::to_string(&result).unwrap(), expected);
    }

    #[test]
    fn an_empty_result_is_still_a_full_envelope() {
        let expected = r#"{"Outputs":{},"Logs":[],"ReturnValue":null}"#;
        assert_eq!(serde_json::to_string(&InvocationResult::new()).unwrap(), expected);
    }

    #[test]
    fn a_header_is_sent_once() {
        let response =
            HttpResponse::text(200, "x").header("Content-Type", "text/html").header("x-a", "1").header("X-A", "2");
        let headers = serde_json::to_value(&response).unwrap()["headers"].clone();
        assert_eq!(headers, json!({"Content-Type": "text/html", "X-A": "2"}));
    }
}
