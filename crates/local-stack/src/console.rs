//! What `cargo dev` prints. The lines of the host look like those of `func start`, so that what is written about it applies here.
//!
//! Lines are written by a thread of their own: a terminal that is paused must not hold up the host, whose calls report here.

use functions_host::console::{Colour, Style, banner, render};
use functions_host::events::{HostEvent, ListedFunction, ListedTrigger};
use jiff::Timestamp;
use local_stack::{LocalStack, Observer, StackEvent};
use std::fmt::Write as _;
use std::io::{self, IsTerminal, Write};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tracing_subscriber::fmt::MakeWriter;

/// How many texts may wait for a terminal that is not read. More are counted and dropped.
const WAITING_TEXTS: usize = 4096;
/// How long the end waits for what is not printed yet.
const LAST_WORDS: Duration = Duration::from_secs(1);
/// How many calls are suggested.
const SUGGESTIONS: usize = 3;

/// Where `cargo dev` writes to. News goes to stdout, what stops it to stderr.
#[derive(Debug, Clone)]
pub(crate) struct Console {
    style: Style,
    texts: SyncSender<Text>,
    dropped: Arc<AtomicU64>,
    functions: Arc<Mutex<Vec<ListedFunction>>>,
}

#[derive(Debug)]
enum Text {
    News(String),
    /// Answered when everything before it is written.
    Flush(SyncSender<()>),
}

impl Console {
    /// Starts the printing thread.
    pub(crate) fn open() -> Self {
        let colour = if io::stdout().is_terminal() { Colour::Always } else { Colour::Never };
        let (texts, waiting) = sync_channel(WAITING_TEXTS);
        let dropped = Arc::<AtomicU64>::default();
        let count = Arc::clone(&dropped);
        std::thread::spawn(move || print_all(&waiting, &count));
        let console = Self { style: Style { colour, ..Style::default() }, texts, dropped, functions: Arc::default() };
        console.print(banner(console.style));
        console
    }

    /// Prints what the host reports, and keeps the list of functions for the suggestions.
    pub(crate) fn observer(&self) -> Observer {
        let console = self.clone();
        Observer::new(move |event| {
            // The emulator is heard through `tracing`.
            let StackEvent::Host(event) = event else { return };
            if let HostEvent::Listening { functions, .. } = event {
                console.functions.lock().unwrap_or_else(PoisonError::into_inner).clone_from(functions);
            }
            console.print(render(event, Timestamp::now(), console.style));
        })
    }

    /// Says how to reach the stack and what to try, and one line for programs that wait for it.
    pub(crate) fn ready(&self, stack: &LocalStack) {
        let functions = self.functions.lock().unwrap_or_else(PoisonError::into_inner);
        let (service, ends) = match stack.connection_string() {
            Some(connection_string) => (
                format!("SignalR emulator, in place of Azure SignalR Service:\n\n\t{connection_string}\n"),
                "the handler, the host and the emulator",
            ),
            None => ("SignalR service: the one of the settings\n".to_owned(), "the handler and the host"),
        };
        let signalr = stack.signalr_url().unwrap_or_else(|| "none".to_owned());
        let handler = stack.handler_process().map_or_else(|| "none".to_owned(), |process| process.to_string());
        self.print(format!(
            "\n{service}{}\nCtrl-C ends {ends}.\n\nReady: host={} signalr={signalr} pid={handler}\n",
            suggestions(&functions),
            stack.host_url()
        ));
    }

    /// Prints a line of the command itself.
    pub(crate) fn say(&self, line: &str) {
        self.print(format!("{line}\n"));
    }

    /// Prints why the command ends, after everything else.
    pub(crate) fn error(&self, error: &anyhow::Error) {
        self.flush();
        let _ = writeln!(io::stderr(), "\nerror: {error:#}");
    }

    /// Waits until everything is printed, but not for ever: nobody may be reading.
    pub(crate) fn flush(&self) {
        let (done, written) = sync_channel(1);
        if self.texts.try_send(Text::Flush(done)).is_ok() {
            let _ = written.recv_timeout(LAST_WORDS);
        }
    }

    fn print(&self, text: String) {
        if let Err(TrySendError::Full(_)) = self.texts.try_send(Text::News(text)) {
            self.dropped.fetch_add(1, Ordering::Relaxed);
        }
    }
}

/// Lines of the emulator, which reports through `tracing`.
impl<'a> MakeWriter<'a> for Console {
    type Writer = Line<'a>;

    fn make_writer(&'a self) -> Line<'a> {
        Line { console: self, bytes: Vec::new() }
    }
}

/// One line that is printed as a whole.
#[derive(Debug)]
pub(crate) struct Line<'a> {
    console: &'a Console,
    bytes: Vec<u8>,
}

impl Write for Line<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.bytes.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Drop for Line<'_> {
    fn drop(&mut self) {
        self.console.print(String::from_utf8_lossy(&self.bytes).into_owned());
    }
}

/// A closed stdout (`cargo dev | head`) is no reason to stop serving.
fn print_all(waiting: &Receiver<Text>, dropped: &AtomicU64) {
    while let Ok(text) = waiting.recv() {
        let mut stdout = io::stdout().lock();
        let lost = dropped.swap(0, Ordering::Relaxed);
        if lost > 0 {
            let _ = writeln!(stdout, "[{lost} lines were dropped, because nobody read them]");
        }
        match text {
            Text::News(text) => {
                let _ = stdout.write_all(text.as_bytes()).and_then(|()| stdout.flush());
            }
            Text::Flush(done) => {
                let _ = done.try_send(());
            }
        }
    }
}

/// Calls to try: of functions whose address needs nothing to be filled in.
fn suggestions(functions: &[ListedFunction]) -> String {
    let mut text = String::new();
    let callable =
        functions.iter().filter(|function| !function.disabled).filter_map(|function| match &function.trigger {
            ListedTrigger::Http { methods, url } if !url.contains('{') => Some((methods, url)),
            _ => None,
        });
    for (methods, url) in callable.take(SUGGESTIONS) {
        let has = |method: &str| methods.is_empty() || methods.iter().any(|declared| declared == method);
        let _ = match methods.first() {
            _ if has("GET") => writeln!(text, "\tcurl {url}"),
            _ if has("POST") => writeln!(text, "\tcurl {url} -d '{{\"message\":\"hi\"}}'"),
            Some(method) => writeln!(text, "\tcurl -X {method} {url}"),
            None => Ok(()),
        };
    }
    if text.is_empty() { text } else { format!("\nTry it:\n\n{text}") }
}
