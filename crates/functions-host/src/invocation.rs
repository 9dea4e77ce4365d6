//! The envelope that the handler gets: `Data` and `Metadata` of an HTTP call (functions-host 2.4) and of a timer (2.5).
//!
//! Easily missed: a body counts only when the request has a `Content-Length` greater than 0; a body sent in chunks is lost.

use std::borrow::Cow;

use bytes::Bytes;
use http::{HeaderMap, HeaderName, Method};
use jiff::Zoned;
use serde::ser::SerializeMap as _;
use serde::{Serialize, Serializer};
use serde_json::{Value, json};

use crate::app::AuthLevel;
use crate::encoding::InputValue;
use crate::keys::Grant;
use crate::routes::RouteValues;

mod binding_data;
mod request_object;

pub(crate) use binding_data::{BindingData, Sys};
pub(crate) use request_object::RequestObject;

/// An HTTP request as the trigger sees it.
#[derive(Debug, Clone)]
pub(crate) struct HttpCall {
    pub(crate) method: Method,
    /// Scheme, host, escaped path and raw query.
    pub(crate) url: String,
    /// The escaped path alone.
    pub(crate) path: String,
    /// The query without its question mark, as the client wrote it.
    pub(crate) raw_query: String,
    pub(crate) headers: HeaderMap,
    pub(crate) route_values: RouteValues,
    pub(crate) identity: Identity,
    /// The body, when the request has a `Content-Length` greater than 0.
    pub(crate) body: Option<Bytes>,
}

/// Who the host takes the caller for (functions-host 4.2).
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Identity {
    /// No authentication ran, or it found nothing.
    Anonymous,
    /// Authentication ran without keys, which gives everybody all rights.
    LocalAdmin,
    /// The caller has a key.
    Key(Grant),
}

/// The value of a timer trigger.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct TimerInfo {
    /// True for a cron expression, false for an interval.
    pub(crate) adjust_for_dst: bool,
    /// The state of the schedule before this run; `None` when the monitor is off.
    pub(crate) status: Option<ScheduleStatus>,
    /// Whether the run is late.
    pub(crate) is_past_due: bool,
}

/// What the schedule monitor knows about a timer, in local time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ScheduleStatus {
    /// The last run; `None` is written as `0001-01-01T00:00:00+00:00`.
    pub(crate) last: Option<Zoned>,
    /// The planned next run.
    pub(crate) next: Zoned,
    /// When this state was written.
    pub(crate) last_updated: Zoned,
}

impl HttpCall {
    fn query_parameters(&self) -> Vec<(String, Vec<String>)> {
        let mut parameters: Vec<(String, Vec<String>)> = Vec::new();
        for (name, value) in url::form_urlencoded::parse(self.raw_query.as_bytes()) {
            match parameters.iter_mut().find(|(known, _)| known.eq_ignore_ascii_case(&name)) {
                Some((_, values)) => values.push(value.into_owned()),
                None => parameters.push((name.into_owned(), vec![value.into_owned()])),
            }
        }
        parameters
    }

    /// The query as forwarding writes it: repeated names joined with `,`, everything escaped again (functions-host 2.8).
    pub(crate) fn rebuilt_query(&self) -> String {
        let mut query = url::form_urlencoded::Serializer::new(String::new());
        query.extend_pairs(self.query_parameters().into_iter().map(|(name, values)| (name, values.join(","))));
        // .NET escapes a space as `%20`; a real plus sign is `%2B` by now.
        query.finish().replace('+', "%20")
    }
}

impl Identity {
    /// Whether the caller may do everything.
    pub(crate) fn is_admin(&self) -> bool {
        match self {
            Identity::Anonymous => false,
            Identity::LocalAdmin => true,
            Identity::Key(grant) => grant.level == AuthLevel::Admin,
        }
    }

