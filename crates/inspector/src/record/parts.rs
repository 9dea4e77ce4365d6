//! The parts of the stack and how they are: the host, the handler, the timers.
//!
//! Easily missed: a host that is loaded anew announces itself again, and only its last word counts.

use std::collections::BTreeMap;
use std::net::SocketAddr;

use functions_host::events::{AfterExit, HostEvent, ListedFunction, ListedTrigger};
use jiff::Timestamp;
use serde::Serialize;
use uuid::Uuid;

use crate::mask::masked;

/// The host with its functions and its handler.
#[derive(Debug, Clone, Default)]
pub(crate) struct Parts {
    pub(crate) host: Option<Host>,
    pub(crate) handler: Handler,
    timers: BTreeMap<String, Timer>,
}

/// The host, once it listens.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Host {
    pub(crate) address: SocketAddr,
    pub(crate) functions: Vec<Function>,
    /// Functions in error.
    pub(crate) broken: Vec<Broken>,
}

/// One function.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Function {
    pub(crate) name: String,
    /// `httpTrigger`, `timerTrigger`...
    pub(crate) trigger: String,
    /// Of an HTTP function; none means all.
    pub(crate) methods: Vec<String>,
    pub(crate) url: Option<String>,
    pub(crate) disabled: bool,
}

/// A function in error.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Broken {
    pub(crate) name: String,
    pub(crate) error: String,
}

/// The handler's process.
#[derive(Debug, Clone, Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Handler {
    pub(crate) state: HandlerState,
    pub(crate) process_id: Option<u32>,
    pub(crate) executable: Option<String>,
    pub(crate) since: Option<Timestamp>,
    /// How many processes there have been.
    pub(crate) starts: u32,
    /// What the last one died of.
    pub(crate) failure: Option<String>,
    #[serde(skip)]
    worker_id: Option<Uuid>,
    /// The one that serves while this one starts, when an app is loaded anew.
    #[serde(skip)]
    serving: Option<Box<Handler>>,
}

/// How the handler is.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) enum HandlerState {
    /// The host has started none: there are no functions, or it is somebody else's process.
    #[default]
    NotStarted,
    /// It was started and has not answered yet.
    Starting,
    /// It answers.
    Ready,
    /// It ended and is not started again.
    Down,
}

/// A timer.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Timer {
    pub(crate) function: String,
    /// As the host's log shows it, for example `Cron: '0 * * * * *'`.
    pub(crate) schedule: String,
    pub(crate) next: Option<Timestamp>,
    pub(crate) last: Option<Run>,
    /// Whether it runs now.
    pub(crate) running: bool,
}

/// One run of a timer.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(crate) struct Run {
    pub(crate) at: Timestamp,
    pub(crate) error: Option<String>,
}

impl Handler {
    fn starts(&mut self, worker_id: Uuid, process_id: u32, executable: &str, now: Timestamp) {
        let before = std::mem::take(self);
        *self = Self {
            state: HandlerState::Starting,
            process_id: Some(process_id),
            executable: Some(executable.to_owned()),
            since: Some(now),
            starts: before.starts + 1,
            failure: before.failure.clone(),
            worker_id: Some(worker_id),
            serving: Some(Box::new(before)).filter(|before| before.state == HandlerState::Ready),
        };
    }

    fn is_ready(&mut self, worker_id: Uuid, now: Timestamp) {
        if self.worker_id == Some(worker_id) {
            (self.state, self.since, self.serving) = (HandlerState::Ready, Some(now), None);
        }
    }

    /// One that does not get ready leaves the one that serves in its place.
    fn failed(&mut self, worker_id: Uuid, failure: String, next: AfterExit, now: Timestamp) {
        if self.worker_id != Some(worker_id) {
            return self.serving = self.serving.take().filter(|serving| serving.worker_id != Some(worker_id));
        }
        match self.serving.take() {
            Some(serving) => *self = Self { starts: self.starts, ..*serving },
            None => {
                let restarts = next == AfterExit::Restart;
                self.state = if restarts { HandlerState::Starting } else { HandlerState::Down };
                self.since = Some(now);
            }
        }
        self.failure = Some(failure);
    }
}

impl Parts {
    /// Every timer, by name.
    pub(crate) fn timers(&self) -> Vec<&Timer> {
        self.timers.values().collect()
    }

    /// Whether there is a timer of that name.
    pub(crate) fn has_timer(&self, function: &str) -> bool {
        self.timers.contains_key(function)
    }

    pub(crate) fn hear_host(&mut self, event: &HostEvent, now: Timestamp) {
        match event {
            HostEvent::Listening { address, functions, broken } => self.listens(*address, functions, broken),
            HostEvent::Reloaded { functions, broken } => {
                if let Some(address) = self.host.as_ref().map(|host| host.address) {
                    self.listens(address, functions, broken);
                }
            }
            HostEvent::WorkerStarting { worker_id, process_id, executable, .. } => {
                self.handler.starts(*worker_id, *process_id, executable, now);
            }
            HostEvent::WorkerReady { worker_id, .. } => self.handler.is_ready(*worker_id, now),
            HostEvent::WorkerFailed { worker_id, line, error, next, .. } => {
                let failure = masked(format!("{line} {}", error.as_deref().unwrap_or_default()).trim());
                self.handler.failed(*worker_id, failure, *next, now);
            }
            HostEvent::TimerOccurrences { function, schedule, .. } => {
                self.timer(function).schedule.clone_from(schedule);
            }
            HostEvent::TimerWaits { function, next } => self.timer(function).next = Some(*next),
            HostEvent::Executing { function, .. } => self.note_run(function, |timer| timer.running = true),
            HostEvent::Executed { function, error, .. } => self.note_run(function, |timer| {
                (timer.running, timer.last) = (false, Some(Run { at: now, error: error.as_deref().map(masked) }));
            }),
            _ => {}
        }
    }

    fn listens(&mut self, address: SocketAddr, functions: &[ListedFunction], broken: &[(String, String)]) {
        let broken = broken.iter().map(|(name, error)| Broken { name: name.clone(), error: error.clone() }).collect();
        self.host = Some(Host { address, functions: functions.iter().map(Into::into).collect(), broken });
        let is_timer =
            |name: &str| functions.iter().any(|function| function.name == name && is_enabled_timer(function));
        self.timers.retain(|name, _| is_timer(name));
        for function in functions.iter().filter(|function| is_enabled_timer(function)) {
            self.timer(&function.name);
        }
    }

    fn timer(&mut self, function: &str) -> &mut Timer {
        let new = || Timer { function: function.to_owned(), ..Timer::default() };
        self.timers.entry(function.to_owned()).or_insert_with(new)
    }

    fn note_run(&mut self, function: &str, note: impl FnOnce(&mut Timer)) {
        if let Some(timer) = self.timers.get_mut(function) {
            note(timer);
        }
    }
}

fn is_enabled_timer(function: &ListedFunction) -> bool {
    !function.disabled && matches!(&function.trigger, ListedTrigger::Other(kind) if kind == "timerTrigger")
}

impl From<&ListedFunction> for Function {
    fn from(function: &ListedFunction) -> Self {
        let (trigger, methods, url) = match &function.trigger {
            ListedTrigger::Http { methods, url } => {
                ("httpTrigger", methods.iter().map(ToString::to_string).collect(), Some(url.clone()))
            }
            ListedTrigger::Other(kind) => (kind.as_str(), Vec::new(), None),
        };
        Self { name: function.name.clone(), trigger: trigger.to_owned(), methods, url, disabled: function.disabled }
    }
}
