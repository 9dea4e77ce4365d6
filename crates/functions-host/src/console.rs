//! The text of the host's events as `func start` prints it (functions-host 8.4).
//!
//! Nothing is printed here: the caller writes the text where it belongs. Lines of the handler and of invocations are
//! always shown, but lines of the host itself only from a warning on, unless everything is asked for.

use std::fmt::Write as _;

use jiff::Timestamp;

use crate::events::{AfterExit, HostEvent, ListedFunction, ListedTrigger, LogLevel};
use crate::host::{HOST_LOCK, HOST_VERSION};

/// How much is shown, and how.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Style {
    /// Whether colours are used.
    pub colour: Colour,
    /// Which lines are shown.
    pub detail: Detail,
}

/// Whether colours are used. Whether a terminal understands them is for the caller to find out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Colour {
    /// Plain text.
    #[default]
    Never,
    /// ANSI colours.
    Always,
}

/// Which lines are shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Detail {
    /// As `func start` does it by default.
    #[default]
    Normal,
    /// Also what the host itself says at the levels information and debug, as `func start --verbose` does it.
    Verbose,
}

/// The ANSI colours that are used, by what they stand for.
#[derive(Clone, Copy)]
enum Ink {
    Plain,
    Heading,
    Name,
    Address,
    News,
    Warning,
    Error,
}

const NO_INK: &str = "\u{1b}[0m";

/// The lines at the very start.
#[must_use]
pub fn banner(style: Style) -> String {
    let title = style.paint(Ink::Heading, "Local Functions Host");
    let version = env!("CARGO_PKG_VERSION");
    format!("\n{title}\nHost Version:             {version}\nFunction Runtime Version: {HOST_VERSION}\n\n")
}

/// The text of an event that happened at `now`, with a line break at its end; empty when it is not shown.
///
/// ```
/// use functions_host::console::{Style, render};
/// use functions_host::events::{HostEvent, LogLevel};
///
/// let event = HostEvent::Log { level: LogLevel::Warning, text: "mind the gap".to_owned() };
/// let now = "2026-02-07T15:44:59.782Z".parse()?;
/// assert_eq!(render(&event, now, Style::default()), "[2026-02-07T15:44:59.782Z] mind the gap\n");
/// # Ok::<(), jiff::Error>(())
/// ```
#[must_use]
pub fn render(event: &HostEvent, now: Timestamp, style: Style) -> String {
    let mut page = Page { text: String::new(), now, style };
    match event {
        HostEvent::Listening { functions, broken, .. } => page.list(functions, broken),
        // What there is was listed at the start; who has changed it knows what.
        HostEvent::Reloaded { broken, .. } => {
            page.line(Ink::News, format_args!("The app was reloaded."));
            page.list(&[], broken);
        }
        HostEvent::WorkerStarting { worker_id, process_id, executable, port } => {
            let process = format_args!("fileName:{executable}, pid:{process_id}, port:{port}, workerId:{worker_id}");
            page.host_line(LogLevel::Debug, format_args!("Starting worker process. {process}"));
        }
        HostEvent::WorkerReady { .. } => {
            page.line(Ink::News, format_args!("Worker process started and initialized."));
        }
        HostEvent::WorkerFailed { line, error, next, .. } => page.worker_failure(line, error.as_deref(), *next),
        HostEvent::Console { level, line, .. } => page.line(ink_of(*level), format_args!("{line}")),
        HostEvent::Executing { function, id, reason, details } => {
            page.line(Ink::News, format_args!("Executing 'Functions.{function}' (Reason='{reason}', Id={id})"));
            if let Some(details) = details {
                page.line(Ink::News, format_args!("{details}"));
            }
        }
        HostEvent::FunctionLog { line, .. } => page.line(Ink::Plain, format_args!("{line}")),
        HostEvent::Executed { function, id, duration, error } => {
            let milliseconds = duration.as_millis();
            let rest = format_args!("Id={id}, Duration={milliseconds}ms)");
            match error {
                None => page.line(Ink::News, format_args!("Executed 'Functions.{function}' (Succeeded, {rest}")),
                Some(error) => page.failure(function, rest, error),
            }
        }
        HostEvent::TimerOccurrences { function, schedule, occurrences } => {
            page.occurrences(function, schedule, occurrences);
        }
        HostEvent::Warning(warning) => page.host_line(LogLevel::Warning, format_args!("{warning}")),
        HostEvent::Log { text, .. } if text.starts_with(HOST_LOCK) => page.line(Ink::Plain, format_args!("{text}")),
        HostEvent::Log { level, text } => page.host_line(*level, format_args!("{text}")),
        // For an inspector; `func start` has no such lines.
        HostEvent::Triggered { .. }
        | HostEvent::Answered { .. }
        | HostEvent::Responded { .. }
        | HostEvent::TimerWaits { .. } => {}
    }
    page.text
}

