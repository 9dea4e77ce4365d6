//! One chain of cause and effect: what started it, the invocation, its outputs, the calls of the service, and what became of each.

use functions_host::events::GivenOutput;
use jiff::Timestamp;
use serde::Serialize;
use signalr_emulator::{DropReason, Member, SentTo, UpstreamOutcome};
use uuid::Uuid;

use super::surroundings::Surroundings;
use super::text::Text;
use super::verdict::Verdict;

/// How many calls of the service one chain keeps; the others are counted.
pub(crate) const CALLS: usize = 50;
/// How many receivers of one message are named.
pub(crate) const NAMED_RECEIVERS: usize = 16;
/// How many connections that a message did not reach are named.
pub(crate) const NAMED_DROPS: usize = 64;
/// How many lines of the function's log one chain keeps.
pub(crate) const LOGS: usize = 20;

/// A chain of cause and effect.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Chain {
    /// Numbers the chains: 1, 2, 3...
    pub(crate) id: u64,
    /// When it was first heard of.
    pub(crate) at: Timestamp,
    pub(crate) origin: Origin,
    pub(crate) invocation: Option<Invocation>,
    pub(crate) calls: Vec<Call>,
    pub(crate) calls_left_out: usize,
}

/// What started a chain.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(tag = "kind", rename_all = "camelCase", rename_all_fields = "camelCase")]
pub(crate) enum Origin {
    /// A request to a function.
    Http { method: String, target: String, body: Text, response: Option<Response> },
    /// A schedule.
    Timer,
    /// A client of the service.
    Client {
        hub: String,
        category: String,
        event: String,
        connection_id: String,
        user_id: Option<String>,
        arguments: Option<Text>,
        /// What the service says of its call to the function.
        upstream: Option<Upstream>,
    },
    /// The host's admin interface.
    ByHand,
    /// Somebody who calls the service without a function, by what he calls himself.
    Caller { correlation: Option<String> },
    /// The page of the inspector, by the number of what it was asked to do.
    Inspector { correlation: String },
}

/// What an HTTP caller got.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(crate) struct Response {
    pub(crate) status: u16,
    pub(crate) body: Text,
}

/// The service's call to the host.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Upstream {
    pub(crate) id: u64,
    pub(crate) url: String,
    pub(crate) outcome: Option<UpstreamOutcome>,
    pub(crate) elapsed_ms: Option<f64>,
}

/// The run of a function.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Invocation {
    pub(crate) id: Uuid,
    /// Empty as long as only the call of an output is known.
    pub(crate) function: String,
    /// `None` as long as it runs.
    pub(crate) ended: Option<Ended>,
    pub(crate) logs: Vec<String>,
    /// `None` until the handler has answered.
    pub(crate) outputs: Option<Vec<Output>>,
}

/// How an invocation ended.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Ended {
    pub(crate) duration_ms: f64,
    pub(crate) error: Option<String>,
}

/// What the handler gave for one output binding.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(crate) struct Output {
    pub(crate) name: String,
    pub(crate) kind: &'static str,
    pub(crate) value: Option<Text>,
}

/// One call of the service's REST interface.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Call {
    pub(crate) id: u64,
    pub(crate) at: Timestamp,
    pub(crate) method: String,
    pub(crate) path: String,
    pub(crate) status: Option<u16>,
    pub(crate) elapsed_ms: Option<f64>,
    /// Why it was refused.
    pub(crate) refused: Option<String>,
    pub(crate) effects: Vec<Effect>,
}

/// What a call has done.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(tag = "kind", rename_all = "camelCase", rename_all_fields = "camelCase")]
pub(crate) enum Effect {
    /// A message.
    Sent {
        hub: String,
        target: String,
        to: SentTo,
        bytes: usize,
        /// In how many queues it was put.
        delivered: usize,
        /// How many connections did not get it.
        dropped: usize,
        /// The first of those in whose queues it is.
        receivers: Vec<String>,
        /// The first of those that did not get it.
        drops: Vec<Drop>,
        /// What was there instead, when it reached nobody.
        surroundings: Option<Surroundings>,
    },
    /// Somebody was added to a group.
    Joined { hub: String, group: String, member: Member, connections: usize },
    /// Somebody was taken out of a group, or of all of them.
    Left { hub: String, group: Option<String>, member: Member },
    /// Connections were closed.
    Closed { hub: String, to: SentTo, connections: usize },
    /// An item or the end of a stream.
    Streamed { hub: String, connection_id: String, bytes: usize, delivered: bool },
    /// A client has answered a question.
    Answered { connection_id: String, bytes: usize },
}

