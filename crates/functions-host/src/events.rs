//! What the host reports about itself while it runs: one [`HostEvent`] per thing that the console prints or an inspector shows.
//!
//! Easily missed: events are not logs. An observer is called on the task that caused the event, so it must return at once
//! (print, or put the event into its own bounded queue). `tracing` output exists beside them and may differ.

mod json;
mod story;

use std::collections::BTreeMap;
use std::fmt;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use http::{Method, StatusCode};
use jiff::Timestamp;
use uuid::Uuid;

use crate::warnings::{Warning, WarningCode};
pub(crate) use story::without_secrets;
pub use story::{Cause, Excerpt, GivenOutput};

/// Receives every [`HostEvent`] of one host; cheap to clone.
#[derive(Clone)]
pub struct Observer {
    watch: Arc<dyn Fn(&HostEvent) + Send + Sync>,
    repeated: Arc<Repeated>,
}

/// How often each warning came, by kind and subject. There are as many entries as functions and kinds, not as calls.
type Repeated = Mutex<BTreeMap<(WarningCode, Option<String>), u64>>;

impl Observer {
    /// An observer that calls `watch` for each event, on the task that caused it; `watch` must not block.
    pub fn new(watch: impl Fn(&HostEvent) + Send + Sync + 'static) -> Self {
        Self { watch: Arc::new(watch), repeated: Arc::default() }
    }

    /// An observer that drops every event.
    pub fn silent() -> Self {
        Self::new(|_| {})
    }

    /// Hands one event to the observer.
    pub fn tell(&self, event: &HostEvent) {
        (self.watch)(event);
    }

    /// Tells one line of the host's own, which is not tied to an invocation.
    pub fn log(&self, level: LogLevel, text: impl Into<String>) {
        self.tell(&HostEvent::Log { level, text: text.into() });
    }

    /// Tells a warning that may come with every call: only the first of its kind and subject, and counts the others.
    pub(crate) fn warn(&self, warning: Warning) {
        let key = (warning.code, warning.about.clone());
        let count = {
            let mut repeated = self.repeated.lock().unwrap_or_else(PoisonError::into_inner);
            let count = repeated.entry(key).or_default();
            *count += 1;
            *count
        };
        if count == 1 {
            self.tell(&HostEvent::Warning(warning));
        }
    }

    /// The same observer, to which every warning is new. Each host has one of its own.
    pub(crate) fn that_counts_anew(&self) -> Observer {
        Observer { watch: Arc::clone(&self.watch), repeated: Arc::default() }
    }

    /// Tells how often warnings came that were told only once, and forgets it.
    pub(crate) fn tell_repeated(&self) {
        let repeated = std::mem::take(&mut *self.repeated.lock().unwrap_or_else(PoisonError::into_inner));
        for ((code, about), count) in repeated.into_iter().filter(|(_, count)| *count > 1) {
            let times = if count == 2 { "once more".to_owned() } else { format!("{} more times", count - 1) };
            self.tell(&HostEvent::Warning(Warning { code, about, text: format!("the same {times}") }));
        }
    }
}

impl fmt::Debug for Observer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Observer")
    }
}

/// How loud a line is; the names are those of the real host's logs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum LogLevel {
    /// Shown only on request.
    Debug,
    /// Ordinary news.
    Information,
    /// Works, but would surprise, or would behave differently in Azure.
    Warning,
    /// Something failed.
    Error,
}

/// Where a line of the handler came from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stream {
    /// Its standard output.
    Stdout,
    /// Its standard error.
    Stderr,
}

/// One function as the list at the start shows it (functions-host 8.4).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ListedFunction {
    /// The folder name.
    pub name: String,
    /// What starts it.
    pub trigger: ListedTrigger,
    /// Whether function.json or a setting switches it off.
    pub disabled: bool,
}

/// The trigger part of a [`ListedFunction`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ListedTrigger {
    /// An address under the host; no methods means all of them.
    Http {
        /// The declared methods in their declared order.
        methods: Vec<Method>,
        /// Scheme, authority, route prefix and route template.
        url: String,
    },
    /// Anything else, by the name of its binding type, e.g. `timerTrigger`.
    Other(String),
}

/// What follows from the end of the handler process (functions-host 1.6).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AfterExit {
    /// A new process is started at once, on the same port.
    Restart,
    /// Nothing: exit code 0 leaves the host without a handler.
    StayDown,
    /// Third failure: the host shuts down.
    StopHost,
}

