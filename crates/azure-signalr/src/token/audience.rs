//! What a token has to be for, compared as leniently as the official libraries need (signalr-service 1.7, rule 8).
//!
//! Scheme and port never count: the libraries drop the port, and a proxy may speak the other scheme. Path and hub do.

use serde_json::Value;
use url::form_urlencoded;

/// What a request needs its token to be for.
#[derive(Debug, Clone, Copy)]
pub enum Audience<'a> {
    /// A client that connects to a hub.
    Client {
        /// The hub as the service keeps it, with the application's prefix where there is one; case does not matter.
        hub: &'a str,
        /// The names of this service: the request's `Host` and the configured host. Ports are ignored.
        hosts: &'a [&'a str],
    },
    /// A REST call.
    Rest {
        /// The path of the request as it was sent, still escaped; a query is ignored.
        path: &'a str,
        /// The names of this service: the request's `Host` and the configured host. Ports are ignored.
        hosts: &'a [&'a str],
    },
}

impl Audience<'_> {
    /// Whether `aud`, a text or an array of texts, names this request.
    pub(super) fn is_named_by(&self, aud: Option<&Value>) -> bool {
        match aud {
            Some(Value::String(text)) => self.matches(text),
            Some(Value::Array(values)) => values.iter().filter_map(Value::as_str).any(|text| self.matches(text)),
            _ => false,
        }
    }

    fn matches(&self, aud: &str) -> bool {
        let Some(address) = Address::read(aud) else { return false };
        match self {
            Self::Client { hub, hosts } => address.path == "/client" && address.is_for_hub(hub) && address.is_at(hosts),
            Self::Rest { path, hosts } => address.path == path_of(path) && address.is_at(hosts),
        }
    }
}

struct Address<'a> {
    host: &'a str,
    path: &'a str,
    query: &'a str,
}

impl<'a> Address<'a> {
    // Read by hand: the `url` crate resolves `..` and drops control characters, which would make paths equal that are not.
    fn read(aud: &'a str) -> Option<Self> {
        let (scheme, rest) = aud.split_once("://")?;
        if !scheme.eq_ignore_ascii_case("http") && !scheme.eq_ignore_ascii_case("https") {
            return None;
        }
        let (address, query) = rest.split_once('?').unwrap_or((rest, ""));
        let (authority, path) = address.split_at(address.find('/').unwrap_or(address.len()));
        Some(Self { host: host_of(authority), path: path_of(path), query })
    }

    fn is_at(&self, hosts: &[&str]) -> bool {
        !self.host.is_empty() && hosts.iter().any(|host| host_of(host).eq_ignore_ascii_case(self.host))
    }

    fn is_for_hub(&self, hub: &str) -> bool {
        let mut hubs = form_urlencoded::parse(self.query.as_bytes()).filter(|(name, _)| name == "hub");
        let named = hubs.next().is_some_and(|(_, value)| value.eq_ignore_ascii_case(hub));
        named && hubs.next().is_none()
    }
}

fn path_of(path: &str) -> &str {
    path.split_once('?').map_or(path, |(path, _)| path).trim_end_matches('/')
}

