//! One turn: start, warm up, call, read the clocks, end.

use std::time::Duration;

use anyhow::{Context as _, Result};
use serde::Serialize;
use tokio::time::Instant;

use super::Way;
use super::app::App;
use crate::callers::call;
use crate::machine::{Cores, CpuTime};
use crate::report::quantile;

/// What one turn has shown.
#[derive(Debug, Clone, Serialize)]
pub(super) struct Turn {
    pub(super) way: Way,
    /// From 0 on.
    pub(super) round: usize,
    pub(super) callers: usize,
    pub(super) calls: usize,
    pub(super) duration: Duration,
    pub(super) p50: Duration,
    pub(super) p99: Duration,
    /// Nothing when the handler was called directly.
    pub(super) host_cpu: CpuTime,
    pub(super) handler_cpu: CpuTime,
    /// Of the callers, who have a core of their own.
    pub(super) load_cpu: CpuTime,
}

impl Turn {
    pub(super) async fn measure(
        app: &App,
        way: Way,
        round: usize,
        callers: usize,
        (warm_up, duration): (Duration, Duration),
        cores: Cores,
    ) -> Result<Turn> {
        let running = app.start(way, cores).await.with_context(|| format!("{way:?}, {callers} callers"))?;
        call(running.address, &running.request, callers, warm_up).await?;
        let cpu = || -> Result<[CpuTime; 3]> {
            let host = running.host.map_or_else(|| Ok(CpuTime::default()), CpuTime::of)?;
            Ok([host, CpuTime::of(running.handler)?, CpuTime::of(std::process::id())?])
        };
        let (before, started) = (cpu()?, Instant::now());
        let times = call(running.address, &running.request, callers, duration).await?;
        let (duration, after) = (started.elapsed(), cpu()?);
        let [host_cpu, handler_cpu, load_cpu] = std::array::from_fn(|which| after[which].since(before[which]));
        running.stop().await?;
        let (calls, p50, p99) = (times.len(), quantile(&times, 0.5), quantile(&times, 0.99));
        Ok(Turn { way, round, callers, calls, duration, p50, p99, host_cpu, handler_cpu, load_cpu })
    }

    pub(super) fn rate(&self) -> f64 {
        self.calls as f64 / self.duration.as_secs_f64()
    }

    /// Calls for each second that host and handler have computed.
    pub(super) fn calls_per_cpu_second(&self) -> f64 {
        self.calls as f64 / (self.host_cpu.used + self.handler_cpu.used).as_secs_f64()
    }

    pub(super) fn host_cpu_per_call(&self) -> f64 {
        self.host_cpu.used.as_secs_f64() / self.calls as f64
    }

    pub(super) fn handler_cpu_per_call(&self) -> f64 {
        self.handler_cpu.used.as_secs_f64() / self.calls as f64
    }

    /// How busy the callers' core was.
    pub(super) fn load_share(&self) -> f64 {
        self.load_cpu.used.as_secs_f64() / self.duration.as_secs_f64()
    }
}

#[cfg(test)]
impl Turn {
    /// A turn of a second in which every call took so much CPU time of host and handler.
    pub(super) fn made_up(way: Way, round: usize, calls: usize, cpu_per_call: [Duration; 2]) -> Turn {
        let calls_of_cpu = u32::try_from(calls).expect("few calls");
        let [host_cpu, handler_cpu] =
            cpu_per_call.map(|cpu| CpuTime { used: cpu * calls_of_cpu, ..CpuTime::default() });
        let (duration, p50, p99) = (Duration::from_secs(1), Duration::ZERO, Duration::ZERO);
        let load_cpu = CpuTime::default();
        Turn { way, round, callers: 8, calls, duration, p50, p99, host_cpu, handler_cpu, load_cpu }
    }
}