/// The lines of one event.
struct Page {
    text: String,
    now: Timestamp,
    style: Style,
}

impl Page {
    /// A line with the time in front.
    fn line(&mut self, ink: Ink, line: std::fmt::Arguments<'_>) {
        let now = self.now;
        self.write(format_args!("[{now:.3}] "));
        let start = self.text.len();
        self.write(line);
        let end = start + self.text[start..].trim_end().len();
        self.text.truncate(end);
        if let Some(code) = self.style.code(ink).filter(|_| end > start) {
            self.text.insert_str(start, code);
            self.text.push_str(NO_INK);
        }
        self.text.push('\n');
    }

    /// A line of the host itself.
    fn host_line(&mut self, level: LogLevel, text: std::fmt::Arguments<'_>) {
        if level >= LogLevel::Warning || self.style.detail == Detail::Verbose {
            self.line(ink_of(level), text);
        }
    }

    /// HTTP functions, then the others, then the disabled ones, then those in error.
    fn list(&mut self, functions: &[ListedFunction], broken: &[(String, String)]) {
        let (disabled, enabled): (Vec<_>, Vec<_>) = functions.iter().partition(|function| function.disabled);
        if !enabled.is_empty() {
            let heading = self.style.paint(Ink::Heading, "Functions:");
            self.write(format_args!("\n{heading}\n\n"));
        }
        for function in &enabled {
            if let ListedTrigger::Http { methods, url } = &function.trigger {
                let methods: Vec<&str> = methods.iter().map(http::Method::as_str).collect();
                // Without methods the real tool still prints the space between.
                let methods = if methods.is_empty() { String::new() } else { format!("[{}]", methods.join(",")) };
                let address =
                    format!("{} {}", self.style.paint(Ink::Address, &methods), self.style.paint(Ink::Address, url));
                self.list_entry(&function.name, &address);
            }
        }
        for function in &enabled {
            if let ListedTrigger::Other(kind) = &function.trigger {
                self.list_entry(&function.name, kind);
            }
        }
        for function in &disabled {
            let line = self.style.paint(Ink::Warning, &format!("Function {} is disabled.", function.name));
            self.write(format_args!("{line}\n"));
        }
        for (name, message) in broken {
            self.line(Ink::Error, format_args!("The '{name}' function is in error: {message}"));
        }
    }

    fn list_entry(&mut self, name: &str, what: &str) {
        let name = self.style.paint(Ink::Name, &format!("{name}:"));
        self.write(format_args!("\t{name} {what}\n\n"));
    }

    fn worker_failure(&mut self, line: &str, error: Option<&str>, next: AfterExit) {
        self.line(Ink::Error, format_args!("{line}"));
        if let Some(error) = error {
            self.line(Ink::Error, format_args!("{error}"));
        }
        if next == AfterExit::Restart {
            self.host_line(LogLevel::Information, format_args!("Restarting the worker process."));
        }
    }

    fn failure(&mut self, function: &str, rest: std::fmt::Arguments<'_>, error: &str) {
        self.line(Ink::Error, format_args!("Executed 'Functions.{function}' (Failed, {rest}"));
        let exception = format_args!("Exception while executing function: Functions.{function}. {error}");
        self.line(Ink::Error, format_args!("System.Private.CoreLib: {exception}"));
    }

    fn occurrences(&mut self, function: &str, schedule: &str, occurrences: &[String]) {
        let count = occurrences.len();
        let heading = format!("The next {count} occurrences of the '{function}' schedule ({schedule}) will be:");
        let text = std::iter::once(heading).chain(occurrences.iter().cloned()).collect::<Vec<_>>().join("\n");
        self.host_line(LogLevel::Information, format_args!("{text}"));
    }

    fn write(&mut self, text: std::fmt::Arguments<'_>) {
        self.text.write_fmt(text).expect("a String takes all text");
    }
}

impl Style {
    fn paint(self, ink: Ink, text: &str) -> String {
        match self.code(ink).filter(|_| !text.is_empty()) {
            None => text.to_owned(),
            Some(code) => format!("{code}{text}{NO_INK}"),
        }
    }

    /// What switches an ink on; [`NO_INK`] switches it off.
    fn code(self, ink: Ink) -> Option<&'static str> {
        match ink {
            _ if self.colour == Colour::Never => None,
            Ink::Plain => None,
            Ink::Heading | Ink::Warning => Some("\u{1b}[33m"),
            Ink::Name => Some("\u{1b}[93m"),
            Ink::Address => Some("\u{1b}[32m"),
            Ink::News => Some("\u{1b}[36m"),
            Ink::Error => Some("\u{1b}[31m"),
        }
    }
}

fn ink_of(level: LogLevel) -> Ink {
    match level {
        LogLevel::Debug | LogLevel::Information => Ink::Plain,
        LogLevel::Warning => Ink::Warning,
        LogLevel::Error => Ink::Error,
    }
}

#[cfg(test)]
mod tests;
