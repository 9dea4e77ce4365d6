//! The goals, and whether they were reached.
//!
//! A goal about speed is a ratio of two servers in the same round. Where the load was saturated, or something else used
//! the cores, a rate says little about a server any more, so CPU time per delivery is compared instead. And where the
//! kernel dropped packets, everybody waited for its timers: such a round has no rate.

use std::collections::HashMap;
use std::fmt;

use super::Report;
use super::judgement::Judgement;
use super::statistics::{Spread, quantile};
use crate::fanout::{Scenario, Session};
use crate::load::phase::{Pace, Phase};
use crate::server::Kind;

/// The product is ahead of its peers.
const OF_PEER: f64 = 1.0;

/// The product is level with bun, as far as turns on one machine can tell.
const OF_BUN: f64 = 0.95;

/// Bytes of the server's memory per idle connection, at most: 5 KiB.
const IDLE_MEMORY: f64 = 5.0 * 1024.0;

/// The same after the load: 8 KiB.
const LOADED_MEMORY: f64 = 8.0 * 1024.0;

/// With fewer clients than this, what a server allocates once counts for too much.
const ENOUGH_FOR_MEMORY: usize = 10_000;

/// How much longer than the probe's the slowest of a hundred updates may take.
const OF_PROBES_LATENCY: f64 = 1.2;

/// How much more a delivery may cost with the most connections than with the fewest.
const GROWTH: f64 = 1.15;

/// From here on the load is saturated.
const SATURATED: f64 = 0.95;

/// From here on something else has used too much of the cores.
const DISTURBED: f64 = 0.1;

/// Two servers, round by round; above 1 the product is ahead.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Comparison {
    rate: Spread,
    cpu: Spread,
    /// Why the rates do not count, if they do not.
    objection: Option<&'static str>,
    /// Rounds whose rates are left out because the kernel dropped packets.
    left_out: usize,
}

/// Holds the report against every goal, ratios first.
pub(super) fn judge(report: &Report) -> Vec<Judgement> {
    let mut judgements = Vec::new();
    for scenario in report.scenarios() {
        for pace in Pace::with(scenario.clients) {
            match share_of_probe(scenario, pace) {
                Some(share) => judgements.extend(speeds(report, scenario, pace, share)),
                None => judgements.push(latency(report, scenario, pace)),
            }
        }
    }
    for scenario in report.scenarios() {
        judgements.push(memory(report, scenario, "per idle connection", IDLE_MEMORY, |session| session.idle_memory));
        let after = "per connection after the load";
        judgements.push(memory(report, scenario, after, LOADED_MEMORY, |session| session.loaded_memory));
    }
    judgements.extend(growth(report));
    judgements.push(completeness(report));
    judgements
}

/// How much of the probe's speed the product reaches at least; `None` where speed is given.
fn share_of_probe(scenario: Scenario, pace: Pace) -> Option<f64> {
    match pace {
        Pace::TwentyPerSecond => None,
        _ if scenario.clients >= ENOUGH_FOR_MEMORY => Some(0.75),
        Pace::OneAtATime => Some(0.95),
        Pace::EightInFlight => Some(0.85),
    }
}

fn speeds(report: &Report, scenario: Scenario, pace: Pace, of_probe: f64) -> impl Iterator<Item = Judgement> {
    let others = [(Kind::Probe, of_probe), (Kind::Bun, OF_BUN), (Kind::Ws, OF_PEER), (Kind::SocketIo, OF_PEER)];
    others.into_iter().map(move |(kind, least)| speed(report, scenario, pace, kind, least))
}

