//! The log of everything that is worth a line, of all parts together.
//!
//! Easily missed: not every event is. The steps of a call that went well are in its chain only, or a busy service would push out
//! everything else.

use std::collections::VecDeque;
use std::sync::Arc;

use functions_host::events::{AfterExit, HostEvent, LogLevel};
use jiff::Timestamp;
use serde::Serialize;
use signalr_emulator::{Event, UpstreamOutcome};
use tokio::sync::broadcast;

use crate::mask::masked;

/// How many lines are kept, and how many a reader of the stream may be behind.
pub(crate) const LINES: usize = 1000;

/// One line.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(crate) struct Line {
    /// Numbers the lines: 1, 2, 3...
    pub(crate) number: u64,
    pub(crate) at: Timestamp,
    /// `host`, `handler` or `service`.
    pub(crate) source: &'static str,
    /// `debug`, `information`, `warning` or `error`.
    pub(crate) level: &'static str,
    pub(crate) text: String,
    /// The chain that it belongs to.
    pub(crate) chain: Option<u64>,
}

/// The newest lines, and those who read along.
#[derive(Debug)]
pub(crate) struct Lines {
    kept: VecDeque<Arc<Line>>,
    made: u64,
    readers: broadcast::Sender<Arc<Line>>,
}

impl Default for Lines {
    fn default() -> Self {
        Self { kept: VecDeque::new(), made: 0, readers: broadcast::Sender::new(LINES) }
    }
}

impl Lines {
    /// Those after a number, and all that come from now on.
    pub(crate) fn read_on(&self, after: u64) -> (Vec<Arc<Line>>, broadcast::Receiver<Arc<Line>>) {
        (self.after(after).cloned().collect(), self.readers.subscribe())
    }

    /// The newest that contain a text, oldest first.
    pub(crate) fn list(&self, text: &str, limit: usize) -> Vec<Arc<Line>> {
        let text = text.trim().to_lowercase();
        let wanted =
            |line: &&Arc<Line>| text.is_empty() || line.text.to_lowercase().contains(&text) || line.source == text;
        let mut lines: Vec<_> = self.kept.iter().rev().filter(wanted).take(limit).cloned().collect();
        lines.reverse();
        lines
    }

    /// How many there have been.
    pub(crate) fn made(&self) -> u64 {
        self.made
    }

    pub(crate) fn hear_host(&mut self, event: &HostEvent, chain: Option<u64>, now: Timestamp) {
        if let Some((source, level, text)) = line_of_host(event) {
            self.add(now, source, level, &text, chain);
        }
    }

    pub(crate) fn hear_service(&mut self, event: &Event, chain: Option<u64>, at: Timestamp) {
        if let Some((level, text)) = line_of_service(event) {
            self.add(at, "service", level, &text, chain);
        }
    }

    fn after(&self, number: u64) -> impl Iterator<Item = &Arc<Line>> {
        self.kept.iter().filter(move |line| line.number > number)
    }

    fn add(&mut self, at: Timestamp, source: &'static str, level: &'static str, text: &str, chain: Option<u64>) {
        self.made += 1;
        let line = Arc::new(Line { number: self.made, at, source, level, text: masked(text), chain });
        if self.kept.len() == LINES {
            self.kept.pop_front();
        }
        self.kept.push_back(Arc::clone(&line));
        // Often nobody reads along.
        let _ = self.readers.send(line);
    }
}

const INFORMATION: &str = "information";
const WARNING: &str = "warning";
const ERROR: &str = "error";

fn name_of(level: LogLevel) -> &'static str {
    match level {
        LogLevel::Debug => "debug",
        LogLevel::Information => INFORMATION,
        LogLevel::Warning => WARNING,
        LogLevel::Error => ERROR,
    }
}

