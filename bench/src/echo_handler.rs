//! `bench serve-handler`: the custom handler that `bench host` measures, a small one.

use std::net::Ipv4Addr;

use anyhow::{Context as _, Result};
use axum::Router;
use axum::routing::{get, post};
use axum::serve::ListenerExt as _;
use custom_handler::{HttpResponse, Invocation, InvocationResult};
use serde::Serialize;
use tokio::net::TcpListener;

/// Where to listen.
#[derive(Debug, clap::Args)]
pub(crate) struct Options {
    /// The port on 127.0.0.1
    #[arg(long, env = "FUNCTIONS_CUSTOMHANDLER_PORT")]
    port: u16,
}

/// The output bindings of both functions.
#[derive(Debug, Serialize)]
struct Outputs {
    res: HttpResponse,
}

/// Answers until the process is ended.
pub(crate) async fn run(options: &Options) -> Result<()> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, options.port)).await.context("the port cannot be used")?;
    let listener = listener.tap_io(|stream| {
        // Without it small answers may wait; with an error they still arrive.
        let _ = stream.set_nodelay(true);
    });
    let app = Router::new()
        .route("/", get(|| async { "ready" }))
        .route("/echo", post(echo))
        .route("/process", post(|| async { result(std::process::id().to_string()) }));
    axum::serve(listener, app).await.context("the listener has failed")
}

/// Answers with the body of the request.
async fn echo(invocation: Invocation) -> InvocationResult<Outputs> {
    let body = invocation.http_request("req").ok().and_then(|request| request.body().map(str::to_owned));
    result(body.unwrap_or_default())
}

fn result(body: String) -> InvocationResult<Outputs> {
    InvocationResult::new(Outputs { res: HttpResponse::text(200, body) })
}
