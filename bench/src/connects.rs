//! `bench connect`: how fast clients get connected, and what a connect costs the server.
//!
//! A connect to the emulator is a negotiate, two checks of a token, an upgrade and a handshake; to `ws` and the probe it is
//! the upgrade alone, to socket.io the upgrade and its own greeting. The clients are those of the fan-out.

use std::time::Duration;

use anyhow::{Context as _, Result};
use serde::Serialize;
use tokio::time::sleep;

use crate::Verdict;
use crate::fanout;
use crate::load::crowd::Crowd;
use crate::machine::{self, Cores, CpuTime};
use crate::report::{Absent, Format, Judgement, Run, Spread, Summary, Table, progress};
use crate::server::{Kind, Server};

/// The share of the probe's rate that the product reaches at least.
const OF_PROBE: f64 = 0.5;

/// Connects per second of ASP.NET Core SignalR 3.1 with its handshake, on two cores: a figure from docs/performance.md, which
/// is not measured here.
const ASP_NET_CORE: f64 = 1900.0;

/// How many times that the product reaches, at least.
const OF_ASP_NET_CORE: f64 = 5.0;

/// How long a server is left alone between two crowds.
const REST: Duration = Duration::from_millis(300);

/// How to measure.
#[derive(Debug, clap::Args)]
pub(crate) struct Options {
    /// How often every server has its turn
    #[arg(long, default_value_t = 5)]
    rounds: usize,
    /// How many clients connect
    #[arg(long, default_value_t = 5000, value_name = "N")]
    clients: usize,
    /// How many connect and leave before that, for what compiles while it runs
    #[arg(long, default_value_t = 1000, value_name = "N")]
    warm_up: usize,
    /// Measure only this server; may be given more than once
    #[arg(long, value_enum, value_name = "SERVER")]
    only: Vec<Kind>,
    /// Write one JSON object per line instead of a report to read
    #[arg(long)]
    json: bool,
}

/// One crowd that has connected to one server.
#[derive(Debug, Serialize)]
struct Turn {
    kind: Kind,
    name: String,
    /// From 0 on.
    round: usize,
    clients: usize,
    /// From the first client's first byte to the last client's greeting.
    took: Duration,
    server: CpuTime,
    load: CpuTime,
}

/// Measures and reports.
pub(crate) async fn run(options: &Options) -> Result<Verdict> {
    machine::allow_clients(options.clients.max(options.warm_up))?;
    let (servers, skipped) = fanout::find(&options.only);
    let absent: Vec<Absent> = skipped.into_iter().map(Absent::from).collect();
    let mut run = Run::begin();
    let mut turns = Vec::new();
    for round in 0..options.rounds {
        for server in fanout::turns(&servers, round) {
            turns.push(turn(server, round, options, run.cores).await.with_context(|| server.name.clone())?);
            progress(&format!("round {}: {}", round + 1, server.name))?;
        }
    }
    run.end();
    let judgements = vec![against_probe(&turns, &absent), against_asp_net_core(&turns, &absent)];
    let tables = vec![table(&servers, &turns)];
    Summary { run, absent, judgements, tables, turns: &turns }.write(Format::of(options.json))
}

async fn turn(server: &Server, round: usize, options: &Options, cores: Cores) -> Result<Turn> {
    let running = server.start(cores).await?;
    let (crowd, _) = Crowd::connect(&running.target, options.warm_up).await?;
    crowd.leave().await;
    sleep(REST).await;
    let cpu = || anyhow::Ok((CpuTime::of(running.pid)?, CpuTime::of(std::process::id())?));
    let before = cpu()?;
    let (crowd, took) = Crowd::connect(&running.target, options.clients).await?;
    let after = cpu()?;
    crowd.leave().await;
    running.stop().await?;
    let (server_cpu, load) = (after.0.since(before.0), after.1.since(before.1));
    let (kind, name, clients) = (server.kind, server.name.clone(), options.clients);
    Ok(Turn { kind, name, round, clients, took, server: server_cpu, load })
}

impl Turn {
    fn rate(&self) -> f64 {
        self.clients as f64 / self.took.as_secs_f64()
    }

