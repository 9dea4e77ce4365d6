//! `cargo xtask bench`: builds what is measured, installs the peers, and runs the package `bench`.
//!
//! Missing peers do not stop it, because the goals that need none can still be judged; the report names them.

use std::ffi::OsString;
use std::path::PathBuf;

use anyhow::{Context as _, Result};
use serde_json::Value;

use crate::command::{answer_of, cargo, program, root, run, run_for_output, run_quietly};
use crate::console::{say, step};

/// What to measure.
#[derive(Debug, clap::Subcommand)]
pub(crate) enum Benchmark {
    /// Measures the fan-out of the product and of its peers, release builds all of them
    Fanout(Arguments),
    /// Measures what the Functions host adds to a call of the handler, release builds both of them
    Host(Arguments),
    /// Checks within seconds that every delivery is counted
    Smoke(Arguments),
}

/// Passed on as they are.
#[derive(Debug, clap::Args)]
#[command(disable_help_flag = true)]
pub(crate) struct Arguments {
    /// What the benchmark is told; `--help` lists it
    #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
    arguments: Vec<OsString>,
}

/// Measures. A goal that was not reached is an error.
pub(crate) fn bench(benchmark: &Benchmark) -> Result<()> {
    let (name, product, profile, Arguments { arguments }) = match benchmark {
        Benchmark::Fanout(arguments) => ("fanout", "signalr-emulator", "--release", arguments),
        Benchmark::Host(arguments) => ("host", "local-stack", "--release", arguments),
        Benchmark::Smoke(arguments) => ("smoke", "signalr-emulator", "", arguments),
    };
    let bench = step("bench: build", || build(product, profile))?;
    if matches!(benchmark, Benchmark::Fanout(_)) {
        install_peers();
    }
    run(program(&bench.to_string_lossy(), name).args(arguments))
}

/// Builds the benchmark and the product, and tells where the benchmark is; it finds the product beside itself.
fn build(product: &str, profile: &str) -> Result<PathBuf> {
    let arguments = "build --package bench --message-format json-render-diagnostics --package";
    let messages = run_for_output(cargo(arguments).arg(product).args(profile.split_whitespace()))?;
    executable(&messages).context("cargo built no executable named `bench`")
}

/// Picks the path out of what cargo reports, one JSON object per line.
fn executable(messages: &str) -> Option<PathBuf> {
    let messages = messages.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
    let mut built = messages.filter(|message| message["target"]["name"] == "bench");
    built.find_map(|message| Some(PathBuf::from(message["executable"].as_str()?)))
}

/// Installs the peers of the lock file unless they are there.
fn install_peers() {
    let npm = |arguments| {
        let mut command = program("npm", arguments);
        command.current_dir(root().join("bench/peers"));
        command
    };
    if answer_of(&mut npm("ls")).is_some() {
        return;
    }
    if let Err(error) = step("bench: install the peers", || run_quietly(&mut npm("ci"))) {
        say(format_args!("    without them: {error:#}"));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_benchmark_is_found_in_what_cargo_reports() {
        let messages = r#"
{"reason":"compiler-artifact","target":{"name":"signalr-emulator"},"executable":"/target/release/signalr-emulator"}
{"reason":"compiler-artifact","target":{"name":"bench"},"executable":"/target/release/bench"}
{"reason":"build-finished","success":true}
"#;
        assert_eq!(executable(messages), Some("/target/release/bench".into()));
        assert_eq!(executable(r#"{"reason":"build-finished","success":true}"#), None);
    }
}
