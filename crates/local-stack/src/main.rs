//! `cargo dev`: runs a function app with a local Functions host and a local SignalR service, and keeps it up to date.
//!
//! Everything that matters is in the library; here are only the command line, the console, the loop that renews what has changed, and
//! the signals.

mod command_line;

mod dev;
mod invoke;

mod console;
mod running;
mod signals;

use clap::Parser;
use command_line::{Command, Options};
use console::Console;
use std::process::ExitCode;

#[tokio::main]
async fn main() -> ExitCode {
    let options = Options::parse();
    let console = Console::open(&options);
    let ended = match &options.command {
        None => dev::run(&options, &console).await.map(|()| ExitCode::SUCCESS),
        Some(Command::Invoke(call)) => invoke::invoke(&options, call, &console).await,
    };
    match ended {
        Ok(code) => {
            console.flush();
            code
        }
        Err(error) => {
            console.error(&error);
            ExitCode::FAILURE
        }
    }
}
