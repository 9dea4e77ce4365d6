//! `signalRTrigger`: what the service reports becomes a value for the handler (signalr-bindings 6.3 to 6.5).
//!
//! Easily missed: the value is JSON text, so the handler gets it doubly encoded like `signalRConnectionInfo`, but on one line.
//! And of several claims with one type only the first arrives; a claim with a comma in its value arrives damaged or not at all.

use http::{HeaderMap, HeaderName, header};
use jiff::tz::TimeZone;
use serde::Serialize;
use serde_json::value::RawValue;
use serde_json::{Map, Value};

use crate::app::SignalRTrigger;
use crate::events::{Cause, Excerpt};
use crate::header_names::canonical_name;
use crate::invocation::{BindingData, Sys};
use crate::newtonsoft::{compact, rewrite_dates};

pub(crate) mod completion;
pub(crate) mod message;

/// Why an upstream request fails with 500, in the extension's words.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Unreadable {
    /// A header that the service always sends is not there.
    #[error("The given header was not found.")]
    HeaderMissing,
    /// The connection id is empty, or the method in the body is not the one of the headers.
    #[error(
        "Exception of type 'Microsoft.Azure.WebJobs.Extensions.SignalRService.SignalRTriggerException' was thrown."
    )]
    Inconsistent,
    /// The body is not what the event calls for.
    #[error("Parsing message failed")]
    Message,
}

/// The hub protocol of the client, which is also that of the request's body and of the answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Protocol {
    Json,
    MessagePack,
}

/// The three headers that say what a request is about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Key {
    pub(crate) hub: String,
    pub(crate) category: String,
    pub(crate) event: String,
}

/// Something that a client did. The members are those of the extension's `InvocationContext`, in its order.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct UpstreamEvent {
    /// Of a call; an array, without white space.
    pub(crate) arguments: Option<Box<RawValue>>,
    /// Why a client is gone, when it did not go by itself.
    pub(crate) error: Option<String>,
    category: String,
    event: String,
    hub: String,
    pub(crate) connection_id: String,
    user_id: Option<String>,
    headers: Map<String, Value>,
    query: Option<Map<String, Value>>,
    claims: Option<Map<String, Value>>,
}

impl Protocol {
    /// By media type; the letter case counts (signalr-service 3.2). Anything behind a semicolon does not.
    pub(crate) fn of_content_type(content_type: &str) -> Option<Protocol> {
        match content_type.split(';').next().unwrap_or_default().trim() {
            "application/json" => Some(Protocol::Json),
            "application/x-msgpack" => Some(Protocol::MessagePack),
            _ => None,
        }
    }
}

impl Key {
    /// # Errors
    /// When one of the headers is missing. They may be empty.
    pub(crate) fn read(headers: &HeaderMap) -> Result<Key, Unreadable> {
        let get = |name| text(headers, name).ok_or(Unreadable::HeaderMissing);
        Ok(Key { hub: get("x-asrs-hub")?, category: get("x-asrs-category")?, event: get("x-asrs-event")? })
    }

    pub(crate) fn is_complete(&self) -> bool {
        ![&self.hub, &self.category, &self.event].iter().any(|part| part.is_empty())
    }
}

impl UpstreamEvent {
    /// Everything that the headers say.
    ///
    /// # Errors
    /// When there is no connection id.
    pub(crate) fn read(key: Key, headers: &HeaderMap) -> Result<UpstreamEvent, Unreadable> {
        let connection_id = text(headers, "x-asrs-connection-id").ok_or(Unreadable::HeaderMissing)?;
        if connection_id.is_empty() {
            return Err(Unreadable::Inconsistent);
        }
        Ok(UpstreamEvent {
            arguments: None,
            error: None,
            category: key.category,
            event: key.event,
            hub: key.hub,
            connection_id,
            user_id: text(headers, "x-asrs-user-id"),
            headers: request_headers(headers),
            query: text(headers, "x-asrs-client-query").filter(|query| !query.is_empty()).map(|query| query_of(&query)),
            claims: text(headers, "x-asrs-user-claims")
                .filter(|claims| !claims.is_empty())
                .map(|claims| claims_of(&claims)),
        })
    }