/// The host without its port; the three names of this machine are one.
fn host_of(authority: &str) -> &str {
    let host = match authority.strip_prefix('[') {
        Some(rest) => rest.split_once(']').map_or(rest, |(host, _)| host),
        // A second colon means a bare IPv6 address, which has no port.
        None => match authority.split_once(':') {
            Some((host, port)) if !port.contains(':') => host,
            _ => authority,
        },
    };
    if matches!(host, "127.0.0.1" | "::1") { "localhost" } else { host }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::Audience;

    const HOSTS: &[&str] = &["localhost:8888", "Contoso.service.signalr.net"];

    #[track_caller]
    fn check_rest(aud: impl Into<Value>, expected: bool) {
        let audience = Audience::Rest { path: "/api/hubs/chat/users/a%2Fb/:send", hosts: HOSTS };
        let aud = aud.into();
        assert_eq!(audience.is_named_by(Some(&aud)), expected, "{aud}");
    }

    #[track_caller]
    fn check_client(aud: impl Into<Value>, expected: bool) {
        let aud = aud.into();
        assert_eq!(Audience::Client { hub: "app_chat", hosts: HOSTS }.is_named_by(Some(&aud)), expected, "{aud}");
    }

    #[test]
    fn scheme_port_query_and_trailing_slash_of_a_rest_audience_do_not_count() {
        check_rest("http://localhost/api/hubs/chat/users/a%2Fb/:send", true);
        check_rest("HTTPS://LOCALHOST:443/api/hubs/chat/users/a%2Fb/:send", true);
        check_rest("http://localhost:8888/api/hubs/chat/users/a%2Fb/:send/", true);
        check_rest("http://127.0.0.1:1/api/hubs/chat/users/a%2Fb/:send?api-version=2022-06-01", true);
        check_rest("http://[::1]:1/api/hubs/chat/users/a%2Fb/:send", true);
        check_rest("https://contoso.service.signalr.net/api/hubs/chat/users/a%2Fb/:send", true);
    }

    #[test]
    fn path_and_host_of_a_rest_audience_count() {
        check_rest("http://localhost/api/hubs/chat/users/a/b/:send", false);
        check_rest("http://localhost/api/hubs/chat/users/a%2fb/:send", false);
        check_rest("http://localhost/api/hubs/Chat/users/a%2Fb/:send", false);
        check_rest("http://localhost/api/hubs/chat/x/../users/a%2Fb/:send", false);
        check_rest("http://localhost/api/hubs/chat/:send", false);
        check_rest("http://localhost", false);
        check_rest("http://elsewhere/api/hubs/chat/users/a%2Fb/:send", false);
        check_rest("http://localhost@elsewhere/api/hubs/chat/users/a%2Fb/:send", false);
        check_rest("http:///api/hubs/chat/users/a%2Fb/:send", false);
        check_rest("ftp://localhost/api/hubs/chat/users/a%2Fb/:send", false);
        check_rest("/api/hubs/chat/users/a%2Fb/:send", false);
        check_rest("", false);
    }

    #[test]
    fn one_right_element_of_an_array_is_enough() {
        check_rest(json!(["http://elsewhere/", 1, "http://localhost/api/hubs/chat/users/a%2Fb/:send"]), true);
        check_rest(json!(["http://elsewhere/"]), false);
        check_rest(json!([]), false);
        check_rest(json!({"aud": "http://localhost/api/hubs/chat/users/a%2Fb/:send"}), false);
        check_rest(Value::Null, false);
        assert!(!Audience::Rest { path: "", hosts: HOSTS }.is_named_by(None));
    }

    #[test]
    fn a_client_audience_names_the_hub_in_any_case() {
        check_client("http://localhost/client/?hub=app_chat", true);
        check_client("https://localhost:5/client?hub=APP_Chat", true);
        check_client("http://localhost/client/?hub=app%5Fchat&asrs.op=x", true);
        check_client("http://localhost/client/?hub=chat", false);
        check_client("http://localhost/client/?Hub=app_chat", false);
        check_client("http://localhost/client/?hub=chat&hub=app_chat", false);
        check_client("http://localhost/client/?hub=app_chat&hub=chat", false);
        check_client("http://localhost/client/", false);
        check_client("http://localhost/server/?hub=app_chat", false);
        check_client("http://elsewhere/client/?hub=app_chat", false);
    }

    #[test]
    fn a_bare_ipv6_host_is_not_cut_at_its_colons() {
        let audience = Audience::Rest { path: "/x", hosts: &["fe80::1"] };
        assert!(audience.is_named_by(Some(&json!("http://[FE80::1]:80/x"))));
        assert!(!audience.is_named_by(Some(&json!("http://[fe80::2]/x"))));
    }

    #[test]
    fn a_service_without_a_name_is_nobodys_audience() {
        let audience = Audience::Rest { path: "/x", hosts: &[""] };
        assert!(!audience.is_named_by(Some(&json!("http:///x"))));
        assert!(!Audience::Rest { path: "/x", hosts: &[] }.is_named_by(Some(&json!("http://localhost/x"))));
    }
}
