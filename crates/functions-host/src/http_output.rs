//! What reaches the HTTP caller (functions-host 3.3, 3.4).
//!
//! Easily missed: a response can fail *after* the invocation has succeeded. A null header value, for example, gives the caller
//! a 500 while the console says `Succeeded`. So there are two steps: understanding the value, and rendering it.

use std::borrow::Cow;

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use jiff::tz::TimeZone;
use serde_json::Value;
use serde_json::value::RawValue;

use crate::answer::OutputValue;
use crate::members::{Members, as_string, is_null};
use crate::newtonsoft::{Date, looks_like_json, plain_text, rewrite_dates};
use crate::warnings::{Warning, WarningCode};

/// The response that the host will write.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct HttpOutput {
    status: i64,
    headers: Vec<(String, Value)>,
    content: Content,
    /// Where the real host surprises in silence.
    pub(crate) notes: Vec<Warning>,
    zone: TimeZone,
}

#[derive(Debug, Clone, PartialEq)]
enum Content {
    /// Nothing at all, not even a content type.
    None,
    /// Text, `text/plain` unless a header says otherwise.
    Text(String),
    /// Bytes, with a content type only if a header gives one.
    Bytes(Vec<u8>),
    /// JSON that the host itself wrote.
    Json(String),
}

/// A response as it goes to the caller.
#[derive(Debug, Clone)]
pub(crate) struct Rendered {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
    /// What the host dropped on the way.
    pub(crate) notes: Vec<Warning>,
}

/// `Outputs.<http binding>` is not what the host can read; the handler is at fault.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("Failed while trying to Deserialize to httpOutputBindingResponse. Output is not in expected format")]
pub(crate) struct NotAResponse;

impl HttpOutput {
    /// Reads `Outputs.<name>` of an ordinary HTTP output; `None` when `Outputs` has no such key.
    ///
    /// # Errors
    /// When the value is not an object or a string that holds one, or its members have wrong types.
    pub(crate) fn declared(value: Option<&RawValue>, zone: &TimeZone) -> Result<HttpOutput, NotAResponse> {
        let Some(value) = value else {
            // The real host ends with an object that has no members at all.
            return Ok(HttpOutput::new(Content::Text("{}".to_owned()), zone));
        };
        let json = match as_string(value) {
            Some(text) => Cow::Owned(rewrite_dates(&text, zone).0.into_owned()),
            None => Cow::Borrowed(value.get()),
        };
        let members = Members::read(&json).ok_or(NotAResponse)?;
        let mut output = HttpOutput::new(Content::Text(body_text(&members, zone)), zone);
        output.headers = headers(&members)?;
        output.status = status_text(&members)?.and_then(|text| text.trim().parse::<i32>().ok()).map_or(200, i64::from);
        output.note_ignored_members(&members);
        output.note_missing_content_type();
        Ok(output)
    }

    /// Reads the value of an HTTP output that came by `ReturnValue`: a response object only if it has a `body`.
    pub(crate) fn of(value: &OutputValue, zone: &TimeZone) -> HttpOutput {
        let json = match value {
            OutputValue::Bytes(bytes) => return HttpOutput::new(Content::Bytes(bytes.clone()), zone),
            OutputValue::Json(json) => json,
        };
        // A string is tried as JSON first.
        let inner = as_string(json).map(|text| (rewrite_dates(&text, zone).0.into_owned(), text));
        let (json, text) = match &inner {
            Some((json, text)) => (json.as_str(), Some(text)),
            None => (json.get(), None),
        };
        match (serde_json::from_str(json), text) {
            (Ok(content), _) => HttpOutput::of_content(&content, json, zone),
            (Err(_), text) => {
                let text = text.map_or(json, String::as_str);
                HttpOutput::new(Content::Text(plain_text(&Value::from(text), zone)), zone)
            }
        }
    }

