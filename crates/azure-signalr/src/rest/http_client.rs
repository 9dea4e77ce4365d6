//! The HTTP client, built when it is first needed.
//!
//! Only success is kept: a machine that gets its certificate authorities later is asked again.

use std::sync::{Arc, OnceLock};

use url::{Host, Url};

use super::RestError;

/// Clones share what they build.
#[derive(Debug, Clone)]
pub(super) struct HttpClient {
    built: Arc<OnceLock<reqwest::Client>>,
}

impl HttpClient {
    pub(super) fn at_first_use() -> Self {
        Self { built: Arc::default() }
    }

    pub(super) fn given(client: reqwest::Client) -> Self {
        Self { built: Arc::new(OnceLock::from(client)) }
    }

    /// The client for calls to `server`.
    pub(super) fn get(&self, server: &Url) -> Result<&reqwest::Client, RestError> {
        if let Some(client) = self.built.get() {
            return Ok(client);
        }
        let client = build(server).map_err(RestError::NoHttpClient)?;
        Ok(self.built.get_or_init(|| client))
    }
}

fn build(server: &Url) -> Result<reqwest::Client, reqwest::Error> {
    // A redirection of a call that carries a token, or of a POST, is never meant.
    let builder = reqwest::Client::builder().redirect(reqwest::redirect::Policy::none());
    let builder = if is_on_this_machine(server) { builder.no_proxy() } else { builder };
    // Otherwise a machine without certificate authorities, such as a bare container, could not even reach the emulator.
    let builder = if server.scheme() == "http" { builder.tls_certs_only([]) } else { builder };
    builder.build()
}

pub(super) fn is_on_this_machine(url: &Url) -> bool {
    match url.host() {
        Some(Host::Domain(name)) => name.eq_ignore_ascii_case("localhost"),
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
        None => false,
    }
}
