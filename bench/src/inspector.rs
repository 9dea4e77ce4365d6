//! `bench inspector`: what the inspector costs the fan-out of the local stack, and what its open page adds.
//!
//! Two stacks run at the same time, one of them without an inspector, and take turns in slices of half a second; the page is opened and
//! closed within one run of the other. A virtual machine's core is a third faster in one second than in another, so only neighbours in
//! time are compared, and many of them.

mod page;
mod report;
mod slice;
mod stack;
mod traffic;

use std::time::Duration;

use anyhow::Result;
use clap::ValueEnum;
use serde::Serialize;

use crate::Verdict;
use crate::machine;
use crate::report::{Format, Run, Summary, progress};

use page::View;
use slice::{Load, Slice};
use stack::{Inspection, Stack};

/// How long each load runs on each stack before anything is measured.
const WARM_UP: Duration = Duration::from_secs(2);

/// How to measure.
#[derive(Debug, clap::Args)]
pub(crate) struct Options {
    /// How often everything has its turn
    #[arg(long, default_value_t = 30)]
    rounds: usize,
    /// How many clients each of the stacks has
    #[arg(long, default_value_t = 1000, value_name = "N")]
    clients: usize,
    /// How many messages to users and groups are sent per second, beside the broadcasts
    #[arg(long, default_value_t = 500, value_name = "N")]
    messages: u32,
    /// How long a slice is measured. A page that was just opened asks more often than one that has been open for long
    #[arg(long, default_value_t = 500)]
    milliseconds: u64,
    /// The view that the open page shows; may be given more than once
    #[arg(long, value_enum, default_values_t = [View::Messages], value_name = "VIEW")]
    view: Vec<View>,
    /// What is sent; may be given more than once [default: all]
    #[arg(long, value_enum, value_name = "LOAD")]
    load: Vec<Load>,
    /// Write one JSON object per line instead of a report to read
    #[arg(long)]
    json: bool,
}

/// What there is of an inspector.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Setting {
    /// None: `--no-inspector`.
    Without,
    /// It records, and nobody looks.
    Closed,
    /// Its page is open.
    Open(View),
}

impl Setting {
    /// As it is written in reports.
    fn name(self) -> String {
        match self {
            Self::Without => "no inspector".to_owned(),
            Self::Closed => "page closed".to_owned(),
            Self::Open(view) => format!("open: {}", view.name()),
        }
    }
}

/// Measures and reports.
pub(crate) async fn run(options: &Options) -> Result<Verdict> {
    machine::allow_clients(2 * options.clients)?;
    let mut run = Run::begin();
    let cores = run.cores;
    let without = Stack::start(cores, Inspection::None, options.clients, options.messages).await?;
    let with = Stack::start(cores, Inspection::Served, options.clients, options.messages).await?;
    let slices = measure(options, &without, &with).await;
    // Also when that has failed: a stack that is merely dropped leaves its handler behind.
    without.stop().await?;
    with.stop().await?;
    let slices = slices?;
    run.end();
    let (judgements, tables) = (report::judge(&slices), report::tables(&slices));
    Summary { run, absent: Vec::new(), judgements, tables, turns: &slices }.write(Format::of(options.json))
}

async fn measure(options: &Options, without: &Stack, with: &Stack) -> Result<Vec<Slice>> {
    let loads = if options.load.is_empty() { Load::value_variants() } else { &options.load };
    let duration = Duration::from_millis(options.milliseconds.max(100));
    for stack in [without, with] {
        for load in loads {
            Slice::measure(stack, Setting::Closed, *load, 0, WARM_UP).await?;
        }
    }
    let mut slices = Vec::new();
    for round in 0..options.rounds {
        for load in loads {
            for setting in order(&options.view, round) {
                let stack = if setting == Setting::Without { without } else { with };
                slices.push(Slice::measure(stack, setting, *load, round, duration).await?);
            }
        }
        if (round + 1) % 10 == 0 {
            progress(&format!("round {} of {}", round + 1, options.rounds))?;
        }
    }
    Ok(slices)
}

/// Everything once, in the opposite order in every other round.
fn order(views: &[View], round: usize) -> Vec<Setting> {
    let open = views.iter().copied().map(Setting::Open);
    let mut order: Vec<_> = [Setting::Without, Setting::Closed].into_iter().chain(open).collect();
    if round % 2 == 1 {
        order.reverse();
    }
    order
}
