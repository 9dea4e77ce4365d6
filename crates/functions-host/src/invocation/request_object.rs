//! The request object under `Data` (functions-host 2.4), written straight into the envelope.
//!
//! Easily missed: header values are arrays here and joined texts in `Metadata`, while query values are joined here.

use std::sync::LazyLock;

use http::{HeaderMap, HeaderName, header};
use serde::ser::SerializeMap as _;
use serde::{Serialize, Serializer};
use serde_json::value::{RawValue, to_raw_value};

use super::{HttpCall, Identity, header_values, text};
use crate::encoding::base64_text;
use crate::header_names::canonical_name;

/// A request as the handler gets it.
#[derive(Debug)]
pub(crate) struct RequestObject<'a>(pub(crate) &'a HttpCall);

struct Query<'a>(&'a HttpCall);
struct Headers<'a>(&'a HeaderMap);
struct Values<'a>(&'a HeaderMap, &'a HeaderName);
struct Params<'a>(&'a HttpCall);
struct Identities<'a>(&'a Identity);

impl Serialize for RequestObject<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let RequestObject(call) = self;
        let mut object = serializer.serialize_map(None)?;
        object.serialize_entry("Url", &call.url)?;
        object.serialize_entry("Method", call.method.as_str())?;
        object.serialize_entry("Query", &Query(call))?;
        object.serialize_entry("Headers", &Headers(&call.headers))?;
        object.serialize_entry("Params", &Params(call))?;
        object.serialize_entry("Identities", &[Identities(&call.identity)])?;
        if let Some(body) = &call.body {
            let body = if is_binary(&call.headers) { base64_text(body).into() } else { text(body) };
            object.serialize_entry("Body", &body)?;
        }
        object.end()
    }
}

impl Serialize for Query<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let parameters = self.0.query_parameters();
        serializer.collect_map(parameters.iter().map(|(name, values)| (name, values.join(","))))
    }
}

impl Serialize for Headers<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.0.keys().map(|name| (canonical_name(name.as_str()), Values(self.0, name))))
    }
}

impl Serialize for Values<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(header_values(self.0, self.1))
    }
}

impl Serialize for Params<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.0.route_values.iter().map(|(name, value)| (name, value)))
    }
}

impl Serialize for Identities<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        // The two that nearly every request has.
        static ANONYMOUS: LazyLock<Box<RawValue>> = LazyLock::new(|| raw(&Identity::Anonymous));
        static LOCAL_ADMIN: LazyLock<Box<RawValue>> = LazyLock::new(|| raw(&Identity::LocalAdmin));
        match self.0 {
            Identity::Anonymous => ANONYMOUS.serialize(serializer),
            Identity::LocalAdmin => LOCAL_ADMIN.serialize(serializer),
            Identity::Key(_) => self.0.to_json().serialize(serializer),
        }
    }
}

fn raw(identity: &Identity) -> Box<RawValue> {
    to_raw_value(&identity.to_json()).expect("a JSON value is JSON")
}

/// Whether the body goes into the envelope as base64.
fn is_binary(headers: &HeaderMap) -> bool {
    let content_type = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let media_type = content_type.split(';').next().unwrap_or_default().trim();
    let is_multipart = || media_type.get(..10).is_some_and(|start| start.eq_ignore_ascii_case("multipart/"));
    media_type.eq_ignore_ascii_case("application/octet-stream") || is_multipart()
}
