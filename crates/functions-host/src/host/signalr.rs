//! The HTTP clients for calls to SignalR services.

use std::sync::OnceLock;

use azure_signalr::ConnectionString;

use crate::worker::local_client;

/// A client for services on this machine, and one for services elsewhere, made when it is needed: loading certificates is slow
/// and fails where there are none.
#[derive(Debug)]
pub(crate) struct HttpClients {
    local: reqwest::Client,
    public: OnceLock<reqwest::Client>,
}

impl HttpClients {
    pub(super) fn new() -> reqwest::Result<HttpClients> {
        Ok(HttpClients { local: local_client(reqwest::redirect::Policy::none())?, public: OnceLock::new() })
    }

    /// The client for calls to a service.
    pub(crate) fn to(&self, connection: &ConnectionString) -> Result<&reqwest::Client, String> {
        if connection.server_url().scheme() == "http" {
            return Ok(&self.local);
        }
        if let Some(client) = self.public.get() {
            return Ok(client);
        }
        let client =
            reqwest::Client::builder().build().map_err(|error| format!("cannot make an HTTPS client: {error}"))?;
        Ok(self.public.get_or_init(|| client))
    }
}
