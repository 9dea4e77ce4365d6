//! Upstream: the webhook that hears of clients and answers what they call (signalr-service 3).
//!
//! Templates are tried in their order and the first that matches wins; an event that none matches is ignored. A call is
//! made once: there are no retries.
//!
//! Nothing queues here without end. A connection has at most one call under way, since its events come one at a time;
//! what its client sends meanwhile waits in the connection, up to 64 KiB, and then the client is no longer read. All
//! connections together have at most 256 calls under way; further ones wait for their turn.

mod call;
mod caller;
mod claims;
mod reply;
mod request;
mod template;

use std::fmt;
use std::time::Duration;

use serde::Serialize;

pub(crate) use caller::{Heard, Subject, UpstreamCaller};
pub(crate) use request::{Invocation, Sender};
pub use template::{InvalidUrl, Pattern, UpstreamAuth, UpstreamTemplate};

/// How long the official emulator waits, which is the default of the .NET HTTP client (signalr-service 3.7 item 5).
const DEFAULT_TIMEOUT: Duration = Duration::from_secs(100);

/// Where the service reports what clients do. The default is nowhere.
///
/// ```
/// use signalr_emulator::{EmulatorOptions, Upstream};
///
/// let upstream = Upstream::to("http://localhost:7071/runtime/webhooks/signalr")?;
/// let options = EmulatorOptions { upstream, ..EmulatorOptions::default() };
/// # Ok::<(), signalr_emulator::InvalidUrl>(())
/// ```
#[derive(Debug, Clone)]
pub struct Upstream {
    /// What goes where. The first template that matches wins.
    pub templates: Vec<UpstreamTemplate>,
    /// How long a call may take, to the end of its answer; 100 s. The time that Azure gives is not documented.
    pub timeout: Duration,
    /// What a client gets that invokes something for which no template matches.
    pub unmatched: Unmatched,
}

/// What a client gets that invokes something for which no template matches.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Unmatched {
    /// Nothing, so that its call waits for ever: what Azure does (signalr-service 8.5).
    #[default]
    Ignore,
    /// A completion with an error. Kinder while developing, and different from Azure.
    AnswerError,
}

/// The kind of an upstream event.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum Category {
    /// `connections`: a client has connected or disconnected.
    Connections,
    /// `messages`: a client has invoked a method.
    Messages,
}

/// What is reported, as templates see it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Occurrence<'a> {
    pub(crate) hub: &'a str,
    pub(crate) category: Category,
    pub(crate) event: &'a str,
}

/// An answer is either understood by the client or it is not: looking must not fail.
#[cfg(any(test, fuzzing))]
pub(crate) fn check_reply(body: &[u8], invocation_id: &str) {
    use signalr_server::HubProtocol::{Json, MessagePack};

    let reply = reply::Reply::Verbatim(bytes::Bytes::copy_from_slice(body));
    let _ = (reply.is_legible(Json, invocation_id), reply.is_legible(MessagePack, invocation_id));
}

impl Upstream {
    /// Everything goes to one address, which may hold `{hub}`, `{category}` and `{event}`.
    ///
    /// # Errors
    /// When it is no absolute http or https address.
    pub fn to(url_template: impl Into<String>) -> Result<Self, InvalidUrl> {
        Ok(Self { templates: vec![UpstreamTemplate::new(url_template)?], ..Self::default() })
    }
}

impl Default for Upstream {
    fn default() -> Self {
        Self { templates: Vec::new(), timeout: DEFAULT_TIMEOUT, unmatched: Unmatched::default() }
    }
}

impl Category {
    /// The name on the wire.
    pub fn name(self) -> &'static str {
        match self {
            Self::Connections => "connections",
            Self::Messages => "messages",
        }
    }
}

impl fmt::Display for Category {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.name())
    }
}
