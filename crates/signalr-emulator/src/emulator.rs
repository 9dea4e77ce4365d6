//! The emulator as one value: its state, and what a test may do to it.
//!
//! An emulator without a listener is whole: its [`router`](Emulator::router) may be served by anybody.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use azure_signalr::{AccessKey, ConnectionString};
use signalr_server::{Clients, Endpoint};
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;
use url::Url;

use crate::client_endpoint::ClientEndpoint;
use crate::service::Service;
use crate::{Detail, EmulatorOptions, Events, UpstreamTemplate, routes, serving};

/// A local Azure SignalR Service. Cheap to clone; clones are the same service.
#[derive(Debug, Clone)]
pub struct Emulator {
    pub(crate) service: Arc<Service>,
    endpoint: Endpoint,
    shutdown: CancellationToken,
    grace: Duration,
}

impl Emulator {
    /// A service without any connection. `shutdown` ends all its connections, in a way that lets clients reconnect.
    pub fn new(options: EmulatorOptions, shutdown: CancellationToken) -> Self {
        let service = Arc::new(Service::new(&options, shutdown.clone()));
        let hub = Arc::new(ClientEndpoint(Arc::clone(&service)));
        let grace = options.server.close_grace;
        let endpoint = Endpoint::new(hub, options.server, shutdown.clone());
        Self { service, endpoint, shutdown, grace }
    }

    /// Everything that the service answers: `/client`, `/api`, described at `/api/openapi.json`, and `/metrics`. Serve it with `TCP_NODELAY`, as
    /// [`serve`](Self::serve) does.
    pub fn router(&self) -> Router {
        Router::new().fallback_service(routes::answering(&self.service, &self.endpoint))
    }

    /// Serves until the shutdown, and until every connection has ended after it. Requests that are not answered by then
    /// have as long as connections have ([`ServerOptions::close_grace`](signalr_server::ServerOptions::close_grace)).
    ///
    /// # Errors
    /// None at present: a listener that cannot take a connection, such as for want of files, is asked again.
    pub async fn serve(&self, listener: TcpListener) -> std::io::Result<()> {
        let answering = routes::answering(&self.service, &self.endpoint);
        tokio::select! {
            () = serving::serve(listener, answering, self.shutdown.clone()) => {}
            () = self.shutdown_is_overdue() => tracing::warn!("cut off requests that were not finished at the shutdown"),
        }
        self.endpoint.drained().await;
        Ok(())
    }

    async fn shutdown_is_overdue(&self) {
        self.shutdown.cancelled().await;
        tokio::time::sleep(self.grace).await;
    }

    /// The live connections of a hub, with their users and groups; `None` when nobody has used the hub yet. Case does
    /// not matter; an application is written as prefix (`app_chat`).
    pub fn clients(&self, hub: &str) -> Option<Clients> {
        self.service.hubs.find(hub).map(|hub| hub.clients.clone())
    }

    /// How many clients are connected to a hub.
    pub fn connection_count(&self, hub: &str) -> usize {
        self.clients(hub).map_or(0, |clients| clients.len())
    }

    /// Takes other upstream templates for everything that happens from now on.
    pub fn replace_upstream_templates(&self, templates: Vec<UpstreamTemplate>) {
        self.service.upstream.replace(templates);
    }

    /// Everything that happens from now on. A listener that falls behind by more than 8,192 events misses some and is told
    /// how many; the service never waits for it.
    pub fn events(&self) -> Events {
        self.events_with(Detail::Deliveries)
    }

    /// The same with as much detail as is wanted. While another listener wants more, this one gets more, too.
    pub fn events_with(&self, detail: Detail) -> Events {
        self.service.reporter.listen(detail)
    }
}

/// Serves an emulator on `listener` until `shutdown`, and until every connection has ended after it.
///
/// # Errors
/// When the listener fails.
pub async fn run(listener: TcpListener, options: EmulatorOptions, shutdown: CancellationToken) -> std::io::Result<()> {
    Emulator::new(options, shutdown).serve(listener).await
}

/// The connection string under which an emulator on `address` is reached, **with its key**:
/// `Endpoint=http://localhost;Port=8888;AccessKey=...;Version=1.0;` (signalr-service 5.4).
pub fn connection_string(address: SocketAddr, key: &AccessKey) -> String {
    let host = match address.ip() {
        // An unspecified address is where to listen, not where to connect.
        ip if ip.is_loopback() || ip.is_unspecified() => "localhost".to_owned(),
        IpAddr::V4(ip) => ip.to_string(),
        IpAddr::V6(ip) => format!("[{ip}]"),
    };
    let endpoint = Url::parse(&format!("http://{host}:{}", address.port())).expect("a host and a port are an address");
    ConnectionString::with_access_key(endpoint, key.clone()).expose()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::DEFAULT_ACCESS_KEY;

    #[track_caller]
    fn check(address: &str, expected: &str) {
        let found = connection_string(address.parse().unwrap(), &AccessKey::new(DEFAULT_ACCESS_KEY));
        assert_eq!(found, format!("{expected};AccessKey={DEFAULT_ACCESS_KEY};Version=1.0;"));
    }

    #[test]
    fn the_connection_string_is_that_of_the_official_emulator() {
        check("127.0.0.1:8888", "Endpoint=http://localhost;Port=8888");
        check("[::1]:8888", "Endpoint=http://localhost;Port=8888");
        check("0.0.0.0:9000", "Endpoint=http://localhost;Port=9000");
        check("192.168.1.5:8888", "Endpoint=http://192.168.1.5;Port=8888");
        check("[2001:db8::1]:8888", "Endpoint=http://[2001:db8::1];Port=8888");
    }
}
