//! host.json (functions-host 1.1 to 1.3).

use super::{CustomHandler, Settings};

pub(super) fn command_line(handler: &CustomHandler, _: &Settings, _: &[(String, String)]) -> Vec<String> {
    handler.arguments.clone()
}
