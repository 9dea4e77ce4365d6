//! A client that asks what an open page of the inspector asks, when it asks it: the stream of states, and the list that a view shows
//! whenever its revision has changed, but not more often than the page does (`page/js/api.js`).
//!
//! A browser would take the CPU time away from what is measured; this takes next to none. How a browser copes is a test of its own.

use std::cell::Cell;
use std::net::SocketAddr;
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use clap::ValueEnum;
use serde::Serialize;
use serde_json::Value;
use tokio::sync::watch;
use tokio::time::{Instant, sleep_until};

/// What the page shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ValueEnum)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum View {
    /// The last minute, and the newest eight chains
    Overview,
    /// The newest hundred chains
    Messages,
    /// A hundred connections
    Connections,
}

/// What was asked, and what the inspector could not record.
#[derive(Debug, Clone, Copy, Default, Serialize)]
pub(super) struct Looked {
    pub(super) states: u64,
    pub(super) lists: u64,
    /// Bytes of all answers.
    pub(super) bytes: u64,
    /// Events that were lost to the inspector since it was started.
    pub(super) lost: u64,
}

#[derive(Debug, Default)]
struct Count {
    states: Cell<u64>,
    lists: Cell<u64>,
    bytes: Cell<u64>,
    lost: Cell<u64>,
}

impl View {
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Overview => "overview",
            Self::Messages => "messages",
            Self::Connections => "connections",
        }
    }

    /// What it asks for.
    fn path(self) -> &'static str {
        match self {
            Self::Overview => "/api/chains?limit=8",
            Self::Messages => "/api/chains?limit=100&q=",
            Self::Connections => "/api/connections?limit=100&q=",
        }
    }

    /// How often at most.
    fn period(self) -> Duration {
        Duration::from_millis(if self == Self::Connections { 1000 } else { 600 })
    }

    /// What has to change before it asks again. Queues change without a revision, so connections are asked for with every state.
    fn revision(self, state: &Value) -> u64 {
        let revision = if self == Self::Connections { "all" } else { "chains" };
        state["revisions"][revision].as_u64().unwrap_or_default()
    }
}

/// Looks for `duration`.
///
/// # Errors
/// When the inspector does not answer, or hardly.
pub(super) async fn look(inspector: SocketAddr, view: View, duration: Duration) -> Result<Looked> {
    let http = reqwest::Client::builder().no_proxy().build()?;
    let (count, (revision, revisions)) = (Count::default(), watch::channel(0));
    let asked = async {
        tokio::select! {
            failed = follow(&http, inspector, view, &revision, &count) => failed,
            failed = reload(&http, inspector, view, revisions, &count) => failed,
        }
    };
    match tokio::time::timeout(duration, asked).await {
        Ok(Ok(())) => anyhow::bail!("the inspector has ended its stream of states"),
        Ok(Err(error)) => return Err(error),
        // The time is up.
        Err(_) => {}
    }
    let Count { states, lists, bytes, lost } = count;
    let looked = Looked { states: states.get(), lists: lists.get(), bytes: bytes.get(), lost: lost.get() };
    ensure!(looked.states > 0 && looked.lists > 0, "the open page got no state or no list");
    Ok(looked)
}

/// Reads the stream of states.
async fn follow(
    http: &reqwest::Client,
    inspector: SocketAddr,
    view: View,
    revision: &watch::Sender<u64>,
    count: &Count,
) -> Result<()> {
    let mut stream = http.get(format!("http://{inspector}/api/states")).send().await?.error_for_status()?;
    let mut text = Vec::new();
    while let Some(chunk) = stream.chunk().await? {
        text.extend_from_slice(&chunk);
        while let Some(end) = text.windows(2).position(|window| window == b"\n\n") {
            let event: Vec<u8> = text.drain(..end + 2).collect();
            let Some(data) = event.strip_prefix(b"data: ") else { continue };
            let state: Value = serde_json::from_slice(data).context("a state is no JSON")?;
            let lost = ["host", "service"].map(|part| state["lost"][part].as_u64().unwrap_or_default());
            count.states.set(count.states.get() + 1);
            count.bytes.set(count.bytes.get() + event.len() as u64);
            count.lost.set(lost.iter().sum());
            revision.send_replace(view.revision(&state));
        }
    }
    Ok(())
}

/// Asks for the list whenever it may have changed.
async fn reload(
    http: &reqwest::Client,
    inspector: SocketAddr,
    view: View,
    mut revisions: watch::Receiver<u64>,
    count: &Count,
) -> Result<()> {
    loop {
        let asked = Instant::now();
        let answer = http.get(format!("http://{inspector}{}", view.path())).send().await?.error_for_status()?;
        let body = answer.bytes().await?;
        count.lists.set(count.lists.get() + 1);
        count.bytes.set(count.bytes.get() + body.len() as u64);
        sleep_until(asked + view.period()).await;
        revisions.changed().await?;
    }
}
