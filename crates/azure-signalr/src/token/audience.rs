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
    host: String,
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
        !self.host.is_empty() && hosts.iter().any(|host| host_of(host) == self.host)
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

/// The host without its port, in lower case; the three names of this machine are one.
fn host_of(authority: &str) -> String {
    let host = match authority.strip_prefix('[') {
        Some(rest) => rest.split_once(']').map_or(rest, |(host, _)| host),
        // A second colon means a bare IPv6 address, which has no port.
        None => match authority.split_once(':') {
            Some((host, port)) if !port.contains(':') => host,
            _ => authority,
        },
    };
    if matches!(host, "127.0.0.1" | "::1") { "localhost".to_owned() } else { host.to_ascii_lowercase() }
}
