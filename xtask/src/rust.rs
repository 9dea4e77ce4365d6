//! The checks that need nothing but the Rust toolchain.

use std::process::Command;

use anyhow::Result;

use crate::command::{cargo, line, run};
use crate::console::step;

/// Formatting, lints, docs and tests of the whole workspace.
pub(crate) fn verify() -> Result<()> {
    check("formatting", cargo("fmt --check"))?;
    check("lints", cargo("clippy --workspace --all-targets -- -D warnings"))?;
    check("docs", docs())?;
    check("tests", cargo("test --workspace"))?;
    // Not part of the workspace's tests: features of a member would come into the handler.
    check(
        "lints, with identities",
        cargo("clippy --package azure-signalr --features entra --all-targets -- -D warnings"),
    )?;
    check("tests, with identities", cargo("test --package azure-signalr --features entra"))?;
    check("lints, with spans", cargo("clippy --features otel --all-targets -- -D warnings"))?;
    check("tests, with spans", cargo("test --features otel --test end_to_end telemetry"))
}

fn docs() -> Command {
    let mut command = cargo("doc --workspace --no-deps");
    command.env("RUSTDOCFLAGS", "-D warnings");
    command
}

fn check(name: &str, mut command: Command) -> Result<()> {
    step(&format!("{name}: {}", line(&command)), || run(&mut command))
}
