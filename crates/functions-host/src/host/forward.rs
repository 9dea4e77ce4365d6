//! Forwarding mode: a pure HTTP function gets the caller's request, and the caller gets the handler's response
//! (functions-host 2.8).
//!
//! Easily missed: the response is not judged. A 500 of the handler is a successful invocation here.

use http::header::{self, HeaderName};
use http::{HeaderMap, HeaderValue};
use uuid::Uuid;

use super::call::with_host_headers;
use crate::http_output::Rendered;
use crate::invocation::HttpCall;
use crate::worker::Link;

/// Headers that belong to one connection and are written anew for the next.
const HOP_BY_HOP: [HeaderName; 5] =
    [header::CONNECTION, header::TRANSFER_ENCODING, header::CONTENT_LENGTH, header::UPGRADE, header::TE];

/// Sends the request to `path` of the handler and buffers its response.
pub(super) async fn send(request: &HttpCall, path: &str, id: Uuid, link: &Link) -> reqwest::Result<Rendered> {
    let query = request.rebuilt_query();
    let separator = if query.is_empty() { "" } else { "?" };
    let url = format!("http://{}{path}{separator}{query}", link.address);
    let mut headers = HeaderMap::new();
    copy_end_to_end(&request.headers, &mut headers);
    let agent = headers.remove(header::USER_AGENT);
    let mut forwarded = with_host_headers(link.http.request(request.method.clone(), url).headers(headers), id);
    if let Some(agent) = agent {
        // The host adds itself to what the caller is.
        let own = format!("Azure-Functions-Host/{}", super::HOST_VERSION);
        let both = [agent.as_bytes(), b" ", own.as_bytes()].concat();
        if let Ok(both) = HeaderValue::from_bytes(&both) {
            forwarded = forwarded.headers([(header::USER_AGENT, both)].into_iter().collect());
        }
    }
    if let Some(body) = &request.body {
        forwarded = forwarded.body(body.clone());
    }
    let response = forwarded.send().await?;
    let (status, mut headers) = (response.status(), HeaderMap::new());
    copy_end_to_end(response.headers(), &mut headers);
    let body = response.bytes().await?;
    Ok(Rendered { status, headers, body, notes: Vec::new() })
}

/// Copies what concerns the two ends; headers of one connection stay behind.
pub(super) fn copy_end_to_end(from: &HeaderMap, to: &mut HeaderMap) {
    for (name, value) in from.iter().filter(|(name, _)| !HOP_BY_HOP.contains(name)) {
        to.append(name.clone(), value.clone());
    }
}
