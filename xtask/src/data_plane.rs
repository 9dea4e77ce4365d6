//! The REST interface of the emulator against its own description, `openapi.json`: calls are made up from it, and each
//! answer has to be one that it describes.

use anyhow::Result;

use crate::command::{program, run};
use crate::console::step;
use crate::executables::Executables;
use crate::python::{self, DATA_PLANE};

/// Builds the emulator and checks it.
pub(crate) fn verify() -> Result<()> {
    let executables = step("emulator: build", Executables::build)?;
    let python = step("data plane: Python and its packages", || python::install_packages(&DATA_PLANE))?;
    let mut check = program(&python.to_string_lossy(), "tests/clients/data_plane/check.py");
    check.env("SIGNALR_EMULATOR_BIN", &executables.signalr_emulator);
    step("data plane: made-up calls", || run(&mut check))
}
