//! Node.js, on which the client tests run: the runtime, the packages, and the tests. Clients for other platforms are
//! started by tests that run here, too.
//!
//! The packages are installed only when the lock file is newer than what is there, so the inner loop stays offline.

use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::SystemTime;

use anyhow::{Context as _, Result, ensure};

use crate::apt;
use crate::command::{answer_of, program, root, run, run_quietly};

/// The folder of the tests, from the repository's root.
pub(crate) const CLIENTS: &str = "tests/clients/node";
/// The folder of the sample web client, from the repository's root.
pub(crate) const SAMPLE: &str = "web";

const OLDEST_MAJOR: u32 = 20;

/// Makes sure that Node.js and the packages of the lock file in `folder` are there.
pub(crate) fn install_packages(folder: &str) -> Result<()> {
    install_node_if_missing().context("install Node.js 20 or later with npm, for example from https://nodejs.org")?;
    let folder = root().join(folder);
    if packages_are_current(&folder) {
        return Ok(());
    }
    run_quietly(program("npm", "ci").current_dir(folder))
}

/// A script of the package in `folder`.
pub(crate) fn script(folder: &str, name: &str) -> Command {
    let mut command = program("npm", "run --silent");
    command.arg(name).current_dir(root().join(folder));
    command
}

/// Runs the tests in these folders of [`CLIENTS`], which learn from the variables where the programs are that they start and stop.
pub(crate) fn test(folders: &[&str], programs: &[(&str, &Path)]) -> Result<()> {
    let clients = root().join(CLIENTS);
    let mut command = program("node", "--test --test-reporter=spec");
    for folder in folders {
        command.args(tests_in(&clients, folder)?);
    }
    run(command.current_dir(clients).envs(programs.iter().copied()))
}

/// The test files in one folder below `base`, as seen from there. Node.js 20 knows no patterns, later ones no folders.
fn tests_in(base: &Path, folder: &str) -> Result<Vec<PathBuf>> {
    let files = fs::read_dir(base.join(folder)).with_context(|| format!("`{folder}` cannot be read"))?;
    let names = files.map(|file| Ok(file?.file_name())).collect::<Result<Vec<_>>>()?;
    let is_test = |name: &&OsStr| name.to_string_lossy().ends_with(".test.js");
    let mut tests: Vec<_> =
        names.iter().map(AsRef::as_ref).filter(is_test).map(|name| Path::new(folder).join(name)).collect();
    ensure!(!tests.is_empty(), "there is no test in `{folder}`");
    tests.sort();
    Ok(tests)
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
    use std::fs::File;
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
    fn tests_are_found_in_their_own_folder_and_in_order() {
        let base = tempfile::tempdir().unwrap();
        fs::create_dir_all(base.path().join("part/deeper")).unwrap();
        for name in ["part/b.test.js", "part/a.test.js", "part/a.js", "part/deeper/c.test.js", "d.test.js"] {
            File::create(base.path().join(name)).unwrap();
        }
        let expected = ["part/a.test.js", "part/b.test.js"].map(PathBuf::from);
        assert_eq!(tests_in(base.path(), "part").unwrap(), expected);
        assert_eq!(tests_in(base.path(), ".").unwrap(), [PathBuf::from("./d.test.js")]);
        let error = tests_in(base.path(), "part/deeper/none").unwrap_err();
        assert_eq!(error.to_string(), "`part/deeper/none` cannot be read");
        fs::create_dir(base.path().join("empty")).unwrap();
        assert_eq!(tests_in(base.path(), "empty").unwrap_err().to_string(), "there is no test in `empty`");
    }

    #[test]
    fn packages_are_installed_when_missing_or_older_than_the_lock_file() {
        assert!(!is_current(100, None));
        assert!(!is_current(100, Some(99)));
        assert!(is_current(100, Some(100)));
        assert!(is_current(100, Some(101)));
    }
}
