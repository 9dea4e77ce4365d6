//! Builds chains out of events: finds the chain that an event belongs to, by the id of the invocation, of the call or of the upstream
//! call, and adds to it.
//!
//! Easily missed: the newest 2,000 chains are kept, and at most 16 MiB of them. Whatever refers to an older one is let go with it.

use std::collections::{HashMap, VecDeque};
use std::time::Duration;

use functions_host::events::{Cause, HostEvent};
use jiff::Timestamp;
use signalr_emulator::{Event, RestCall};
use uuid::Uuid;

use super::chain::{
    CALLS, Call, Chain, Drop, Effect, Ended, Invocation, LOGS, NAMED_DROPS, NAMED_RECEIVERS, Origin, Response, Summary,
    Upstream,
};
use super::surroundings::Surroundings;
use super::text::Text;
use super::verdict::Level;
use crate::mask::masked;

/// How many chains are kept.
pub(crate) const CHAINS: usize = 2000;
/// How many bytes of chains are kept, about.
pub(crate) const BYTES: usize = 16 * 1024 * 1024;
/// How far back the other half of a client's call is looked for.
const RECENT: usize = 256;
/// What the inspector's own calls begin with.
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

    /// Takes an event of the host; gives the chain to which it belongs.
    pub(crate) fn hear_host(&mut self, event: &HostEvent, now: Timestamp) -> Option<u64> {
        match event {
            HostEvent::Triggered { function, id, cause } => Some(self.triggered(*id, function, cause, now)),
            HostEvent::Executing { id, .. } => self.by_invocation.get(id).copied(),
            HostEvent::FunctionLog { id, line, .. } => self.of_invocation(*id, |run| {
                if run.logs.len() < LOGS {
                    run.logs.push(masked(line));
                }
            }),
            HostEvent::Answered { id, outputs, .. } => {
                self.of_invocation(*id, |run| run.outputs = Some(outputs.iter().map(Into::into).collect()))
            }
            HostEvent::Executed { id, duration, error, .. } => self.of_invocation(*id, |run| {
                let error = error.as_ref().map(|error| masked(error));
                run.ended = Some(Ended { duration_ms: milliseconds(*duration), error });
            }),
            HostEvent::Responded { id, status, body, .. } => {
                let chain = self.by_invocation.get(id).copied()?;
                self.change(chain, |chain| {
                    if let Origin::Http { response, .. } = &mut chain.origin {
                        *response = Some(Response { status: status.as_u16(), body: Text(body.clone()) });
                    }
                });
                Some(chain)
            }
            _ => None,
        }
    }

    /// Takes an event of the service; gives the chain to which it belongs.
    pub(crate) fn hear_service(
        &mut self,
        event: &Event,
        surroundings: impl FnOnce(&Event) -> Surroundings,
        at: Timestamp,
    ) -> Option<u64> {
        match event {
            Event::Called { call, method, path } => Some(self.called(call, method, path, at)),
            Event::Answered { call, status, elapsed } => self.of_call_at_last(call, |call| {
                (call.status, call.elapsed_ms) = (Some(status.as_u16()), Some(milliseconds(*elapsed)));
            }),
            Event::Refused { call: Some(call), status, reason, .. } => self.of_call_at_last(call, |call| {
                (call.status, call.refused) = (Some(status.as_u16()), Some(masked(reason)));
            }),
            Event::Sent { call, queued, dropped, .. } => {
                let nobody = *queued == 0 && *dropped == 0;
                let around = nobody.then(|| surroundings(event));
                self.add_effect(call, sent(event, around)?)
            }
            Event::Delivered { call, connection_ids, .. } => {
                self.of_call(call, |call| name_receivers(call, connection_ids))
            }
            Event::Dropped { call, connection_id, reason, .. } => {
                let dropped = Drop { connection_id: connection_id.clone(), reason: *reason };
                self.of_call(call, |call| name_drop(call, dropped))
            }
            Event::UpstreamCalled { id, .. } => {
                let chain = self.upstream_called(event, at)?;
                self.by_upstream.insert(*id, chain);
                Some(chain)
            }
            Event::UpstreamAnswered { id, outcome, elapsed, .. } => {
                let chain = self.by_upstream.remove(id)?;
                self.change(chain, |chain| {
                    if let Origin::Client { upstream: Some(upstream), .. } = &mut chain.origin {
                        upstream.outcome = Some(outcome.clone());
                        upstream.elapsed_ms = Some(milliseconds(*elapsed));
                    }
                });
                Some(chain)
            }
            other => {
                let (call, effect) = other_effect(other)?;
                self.add_effect(call, effect)
            }
        }
    }

    /// How many invocations, calls and upstream calls lead to a chain.
    #[cfg(test)]
    pub(super) fn indexed(&self) -> (usize, usize, usize) {
        (self.by_invocation.len(), self.by_call.len(), self.by_upstream.len())
    }

    fn triggered(&mut self, id: Uuid, function: &str, cause: &Cause, now: Timestamp) -> u64 {
        let origin = origin_of(cause);
        let known = self.by_invocation.get(&id).copied().or_else(|| self.waiting_for_its_function(&origin));
        let chain = known.unwrap_or_else(|| self.add(now, origin.clone()));
        self.by_invocation.insert(id, chain);
        self.change(chain, |chain| {
            let run = chain.invocation.get_or_insert_with(|| Invocation::new(id, function));
            function.clone_into(&mut run.function);
            chain.origin = merged(&chain.origin, origin);
        });
        chain
    }

    /// The chain of a client's call to which the service has told its half already.
    fn waiting_for_its_function(&self, origin: &Origin) -> Option<u64> {
        let waits = |chain: &&Chain| chain.invocation.is_none() && is_same_event(&chain.origin, origin);
        // The oldest: calls of one connection are made in turn.
        self.recent().filter(waits).map(|chain| chain.id).next()
    }

    fn upstream_called(&mut self, event: &Event, at: Timestamp) -> Option<u64> {
        let Event::UpstreamCalled { id, hub, category, event: name, connection_id, url } = event else { return None };
        let origin = Origin::Client {
            hub: hub.clone(),
            category: category.to_string(),
            event: name.clone(),
            connection_id: connection_id.clone(),
            user_id: None,
            arguments: None,
            upstream: Some(Upstream { id: *id, url: url.clone(), outcome: None, elapsed_ms: None }),
        };
        let waits = |chain: &&Chain| !has_upstream(&chain.origin) && is_same_event(&chain.origin, &origin);
        let known = self.recent().filter(waits).map(|chain| chain.id).next();
        let chain = known.unwrap_or_else(|| self.add(at, origin.clone()));
        self.change(chain, |chain| chain.origin = merged(&origin, chain.origin.clone()));
        Some(chain)
    }

    fn called(&mut self, call: &RestCall, method: &str, path: &str, at: Timestamp) -> u64 {
        let chain = self.chain_of(call.correlation.as_deref(), at);
        self.by_call.insert(call.id, chain);
        let call = Call {
            id: call.id,
            at,
            method: method.to_owned(),
            path: path.to_owned(),
            status: None,
            elapsed_ms: None,
            refused: None,
            effects: Vec::new(),
        };
        self.change(
            chain,
            |chain| {
                if chain.calls.len() < CALLS { chain.calls.push(call) } else { chain.calls_left_out += 1 }
            },
        );
        chain
    }

    /// The chain that a call belongs to. One that names an invocation which is not known yet is taken for its beginning.
    fn chain_of(&mut self, correlation: Option<&str>, at: Timestamp) -> u64 {
        let invocation = correlation.and_then(|text| Uuid::try_parse(text).ok());
        if let Some(chain) = invocation.and_then(|id| self.by_invocation.get(&id)) {
            return *chain;
        }
        let origin = match correlation {
            Some(own) if own.starts_with(OWN_CALLS) => Origin::Inspector { correlation: own.to_owned() },
            _ => Origin::Caller { correlation: correlation.map(masked) },
        };
        let chain = self.add(at, origin);
        if let Some(id) = invocation {
            self.by_invocation.insert(id, chain);
        }
        chain
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

fn origin_of(cause: &Cause) -> Origin {
    match cause {
        Cause::Http { method, target, body } => Origin::Http {
            method: method.to_string(),
            target: target.clone(),
            body: Text(body.clone()),
            response: None,
        },
        Cause::Timer => Origin::Timer,
        Cause::SignalR { hub, category, event, connection_id, user_id, arguments } => Origin::Client {
            hub: hub.clone(),
            category: category.clone(),
            event: event.clone(),
            connection_id: connection_id.clone(),
            user_id: user_id.clone(),
            arguments: Some(Text(arguments.clone())).filter(|text| text.weight() > 0),
            upstream: None,
        },
        _ => Origin::ByHand,
    }
}

/// Both halves of a client's call; of anything else the host's word counts, which is the second.
fn merged(service: &Origin, host: Origin) -> Origin {
    match (service, host) {
        (
            Origin::Client { upstream: Some(known), .. },
            Origin::Client { hub, category, event, connection_id, user_id, arguments, upstream },
        ) => {
            let upstream = upstream.or_else(|| Some(known.clone()));
            Origin::Client { hub, category, event, connection_id, user_id, arguments, upstream }
        }
        (_, host) => host,
    }
}

fn has_upstream(origin: &Origin) -> bool {
    matches!(origin, Origin::Client { upstream: Some(_), .. })
}

fn is_same_event(one: &Origin, other: &Origin) -> bool {
    match (one, other) {
        (
            Origin::Client { hub, category, event, connection_id, .. },
            Origin::Client { hub: hub2, category: category2, event: event2, connection_id: connection2, .. },
        ) => {
            connection_id == connection2
                && hub.eq_ignore_ascii_case(hub2)
                && category.eq_ignore_ascii_case(category2)
                && event.eq_ignore_ascii_case(event2)
        }
        _ => false,
    }
}

fn sent(event: &Event, surroundings: Option<Surroundings>) -> Option<Effect> {
    let Event::Sent { hub, target, to, bytes, queued, dropped, .. } = event else { return None };
    Some(Effect::Sent {
        hub: hub.clone(),
        target: target.clone(),
        to: to.clone(),
        bytes: *bytes,
        delivered: *queued,
        dropped: *dropped,
        receivers: Vec::new(),
        drops: Vec::new(),
        surroundings,
    })
}

fn other_effect(event: &Event) -> Option<(&RestCall, Effect)> {
    Some(match event {
        Event::JoinedGroup { hub, group, member, connections, call: Some(call) } => {
            let (hub, group, member) = (hub.clone(), group.clone(), member.clone());
            (call, Effect::Joined { hub, group, member, connections: *connections })
        }
        Event::LeftGroup { hub, group, member, call } => {
            (call, Effect::Left { hub: hub.clone(), group: group.clone(), member: member.clone() })
        }
        Event::Closed { hub, call, to, connections } => {
            (call, Effect::Closed { hub: hub.clone(), to: to.clone(), connections: *connections })
        }
        Event::Streamed { hub, connection_id, call, bytes, queued, .. } => {
            let (hub, connection_id) = (hub.clone(), connection_id.clone());
            (call, Effect::Streamed { hub, connection_id, bytes: *bytes, delivered: *queued })
        }
        Event::Received { connection_id, bytes, call: Some(call), .. } => {
            (call, Effect::Answered { connection_id: connection_id.clone(), bytes: *bytes })
        }
        _ => return None,
    })
}

fn name_receivers(call: &mut Call, connection_ids: &[String]) {
    if let Some(Effect::Sent { receivers, .. }) = call.effects.last_mut() {
        let room = NAMED_RECEIVERS.saturating_sub(receivers.len());
        receivers.extend(connection_ids.iter().take(room).cloned());
    }
}

/// Every connection that did not get the message, whatever the service has counted.
fn name_drop(call: &mut Call, missed: Drop) {
    if let Some(Effect::Sent { drops, dropped, .. }) = call.effects.last_mut() {
        if drops.len() < NAMED_DROPS {
            drops.push(missed);
        }
        *dropped = (*dropped).max(drops.len());
    }
}

fn milliseconds(duration: Duration) -> f64 {
    (duration.as_secs_f64() * 1e6).round() / 1e3
}
