//! What is measured, and where it is: our own programs lie beside this one, peers are installed below `bench/peers`.
//!
//! Nothing is installed here. What is missing is an error that says how to get it, and a report that names it.

use std::path::PathBuf;
use std::process::Command;

use anyhow::{Context as _, Result, ensure};
use serde::Deserialize;

use crate::machine::{answer_of, folder};

/// A peer that runs on Node.js: a script in `bench/peers`, and what it and its runtime are called.
#[derive(Debug)]
pub(crate) struct Script {
    pub(crate) path: PathBuf,
    pub(crate) runtime: String,
}

/// This very program.
pub(crate) fn own_path() -> Result<PathBuf> {
    std::env::current_exe().context("cannot tell where this program is")
}

/// Another program of this repository, of the same build.
pub(crate) fn beside(name: &str) -> Result<PathBuf> {
    Ok(own_path()?.with_file_name(format!("{name}{}", std::env::consts::EXE_SUFFIX)))
}

/// `bench/peers`.
pub(crate) fn peers() -> PathBuf {
    folder().join("peers")
}

/// A script for Node.js out of `bench/peers`.
pub(crate) fn node_script(name: &str) -> Result<Script> {
    let node = answer_of(Command::new("node").arg("--version")).context("Node.js is not installed")?;
    let path = peers().join(name);
    ensure!(path.is_file(), "bench/peers has no {name}");
    Ok(Script { path, runtime: format!("Node.js {}", node.trim_start_matches('v')) })
}

/// The version of an installed npm package.
pub(crate) fn package_version(package: &str) -> Result<String> {
    #[derive(Deserialize)]
    struct Package {
        version: String,
    }

    let manifest = std::fs::read_to_string(peers().join("node_modules").join(package).join("package.json"));
    let manifest = manifest.context("it is not installed; run `npm ci` in bench/peers")?;
    let Package { version } = serde_json::from_str(&manifest).context("its package.json has no version")?;
    Ok(version)
}

/// The program `bun`, with its name and version.
pub(crate) fn bun() -> Result<(PathBuf, String)> {
    let program = peers().join("node_modules/.bin/bun");
    let version = answer_of(Command::new(&program).arg("--version"));
    let version = version.context("it is not installed; run `npm ci` in bench/peers")?;
    Ok((program, format!("bun {version}")))
}

/// The interpreter of the virtual environment that `cargo xtask bench` makes.
pub(crate) fn python() -> Result<PathBuf> {
    let place = if cfg!(windows) { "Scripts/python.exe" } else { "bin/python" };
    let python = folder().with_file_name("target").join("bench-python").join(place);
    ensure!(python.is_file(), "it is not installed; `cargo xtask bench handler` makes target/bench-python");
    Ok(python)
}
