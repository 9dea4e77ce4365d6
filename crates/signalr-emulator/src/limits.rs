//! How large the head of a request may be (signalr-service 1.9, 2.2).
//!
//! The limits are those of the service, not of this process: a token that makes a request too long here is also too
//! long there.

use axum::extract::Request;
use axum::response::{IntoResponse, Response};
use http::{HeaderMap, StatusCode, Uri};

use crate::Surface;
use crate::service::Service;

/// The longest address.
const ADDRESS_LIMIT: usize = 12 * 1024;
/// All headers together.
const HEADERS_LIMIT: usize = 16 * 1024;

/// The answer to a request whose head is too large.
pub(crate) fn refusal(service: &Service, request: &Request) -> Option<Response> {
    let status = excess(request.uri(), request.headers())?;
    let surface = if request.uri().path().starts_with("/client") { Surface::Client } else { Surface::DataPlane };
    service.report_refusal(surface, status, "the address or the headers are too long; shorten the token".to_owned());
    Some(status.into_response())
}

fn excess(uri: &Uri, headers: &HeaderMap) -> Option<StatusCode> {
    if address_length(uri) > ADDRESS_LIMIT {
        return Some(StatusCode::URI_TOO_LONG);
    }
    (headers_length(headers) > HEADERS_LIMIT).then_some(StatusCode::PAYLOAD_TOO_LARGE)
}

fn address_length(uri: &Uri) -> usize {
    uri.path_and_query().map_or(0, |address| address.as_str().len())
}

fn headers_length(headers: &HeaderMap) -> usize {
    headers.iter().map(|(name, value)| name.as_str().len() + value.len()).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(address: usize, header: usize, expected: Option<u16>) {
        let request = http::Request::builder()
            .uri(format!("/{}", "a".repeat(address - 1)))
            .header("x", "h".repeat(header - 1))
            .body(())
            .unwrap();
        assert_eq!(excess(request.uri(), request.headers()).map(|status| status.as_u16()), expected);
    }

    #[test]
    fn an_address_has_12_kilobytes_and_the_headers_16() {
        check(12 * 1024, 16 * 1024, None);
        check(12 * 1024 + 1, 16 * 1024, Some(414));
        check(12 * 1024, 16 * 1024 + 1, Some(413));
    }
}