    fn of_content(content: &Value, json: &str, zone: &TimeZone) -> HttpOutput {
        let members = if content.is_object() { Members::read(json) } else { None };
        let Some(members) = members.filter(|members| members.get_ignoring_case("body").is_some()) else {
            return HttpOutput::new(Content::Text(plain_text(content, zone)), zone);
        };
        let body = members.get_ignoring_case("body").and_then(|body| serde_json::from_str(body.get()).ok());
        let (text, note) = expando_text(&body.unwrap_or_default(), zone);
        let mut output = HttpOutput::new(Content::Text(text), zone);
        output.notes.extend(note);
        output.headers = headers(&members).unwrap_or_default();
        // Here, and only here, `status` works where `statusCode` is missing.
        let status = members.get_ignoring_case("statusCode").or_else(|| members.get_ignoring_case("status"));
        output.status = status.and_then(|status| whole_number(status.get())).unwrap_or(200);
        output.note_missing_content_type();
        output
    }

    /// The response of a function without a value for an HTTP output: its return value.
    pub(crate) fn returned(value: Option<&RawValue>, zone: &TimeZone) -> HttpOutput {
        let Some(value) = value.filter(|value| !is_null(value)) else {
            return HttpOutput { status: 204, ..HttpOutput::new(Content::None, zone) };
        };
        let content = match as_string(value).filter(|text| Date::read(text, zone).is_none()) {
            Some(text) => Content::Text(text),
            None => Content::Json(
                serde_json::from_str::<Value>(value.get()).map_or_else(|_| value.to_string(), |v| v.to_string()),
            ),
        };
        HttpOutput::new(content, zone)
    }

    fn new(content: Content, zone: &TimeZone) -> HttpOutput {
        HttpOutput { status: 200, headers: Vec::new(), content, notes: Vec::new(), zone: zone.clone() }
    }

    fn note_ignored_members(&mut self, members: &Members) {
        if members.get_ignoring_case("status").is_some() && members.get_ignoring_case("statusCode").is_none() {
            let text = "`status` of the response is ignored and the caller gets 200; name it `statusCode`";
            self.notes.push(Warning::new(WarningCode::StatusIgnored, text));
        }
        for name in ["cookies", "isRaw", "enableContentNegotiation"] {
            if members.get_ignoring_case(name).is_some() {
                let text = format!("`{name}` of the response is ignored for custom handlers; leave it out");
                self.notes.push(Warning::new(WarningCode::IgnoredResponseMember, text));
            }
        }
    }

    fn note_missing_content_type(&mut self) {
        let named = self.headers.iter().any(|(name, _)| name.eq_ignore_ascii_case("content-type"));
        if let (false, Content::Text(text)) = (named, &self.content)
            && looks_like_json(text)
        {
            let text = "a JSON response goes out as `text/plain`; set `content-type` to `application/json`";
            self.notes.push(Warning::new(WarningCode::JsonAsText, text));
        }
    }

    /// The response in HTTP terms.
    ///
    /// # Errors
    /// When the host's web server refuses to write it; the caller gets 500 with an empty body although the invocation has
    /// succeeded.
    pub(crate) fn render(self) -> Result<Rendered, String> {
        let mut rendered = self.render_headers()?;
        rendered.status = u16::try_from(self.status)
            .ok()
            .and_then(|status| StatusCode::from_u16(status).ok())
            .filter(|status| !status.is_informational())
            .ok_or_else(|| format!("the status code {} cannot be sent; use one from 200 to 599", self.status))?;
        let (body, default_type) = match self.content {
            Content::None => (Bytes::new(), None),
            Content::Text(text) => (Bytes::from(text), Some("text/plain")),
            Content::Bytes(bytes) => (Bytes::from(bytes), None),
            Content::Json(json) => (Bytes::from(json), Some("application/json")),
        };
        if let Some(default_type) = default_type {
            let given = rendered.headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok());
            let value = header_value(&with_charset(given.unwrap_or(default_type)))?;
            rendered.headers.insert(header::CONTENT_TYPE, value);
        }
        if matches!(rendered.status.as_u16(), 204 | 205 | 304) && !body.is_empty() {
            let status = rendered.status.as_u16();
            return Err(format!("Writing to the response body is invalid for responses with status code {status}."));
        }
        rendered.body = body;
        Ok(rendered)
    }

    fn render_headers(&self) -> Result<Rendered, String> {
        let mut headers = HeaderMap::new();
        let mut notes = Vec::new();
        for (name, value) in &self.headers {
            if value.is_null() {
                let content_type = name.eq_ignore_ascii_case("content-type");
                let text = if content_type { "content-type header cannot be null" } else { NULL_REFERENCE };
                return Err(format!("{text}; the header `{name}` of the response is null"));
            }
            let header: HeaderName = name.parse().map_err(|_| format!("`{name}` is not a header name"))?;
            let value = header_value(&plain_text(value, &self.zone))?;
            if [header::CONTENT_LENGTH, header::TRANSFER_ENCODING, header::CONNECTION].contains(&header) {
                let text = format!("the header `{name}` of the response is left to the web server; do not set it");
                notes.push(Warning::new(WarningCode::HeaderOfTheServer, text));
            } else if headers.contains_key(&header) && header != header::CONTENT_TYPE {
                let text =
                    format!("Duplicate HTTP header from function invocation removed. Duplicate key(s):  '{name}'.");
                notes.push(Warning::new(WarningCode::DuplicateHeader, text));
            } else {
                headers.insert(header, value);
            }
        }
        Ok(Rendered { status: StatusCode::OK, headers, body: Bytes::new(), notes })
    }
}

