//! Real SignalR clients against the local stack: the judges that our own client and server cannot be for each other.

use anyhow::Result;

use crate::console::step;
use crate::executables::Executables;
use crate::{chromium, node, python};

/// Builds the stack and lets the clients loose on it.
pub(crate) fn verify() -> Result<()> {
    let executables = step("local stack: build", Executables::build)?;
    step("clients: Node.js and its packages", node::install_packages)?;
    let python = step("clients: Python and its packages", || python::install_packages(&python::CLIENTS))?;
    let chromium = step("clients: Chromium", chromium::install_if_missing)?;
    let programs = [
        ("HANDLER_BIN", executables.handler.as_path()),
        ("LOCAL_STACK_BIN", &executables.local_stack),
        ("PYTHON_BIN", &python),
        ("CHROMIUM_BIN", &chromium),
    ];
    step("clients: tests", || node::test(&programs))
}
