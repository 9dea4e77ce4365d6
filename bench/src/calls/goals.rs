//! The goals of the handler, and whether they were reached.
//!
//! CPU time per call is compared, within one round: it is what a plan of functions is paid by, and says the same
//! whether the callers or the handler were the limit.

use anyhow::{Context as _, Result};

use super::contract::Function;
use super::turn::Turn;
use crate::peers::{Kind, Peer};
use crate::report::{Absent, Judgement, Spread};

/// What the product may take of the CPU time of others, at most.
const AT_MOST: [(Kind, f64); 3] = [(Kind::Node, 0.40), (Kind::Bun, 0.80), (Kind::Axum, 1.15)];

/// Resident memory in bytes, at most.
const IDLE_MEMORY: f64 = 6e6;
const MEMORY_UNDER_LOAD: f64 = 10e6;

/// Bytes of the program, at most.
const SIZE: f64 = 8e6;

/// Holds the turns against every goal, ratios first.
pub(super) fn judge(turns: &[Turn], absent: &[Absent], peers: &[Peer]) -> Result<Vec<Judgement>> {
    let mut judgements = Vec::new();
    for function in [Function::Negotiate, Function::Broadcast] {
        judgements.extend(AT_MOST.map(|(other, most)| speed(turns, absent, function, other, most)));
    }
    judgements.push(memory(turns, "idle", IDLE_MEMORY, |turn| turn.idle_memory));
    judgements.push(memory(turns, "under load", MEMORY_UNDER_LOAD, |turn| turn.most_memory));
    if let Some(product) = peers.iter().find(|peer| peer.kind == Kind::Product) {
        let size = product.program.metadata().context("cannot see how large the handler is")?.len() as f64;
        judgements.push(program(size));
    }
    Ok(judgements)
}

/// The CPU time per call of one handler as a multiple of another's, round by round.
pub(super) fn ratio(turns: &[Turn], own: Kind, other: Kind, function: Function) -> Option<Spread> {
    let of = |kind| turns.iter().filter(move |turn| turn.kind == kind);
    let cpu = |turn: &Turn| turn.calls(function).cpu_per_call();
    let pairs = of(own).filter_map(|own| Some((own, of(other).find(|other| other.round == own.round)?)));
    Spread::of(pairs.map(|(own, other)| cpu(own) / cpu(other)))
}

fn speed(turns: &[Turn], absent: &[Absent], function: Function, other: Kind, most: f64) -> Judgement {
    let goal = format!("{}: at most {most} x the CPU time of {}", function.name(), other.label());
    match ratio(turns, Kind::Product, other, function) {
        Some(ratio) => Judgement::of(ratio.median <= most, goal, format!("{ratio:.2} x")),
        None => Judgement::skipped(goal, Absent::reason(absent, &[Kind::Product.label(), other.label()])),
    }
}

fn memory(turns: &[Turn], when: &str, most: f64, of: fn(&Turn) -> u64) -> Judgement {
    let goal = format!("at most {:.0} MB of memory {when}", most / 1e6);
    let own = turns.iter().filter(|turn| turn.kind == Kind::Product);
    match Spread::of(own.map(|turn| of(turn) as f64)) {
        Some(memory) => {
            Judgement::of(memory.median <= most, goal, format!("{:.1} MB", memory.map(|bytes| bytes / 1e6)))
        }
        None => Judgement::skipped(goal, "the handler had no turn".to_owned()),
    }
}

fn program(size: f64) -> Judgement {
    let goal = format!("the program has at most {:.0} MB", SIZE / 1e6);
    Judgement::of(size <= SIZE, goal, format!("{:.2} MB", size / 1e6))
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn turn(kind: Kind, round: usize, microseconds: u64) -> Turn {
        Turn::made_up(kind, round, Duration::from_micros(microseconds))
    }

    #[track_caller]
    fn check(turns: &[Turn], expected: &[&str]) {
        let absent = [Absent { name: "bun", reason: "it is not installed".to_owned() }];
        let line = |found: &Judgement| format!("{} {}: {}", found.outcome.name(), found.goal, found.found);
        let found: Vec<String> = judge(turns, &absent, &[]).unwrap().iter().map(line).collect();
        for expected in expected {
            assert!(found.iter().any(|found| found == expected), "`{expected}` is not in {found:#?}");
        }
    }

    #[test]
    fn ratios_are_taken_within_a_round_and_their_median_decides() {
        // The second round was twice as slow for everybody.
        let rounds = [(Kind::Product, 0, 20), (Kind::Node, 0, 50), (Kind::Node, 1, 100), (Kind::Product, 1, 40)];
        let turns = rounds.map(|(kind, round, microseconds)| turn(kind, round, microseconds));
        check(&turns, &["PASS negotiate: at most 0.4 x the CPU time of Node http: 0.40 (0.40-0.40) x"]);
        let turns = [turn(Kind::Product, 0, 24), turn(Kind::Axum, 0, 20)];
        check(&turns, &["FAIL broadcast: at most 1.15 x the CPU time of bare axum probe: 1.20 (1.20-1.20) x"]);
    }

    #[test]
    fn memory_is_the_products_own() {
        check(
            &[turn(Kind::Product, 0, 20)],
            &[
                "PASS at most 6 MB of memory idle: 5.0 (5.0-5.0) MB",
                "FAIL at most 10 MB of memory under load: 11.0 (11.0-11.0) MB",
            ],
        );
    }

    #[test]
    fn what_cannot_be_judged_says_why() {
        check(
            &[turn(Kind::Product, 0, 20)],
            &[
                "SKIP negotiate: at most 0.8 x the CPU time of bun: bun: it is not installed",
                "SKIP negotiate: at most 1.15 x the CPU time of bare axum probe: no round in which both had a turn",
            ],
        );
    }

    #[test]
    fn a_program_may_have_eight_megabytes() {
        assert_eq!(program(8e6).outcome.name(), "PASS");
        assert_eq!(program(8.1e6).outcome.name(), "FAIL");
    }
}
