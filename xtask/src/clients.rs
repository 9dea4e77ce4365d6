//! Real SignalR clients against the local stack: the judges that our own client and server cannot be for each other.

use anyhow::Result;

use crate::console::step;
use crate::executables::Executables;
use crate::node::{self, CLIENTS};
use crate::python;

/// Builds the stack and lets the clients loose on it.
pub(crate) fn verify() -> Result<()> {
    let executables = step("local stack: build", Executables::build)?;
    step("clients: Node.js and its packages", || node::install_packages(CLIENTS))?;
    let python = step("clients: Python and its packages", || python::install_packages(&python::CLIENTS))?;
    let programs = [
        ("HANDLER_BIN", executables.handler.as_path()),
        ("LOCAL_STACK_BIN", &executables.local_stack),
        ("TEST_HUB_BIN", &executables.test_hub),
        ("PYTHON_BIN", &python),
    ];
    step("clients: tests", || node::test(&[".", "hub"], &programs))
}
