//! One HTTP call to an upstream, from waiting for its turn to the end of the answer.
//!
//! A call ends before its time when the emulator shuts down: calls under way, and those that report the connections
//! which the shutdown closes, share the grace of the connections and are then given up.

use std::sync::OnceLock;
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, StatusCode};
use reqwest::Response;
use tokio::sync::Semaphore;
use tokio::time::{Instant, sleep_until, timeout_at};
use tokio_util::sync::CancellationToken;
use url::{Host, Url};

/// Calls of all connections together; the next ones wait for their turn. Enough for a Functions host, and few enough
/// for the sockets of a developer's machine when a thousand clients leave at once.
const CALLS_AT_ONCE: usize = 256;

/// The longest answer that goes back to a client (signalr-service 3.5).
const ANSWER_LIMIT: usize = 16 * 1024 * 1024;

/// Makes the calls.
#[derive(Debug)]
pub(super) struct Calls {
    /// For upstreams on this machine, which no proxy could reach.
    direct: OnceLock<reqwest::Client>,
    proxied: OnceLock<reqwest::Client>,
    turns: Semaphore,
    timeout: Duration,
    shutdown: CancellationToken,
    grace: Duration,
    /// When calls are given up; set by the first call that sees the shutdown.
    given_up_at: OnceLock<Instant>,
}

/// What is posted.
#[derive(Debug)]
pub(super) struct Call {
    pub(super) url: Url,
    pub(super) headers: HeaderMap,
    pub(super) body: Vec<u8>,
    pub(super) wanted: Wanted,
}

/// What matters of the answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Wanted {
    Status,
    Body,
}

/// An answer. The body is empty unless it was wanted and the status is 200.
#[derive(Debug)]
pub(super) struct Answer {
    pub(super) status: StatusCode,
    pub(super) body: Result<Bytes, Unread>,
}

/// Why the body of an answer is not there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Unread {
    TooLarge,
    /// The time was over.
    Cancelled,
    /// The connection broke.
    Broken(String),
}

/// Why there is no answer.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(super) enum Failure {
    #[error("{0}")]
    Unreachable(String),
    #[error("no answer within {} s", .0.as_secs_f64())]
    TimedOut(Duration),
    #[error("the emulator shuts down")]
    ShutDown,
    #[error(transparent)]
    Unsendable(#[from] super::request::Unsendable),
}

impl Calls {
    pub(super) fn new(timeout: Duration, grace: Duration, shutdown: CancellationToken) -> Self {
        let (direct, proxied, given_up_at) = (OnceLock::new(), OnceLock::new(), OnceLock::new());
        Self { direct, proxied, turns: Semaphore::new(CALLS_AT_ONCE), timeout, shutdown, grace, given_up_at }
    }

    /// Makes one call, once.
    pub(super) async fn make(&self, call: Call) -> Result<Answer, Failure> {
        tokio::select! {
            biased;
            () = self.given_up() => Err(Failure::ShutDown),
            answer = self.make_in_turn(call) => answer,
        }
    }

    async fn given_up(&self) {
        self.shutdown.cancelled().await;
        sleep_until(*self.given_up_at.get_or_init(|| Instant::now() + self.grace)).await;
    }

    async fn make_in_turn(&self, call: Call) -> Result<Answer, Failure> {
        let Ok(_turn) = self.turns.acquire().await else { return Err(Failure::ShutDown) };
        let deadline = Instant::now() + self.timeout;
        let http = self.client_for(&call.url).map_err(unreachable)?;
        let sending = http.post(call.url).headers(call.headers).body(call.body).send();
        let sent = timeout_at(deadline, sending).await.map_err(|_| Failure::TimedOut(self.timeout))?;
        let response = sent.map_err(unreachable)?;
        let status = response.status();
        let body = match (call.wanted, status) {
            (Wanted::Body, StatusCode::OK) => {
                timeout_at(deadline, read(response)).await.unwrap_or(Err(Unread::Cancelled))
            }
            _ => Ok(Bytes::new()),
        };
        Ok(Answer { status, body })
    }

    fn client_for(&self, url: &Url) -> Result<&reqwest::Client, reqwest::Error> {
        let on_this_machine = match url.host() {
            Some(Host::Domain(name)) => name.eq_ignore_ascii_case("localhost"),
            Some(Host::Ipv4(address)) => address.is_loopback(),
            Some(Host::Ipv6(address)) => address.is_loopback(),
            None => false,
        };
        let (slot, builder) = match on_this_machine {
            true => (&self.direct, reqwest::Client::builder().no_proxy()),
            false => (&self.proxied, reqwest::Client::builder()),
        };
        if let Some(client) = slot.get() {
            return Ok(client);
        }
        let client = builder.build()?;
        Ok(slot.get_or_init(|| client))
    }
}

/// Treats an empty body like none, whether or not its length was announced (signalr-service 8.11).
async fn read(mut response: Response) -> Result<Bytes, Unread> {
    let limit = u64::try_from(ANSWER_LIMIT).unwrap_or(u64::MAX);
    if response.content_length().is_some_and(|length| length > limit) {
        return Err(Unread::TooLarge);
    }
    let mut whole = Vec::new();
    while let Some(chunk) = response.chunk().await.map_err(|error| Unread::Broken(describe(error)))? {
        if whole.len() + chunk.len() > ANSWER_LIMIT {
            return Err(Unread::TooLarge);
        }
        whole.extend_from_slice(&chunk);
    }
    Ok(whole.into())
}

fn unreachable(error: reqwest::Error) -> Failure {
    Failure::Unreachable(describe(error))
}

/// The error with its causes, without the address: its query may hold a key.
fn describe(error: reqwest::Error) -> String {
    let error = error.without_url();
    let mut text = error.to_string();
    let mut cause = std::error::Error::source(&error);
    while let Some(error) = cause {
        text = format!("{text}: {error}");
        cause = error.source();
    }
    text
}
