//! The chains that are kept, and which of them an event belongs to: by the id of the invocation, of the call or of the upstream call.
//! What events add to them is in `host` and `service`.
//!
//! Easily missed: the newest 2,000 chains are kept, and at most 16 MiB of them. Whatever refers to an older one is let go with it.

mod effects;
mod host;
mod origins;
mod service;

use std::collections::{HashMap, VecDeque};
use std::time::Duration;

use jiff::Timestamp;
use signalr_emulator::RestCall;
use uuid::Uuid;

use super::chain::{Call, Chain, Effect, Invocation, Origin, Summary};
use super::verdict::Level;

/// How many chains are kept.
pub(crate) const CHAINS: usize = 2000;
/// How many bytes of chains are kept, about.
pub(crate) const BYTES: usize = 16 * 1024 * 1024;
/// How far back the other half of a client's call is looked for.
const RECENT: usize = 256;
/// What the ids of the inspector's own calls begin with.
pub(crate) const OWN_CALLS: &str = "inspector-";

/// The newest chains.
#[derive(Debug, Default)]
pub(crate) struct Chains {
    kept: VecDeque<Chain>,
    /// How many have been made.
    made: u64,
    weight: usize,
    by_invocation: HashMap<Uuid, u64>,
    /// Calls that are not answered yet.
    by_call: HashMap<u64, u64>,
    /// Calls to the host that are not answered yet.
    by_upstream: HashMap<u64, u64>,
    /// Counts changes.
    pub(crate) revision: u64,
}

/// Which chains are wanted.
#[derive(Debug, Clone, Default)]
pub(crate) struct Wanted {
    /// What they mention; empty for all.
    pub(crate) text: String,
    /// Only those that went wrong in some way.
    pub(crate) only_trouble: bool,
    /// Only older ones than this.
    pub(crate) before: Option<u64>,
    /// How many.
    pub(crate) limit: usize,
}

impl Chains {
    /// The newest that are wanted, newest first.
    pub(crate) fn list(&self, wanted: &Wanted) -> Vec<Summary> {
        let text = wanted.text.trim().to_lowercase();
        let chains = self.kept.iter().rev().filter(|chain| wanted.before.is_none_or(|before| chain.id < before));
        let mentioned = chains.filter(|chain| text.is_empty() || chain.mentions(&text));
        let summaries = mentioned.map(Chain::summary);
        let is_trouble = |summary: &Summary| matches!(summary.verdict.level, Level::Warning | Level::Problem);
        summaries.filter(|summary| !wanted.only_trouble || is_trouble(summary)).take(wanted.limit).collect()
    }

    /// The chain with this number, if it is still kept.
    pub(crate) fn get(&self, id: u64) -> Option<&Chain> {
        self.kept.get(self.place(id)?)
    }

    /// The chain of one of the inspector's own calls.
    pub(crate) fn of_own_call(&self, correlation: &str) -> Option<&Chain> {
        let is_it =
            |chain: &&Chain| matches!(&chain.origin, Origin::Inspector { correlation: own } if own == correlation);
        self.kept.iter().rev().take(RECENT).find(is_it)
    }

    /// The newest chain that began with this request, not before `since`.
    pub(crate) fn of_request(&self, method: &str, target: &str, since: Timestamp) -> Option<&Chain> {
        let is_it = |chain: &&Chain| match &chain.origin {
            Origin::Http { method: its, target: wanted, .. } => its == method && wanted == target && chain.at >= since,
            _ => false,
        };
        self.kept.iter().rev().take(RECENT).find(is_it)
    }

    /// How many are kept.
    pub(crate) fn len(&self) -> usize {
        self.kept.len()
    }

    /// How many there have been.
    pub(crate) fn made(&self) -> u64 {
        self.made
    }

    /// How many invocations, calls and upstream calls lead to a chain.
    #[cfg(test)]
    pub(super) fn indexed(&self) -> (usize, usize, usize) {
        (self.by_invocation.len(), self.by_call.len(), self.by_upstream.len())
    }

    fn add_effect(&mut self, call: &RestCall, effect: Effect) -> Option<u64> {
        self.of_call(call, |call| call.effects.push(effect))
    }

    fn of_invocation(&mut self, id: Uuid, change: impl FnOnce(&mut Invocation)) -> Option<u64> {
        let chain = self.by_invocation.get(&id).copied()?;
        self.change(chain, |chain| chain.invocation.as_mut().map(change));
        Some(chain)
    }

    fn of_call(&mut self, call: &RestCall, change: impl FnOnce(&mut Call)) -> Option<u64> {
        let chain = self.by_call.get(&call.id).copied()?;
        // The newest calls are last, and a chain may have many.
        self.change(chain, |chain| chain.calls.iter_mut().rev().find(|known| known.id == call.id).map(change));
        Some(chain)
    }

    fn of_call_at_last(&mut self, call: &RestCall, change: impl FnOnce(&mut Call)) -> Option<u64> {
        let chain = self.of_call(call, change);
        self.by_call.remove(&call.id);
        chain
    }

    fn recent(&self) -> impl Iterator<Item = &Chain> {
        self.kept.iter().skip(self.kept.len().saturating_sub(RECENT))
    }

    fn add(&mut self, at: Timestamp, origin: Origin) -> u64 {
        self.made += 1;
        let chain = Chain::new(self.made, at, origin);
        self.weight += chain.weight();
        self.kept.push_back(chain);
        self.revision += 1;
        while self.kept.len() > CHAINS || (self.weight > BYTES && self.kept.len() > 1) {
            self.forget_oldest();
        }
        self.made
    }

    fn forget_oldest(&mut self) {
        let Some(chain) = self.kept.pop_front() else { return };
        self.weight = self.weight.saturating_sub(chain.weight());
        if let Some(run) = &chain.invocation {
            self.by_invocation.remove(&run.id);
        }
        if let Origin::Caller { correlation: Some(correlation) } = &chain.origin
            && let Ok(id) = Uuid::try_parse(correlation)
        {
            self.by_invocation.remove(&id);
        }
        if let Origin::Client { upstream: Some(upstream), .. } = &chain.origin {
            self.by_upstream.remove(&upstream.id);
        }
        for call in &chain.calls {
            self.by_call.remove(&call.id);
        }
    }

    fn change<T>(&mut self, id: u64, change: impl FnOnce(&mut Chain) -> T) {
        let Some(chain) = self.place(id).and_then(|place| self.kept.get_mut(place)) else { return };
        let before = chain.weight();
        change(chain);
        self.weight = (self.weight + chain.weight()).saturating_sub(before);
        self.revision += 1;
    }

    fn place(&self, id: u64) -> Option<usize> {
        let first = self.kept.front()?.id;
        usize::try_from(id.checked_sub(first)?).ok()
    }
}

fn milliseconds(duration: Duration) -> f64 {
    (duration.as_secs_f64() * 1e6).round() / 1e3
}
