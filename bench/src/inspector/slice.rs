//! A few seconds of one load with one setting, and what they took.

use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail};
use clap::ValueEnum;
use futures_util::future::try_join3;
use serde::Serialize;
use tokio::time::sleep;

use super::Setting;
use super::page::{Looked, look};
use super::stack::Stack;
use crate::load::phase::{Pace, Phase};
use crate::machine::{self, CpuTime};
use crate::report::quantile;

/// Bytes of JSON of a broadcast, as `bench fanout` has them for a thousand clients.
const PAYLOAD: usize = 200;

/// How long what was accepted may take to arrive.
const PATIENCE: Duration = Duration::from_secs(5);

/// How much of what was to be sent to users and groups has to be. A service that is busy with broadcasts is late in some slice.
const LEAST: f64 = 0.75;

/// What is sent. The messages to users and groups always are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ValueEnum)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Load {
    /// A broadcast whenever the last one has reached everybody
    OneAtATime,
    /// Broadcasts, eight of them on their way
    EightInFlight,
    /// No broadcasts
    Messages,
}

/// What one slice has shown.
#[derive(Debug, Clone, Serialize)]
pub(super) struct Slice {
    pub(super) setting: Setting,
    pub(super) load: Load,
    /// From 0 on.
    pub(super) round: usize,
    pub(super) elapsed: Duration,
    /// Of the whole stack: host, service and inspector.
    pub(super) server: CpuTime,
    /// Of this process: the clients, who send, and the page.
    pub(super) client: CpuTime,
    /// Of broadcasts.
    pub(super) deliveries: u64,
    /// To users and groups.
    pub(super) messages: usize,
    /// From the publishing of a broadcast to its last receiver.
    pub(super) p50: Duration,
    pub(super) p99: Duration,
    pub(super) looked: Option<Looked>,
    pub(super) disturbance: Option<Disturbance>,
}

/// Why a slice says nothing about the stack.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum Disturbance {
    /// By the kernel, so that everybody waited for its timers.
    DroppedPackets,
    /// Something held the cores: a quarter of the messages to users and groups was not sent in time.
    Standstill,
}

impl Disturbance {
    fn of(dropped_packets: u64, messages: usize, wanted: f64) -> Option<Self> {
        let standstill = || ((messages as f64) < wanted * LEAST).then_some(Self::Standstill);
        if dropped_packets > 0 { Some(Self::DroppedPackets) } else { standstill() }
    }
}

impl Load {
    fn pace(self) -> Option<Pace> {
        match self {
            Self::OneAtATime => Some(Pace::OneAtATime),
            Self::EightInFlight => Some(Pace::EightInFlight),
            Self::Messages => None,
        }
    }

    /// As it is written in reports.
    pub(super) fn name(self) -> &'static str {
        self.pace().map_or("messages only", Pace::name)
    }
}

impl Slice {
    /// Sends, and looks if the page is open.
    ///
    /// # Errors
    /// When anything was lost, doubled, cut or refused.
    pub(super) async fn measure(
        stack: &Stack,
        setting: Setting,
        load: Load,
        round: usize,
        duration: Duration,
    ) -> Result<Self> {
        let own = std::process::id();
        let before = (CpuTime::of(stack.pid)?, CpuTime::of(own)?, stack.crowd.direct_deliveries());
        let dropped_before = machine::dropped_packets();
        let started = Instant::now();
        let broadcast = async {
            let Some(pace) = load.pace() else { return anyhow::Ok(None) };
            Phase::run(&stack.crowd, stack.pid, pace, PAYLOAD, duration).await.map(Some)
        };
        let looking = async {
            let (Setting::Open(view), Some(inspector)) = (setting, stack.inspector) else { return anyhow::Ok(None) };
            look(inspector, view, duration).await.map(Some)
        };
        let sending = stack.traffic.send(&stack.crowd, duration);
        let (phase, looked, sent) = try_join3(broadcast, looking, sending)
            .await
            .with_context(|| format!("{}, {}", setting.name(), load.name()))?;
        let elapsed = started.elapsed();
        let (server, client) = (CpuTime::of(stack.pid)?.since(before.0), CpuTime::of(own)?.since(before.1));
        arrived(stack, before.2 + sent.deliveries).await?;
        if let Some(complaint) = stack.crowd.complaint() {
            bail!(complaint);
        }
        let latencies = phase.as_ref().map(|phase| phase.latencies.as_slice()).unwrap_or_default();
        Ok(Self {
            setting,
            load,
            round,
            elapsed,
            server,
            client,
            deliveries: phase.as_ref().map_or(0, |phase| phase.deliveries),
            messages: sent.messages,
            p50: quantile(latencies, 0.5),
            p99: quantile(latencies, 0.99),
            looked,
            disturbance: Disturbance::of(
                machine::dropped_packets().saturating_sub(dropped_before),
                sent.messages,
                stack.traffic.wanted(duration),
            ),
        })
    }

    /// What was achieved: deliveries of broadcasts per second, or messages where there are no broadcasts.
    pub(super) fn rate(&self) -> f64 {
        self.pieces() / self.elapsed.as_secs_f64()
    }

    /// Microseconds of the stack's CPU time for each of them.
    pub(super) fn cpu(&self) -> f64 {
        self.server.used.as_secs_f64() * 1e6 / self.pieces()
    }

    /// The share of its core that the stack has used.
    pub(super) fn server_share(&self) -> f64 {
        self.server.used.as_secs_f64() / self.elapsed.as_secs_f64()
    }

    /// How busy the clients' core was.
    pub(super) fn client_share(&self) -> f64 {
        self.client.used.as_secs_f64() / self.elapsed.as_secs_f64()
    }

    /// The share of the time in which the stack or its clients waited for a core.
    pub(super) fn waiting_share(&self) -> f64 {
        self.server.waited.max(self.client.waited).as_secs_f64() / self.elapsed.as_secs_f64()
    }

    fn pieces(&self) -> f64 {
        if self.load == Load::Messages { self.messages as f64 } else { self.deliveries as f64 }
    }
}

/// Waits until clients have got so many messages to users and groups in all.
async fn arrived(stack: &Stack, expected: u64) -> Result<()> {
    let deadline = Instant::now() + PATIENCE;
    loop {
        let direct = stack.crowd.direct_deliveries();
        if direct == expected {
            return Ok(());
        }
        if direct > expected || Instant::now() > deadline {
            bail!("{direct} messages to users and groups have arrived, and {expected} were sent");
        }
        sleep(Duration::from_millis(5)).await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check_disturbance(dropped_packets: u64, messages: usize, expected: Option<Disturbance>) {
        assert_eq!(Disturbance::of(dropped_packets, messages, 250.0), expected);
    }

    #[test]
    fn a_slice_is_disturbed_by_dropped_packets_and_by_a_standstill() {
        check_disturbance(0, 250, None);
        check_disturbance(0, 188, None);
        check_disturbance(0, 187, Some(Disturbance::Standstill));
        check_disturbance(1, 250, Some(Disturbance::DroppedPackets));
        assert_eq!(Disturbance::of(0, 0, 0.0), None, "where nothing was to be sent");
    }
}