/// A connection that did not get a message.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Drop {
    pub(crate) connection_id: String,
    pub(crate) reason: DropReason,
}

/// One row of the list of chains.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Summary {
    pub(crate) id: u64,
    pub(crate) at: Timestamp,
    /// The kind of the origin.
    pub(crate) kind: &'static str,
    /// What started it, in words.
    pub(crate) cause: String,
    pub(crate) function: Option<String>,
    /// What was sent, in words.
    pub(crate) effect: String,
    /// How many messages were sent.
    pub(crate) messages: usize,
    pub(crate) delivered: usize,
    pub(crate) dropped: usize,
    pub(crate) duration_ms: Option<f64>,
    pub(crate) verdict: Verdict,
}

impl Chain {
    pub(crate) fn new(id: u64, at: Timestamp, origin: Origin) -> Self {
        Self { id, at, origin, invocation: None, calls: Vec::new(), calls_left_out: 0 }
    }

    /// About how many bytes it takes.
    pub(crate) fn weight(&self) -> usize {
        let of_origin = match &self.origin {
            Origin::Http { body, response, .. } => {
                body.weight() + response.as_ref().map_or(0, |response| response.body.weight())
            }
            Origin::Client { arguments, .. } => arguments.as_ref().map_or(0, Text::weight),
            _ => 0,
        };
        let of_invocation = self.invocation.as_ref().map_or(0, Invocation::weight);
        1024 + of_origin + of_invocation + self.calls.iter().map(Call::weight).sum::<usize>()
    }

    /// How many queues its messages were put into, and how many connections did not get one.
    pub(crate) fn reach(&self) -> (usize, usize) {
        let effects = self.calls.iter().flat_map(|call| &call.effects);
        effects.fold((0, 0), |(all, lost), effect| match effect {
            Effect::Sent { delivered, dropped, .. } => (all + delivered, lost + dropped),
            _ => (all, lost),
        })
    }

    /// How many messages it has sent.
    pub(crate) fn messages(&self) -> usize {
        let effects = self.calls.iter().flat_map(|call| &call.effects);
        effects.filter(|effect| matches!(effect, Effect::Sent { .. })).count()
    }

    pub(crate) fn summary(&self) -> Summary {
        let (delivered, dropped) = self.reach();
        let function = self.invocation.as_ref().map(|invocation| invocation.function.clone());
        Summary {
            id: self.id,
            at: self.at,
            kind: self.origin.kind(),
            cause: self.cause_in_words(),
            function: function.filter(|function| !function.is_empty()),
            effect: self.effect_in_words(),
            messages: self.messages(),
            delivered,
            dropped,
            duration_ms: self.duration(),
            verdict: Verdict::of(self),
        }
    }

    /// Whether `text`, in lower case, occurs in what identifies it.
    pub(crate) fn mentions(&self, text: &str) -> bool {
        let has = |value: &str| value.to_lowercase().contains(text);
        let in_calls = self.calls.iter().any(|call| has(&call.path) || call.effects.iter().any(|e| e.mentions(&has)));
        let in_invocation = self.invocation.as_ref().is_some_and(|run| has(&run.function) || has(&run.id.to_string()));
        in_calls || in_invocation || has(&self.origin.in_words()) || has(&Verdict::of(self).text)
    }

    /// Of a caller that is not known, what it calls says most.
    fn cause_in_words(&self) -> String {
        match (&self.origin, self.calls.first()) {
            (Origin::Caller { .. }, Some(call)) => format!("{} {}", call.method, call.path),
            _ => self.origin.in_words(),
        }
    }

