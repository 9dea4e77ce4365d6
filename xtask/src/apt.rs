//! Installing programs of the system, where there is a Debian package manager and the right to use it.

use anyhow::{Result, ensure};

use crate::command::{answer_of, program, run_quietly};

/// Installs Debian packages, named with white space between them.
pub(crate) fn install(packages: &str) -> Result<()> {
    ensure!(
        answer_of(&mut program("apt-get", "--version")).is_some(),
        "there is no `apt-get` to install `{packages}` with"
    );
    let is_root = answer_of(&mut program("id", "-u")).as_deref() == Some("0");
    ensure!(is_root, "only root can install `{packages}` with `apt-get`");
    apt_get("update")?;
    apt_get(&format!("install -y --no-install-recommends {packages}"))
}

fn apt_get(arguments: &str) -> Result<()> {
    run_quietly(program("apt-get", arguments).env("DEBIAN_FRONTEND", "noninteractive"))
}
