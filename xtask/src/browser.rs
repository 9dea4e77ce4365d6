//! What runs in a browser: Microsoft's client there, and the sample web client that people see first.
//!
//! The sample is built and served as it would be deployed; nobody's development server takes part.

use anyhow::Result;

use crate::console::step;
use crate::executables::Executables;
use crate::node::{self, CLIENTS, SAMPLE};
use crate::{chromium, command};

/// Checks and builds the sample, and opens everything in Chromium.
pub(crate) fn verify() -> Result<()> {
    let executables = step("local stack: build", Executables::build)?;
    step("browser: Node.js and its packages", || {
        node::install_packages(SAMPLE)?;
        node::install_packages(CLIENTS)
    })?;
    let chromium = step("browser: Chromium", chromium::install_if_missing)?;
    step("web: types, lints, format", || command::run_quietly(&mut node::script(SAMPLE, "check")))?;
    step("web: build", || command::run_quietly(&mut node::script(SAMPLE, "build")))?;
    let programs = [
        ("HANDLER_BIN", executables.handler.as_path()),
        ("LOCAL_STACK_BIN", &executables.local_stack),
        ("CHROMIUM_BIN", &chromium),
    ];
    step("browser: tests", || node::test(&["browser"], &programs))
}
