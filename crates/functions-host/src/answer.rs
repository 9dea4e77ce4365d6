//! What the handler's answer to an invocation means (functions-host 3.1, 3.2, 3.5, 3.6).
//!
//! Easily missed: the members `Outputs`, `Logs` and `ReturnValue` are matched without letter case, but the keys inside
//! `Outputs` are not, and a key that no binding declares vanishes without a word in the real host. Here it is noted.

use std::borrow::Cow;

use http::StatusCode;
use jiff::tz::TimeZone;
use serde_json::Value;
use serde_json::value::RawValue;

use crate::app::{DataType, OutputBinding};
use crate::http_output::{HttpOutput, NotAResponse};
use crate::members::{Members, as_string, is_null};
use crate::newtonsoft::{decode_base64, rewrite_dates};
use crate::warnings::{Warning, WarningCode};

/// The name of the output binding that stands for the return value.
pub(crate) const RETURN: &str = "$return";

/// The handler's answer, read but not yet matched with the function's bindings.
#[derive(Debug, Default)]
pub(crate) struct Answer {
    outputs: Option<Members>,
    return_value: Option<Box<RawValue>>,
    /// Lines for the function's log.
    pub(crate) logs: Vec<String>,
    notes: Vec<Warning>,
}

/// What the host does with an answer.
#[derive(Debug)]
pub(crate) struct Outcome {
    /// What an HTTP caller gets.
    pub(crate) response: HttpOutput,
    /// Values for the other output bindings, by their place in function.json.
    pub(crate) outputs: Vec<(usize, OutputValue)>,
    /// `ReturnValue`, unless it is null: the result of a call by a SignalR client.
    pub(crate) returned: Option<Box<RawValue>>,
    /// Where the real host surprises in silence.
    pub(crate) notes: Vec<Warning>,
}

/// The value of one output binding.
#[derive(Debug, Clone)]
pub(crate) enum OutputValue {
    /// JSON as the handler wrote it, dates apart.
    Json(Box<RawValue>),
    /// A string that happened to be base64.
    Bytes(Vec<u8>),
}

