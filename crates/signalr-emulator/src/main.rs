//! The stand-alone emulator: takes the place of `asrs-emulator`, with the same commands, address, key and settings.
//!
//! It is stricter than the official one by default; `--lenient` makes it as lax.

mod cli;

use std::io::{IsTerminal, Write};
use std::process::ExitCode;

use clap::Parser;
use cli::{Cli, Command, Unusable, UpstreamCommand};
use tracing_subscriber::EnvFilter;

/// 0 when all is well, 1 when something failed, 2 for an option that cannot be used.
#[tokio::main]
async fn main() -> ExitCode {
    match run(&Cli::parse().command).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => tell(&error),
    }
}

async fn run(command: &Command) -> anyhow::Result<()> {
    match command {
        Command::Start(start) => {
            if start.json {
                log_as_json();
            } else {
                log_as_text();
            }
            cli::start::run(start).await
        }
        Command::Upstream(UpstreamCommand::Init { output }) => cli::upstream::init(output.as_deref()),
        Command::Upstream(UpstreamCommand::List { config }) => cli::upstream::list(config.as_deref()),
    }
}

fn tell(error: &anyhow::Error) -> ExitCode {
    let mut stderr = std::io::stderr();
    // Nobody is left to tell when even stderr is closed.
    if let Some(unusable) = error.downcast_ref::<Unusable>() {
        let _ = writeln!(stderr, "{unusable}");
        return ExitCode::from(2);
    }
    let _ = writeln!(stderr, "signalr-emulator: {error:#}");
    ExitCode::FAILURE
}

fn log_as_text() {
    let lines = tracing_subscriber::fmt().with_env_filter(filter()).with_target(false);
    // Colours are for people, and only where `NO_COLOR` does not forbid them: in a file they would be noise.
    if std::io::stdout().is_terminal() { lines.init() } else { lines.with_ansi(false).init() }
}

fn log_as_json() {
    // Events have lines of their own.
    let filter = filter().add_directive("signalr_emulator::events=off".parse().expect("it is a directive"));
    tracing_subscriber::fmt().with_env_filter(filter).json().flatten_event(true).init();
}

fn filter() -> EnvFilter {
    EnvFilter::builder().with_default_directive(tracing::Level::INFO.into()).from_env_lossy()
}
