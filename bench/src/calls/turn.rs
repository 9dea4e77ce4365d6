//! One turn of one handler: start, read its memory, compare its answers, then call each function.

use std::time::Duration;

use anyhow::{Context as _, Result};
use serde::Serialize;
use tokio::time::{Instant, sleep};

use super::contract::{self, Function};
use crate::callers::call;
use crate::machine::{self, Cores, CpuTime};
use crate::peers::{Kind, Peer, Running};
use crate::report::quantile;

/// How long a handler is left alone before its idle memory is read.
const REST: Duration = Duration::from_millis(300);

/// What one turn has shown.
#[derive(Debug, Clone, Serialize)]
pub(super) struct Turn {
    pub(super) kind: Kind,
    pub(super) name: String,
    /// From 0 on.
    pub(super) round: usize,
    /// In bytes, before any call.
    pub(super) idle_memory: u64,
    /// The most that it ever had, in bytes.
    pub(super) most_memory: u64,
    functions: Vec<Calls>,
}

/// The calls of one function.
#[derive(Debug, Clone, Serialize)]
pub(super) struct Calls {
    function: Function,
    calls: usize,
    duration: Duration,
    pub(super) p50: Duration,
    pub(super) p99: Duration,
    handler_cpu: CpuTime,
    /// Of the callers, who have a core of their own.
    load_cpu: CpuTime,
}

impl Turn {
    /// # Errors
    /// When the handler does not start, gives a wrong answer, or none.
    pub(super) async fn measure(
        peer: &Peer,
        round: usize,
        callers: usize,
        durations: (Duration, Duration),
        cores: Cores,
    ) -> Result<Self> {
        let running = peer.start(cores).await?;
        sleep(REST).await;
        let idle_memory = machine::resident(running.pid)?;
        contract::check(running.address).await.context("does not do the same work")?;
        let mut functions = Vec::new();
        for function in Function::ALL {
            functions.push(Calls::measure(&running, function, callers, durations).await?);
        }
        let most_memory = machine::most_resident(running.pid)?;
        running.stop().await?;
        Ok(Self { kind: peer.kind, name: peer.name.clone(), round, idle_memory, most_memory, functions })
    }

    /// Of one function; every turn has all of them.
    pub(super) fn calls(&self, function: Function) -> &Calls {
        self.functions.iter().find(|calls| calls.function == function).expect("every turn calls every function")
    }
}

impl Calls {
    async fn measure(
        running: &Running,
        function: Function,
        callers: usize,
        (warm_up, duration): (Duration, Duration),
    ) -> Result<Self> {
        let request = function.request();
        call(running.address, &request, callers, warm_up).await?;
        let cpu = || anyhow::Ok((CpuTime::of(running.pid)?, CpuTime::of(std::process::id())?));
        let (before, started) = (cpu()?, Instant::now());
        let times = call(running.address, &request, callers, duration).await?;
        let (duration, after) = (started.elapsed(), cpu()?);
        Ok(Self {
            function,
            calls: times.len(),
            duration,
            p50: quantile(&times, 0.5),
            p99: quantile(&times, 0.99),
            handler_cpu: after.0.since(before.0),
            load_cpu: after.1.since(before.1),
        })
    }

    pub(super) fn rate(&self) -> f64 {
        self.calls as f64 / self.duration.as_secs_f64()
    }

    /// Seconds of the handler's CPU time.
    pub(super) fn cpu_per_call(&self) -> f64 {
        self.handler_cpu.used.as_secs_f64() / self.calls as f64
    }

    /// How busy the callers' core was.
    pub(super) fn load_share(&self) -> f64 {
        self.load_cpu.used.as_secs_f64() / self.duration.as_secs_f64()
    }

    /// The share of the time in which the handler or the load had to wait for a core, whichever waited longer.
    pub(super) fn waiting_share(&self) -> f64 {
        self.handler_cpu.waited.max(self.load_cpu.waited).as_secs_f64() / self.duration.as_secs_f64()
    }
}

#[cfg(test)]
impl Turn {
    /// A turn in which every call took so much of the handler's CPU time.
    pub(super) fn made_up(kind: Kind, round: usize, cpu_per_call: Duration) -> Self {
        let functions = Function::ALL.map(|function| Calls {
            function,
            calls: 1000,
            duration: Duration::from_secs(1),
            p50: Duration::ZERO,
            p99: Duration::ZERO,
            handler_cpu: CpuTime { used: cpu_per_call * 1000, ..CpuTime::default() },
            load_cpu: CpuTime::default(),
        });
        let name = kind.label().to_owned();
        Self { kind, name, round, idle_memory: 5_000_000, most_memory: 11_000_000, functions: functions.into() }
    }
}
