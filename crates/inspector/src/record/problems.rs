//! What somebody should look at: warnings with their cure, refused requests with the claims of their tokens, calls that nobody hears.
//!
//! Easily missed: the host tells a warning once and counts the others to itself, so the count here is of times told.

use std::collections::{BTreeMap, VecDeque};

use functions_host::events::HostEvent;
use jiff::Timestamp;
use serde::Serialize;
use serde_json::{Map, Value};
use signalr_emulator::{Event, Surface};

use crate::catalogue::{self, Entry};
use crate::mask::masked;

/// How many refusals, unheard calls and kinds of warnings are kept of each.
const KEPT: usize = 100;

/// What somebody should look at.
#[derive(Debug, Default)]
pub(crate) struct Problems {
    warnings: BTreeMap<(&'static str, String), Warning>,
    refusals: VecDeque<Refusal>,
    unheard: VecDeque<Unheard>,
    /// Counts changes.
    pub(crate) revision: u64,
}

/// All of them, for the page.
#[derive(Debug, Serialize)]
pub(crate) struct Listed<'a> {
    warnings: Vec<&'a Warning>,
    /// The newest first.
    refusals: Vec<&'a Refusal>,
    unheard: Vec<&'a Unheard>,
}

/// A warning of the host.
#[derive(Debug, Serialize)]
pub(crate) struct Warning {
    /// The function or file that it is about.
    about: Option<String>,
    text: String,
    /// When it was told last.
    at: Timestamp,
    count: u64,
    #[serde(flatten)]
    entry: Option<Entry>,
}

/// A request that the service has refused.
#[derive(Debug, Serialize)]
pub(crate) struct Refusal {
    at: Timestamp,
    /// `client` or `REST`.
    surface: String,
    status: u16,
    reason: String,
    /// What its token said, believed or not.
    claims: Option<Map<String, Value>>,
}

/// A call of a client that nobody hears.
#[derive(Debug, Serialize)]
pub(crate) struct Unheard {
    at: Timestamp,
    hub: String,
    target: String,
    cure: String,
}

impl Problems {
    pub(crate) fn list(&self) -> Listed<'_> {
        Listed {
            warnings: self.warnings.values().collect(),
            refusals: self.refusals.iter().rev().collect(),
            unheard: self.unheard.iter().rev().collect(),
        }
    }

    /// How many there are.
    pub(crate) fn count(&self) -> usize {
        self.warnings.len() + self.refusals.len() + self.unheard.len()
    }

    pub(crate) fn hear_host(&mut self, event: &HostEvent, now: Timestamp) {
        let HostEvent::Warning(warning) = event else { return };
        let (code, about) = (warning.code.id(), warning.about.clone());
        let key = (code, about.clone().unwrap_or_default());
        if self.warnings.len() == KEPT && !self.warnings.contains_key(&key) {
            return;
        }
        self.revision += 1;
        let entry = catalogue::entry(code);
        let text = masked(&warning.text);
        let known = self.warnings.entry(key).or_insert_with(|| Warning { about, text, at: now, count: 0, entry });
        (known.at, known.count) = (now, known.count + 1);
    }

    pub(crate) fn hear_service(&mut self, event: &Event, at: Timestamp) {
        match event {
            Event::Refused { surface, status, reason, claims, .. } => {
                let surface = match surface {
                    Surface::Client => "client",
                    Surface::DataPlane => "REST",
                };
                let (surface, reason) = (surface.to_owned(), masked(reason));
                let refusal = Refusal { at, surface, status: status.as_u16(), reason, claims: claims.clone() };
                keep(&mut self.refusals, refusal);
            }
            Event::Unheard { hub, target, cause } => {
                let unheard = Unheard { at, hub: hub.clone(), target: target.clone(), cure: cause.to_string() };
                keep(&mut self.unheard, unheard);
            }
            _ => return,
        }
        self.revision += 1;
    }
}

fn keep<T>(list: &mut VecDeque<T>, item: T) {
    if list.len() == KEPT {
        list.pop_front();
    }
    list.push_back(item);
}
