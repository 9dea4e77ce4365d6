//! `cargo xtask verify`: everything that must hold before a change is accepted, cheapest first.
//!
//! The first failure ends it; what comes later would fail for the same reason or hide it.

use std::time::Instant;

use anyhow::Result;
use clap::ValueEnum;

use crate::{bench, browser, clients, console, data_plane, infra, package, rust};

/// What to verify.
#[derive(Debug, clap::Args)]
pub(crate) struct Options {
    /// Verify only this part; may be given more than once
    #[arg(long, value_enum)]
    only: Vec<Part>,
}

/// The parts that can be verified on their own.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Part {
    /// Formatting, lints, docs and tests of the workspace
    Rust,
    /// What would be deployed, with the handler of the tests
    Package,
    /// The description of the resources in Azure
    Infra,
    /// The REST interface of the emulator against its own description
    DataPlane,
    /// Real SignalR clients against the local stack
    Clients,
    /// The sample web client, and clients in a browser
    Browser,
    /// The instructions of the hot paths against their baseline
    Instructions,
}

/// Runs the wanted parts, stopping at the first failure.
pub(crate) fn verify(options: &Options) -> Result<()> {
    let started = Instant::now();
    if options.wants(Part::Rust) {
        rust::verify()?;
    }
    if options.wants(Part::Package) {
        package::verify()?;
    }
    if options.wants(Part::Infra) {
        infra::verify()?;
    }
    if options.wants(Part::DataPlane) {
        data_plane::verify()?;
    }
    if options.wants(Part::Clients) {
        clients::verify()?;
    }
    if options.wants(Part::Browser) {
        browser::verify()?;
    }
    if options.wants(Part::Instructions) {
        bench::verify()?;
    }
    console::say(format_args!("verified in {}", console::seconds(started.elapsed())));
    Ok(())
}

impl Options {
    fn wants(&self, part: Part) -> bool {
        self.only.is_empty() || self.only.contains(&part)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(only: &[Part], expected: &[Part]) {
        let options = Options { only: only.to_vec() };
        let wanted: Vec<_> = Part::value_variants().iter().copied().filter(|part| options.wants(*part)).collect();
        assert_eq!(wanted, expected);
    }

    #[test]
    fn all_parts_are_verified_unless_some_are_named() {
        check(&[], Part::value_variants());
        check(&[Part::Rust], &[Part::Rust]);
        check(&[Part::Clients, Part::Rust], &[Part::Rust, Part::Clients]);
    }
}
