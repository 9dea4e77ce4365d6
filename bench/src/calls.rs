//! `bench handler`: what a call costs the handler, beside handlers that do the same work in other ways.
//!
//! Every handler is started afresh in every round and all take turns, in the opposite order in every other round. Each is
//! asked whether it gives the right answers before it is timed: a faster answer to another question is no answer.

mod contract;
mod goals;
mod turn;

use std::time::Duration;

use anyhow::{Context as _, Result};

use crate::Verdict;
use crate::machine;
use crate::peers::{self, Kind, Peer};
use crate::report::{Format, Run, Spread, Summary, Table, progress};

pub(crate) use contract::Function;
use turn::{Calls, Turn};

/// How to measure.
#[derive(Debug, clap::Args)]
pub(crate) struct Options {
    /// How often every handler has its turn
    #[arg(long, default_value_t = 5)]
    rounds: usize,
    /// How many callers wait for an answer at the same time
    #[arg(long, default_value_t = 16, value_name = "N")]
    callers: usize,
    /// How long each function is called
    #[arg(long, default_value_t = 1)]
    seconds: u64,
    /// How long it is called before that, for what compiles while it runs
    #[arg(long, default_value_t = 1, value_name = "SECONDS")]
    warm_up: u64,
    /// Measure only this handler; may be given more than once
    #[arg(long, value_enum, value_name = "HANDLER")]
    only: Vec<Kind>,
    /// Write one JSON object per line instead of a report to read
    #[arg(long)]
    json: bool,
}

/// Measures and reports.
pub(crate) async fn run(options: &Options) -> Result<Verdict> {
    machine::allow_clients(options.callers)?;
    let (peers, absent) = peers::find(&options.only);
    let mut run = Run::begin();
    let durations = (Duration::from_secs(options.warm_up), Duration::from_secs(options.seconds.max(1)));
    let mut turns = Vec::new();
    for round in 0..options.rounds {
        for peer in peers::turns(&peers, round) {
            let turn = Turn::measure(peer, round, options.callers, durations, run.cores).await;
            turns.push(turn.with_context(|| peer.name.clone())?);
            progress(&format!("round {}: {}", round + 1, peer.name))?;
        }
    }
    run.end();
    let judgements = goals::judge(&turns, &absent, &peers)?;
    let tables = tables(&peers, &turns);
    let summary = Summary { run, absent, judgements, tables, turns: &turns };
    summary.write(Format::of(options.json))
}

fn tables(peers: &[Peer], turns: &[Turn]) -> Vec<Table> {
    let mut tables: Vec<Table> = Function::ALL.map(|function| of_function(peers, turns, function)).into();
    tables.push(of_memory(peers, turns));
    tables
}

fn of_function(peers: &[Peer], turns: &[Turn], function: Function) -> Table {
    let columns =
        ["CPU us/call", "x Node http", "calls/s", "p50 us", "p99 us", "load's share of a core", "waiting for a core"];
    let mut table = Table::new(&format!("`{}`, one call", function.name()), &columns);
    for peer in peers {
        let of = |of: &dyn Fn(&Calls) -> f64| {
            let calls = turns.iter().filter(|turn| turn.kind == peer.kind).map(|turn| turn.calls(function));
            Spread::of(calls.map(of))
        };
        let ratio = goals::ratio(turns, peer.kind, Kind::Node, function);
        table.row(
            &peer.name,
            [
                (of(&|calls| calls.cpu_per_call() * 1e6), 1),
                (ratio, 2),
                (of(&Calls::rate), 0),
                (of(&|calls| calls.p50.as_secs_f64() * 1e6), 0),
                (of(&|calls| calls.p99.as_secs_f64() * 1e6), 0),
                (of(&Calls::load_share), 2),
                (of(&Calls::waiting_share), 2),
            ],
        );
    }
    table
}

fn of_memory(peers: &[Peer], turns: &[Turn]) -> Table {
    let mut table = Table::new("resident memory, MB", &["idle", "at most, under load"]);
    for peer in peers {
        let of = |of: fn(&Turn) -> u64| {
            let turns = turns.iter().filter(|turn| turn.kind == peer.kind);
            Spread::of(turns.map(|turn| of(turn) as f64 / 1e6))
        };
        table.row(&peer.name, [(of(|turn| turn.idle_memory), 1), (of(|turn| turn.most_memory), 1)]);
    }
    table
}
