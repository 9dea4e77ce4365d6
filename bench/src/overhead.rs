//! `bench host`: what the Functions host adds to a call of the handler.
//!
//! The same handler is called directly, through a bare proxy, and through the host, in turns, and in the opposite order in every other
//! round. Host and handler share one core, the callers have another, so requests per second are requests per second and core.

pub(crate) mod app;
mod report;
mod turn;

use std::time::Duration;

use anyhow::Result;
use serde::Serialize;

use crate::Verdict;
use crate::machine::{self, Cores, Surroundings};
use crate::report::progress;

use app::App;
use report::Report;
use turn::Turn;

/// How to measure.
#[derive(Debug, clap::Args)]
pub(crate) struct Options {
    /// How often each way has its turn
    #[arg(long, default_value_t = 5)]
    rounds: usize,
    /// How many callers wait for an answer at the same time; may be given more than once
    #[arg(long, default_values_t = [1, 8, 64], value_name = "N")]
    callers: Vec<usize>,
    /// How long a turn is measured
    #[arg(long, default_value_t = 3)]
    seconds: u64,
    /// How long it runs before that
    #[arg(long, default_value_t = 1, value_name = "SECONDS")]
    warm_up: u64,
    /// Write one JSON object per line instead of a report to read
    #[arg(long)]
    json: bool,
}

/// How the handler is called.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Way {
    /// With the envelope that the host would send.
    Direct,
    /// Through a proxy that makes the envelope and unpacks the answer, and does nothing else.
    Proxy,
    /// With the request that the host makes the envelope of.
    Host,
}

/// Measures and reports.
pub(crate) async fn run(options: &Options) -> Result<Verdict> {
    let most = options.callers.iter().copied().max().unwrap_or_default();
    machine::allow_clients(most)?;
    let app = App::write()?;
    let (surroundings, cores) = (Surroundings::look(), Cores::divide());
    let load_average_before = machine::load_average();
    let durations = (Duration::from_secs(options.warm_up), Duration::from_secs(options.seconds.max(1)));
    let mut turns = Vec::new();
    for round in 0..options.rounds {
        for callers in options.callers.iter().copied() {
            for way in order(round) {
                turns.push(Turn::measure(&app, way, round, callers, durations, cores).await?);
                progress(&format!("round {}: {way:?}, {callers} callers", round + 1))?;
            }
        }
    }
    let load_average_after = machine::load_average();
    let report = Report { surroundings, cores, load_average_before, load_average_after, turns };
    report.write(options.json)
}

fn order(round: usize) -> [Way; 3] {
    let mut order = [Way::Direct, Way::Proxy, Way::Host];
    if !round.is_multiple_of(2) {
        order.reverse();
    }
    order
}
