//! What `cargo dev` prints: lines that look like those of `func start`, so that what is written about it applies here; or JSON.
//!
//! Lines are written by a thread of their own: a terminal that is paused must not hold up the host, whose calls report here.

mod json;
mod text;

use crate::command_line::{Options, wants_no_color};
use functions_host::console::{Colour, Style, banner, render};
use functions_host::events::{HostEvent, ListedFunction};
use jiff::Timestamp;
use local_stack::{BuildNews, Diagnostics, Freshness, LocalStack, Observer, StackEvent};
use std::fmt::Write as _;
use std::io::{self, IsTerminal, Write};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tracing_subscriber::EnvFilter;
use tracing_subscriber::fmt::MakeWriter;
use tracing_subscriber::fmt::format::Writer;
use tracing_subscriber::fmt::time::FormatTime;

/// How many texts may wait for a terminal that is not read. More are counted and dropped.
const WAITING_TEXTS: usize = 4096;
/// How long lines gather before they are printed together. Nobody sees it, and a thread that is woken for every line costs a busy host
/// more than the line.
const GATHERING: Duration = Duration::from_millis(5);
/// How long the end waits for what is not printed yet.
const LAST_WORDS: Duration = Duration::from_secs(1);
/// What of the emulator is shown: clients that come and go, what is refused, and what reaches nobody.
const LINES: &str = "warn,signalr_emulator=info";
/// As JSON the emulator speaks for itself.
const LINES_BESIDE_JSON: &str = "warn,signalr_emulator=off";

/// Where `cargo dev` writes to. News goes to stdout, what stops it to stderr.
#[derive(Debug, Clone)]
pub(crate) struct Console {
    format: Format,
    texts: SyncSender<Text>,
    dropped: Arc<AtomicU64>,
    functions: Arc<Mutex<Vec<ListedFunction>>>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Format {
    Text(Style),
    Json,
}

/// What the command itself has to say.
#[derive(Debug)]
pub(crate) enum News<'a> {
    Building,
    Build(&'a BuildNews),
    Built {
        seconds: f64,
        freshness: Freshness,
    },
    /// Something new serves, by this process.
    Reloaded(Option<u32>),
    /// Something new does not serve.
    Failed {
        error: &'a str,
        goes_on: &'a str,
    },
    /// Nothing serves any more, for this reason, until something of that changes.
    Waiting {
        reason: &'a str,
        until: &'a str,
    },
    Stopping,
}

#[derive(Debug)]
enum Text {
    News(String),
    /// Answered when everything before it is written.
    Flush(SyncSender<()>),
}

impl Console {
    /// Starts the printing thread and takes the lines of `tracing`.
    pub(crate) fn open(options: &Options) -> Self {
        let coloured = io::stdout().is_terminal() && !wants_no_color();
        let style = Style { colour: if coloured { Colour::Always } else { Colour::Never }, ..Style::default() };
        let format = if options.json { Format::Json } else { Format::Text(style) };
        let (texts, waiting) = sync_channel(WAITING_TEXTS);
        let dropped = Arc::<AtomicU64>::default();
        let count = Arc::clone(&dropped);
        std::thread::spawn(move || print_all(&waiting, &count));
        let console = Self { format, texts, dropped, functions: Arc::default() };
        if let (Format::Text(style), None) = (format, &options.command) {
            console.print(banner(style));
        }
        let filter = EnvFilter::new(if format == Format::Json { LINES_BESIDE_JSON } else { LINES });
        let lines = tracing_subscriber::fmt().with_env_filter(filter).with_writer(console.clone()).with_ansi(false);
        lines.with_timer(Brackets).with_target(false).init();
        console
    }

    /// Prints what happens in the stack, and keeps the list of functions for the suggestions.
    pub(crate) fn observer(&self) -> Observer {
        let console = self.clone();
        Observer::new(move |event| {
            if let StackEvent::Host(HostEvent::Listening { functions, .. }) = event {
                console.functions.lock().unwrap_or_else(PoisonError::into_inner).clone_from(functions);
            }
            console.print(match (console.format, event) {
                (Format::Json, event) => json::of_event(event),
                (Format::Text(style), StackEvent::Host(event)) => render(event, Timestamp::now(), style),
                // The emulator is heard through `tracing`.
                (Format::Text(_), _) => String::new(),
            });
        })
    }

    /// Prints what the command itself has to say.
    pub(crate) fn news(&self, news: &News<'_>) {
        self.print(match self.format {
            Format::Json => json::of_news(news),
            Format::Text(style) => text::of_news(news, style),
        });
    }

    /// Says how to reach the stack and what to try, and one line for programs that wait for it.
    pub(crate) fn ready(&self, stack: &LocalStack) {
        let functions = self.functions.lock().unwrap_or_else(PoisonError::into_inner);
        self.print(match self.format {
            Format::Json => json::ready(stack),
            Format::Text(_) => text::ready(stack, &functions),
        });
    }

    /// Prints a line of the command itself.
    pub(crate) fn say(&self, line: &str) {
        self.print(match self.format {
            Format::Json => json::line("dev", line),
            Format::Text(_) => format!("{line}\n"),
        });
    }

    /// Prints text as it is, for example an answer.
    pub(crate) fn print(&self, text: String) {
        if !text.is_empty()
            && let Err(TrySendError::Full(_)) = self.texts.try_send(Text::News(text))
        {
            self.dropped.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// How the compiler is to write what it has to say.
    pub(crate) fn diagnostics(&self) -> Diagnostics {
        match self.format {
            Format::Text(style) if style.colour == Colour::Always => Diagnostics::Coloured,
            Format::Text(_) | Format::Json => Diagnostics::Plain,
        }
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
        let text = String::from_utf8_lossy(&self.bytes);
        self.console.print(match self.console.format {
            Format::Json => json::line("log", text.trim_end()),
            Format::Text(_) => text.into_owned(),
        });
    }
}

/// A closed stdout (`cargo dev | head`) is no reason to stop serving.
fn print_all(waiting: &Receiver<Text>, dropped: &AtomicU64) {
    let mut page = String::new();
    while let Ok(first) = waiting.recv() {
        let lost = dropped.swap(0, Ordering::Relaxed);
        if lost > 0 {
            let _ = writeln!(page, "[{lost} lines were dropped, because nobody read them]");
        }
        let mut flushed = Vec::new();
        for text in std::iter::once(first).chain(waiting.try_iter()) {
            match text {
                Text::News(text) => page.push_str(&text),
                Text::Flush(done) => flushed.push(done),
            }
        }
        let mut stdout = io::stdout().lock();
        let _ = stdout.write_all(page.as_bytes()).and_then(|()| stdout.flush());
        drop(stdout);
        page.clear();
        for done in flushed {
            let _ = done.try_send(());
        }
        std::thread::sleep(GATHERING);
    }
}

/// The time as the lines of the host have it.
struct Brackets;

impl FormatTime for Brackets {
    fn format_time(&self, writer: &mut Writer<'_>) -> std::fmt::Result {
        write!(writer, "[{:.3}]", Timestamp::now())
    }
}