    fn claims(&self) -> Vec<Value> {
        let claim = |kind: &str, value: &str| {
            json!({
                "Issuer": "LOCAL AUTHORITY", "OriginalIssuer": "LOCAL AUTHORITY", "Properties": {},
                "Type": format!("http://schemas.microsoft.com/2017/07/functions/claims/{kind}"), "Value": value,
                "ValueType": "http://www.w3.org/2001/XMLSchema#string",
            })
        };
        match self {
            Identity::Anonymous => Vec::new(),
            Identity::LocalAdmin => vec![claim("authlevel", AuthLevel::Admin.name())],
            Identity::Key(Grant { level, key_name }) => {
                vec![claim("authlevel", level.name()), claim("invoke", "true"), claim("keyid", key_name)]
            }
        }
    }

    fn to_json(&self) -> Value {
        let is_authenticated = *self != Identity::Anonymous;
        json!({
            "AuthenticationType": is_authenticated.then_some("WebJobsAuthLevel"),
            "IsAuthenticated": is_authenticated,
            "Actor": null,
            "BootstrapContext": null,
            "Claims": self.claims(),
            "Label": null,
            "Name": null,
            "NameClaimType": "http://schemas.xmlsoap.org/ws/2005/05/identity/claims/name",
            "RoleClaimType": "http://schemas.microsoft.com/ws/2008/06/identity/claims/role",
        })
    }
}

impl TimerInfo {
    /// The object under `Data`.
    pub(crate) fn to_json(&self) -> Value {
        let status = self.status.as_ref().map(ScheduleStatus::to_json);
        json!({"Schedule": {"AdjustForDST": self.adjust_for_dst}, "ScheduleStatus": status, "IsPastDue": self.is_past_due})
    }
}

impl ScheduleStatus {
    /// The object under `ScheduleStatus`, which is also what the monitor keeps.
    pub(crate) fn to_json(&self) -> Value {
        json!({
            "Last": self.last.as_ref().map_or("0001-01-01T00:00:00+00:00".to_owned(), local_text),
            "Next": local_text(&self.next),
            "LastUpdated": local_text(&self.last_updated),
        })
    }
}

/// The envelope as it goes to the handler: the trigger first, then the other inputs in the order of function.json.
/// `retry_context` goes into `Metadata` as it is, when a retry policy is active.
pub(crate) fn envelope(
    data: &[(&str, InputValue)],
    binding_data: &BindingData,
    retry_context: Option<&Value>,
) -> Vec<u8> {
    let envelope = Envelope { data: Data(data), metadata: Metadata { binding_data, retry_context } };
    // Enough for most, so that it need not grow again and again.
    let mut text = Vec::with_capacity(2048);
    serde_json::to_writer(&mut text, &envelope).expect("texts and JSON values are always JSON");
    text
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Envelope<'a> {
    data: Data<'a>,
    metadata: Metadata<'a>,
}

struct Data<'a>(&'a [(&'a str, InputValue)]);

struct Metadata<'a> {
    binding_data: &'a BindingData,
    retry_context: Option<&'a Value>,
}

const RETRY_CONTEXT: &str = "RetryContext";

impl Serialize for Data<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.0.iter().map(|(name, value)| (name, value)))
    }
}

impl Serialize for Metadata<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        self.binding_data.write(&mut map, |name| self.retry_context.is_some() && name == RETRY_CONTEXT)?;
        if let Some(context) = self.retry_context {
            map.serialize_entry(RETRY_CONTEXT, context)?;
        }
        map.end()
    }
}

/// Local time with an offset; zeros at the end of the fraction are left out.
fn local_text(time: &Zoned) -> String {
    let fraction = format!(".{:07}", time.subsec_nanosecond() / 100);
    let fraction = fraction.trim_end_matches('0').trim_end_matches('.');
    format!("{}{fraction}{}", time.strftime("%Y-%m-%dT%H:%M:%S"), time.strftime("%:z"))
}

/// Each value of a header.
fn header_values<'a>(headers: &'a HeaderMap, name: &HeaderName) -> impl Iterator<Item = Cow<'a, str>> {
    headers.get_all(name).iter().map(|value| text(value.as_bytes()))
}

fn text(bytes: &[u8]) -> Cow<'_, str> {
    String::from_utf8_lossy(bytes.strip_prefix("\u{feff}".as_bytes()).unwrap_or(bytes))
}

#[cfg(test)]
mod tests;
