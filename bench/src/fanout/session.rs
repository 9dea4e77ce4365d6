//! One turn of one server: start, connect everybody, broadcast at each pace, count, end.

use std::time::Duration;

use anyhow::{Result, bail};
use serde::Serialize;
use tokio::time::sleep;

use super::{Durations, Scenario};
use crate::load::crowd::Crowd;
use crate::load::phase::{Pace, Phase};
use crate::machine::{self, Cores, CpuTime};
use crate::server::{Running, Server};

/// How long a server is left alone before its memory is read, and before its deliveries are counted for the last time:
/// what arrives twice arrives late.
const REST: Duration = Duration::from_millis(300);

/// What one turn has shown.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Session {
    /// From the first client's first byte to the last client's greeting.
    pub(crate) connecting: Duration,
    /// Of the server meanwhile.
    pub(crate) connecting_cpu: CpuTime,
    /// What the connections have added to the server's memory, in bytes, before any message.
    pub(crate) idle_memory: u64,
    /// What connections and broadcasts have added to it when the last broadcast has arrived.
    pub(crate) loaded_memory: u64,
    /// One for each of [`Pace::with`] so many clients.
    pub(crate) phases: Vec<Phase>,
    /// All deliveries, those of the warm-up too.
    pub(crate) deliveries: u64,
}

impl Session {
    pub(crate) fn phase(&self, pace: Pace) -> Option<&Phase> {
        self.phases.iter().find(|phase| phase.pace == pace)
    }
}

/// Gives a server its turn.
///
/// # Errors
/// When anything was lost, doubled, cut or refused: a figure of such a turn would mean nothing.
pub(crate) async fn measure(
    server: &Server,
    scenario: Scenario,
    durations: Durations,
    cores: Cores,
) -> Result<Session> {
    let running = server.start(cores).await?;
    sleep(REST).await;
    let (memory, cpu) = (machine::resident(running.pid)?, CpuTime::of(running.pid)?);
    let (crowd, connecting) = Crowd::connect(&running.target, scenario.clients).await?;
    let connecting_cpu = CpuTime::of(running.pid)?.since(cpu);
    sleep(REST).await;
    let idle_memory = machine::resident(running.pid)?.saturating_sub(memory);
    let phases = broadcast(&running, &crowd, scenario, durations).await?;
    sleep(REST).await;
    if let Some(complaint) = crowd.complaint() {
        bail!(complaint);
    }
    let loaded_memory = machine::resident(running.pid)?.saturating_sub(memory);
    let deliveries = crowd.deliveries();
    crowd.leave().await;
    running.stop().await?;
    Ok(Session { connecting, connecting_cpu, idle_memory, loaded_memory, phases, deliveries })
}

async fn broadcast(running: &Running, crowd: &Crowd, scenario: Scenario, durations: Durations) -> Result<Vec<Phase>> {
    let phase = |pace, duration| Phase::run(crowd, running.pid, pace, scenario.payload, duration);
    let mut phases = Vec::new();
    for pace in Pace::with(scenario.clients) {
        phase(pace, durations.warm_up / 2).await?;
        let duration = if pace == Pace::TwentyPerSecond { durations.unhurried } else { durations.phase };
        phases.push(phase(pace, duration).await?);
    }
    Ok(phases)
}