/// One thing that happened in the host. Variants may be added.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub enum HostEvent {
    /// The listener is open; sent once, before the handler is ready.
    Listening {
        /// Where the host listens.
        address: SocketAddr,
        /// The functions that loaded, in load order (the console puts HTTP first).
        functions: Vec<ListedFunction>,
        /// Functions in error: name and the host's message.
        broken: Vec<(String, String)>,
    },
    /// A changed app has taken the place of the one that ran; calls go to its handler from now on.
    Reloaded {
        /// As in `Listening`.
        functions: Vec<ListedFunction>,
        /// As in `Listening`.
        broken: Vec<(String, String)>,
    },
    /// A handler process was started and is being probed.
    WorkerStarting {
        /// New for every process.
        worker_id: Uuid,
        /// The number by which the operating system knows it.
        process_id: u32,
        /// The resolved program.
        executable: String,
        /// The port that the handler must listen on.
        port: u16,
    },
    /// The handler answered its first probe: `Worker process started and initialized.`
    WorkerReady {
        /// As in `WorkerStarting`.
        worker_id: Uuid,
        /// From the start of the process to its first answer.
        after: Duration,
    },
    /// The handler did not start, did not become ready, or ended.
    WorkerFailed {
        /// As in `WorkerStarting`.
        worker_id: Uuid,
        /// The real host's log line, e.g. `Language Worker Process exited. Pid=12.`
        line: String,
        /// The real host's exception text, e.g. `handler exited with code 101 (0x65)`, and its cause.
        error: Option<String>,
        /// What the host does about it.
        next: AfterExit,
    },
    /// One line that the handler wrote, at the level of functions-host 1.7.
    Console {
        /// By the rules for stdout and stderr.
        level: LogLevel,
        /// Which of the two.
        stream: Stream,
        /// Without its line break; long lines come cut.
        line: String,
    },
    /// What an invocation comes from; `Executing` follows.
    Triggered {
        /// The function's name.
        function: String,
        /// The invocation id.
        id: Uuid,
        /// What started it.
        cause: Cause,
    },
    /// An invocation begins: `Executing 'Functions.x' (Reason='…', Id=…)`.
    Executing {
        /// The function's name.
        function: String,
        /// The invocation id, as in `X-Azure-Functions-InvocationId`.
        id: Uuid,
        /// Why, in the host's words.
        reason: String,
        /// Further lines, such as `Trigger Details: …` of a late timer.
        details: Option<String>,
    },
    /// One entry of `Logs` in the handler's answer.
    FunctionLog {
        /// The function's name.
        function: String,
        /// The invocation it belongs to.
        id: Uuid,
        /// The text.
        line: String,
    },
    /// The handler's answer was understood; its outputs are sent next.
    Answered {
        /// The function's name.
        function: String,
        /// The invocation it belongs to.
        id: Uuid,
        /// All output bindings but the HTTP response, in the order of function.json.
        outputs: Vec<GivenOutput>,
    },
    /// An invocation ended: `Executed 'Functions.x' (Succeeded|Failed, Id=…, Duration=…ms)`.
    Executed {
        /// The function's name.
        function: String,
        /// The invocation id.
        id: Uuid,
        /// From `Executing` to the last output sent.
        duration: Duration,
        /// The real host's error text; absent on success.
        error: Option<String>,
    },
    /// An HTTP caller got its response, after `Executed`.
    Responded {
        /// The function's name.
        function: String,
        /// The invocation id.
        id: Uuid,
        /// The status.
        status: StatusCode,
        /// The body.
        body: Excerpt,
    },
    /// The coming runs of a timer (functions-host 6.4).
    TimerOccurrences {
        /// The function's name.
        function: String,
        /// The schedule as the log shows it, e.g. `Cron: '0 * * * * *'`.
        schedule: String,
        /// One line per occurrence, formatted.
        occurrences: Vec<String>,
    },
    /// A timer has nothing to do until its next run.
    TimerWaits {
        /// The function's name.
        function: String,
        /// When it runs next.
        next: Timestamp,
    },
    /// Something that would surprise. What may come with every call is told once per kind and function, and counted at the end.
    Warning(Warning),
    /// A line of the host's own.
    Log {
        /// Its level.
        level: LogLevel,
        /// Its text.
        text: String,
    },
}

impl HostEvent {
    /// Whether it is a line of this text that a function has logged.
    #[must_use]
    pub fn is_log(&self, text: &str) -> bool {
        matches!(self, Self::FunctionLog { line, .. } if line == text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_warning_is_told_once_per_function_and_counted() {
        let told = Arc::new(Mutex::new(Vec::new()));
        let record = Arc::clone(&told);
        let observer = Observer::new(move |event| {
            if let HostEvent::Warning(warning) = event {
                record.lock().unwrap().push(warning.to_string());
            }
        });
        let warn = |observer: &Observer, function: &str, text: &str| {
            observer.warn(Warning::new(WarningCode::StatusIgnored, text).about(function));
        };
        for text in ["first", "second", "third"] {
            warn(&observer, "a", text);
        }
        warn(&observer, "b", "other");
        warn(&observer.that_counts_anew(), "b", "anew");
        observer.tell_repeated();
        observer.tell_repeated();
        let expected = ["FH1005 a: first", "FH1005 b: other", "FH1005 b: anew", "FH1005 a: the same 2 more times"];
        assert_eq!(*told.lock().unwrap(), expected);
    }
}