/// Why an answer fails the invocation. The texts are the real host's, followed by a cure where it has none.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum AnswerError {
    /// The handler answered outside 2xx.
    #[error("Response status code does not indicate success: {} ({}).", .0.as_u16(), .0.canonical_reason().unwrap_or_default())]
    Status(StatusCode),
    /// The handler's answer is no JSON object of the right shape.
    #[error("Invalid HttpResponseMessage:\nStatusCode: {}, Content-Type: {content_type}\n {cause}", .status.as_u16())]
    NotAnEnvelope { status: StatusCode, content_type: String, cause: String },
    /// An empty body or `null`.
    #[error(
        "the handler answered {} with {what}; the real host never ends such an invocation and kills the handler at the \
         function timeout, so answer with `{{\"Outputs\":{{}},\"Logs\":[],\"ReturnValue\":null}}` at least [FH1014]",
        .status.as_u16()
    )]
    Nothing { status: StatusCode, what: &'static str },
    /// The value for the HTTP output is unusable.
    #[error(transparent)]
    Response(#[from] NotAResponse),
}

impl Answer {
    /// Reads the handler's answer; `zone` is the host's own time zone, for dates (functions-host 3.5).
    ///
    /// # Errors
    /// As functions-host 3.2 lists them; an empty body fails at once here instead of hanging.
    pub(crate) fn read(
        status: StatusCode,
        content_type: Option<&str>,
        body: &[u8],
        zone: &TimeZone,
    ) -> Result<Answer, AnswerError> {
        if !status.is_success() {
            return Err(AnswerError::Status(status));
        }
        let content_type = content_type.unwrap_or("application/octet-stream");
        let refuse = |cause: String| {
            let content_type = content_type.to_owned();
            AnswerError::NotAnEnvelope { status, content_type, cause }
        };
        let body = body.strip_prefix("\u{feff}".as_bytes()).unwrap_or(body).trim_ascii();
        if body.is_empty() {
            return Err(AnswerError::Nothing { status, what: "an empty body" });
        }
        if !is_json(content_type) {
            return Err(refuse(format!(
                "No MediaTypeFormatter is available to read an object of type 'HttpScriptInvocationResult' from content \
                 with media type '{content_type}'.; set `content-type: application/json`"
            )));
        }
        if body == b"null" {
            return Err(AnswerError::Nothing { status, what: "the body `null`" });
        }
        let members: Members = serde_json::from_slice(body).map_err(|error| refuse(error.to_string()))?;
        Answer::from_members(&members, zone).map_err(refuse)
    }

    fn from_members(members: &Members, zone: &TimeZone) -> Result<Answer, String> {
        let member = |name| members.get_ignoring_case(name).filter(|value| !is_null(value));
        let mut notes = Vec::new();
        let outputs = member("Outputs").map(|outputs| read_outputs(outputs, zone, &mut notes)).transpose()?;
        let return_value = member("ReturnValue")
            .map(|value| with_dates(|| "ReturnValue".to_owned(), value.to_owned(), zone, &mut notes));
        let logs = member("Logs").map(read_logs).transpose()?.unwrap_or_default();
        Ok(Answer { outputs, return_value, logs, notes })
    }

    /// What the handler left out, for the log at Debug (functions-host 3.1).
    pub(crate) fn left_out(&self) -> impl Iterator<Item = &'static str> {
        let no_outputs = self.outputs.as_ref().is_none_or(|outputs| outputs.iter().next().is_none());
        let no_value = self.return_value.is_none();
        no_outputs.then_some("Outputs").into_iter().chain(no_value.then_some("ReturnValue"))
    }

    /// Matches the answer with the output bindings of function.json.
    ///
    /// # Errors
    /// When the value of the HTTP output is no response; nothing is sent to any binding then.
    pub(crate) fn outcome(mut self, bindings: &[OutputBinding], zone: &TimeZone) -> Result<Outcome, AnswerError> {
        self.note_undeclared(bindings);
        let (mut response, mut outputs) = (None, Vec::new());
        // With a `$return` binding the returned object is the value of that binding, and nothing of it reaches another one.
        let spreads = bindings.iter().all(|binding| binding.name() != RETURN);
        for (place, binding) in bindings.iter().enumerate() {
            match (binding, self.value_of(binding, spreads)) {
                (OutputBinding::Http { .. }, Some(Found::InOutputs(value))) => {
                    response = Some(HttpOutput::declared(value.as_deref(), zone)?);
                }
                (OutputBinding::Http { .. }, Some(Found::Value(value))) => {
                    response = Some(HttpOutput::of(&value, zone));
                }
                (OutputBinding::SignalR(_), Some(Found::Value(value))) => outputs.push((place, value)),
                (OutputBinding::SignalR(_), Some(Found::InOutputs(_))) | (_, None) => {}
            }
        }
        let response = response.unwrap_or_else(|| HttpOutput::returned(self.return_value.as_deref(), zone));
        let mut notes = self.notes;
        notes.extend(response.notes.iter().cloned());
        Ok(Outcome { response, outputs, returned: self.return_value, notes })
    }

    /// What one binding gets, by the rules of functions-host 3.3, 3.6 and 3.7.
    fn value_of(&mut self, binding: &OutputBinding, spreads: bool) -> Option<Found> {
        let name = binding.name();
        if name == RETURN {
            let value = self.return_value.clone()?;
            return Some(Found::Value(self.decoded(binding, "ReturnValue", value)));
        }
        // The members of a returned object lie over `Outputs`, as they are.
        if let Some(value) = self.returned_member(name).filter(|_| spreads) {
            return (!is_null(&value)).then_some(Found::Value(OutputValue::Json(value)));
        }
        let outputs = self.outputs.as_ref()?;
        let value = outputs.get(name).map(ToOwned::to_owned);
        if matches!(binding, OutputBinding::Http { .. }) {
            return Some(Found::InOutputs(value));
        }
        let value = value.filter(|value| !is_null(value))?;
        Some(Found::Value(self.decoded(binding, &format!("Outputs.{name}"), value)))
    }

    fn returned_member(&self, name: &str) -> Option<Box<RawValue>> {
        let members = Members::read(self.return_value.as_ref()?.get())?;
        members.get(name).map(ToOwned::to_owned)
    }

    /// A plain string that is valid base64 becomes bytes, unless the binding says `"dataType":"binary"`.
    fn decoded(&mut self, binding: &OutputBinding, place: &str, value: Box<RawValue>) -> OutputValue {
        let keeps_text =
            matches!(binding, OutputBinding::SignalR(signalr) if signalr.data_type == Some(DataType::Binary));
        let text = as_string(&value).filter(|_| !keeps_text);
        let Some(bytes) = text.as_deref().and_then(decode_base64) else {
            return OutputValue::Json(value);
        };
        let text = format!(
            "`{place}` is a string that happens to be valid base64, so the host decodes it to {} bytes; give an object or an \
             array instead",
            bytes.len()
        );
        self.notes.push(Warning::new(WarningCode::Base64Output, text));
        OutputValue::Bytes(bytes)
    }

    fn note_undeclared(&mut self, bindings: &[OutputBinding]) {
        let declared = |name: &str| bindings.iter().any(|binding| binding.name() == name);
        let Some(outputs) = &self.outputs else { return };
        for (name, _) in outputs.iter().filter(|(name, _)| !declared(name)) {
            let meant = bindings.iter().find(|binding| binding.name().eq_ignore_ascii_case(name));
            let (code, cure) = match meant {
                Some(binding) => (
                    WarningCode::OutputLetterCase,
                    format!("its name in function.json is `{}`, in this letter case", binding.name()),
                ),
                None => (
                    WarningCode::UndeclaredOutput,
                    "declare an output binding of that name in function.json, or leave it out".to_owned(),
                ),
            };
            self.notes.push(Warning::new(code, format!("`Outputs.{name}` goes nowhere; {cure}")));
        }
    }
}

