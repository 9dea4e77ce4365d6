//! The envelope that the Functions host makes of a request with a JSON body, written in one pass.
//!
//! It has the bytes of the host's own, but for the time and the ids, which are the same in every call.

use anyhow::Result;
use axum::http::{HeaderMap, Uri};
use serde::ser::SerializeMap as _;
use serde::{Deserialize, Serialize, Serializer};

/// Stands for every id.
pub(super) const ID: &str = "eac00178-9aae-4a67-adc8-90596a9adc70";

/// The names of the headers that the callers send, as the host writes them.
const NAMES: [(&str, &str); 3] =
    [("host", "Host"), ("content-type", "Content-Type"), ("content-length", "Content-Length")];

/// What it is made of.
#[derive(Debug)]
pub(crate) struct Envelope<'a> {
    pub(crate) name: &'a str,
    pub(crate) uri: &'a Uri,
    pub(crate) headers: &'a HeaderMap,
    pub(crate) body: &'a str,
}

/// The body of the callers.
#[derive(Deserialize, Default)]
struct Message<'a> {
    #[serde(borrow)]
    message: Option<&'a str>,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Whole<'a> {
    data: Data<'a>,
    metadata: Metadata<'a>,
}

#[derive(Serialize)]
struct Data<'a> {
    req: Request<'a>,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Request<'a> {
    url: String,
    method: &'static str,
    query: Nothing,
    headers: Lists<'a>,
    params: Nothing,
    identities: [Identity; 1],
    #[serde(skip_serializing_if = "str::is_empty")]
    body: &'a str,
}

#[derive(Serialize, Default)]
#[serde(rename_all = "PascalCase")]
struct Identity {
    authentication_type: (),
    is_authenticated: bool,
    actor: (),
    bootstrap_context: (),
    claims: [(); 0],
    label: (),
    name: (),
    name_claim_type: &'static str,
    role_claim_type: &'static str,
}

#[derive(Serialize)]
struct Metadata<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    message: Option<String>,
    #[serde(rename = "Query")]
    query: Nothing,
    #[serde(rename = "Headers")]
    headers: Texts<'a>,
    sys: Sys<'a>,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Sys<'a> {
    method_name: &'a str,
    utc_now: &'static str,
    rand_guid: &'static str,
}

#[derive(Serialize)]
struct Nothing {}

struct Lists<'a>(&'a HeaderMap);

struct Texts<'a>(&'a HeaderMap);

impl Envelope<'_> {
    /// It as JSON.
    pub(crate) fn text(&self) -> Result<Vec<u8>> {
        let Envelope { name, uri, headers, body } = self;
        let Message { message } = if body.is_empty() { Message::default() } else { serde_json::from_str(body)? };
        let identity = Identity {
            name_claim_type: "http://schemas.xmlsoap.org/ws/2005/05/identity/claims/name",
            role_claim_type: "http://schemas.microsoft.com/ws/2008/06/identity/claims/role",
            ..Identity::default()
        };
        let host = headers.get("host").and_then(|host| host.to_str().ok()).unwrap_or_default();
        let url = format!("http://{host}{uri}");
        let (query, params, method) = (Nothing {}, Nothing {}, "POST");
        let req = Request { url, method, query, headers: Lists(headers), params, identities: [identity], body };
        let sys = Sys { method_name: name, utc_now: "2026-01-03T05:37:23.9299023Z", rand_guid: ID };
        // Values that are no objects travel as texts that hold JSON.
        let message = message.map(serde_json::to_string).transpose()?;
        let metadata = Metadata { message, query: Nothing {}, headers: Texts(headers), sys };
        let mut text = Vec::with_capacity(1024);
        serde_json::to_writer(&mut text, &Whole { data: Data { req }, metadata })?;
        Ok(text)
    }
}

impl Serialize for Lists<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        write_headers(self.0, serializer, |value| [value])
    }
}

impl Serialize for Texts<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        write_headers(self.0, serializer, |value| value)
    }
}

fn write_headers<'a, S: Serializer, T: Serialize>(
    headers: &'a HeaderMap,
    serializer: S,
    form: fn(&'a str) -> T,
) -> Result<S::Ok, S::Error> {
    let mut map = serializer.serialize_map(None)?;
    for (name, value) in headers {
        let known = NAMES.iter().find(|(lower_case, _)| name == lower_case);
        let value = value.to_str().map_err(serde::ser::Error::custom)?;
        map.serialize_entry(known.map_or(name.as_str(), |(_, known)| known), &form(value))?;
    }
    map.end()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::overhead::app::{BODY, envelope};

    #[test]
    fn it_is_that_of_the_host() {
        let mut headers = HeaderMap::new();
        let sent = [("host", "127.0.0.1:7071"), ("content-type", "application/json"), ("content-length", "19")];
        for (name, value) in sent {
            headers.insert(name, value.parse().unwrap());
        }
        let uri = Uri::from_static("/api/echo");
        let own = Envelope { name: "echo", uri: &uri, headers: &headers, body: BODY };
        assert_eq!(String::from_utf8(own.text().unwrap()).unwrap(), envelope(BODY));
    }
}
