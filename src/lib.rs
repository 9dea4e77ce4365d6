//! A real-time backend for web apps: an Azure Functions custom handler that sends through Azure SignalR Service.
//!
//! The Functions host starts the binary `handler` and posts every invocation to it; the handler answers with messages, and the host
//! hands them to SignalR. The handler itself keeps no connections and no state.
//!
//! Where to look:
//!
//! - `functions`: the table, one line per function folder; `functions/*` holds what each function does.
//! - [`Config`]: every setting that the handler reads.
//! - `status`: what the status that clients see is made of.
//! - `error`: what a caller sees when something is wrong, and what is logged.
//!
//! [`app`] is the whole web server without its socket.

pub mod api;
mod config;
mod error;
mod functions;
mod status;

pub use config::{Config, ConfigError, Setting, environment};

use axum::Router;
use axum::http::{StatusCode, Uri};
use axum::routing::get;
use std::sync::Arc;

/// What the functions share.
#[derive(Debug, Clone)]
struct App {
    service: Arc<status::Service>,
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
        .with_state(App { service: Arc::new(status::Service::new(config.signalr.clone())) })
}

async fn no_such_function(uri: Uri) -> (StatusCode, String) {
    let path = uri.path();
    tracing::warn!(path, "the host called a function that this handler does not have");
    (StatusCode::NOT_FOUND, format!("this handler has no function at `{path}`; its functions are in src/functions.rs"))
}