/// Where the value of a binding was found.
enum Found {
    /// In `Outputs`, for an HTTP binding: read as a response object; `None` when the key is missing.
    InOutputs(Option<Box<RawValue>>),
    /// Anywhere else, or for any other binding.
    Value(OutputValue),
}

fn is_json(content_type: &str) -> bool {
    let media_type = content_type.split(';').next().unwrap_or_default().trim();
    media_type.eq_ignore_ascii_case("application/json") || media_type.eq_ignore_ascii_case("text/json")
}

fn read_outputs(outputs: &RawValue, zone: &TimeZone, notes: &mut Vec<Warning>) -> Result<Members, String> {
    let members = Members::read(outputs.get()).ok_or("`Outputs` must be an object")?;
    Ok(members.map(|name, value| with_dates(|| format!("Outputs.{name}"), value, zone, notes)))
}

fn with_dates(
    place: impl Fn() -> String,
    value: Box<RawValue>,
    zone: &TimeZone,
    notes: &mut Vec<Warning>,
) -> Box<RawValue> {
    let (Cow::Owned(json), changes) = rewrite_dates(value.get(), zone) else { return value };
    let place = place();
    notes.extend(changes.into_iter().map(|(from, to)| {
        let text = format!(
            "in `{place}` the host rewrites the date `{from}` as `{to}`; write it without trailing zeros and in UTC"
        );
        Warning::new(WarningCode::RewrittenDate, text)
    }));
    RawValue::from_string(json).expect("a date in a JSON string was replaced by another")
}

/// Log lines are texts; numbers and booleans are made text, anything with members fails the whole answer.
fn read_logs(logs: &RawValue) -> Result<Vec<String>, String> {
    let lines: Vec<Value> = serde_json::from_str(logs.get()).map_err(|_| "`Logs` must be an array of strings")?;
    let line = |line: Value| match line {
        Value::String(text) => Ok(text),
        Value::Null => Ok("[null]".to_owned()),
        Value::Number(_) | Value::Bool(_) => Ok(line.to_string()),
        Value::Array(_) | Value::Object(_) => {
            Err("`Logs` must be an array of strings; make each entry a string".to_owned())
        }
    };
    lines.into_iter().map(line).collect()
}

#[cfg(test)]
mod tests;
