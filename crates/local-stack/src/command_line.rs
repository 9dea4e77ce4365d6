//! What `cargo dev` understands.
//!
//! Easily missed: this is also the documentation that `--help` prints.

use anyhow::{Context, Result, anyhow};
use clap::{Args, Parser, Subcommand};
use local_stack::find_app;
use std::path::PathBuf;

use crate::console::Console;

/// Runs a function app on this machine: its Functions host, its SignalR service and its handler.
///
/// It watches the app: when the handler's sources change it is built again, and when that went well, it takes the place of the one
/// that runs, without losing a call or a client. A change of host.json, function.json or the settings is taken over in the same way.
/// What does not build, or does not start, is shown, and everything goes on as before.
///
/// Exit code 0 after Ctrl-C, 1 when something could not start or the host gave up, 2 for a wrong option.
#[derive(Debug, Parser)]
#[command(name = "cargo dev", bin_name = "cargo dev", version)]
pub(crate) struct Options {
    #[command(subcommand)]
    pub(crate) command: Option<Command>,
    /// Port of the Functions host on 127.0.0.1; 0 takes a free one [default: `Host.LocalHttpPort` of the settings, else 7071]
    #[arg(long, value_name = "PORT", global = true)]
    pub(crate) port: Option<u16>,
    /// Port of the SignalR emulator on 127.0.0.1; 0 takes a free one
    #[arg(long, value_name = "PORT", default_value_t = 8888)]
    pub(crate) signalr_port: u16,
    /// Port of the inspector, a page that shows what happens, on 127.0.0.1; 0 takes a free one
    #[arg(long, value_name = "PORT", default_value_t = 7072)]
    pub(crate) inspector_port: u16,
    /// Run no inspector
    #[arg(long, conflicts_with = "inspector_port")]
    pub(crate) no_inspector: bool,
    /// Folder of the function app, in any language [default: the nearest folder with a host.json]
    #[arg(long, value_name = "DIR", global = true)]
    pub(crate) app: Option<PathBuf>,
    /// Run this program as the handler, instead of building one or of the one that host.json names
    #[arg(long, value_name = "PROGRAM", conflicts_with = "no_build")]
    pub(crate) handler: Option<PathBuf>,
    /// Ask callers for keys, as Azure does; they are kept in `.functions-host/keys.json` of the app
    #[arg(long)]
    pub(crate) enable_auth: bool,
    /// Do not build; run the handler that is there
    #[arg(long)]
    pub(crate) no_build: bool,
    /// Send through the service of the app's settings instead of an emulator
    #[arg(long, conflicts_with = "signalr_port")]
    pub(crate) no_emulator: bool,
    /// Do not watch for changes
    #[arg(long)]
    pub(crate) no_watch: bool,
    /// Print everything that happens as JSON, one object per line
    #[arg(long)]
    pub(crate) json: bool,
}

/// What to do instead of running the app.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Run a function of the app that `cargo dev` runs in another terminal
    Invoke(Call),
}

/// Runs a function of the app that `cargo dev` runs in another terminal: an HTTP function on its route, any other one as its trigger
/// would.
///
/// The body of an HTTP function's answer is printed. Exit code 0 when the function was run and has not answered with an error, 1 when it
/// has, or nothing runs, 2 for a wrong option.
#[derive(Debug, Args)]
pub(crate) struct Call {
    /// The function's name; letter case does not matter
    pub(crate) name: String,
    /// The body of the request, or the input of a function that is not called by HTTP; `@FILE` reads a file
    #[arg(long, value_name = "TEXT")]
    pub(crate) data: Option<String>,
    /// A value for a parameter of the route; may be given more than once
    #[arg(long = "param", value_name = "NAME=VALUE", value_parser = parameter)]
    pub(crate) parameters: Vec<(String, String)>,
    /// The method [default: POST with data, GET without, if the function knows it]
    #[arg(long)]
    pub(crate) method: Option<String>,
}

impl Options {
    /// The app's folder, as one absolute path without links, since what changes in it is told by such paths.
    pub(crate) fn app_folder(&self) -> Result<PathBuf> {
        if let Some(folder) = &self.app {
            return folder.canonicalize().with_context(|| format!("--app: `{}` is not there", folder.display()));
        }
        let here = std::env::current_dir()
            .and_then(|here| here.canonicalize())
            .context("the current folder cannot be read")?;
        let app = find_app(&here).ok_or_else(|| {
            anyhow!("no host.json in `{}` or above it; go to a function app, or name one with --app", here.display())
        });
        app.map(std::path::Path::to_owned)
    }
}

fn parameter(text: &str) -> Result<(String, String), String> {
    let pair = text.split_once('=').map(|(name, value)| (name.to_owned(), value.to_owned()));
    pair.filter(|(name, _)| !name.is_empty()).ok_or_else(|| "write it as `name=value`".to_owned())
}

/// The environment of this process.
#[expect(clippy::disallowed_methods, reason = "this is the one place of this program that reads the environment")]
pub(crate) fn environment(console: &Console) -> Vec<(String, String)> {
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

/// Whether colours are unwanted (no-color.org).
#[expect(clippy::disallowed_methods, reason = "this is the one place of this program that reads the environment")]
pub(crate) fn wants_no_color() -> bool {
    std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    #[test]
    fn the_command_line_is_consistent() {
        Options::command().debug_assert();
    }

    #[test]
    fn a_parameter_is_a_name_and_a_value() {
        assert_eq!(parameter("id=a=b"), Ok(("id".to_owned(), "a=b".to_owned())));
        assert_eq!(parameter("id="), Ok(("id".to_owned(), String::new())));
        assert!(parameter("id").is_err() && parameter("=a").is_err());
    }
}
