//! The server that public SignalR client suites expect: dotnet/aspnetcore `src/SignalR/clients/ts/FunctionalTests`, and
//! the hub tests of the Python client signalrcore (signalr-protocol 9).
//!
//! ```text
//! cargo run --package signalr-server --example test_hub -- --port 5000
//! ```
//!
//! | Path | What |
//! |---|---|
//! | `/testhub` | every method of `methods.rs`, with detailed errors |
//! | `/testhub-nowebsockets` | the same without WebSockets |
//! | `/authorizedhub` | the same for the bearer of a token from `GET /generateJwtToken` |
//! | `/uncreatable` | a hub that closes every connection with an error |
//! | `/redirect` | a negotiate that leads to `/testhub` and counts how often it did |
//! | `/bad-negotiate` | a negotiate that answers 400 |
//! | `/clientresult/{id}` | asks the client of that connection for a result |
//! | `/echo`, `/echoredirect` | no hub: a raw connection that sends back what it gets |
//! | `/chatHub`, `/authHub`, `/users/authenticate` | the server of signalrcore, without detailed errors |
//!
//! Anybody may connect from any page, and each negotiate sets cookies: nothing of this is for production.

mod chat;
mod echo;
mod methods;
mod pages;
mod site;
mod tokens;

use std::io::Write;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;

use anyhow::{Context as _, Result};
use axum::Router;
use clap::Parser;
use signalr_server::{Clients, Endpoint, Hub, ServerOptions, StatefulReconnect, Transport, Transports};
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

use site::{Door, Site, Uncreatable};
use tokens::Tokens;

/// A SignalR server for the tests of SignalR clients
#[derive(Debug, Parser)]
struct Settings {
    /// Where to listen on 127.0.0.1; 0 takes a free port
    #[arg(long, default_value_t = 5000)]
    port: u16,
}

#[tokio::main]
async fn main() -> Result<()> {
    let settings = Settings::parse();
    let address = SocketAddr::from((Ipv4Addr::LOCALHOST, settings.port));
    let listener = TcpListener::bind(address).await.with_context(|| format!("`{address}` cannot be listened on"))?;
    let shutdown = CancellationToken::new();
    let mut server = Server::new(shutdown.clone());
    let app = pages::around(server.app());
    writeln!(std::io::stdout(), "Ready: http://{}", listener.local_addr()?)?;
    let stopped = async move {
        // Without a handler there is no Ctrl-C to wait for, and the server runs until it is killed.
        if tokio::signal::ctrl_c().await.is_err() {
            std::future::pending::<()>().await;
        }
        shutdown.cancel();
    };
    axum::serve(listener, app).with_graceful_shutdown(stopped).await?;
    for endpoint in server.endpoints {
        endpoint.drained().await;
    }
    Ok(())
}

/// The hubs of the server.
struct Server {
    shutdown: CancellationToken,
    endpoints: Vec<Endpoint>,
}

impl Server {
    fn new(shutdown: CancellationToken) -> Self {
        Self { shutdown, endpoints: Vec::new() }
    }

    fn app(&mut self) -> Router {
        let detailed = ServerOptions {
            detailed_errors: true,
            stateful_reconnect: StatefulReconnect::Enabled,
            ..ServerOptions::default()
        };
        let tokens = Arc::new(Tokens::new());
        let (clients, methods) = (Clients::default(), Arc::new(methods::all()));
        let test = Site { clients, methods, transports: Transports::ALL, door: Door::Open };
        let without_web_sockets = Transports::only(&[Transport::ServerSentEvents, Transport::LongPolling]);
        let authorized = Site { clients: Clients::default(), door: Door::Locked(Arc::clone(&tokens)), ..test.clone() };
        let chat = Site { clients: Clients::default(), methods: Arc::new(chat::all()), ..test.clone() };
        let chat_of_users =
            Site { clients: Clients::default(), methods: Arc::new(chat::of_users()), ..authorized.clone() };
        Router::new()
            .nest(
                "/testhub-nowebsockets",
                self.hub(Site { transports: without_web_sockets, ..test.clone() }, &detailed),
            )
            .nest("/authorizedhub", self.hub(authorized, &detailed))
            .nest("/uncreatable", self.hub(Uncreatable::default(), &detailed))
            .nest("/chathub", self.hub(chat, &ServerOptions::default()))
            .nest("/authhub", self.hub(chat_of_users, &ServerOptions::default()))
            .nest("/echo", echo::router())
            .merge(pages::router(&test, &tokens))
            .nest("/testhub", self.hub(test, &detailed))
    }

    fn hub(&mut self, hub: impl Hub, options: &ServerOptions) -> Router {
        let endpoint = Endpoint::new(Arc::new(hub), options.clone(), self.shutdown.clone());
        let router = endpoint.router();
        self.endpoints.push(endpoint);
        router
    }
}