    /// Puts in the arguments of a call, whose method must be the one of the headers.
    ///
    /// # Errors
    /// When it is another one.
    pub(crate) fn with_call(mut self, call: message::Call, zone: &TimeZone) -> Result<UpstreamEvent, Unreadable> {
        let same = call.target.is_some_and(|target| target.to_lowercase() == self.event.to_lowercase());
        if !same {
            return Err(Unreadable::Inconsistent);
        }
        let arguments = call.arguments.map(|arguments| rewrite_dates(&compact(arguments.get()), zone).0.into_owned());
        self.arguments = arguments.map(|json| {
            RawValue::from_string(json).expect("JSON without white space and with other dates in strings stays JSON")
        });
        Ok(self)
    }

    /// What the function gets under `Data`, still to be encoded: compact JSON text (signalr-bindings 6.5).
    pub(crate) fn value(&self) -> Value {
        Value::String(serde_json::to_string(self).expect("texts, maps of texts and JSON can be written as JSON"))
    }

    /// What is told of it when an invocation starts.
    pub(crate) fn cause(&self) -> Cause {
        let arguments = self.arguments.as_ref().map_or("", |arguments| arguments.get());
        Cause::SignalR {
            hub: self.hub.clone(),
            category: self.category.clone(),
            event: self.event.clone(),
            connection_id: self.connection_id.clone(),
            user_id: self.user_id.clone(),
            arguments: Excerpt::of(arguments.as_bytes()),
        }
    }

    /// The arguments under the names that the trigger gives them.
    ///
    /// # Errors
    /// When there are names, and not as many arguments.
    pub(crate) fn binding_data(&self, trigger: &SignalRTrigger, sys: Sys) -> Result<BindingData, String> {
        let mut data = Map::new();
        let names = &trigger.parameter_names;
        if !names.is_empty() {
            let arguments: Vec<Value> = self
                .arguments
                .as_ref()
                .map(|arguments| serde_json::from_str(arguments.get()).map_err(|error| error.to_string()))
                .transpose()?
                .unwrap_or_default();
            if arguments.len() != names.len() {
                let (wanted, given) = (names.len(), arguments.len());
                return Err(format!("The function accept {wanted} arguments but message provided {given}."));
            }
            data.extend(names.iter().cloned().zip(arguments));
        }
        Ok(BindingData::of_values(data, sys))
    }
}

/// The first value of a header.
fn text(headers: &HeaderMap, name: &str) -> Option<String> {
    headers.get(name).map(|value| String::from_utf8_lossy(value.as_bytes()).trim().to_owned())
}

/// Those that .NET counts as headers of the request and not of its content; repeated ones are joined.
fn request_headers(headers: &HeaderMap) -> Map<String, Value> {
    let of_content = |name: &HeaderName| {
        name.as_str().starts_with("content-") || [header::ALLOW, header::EXPIRES, header::LAST_MODIFIED].contains(name)
    };
    let joined = |name: &HeaderName| {
        let values = headers.get_all(name).iter().map(|value| String::from_utf8_lossy(value.as_bytes()).into_owned());
        values.collect::<Vec<_>>().join(",")
    };
    let names = headers.keys().filter(|name| !of_content(name));
    names.map(|name| (canonical_name(name.as_str()).to_owned(), Value::String(joined(name)))).collect()
}

/// Names differ by more than letter case; repeated ones are joined.
fn query_of(query: &str) -> Map<String, Value> {
    let mut values: Map<String, Value> = Map::new();
    for (name, value) in url::form_urlencoded::parse(query.strip_prefix('?').unwrap_or(query).as_bytes()) {
        let known = values.iter_mut().find(|(known, _)| known.to_lowercase() == name.to_lowercase());
        match known {
            Some((_, Value::String(joined))) => {
                joined.push(',');
                joined.push_str(&value);
            }
            _ => {
                values.insert(name.into_owned(), Value::String(value.into_owned()));
            }
        }
    }
    values
}

/// `type: value, type: value`, taken apart as the extension does it.
fn claims_of(header: &str) -> Map<String, Value> {
    let mut claims = Map::new();
    for claim in header.split(',') {
        let parts: Vec<&str> = claim.split(": ").filter(|part| !part.is_empty()).collect();
        if let [kind, value] = parts[..] {
            claims.entry(kind.trim()).or_insert_with(|| Value::String(value.trim().to_owned()));
        }
    }
    claims
}

#[cfg(test)]
mod tests;