const NULL_REFERENCE: &str = "Object reference not set to an instance of an object.";

fn body_text(members: &Members, zone: &TimeZone) -> String {
    let body: Option<Value> = members.get_ignoring_case("body").and_then(|body| serde_json::from_str(body.get()).ok());
    plain_text(&body.unwrap_or_default(), zone)
}

/// A body inside a response object that came by `ReturnValue` has other types in .NET: objects are written on one line, and
/// an array gives the name of its type.
fn expando_text(body: &Value, zone: &TimeZone) -> (String, Option<Warning>) {
    match body {
        Value::Object(_) => (body.to_string(), None),
        Value::Array(_) => {
            let note = "an array as `body` of a returned response gives only the name of its .NET type; serialise it to a string";
            let note = Warning::new(WarningCode::ArrayBody, note);
            ("System.Collections.Generic.List`1[System.Object]".to_owned(), Some(note))
        }
        other => (plain_text(other, zone), None),
    }
}

/// `statusCode` as the text that .NET makes of it; `None` when it is missing or null.
fn status_text(members: &Members) -> Result<Option<String>, NotAResponse> {
    for name in ["statusCode", "status"] {
        if members.get_ignoring_case(name).is_some_and(|value| value.get().starts_with(['{', '['])) {
            return Err(NotAResponse);
        }
    }
    let status = members.get_ignoring_case("statusCode").filter(|value| !is_null(value));
    Ok(status.map(|value| as_string(value).unwrap_or_else(|| value.get().to_owned())))
}

fn whole_number(json: &str) -> Option<i64> {
    let value: Value = serde_json::from_str(json).ok()?;
    value.as_i64().or_else(|| value.as_str()?.trim().parse::<i32>().ok().map(i64::from))
}

fn headers(members: &Members) -> Result<Vec<(String, Value)>, NotAResponse> {
    let Some(headers) = members.get_ignoring_case("headers").filter(|headers| !is_null(headers)) else {
        return Ok(Vec::new());
    };
    let headers: serde_json::Map<String, Value> = serde_json::from_str(headers.get()).map_err(|_| NotAResponse)?;
    Ok(headers.into_iter().collect())
}

fn header_value(text: &str) -> Result<HeaderValue, String> {
    let bad = text.chars().find(|character| !matches!(character, ' '..='~' | '\t')).map_or(0, u32::from);
    let refuse = || format!("Invalid non-ASCII or control character in header: 0x{bad:04X}");
    if bad == 0 { HeaderValue::from_str(text).map_err(|_| refuse()) } else { Err(refuse()) }
}

/// ASP.NET's text writer names its encoding: UTF-8, or UTF-16 where the content type asks for it, which nobody does.
fn with_charset(content_type: &str) -> String {
    let mut parts = content_type.split(';').map(str::trim);
    let media_type = parts.next().unwrap_or_default();
    let is_charset = |part: &&str| part.get(..8).is_some_and(|start| start.eq_ignore_ascii_case("charset="));
    let charset = content_type.split(';').map(str::trim).find(is_charset);
    if charset.is_some_and(|charset| charset[8..].trim_matches('"').eq_ignore_ascii_case("utf-8")) {
        return content_type.to_owned();
    }
    let others = parts.filter(|part| !is_charset(part)).fold(String::new(), |all, part| all + "; " + part);
    format!("{media_type}{others}; charset=utf-8")
}

#[cfg(test)]
mod tests;
