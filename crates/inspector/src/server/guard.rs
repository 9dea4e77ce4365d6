//! Who may ask: programs on this machine, and the inspector's own page. No other page in the same browser.
//!
//! Easily missed: a foreign page cannot read what it asks for, but what it asks for happens. And a name that it owns may be made to
//! point to this machine, with which the browser takes it for the same origin (DNS rebinding): only the `Host` header tells.

use http::header::{self, HeaderMap};
use http::{Method, StatusCode};

use super::Refused;

/// Refuses a request that does not come from this machine or from the inspector's page, which is served on `port`.
pub(super) fn judge<B>(request: &http::Request<B>, port: u16) -> Result<(), Refused> {
    let (headers, method) = (request.headers(), request.method());
    judge_host(headers, port)?;
    judge_origin(headers, port)?;
    judge_site(headers, method, request.uri().path())?;
    judge_type(headers, method)
}

fn judge_host(headers: &HeaderMap, port: u16) -> Result<(), Refused> {
    let mut hosts = headers.get_all(header::HOST).iter();
    match (hosts.next().and_then(|host| host.to_str().ok()), hosts.next()) {
        (Some(host), None) if names(port).iter().any(|name| host.eq_ignore_ascii_case(name)) => Ok(()),
        _ => refuse(
            StatusCode::MISDIRECTED_REQUEST,
            format!("this is served as `localhost:{port}` only; check the address"),
        ),
    }
}

fn judge_origin(headers: &HeaderMap, port: u16) -> Result<(), Refused> {
    let is_own = |origin: &str| {
        let host = origin.strip_prefix("http://");
        host.is_some_and(|host| names(port).iter().any(|name| host.eq_ignore_ascii_case(name)))
    };
    match headers.get(header::ORIGIN).map(|origin| origin.to_str().unwrap_or_default()) {
        None => Ok(()),
        Some(origin) if is_own(origin) => Ok(()),
        Some(_) => refuse(StatusCode::FORBIDDEN, "pages of other origins may not ask".to_owned()),
    }
}

/// A link on another page may open this one, and nothing else.
fn judge_site(headers: &HeaderMap, method: &Method, path: &str) -> Result<(), Refused> {
    let value = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
    let opens_the_page = method == Method::GET
        && path == "/"
        && value("sec-fetch-mode") == Some("navigate")
        && value("sec-fetch-dest") == Some("document");
    match value("sec-fetch-site") {
        None | Some("same-origin" | "none") => Ok(()),
        Some(_) if opens_the_page => Ok(()),
        Some(_) => refuse(StatusCode::FORBIDDEN, "pages of other sites may not ask".to_owned()),
    }
}

/// What changes something says that it is JSON: no form of a foreign page can do that without asking first.
fn judge_type(headers: &HeaderMap, method: &Method) -> Result<(), Refused> {
    if [Method::GET, Method::HEAD].contains(method) {
        return Ok(());
    }
    let content_type = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let media_type = content_type.split(';').next().unwrap_or_default().trim();
    if media_type.eq_ignore_ascii_case("application/json") {
        return Ok(());
    }
    refuse(StatusCode::UNSUPPORTED_MEDIA_TYPE, "send `content-type: application/json`".to_owned())
}

/// The names of this machine by which the page is reached.
fn names(port: u16) -> [String; 3] {
    [format!("localhost:{port}"), format!("127.0.0.1:{port}"), format!("[::1]:{port}")]
}

fn refuse(status: StatusCode, text: String) -> Result<(), Refused> {
    Err(Refused(status, text))
}

#[cfg(test)]
mod tests {
    use http::Request;

    use super::*;

    #[track_caller]
    fn check(method: &str, path: &str, headers: &[(&str, &str)], expected: u16) {
        let mut request = Request::builder().method(method).uri(path);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let status = judge(&request.body(()).unwrap(), 7072).map_or_else(|refused| refused.0.as_u16(), |()| 200);
        assert_eq!(status, expected, "{method} {path} {headers:?}");
    }

    const HOST: (&str, &str) = ("host", "localhost:7072");
    const JSON: (&str, &str) = ("content-type", "application/json");

    #[test]
    fn only_the_names_of_this_machine_are_served() {
        for host in ["localhost:7072", "LOCALHOST:7072", "127.0.0.1:7072", "[::1]:7072"] {
            check("GET", "/api/state", &[("host", host)], 200);
        }
        for host in
            ["", "localhost", "localhost:7071", "evil.example:7072", "localhost.evil.example:7072", "192.168.1.2:7072"]
        {
            check("GET", "/api/state", &[("host", host)], 421);
        }
        check("GET", "/api/state", &[], 421);
        check("GET", "/api/state", &[HOST, ("host", "evil.example")], 421);
    }

    #[test]
    fn pages_of_other_origins_are_refused() {
        check("POST", "/api/send", &[HOST, JSON, ("origin", "http://localhost:7072")], 200);
        check("POST", "/api/send", &[HOST, JSON, ("origin", "http://127.0.0.1:7072")], 200);
        for origin in [
            "null",
            "",
            "http://localhost:3000",
            "https://localhost:7072",
            "http://evil.example",
            "http://localhost:70720",
        ] {
            check("POST", "/api/send", &[HOST, JSON, ("origin", origin)], 403);
            check("GET", "/api/state", &[HOST, ("origin", origin)], 403);
        }
    }

    #[test]
    fn a_link_may_open_the_page_and_nothing_else() {
        let link =
            [HOST, ("sec-fetch-site", "cross-site"), ("sec-fetch-mode", "navigate"), ("sec-fetch-dest", "document")];
        check("GET", "/", &link, 200);
        check("GET", "/api/state", &link, 403);
        check(
            "GET",
            "/",
            &[HOST, ("sec-fetch-site", "cross-site"), ("sec-fetch-mode", "no-cors"), ("sec-fetch-dest", "script")],
            403,
        );
        check(
            "GET",
            "/",
            &[HOST, ("sec-fetch-site", "same-site"), ("sec-fetch-mode", "navigate"), ("sec-fetch-dest", "iframe")],
            403,
        );
        check("GET", "/api/state", &[HOST, ("sec-fetch-site", "same-origin")], 200);
        check("GET", "/api/state", &[HOST, ("sec-fetch-site", "none")], 200);
    }

    #[test]
    fn what_changes_something_says_that_it_is_json() {
        check("POST", "/api/send", &[HOST, ("content-type", "application/json; charset=utf-8")], 200);
        for content_type in ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data", "text/json"] {
            check("POST", "/api/send", &[HOST, ("content-type", content_type)], 415);
        }
        check("POST", "/api/send", &[HOST], 415);
        check("DELETE", "/api/send", &[HOST], 415);
        check("OPTIONS", "/api/send", &[HOST], 415);
    }
}
