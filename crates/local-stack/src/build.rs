//! Finds and builds the handler of a function app.
//!
//! Only an app that is a cargo package is built; for any other one host.json says what runs.

use serde_json::Value;
use std::io::{self, BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// How a setting replaces the program that host.json names (functions-host 1.2).
pub(crate) const EXECUTABLE: &str = "AzureFunctionsJobHost__customHandler__description__defaultExecutablePath";

/// Why there is no handler to start.
#[derive(Debug, thiserror::Error)]
pub enum BuildError {
    /// Cargo is not on the `PATH`.
    #[error(
        "`cargo build` cannot be started in `{folder}`; install Rust, or pass --no-build to run what is built already"
    )]
    NoCargo {
        /// The folder of the app.
        folder: String,
        /// Why not.
        #[source]
        source: io::Error,
    },
    /// The compiler has printed what is wrong.
    #[error("the handler does not build; the compiler's messages are above")]
    Failed,
}

/// The function app at or above `folder`: the first folder that holds host.json, as `func start` looks for it (functions-host 8.3).
pub fn find_app(folder: &Path) -> Option<&Path> {
    folder.ancestors().find(|folder| folder.join("host.json").is_file())
}

/// Builds the app's package and returns the program named `handler`; `None` when the app is no cargo package, or has no such
/// program. The compiler's progress and messages go to this process's stderr.
///
/// # Errors
/// When cargo cannot be started or the build fails.
pub fn build_handler(app: &Path) -> Result<Option<PathBuf>, BuildError> {
    if !app.join("Cargo.toml").is_file() {
        return Ok(None);
    }
    let no_cargo = |source| BuildError::NoCargo { folder: app.display().to_string(), source };
    let mut cargo = Command::new("cargo")
        .args(["build", "--bins", "--message-format=json-render-diagnostics"])
        .current_dir(app)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .spawn()
        .map_err(no_cargo)?;
    let messages = cargo.stdout.take().expect("stdout was piped two lines above");
    let handler = BufReader::new(messages).lines().map_while(Result::ok).filter_map(|line| handler_of(&line)).last();
    let status = cargo.wait().map_err(no_cargo)?;
    if status.success() { Ok(handler) } else { Err(BuildError::Failed) }
}

/// The program in a message of cargo about a finished artifact, if it is the handler.
fn handler_of(message: &str) -> Option<PathBuf> {
    let message: Value = serde_json::from_str(message).ok()?;
    let is_handler = message["reason"] == "compiler-artifact" && message["target"]["name"] == "handler";
    if is_handler { message["executable"].as_str().map(PathBuf::from) } else { None }
}

/// The handler that an earlier build of the app has left in the folder of the running program, which is where cargo puts both when
/// the program was built from the same repository; `None` when it was not.
pub fn built_beside(program: &Path, app: &Path) -> Option<PathBuf> {
    let name = format!("handler{}", std::env::consts::EXE_SUFFIX);
    Some(program.parent()?.join(name)).filter(|handler| handler.starts_with(app) && handler.is_file())
}

/// Whether the environment itself names the program to run, which then wins over whatever would be built.
pub fn is_replaced(environment: &[(String, String)]) -> bool {
    environment.iter().any(|(name, value)| name.eq_ignore_ascii_case(EXECUTABLE) && !value.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_app_is_the_nearest_folder_with_a_host_json() {
        let root = tempfile::tempdir().unwrap();
        let inner = root.path().join("web/src");
        std::fs::create_dir_all(&inner).unwrap();
        assert_eq!(find_app(&inner), None);
        std::fs::write(root.path().join("host.json"), "{}").unwrap();
        assert_eq!(find_app(&inner), Some(root.path()));
        assert_eq!(find_app(root.path()), Some(root.path()));
    }

    #[test]
    fn only_the_handler_is_taken_from_what_cargo_builds() {
        let of = |name: &str| {
            handler_of(&format!(
                r#"{{"reason":"compiler-artifact","target":{{"name":"{name}"}},"executable":"/t/debug/{name}"}}"#
            ))
        };
        assert_eq!(of("handler"), Some(PathBuf::from("/t/debug/handler")));
        assert_eq!(of("other"), None);
        assert_eq!(handler_of(r#"{"reason":"build-finished","success":true}"#), None);
        assert_eq!(handler_of("not json"), None);
    }

    #[test]
    fn a_handler_of_another_repository_is_not_taken_for_the_apps_own() {
        let (ours, theirs) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let program = ours.path().join("target/debug/local-stack");
        let handler = program.with_file_name(format!("handler{}", std::env::consts::EXE_SUFFIX));
        std::fs::create_dir_all(program.parent().unwrap()).unwrap();
        assert_eq!(built_beside(&program, ours.path()), None);
        std::fs::write(&handler, "").unwrap();
        assert_eq!(built_beside(&program, ours.path()), Some(handler));
        assert_eq!(built_beside(&program, theirs.path()), None);
    }

    #[test]
    fn an_app_that_is_no_cargo_package_is_not_built() {
        let app = tempfile::tempdir().unwrap();
        assert!(matches!(build_handler(app.path()), Ok(None)));
    }
}
