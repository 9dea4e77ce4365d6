//! Real SignalR clients against the local stack: the judges that our own client and server cannot be for each other.

use anyhow::Result;

use crate::console::step;
use crate::executables::Executables;
use crate::node;

/// Builds the stack and lets the clients loose on it.
pub(crate) fn verify() -> Result<()> {
    let executables = step("local stack: build", Executables::build)?;
    step("Node.js clients: packages", node::install_packages)?;
    step("Node.js clients: tests", || node::test(&executables))
}
