//! What "status" is and how it is gathered.

use azure_signalr::{ConnectionString, RestClient};
use jiff::Timestamp;
use serde::Serialize;
use std::sync::OnceLock;

/// How the system is doing, as clients of `statusUpdate` receive it.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Status {
    /// When it was gathered, in whole seconds: the host would rewrite fractions (functions-host 3.5).
    timestamp: String,
    /// SignalR Service answered its health check.
    services_healthy: bool,
    /// How many users are connected; null, because nothing counts them yet.
    active_users: Option<u64>,
}

impl Status {
    pub(crate) async fn gather(service: &Service) -> Self {
        let now =
            Timestamp::from_second(Timestamp::now().as_second()).expect("the present without its fraction is in range");
        Self { timestamp: now.to_string(), services_healthy: service.is_healthy().await, active_users: None }
    }
}

/// SignalR Service as the handler itself asks it. The client is built at its first use, because TLS would double the time that
/// the handler takes to start.
#[derive(Debug)]
pub(crate) struct Service {
    connection_string: Option<ConnectionString>,
    client: OnceLock<Option<RestClient>>,
}

impl Service {
    pub(crate) fn new(connection_string: Option<ConnectionString>) -> Self {
        Self { connection_string, client: OnceLock::new() }
    }

    async fn is_healthy(&self) -> bool {
        let Some(client) = self.client.get_or_init(|| self.connect()) else { return false };
        match client.health().await {
            Ok(()) => true,
            Err(error) => {
                tracing::warn!(%error, "SignalR Service is not healthy");
                false
            }
        }
    }

    fn connect(&self) -> Option<RestClient> {
        let Some(connection_string) = &self.connection_string else {
            tracing::warn!("`AzureSignalRConnectionString` is not set; the status reports an unhealthy service");
            return None;
        };
        let client = RestClient::connect(connection_string.clone());
        client
            .inspect_err(
                |error| tracing::error!(%error, "no HTTP client can be built; the status reports an unhealthy service"),
            )
            .ok()
    }
}
