//! A stretch of time in which broadcasts are published at one pace and all of them reach everybody.

use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, anyhow};
use futures_util::future::{join, try_join_all};
use serde::Serialize;
use tokio::time::{sleep_until, timeout};

use super::crowd::Crowd;
use super::payload;
use crate::machine::{self, CpuTime};

/// How long one broadcast may take to reach everybody before it counts as lost.
const PATIENCE: Duration = Duration::from_secs(20);

/// When the next broadcast is published.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Pace {
    /// When every client has received the previous one: nothing can be written together.
    OneAtATime,
    /// As soon as fewer than eight are on their way: a server that writes together what waits together is rewarded.
    EightInFlight,
    /// Every 50 ms, or as soon as the previous one has arrived: how long an update takes where there is no hurry.
    TwentyPerSecond,
}

/// The time between two broadcasts where there is no hurry.
const TICK: Duration = Duration::from_millis(50);

impl Pace {
    /// With this many clients a broadcast takes most of a tick, and there is hurry after all.
    const TOO_MANY_FOR_TICKS: usize = 5000;

    /// The paces that make sense with so many clients.
    pub(crate) fn with(clients: usize) -> impl Iterator<Item = Self> {
        let ticks = (clients < Self::TOO_MANY_FOR_TICKS).then_some(Self::TwentyPerSecond);
        [Self::OneAtATime, Self::EightInFlight].into_iter().chain(ticks)
    }

    fn lanes(self) -> usize {
        match self {
            Self::OneAtATime | Self::TwentyPerSecond => 1,
            Self::EightInFlight => 8,
        }
    }

    /// As it is written in reports.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::OneAtATime => "one at a time",
            Self::EightInFlight => "8 in flight",
            Self::TwentyPerSecond => "20 a second",
        }
    }
}

/// What a phase took.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Phase {
    pub(crate) pace: Pace,
    pub(crate) deliveries: u64,
    /// From the first publish to the last delivery.
    pub(crate) elapsed: Duration,
    pub(crate) server: CpuTime,
    /// Of this process.
    pub(crate) load: CpuTime,
    /// Packets that the kernel has dropped meanwhile, and that were sent again much later.
    pub(crate) dropped_packets: u64,
    /// From each publish to the last receiver.
    #[serde(skip)]
    pub(crate) latencies: Vec<Duration>,
}

impl Phase {
    /// Publishes at `pace` for `duration`, then waits for what is on its way.
    pub(crate) async fn run(
        crowd: &Crowd,
        server: u32,
        pace: Pace,
        payload_size: usize,
        duration: Duration,
    ) -> Result<Self> {
        let own = std::process::id();
        let before = (CpuTime::of(server)?, CpuTime::of(own)?, machine::dropped_packets());
        let started = Instant::now();
        let lanes = (0..pace.lanes()).map(|_| lane(crowd, pace, payload_size, started + duration));
        let latencies: Vec<Duration> = try_join_all(lanes).await?.concat();
        let elapsed = started.elapsed();
        Ok(Self {
            pace,
            deliveries: (latencies.len() * crowd.tally.clients()) as u64,
            elapsed,
            server: CpuTime::of(server)?.since(before.0),
            load: CpuTime::of(own)?.since(before.1),
            dropped_packets: machine::dropped_packets().saturating_sub(before.2),
            latencies,
        })
    }

    /// Deliveries per second.
    pub(crate) fn rate(&self) -> f64 {
        self.deliveries as f64 / self.elapsed.as_secs_f64()
    }

    /// Microseconds of the server's CPU time per delivery.
    pub(crate) fn cpu_per_delivery(&self) -> f64 {
        self.server.used.as_secs_f64() * 1e6 / self.deliveries as f64
    }

    /// The share of one core that the load has used.
    pub(crate) fn load_share(&self) -> f64 {
        self.load.used.as_secs_f64() / self.elapsed.as_secs_f64()
    }

    /// The share of the time in which the server or the load had to wait for a core, whichever waited longer. On a
    /// machine of their own it is next to nothing.
    pub(crate) fn waiting_share(&self) -> f64 {
        self.server.waited.max(self.load.waited).as_secs_f64() / self.elapsed.as_secs_f64()
    }
}

/// Publishes one broadcast after the other until `deadline` and returns how long each took to reach everybody.
async fn lane(crowd: &Crowd, pace: Pace, payload_size: usize, deadline: Instant) -> Result<Vec<Duration>> {
    let (mut latencies, mut tick) = (Vec::new(), Instant::now());
    while Instant::now() < deadline {
        if pace == Pace::TwentyPerSecond {
            sleep_until(tick.into()).await;
            tick = Instant::now().max(tick + TICK);
        }
        let announced = crowd.tally.announce();
        let payload = payload::compose(announced.sequence, payload_size);
        let published = Instant::now();
        let both = join(crowd.publisher.publish(payload), announced.complete);
        let late = || {
            let missing = crowd.tally.missing(announced.sequence);
            anyhow!("broadcast {} did not reach {missing} clients in {} s", announced.sequence, PATIENCE.as_secs())
        };
        let (accepted, complete) = timeout(PATIENCE, both).await.map_err(|_| late())?;
        accepted.context("a broadcast was not accepted")?;
        let complete = complete.map_err(|_| anyhow!(crowd.complaint().unwrap_or_default()))?;
        latencies.push(complete.duration_since(published));
    }
    Ok(latencies)
}