    fn effect_in_words(&self) -> String {
        let mut effects = self.calls.iter().flat_map(|call| &call.effects);
        let Some(first) = effects.next() else { return String::new() };
        match effects.count() + self.calls_left_out {
            0 => first.in_words(),
            more => format!("{} and {more} more", first.in_words()),
        }
    }

    fn duration(&self) -> Option<f64> {
        match &self.invocation {
            Some(invocation) => invocation.ended.as_ref().map(|ended| ended.duration_ms),
            None => self.calls.first().and_then(|call| call.elapsed_ms),
        }
    }
}

impl Origin {
    fn kind(&self) -> &'static str {
        match self {
            Origin::Http { .. } => "http",
            Origin::Timer => "timer",
            Origin::Client { .. } => "client",
            Origin::ByHand => "byHand",
            Origin::Caller { .. } => "caller",
            Origin::Inspector { .. } => "inspector",
        }
    }

    fn in_words(&self) -> String {
        match self {
            Origin::Http { method, target, .. } => format!("{method} {target}"),
            Origin::Timer => "timer".to_owned(),
            Origin::Client { category, event, user_id, connection_id, .. } => {
                let who =
                    user_id.as_ref().map_or_else(|| format!("client {connection_id}"), |user| format!("user {user}"));
                if category == "messages" { format!("{who} calls {event}") } else { format!("{who} {event}") }
            }
            Origin::ByHand => "run by hand".to_owned(),
            Origin::Caller { correlation: Some(correlation) } => format!("a caller of the service ({correlation})"),
            Origin::Caller { correlation: None } => "a caller of the service".to_owned(),
            Origin::Inspector { .. } => "this inspector".to_owned(),
        }
    }
}

impl Invocation {
    pub(crate) fn new(id: Uuid, function: &str) -> Self {
        Self { id, function: function.to_owned(), ended: None, logs: Vec::new(), outputs: None }
    }

    fn weight(&self) -> usize {
        let outputs = self.outputs.iter().flatten().filter_map(|output| output.value.as_ref());
        self.logs.iter().map(String::len).sum::<usize>() + outputs.map(Text::weight).sum::<usize>()
    }
}

impl From<&GivenOutput> for Output {
    fn from(given: &GivenOutput) -> Self {
        Self { name: given.name.clone(), kind: given.kind, value: given.value.clone().map(Text) }
    }
}

impl Call {
    fn weight(&self) -> usize {
        256 + self.path.len() + self.effects.iter().map(Effect::weight).sum::<usize>()
    }
}

impl Effect {
    fn weight(&self) -> usize {
        match self {
            Effect::Sent { receivers, drops, .. } => 256 + 48 * (receivers.len() + drops.len()),
            _ => 128,
        }
    }

    fn in_words(&self) -> String {
        match self {
            Effect::Sent { target, to, .. } => format!("{target} to {}", plain(to)),
            Effect::Joined { group, member, .. } => format!("{} joins {group}", plain(member)),
            Effect::Left { group: Some(group), member, .. } => format!("{} leaves {group}", plain(member)),
            Effect::Left { group: None, member, .. } => format!("{} leaves all groups", plain(member)),
            Effect::Closed { to, connections, .. } => format!("closes {connections} connections of {}", plain(to)),
            Effect::Streamed { connection_id, .. } => format!("stream item to {connection_id}"),
            Effect::Answered { connection_id, .. } => format!("answer of {connection_id}"),
        }
    }

    fn mentions(&self, has: &impl Fn(&str) -> bool) -> bool {
        let named = match self {
            Effect::Sent { hub, receivers, drops, .. } => {
                has(hub)
                    || receivers.iter().any(|id| has(id))
                    || drops.iter().any(|dropped| has(&dropped.connection_id))
            }
            Effect::Joined { hub, .. } | Effect::Left { hub, .. } | Effect::Closed { hub, .. } => has(hub),
            Effect::Streamed { .. } | Effect::Answered { .. } => false,
        };
        named || has(&self.in_words())
    }
}

/// Without the marks that stand around names in sentences.
fn plain(who: &impl ToString) -> String {
    who.to_string().replace('`', "")
}
