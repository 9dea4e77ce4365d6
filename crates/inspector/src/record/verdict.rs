//! Why a message did or did not arrive: one sentence per chain.
//!
//! Easily missed: the service answers 202 to a message that nobody gets, and an invocation succeeds that sends nothing. Both are what
//! somebody who debugs looks for, so both are warnings here.

use serde::Serialize;
use signalr_emulator::{DropReason, SentTo};

use super::chain::{Call, Chain, Effect, Invocation, Origin};
use super::surroundings::Surroundings;
use crate::catalogue;
use crate::mask::masked;

/// How a chain ended, and why.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct Verdict {
    pub(crate) level: Level,
    pub(crate) text: String,
    /// The entry of the catalogue that explains it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) code: Option<&'static str>,
}

/// How well it went.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) enum Level {
    /// It goes on.
    Running,
    /// As it should be.
    Good,
    /// It went through, and reached fewer than it was meant for.
    Warning,
    /// It failed.
    Problem,
}

impl Verdict {
    fn new(level: Level, text: impl Into<String>) -> Self {
        Self { level, text: text.into(), code: None }
    }

    /// The worst that can be said.
    pub(crate) fn of(chain: &Chain) -> Self {
        let error = chain.invocation.as_ref().and_then(|run| run.ended.as_ref()).and_then(|ended| ended.error.as_ref());
        if let Some(error) = error {
            let refusal = refusal(chain).map(|refusal| format!(" The service says: {refusal}"));
            let text = format!("the function failed: {}{}", masked(error), refusal.unwrap_or_default());
            return Self { code: catalogue::code_in(error), ..Self::new(Level::Problem, text) };
        }
        if let Some(refusal) = refusal(chain) {
            return Self::new(Level::Problem, format!("the service refused: {refusal}"));
        }
        if let Some(failure) = failure_of_upstream(&chain.origin) {
            return Self::new(Level::Problem, failure);
        }
        if let Some(text) = in_vain(chain) {
            return Self::new(Level::Warning, text);
        }
        let runs = chain.invocation.as_ref().is_some_and(|run| !run.function.is_empty() && run.ended.is_none());
        if runs || chain.calls.iter().any(|call| call.status.is_none()) {
            return Self::new(Level::Running, "not finished");
        }
        if let Some(status) = status(&chain.origin).filter(|status| *status >= 400) {
            return Self::new(Level::Warning, format!("the caller got {status}; {}", what_was_sent(chain)));
        }
        if let Some(names) = silent_outputs(chain) {
            return Self::new(
                Level::Warning,
                format!("the handler gave nothing for {names}, so nothing was sent there"),
            );
        }
        Self::new(Level::Good, what_was_sent(chain))
    }
}

fn refusal(chain: &Chain) -> Option<String> {
    chain.calls.iter().find_map(|call| call.refused.as_deref()).map(masked)
}

fn failure_of_upstream(origin: &Origin) -> Option<String> {
    let Origin::Client { upstream: Some(upstream), .. } = origin else { return None };
    match upstream.outcome.as_ref()? {
        signalr_emulator::UpstreamOutcome::Failed(error) => Some(format!("the function app did not answer: {error}")),
        signalr_emulator::UpstreamOutcome::Status(status) if status.is_success() => None,
        signalr_emulator::UpstreamOutcome::Status(status) => {
            let cure = match status.as_u16() {
                404 => "; no function has a signalRTrigger for this hub, category and event",
                401 => "; the signature does not fit the connection string of the trigger",
                _ => "",
            };
            Some(format!("the function app answered {}{cure}", status.as_u16()))
        }
    }
}

fn status(origin: &Origin) -> Option<u16> {
    if let Origin::Http { response: Some(response), .. } = origin { Some(response.status) } else { None }
}

/// About the first message that did not reach everybody whom it was meant for.
fn in_vain(chain: &Chain) -> Option<String> {
    let effects = chain.calls.iter().flat_map(|call: &Call| &call.effects);
    effects.filter_map(shortfall).next()
}

fn shortfall(effect: &Effect) -> Option<String> {
    match effect {
        Effect::Sent { hub, to, delivered: 0, dropped: 0, surroundings, .. } => {
            Some(nobody(hub, to, surroundings.clone().unwrap_or_default()))
        }
        Effect::Sent { delivered, dropped, drops, .. } if *dropped > 0 => {
            let reason = drops.first().map_or_else(String::new, |first| format!(": {}", explain(first.reason)));
            Some(format!("{delivered} connections have it, {dropped} do not{reason}"))
        }
        Effect::Streamed { connection_id, delivered: false, .. } => {
            Some(format!("connection `{connection_id}` is not there; ids change with every reconnect"))
        }
        _ => None,
    }
}

fn explain(reason: DropReason) -> String {
    match reason {
        DropReason::QueueFull => "the client did not read fast enough, so it was closed and may reconnect".to_owned(),
        DropReason::Closing => "the connection was closing".to_owned(),
        DropReason::NotEncoded => {
            "the caller sent encoded frames, and none for this client's hub protocol; send JSON, or frames for both"
                .to_owned()
        }
        other => other.to_string(),
    }
}

/// Why nobody was there.
fn nobody(hub: &str, to: &SentTo, around: Surroundings) -> String {
    let text = match to {
        _ if around.in_hub == 0 => format!("nobody is connected to hub `{hub}`"),
        SentTo::Everyone => format!("nobody in hub `{hub}` was left: all were excluded, or have left just now"),
        SentTo::Matching(filter) => format!("no connection in hub `{hub}` matches `{filter}`"),
        SentTo::User(user) => format!("user `{user}` has no connection in hub `{hub}`"),
        SentTo::Group(group) => {
            format!("nobody in hub `{hub}` is in group `{group}`; groups are lost with the connection")
        }
        SentTo::Connection(connection) => {
            format!("connection `{connection}` is not in hub `{hub}`; ids change with every reconnect")
        }
    };
    if let Some(name) = around.near_miss {
        return format!("{text}; `{name}` is there: letter case counts");
    }
    let others: Vec<_> = around.other_hubs.iter().map(|(name, count)| format!("{count} in hub `{name}`")).collect();
    match (around.in_hub, others.is_empty()) {
        (0, false) => {
            let others = others.join(", ");
            format!("{text}, but {others}: compare `hubName` in function.json with the hub for which clients negotiate")
        }
        _ => text,
    }
}

/// Outputs to the service for which the handler gave nothing, in a chain in which nothing was sent.
fn silent_outputs(chain: &Chain) -> Option<String> {
    let outputs = chain.invocation.as_ref().and_then(|run: &Invocation| run.outputs.as_ref())?;
    let silent: Vec<_> = outputs.iter().filter(|output| output.value.is_none()).collect();
    let all = !silent.is_empty() && silent.len() == outputs.len() && chain.calls.is_empty();
    all.then(|| silent.iter().map(|output| format!("`{}`", output.name)).collect::<Vec<_>>().join(", "))
}

fn what_was_sent(chain: &Chain) -> String {
    match (chain.messages(), chain.reach().0) {
        (1, 1) => "1 connection has it".to_owned(),
        (1, count) => format!("{count} connections have it"),
        (messages @ 2.., count) => format!("{messages} messages went out, {count} deliveries in all"),
        (0, _) if chain.calls.is_empty() => "nothing was to be sent".to_owned(),
        (0, _) => "done".to_owned(),
    }
}