fn speed(report: &Report, scenario: Scenario, pace: Pace, other: Kind, least: f64) -> Judgement {
    let name = report.servers().into_iter().find(|(kind, _)| *kind == other).map(|(_, name)| name.to_owned());
    let name = name.unwrap_or_else(|| label(other).to_owned());
    let goal = match other {
        Kind::Probe | Kind::Bun => format!("{}, {}: at least {least} x {name}", describe(scenario), pace.name()),
        _ => format!("{}, {}: ahead of {name}", describe(scenario), pace.name()),
    };
    let pairs = pairs(report, scenario, pace, other);
    let Some(comparison) = Comparison::of(&pairs) else {
        return Judgement::skipped(goal, absence(report, other));
    };
    let ratio = comparison.decisive().median;
    let reached = if least < OF_PEER { ratio >= least } else { ratio > least };
    Judgement::of(reached, goal, comparison.to_string())
}

/// The phases of the product and of another server that were measured in the same round.
fn pairs(report: &Report, scenario: Scenario, pace: Pace, other: Kind) -> Vec<(&Phase, &Phase)> {
    let others: HashMap<usize, &Session> = report.sessions(scenario, other).collect();
    let own = report.sessions(scenario, Kind::Product);
    own.filter_map(|(round, own)| Some((own.phase(pace)?, others.get(&round)?.phase(pace)?))).collect()
}

impl Comparison {
    /// `None` where there are no pairs.
    fn of(pairs: &[(&Phase, &Phase)]) -> Option<Self> {
        let highest = |of: fn(&Phase) -> f64| {
            let own = Spread::of(pairs.iter().map(|(own, _)| of(own)))?.median;
            Some(own.max(Spread::of(pairs.iter().map(|(_, other)| of(other)))?.median))
        };
        let objection = if highest(Phase::load_share)? >= SATURATED {
            Some("the load was saturated")
        } else if highest(Phase::waiting_share)? >= DISTURBED {
            Some("something else used the cores")
        } else if pairs.iter().all(has_drops) {
            Some("the kernel dropped packets")
        } else {
            None
        };
        let left_out = pairs.iter().filter(|pair| has_drops(pair)).count() % pairs.len();
        let timed = pairs.iter().filter(|pair| left_out == 0 || !has_drops(pair));
        Some(Self {
            rate: Spread::of(timed.map(|(own, other)| own.rate() / other.rate()))?,
            cpu: Spread::of(pairs.iter().map(|(own, other)| other.cpu_per_delivery() / own.cpu_per_delivery()))?,
            objection,
            left_out,
        })
    }

    /// What the goal is judged by.
    fn decisive(&self) -> Spread {
        if self.objection.is_some() { self.cpu } else { self.rate }
    }
}

impl fmt::Display for Comparison {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { rate, cpu, objection, left_out } = self;
        write!(formatter, "{rate:.2} in deliveries/s")?;
        if *left_out > 0 {
            write!(formatter, " (without {left_out} in which the kernel dropped packets)")?;
        }
        write!(formatter, ", {cpu:.2} in deliveries per CPU time")?;
        match objection {
            Some(objection) => write!(formatter, " (judged by CPU time: {objection})"),
            None => Ok(()),
        }
    }
}

fn has_drops((own, other): &(&Phase, &Phase)) -> bool {
    own.dropped_packets + other.dropped_packets > 0
}

/// From the publish to the last of all clients. A machine that stands still for a moment is in the p99 of that round only.
fn latency(report: &Report, scenario: Scenario, pace: Pace) -> Judgement {
    let name = label(Kind::Probe);
    let goal = format!("{}, {}: p99 at most {OF_PROBES_LATENCY} x {name}", describe(scenario), pace.name());
    let pairs = pairs(report, scenario, pace, Kind::Probe);
    let seconds = |phase: &Phase, share| quantile(&phase.latencies, share).as_secs_f64();
    let ratio = |share| Spread::of(pairs.iter().map(|(own, probe)| seconds(own, share) / seconds(probe, share)));
    let (Some(p50), Some(p99)) = (ratio(0.5), ratio(0.99)) else {
        return Judgement::skipped(goal, absence(report, Kind::Probe));
    };
    Judgement::of(p99.median <= OF_PROBES_LATENCY, goal, format!("{p99:.2} x, and of the p50 {p50:.2} x"))
}