fn line_of_host(event: &HostEvent) -> Option<(&'static str, &'static str, String)> {
    Some(match event {
        HostEvent::Listening { address, functions, broken } => (
            "host",
            INFORMATION,
            format!("listens on {address} with {} functions, {} in error", functions.len(), broken.len()),
        ),
        HostEvent::Reloaded { functions, broken } => (
            "host",
            INFORMATION,
            format!("was loaded anew with {} functions, {} in error", functions.len(), broken.len()),
        ),
        HostEvent::WorkerStarting { process_id, executable, port, .. } => {
            ("handler", INFORMATION, format!("started `{executable}` as process {process_id} for port {port}"))
        }
        HostEvent::WorkerReady { after, .. } => {
            ("handler", INFORMATION, format!("ready after {} ms", after.as_millis()))
        }
        HostEvent::WorkerFailed { line, error, next, .. } => {
            let next = match next {
                AfterExit::Restart => "it is restarted",
                AfterExit::StayDown => "it is not restarted",
                AfterExit::StopHost => "the host shuts down",
            };
            ("handler", ERROR, format!("{line} {}; {next}", error.as_deref().unwrap_or_default()))
        }
        HostEvent::Console { level, line, .. } => ("handler", name_of(*level), line.clone()),
        HostEvent::Executing { function, reason, .. } => {
            ("host", INFORMATION, format!("executing {function}: {reason}"))
        }
        HostEvent::FunctionLog { function, line, .. } => ("handler", INFORMATION, format!("{function}: {line}")),
        HostEvent::Executed { function, duration, error: None, .. } => {
            ("host", INFORMATION, format!("executed {function} in {} ms", duration.as_millis()))
        }
        HostEvent::Executed { function, error: Some(error), .. } => {
            ("host", ERROR, format!("{function} failed: {error}"))
        }
        HostEvent::Warning(warning) => ("host", WARNING, warning.to_string()),
        HostEvent::Log { level, text } => ("host", name_of(*level), text.clone()),
        _ => return None,
    })
}

fn line_of_service(event: &Event) -> Option<(&'static str, String)> {
    Some(match event {
        Event::Connected { hub, connection_id, user_id, transport, protocol } => {
            let user = user_id.as_ref().map_or_else(|| "anonymous".to_owned(), |user| format!("user `{user}`"));
            (INFORMATION, format!("connection `{connection_id}` of {user} to hub `{hub}` by {transport}, {protocol}"))
        }
        Event::Disconnected { hub, connection_id, reason, .. } => {
            (INFORMATION, format!("connection `{connection_id}` left hub `{hub}`: {reason}"))
        }
        Event::DroppedSlowConsumer { connection_id, .. } => {
            (WARNING, format!("connection `{connection_id}` did not read fast enough and is closed"))
        }
        Event::Received { connection_id, kind, target: Some(target), bytes, .. } => {
            (INFORMATION, format!("connection `{connection_id}` sent {kind} `{target}`, {bytes} bytes"))
        }
        Event::JoinedGroup { hub, group, member, .. } => {
            (INFORMATION, format!("{member} joined group `{group}` of hub `{hub}`"))
        }
        Event::LeftGroup { hub, group: Some(group), member, .. } => {
            (INFORMATION, format!("{member} left group `{group}` of hub `{hub}`"))
        }
        Event::LeftGroup { hub, group: None, member, .. } => {
            (INFORMATION, format!("{member} left all groups of hub `{hub}`"))
        }
        Event::Sent { hub, target, to, queued, dropped, .. } => {
            let level = if *queued == 0 || *dropped > 0 { WARNING } else { INFORMATION };
            (level, format!("`{target}` to {to} of hub `{hub}`: {queued} have it, {dropped} dropped"))
        }
        Event::Closed { hub, to, connections, .. } => {
            (INFORMATION, format!("closed {connections} connections of {to} in hub `{hub}`"))
        }
        Event::Refused { surface, status, reason, .. } => {
            (WARNING, format!("refused a {surface} request with {}: {reason}", status.as_u16()))
        }
        Event::Unheard { target, cause, .. } => {
            (WARNING, format!("a client called `{target}` and nobody listens; {cause}"))
        }
        Event::UpstreamCalled { category, event, connection_id, .. } => {
            (INFORMATION, format!("tells the function app of {category} `{event}` by `{connection_id}`"))
        }
        Event::UpstreamAnswered { event, outcome: UpstreamOutcome::Failed(error), .. } => {
            (ERROR, format!("the function app did not answer to `{event}`: {error}"))
        }
        Event::UpstreamAnswered { event, outcome: UpstreamOutcome::Status(status), .. } if !status.is_success() => {
            (WARNING, format!("the function app answered {} to `{event}`", status.as_u16()))
        }
        _ => return None,
    })
}
