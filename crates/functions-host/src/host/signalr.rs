//! The HTTP clients for calls to SignalR services.

use std::sync::OnceLock;

use azure_signalr::ConnectionString;

use crate::app::{Settings, SignalROutputBinding};
use crate::worker::local_client;

/// A client for services on this machine, and one for services elsewhere, made when it is needed: loading certificates is slow
/// and fails where there are none.
#[derive(Debug)]
pub(super) struct Clients {
    local: reqwest::Client,
    public: OnceLock<reqwest::Client>,
}

impl Clients {
    pub(super) fn new() -> reqwest::Result<Clients> {
        Ok(Clients { local: local_client(reqwest::redirect::Policy::none())?, public: OnceLock::new() })
    }

    /// The client for the service that a binding names.
    pub(super) fn for_binding(
        &self,
        binding: &SignalROutputBinding,
        settings: &Settings,
    ) -> Result<&reqwest::Client, String> {
        let connection = settings.connection_string(&binding.connection_string_setting);
        let connection: Option<ConnectionString> = connection.and_then(|text| text.parse().ok());
        // Without a usable connection the binding itself says what is wrong.
        if connection.is_none_or(|connection| connection.server_url().scheme() == "http") {
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