/// What a delivery costs with the most connections against what it costs with the fewest, messages being the same.
fn growth(report: &Report) -> Option<Judgement> {
    let mut scenarios = report.scenarios();
    scenarios.sort_by_key(|scenario| scenario.clients);
    let (fewest, most) = (*scenarios.first()?, *scenarios.last()?);
    if fewest.payload != most.payload || fewest.clients == most.clients {
        return None;
    }
    let (from, to) = (fewest.clients, most.clients);
    let goal = format!("cost per delivery from {from} to {to} clients, one at a time: at most {GROWTH} x");
    let of = |kind| {
        let cost = |scenario| {
            let phases = report.sessions(scenario, kind).filter_map(|(_, session)| session.phase(Pace::OneAtATime));
            Some(Spread::of(phases.map(Phase::cpu_per_delivery))?.median)
        };
        Some(cost(most)? / cost(fewest)?)
    };
    let Some(own) = of(Kind::Product) else { return Some(Judgement::skipped(goal, absence(report, Kind::Product))) };
    let probe = of(Kind::Probe).map_or_else(String::new, |probe| format!("; the probe's grew {probe:.2} x"));
    Some(Judgement::of(own <= GROWTH, goal, format!("{own:.2} x{probe}")))
}

fn memory(report: &Report, scenario: Scenario, what: &str, most: f64, of: fn(&Session) -> u64) -> Judgement {
    let goal = format!("{}: at most {:.0} KiB {what}", describe(scenario), most / 1024.0);
    if scenario.clients < ENOUGH_FOR_MEMORY {
        let found = format!("fewer than {ENOUGH_FOR_MEMORY} clients do not tell");
        return Judgement::skipped(goal, found);
    }
    let sessions = report.sessions(scenario, Kind::Product);
    let Some(memory) = Spread::of(sessions.map(|(_, session)| of(session) as f64 / scenario.clients as f64)) else {
        return Judgement::skipped(goal, absence(report, Kind::Product));
    };
    let found = format!("{:.1} KiB", memory.map(|bytes| bytes / 1024.0));
    Judgement::of(memory.median <= most, goal, found)
}

/// Whether every turn of the product went well: one that lost or doubled anything did not.
fn completeness(report: &Report) -> Judgement {
    let goal = "nothing lost, nothing doubled".to_owned();
    let own = || report.measurements.iter().filter(|measurement| measurement.kind == Kind::Product);
    let failure = own().find_map(|measurement| Some((measurement, measurement.result.as_ref().err()?)));
    if let Some((measurement, cause)) = failure {
        let found = format!("round {}, {}: {cause}", measurement.round + 1, describe(measurement.scenario));
        return Judgement::of(false, goal, found);
    }
    let deliveries: u64 = own().filter_map(|measurement| Some(measurement.result.as_ref().ok()?.deliveries)).sum();
    match deliveries {
        0 => Judgement::skipped(goal, absence(report, Kind::Product)),
        _ => Judgement::of(true, goal, format!("{deliveries} deliveries of the product, each counted")),
    }
}

/// Why there is no ratio.
fn absence(report: &Report, other: Kind) -> String {
    let skipped = |kind| report.skipped.iter().find(|skipped| skipped.kind == kind);
    match skipped(Kind::Product).or_else(|| skipped(other)) {
        Some(skipped) => format!("{}: {}", label(skipped.kind), skipped.reason),
        None => "no round in which both went well".to_owned(),
    }
}

/// The name of a server that was not found.
pub(super) fn label(kind: Kind) -> &'static str {
    match kind {
        Kind::Product => "signalr-emulator",
        Kind::Probe => "raw-socket probe",
        Kind::Bun => "bun",
        Kind::Ws => "ws",
        Kind::SocketIo => "socket.io",
    }
}

/// A scenario as it is written in reports.
pub(super) fn describe(scenario: Scenario) -> String {
    format!("{} clients, {} B", scenario.clients, scenario.payload)
}

#[cfg(test)]
mod tests;
