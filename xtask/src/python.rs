//! Tests that run on Python, each kind in a virtual environment of its own: nothing is installed into the system's
//! Python but the ability to make one.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};

use crate::apt;
use crate::command::{answer_of, program, root, run_quietly};

/// Packages that are used together.
#[derive(Debug)]
pub(crate) struct Environment {
    requirements: &'static str,
    folder: &'static str,
}

/// SignalR clients.
pub(crate) const CLIENTS: Environment =
    Environment { requirements: "tests/clients/python/requirements.txt", folder: "target/clients-python" };

/// What makes up calls of the data plane.
pub(crate) const DATA_PLANE: Environment =
    Environment { requirements: "tests/clients/data_plane/requirements.txt", folder: "target/data-plane-python" };

/// A C compiler for any target, and what has cargo use it.
pub(crate) const ZIG: Environment =
    Environment { requirements: "xtask/zig/requirements.txt", folder: "target/package/zig" };

/// The peers of the handler that run on Python.
pub(crate) const BENCH: Environment =
    Environment { requirements: "bench/peers/requirements.txt", folder: "target/bench-python" };

/// A parser of Bicep.
pub(crate) const INFRA: Environment =
    Environment { requirements: "infra/requirements.txt", folder: "target/infra-python" };

/// Makes sure that Python and the required packages are there, and returns the interpreter that finds them.
pub(crate) fn install_packages(environment: &Environment) -> Result<PathBuf> {
    let requirements = root().join(environment.requirements);
    let environment = root().join(environment.folder);
    let python = environment.join(if cfg!(windows) { "Scripts/python.exe" } else { "bin/python" });
    let stamp = environment.join("requirements.txt");
    if !is_current(&requirements, &stamp) {
        install_python_if_missing().context("install Python 3 with the modules `venv` and `ensurepip`")?;
        run_quietly(program("python3", "-m venv --clear").arg(&environment))?;
        let pip = "-m pip install --disable-pip-version-check --requirement";
        run_quietly(program(&python.to_string_lossy(), pip).arg(&requirements))?;
        // Written last, so that an installation that was broken off is begun again.
        fs::copy(&requirements, &stamp).with_context(|| format!("`{}` cannot be written", stamp.display()))?;
    }
    Ok(python)
}

fn install_python_if_missing() -> Result<()> {
    // Debian has the second module in a package of its own.
    let modules = answer_of(program("python3", "-c").arg("import ensurepip, venv"));
    if modules.is_some() { Ok(()) } else { apt::install("python3 python3-venv") }
}

/// Whether the packages were installed from these very requirements.
fn is_current(requirements: &Path, stamp: &Path) -> bool {
    let installed = fs::read(stamp).ok();
    installed.is_some() && installed == fs::read(requirements).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Says whether packages are current that were installed from other requirements, or never.
    fn is_current_after(installed: Option<&str>, required: &str) -> bool {
        let folder = tempfile::tempdir().unwrap();
        let (requirements, stamp) = (folder.path().join("requirements.txt"), folder.path().join("stamp"));
        fs::write(&requirements, required).unwrap();
        if let Some(installed) = installed {
            fs::write(&stamp, installed).unwrap();
        }
        is_current(&requirements, &stamp)
    }

    #[test]
    fn packages_are_installed_when_missing_or_when_the_requirements_have_changed() {
        assert!(!is_current_after(None, "a==1"));
        assert!(!is_current_after(Some("a==1"), "a==2"));
        assert!(is_current_after(Some("a==1"), "a==1"));
    }
}
