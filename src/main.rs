//! The binary that the Functions host starts: settings, logs, bind, serve, drain.
//!
//! What is said before there is a log goes to stderr, which the host reports as an error (functions-host 1.7).

use axum::serve::ListenerExt;
use signalr_functions::{Config, ConfigError, app, environment, logs};
use std::future::IntoFuture;
use std::io::{self, Write};
use std::net::Ipv4Addr;
use std::process::ExitCode;
use std::time::Duration;
use tokio::net::TcpListener;
use tokio::sync::watch;

/// Started by hand, without a host (`EX_USAGE` of sysexits.h).
const WRONG_USAGE: u8 = 64;
/// Settings that cannot be used (`EX_CONFIG`).
const BAD_SETTINGS: u8 = 78;
/// How long calls in progress may take after the process was asked to end.
const DRAIN: Duration = Duration::from_secs(5);

// One thread is enough for a handler that only turns JSON into JSON, and it starts in half the time.
#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    let config = match Config::read(environment) {
        Ok(config) => config,
        Err(error) => return refuse(&error),
    };
    let _logs = logs::begin(&config);
    match run(&config).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            tracing::error!(port = config.port, %error, "the handler cannot serve");
            ExitCode::FAILURE
        }
    }
}

fn refuse(error: &ConfigError) -> ExitCode {
    let _ = writeln!(io::stderr(), "handler: {error}");
    match error {
        ConfigError::NotUnderAHost => ExitCode::from(WRONG_USAGE),
        ConfigError::Invalid(_) => ExitCode::from(BAD_SETTINGS),
    }
}

async fn run(config: &Config) -> io::Result<()> {
    // The host probes IPv4 loopback only (functions-host 1.5).
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, config.port)).await?;
    let listener = listener.tap_io(|stream| {
        let _ = stream.set_nodelay(true);
    });
    let (end, mut ended) = watch::channel(());
    let mut draining = ended.clone();
    let serving = axum::serve(listener, app(config)).with_graceful_shutdown(async move {
        let _ = ended.changed().await;
    });
    tokio::spawn(async move {
        asked_to_end().await;
        let _ = end.send(());
        // Dropping the sender would count as a change too; it lives until the process ends.
        std::future::pending::<()>().await;
    });
    tokio::select! {
        served = serving.into_future() => served,
        () = async { let _ = draining.changed().await; tokio::time::sleep(DRAIN).await } => {
            tracing::warn!("calls were still in progress {} s after the handler was asked to end", DRAIN.as_secs());
            Ok(())
        }
    }
}

/// SIGINT comes from a terminal, SIGTERM from a platform; the host itself sends neither (functions-host 1.8).
#[cfg(unix)]
async fn asked_to_end() {
    use tokio::signal::unix::{SignalKind, signal};
    let terminated = async {
        match signal(SignalKind::terminate()) {
            Ok(mut terminate) => drop(terminate.recv().await),
            Err(error) => {
                tracing::warn!(%error, "SIGTERM cannot be listened for");
                std::future::pending::<()>().await;
            }
        }
    };
    tokio::select! {
        _ = tokio::signal::ctrl_c() => {}
        () = terminated => {}
    }
}

#[cfg(not(unix))]
async fn asked_to_end() {
    let _ = tokio::signal::ctrl_c().await;
}
