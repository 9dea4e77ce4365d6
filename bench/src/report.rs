//! What was measured, and what it means.

mod goals;
mod json;
mod judgement;
mod statistics;
mod summary;
mod text;

use std::io::{Result, Write as _};

pub(crate) use judgement::Judgement;
pub(crate) use statistics::{MeanRatio, Spread, quantile};
pub(crate) use summary::{Run, Summary, Table};

use serde::Serialize;

use crate::Verdict;
use crate::fanout::{Durations, Scenario, Session};
use crate::machine::{Cores, Surroundings};
use crate::server::Kind;

/// All that a run has found.
#[derive(Debug)]
pub(crate) struct Report {
    pub(crate) surroundings: Surroundings,
    pub(crate) cores: Cores,
    pub(crate) load_average_before: f64,
    pub(crate) load_average_after: f64,
    pub(crate) rounds: usize,
    pub(crate) durations: Durations,
    pub(crate) skipped: Vec<Skipped>,
    pub(crate) measurements: Vec<Measurement>,
}

/// A server that was not measured.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Skipped {
    pub(crate) kind: Kind,
    pub(crate) reason: String,
}

/// One turn of one server.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Measurement {
    pub(crate) kind: Kind,
    pub(crate) name: String,
    /// From 0 on.
    pub(crate) round: usize,
    pub(crate) scenario: Scenario,
    /// Of the machine, when the turn began.
    pub(crate) load_average: f64,
    /// The error is why the turn counts for nothing.
    pub(crate) result: std::result::Result<Session, String>,
}

/// Something that was not measured.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Absent {
    pub(crate) name: &'static str,
    pub(crate) reason: String,
}

impl Absent {
    /// Why there is no ratio of these.
    pub(crate) fn reason(absent: &[Self], names: &[&str]) -> String {
        let missing = names.iter().find_map(|name| absent.iter().find(|absent| absent.name == *name));
        match missing {
            Some(Self { name, reason }) => format!("{name}: {reason}"),
            None => "no round in which both had a turn".to_owned(),
        }
    }
}

impl From<Skipped> for Absent {
    fn from(Skipped { kind, reason }: Skipped) -> Self {
        Self { name: goals::label(kind), reason }
    }
}

/// For whom the report is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Format {
    Text,
    Json,
}

impl Format {
    /// The one that the switch `--json` asks for.
    pub(crate) fn of(json: bool) -> Self {
        if json { Self::Json } else { Self::Text }
    }
}

impl Report {
    /// The scenarios in the order in which they were measured.
    fn scenarios(&self) -> Vec<Scenario> {
        let mut scenarios = Vec::new();
        for measurement in &self.measurements {
            if !scenarios.contains(&measurement.scenario) {
                scenarios.push(measurement.scenario);
            }
        }
        scenarios
    }

    /// The turns of one server that went well, with their rounds.
    fn sessions(&self, scenario: Scenario, kind: Kind) -> impl Iterator<Item = (usize, &Session)> {
        let measurements = self.measurements.iter();
        let wanted = measurements.filter(move |found| found.scenario == scenario && found.kind == kind);
        wanted.filter_map(|found| Some((found.round, found.result.as_ref().ok()?)))
    }

    /// The servers that had a turn, the product first.
    fn servers(&self) -> Vec<(Kind, &str)> {
        let mut servers: Vec<(Kind, &str)> = Vec::new();
        for measurement in &self.measurements {
            if servers.iter().all(|(kind, _)| *kind != measurement.kind) {
                servers.push((measurement.kind, &measurement.name));
            }
        }
        servers
    }
}

/// Writes the report to standard output and says whether every goal was reached.
pub(crate) fn write(report: &Report, format: Format) -> anyhow::Result<Verdict> {
    let judgements = goals::judge(report);
    let mut out = std::io::stdout().lock();
    match format {
        Format::Text => text::write(&mut out, report, &judgements)?,
        Format::Json => json::write(&mut out, report, &judgements)?,
    }
    out.flush()?;
    Ok(judgement::verdict(&judgements))
}

/// Tells whoever watches how far the run is, beside the report.
pub(crate) fn progress(line: &str) -> Result<()> {
    writeln!(std::io::stderr(), "{line}")
}

/// Writes one line to standard output.
pub(crate) fn say(line: &str) -> Result<()> {
    writeln!(std::io::stdout(), "{line}")
}
