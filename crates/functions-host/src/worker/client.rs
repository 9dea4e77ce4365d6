//! The HTTP client for what is on this machine.
//!
//! Easily missed: `HTTP_PROXY` would catch calls to this machine, and loading certificates takes longer than the call.

use crate::app::HttpMode;

/// A client for plain HTTP on this machine: no proxy, and no certificates to load.
pub(crate) fn local_client(redirects: reqwest::redirect::Policy) -> reqwest::Result<reqwest::Client> {
    reqwest::Client::builder().no_proxy().tls_certs_only([]).redirect(redirects).build()
}

/// Redirects of the handler are followed, except in forwarding and proxying mode (functions-host 2.2).
pub(super) fn redirects(mode: HttpMode) -> reqwest::redirect::Policy {
    match mode {
        HttpMode::Forward | HttpMode::Proxy => reqwest::redirect::Policy::none(),
        HttpMode::Envelope | HttpMode::ForwardToFunctionName => reqwest::redirect::Policy::limited(50),
    }
}
