//! host.json (functions-host 1.1 to 1.3).
//!
//! The real host flattens it into .NET configuration, so names ignore letter case, every plain value is text, and a
//! setting `AzureFunctionsJobHost__a__b` replaces `a.b`.

use std::path::{Path, PathBuf};
use std::time::Duration;

use serde_json::{Map, Value};

use super::json_file::{member, object_member, text_of};
use super::{CustomHandler, ExtensionBundle, HostJson, HttpMode, Settings, StderrLevel};
use crate::schedule::time_span;
use crate::warnings::{Warning, WarningCode};

pub(super) mod command_line;
mod overrides;

const DEFAULT_FUNCTION_TIMEOUT: Duration = Duration::from_secs(30 * 60);
// The documentation says 60 s; the code of the real host says 30 s.
const DEFAULT_INITIALIZATION_TIMEOUT: Duration = Duration::from_secs(30);

/// host.json as understood, its flattened values for `%…%`, and warnings.
pub(super) struct Read {
    pub(super) host: HostJson,
    pub(super) flattened: Vec<(String, String)>,
    pub(super) warnings: Vec<Warning>,
}

/// Reads the parsed file for the app in `root`, which must be absolute.
pub(super) fn read(file: &Map<String, Value>, root: &Path, settings: &Settings) -> Result<Read, String> {
    check_version(file)?;
    let mut file = file.clone();
    for (path, value) in settings.section("AzureFunctionsJobHost") {
        overrides::apply(&mut file, &path, value);
    }
    let mut warnings = Vec::new();
    let host = HostJson {
        route_prefix: route_prefix(&file),
        custom_handler: custom_handler(&file, root, settings, &mut warnings)?,
        function_timeout: function_timeout(&file)?,
        extension_bundle: extension_bundle(&file),
        watch_files: member(&file, "watchFiles").map(strings_of).unwrap_or_default(),
        only_functions: member(&file, "functions").map(strings_of).unwrap_or_default(),
    };
    Ok(Read { host, flattened: overrides::flattened(&file), warnings })
}

/// The version is read from the file alone, before any override, and its name is not matched without case.
fn check_version(file: &Map<String, Value>) -> Result<(), String> {
    let version = file.get("version").and_then(text_of).unwrap_or_default();
    if version.is_empty() {
        return Err("The host.json file is missing the required 'version' property. See \
                    https://aka.ms/functions-hostjson for steps to migrate the configuration file."
            .to_owned());
    }
    if file.get("version") == Some(&Value::String("2.0".to_owned())) {
        return Ok(());
    }
    let about_runtime = if version.starts_with('3') {
        "This does not correspond to the function runtime version, only to the schema version of the host.json file. "
    } else {
        ""
    };
    Err(format!(
        "'{version}' is an invalid value for host.json 'version' property. We recommend you set the 'version' property \
         to '2.0'. {about_runtime}See https://aka.ms/functions-hostjson for more information on this configuration file."
    ))
}

fn route_prefix(file: &Map<String, Value>) -> String {
    let http = object_member(file, "extensions").and_then(|extensions| object_member(extensions, "http"));
    let prefix = http.and_then(|http| member(http, "routePrefix")).and_then(text_of);
    prefix.map_or_else(|| "api".to_owned(), |prefix| prefix.trim_matches('/').to_owned())
}

fn function_timeout(file: &Map<String, Value>) -> Result<Option<Duration>, String> {
    let Some(text) = member(file, "functionTimeout").and_then(text_of) else {
        return Ok(Some(DEFAULT_FUNCTION_TIMEOUT));
    };
    let path = "functionTimeout";
    let span = time_span::parse(&text).ok_or_else(|| bad_value(path, "System.Nullable`1[System.TimeSpan]"))?;
    // "-1" is minus one day for .NET and means no limit.
    if span == jiff::SignedDuration::from_hours(-24) {
        return Ok(None);
    }
    match Duration::try_from(span) {
        Ok(timeout) if timeout >= Duration::from_secs(1) => Ok(Some(timeout)),
        _ => Err("FunctionTimeout must be greater than 00:00:01 and less than 10675199.02:48:05.4775807.".to_owned()),
    }
}

fn extension_bundle(file: &Map<String, Value>) -> Option<ExtensionBundle> {
    let bundle = object_member(file, "extensionBundle")?;
    let text = |name: &str| member(bundle, name).and_then(text_of).filter(|text| !text.is_empty());
    Some(ExtensionBundle { id: text("id")?, version: text("version").unwrap_or_default() })
}

/// The sections that may describe the handler.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Section {
    CustomHandler,
    HttpWorker,
}

fn custom_handler(
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
    warn_of_unsupported_keys(section, warnings);
    let text = |name: &str| member(description, name).and_then(text_of).filter(|text| !text.is_empty());
    let strings = |name: &str| member(description, name).map(strings_of).unwrap_or_default();
    let below_root = |name: &str| text(name).map_or_else(|| root.to_owned(), |directory| root.join(directory));
    let worker_directory = below_root("workerDirectory");
    Ok(CustomHandler {
        executable: executable(text("defaultExecutablePath"), &worker_directory, settings)?,
        working_directory: below_root("workingDirectory"),
        arguments: strings("arguments"),
        worker_path: text("defaultWorkerPath").map(|path| command_line::expanded(&path, settings)),
        worker_arguments: strings("workerArguments"),
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
    if switch(section, "customHandler", "enableProxyingHttpRequest")? == Some(true) {
        return Ok(HttpMode::Proxy);
    }
    let forwards = switch(section, "customHandler", "enableForwardingHttpRequest")? == Some(true);
    Ok(if forwards { HttpMode::Forward } else { HttpMode::Envelope })
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

/// Newer hosts read these; here they would be ignored silently otherwise.
fn warn_of_unsupported_keys(section: &Map<String, Value>, warnings: &mut Vec<Warning>) {
    if member(section, "port").is_some() {
        let text = "`customHandler.port` is ignored here: the host chooses the handler's port; leave it out";
        warnings.push(warning(WarningCode::HandlerPort, text));
    }
    if object_member(section, "http").is_some_and(|http| member(http, "routes").is_some()) {
        let text = "`customHandler.http.routes` is ignored here; declare each function in a function.json";
        warnings.push(warning(WarningCode::HandlerRoutes, text));
    }
}

fn warning(code: WarningCode, text: &str) -> Warning {
    Warning::new(code, text).about("host.json")
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

fn bad_value(path: &str, of: &str) -> String {
    format!("Failed to convert configuration value at 'AzureFunctionsJobHost:{path}' to type '{of}'.")
}

/// A list as the .NET binder reads it: an array, an object whose names are indexes, or text that holds a JSON array of
/// strings (functions-host 1.2).
fn strings_of(value: &Value) -> Vec<String> {
    match value {
        Value::Array(items) => items.iter().filter_map(text_of).collect(),
        Value::Object(items) => {
            let mut items: Vec<_> = items.iter().collect();
            items.sort_by_key(|(index, _)| index.parse::<usize>().unwrap_or(usize::MAX));
            items.into_iter().filter_map(|(_, item)| text_of(item)).collect()
        }
        Value::String(text) => overrides::list_of(text).unwrap_or_default(),
        Value::Null | Value::Bool(_) | Value::Number(_) => Vec::new(),
    }
}

#[cfg(test)]
mod tests;