    /// Microseconds of the server's CPU time.
    fn cpu_per_connect(&self) -> f64 {
        self.server.used.as_secs_f64() * 1e6 / self.clients as f64
    }

    fn load_share(&self) -> f64 {
        self.load.used.as_secs_f64() / self.took.as_secs_f64()
    }

    fn waiting_share(&self) -> f64 {
        self.server.waited.max(self.load.waited).as_secs_f64() / self.took.as_secs_f64()
    }
}

fn against_probe(turns: &[Turn], absent: &[Absent]) -> Judgement {
    let goal = format!("at least {OF_PROBE} x the connects/s of the raw-socket probe");
    let of = |kind| turns.iter().filter(move |turn| turn.kind == kind);
    let pairs =
        || of(Kind::Product).filter_map(|own| Some((own, of(Kind::Probe).find(|probe| probe.round == own.round)?)));
    let rate = Spread::of(pairs().map(|(own, probe)| own.rate() / probe.rate()));
    let cpu = Spread::of(pairs().map(|(own, probe)| probe.cpu_per_connect() / own.cpu_per_connect()));
    match (rate, cpu) {
        (Some(rate), Some(cpu)) => {
            let found =
                format!("{rate:.2} x; {cpu:.2} x in connects per CPU time, of which the probe's are only upgrades");
            Judgement::of(rate.median >= OF_PROBE, goal, found)
        }
        _ => Judgement::skipped(goal, Absent::reason(absent, &["signalr-emulator", "raw-socket probe"])),
    }
}

fn against_asp_net_core(turns: &[Turn], absent: &[Absent]) -> Judgement {
    let goal = format!("at least {OF_ASP_NET_CORE} x ASP.NET Core SignalR 3.1");
    let own = turns.iter().filter(|turn| turn.kind == Kind::Product);
    let Some(ratio) = Spread::of(own.map(|turn| turn.rate() / ASP_NET_CORE)) else {
        return Judgement::skipped(goal, Absent::reason(absent, &["signalr-emulator"]));
    };
    let found = format!("{ratio:.1} x {ASP_NET_CORE} connects/s, a figure from elsewhere and not of this run");
    Judgement::of(ratio.median >= OF_ASP_NET_CORE, goal, found)
}

fn table(servers: &[Server], turns: &[Turn]) -> Table {
    let columns = ["connects/s", "server CPU us/connect", "load's share of a core", "waiting for a core"];
    let mut table = Table::new("Connects", &columns);
    for server in servers {
        let of =
            |figure: fn(&Turn) -> f64| Spread::of(turns.iter().filter(|turn| turn.kind == server.kind).map(figure));
        let figures = [(of(Turn::rate), 0), (of(Turn::cpu_per_connect), 0), (of(Turn::load_share), 2)];
        let [rate, cpu, load] = figures;
        table.row(&server.name, [rate, cpu, load, (of(Turn::waiting_share), 2)]);
    }
    table
}

#[cfg(test)]
mod tests {
    use super::*;

    fn turn(kind: Kind, round: usize, milliseconds: u64) -> Turn {
        let took = Duration::from_millis(milliseconds);
        let server = CpuTime { used: took, ..CpuTime::default() };
        Turn { kind, name: String::new(), round, clients: 1000, took, server, load: CpuTime::default() }
    }

    #[test]
    fn rates_are_compared_within_a_round_and_with_the_stated_figure() {
        let turns = [turn(Kind::Product, 0, 100), turn(Kind::Probe, 0, 50), turn(Kind::Product, 1, 110)];
        let probe = against_probe(&turns, &[]);
        assert_eq!(probe.outcome.name(), "PASS");
        assert!(probe.found.starts_with("0.50 (0.50-0.50) x; 0.50 (0.50-0.50) x in"), "{}", probe.found);
        let stated = against_asp_net_core(&turns[2..], &[]);
        assert_eq!((stated.outcome.name(), stated.found.starts_with("4.8 (4.8-4.8) x 1900")), ("FAIL", true));
    }

    #[test]
    fn without_the_probe_there_is_no_ratio() {
        let judgement = against_probe(&[turn(Kind::Product, 0, 100)], &[]);
        assert_eq!((judgement.outcome.name(), judgement.found.as_str()), ("SKIP", "no round in which both had a turn"));
    }
}
