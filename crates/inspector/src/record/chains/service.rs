//! What the service's events add to chains.
//!
//! Easily missed: a broadcast to a thousand connections is three or four events, and so it is here: the call, what was sent with its
//! counts, its first receivers, the answer.

use jiff::Timestamp;
use signalr_emulator::{Event, RestCall};
use uuid::Uuid;

use super::effects::{name_drop, name_receivers, other_effect, sent};
use super::origins::{has_upstream, is_same_event, merged};
use super::{Chains, OWN_CALLS, milliseconds};
use crate::mask::masked;
use crate::record::chain::{CALLS, Call, Chain, Drop, Origin, Upstream};
use crate::record::surroundings::Surroundings;

impl Chains {
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
}
