//! `bench fanout`: one message to everybody, again and again.
//!
//! Every server is started afresh for every measurement and all take turns, in the opposite order in every other round,
//! so that a busy minute of the machine hits all of them.

mod session;

use std::time::Duration;

use anyhow::Result;
use serde::Serialize;

use crate::Verdict;
use crate::machine::{self, Cores, Surroundings};
use crate::report::{self, Format, Measurement, Report, Skipped};
use crate::server::{Kind, Server};

pub(crate) use session::{Session, measure};

/// How to measure.
#[derive(Debug, clap::Args)]
pub(crate) struct Options {
    /// How often every server has its turn
    #[arg(long, default_value_t = 5)]
    rounds: usize,
    /// How many clients; may be given more than once. Up to 1,000 receive 200 bytes, more receive 2 KiB
    #[arg(long, default_values_t = [1000, 10_000], value_name = "N")]
    clients: Vec<usize>,
    /// How many bytes they receive instead
    #[arg(long, value_name = "BYTES")]
    payload: Option<usize>,
    /// How long broadcasts are published at each pace
    #[arg(long, default_value_t = 3)]
    seconds: u64,
    /// How long they are published before that, for what compiles while it runs
    #[arg(long, default_value_t = 2, value_name = "SECONDS")]
    warm_up: u64,
    /// Measure only this server; may be given more than once
    #[arg(long, value_enum, value_name = "SERVER")]
    only: Vec<Kind>,
    /// Write one JSON object per line instead of a report to read
    #[arg(long)]
    json: bool,
}

/// How many clients receive how much.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub(crate) struct Scenario {
    pub(crate) clients: usize,
    /// Bytes of JSON that are published, without what the protocol adds.
    pub(crate) payload: usize,
}

/// How long the parts of a session take.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Durations {
    pub(crate) warm_up: Duration,
    pub(crate) phase: Duration,
    /// The same where there is no hurry.
    pub(crate) unhurried: Duration,
}

/// Enough for a hundred updates, 20 a second: of fewer the slowest one would be the p99.
const UNHURRIED: Duration = Duration::from_secs(5);

impl Scenario {
    /// The message that goes with a number of clients: 2 KiB is what Azure counts as one (signalr-service 6).
    pub(crate) fn of(clients: usize) -> Self {
        Self { clients, payload: if clients <= 1000 { 200 } else { 2048 } }
    }
}

impl Options {
    fn scenarios(&self) -> impl Iterator<Item = Scenario> {
        let usual = self.clients.iter().copied().map(Scenario::of);
        usual.map(|usual| Scenario { payload: self.payload.unwrap_or(usual.payload), ..usual })
    }

    fn durations(&self) -> Durations {
        let phase = Duration::from_secs(self.seconds.max(1));
        Durations { warm_up: Duration::from_secs(self.warm_up), phase, unhurried: phase.max(UNHURRIED) }
    }
}

/// Measures and reports.
pub(crate) async fn run(options: &Options) -> Result<Verdict> {
    machine::allow_clients(options.clients.iter().copied().max().unwrap_or_default())?;
    let (servers, skipped) = find(&options.only);
    let mut report = Report {
        surroundings: Surroundings::look(),
        cores: Cores::divide(),
        load_average_before: machine::load_average(),
        load_average_after: f64::NAN,
        rounds: options.rounds,
        durations: options.durations(),
        skipped,
        measurements: Vec::new(),
    };
    for round in 0..options.rounds {
        for scenario in options.scenarios() {
            for server in turns(&servers, round) {
                report.measurements.push(measurement(server, round, scenario, &report).await?);
            }
        }
    }
    report.load_average_after = machine::load_average();
    report::write(&report, Format::of(options.json))
}

/// The servers that are there, and those that are not.
pub(crate) fn find(only: &[Kind]) -> (Vec<Server>, Vec<Skipped>) {
    let (mut servers, mut skipped) = (Vec::new(), Vec::new());
    for kind in [Kind::Product, Kind::Probe, Kind::Bun, Kind::Ws, Kind::SocketIo] {
        if !only.is_empty() && !only.contains(&kind) {
            skipped.push(Skipped { kind, reason: "not asked for".to_owned() });
            continue;
        }
        match kind.find() {
            Ok(server) => servers.push(server),
            Err(error) => skipped.push(Skipped { kind, reason: format!("{error:#}") }),
        }
    }
    (servers, skipped)
}

/// The servers in the order of a round.
pub(crate) fn turns(servers: &[Server], round: usize) -> Vec<&Server> {
    let mut order: Vec<&Server> = servers.iter().collect();
    if round % 2 == 1 {
        order.reverse();
    }
    order
}

/// One turn. A server that fails its turn is part of the report and does not end the run.
async fn measurement(server: &Server, round: usize, scenario: Scenario, report: &Report) -> Result<Measurement> {
    let load_average = machine::load_average();
    let result = measure(server, scenario, report.durations, report.cores).await;
    let result = result.map_err(|error| format!("{error:#}"));
    report::progress(&format!("round {}: {}, {} clients", round + 1, server.name, scenario.clients))?;
    Ok(Measurement { kind: server.kind, name: server.name.clone(), round, scenario, load_average, result })
}
