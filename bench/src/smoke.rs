//! `bench smoke`: does the benchmark itself work, and does the product deliver everything to everybody?
//!
//! It takes a few seconds and judges no speed, so it can run wherever tests run, also in a debug build.

use std::time::Duration;

use anyhow::{Context as _, Result};

use crate::fanout::{Durations, Scenario, measure};
use crate::machine::{self, Cores};
use crate::server::Kind;
use crate::{Verdict, report};

/// Clients enough for broadcasts to overtake one another.
const CLIENTS: usize = 50;

/// What to try.
#[derive(Debug, clap::Args)]
pub(crate) struct Options {
    /// Try only this server; may be given more than once
    #[arg(long, value_enum, value_name = "SERVER", default_values_t = [Kind::Product, Kind::Probe])]
    only: Vec<Kind>,
}

/// Gives every server a short turn. Everything that is asked for has to be there.
pub(crate) async fn run(options: &Options) -> Result<Verdict> {
    machine::allow_clients(CLIENTS)?;
    let phase = Duration::from_millis(500);
    let durations = Durations { warm_up: Duration::from_millis(200), phase, unhurried: phase };
    let mut verdict = Verdict::Good;
    for kind in &options.only {
        let server = kind.find().with_context(|| format!("cannot try {kind:?}"))?;
        match measure(&server, Scenario::of(CLIENTS), durations, Cores::Shared).await {
            Ok(session) => report::say(&format!(
                "PASS  {}: {} deliveries to {CLIENTS} clients, none lost, none doubled",
                server.name, session.deliveries
            ))?,
            Err(error) => {
                report::say(&format!("FAIL  {}: {error:#}", server.name))?;
                verdict = Verdict::Bad;
            }
        }
    }
    Ok(verdict)
}
