//! Finds and builds the handler of a function app.
//!
//! Only an app that is a cargo package is built; for any other one host.json says what runs.

use serde_json::Value;
use std::io;
use std::path::{Path, PathBuf};
use std::process::{ExitStatus, Stdio};
use tokio::io::{AsyncBufReadExt, AsyncRead, BufReader};
use tokio::process::Command;

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
    /// The compiler has said what is wrong.
    #[error("the handler does not build; the compiler's messages are above")]
    Failed,
}

/// What a build says while it goes on. Neither ends with a line break.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum BuildNews {
    /// A line about its progress, such as `   Compiling handler v0.1.0`.
    Progress(String),
    /// An error or a warning of the compiler, as it would print it.
    Diagnostic(String),
}

/// How the compiler prints its messages.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Diagnostics {
    /// As plain text.
    Plain,
    /// With ANSI colours.
    Coloured,
}

/// A build that went well.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Built {
    /// The program named `handler`; `None` when the app is no cargo package, or has no such program.
    pub program: Option<PathBuf>,
    /// Whether there is anything new.
    pub freshness: Freshness,
}

/// Whether a build has made anything new.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Freshness {
    /// A new program was made.
    New,
    /// The program was there already.
    Unchanged,
}

/// The function app at or above `folder`: the first folder that holds host.json, as `func start` looks for it (functions-host 8.3).
pub fn find_app(folder: &Path) -> Option<&Path> {
    folder.ancestors().find(|folder| folder.join("host.json").is_file())
}

/// Whether the app is built with cargo.
pub fn is_package(app: &Path) -> bool {
    app.join("Cargo.toml").is_file()
}

/// Builds the app's package. Cargo is ended when the caller stops waiting.
///
/// # Errors
/// When cargo cannot be started or the build fails.
pub async fn build_handler(
    app: &Path,
    diagnostics: Diagnostics,
    tell: impl Fn(BuildNews),
) -> Result<Built, BuildError> {
    let nothing = Built { program: None, freshness: Freshness::Unchanged };
    if !is_package(app) {
        return Ok(nothing);
    }
    let no_cargo = |source| BuildError::NoCargo { folder: app.display().to_string(), source };
    let format = match diagnostics {
        Diagnostics::Plain => "--message-format=json",
        Diagnostics::Coloured => "--message-format=json-diagnostic-rendered-ansi",
    };
    let mut cargo = Command::new("cargo")
        .args(["build", "--bins", format])
        .current_dir(app)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .map_err(no_cargo)?;
    let (messages, progress) = (cargo.stdout.take(), cargo.stderr.take());
    let mut built = nothing;
    let read_messages = each_line(messages, |line| match read(&line) {
        Some(Message::Diagnostic(text)) => tell(BuildNews::Diagnostic(text)),
        Some(Message::Handler(handler)) => built = handler,
        None => {}
    });
    let read_progress = each_line(progress, |line| {
        // Said by the error of this function, too.
        if !line.starts_with("error: could not compile") {
            tell(BuildNews::Progress(line));
        }
    });
    tokio::join!(read_messages, read_progress);
    let status: ExitStatus = cargo.wait().await.map_err(no_cargo)?;
    if status.success() { Ok(built) } else { Err(BuildError::Failed) }
}

async fn each_line(pipe: Option<impl AsyncRead + Unpin>, mut take: impl FnMut(String)) {
    let Some(pipe) = pipe else { return };
    let mut lines = BufReader::new(pipe).lines();
    while let Ok(Some(line)) = lines.next_line().await {
        take(line);
    }
}

/// What counts of cargo's messages.
#[derive(Debug, PartialEq)]
enum Message {
    Diagnostic(String),
    Handler(Built),
}

fn read(line: &str) -> Option<Message> {
    let message: Value = serde_json::from_str(line).ok()?;
    match message["reason"].as_str()? {
        "compiler-message" => {
            message["message"]["rendered"].as_str().map(|text| Message::Diagnostic(text.trim_end().to_owned()))
        }
        "compiler-artifact" if message["target"]["name"] == "handler" => {
            let program = Some(PathBuf::from(message["executable"].as_str()?));
            let freshness = if message["fresh"] == true { Freshness::Unchanged } else { Freshness::New };
            Some(Message::Handler(Built { program, freshness }))
        }
        _ => None,
    }
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
    fn only_the_handler_and_what_the_compiler_says_are_taken_from_cargos_messages() {
        let artifact = |name: &str, fresh: bool| {
            read(&format!(
                r#"{{"reason":"compiler-artifact","target":{{"name":"{name}"}},"fresh":{fresh},"executable":"/t/debug/{name}"}}"#
            ))
        };
        let built = |freshness| Message::Handler(Built { program: Some("/t/debug/handler".into()), freshness });
        assert_eq!(artifact("handler", false), Some(built(Freshness::New)));
        assert_eq!(artifact("handler", true), Some(built(Freshness::Unchanged)));
        assert_eq!(artifact("other", false), None);
        let diagnostic = r#"{"reason":"compiler-message","message":{"rendered":"error: no\n --> here\n\n"}}"#;
        assert_eq!(read(diagnostic), Some(Message::Diagnostic("error: no\n --> here".to_owned())));
        assert_eq!(read(r#"{"reason":"build-finished","success":true}"#), None);
        assert_eq!(read("not json"), None);
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

    #[tokio::test]
    async fn an_app_that_is_no_cargo_package_is_not_built() {
        let app = tempfile::tempdir().unwrap();
        let built = build_handler(app.path(), Diagnostics::Plain, |news| panic!("{news:?}")).await.unwrap();
        assert_eq!(built.program, None);
    }
}
