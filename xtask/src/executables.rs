//! The programs that clients are tested against: the handler that ships, the local stack around it, the emulator alone,
//! and the hub that has every method.
//!
//! Where they are is asked of cargo, because the target directory is the developer's choice.

use std::path::PathBuf;

use anyhow::{Context as _, Result};
use serde_json::Value;

use crate::command::{cargo, run_for_output};

/// Absolute paths of the programs just built.
#[derive(Debug, PartialEq)]
pub(crate) struct Executables {
    /// The custom handler, as the Functions host starts it.
    pub(crate) handler: PathBuf,
    /// What `cargo dev` runs.
    pub(crate) local_stack: PathBuf,
    /// The service of the local stack, as a program of its own.
    pub(crate) signalr_emulator: PathBuf,
    /// The example of `signalr-server`.
    pub(crate) test_hub: PathBuf,
    /// `examples/check_package.rs`: runs an unpacked function app and tries it.
    pub(crate) check_package: PathBuf,
}

impl Executables {
    /// Builds them, in the profile of `cargo dev` and `cargo test`.
    pub(crate) fn build() -> Result<Self> {
        // A test target makes cargo unify features as `cargo test --workspace` does, so that what is built there is used
        // here. Without it two dozen crates, most of this workspace among them, would be built a second time.
        let arguments = "build --workspace --bin handler --bin local-stack --bin signalr-emulator --example test_hub \
                         --example check_package --test end_to_end --message-format json-render-diagnostics";
        Self::find(&run_for_output(&mut cargo(arguments))?)
    }

    /// Picks the paths out of what cargo reports, one JSON object per line.
    fn find(messages: &str) -> Result<Self> {
        let path_of = |name: &str| {
            messages
                .lines()
                .find_map(|line| executable(line, name))
                .with_context(|| format!("cargo built no executable named `{name}`"))
        };
        Ok(Self {
            handler: path_of("handler")?,
            local_stack: path_of("local-stack")?,
            signalr_emulator: path_of("signalr-emulator")?,
            test_hub: path_of("test_hub")?,
            check_package: path_of("check_package")?,
        })
    }
}

/// The program of this name, if that is what a message of cargo is about.
pub(crate) fn executable(message: &str, name: &str) -> Option<PathBuf> {
    let message: Value = serde_json::from_str(message).ok()?;
    let path = message["executable"].as_str()?;
    (message["target"]["name"] == name).then(|| PathBuf::from(path))
}

#[cfg(test)]
mod tests {
    use super::*;

    const MESSAGES: &str = r#"
{"reason":"compiler-artifact","target":{"kind":["lib"],"name":"local-stack"},"executable":null}
{"reason":"compiler-artifact","target":{"kind":["bin"],"name":"local-stack"},"executable":"/target/debug/local-stack"}
{"reason":"compiler-artifact","target":{"kind":["bin"],"name":"handler"},"executable":"/target/debug/handler"}
{"reason":"compiler-artifact","target":{"kind":["bin"],"name":"signalr-emulator"},"executable":"/target/debug/signalr-emulator"}
{"reason":"compiler-artifact","target":{"kind":["example"],"name":"test_hub"},"executable":"/target/debug/examples/test_hub"}
{"reason":"compiler-artifact","target":{"kind":["example"],"name":"check_package"},"executable":"/target/debug/examples/check_package"}
{"reason":"build-finished","success":true}
"#;

    #[test]
    fn executables_are_found_in_what_cargo_reports() {
        let expected = Executables {
            handler: "/target/debug/handler".into(),
            local_stack: "/target/debug/local-stack".into(),
            signalr_emulator: "/target/debug/signalr-emulator".into(),
            test_hub: "/target/debug/examples/test_hub".into(),
            check_package: "/target/debug/examples/check_package".into(),
        };
        assert_eq!(Executables::find(MESSAGES).unwrap(), expected);
    }

    #[test]
    fn an_executable_that_was_not_built_is_named() {
        let error = Executables::find(r#"{"reason":"build-finished","success":true}"#).unwrap_err();
        assert_eq!(error.to_string(), "cargo built no executable named `handler`");
    }
}
