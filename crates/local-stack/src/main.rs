//! `cargo dev`: runs a function app with a local Functions host and a local SignalR service.
//!
//! Everything that matters is in the library; here are only the command line, the console and the signals.

mod console;

use anyhow::{Context, Result, anyhow};
use clap::Parser;
use console::Console;
use local_stack::{LocalStack, SignalR, StackOptions, build_handler, built_beside, find_app};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

/// Runs a function app on this machine: its Functions host, its SignalR service and its handler.
///
/// Exit code 0 after Ctrl-C, 1 when something could not start or the host gave up, 2 for a wrong option.
#[derive(Debug, Parser)]
#[command(name = "cargo dev", version)]
struct Options {
    /// Port of the Functions host on 127.0.0.1; 0 takes a free one
    #[arg(long, value_name = "PORT", default_value_t = 7071)]
    port: u16,
    /// Port of the SignalR emulator on 127.0.0.1; 0 takes a free one
    #[arg(long, value_name = "PORT", default_value_t = 8888)]
    signalr_port: u16,
    /// Folder of the function app, in any language [default: the nearest folder with a host.json]
    #[arg(long, value_name = "DIR")]
    app: Option<PathBuf>,
    /// Do not build; run the handler that is there
    #[arg(long)]
    no_build: bool,
    /// Send through the service of the app's settings instead of an emulator
    #[arg(long, conflicts_with = "signalr_port")]
    no_emulator: bool,
    /// Do not rebuild when a source changes. Watching is not there yet, so this changes nothing today
    #[arg(long)]
    no_watch: bool,
}

#[tokio::main]
async fn main() -> ExitCode {
    let options = Options::parse();
    let console = Console::new();
    match run(&options, &console).await {
        Ok(code) => code,
        Err(error) => {
            console.error(&error);
            ExitCode::FAILURE
        }
    }
}

async fn run(options: &Options, console: &Console) -> Result<ExitCode> {
    let app = app_folder(options.app.as_deref())?;
    console.open();
    let signalr =
        if options.no_emulator { SignalR::FromSettings } else { SignalR::Emulator { port: options.signalr_port } };
    // One future for both waits: a signal between two of them would be heard by neither.
    let mut asked_to_end = std::pin::pin!(asked_to_end());
    let starting = LocalStack::start(StackOptions {
        handler: handler(&app, options)?,
        host_port: options.port,
        signalr,
        environment: environment(),
        observer: console.observer(),
        ..StackOptions::new(app)
    });
    let stack = tokio::select! {
        stack = starting => stack?,
        () = &mut asked_to_end => return Ok(ExitCode::SUCCESS),
    };
    console.ready(&stack);
    let code = tokio::select! {
        () = asked_to_end => ExitCode::SUCCESS,
        stopped = stack.stopped() => {
            console.stopped(&stopped);
            ExitCode::FAILURE
        }
    };
    stack.shutdown().await;
    Ok(code)
}

fn app_folder(chosen: Option<&Path>) -> Result<PathBuf> {
    if let Some(folder) = chosen {
        return folder.canonicalize().with_context(|| format!("--app: `{}` is not there", folder.display()));
    }
    let here = std::env::current_dir().context("the current folder cannot be read")?;
    let app = find_app(&here).ok_or_else(|| {
        anyhow!("no host.json in `{}` or above it; go to a function app, or name one with --app", here.display())
    });
    app.map(Path::to_owned)
}

fn handler(app: &Path, options: &Options) -> Result<Option<PathBuf>> {
    if !options.no_build {
        return Ok(build_handler(app)?);
    }
    if app.join("Cargo.toml").is_file() {
        return Ok(built_beside(&std::env::current_exe().context("the path of this program cannot be read")?));
    }
    Ok(None)
}

#[expect(clippy::disallowed_methods, reason = "this is the one place of this program that reads the environment")]
fn environment() -> Vec<(String, String)> {
    std::env::vars_os()
        .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)))
        .collect()
}

#[cfg(unix)]
async fn asked_to_end() {
    use tokio::signal::unix::{SignalKind, signal};
    let mut terminate = signal(SignalKind::terminate()).expect("a handler for SIGTERM can be installed");
    tokio::select! {
        _ = tokio::signal::ctrl_c() => {}
        _ = terminate.recv() => {}
    }
}

#[cfg(not(unix))]
async fn asked_to_end() {
    let _ = tokio::signal::ctrl_c().await;
}
