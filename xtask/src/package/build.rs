//! The release build of the handler.
//!
//! A static program needs the standard library for musl, which comes with `rustup target add` or is compiled from its sources, and a C
//! compiler for musl, for which the Zig of `PyPI` serves where there is none. Neither needs the rights of an administrator.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, Result, bail};
use clap::ValueEnum;

use crate::command::{answer_of, cargo, program, root, run_for_output};
use crate::console::say;
use crate::executables::executable;
use crate::python::{self, ZIG};

/// What the handler is built for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum Target {
    /// Static, for every Linux
    #[value(name = "x86_64-unknown-linux-musl")]
    Musl,
    /// For Linux with a GNU C library at least as new as that of this machine
    #[value(name = "x86_64-unknown-linux-gnu")]
    Gnu,
}

impl Target {
    fn triple(self) -> &'static str {
        match self {
            Self::Musl => "x86_64-unknown-linux-musl",
            Self::Gnu => "x86_64-unknown-linux-gnu",
        }
    }
}

/// How the standard library for the target is had.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum StandardLibrary {
    Installed,
    FromSources,
}

/// Where the tools of the machine are, as its environment says.
#[derive(Debug, clap::Args)]
pub(super) struct Toolchain {
    /// The compiler of the handler, where it is not the `rustc` that cargo finds; everything else is built as usual
    #[arg(long, value_name = "PROGRAM", env = "RUSTC", default_value = "rustc", hide_env_values = true)]
    rustc: PathBuf,
    /// Where cargo keeps the sources of dependencies
    #[arg(long, env = "CARGO_HOME", hide = true)]
    cargo_home: Option<PathBuf>,
    /// Where that is unless said otherwise
    #[arg(long, env = "HOME", hide = true)]
    home: Option<PathBuf>,
}

/// Builds the handler with its optimisations and says where it is.
pub(super) fn build(target: Target, toolchain: &Toolchain) -> Result<PathBuf> {
    let sysroot = toolchain.sysroot()?;
    let rustup = || answer_of(program("rustup", "target add").arg(target.triple()));
    let standard_library = standard_library(&sysroot, target, || drop(rustup()))?;
    let zig = needs_zig(target, standard_library).then(|| python::install_packages(&ZIG)).transpose()?;
    let mut build = command(target, standard_library, zig.as_deref());
    // Paths of this machine have no business in a program that is given away, and would make it differ from machine to machine.
    let mut flags = toolchain.remapped(&sysroot);
    if standard_library == StandardLibrary::FromSources {
        // Its musl comes from Zig; rustc would look for one beside a compiled standard library.
        flags.push("-Clink-self-contained=no".to_owned());
    }
    build.env("CARGO_ENCODED_RUSTFLAGS", flags.join("\u{1f}")).env("RUSTC", &toolchain.rustc);
    let messages = run_for_output(&mut build)?;
    messages.lines().find_map(|line| executable(line, "handler")).context("cargo built no handler")
}

fn command(target: Target, standard_library: StandardLibrary, zig: Option<&Path>) -> Command {
    let mut build = match zig {
        Some(python) => {
            let mut build = program(&python.with_file_name("cargo-zigbuild").to_string_lossy(), "zigbuild");
            // The Zig beside it, whatever else is on the path.
            build.env("CARGO_ZIGBUILD_PYTHON_PATH", python);
            build
        }
        None => cargo("build"),
    };
    build.args(["--release", "--bin", "handler", "--features", "entra", "--target", target.triple()]);
    build.args(["--message-format", "json-render-diagnostics"]);
    if standard_library == StandardLibrary::FromSources {
        // Building the standard library is not stable yet; everything else stays what it is on the stable toolchain.
        build.arg("-Zbuild-std=std,panic_abort").env("RUSTC_BOOTSTRAP", "1");
    }
    build
}

