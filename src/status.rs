//! What "status" is and how it is gathered.

use crate::error::chain;
use azure_signalr::{ConnectionString, RestClient, RestError};
use jiff::Timestamp;
use serde::Serialize;

/// How the system is doing, as clients of `statusUpdate` receive it.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Status {
    /// When it was gathered, in whole seconds: the host would rewrite fractions (functions-host 3.5).
    timestamp: String,
    /// Whether SignalR Service answered its health check; null when it cannot be asked, which says nothing about it.
    services_healthy: Option<bool>,
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

/// SignalR Service as the handler itself asks it. Its client builds nothing before the first call, because TLS would double the time
/// that the handler takes to start.
#[derive(Debug)]
pub(crate) struct Service {
    client: Option<RestClient>,
}

impl Service {
    pub(crate) fn new(connection_string: Option<ConnectionString>) -> Self {
        Self { client: connection_string.map(RestClient::new) }
    }

    async fn is_healthy(&self) -> Option<bool> {
        let Some(client) = &self.client else {
            tracing::warn!(
                "`AzureSignalRConnectionString` is not set; the status does not say whether the service is healthy"
            );
            return None;
        };
        match client.health().await {
            Ok(()) => Some(true),
            Err(error @ RestError::NoHttpClient(_)) => {
                let error = chain(&error);
                tracing::error!(error, "the status does not say whether the service is healthy");
                None
            }
            Err(error) => {
                tracing::warn!(error = chain(&error), "SignalR Service is not healthy");
                Some(false)
            }
        }
    }
}
