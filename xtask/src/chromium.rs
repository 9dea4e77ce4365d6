//! The browser of the client tests: any Chromium that is there, or Debian's.

use std::path::PathBuf;

use anyhow::{Context as _, Result};

use crate::apt;
use crate::command::{answer_of, program};

/// In order of preference. `chromium-browser` may be a placeholder that only tells how to install the browser.
const NAMES: [&str; 4] = ["chromium", "google-chrome-stable", "google-chrome", "chromium-browser"];

/// The path of a browser, which is installed if there is none.
pub(crate) fn install_if_missing() -> Result<PathBuf> {
    if let Some(path) = find() {
        return Ok(path);
    }
    apt::install("chromium").context("install Chromium or Google Chrome")?;
    find().context("`chromium` was installed but does not run")
}

fn find() -> Option<PathBuf> {
    let runs = |name: &&str| answer_of(&mut program(name, "--version")).is_some();
    NAMES.iter().filter(|name| runs(name)).find_map(|name| answer_of(&mut program("which", name))).map(PathBuf::from)
}
