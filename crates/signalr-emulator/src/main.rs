//! The stand-alone emulator: takes the place of `asrs-emulator start`, with the same address, key and options.
//!
//! It is stricter than the official one by default; `--lenient` makes it as lax.

use std::io::Write;
use std::net::{IpAddr, SocketAddr};
use std::process::ExitCode;

use anyhow::Context;
use azure_signalr::AccessKey;
use clap::{Args, Parser, Subcommand};
use signalr_emulator::{AccessKeys, Checks, DEFAULT_ACCESS_KEY, EmulatorOptions, connection_string};
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;
use tracing_subscriber::EnvFilter;

/// A local stand-in for Azure SignalR Service in serverless mode.
#[derive(Debug, Parser)]
#[command(name = "signalr-emulator", version)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Starts the emulator and prints its connection string.
    Start(Start),
}

#[derive(Debug, Args)]
struct Start {
    /// The port to listen on; 0 takes any free one.
    #[arg(short, long, default_value_t = 8888)]
    port: u16,
    /// The address to listen on; 0.0.0.0 for every network of this machine.
    #[arg(short, long, default_value = "127.0.0.1")]
    ip: IpAddr,
    /// The primary access key [default: the public key of the official emulator].
    #[arg(long, env = "SIGNALR_EMULATOR_ACCESS_KEY", hide_env_values = true, hide_default_value = true, default_value = DEFAULT_ACCESS_KEY, value_parser = access_key)]
    access_key: AccessKey,
    /// A second access key, accepted as well.
    #[arg(long, env = "SIGNALR_EMULATOR_SECONDARY_KEY", hide_env_values = true, value_parser = access_key)]
    secondary_key: Option<AccessKey>,
    /// A host name by which callers know the emulator, beside localhost; may be repeated.
    #[arg(long = "host", value_name = "NAME")]
    hosts: Vec<String>,
    /// Checks only the signature of tokens, as the official emulator does. Azure checks more.
    #[arg(long)]
    lenient: bool,
}

#[tokio::main]
async fn main() -> ExitCode {
    let Command::Start(start) = Cli::parse().command;
    let filter = EnvFilter::builder().with_default_directive(tracing::Level::INFO.into()).from_env_lossy();
    tracing_subscriber::fmt().with_env_filter(filter).with_target(false).init();
    match run(start).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            // Nobody is left to tell when even stderr is closed.
            let _ = writeln!(std::io::stderr(), "signalr-emulator: {error:#}");
            ExitCode::FAILURE
        }
    }
}

async fn run(start: Start) -> anyhow::Result<()> {
    let asked = SocketAddr::new(start.ip, start.port);
    let listener = TcpListener::bind(asked)
        .await
        .with_context(|| format!("cannot listen on {asked}; end what uses that port, or choose another with --port"))?;
    let address = listener.local_addr().context("cannot tell the own address")?;
    let options = start.options();
    let shutdown = CancellationToken::new();
    cancel_on_signal(&shutdown)?;
    announce(address, &options).context("cannot write to stdout")?;
    signalr_emulator::run(listener, options, shutdown).await.context("the server failed")
}

/// The whole text is the key (signalr-service 1.7 item 1).
fn access_key(text: &str) -> Result<AccessKey, &'static str> {
    if text.is_empty() { Err("an access key is not empty") } else { Ok(AccessKey::new(text)) }
}

impl Start {
    fn options(self) -> EmulatorOptions {
        EmulatorOptions {
            access_keys: AccessKeys { primary: self.access_key, secondary: self.secondary_key },
            checks: if self.lenient { Checks::Lenient } else { Checks::Strict },
            hosts: self.hosts,
            ..EmulatorOptions::default()
        }
    }
}

/// Says what to put into the settings of an application, key included: that is what it is for (signalr-service 5.4).
fn announce(address: SocketAddr, options: &EmulatorOptions) -> std::io::Result<()> {
    let mut out = std::io::stdout().lock();
    writeln!(out, "The emulator of Azure SignalR Service listens on http://{address}.")?;
    if options.checks == Checks::Lenient {
        writeln!(out, "It checks only the signature of tokens; Azure also checks expiry, audience and hub.")?;
    }
    writeln!(out, "Its connection string is:\n")?;
    writeln!(out, "    {}\n", connection_string(address, &options.access_keys.primary))?;
    out.flush()
}

/// Ctrl-C and SIGTERM end the emulator in order: clients are told, then the process ends with 0. Both are listened for
/// when this returns: a signal that comes right after the banner is not missed.
fn cancel_on_signal(shutdown: &CancellationToken) -> anyhow::Result<()> {
    let (interrupted, terminated) = (interrupted()?, terminated()?);
    let shutdown = shutdown.clone();
    tokio::spawn(async move {
        tokio::select! {
            () = interrupted => {}
            () = terminated => {}
        }
        shutdown.cancel();
    });
    Ok(())
}

#[cfg(unix)]
fn interrupted() -> anyhow::Result<impl Future<Output = ()>> {
    signal(tokio::signal::unix::SignalKind::interrupt())
}

#[cfg(unix)]
fn terminated() -> anyhow::Result<impl Future<Output = ()>> {
    signal(tokio::signal::unix::SignalKind::terminate())
}

#[cfg(unix)]
fn signal(kind: tokio::signal::unix::SignalKind) -> anyhow::Result<impl Future<Output = ()>> {
    let mut signals = tokio::signal::unix::signal(kind).context("cannot listen to signals")?;
    Ok(async move {
        signals.recv().await;
    })
}

#[cfg(windows)]
fn interrupted() -> anyhow::Result<impl Future<Output = ()>> {
    let mut signals = tokio::signal::windows::ctrl_c().context("cannot listen to Ctrl-C")?;
    Ok(async move {
        signals.recv().await;
    })
}

#[cfg(windows)]
fn terminated() -> anyhow::Result<impl Future<Output = ()>> {
    Ok(std::future::pending())
}
