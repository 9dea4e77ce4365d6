//! Node.js, on which the client tests run: the runtime, the packages, and the tests. Clients for other platforms are
//! started by tests that run here, too.
//!
//! The packages are installed only when the lock file is newer than what is there, so the inner loop stays offline.

use std::path::{Path, PathBuf};
use std::time::SystemTime;

use anyhow::{Context as _, Result, ensure};

use crate::apt;
use crate::command::{answer_of, program, root, run, run_quietly};

const OLDEST_MAJOR: u32 = 20;

/// Makes sure that Node.js and the packages of the lock file are there.
pub(crate) fn install_packages() -> Result<()> {
    install_node_if_missing().context("install Node.js 20 or later with npm, for example from https://nodejs.org")?;
    if packages_are_current(&folder()) {
        return Ok(());
    }
    run_quietly(program("npm", "ci").current_dir(folder()))
}

/// Runs the client tests, which learn from these variables where the programs are that they start and stop.
pub(crate) fn test(programs: &[(&str, &Path)]) -> Result<()> {
    run(program("node", "--test --test-reporter=spec").current_dir(folder()).envs(programs.iter().copied()))
}

fn folder() -> PathBuf {
    root().join("tests/clients/node")
}

fn install_node_if_missing() -> Result<()> {
    if version_of("node").is_none() || version_of("npm").is_none() {
        apt::install("nodejs npm")?;
    }
    let version = version_of("node").context("`node --version` does not run")?;
    let major = major_of(&version).with_context(|| format!("`node --version` says `{version}`"))?;
    ensure!(major >= OLDEST_MAJOR, "Node.js {version} is too old");
    Ok(())
}

fn version_of(name: &str) -> Option<String> {
    answer_of(&mut program(name, "--version"))
}

/// The major number in the answer of `node --version`, such as 20 in `v20.20.2`.
fn major_of(version: &str) -> Option<u32> {
    version.strip_prefix('v')?.split('.').next()?.parse().ok()
}

/// Whether npm has finished an installation since the lock file last changed.
fn packages_are_current(folder: &Path) -> bool {
    // npm writes this file last.
    let installed = changed(&folder.join("node_modules/.package-lock.json"));
    installed.is_some() && installed >= changed(&folder.join("package-lock.json"))
}

fn changed(file: &Path) -> Option<SystemTime> {
    file.metadata().ok()?.modified().ok()
}

#[cfg(test)]
mod tests {
    use std::fs::{self, File};
    use std::time::Duration;

    use super::*;

    #[track_caller]
    fn check_major(version: &str, expected: Option<u32>) {
        assert_eq!(major_of(version), expected, "{version}");
    }

    #[test]
    fn the_major_number_is_read_from_the_version() {
        check_major("v20.20.2", Some(20));
        check_major("v22.1.0-nightly", Some(22));
        check_major("20.20.2", None);
        check_major("", None);
    }

    /// Says whether packages are current when both files were written at these seconds.
    fn is_current(locked: u64, installed: Option<u64>) -> bool {
        let folder = tempfile::tempdir().unwrap();
        fs::create_dir(folder.path().join("node_modules")).unwrap();
        write(&folder.path().join("package-lock.json"), locked);
        if let Some(installed) = installed {
            write(&folder.path().join("node_modules/.package-lock.json"), installed);
        }
        packages_are_current(folder.path())
    }

    fn write(path: &Path, seconds: u64) {
        File::create(path).unwrap().set_modified(SystemTime::UNIX_EPOCH + Duration::from_secs(seconds)).unwrap();
    }

    #[test]
    fn packages_are_installed_when_missing_or_older_than_the_lock_file() {
        assert!(!is_current(100, None));
        assert!(!is_current(100, Some(99)));
        assert!(is_current(100, Some(100)));
        assert!(is_current(100, Some(101)));
    }
}
