//! The report for people: ratios and goals first, then the figures behind them.

use std::io::{Result, Write};
use std::time::Duration;

use super::Report;
use super::goals::{describe, label};
use super::judgement::{self, Judgement};
use super::statistics::{Spread, quantile};
use crate::fanout::{Scenario, Session};
use crate::load::phase::{Pace, Phase};
use crate::machine::Cores;
use crate::server::Kind;

pub(super) fn write(out: &mut impl Write, report: &Report, judgements: &[Judgement]) -> Result<()> {
    surroundings(out, report)?;
    judgement::write(out, judgements)?;
    for scenario in report.scenarios() {
        connections(out, report, scenario)?;
        for pace in Pace::with(scenario.clients) {
            deliveries(out, report, scenario, pace)?;
        }
    }
    failures(out, report)
}

fn surroundings(out: &mut impl Write, report: &Report) -> Result<()> {
    let (machine, durations) = (&report.surroundings, report.durations);
    if cfg!(debug_assertions) {
        writeln!(out, "This is a debug build: its figures mean nothing.")?;
    }
    writeln!(out, "{}, {} cores, Linux {}", machine.processor, machine.cores, machine.kernel)?;
    if let Some(commit) = &machine.commit {
        writeln!(out, "commit {commit}")?;
    }
    let (before, after) = (report.load_average_before, report.load_average_after);
    writeln!(out, "load average {before:.2} before, {after:.2} after; the run itself keeps two cores busy")?;
    match report.cores {
        Cores::Separate { server, load } => writeln!(out, "server on core {server}, load on core {load}")?,
        Cores::Shared => writeln!(out, "server and load share their cores: there is one core, or no `taskset`")?,
    }
    let seconds = durations.phase.as_secs_f64();
    writeln!(out, "{} rounds, {seconds} s per pace, {} s of warm-up", report.rounds, durations.warm_up.as_secs_f64())?;
    for skipped in &report.skipped {
        writeln!(out, "not measured: {}: {}", label(skipped.kind), skipped.reason)?;
    }
    Ok(())
}

fn connections(out: &mut impl Write, report: &Report, scenario: Scenario) -> Result<()> {
    writeln!(out, "\n{}: connections", describe(scenario))?;
    heading(out, ["KiB per idle connection", "KiB after the load", "connects/s", "server CPU us/connect"])?;
    let clients = scenario.clients as f64;
    for (kind, name) in report.servers() {
        let spread =
            |of: &dyn Fn(&Session) -> f64| Spread::of(report.sessions(scenario, kind).map(|(_, found)| of(found)));
        row(
            out,
            name,
            [
                (spread(&|session| session.idle_memory as f64 / 1024.0 / clients), 1),
                (spread(&|session| session.loaded_memory as f64 / 1024.0 / clients), 1),
                (spread(&|session| clients / session.connecting.as_secs_f64()), 0),
                (spread(&|session| session.connecting_cpu.used.as_secs_f64() * 1e6 / clients), 0),
            ],
        )?;
    }
    Ok(())
}

fn deliveries(out: &mut impl Write, report: &Report, scenario: Scenario, pace: Pace) -> Result<()> {
    writeln!(out, "\n{}, {}", describe(scenario), pace.name())?;
    heading(
        out,
        [
            "1000 deliveries/s",
            "server CPU us/delivery",
            "load's share of a core",
            "waiting for a core",
            "packets dropped",
            "p50 / p99 of all, ms",
        ],
    )?;
    for (kind, name) in report.servers() {
        let phases: Vec<&Phase> = phases(report, scenario, kind, pace);
        let spread = |of: fn(&Phase) -> f64| Spread::of(phases.iter().map(|phase| of(phase)));
        let latencies: Vec<Duration> = phases.iter().flat_map(|phase| phase.latencies.iter().copied()).collect();
        let figures = [
            (spread(|phase| phase.rate() / 1000.0), 1),
            (spread(Phase::cpu_per_delivery), 2),
            (spread(Phase::load_share), 2),
            (spread(Phase::waiting_share), 2),
            (spread(|phase| phase.dropped_packets as f64), 0),
        ];
        let [p50, p99] = [0.5, 0.99].map(|share| quantile(&latencies, share).as_secs_f64() * 1000.0);
        row_start(out, name, figures)?;
        writeln!(out, "  {:>24}", format!("{p50:.2} / {p99:.2} (n={})", latencies.len()))?;
    }
    Ok(())
}

fn phases(report: &Report, scenario: Scenario, kind: Kind, pace: Pace) -> Vec<&Phase> {
    report.sessions(scenario, kind).filter_map(|(_, session)| session.phase(pace)).collect()
}

fn failures(out: &mut impl Write, report: &Report) -> Result<()> {
    for measurement in &report.measurements {
        if let Err(cause) = &measurement.result {
            let (round, scenario) = (measurement.round + 1, describe(measurement.scenario));
            writeln!(out, "\nround {round}, {scenario}, {}: failed: {cause}", measurement.name)?;
        }
    }
    Ok(())
}

fn heading<const N: usize>(out: &mut impl Write, columns: [&str; N]) -> Result<()> {
    write!(out, "  {:<36}", "")?;
    for column in columns {
        write!(out, "  {column:>24}")?;
    }
    writeln!(out)
}

fn row<const N: usize>(out: &mut impl Write, name: &str, figures: [(Option<Spread>, usize); N]) -> Result<()> {
    row_start(out, name, figures)?;
    writeln!(out)
}

fn row_start<const N: usize>(out: &mut impl Write, name: &str, figures: [(Option<Spread>, usize); N]) -> Result<()> {
    write!(out, "  {name:<36}")?;
    for (spread, digits) in figures {
        let text = spread.map_or("-".to_owned(), |spread| format!("{spread:.digits$}"));
        write!(out, "  {text:>24}")?;
    }
    Ok(())
}
