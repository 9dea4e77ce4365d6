//! `cargo dev`: runs a function app with a local Functions host and a local SignalR service.
//!
//! Everything that matters is in the library; here are only the command line, the console and the signals.

mod console;

use anyhow::{Context, Result, anyhow};
use clap::Parser;
use console::Console;
use functions_host::keys::Keys;
use jiff::Timestamp;
use local_stack::{Handler, LocalStack, SignalR, StackOptions, build_handler, built_beside, find_app, is_replaced};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use tokio::sync::mpsc;
use tracing_subscriber::EnvFilter;
use tracing_subscriber::fmt::format::Writer;
use tracing_subscriber::fmt::time::FormatTime;

/// What of the emulator is shown: clients that come and go, what is refused, and what reaches nobody.
const EMULATOR_NEWS: &str = "warn,signalr_emulator=info";

/// Runs a function app on this machine: its Functions host, its SignalR service and its handler.
///
/// Exit code 0 after Ctrl-C, 1 when something could not start or the host gave up, 2 for a wrong option.
#[derive(Debug, Parser)]
#[command(name = "cargo dev", bin_name = "cargo dev", version)]
struct Options {
    /// Port of the Functions host on 127.0.0.1; 0 takes a free one [default: `Host.LocalHttpPort` of the settings, else 7071]
    #[arg(long, value_name = "PORT")]
    port: Option<u16>,
    /// Port of the SignalR emulator on 127.0.0.1; 0 takes a free one
    #[arg(long, value_name = "PORT", default_value_t = 8888)]
    signalr_port: u16,
    /// Folder of the function app, in any language [default: the nearest folder with a host.json]
    #[arg(long, value_name = "DIR")]
    app: Option<PathBuf>,
    /// Ask callers for keys, as Azure does; they are kept in `.functions-host/keys.json` of the app
    #[arg(long)]
    enable_auth: bool,
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
    let console = Console::open();
    let filter = EnvFilter::new(EMULATOR_NEWS);
    let lines = tracing_subscriber::fmt().with_env_filter(filter).with_writer(console.clone()).with_timer(Brackets);
    lines.with_ansi(false).with_target(false).init();
    match run(&options, &console).await {
        Ok(()) => {
            console.flush();
            ExitCode::SUCCESS
        }
        Err(error) => {
            console.error(&error);
            ExitCode::FAILURE
        }
    }
}

async fn run(options: &Options, console: &Console) -> Result<()> {
    let app = app_folder(options.app.as_deref())?;
    let environment = environment(console);
    let signalr =
        if options.no_emulator { SignalR::FromSettings } else { SignalR::Emulator { port: options.signalr_port } };
    let mut stack = LocalStack::start(StackOptions {
        host_port: options.port,
        signalr,
        keys: options.enable_auth.then(|| Keys::default_file(&app)),
        environment: environment.clone(),
        handler: Handler::Awaited,
        observer: console.observer(),
        ..StackOptions::new(&app)
    })
    .await?;
    let mut signals = signals()?;
    let handler = handler(&app, options, &environment)?.map_or(Handler::Declared, Handler::Program);
    let loaded = tokio::select! {
        loaded = stack.reload(handler) => Some(loaded),
        _ = signals.recv() => None,
    };
    match loaded {
        Some(Ok(())) => {}
        Some(Err(error)) => {
            stack.shutdown().await;
            return Err(error.into());
        }
        None => {
            stack.shutdown().await;
            return Ok(());
        }
    }
    console.ready(&stack);
    let ended = tokio::select! {
        _ = signals.recv() => Ok(()),
        stopped = stack.stopped() => Err(anyhow!(stopped.reason)),
    };
    console.say("\nStopping; Ctrl-C again ends it at once.");
    let handler = stack.handler_process();
    tokio::select! {
        () = stack.shutdown() => {}
        _ = signals.recv() => kill(handler),
    }
    ended
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

fn handler(app: &Path, options: &Options, environment: &[(String, String)]) -> Result<Option<PathBuf>> {
    if is_replaced(environment) {
        return Ok(None);
    }
    if options.no_build {
        let program = std::env::current_exe().context("the path of this program cannot be read")?;
        return Ok(built_beside(&program, app));
    }
    Ok(build_handler(app)?)
}

#[expect(clippy::disallowed_methods, reason = "this is the one place of this program that reads the environment")]
fn environment(console: &Console) -> Vec<(String, String)> {
    let mut variables = Vec::new();
    for (name, value) in std::env::vars_os() {
        match (name.into_string(), value.into_string()) {
            (Ok(name), Ok(value)) => variables.push((name, value)),
            (name, _) => {
                let name = name.unwrap_or_else(|name| name.to_string_lossy().into_owned());
                console.say(&format!("The variable `{name}` is not UTF-8 and does not reach the handler."));
            }
        }
    }
    variables
}

/// One item for every wish to end: Ctrl-C, a terminal that is closed, `kill`.
#[cfg(unix)]
fn signals() -> Result<mpsc::Receiver<()>> {
    use tokio::signal::unix::{SignalKind, signal};
    let (wish, wishes) = mpsc::channel(4);
    for kind in [SignalKind::interrupt(), SignalKind::terminate(), SignalKind::hangup(), SignalKind::quit()] {
        let mut signal = signal(kind).context("signals cannot be listened for")?;
        let wish = wish.clone();
        tokio::spawn(async move {
            while signal.recv().await.is_some() {
                // More than four impatient wishes are one wish.
                let _ = wish.try_send(());
            }
        });
    }
    Ok(wishes)
}

#[cfg(not(unix))]
fn signals() -> Result<mpsc::Receiver<()>> {
    let (wish, wishes) = mpsc::channel(4);
    tokio::spawn(async move {
        while tokio::signal::ctrl_c().await.is_ok() {
            let _ = wish.try_send(());
        }
    });
    Ok(wishes)
}

/// Kills the handler with all its children; the host gave it a process group of its own.
#[cfg(unix)]
fn kill(handler: Option<u32>) {
    use rustix::process::{Pid, Signal, kill_process_group};
    let group = handler.and_then(|process| Pid::from_raw(process.try_into().ok()?));
    if let Some(group) = group {
        let _ = kill_process_group(group, Signal::KILL);
    }
}

/// Elsewhere the handler ends with the job that holds it.
#[cfg(not(unix))]
fn kill(_handler: Option<u32>) {}

/// The time as the lines of the host have it.
struct Brackets;

impl FormatTime for Brackets {
    fn format_time(&self, writer: &mut Writer<'_>) -> std::fmt::Result {
        write!(writer, "[{:.3}]", Timestamp::now())
    }
}
