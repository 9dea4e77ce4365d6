//! `cargo xtask fuzz`: feeds the parsers with what nobody thought of.
//!
//! cargo-fuzz needs a compiler that takes unstable flags. The stable one does with `RUSTC_BOOTSTRAP=1`, which is set for
//! these builds alone; `fuzz` is a workspace of its own with its own target directory.

use std::path::Path;
use std::process::Command;

use anyhow::{Context as _, Result, bail, ensure};

use crate::command::{answer_of, cargo, program, root, run};
use crate::console::step;

/// What to fuzz, and for how long.
#[derive(Debug, clap::Args)]
pub(crate) struct Options {
    /// Fuzz only this target; all of them by default, one after the other
    target: Option<String>,
    /// Seconds per target
    #[arg(long, default_value_t = 60)]
    seconds: u32,
}

/// Fuzzes. A broken promise is an error, and its input is left in `fuzz/artifacts`.
pub(crate) fn fuzz(options: &Options) -> Result<()> {
    let targets = chosen(targets(&root().join("fuzz/fuzz_targets"))?, options.target.as_deref())?;
    check_tools()?;
    for target in targets {
        step(&format!("fuzz: {target}"), || fuzz_one(&target, options.seconds))?;
    }
    Ok(())
}

/// The names of the targets, in order.
fn targets(folder: &Path) -> Result<Vec<String>> {
    let files = folder.read_dir().with_context(|| format!("`{}` cannot be read", folder.display()))?;
    let mut targets = Vec::new();
    for file in files {
        targets.extend(file?.path().file_stem().map(|name| name.to_string_lossy().into_owned()));
    }
    targets.sort();
    Ok(targets)
}

fn chosen(targets: Vec<String>, named: Option<&str>) -> Result<Vec<String>> {
    let Some(named) = named else { return Ok(targets) };
    ensure!(targets.iter().any(|target| target == named), "`{named}` is no target; there are {}", targets.join(", "));
    Ok(vec![named.to_owned()])
}

/// Nothing is installed here: what is missing is named with the cure.
fn check_tools() -> Result<()> {
    if answer_of(&mut cargo("fuzz --version")).is_none() {
        bail!("cargo-fuzz is not there; `cargo install cargo-fuzz` installs it");
    }
    if answer_of(&mut program("c++", "--version")).is_none() {
        bail!("libFuzzer is built from C++ and there is no `c++`; on Debian `apt install g++` installs it");
    }
    Ok(())
}

fn fuzz_one(target: &str, seconds: u32) -> Result<()> {
    let corpus = root().join("fuzz/corpus").join(target);
    std::fs::create_dir_all(&corpus).with_context(|| format!("`{}` cannot be made", corpus.display()))?;
    run(&mut fuzzing(target, seconds))
}

/// What is found goes to `fuzz/corpus`; the seeds are only read. Allocations are limited so that a length which is merely
/// claimed shows.
fn fuzzing(target: &str, seconds: u32) -> Command {
    let mut command = cargo(&format!(
        "fuzz run {target} fuzz/corpus/{target} fuzz/seeds/{target} -- -max_total_time={seconds} -max_len=4096 \
         -malloc_limit_mb=64 -rss_limit_mb=1024 -timeout=10 -print_final_stats=1"
    ));
    command.env("RUSTC_BOOTSTRAP", "1");
    command
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_target_has_seeds_and_a_binary() {
        let targets = targets(&root().join("fuzz/fuzz_targets")).unwrap();
        let manifest = std::fs::read_to_string(root().join("fuzz/Cargo.toml")).unwrap();
        assert!(targets.len() > 9, "{targets:?}");
        for target in targets {
            assert!(root().join("fuzz/seeds").join(&target).is_dir(), "{target} has no seeds");
            assert!(manifest.contains(&format!("name = \"{target}\"")), "{target} is not built");
        }
    }

    #[test]
    fn one_target_or_all_of_them_are_fuzzed() {
        let targets = || vec!["a".to_owned(), "b".to_owned()];
        assert_eq!(chosen(targets(), None).unwrap(), ["a", "b"]);
        assert_eq!(chosen(targets(), Some("b")).unwrap(), ["b"]);
        assert_eq!(chosen(targets(), Some("c")).unwrap_err().to_string(), "`c` is no target; there are a, b");
    }
}
