//! What the host's events add to chains.
//!
//! Easily missed: a function that a client has called is told twice, by the service and by the host, in either order.

use functions_host::events::{Cause, HostEvent};
use jiff::Timestamp;
use uuid::Uuid;

use super::origins::{is_same_event, merged, origin_of};
use super::{Chains, milliseconds};
use crate::mask::masked;
use crate::record::chain::{Chain, Ended, Invocation, LOGS, Origin, Response};
use crate::record::text::Text;

impl Chains {
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
}
