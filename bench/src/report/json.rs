//! The report for machines: one JSON object per line, each with its `type`.

use std::io::Write;

use anyhow::Result;
use serde::Serialize;

use super::judgement::Judgement;
use super::statistics::quantile;
use super::{Measurement, Report, Skipped};
use crate::load::phase::Phase;
use crate::machine::{Cores, Surroundings};

#[derive(Serialize)]
#[serde(tag = "type", rename_all = "kebab-case")]
enum Line<'a> {
    Run {
        surroundings: &'a Surroundings,
        cores: Cores,
        load_average_before: f64,
        load_average_after: f64,
        rounds: usize,
    },
    Skipped(&'a Skipped),
    /// One turn of one server; durations are in seconds and nanoseconds.
    Measurement(&'a Measurement),
    /// What follows from a turn's phase.
    Phase {
        server: &'a str,
        round: usize,
        clients: usize,
        payload: usize,
        pace: &'a str,
        deliveries_per_second: f64,
        server_cpu_us_per_delivery: f64,
        load_share: f64,
        waiting_share: f64,
        dropped_packets: u64,
        p50_ms: f64,
        p99_ms: f64,
    },
    Goal(&'a Judgement),
}

pub(super) fn write(out: &mut impl Write, report: &Report, judgements: &[Judgement]) -> Result<()> {
    let run = Line::Run {
        surroundings: &report.surroundings,
        cores: report.cores,
        load_average_before: report.load_average_before,
        load_average_after: report.load_average_after,
        rounds: report.rounds,
    };
    let skipped = report.skipped.iter().map(Line::Skipped);
    let goals = judgements.iter().map(Line::Goal);
    for line in std::iter::once(run).chain(skipped).chain(report.measurements.iter().flat_map(measurement)).chain(goals)
    {
        serde_json::to_writer(&mut *out, &line)?;
        writeln!(out)?;
    }
    Ok(())
}

fn measurement(measurement: &Measurement) -> impl Iterator<Item = Line<'_>> {
    let phases = measurement.result.iter().flat_map(|session| &session.phases);
    let line = |phase| self::phase(measurement, phase);
    std::iter::once(Line::Measurement(measurement)).chain(phases.map(line))
}

fn phase<'a>(measurement: &'a Measurement, phase: &'a Phase) -> Line<'a> {
    Line::Phase {
        server: &measurement.name,
        round: measurement.round,
        clients: measurement.scenario.clients,
        payload: measurement.scenario.payload,
        pace: phase.pace.name(),
        deliveries_per_second: phase.rate(),
        server_cpu_us_per_delivery: phase.cpu_per_delivery(),
        load_share: phase.load_share(),
        waiting_share: phase.waiting_share(),
        dropped_packets: phase.dropped_packets,
        p50_ms: quantile(&phase.latencies, 0.5).as_secs_f64() * 1000.0,
        p99_ms: quantile(&phase.latencies, 0.99).as_secs_f64() * 1000.0,
    }
}
