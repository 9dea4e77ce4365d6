//! `cargo xtask package`: the zip that is deployed, and the proof that it works.
//!
//! It is the zip which `func azure functionapp publish` would make, with one difference: the handler is the one that was just built,
//! whatever lies in the folder. Nothing is deployed here.

mod archive;
mod build;
mod check;
mod contents;
mod elf;
mod secrets;

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};

use crate::command::root;
use crate::console::{say, step};
use crate::executables::Executables;
use archive::Entry;
use build::{Target, Toolchain};
use check::Linkage;

/// Where the zip goes unless said otherwise.
const ZIP: &str = "target/package/function-app.zip";

/// How to package.
#[derive(Debug, clap::Args)]
pub(crate) struct Options {
    /// What the handler is built for: a static program for every Linux, or one that needs the C library of a distribution
    #[arg(long, value_enum, default_value_t = Target::Musl)]
    target: Target,
    /// The zip to write
    #[arg(long, value_name = "FILE", default_value = ZIP)]
    output: PathBuf,
    #[command(flatten)]
    toolchain: Toolchain,
}

/// Builds the handler, writes the zip, and verifies what was written.
pub(crate) fn package(options: &Options) -> Result<()> {
    let handler = step("handler: build", || build::build(options.target, &options.toolchain))?;
    let linkage = match options.target {
        Target::Musl => Linkage::Static,
        Target::Gnu => Linkage::Dynamic,
    };
    let zip = root().join(&options.output);
    make(&handler, &zip, linkage)?;
    say(format_args!("{} can be deployed", zip.display()));
    Ok(())
}

/// The same with the handler of the tests, which saves a release build. Part of `cargo xtask verify`.
pub(crate) fn verify() -> Result<()> {
    let executables = step("local stack: build", Executables::build)?;
    make(&executables.handler, &root().join("target/package/verify.zip"), Linkage::Dynamic)
}

fn make(handler: &Path, zip: &Path, linkage: Linkage) -> Result<()> {
    let entries = step("package: contents", || contents::collect(root(), handler))?;
    step("package: write", || write(zip, &entries))?;
    for entry in &entries {
        say(format_args!("    {:o} {:>9} {}", entry.mode, entry.bytes.len(), entry.name));
    }
    let checker = step("package: build its check", Executables::build)?.check_package;
    step("package: check", || check::check(zip, linkage, &checker))
}

fn write(zip: &Path, entries: &[Entry]) -> Result<()> {
    let bytes = archive::write(entries)?;
    let folder = zip.parent().context("the zip needs a folder to be in")?;
    fs::create_dir_all(folder).with_context(|| format!("`{}` cannot be made", folder.display()))?;
    fs::write(zip, bytes).with_context(|| format!("`{}` cannot be written", zip.display()))
}
