//! `bench cold-start`: from the start of the process to the first answered call.
//!
//! That is how long the first caller waits for an instance that did not exist. All take turns; the clock starts before the
//! process does and stops with the last byte of the answer to a `negotiate`, which is asked for again and again until
//! somebody listens.

use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail};
use serde::Serialize;
use tokio::net::TcpStream;

use crate::Verdict;
use crate::callers::Request;
use crate::calls::Function;
use crate::machine::{self, Cores};
use crate::peers::{self, Kind, Peer};
use crate::report::{Absent, Format, Judgement, Run, Spread, Summary, Table, progress};
use crate::server::free_address;

/// How long a handler may take to answer.
const PATIENCE: Duration = Duration::from_secs(20);

/// Between two attempts to connect: short beside the fastest start, and still a pause for a core that is shared.
const PAUSE: Duration = Duration::from_micros(50);

/// How long others get to rest from what an ended process leaves to be cleaned up.
const REST: Duration = Duration::from_millis(20);

/// The handler answers within so many seconds, at most.
const AT_MOST: f64 = 0.004;

/// How many times faster than Node it is, at least.
const FASTER_THAN_NODE: f64 = 40.0;

/// How to measure.
#[derive(Debug, clap::Args)]
pub(crate) struct Options {
    /// How often every handler is started
    #[arg(long, default_value_t = 30)]
    rounds: usize,
    /// Measure only this handler; may be given more than once
    #[arg(long, value_enum, value_name = "HANDLER")]
    only: Vec<Kind>,
    /// Write one JSON object per line instead of a report to read
    #[arg(long)]
    json: bool,
}

/// One start of one handler.
#[derive(Debug, Serialize)]
struct Start {
    kind: Kind,
    name: String,
    /// From 0 on.
    round: usize,
    took: Duration,
    /// Resident bytes, once it has answered.
    memory: u64,
}

/// Measures and reports.
pub(crate) async fn run(options: &Options) -> Result<Verdict> {
    let (peers, absent) = peers::find(&options.only);
    let mut run = Run::begin();
    let mut starts = Vec::new();
    for round in 0..options.rounds {
        for peer in peers::turns(&peers, round) {
            starts.push(start(peer, round, run.cores).await.with_context(|| peer.name.clone())?);
        }
        progress(&format!("round {}", round + 1))?;
    }
    run.end();
    let judgements = judge(&starts, &absent);
    let tables = vec![table(&peers, &starts)];
    Summary { run, absent, judgements, tables, turns: &starts }.write(Format::of(options.json))
}

async fn start(peer: &Peer, round: usize, cores: Cores) -> Result<Start> {
    let address = free_address().context("there is no free port")?;
    let (mut command, request) = (peer.command(address.port()), Function::Negotiate.request());
    let started = Instant::now();
    let mut process = cores.spawn_on_server_core(&mut command)?;
    let answer = loop {
        match TcpStream::connect(address).await {
            Ok(mut stream) => break first_answer(&mut stream, &request).await,
            Err(_) if started.elapsed() > PATIENCE => bail!("does not listen after {} s", PATIENCE.as_secs()),
            Err(_) => std::thread::sleep(PAUSE),
        }
    };
    let took = started.elapsed();
    let memory = machine::resident(process.id());
    // Whatever has gone wrong, no process stays behind.
    process.kill().and_then(|()| process.wait().map(drop)).context("cannot end the handler")?;
    answer?;
    std::thread::sleep(REST);
    Ok(Start { kind: peer.kind, name: peer.name.clone(), round, took, memory: memory? })
}

async fn first_answer(stream: &mut TcpStream, request: &Request) -> Result<()> {
    stream.set_nodelay(true)?;
    request.answer(stream).await.map(drop)
}

fn judge(starts: &[Start], absent: &[Absent]) -> Vec<Judgement> {
    let goal = format!("the first answer within {} ms of the start", AT_MOST * 1e3);
    let own = of(starts, Kind::Product, |start| start.took.as_secs_f64());
    let own = own.map_or_else(
        || Judgement::skipped(goal.clone(), Absent::reason(absent, &[Kind::Product.label()])),
        |own| Judgement::of(own.median <= AT_MOST, goal.clone(), format!("{:.2} ms", own.map(|seconds| seconds * 1e3))),
    );
    let goal = format!("at least {FASTER_THAN_NODE} x as fast as {}", Kind::Node.label());
    let ratio = faster(starts, Kind::Node).map_or_else(
        || Judgement::skipped(goal.clone(), Absent::reason(absent, &[Kind::Product.label(), Kind::Node.label()])),
        |ratio| Judgement::of(ratio.median >= FASTER_THAN_NODE, goal.clone(), format!("{ratio:.0} x")),
    );
    vec![own, ratio]
}

/// How many times longer the other has taken, round by round.
fn faster(starts: &[Start], other: Kind) -> Option<Spread> {
    let took = |kind, round| {
        let start = starts.iter().find(|start| start.kind == kind && start.round == round)?;
        Some(start.took.as_secs_f64())
    };
    let rounds = starts.iter().filter(|start| start.kind == Kind::Product).map(|start| start.round);
    Spread::of(rounds.filter_map(|round| Some(took(other, round)? / took(Kind::Product, round)?)))
}

fn of(starts: &[Start], kind: Kind, figure: fn(&Start) -> f64) -> Option<Spread> {
    Spread::of(starts.iter().filter(|start| start.kind == kind).map(figure))
}

fn table(peers: &[Peer], starts: &[Start]) -> Table {
    let columns = ["ms to the first answer", "x the handler", "resident MB then"];
    let mut table = Table::new("From the start of the process to the first answered call", &columns);
    for peer in peers {
        let took = of(starts, peer.kind, |start| start.took.as_secs_f64() * 1e3);
        let memory = of(starts, peer.kind, |start| start.memory as f64 / 1e6);
        table.row(&peer.name, [(took, 2), (faster(starts, peer.kind), 1), (memory, 1)]);
    }
    table
}

#[cfg(test)]
mod tests {
    use super::*;

    fn start(kind: Kind, round: usize, milliseconds: u64) -> Start {
        let took = Duration::from_millis(milliseconds);
        Start { kind, name: kind.label().to_owned(), round, took, memory: 0 }
    }

    #[track_caller]
    fn check(starts: &[Start], expected: [&str; 2]) {
        let absent = [Absent { name: "Node http", reason: "Node.js is not installed".to_owned() }];
        let line = |found: &Judgement| format!("{} {}: {}", found.outcome.name(), found.goal, found.found);
        assert_eq!(judge(starts, &absent).iter().map(line).collect::<Vec<_>>(), expected);
    }

    #[test]
    fn the_handler_is_held_against_the_clock_and_against_node() {
        let both = [start(Kind::Product, 0, 4), start(Kind::Node, 0, 160)];
        check(
            &both,
            [
                "PASS the first answer within 4 ms of the start: 4.00 (4.00-4.00) ms",
                "PASS at least 40 x as fast as Node http: 40 (40-40) x",
            ],
        );
        check(
            &[start(Kind::Product, 0, 5)],
            [
                "FAIL the first answer within 4 ms of the start: 5.00 (5.00-5.00) ms",
                "SKIP at least 40 x as fast as Node http: Node http: Node.js is not installed",
            ],
        );
    }
}
