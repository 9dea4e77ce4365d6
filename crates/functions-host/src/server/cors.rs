//! Which browser origins may call the functions (functions-host 4.4).
//!
//! Easily missed: an origin that is not allowed still gets its answer; only the headers are missing, and it is the browser that
//! keeps the answer from the page.

use axum::response::{IntoResponse as _, Response};
use http::{HeaderMap, HeaderValue, Method, StatusCode, header};

use crate::app::Cors;

/// What CORS means for one request.
#[derive(Debug)]
pub(super) struct Decision {
    /// The value of `Access-Control-Allow-Origin`; `None` when the origin is not allowed or no browser asks.
    origin: Option<HeaderValue>,
    credentials: bool,
    varies: bool,
    /// What a preflight request asks for: method and headers.
    preflight: Option<(HeaderValue, Option<HeaderValue>)>,
}

impl Decision {
    /// Without any configured origin there is no CORS at all, and `OPTIONS` is a method like any other.
    pub(super) fn on(cors: &Cors, method: &Method, headers: &HeaderMap) -> Decision {
        let nothing = Decision { origin: None, credentials: false, varies: false, preflight: None };
        let Some(asking) = headers.get(header::ORIGIN).filter(|_| !cors.origins.is_empty()) else {
            return nothing;
        };
        let any = cors.origins.iter().any(|origin| origin == "*");
        let listed = || cors.origins.iter().any(|origin| asking.as_bytes().eq_ignore_ascii_case(origin.as_bytes()));
        let origin = match () {
            () if any => Some(HeaderValue::from_static("*")),
            () if listed() => Some(asking.clone()),
            () => None,
        };
        let wanted_method = headers.get(header::ACCESS_CONTROL_REQUEST_METHOD).filter(|_| method == Method::OPTIONS);
        let wanted_headers = headers.get(header::ACCESS_CONTROL_REQUEST_HEADERS);
        Decision {
            credentials: cors.credentials && origin.is_some(),
            varies: !any && cors.origins.len() > 1 && origin.is_some(),
            preflight: wanted_method.map(|method| (method.clone(), wanted_headers.cloned())),
            origin,
        }
    }

    pub(super) fn is_preflight(&self) -> bool {
        self.preflight.is_some()
    }

    /// 204, whoever asks; with any method and any headers for an allowed origin.
    pub(super) fn preflight_response(&self) -> Response {
        let mut response = StatusCode::NO_CONTENT.into_response();
        let headers = response.headers_mut();
        self.allow(headers);
        if let (Some(_), Some((method, wanted))) = (&self.origin, &self.preflight) {
            headers.insert(header::ACCESS_CONTROL_ALLOW_METHODS, method.clone());
            if let Some(wanted) = wanted {
                headers.insert(header::ACCESS_CONTROL_ALLOW_HEADERS, wanted.clone());
            }
        }
        response
    }

    /// Adds what lets the browser hand the answer to the page. Errors get it too, so that the page sees their status.
    pub(super) fn allow(&self, headers: &mut HeaderMap) {
        let Some(origin) = &self.origin else { return };
        headers.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, origin.clone());
        if self.credentials {
            headers.insert(header::ACCESS_CONTROL_ALLOW_CREDENTIALS, HeaderValue::from_static("true"));
        }
        if self.varies {
            headers.append(header::VARY, HeaderValue::from_static("Origin"));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cors(origins: &[&str], credentials: bool) -> Cors {
        Cors { origins: origins.iter().map(|origin| (*origin).to_owned()).collect(), credentials }
    }

    fn request(pairs: &[(&'static str, &'static str)]) -> HeaderMap {
        pairs.iter().map(|(name, value)| (name.parse().unwrap(), value.parse().unwrap())).collect()
    }

    /// The CORS headers of an ordinary answer, as `name: value` lines.
    #[track_caller]
    fn check(cors: &Cors, origin: &'static str, expected: &[&str]) {
        let mut headers = HeaderMap::new();
        Decision::on(cors, &Method::GET, &request(&[("origin", origin)])).allow(&mut headers);
        let lines: Vec<_> =
            headers.iter().map(|(name, value)| format!("{name}: {}", value.to_str().unwrap())).collect();
        assert_eq!(lines, expected);
    }

    const PAGE: &str = "http://localhost:3000";

    #[test]
    fn a_listed_origin_is_allowed_by_name() {
        check(&cors(&[PAGE], false), PAGE, &["access-control-allow-origin: http://localhost:3000"]);
        check(
            &cors(&["http://other", PAGE], true),
            "http://LOCALHOST:3000",
            &[
                "access-control-allow-origin: http://LOCALHOST:3000",
                "access-control-allow-credentials: true",
                "vary: Origin",
            ],
        );
    }

    #[test]
    fn everybody_is_a_star() {
        check(&cors(&["*"], false), PAGE, &["access-control-allow-origin: *"]);
    }

    #[test]
    fn others_get_no_header() {
        check(&cors(&[PAGE], true), "http://localhost:3001", &[]);
        check(&cors(&[" http://localhost:3000"], true), PAGE, &[]);
        check(&cors(&[], true), PAGE, &[]);
    }

    #[test]
    fn a_preflight_is_204_and_allows_what_was_asked_for() {
        let asked = request(&[
            ("origin", PAGE),
            ("access-control-request-method", "POST"),
            ("access-control-request-headers", "x-requested-with,x-signalr-user-agent"),
        ]);
        let decision = Decision::on(&cors(&[PAGE], true), &Method::OPTIONS, &asked);
        assert!(decision.is_preflight());
        let response = decision.preflight_response();
        assert_eq!(response.status(), 204);
        assert_eq!(response.headers()["access-control-allow-methods"], "POST");
        assert_eq!(response.headers()["access-control-allow-headers"], "x-requested-with,x-signalr-user-agent");
        assert_eq!(response.headers()["access-control-allow-credentials"], "true");
    }

    #[test]
    fn a_preflight_of_a_stranger_is_204_without_headers() {
        let asked = request(&[("origin", "http://evil"), ("access-control-request-method", "POST")]);
        let response = Decision::on(&cors(&[PAGE], true), &Method::OPTIONS, &asked).preflight_response();
        assert_eq!(response.status(), 204);
        assert!(response.headers().is_empty());
    }

    #[test]
    fn options_without_a_wanted_method_or_without_cors_is_an_ordinary_request() {
        let plain = request(&[("origin", PAGE)]);
        assert!(!Decision::on(&cors(&[PAGE], true), &Method::OPTIONS, &plain).is_preflight());
        let asked = request(&[("origin", PAGE), ("access-control-request-method", "POST")]);
        assert!(!Decision::on(&cors(&[], false), &Method::OPTIONS, &asked).is_preflight());
        assert!(!Decision::on(&cors(&[PAGE], false), &Method::POST, &asked).is_preflight());
    }
}