impl Toolchain {
    fn sysroot(&self) -> Result<PathBuf> {
        let mut command = program(&self.rustc.to_string_lossy(), "--print sysroot");
        answer_of(&mut command).map(PathBuf::from).context("`rustc` does not say where its libraries are")
    }

    fn remapped(&self, sysroot: &Path) -> Vec<String> {
        let cargo_home = self.cargo_home.clone().or_else(|| Some(self.home.as_ref()?.join(".cargo")));
        let places = [(Some(root().to_owned()), "/app"), (cargo_home, "/cargo"), (Some(sysroot.to_owned()), "/rust")];
        let known = places.into_iter().filter_map(|(path, name)| Some((path?, name)));
        known.map(|(path, name)| format!("--remap-path-prefix={}={name}", path.display())).collect()
    }
}

fn standard_library(sysroot: &Path, target: Target, add: impl FnOnce()) -> Result<StandardLibrary> {
    let is_installed = || sysroot.join("lib/rustlib").join(target.triple()).join("lib").is_dir();
    if is_installed() {
        return Ok(StandardLibrary::Installed);
    }
    add();
    if is_installed() {
        return Ok(StandardLibrary::Installed);
    }
    if sysroot.join("lib/rustlib/src/rust/library/std").is_dir() {
        say("    the standard library is compiled from its sources, because there is none for this target");
        return Ok(StandardLibrary::FromSources);
    }
    bail!(
        "this toolchain has no standard library for {0}; run `rustup target add {0}`, or add its sources with `rustup component add rust-src`, or build for the C library of this machine with `cargo xtask package --target {1}`; docs/deploy.md has a way without rustup",
        target.triple(),
        Target::Gnu.triple()
    )
}

/// Rust brings its own musl to link with only together with the compiled standard library; C sources need a C compiler either way.
fn needs_zig(target: Target, standard_library: StandardLibrary) -> bool {
    let has_musl_gcc = || answer_of(&mut program("musl-gcc", "--version")).is_some();
    target == Target::Musl && (standard_library == StandardLibrary::FromSources || !has_musl_gcc())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::command::line;

    #[test]
    fn each_way_to_build_has_its_command() {
        let zig = Path::new("/venv/bin/python");
        let common = "--release --bin handler --features entra --target x86_64-unknown-linux";
        let installed = command(Target::Gnu, StandardLibrary::Installed, None);
        assert_eq!(line(&installed), format!("cargo build {common}-gnu --message-format json-render-diagnostics"));
        let from_sources = command(Target::Musl, StandardLibrary::FromSources, Some(zig));
        assert_eq!(
            line(&from_sources),
            format!(
                "CARGO_ZIGBUILD_PYTHON_PATH=/venv/bin/python RUSTC_BOOTSTRAP=1 /venv/bin/cargo-zigbuild zigbuild {common}-musl --message-format json-render-diagnostics -Zbuild-std=std,panic_abort"
            )
        );
    }

    #[test]
    fn a_missing_standard_library_is_reported_with_its_cures() {
        let empty = tempfile::tempdir().unwrap();
        let error = standard_library(empty.path(), Target::Musl, || {}).unwrap_err().to_string();
        assert!(error.contains("rustup target add x86_64-unknown-linux-musl"), "{error}");
        assert!(error.contains("cargo xtask package --target x86_64-unknown-linux-gnu"), "{error}");
    }

    #[test]
    fn sources_are_enough_and_a_library_is_better() {
        let sysroot = tempfile::tempdir().unwrap();
        let library = sysroot.path().join("lib/rustlib");
        std::fs::create_dir_all(library.join("src/rust/library/std")).unwrap();
        assert_eq!(standard_library(sysroot.path(), Target::Musl, || {}).unwrap(), StandardLibrary::FromSources);
        let add = || std::fs::create_dir_all(library.join("x86_64-unknown-linux-musl/lib")).unwrap();
        assert_eq!(standard_library(sysroot.path(), Target::Musl, add).unwrap(), StandardLibrary::Installed);
    }
}
