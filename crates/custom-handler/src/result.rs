//! What a handler answers to an invocation.
//!
//! The answer is always 200 with the three members `Outputs`, `Logs` and `ReturnValue`; failures that the caller should see go into
//! the status of the `http` output (functions-host 3.1, 11.1).

use serde::ser::SerializeStruct;
use serde::{Serialize, Serializer};

/// The result of one invocation: values for its outputs, lines for its log, and for some triggers a return value.
///
/// `O` says which outputs there are. It is a struct with a field per output binding, named as in function.json, so that a function
/// cannot write an output that it does not declare; the host would drop it without a word (functions-host 3.1):
///
/// ```
/// use custom_handler::{HttpResponse, InvocationResult};
///
/// #[derive(serde::Serialize)]
/// struct Outputs {
///     res: HttpResponse,
///     #[serde(rename = "orderQueue")]
///     order_queue: Vec<u64>,
/// }
///
/// let result = InvocationResult::new(Outputs { res: HttpResponse::text(202, "ordered"), order_queue: vec![7] });
/// # assert!(serde_json::to_string(&result)?.contains(r#""orderQueue":[7]"#));
/// # Ok::<(), serde_json::Error>(())
/// ```
///
/// ```compile_fail,E0560
/// # use custom_handler::{HttpResponse, InvocationResult};
/// # #[derive(serde::Serialize)]
/// # struct Outputs {
/// #     res: HttpResponse,
/// # }
/// // This function.json has no `orderQueue`.
/// InvocationResult::new(Outputs { res: HttpResponse::text(202, "ordered"), order_queue: vec![7] });
/// ```
///
/// An output with many items is an array of objects. The host decodes a plain *string* that happens to be base64
/// (functions-host 3.6), and skips an output that is null or left out.
#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct InvocationResult<O, R = ()> {
    outputs: O,
    logs: Vec<String>,
    return_value: R,
}

/// The outputs of a function that has none.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct NoOutputs {}

impl<O: Serialize> InvocationResult<O> {
    /// A result with these outputs, without log lines and with the return value null.
    pub fn new(outputs: O) -> Self {
        Self { outputs, logs: Vec::new(), return_value: () }
    }

    /// Sets what a trigger that has an answer gives back: the completion of a client's call for a `signalRTrigger`
    /// (signalr-bindings 6.6). For an HTTP function the members of an object would cover its outputs (functions-host 3.3).
    #[must_use]
    pub fn return_value<R: Serialize>(self, return_value: R) -> InvocationResult<O, R> {
        InvocationResult { outputs: self.outputs, logs: self.logs, return_value }
    }
}

impl<O, R> InvocationResult<O, R> {
    /// Adds a line that the host logs as part of this invocation, at level Information.
    #[must_use]
    pub fn log(mut self, line: impl Into<String>) -> Self {
        self.logs.push(line.into());
        self
    }

    /// Adds several lines, in order.
    #[must_use]
    pub fn logs(mut self, lines: impl IntoIterator<Item = String>) -> Self {
        self.logs.extend(lines);
        self
    }

    /// The values for the outputs.
    pub fn outputs(&self) -> &O {
        &self.outputs
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
        #[derive(Serialize)]
        struct Outputs {
            res: HttpResponse,
            #[serde(rename = "signalRMessages")]
            messages: [serde_json::Value; 1],
        }
        let res = HttpResponse::json(200, &json!({"ok": true})).unwrap();
        let messages = [json!({"target": "newMessage", "arguments": ["hi"]})];
        let result = InvocationResult::new(Outputs { res, messages }).log("line");
        let expected = include_str!("../fixtures/result_functions-host_3.1.json").trim_end();
        assert_eq!(serde_json::to_string(&result).unwrap(), expected);
    }

    #[test]
    fn an_empty_result_is_still_a_full_envelope() {
        let expected = r#"{"Outputs":{},"Logs":[],"ReturnValue":null}"#;
        assert_eq!(serde_json::to_string(&InvocationResult::new(NoOutputs {})).unwrap(), expected);
    }

    #[test]
    fn a_return_value_takes_the_place_of_null() {
        let expected = r#"{"Outputs":{},"Logs":["one","two"],"ReturnValue":{"member":true}}"#;
        let result = InvocationResult::new(NoOutputs {}).return_value(json!({"member": true}));
        let result = result.logs(["one".to_owned(), "two".to_owned()]);
        assert_eq!(serde_json::to_string(&result).unwrap(), expected);
    }

    #[test]
    fn a_header_is_sent_once() {
        let response =
            HttpResponse::text(200, "x").header("Content-Type", "text/html").header("x-a", "1").header("X-A", "2");
        let headers = serde_json::to_value(&response).unwrap()["headers"].clone();
        assert_eq!(headers, json!({"Content-Type": "text/html", "X-A": "2"}));
    }
}
