//! The `customHandler` section of host.json, or the older `httpWorker` (functions-host 1.1).
//!
//! Easily missed: `httpWorker` always forwards pure HTTP functions, and to `/<function name>`.

use std::path::{Path, PathBuf};
use std::time::Duration;

use serde_json::{Map, Value};

use super::{bad_value, command_line, strings_of, warning};
use crate::app::json_file::{member, object_member, text_of};
use crate::app::{CustomHandler, HttpMode, Settings, StderrLevel};
use crate::schedule::time_span;
use crate::warnings::{Warning, WarningCode};

// The documentation says 60 s; the code of the real host says 30 s.
const DEFAULT_INITIALIZATION_TIMEOUT: Duration = Duration::from_secs(30);

/// The sections that may describe the handler.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Section {
    CustomHandler,
    HttpWorker,
}

/// Reads the section of the parsed file for the app in `root`.
pub(super) fn read(
    file: &Map<String, Value>,
    root: &Path,
    settings: &Settings,
    warnings: &mut Vec<Warning>,
) -> Result<CustomHandler, String> {
    let (current, older) = (object_member(file, "customHandler"), object_member(file, "httpWorker"));
    if current.is_some() && older.is_some() {
        let text = "Both httpWorker and customHandler sections are spefified in host.json file. customHandler takes precedence.";
        warnings.push(warning(WarningCode::HttpWorkerSection, text));
    }
    let (kind, section) = match (current, older) {
        (Some(section), _) => (Section::CustomHandler, section),
        (None, Some(section)) => (Section::HttpWorker, section),
        (None, None) => {
            return Err("there is no `customHandler` section, so there is nothing to run; add `\"customHandler\": { \
                        \"description\": { \"defaultExecutablePath\": \"handler\" } }`"
                .to_owned());
        }
    };
    if kind == Section::HttpWorker {
        let text = "Section httpWorker will be deprecated. Please use customHandler section.";
        warnings.push(warning(WarningCode::HttpWorkerSection, text));
    }
    let http_mode = http_mode(kind, section, warnings)?;
    let Some(description) = object_member(section, "description") else {
        return Err("Missing worker Description.".to_owned());
    };
    let text = |name: &str| member(description, name).and_then(text_of).filter(|text| !text.is_empty());
    let strings = |name: &str| member(description, name).map(strings_of).unwrap_or_default();
    let below_root = |name: &str| text(name).map_or_else(|| root.to_owned(), |directory| root.join(directory));
    let worker_directory = below_root("workerDirectory");
    let path = text("defaultExecutablePath");
    if path.as_deref().is_some_and(|path| path.starts_with("./") || path.starts_with(".\\")) {
        let text = "`defaultExecutablePath` begins with `./`, so Core Tools does not find it among the files that it packs and it \
                    cannot be executed in Azure; leave `./` out";
        warnings.push(warning(WarningCode::ExecutablePath, text));
    }
    Ok(CustomHandler {
        executable: executable(path, &worker_directory, settings)?,
        working_directory: below_root("workingDirectory"),
        arguments: strings("arguments"),
        worker_path: text("defaultWorkerPath").map(|path| command_line::expanded(&path, settings)),
        worker_arguments: strings("workerArguments"),
        port: if kind == Section::CustomHandler { port(section)? } else { None },
        initialization_timeout: initialization_timeout(section)?,
        http_mode,
        stderr_level: stderr_level(description)?,
        worker_directory,
    })
}

fn http_mode(kind: Section, section: &Map<String, Value>, warnings: &mut Vec<Warning>) -> Result<HttpMode, String> {
    if kind == Section::HttpWorker {
        return Ok(HttpMode::ForwardToFunctionName);
    }
    let kind = member(section, "type").and_then(text_of).unwrap_or_default();
    match kind.to_ascii_lowercase().as_str() {
        "" | "http" => {}
        "none" => {
            let text = "CustomHandlerType None is not supported. Defaulting to Http.";
            warnings.push(warning(WarningCode::HandlerTypeNone, text));
        }
        _ => {
            let of = "Microsoft.Azure.WebJobs.Script.Workers.Http.CustomHandlerType";
            return Err(bad_value("customHandler:type", of));
        }
    }
    let proxies = switch(section, "customHandler", "enableProxyingHttpRequest")? == Some(true);
    let forwards = switch(section, "customHandler", "enableForwardingHttpRequest")? == Some(true);
    if proxies && forwards {
        let text =
            "`enableForwardingHttpRequest` has no effect beside `enableProxyingHttpRequest`; leave one of them out";
        warnings.push(warning(WarningCode::Proxying, text));
    }
    Ok(match (proxies, forwards) {
        (true, _) => HttpMode::Proxy,
        (false, true) => HttpMode::Forward,
        (false, false) => HttpMode::Envelope,
    })
}

/// A fixed port is taken literally, so 0 does not mean "choose" (functions-host 1.1).
fn port(section: &Map<String, Value>) -> Result<Option<u16>, String> {
    let Some(text) = member(section, "port").and_then(text_of) else { return Ok(None) };
    let number: i32 = text.trim().parse().map_err(|_| bad_value("customHandler:port", "System.Int32"))?;
    match u16::try_from(number) {
        Ok(port) if port > 0 => Ok(Some(port)),
        _ => Err(format!(
            "Unable to bind to port {number} specified in configuration; give `customHandler.port` a number from 1 to 65535, or \
             leave it out and the host chooses [{}]",
            WarningCode::HandlerPort
        )),
    }
}

fn stderr_level(description: &Map<String, Value>) -> Result<StderrLevel, String> {
    let only_errors = switch(description, "customHandler:description", "useStdErrorStreamForErrorsOnly")?;
    Ok(if only_errors == Some(false) { StderrLevel::ByContent } else { StderrLevel::Error })
}

fn initialization_timeout(section: &Map<String, Value>) -> Result<Duration, String> {
    let Some(text) = member(section, "initializationTimeout").and_then(text_of) else {
        return Ok(DEFAULT_INITIALIZATION_TIMEOUT);
    };
    let span = time_span::parse(&text).and_then(|span| Duration::try_from(span).ok());
    span.ok_or_else(|| bad_value("customHandler:initializationTimeout", "System.TimeSpan"))
}

/// functions-host 1.3: a file below the worker directory when it exists, otherwise the text as it is.
fn executable(path: Option<String>, worker_directory: &Path, settings: &Settings) -> Result<String, String> {
    let path = path.map(|path| command_line::expanded(&path, settings)).unwrap_or_default();
    if path.is_empty() {
        return Err("WorkerDescription DefaultExecutablePath cannot be empty".to_owned());
    }
    let candidate: PathBuf = worker_directory.join(&path);
    let is_relative = Path::new(&path).is_relative();
    Ok(if is_relative && candidate.is_file() { candidate.to_string_lossy().into_owned() } else { path })
}

fn switch(section: &Map<String, Value>, path: &str, name: &str) -> Result<Option<bool>, String> {
    let text = member(section, name).and_then(text_of);
    match text.as_deref().map(str::trim).unwrap_or_default().to_ascii_lowercase().as_str() {
        "" => Ok(None),
        "true" => Ok(Some(true)),
        "false" => Ok(Some(false)),
        _ => Err(bad_value(&format!("{path}:{name}"), "System.Boolean")),
    }
}
