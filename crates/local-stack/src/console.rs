//! What `cargo dev` prints. The lines of the host look like those of `func start`, so that what is written about it applies here.

use functions_host::console::{Colour, Style, banner, render};
use functions_host::events::{HostEvent, Observer};
use functions_host::host::Stopped;
use jiff::Timestamp;
use local_stack::LocalStack;
use std::io::{self, IsTerminal, Write};

/// Where `cargo dev` writes to. News goes to stdout, what stops it to stderr.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Console {
    style: Style,
}

impl Console {
    pub(crate) fn new() -> Self {
        let colour = if io::stdout().is_terminal() { Colour::Always } else { Colour::Never };
        Self { style: Style { colour, ..Style::default() } }
    }

    pub(crate) fn open(self) {
        print(&banner(self.style));
    }

    pub(crate) fn observer(self) -> Observer {
        Observer::new(move |event: &HostEvent| print(&render(event, Timestamp::now(), self.style)))
    }

    /// Says how to reach the stack and what to try, and one line for programs that wait for it.
    pub(crate) fn ready(self, stack: &LocalStack) {
        let host = stack.host_url().replace("127.0.0.1", "localhost");
        let service = match stack.connection_string() {
            Some(connection_string) => {
                format!("SignalR emulator, in place of Azure SignalR Service:\n\n\t{connection_string}\n")
            }
            None => "SignalR service: the one of `AzureSignalRConnectionString` in the settings\n".to_owned(),
        };
        let signalr = stack.signalr_url().unwrap_or_else(|| "none".to_owned());
        let handler = stack.handler_process().map_or_else(|| "none".to_owned(), |pid| pid.to_string());
        print(&format!(
            "\n{service}\nTry it:\n\n\tcurl {host}/api/negotiate\n\tcurl {host}/api/broadcast -d '{{\"message\":\"hi\"}}'\n\n\
             Ctrl-C ends the handler, the host and the emulator.\n\n\
             Ready: host={} signalr={signalr} pid={handler}\n",
            stack.host_url()
        ));
    }

    pub(crate) fn stopped(self, stopped: &Stopped) {
        let _ = writeln!(io::stderr(), "\nerror: {}", stopped.reason);
    }

    pub(crate) fn error(self, error: &anyhow::Error) {
        let _ = writeln!(io::stderr(), "error: {error:#}");
    }
}

/// A closed stdout (`cargo dev | head`) is no reason to stop serving.
fn print(text: &str) {
    let mut stdout = io::stdout().lock();
    let _ = stdout.write_all(text.as_bytes()).and_then(|()| stdout.flush());
}
