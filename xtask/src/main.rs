//! Chores of this repository, run as `cargo xtask <chore>`.
//!
//! Every chore works on the repository that it was built from, wherever it is called, and says what it runs, so that a
//! failed step can be repeated by hand.

mod verify;

mod bench;
mod fuzz;
mod package;

mod browser;
mod chromium;
mod clients;
mod data_plane;
mod executables;
mod infra;
mod node;
mod python;
mod rust;

mod apt;
mod command;
mod console;

use std::process::ExitCode;

use clap::Parser as _;

/// Chores of this repository.
#[derive(Debug, clap::Parser)]
#[command(name = "cargo xtask", bin_name = "cargo xtask")]
enum Chore {
    /// Checks everything: formatting, lints, docs, tests, and real clients against the local stack
    Verify(verify::Options),
    /// Writes the zip that is deployed, and checks that it runs
    Package(package::Options),
    /// Measures the product against its peers
    #[command(subcommand)]
    Bench(bench::Benchmark),
    /// Feeds the parsers with garbage that is made up from the seeds; needs cargo-fuzz
    Fuzz(fuzz::Options),
}

fn main() -> ExitCode {
    let result = match Chore::parse() {
        Chore::Verify(options) => verify::verify(&options),
        Chore::Package(options) => package::package(&options),
        Chore::Bench(benchmark) => bench::bench(&benchmark),
        Chore::Fuzz(options) => fuzz::fuzz(&options),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            console::complain(&error);
            ExitCode::FAILURE
        }
    }
}
