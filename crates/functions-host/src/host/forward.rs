//! Forwarding mode: a pure HTTP function gets the caller's request, and the caller gets the handler's response
//! (functions-host 2.8).
//!
//! Easily missed: the response is not judged. A 500 of the handler is a successful invocation here.

use axum::body::Body;
use http::header::{self, HeaderName};
use http::{HeaderMap, HeaderValue, Request, Uri};
use uuid::Uuid;

use super::call::{USER_AGENT, add_host_headers};
use crate::http_output::Rendered;
use crate::invocation::HttpCall;
use crate::worker::{CallError, Link};

/// Headers that belong to one connection and are written anew for the next.
const HOP_BY_HOP: [HeaderName; 5] =
    [header::CONNECTION, header::TRANSFER_ENCODING, header::CONTENT_LENGTH, header::UPGRADE, header::TE];

/// Sends the request to `path` of the handler and buffers its response.
pub(super) async fn send(request: &HttpCall, path: &str, id: Uuid, link: &Link) -> Result<Rendered, CallError> {
    let query = request.rebuilt_query();
    let separator = if query.is_empty() { "" } else { "?" };
    let target = Uri::try_from(format!("{path}{separator}{query}")).map_err(CallError::broken)?;
    let mut headers = HeaderMap::new();
    copy_end_to_end(&request.headers, &mut headers);
    let agent = headers.remove(header::USER_AGENT);
    add_host_headers(&mut headers, id);
    if let Some(agent) = agent {
        // The host adds itself to what the caller is.
        let both = [agent.as_bytes(), b" ", USER_AGENT.as_bytes()].concat();
        if let Ok(both) = HeaderValue::from_bytes(&both) {
            headers.insert(header::USER_AGENT, both);
        }
    }
    let mut forwarded = Request::new(request.body.clone().unwrap_or_default());
    (*forwarded.method_mut(), *forwarded.uri_mut(), *forwarded.headers_mut()) =
        (request.method.clone(), target, headers);
    let response = link.http.call(forwarded, Body::from).await?;
    let (parts, body) = response.into_parts();
    let mut headers = HeaderMap::new();
    copy_end_to_end(&parts.headers, &mut headers);
    Ok(Rendered { status: parts.status, headers, body, notes: Vec::new() })
}

/// Copies what concerns the two ends; headers of one connection stay behind.
pub(super) fn copy_end_to_end(from: &HeaderMap, to: &mut HeaderMap) {
    for (name, value) in from.iter().filter(|(name, _)| !HOP_BY_HOP.contains(name)) {
        to.append(name.clone(), value.clone());
    }
}
