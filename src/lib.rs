//! A real-time backend for web apps: an Azure Functions custom handler that sends through Azure SignalR Service.
//!
//! The Functions host starts the binary `handler` and posts every invocation to it; the handler answers with messages, and the host
//! hands them to SignalR. The handler itself keeps no connections and no state.
//!
//! Where to look:
//!
//! - `functions`: the table, one line per function folder; `functions/*` holds what the functions do.
//! - [`api`]: what callers send and receive, which is also the TypeScript of the web client.
//! - [`Config`]: every setting that the handler reads.
//! - `invocation`: how a function is called, and what becomes of its log lines; `outputs`: what functions may write.
//! - `identity`: who the caller is; `rights`: what that caller may do.
//! - `service`, `presence`, `status`: what SignalR Service is asked.
//! - `error`: what a caller sees when something is wrong, and what is logged; [`logs`]: where log lines go.
//!
//! [`app`] is the whole web server without its socket.

pub mod api;
mod config;
mod error;
mod functions;
mod identity;
mod invocation;
pub mod logs;
mod message_body;
mod outputs;
mod presence;
mod rights;
mod service;
mod status;
#[cfg(feature = "otel")]
mod telemetry;
mod trace_context;

pub use config::{Config, ConfigError, OidcConfig, RequireSignIn, Setting, SignInConfig, environment};

use axum::Router;
use axum::http::{StatusCode, Uri};
use axum::routing::get;
use identity::Identity;
use presence::{Counter, Upstream};
use service::Service;
use std::sync::Arc;

/// What the functions share.
#[derive(Debug, Clone)]
struct App {
    service: Arc<Service>,
    identity: Arc<Identity>,
    upstream: Arc<Upstream>,
    counter: Arc<Counter>,
    /// Whether somebody wants to see invocations as spans.
    #[cfg(feature = "otel")]
    exports_spans: bool,
}

impl App {
    fn new(config: &Config) -> Self {
        Self {
            service: Arc::new(Service::new(config.signalr.clone())),
            identity: Arc::new(Identity::new(config.sign_in.clone())),
            upstream: Arc::default(),
            counter: Arc::default(),
            #[cfg(feature = "otel")]
            exports_spans: config.exports_spans,
        }
    }
}

/// The handler as a web server: the functions, and the readiness probe of the host.
///
/// A function answers under its name, which is what the host calls, and under `/api/{name}`, which is what it would call if
/// requests were forwarded (functions-host 2.2).
pub fn app(config: &Config) -> Router {
    let functions = functions::routes();
    Router::new()
        .route("/", get(async || StatusCode::OK))
        .nest("/api", functions.clone())
        .merge(functions)
        .fallback(no_such_function)
        .with_state(App::new(config))
}

async fn no_such_function(uri: Uri) -> (StatusCode, String) {
    let path = uri.path();
    tracing::warn!(path, "the host called a function that this handler does not have");
    (StatusCode::NOT_FOUND, format!("this handler has no function at `{path}`; its functions are in src/functions.rs"))
}
