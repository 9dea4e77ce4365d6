//! What is known of the stack: a value that events change and that the page shows.
//!
//! Easily missed: the host and the service report independently, so that the call of an output may be told before the invocation it
//! belongs to. Nothing here depends on their order.

mod chain;
mod chains;
mod lines;
mod parts;
mod problems;
mod rates;
mod surroundings;
mod text;
mod verdict;

use functions_host::events::HostEvent;
use jiff::Timestamp;
use serde::Serialize;
use signalr_emulator::{Event, Happened};

pub(crate) use chains::{Chains, OWN_CALLS, Wanted};
pub(crate) use lines::{Line, Lines};
pub(crate) use parts::Parts;
pub(crate) use problems::Problems;
pub(crate) use rates::Rates;
pub(crate) use surroundings::Surroundings;

/// Everything that is known.
#[derive(Debug, Default)]
pub(crate) struct Record {
    pub(crate) chains: Chains,
    pub(crate) lines: Lines,
    pub(crate) parts: Parts,
    pub(crate) problems: Problems,
    pub(crate) rates: Rates,
    pub(crate) lost: Lost,
    /// Counts changes.
    pub(crate) revision: u64,
    /// Counts changes of connections and groups.
    pub(crate) connections_revision: u64,
}

/// What happened and was not recorded, because too much happened at once.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub(crate) struct Lost {
    /// Events of the host.
    pub(crate) host: u64,
    /// Events of the service.
    pub(crate) service: u64,
}

impl Record {
    /// Takes an event of the host.
    pub(crate) fn hear_host(&mut self, event: &HostEvent, now: Timestamp) {
        self.revision += 1;
        self.parts.hear_host(event, now);
        self.problems.hear_host(event, now);
        self.rates.hear_host(event, now);
        let chain = self.chains.hear_host(event, now);
        self.lines.hear_host(event, chain, now);
    }

    /// Takes an event of the service. `surroundings` tells what is there beside the one to whom a message was sent in vain.
    pub(crate) fn hear_service(&mut self, happened: &Happened, surroundings: impl FnOnce(&Event) -> Surroundings) {
        self.revision += 1;
        let (event, at) = (&happened.event, Timestamp::try_from(happened.at).unwrap_or_default());
        if matches!(
            event,
            Event::Connected { .. } | Event::Disconnected { .. } | Event::JoinedGroup { .. } | Event::LeftGroup { .. }
        ) {
            self.connections_revision += 1;
        }
        self.problems.hear_service(event, at);
        self.rates.hear_service(event, at);
        let chain = self.chains.hear_service(event, surroundings, at);
        self.lines.hear_service(event, chain, at);
    }
}

#[cfg(test)]
mod tests;
