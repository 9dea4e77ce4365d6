//! All clients of one server, from their connecting to their leaving.

use std::rc::Rc;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail};
use azure_signalr::HubClient;
use futures_util::{StreamExt as _, TryStreamExt as _, stream};
use tokio::task::JoinSet;
use tokio::time::timeout;

use super::client::Client;
use super::dialect::Target;
use super::publisher::Publisher;
use super::tally::Tally;

/// Clients that are connecting at the same time: enough to keep a server busy, too few for its backlog to overflow.
const CONNECTING: usize = 64;

/// How long the connecting of all may take.
const PATIENCE: Duration = Duration::from_secs(120);

/// Connected clients that count what they receive. Dropping it disconnects them all.
#[derive(Debug)]
pub(crate) struct Crowd {
    pub(super) tally: Rc<Tally>,
    pub(super) publisher: Publisher,
    clients: JoinSet<()>,
}

impl Crowd {
    /// Connects `size` clients, and says how long that took.
    pub(crate) async fn connect(target: &Target, size: usize) -> Result<(Self, Duration)> {
        let started = Instant::now();
        let connecting = stream::iter(0..size)
            .map(async |index| Client::connect(target, index).await.with_context(|| format!("client {index}")))
            .buffer_unordered(CONNECTING)
            .try_collect::<Vec<Client>>();
        let Ok(connected) = timeout(PATIENCE, connecting).await else {
            bail!("{size} clients did not connect within {} s", PATIENCE.as_secs());
        };
        let connected = connected?;
        let took = started.elapsed();
        let tally = Rc::new(Tally::new(size));
        let mut clients = JoinSet::new();
        for (index, client) in connected.into_iter().enumerate() {
            clients.spawn_local(client.count(index, Rc::clone(&tally)));
        }
        Ok((Self { tally, publisher: Publisher::to(target), clients }, took))
    }

    /// Why the deliveries do not add up, if they do not. Meant for a moment when nothing is in flight.
    pub(crate) fn complaint(&self) -> Option<String> {
        self.tally.complaint()
    }

    /// Deliveries until now, all counted one by one.
    pub(crate) fn deliveries(&self) -> u64 {
        self.tally.deliveries()
    }

    /// Deliveries of messages to users and groups until now.
    pub(crate) fn direct_deliveries(&self) -> u64 {
        self.tally.direct()
    }

    /// The hub that the clients are in; `None` where the server has no hubs.
    pub(crate) fn hub(&self) -> Option<&HubClient> {
        self.publisher.hub()
    }

    /// Disconnects all clients and waits until they are gone.
    pub(crate) async fn leave(mut self) {
        self.clients.shutdown().await;
    }
}
