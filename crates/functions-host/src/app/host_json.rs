//! host.json (functions-host 1.1 to 1.3).
//!
//! The real host flattens it into .NET configuration, so names ignore letter case, every plain value is text, and a
//! setting `AzureFunctionsJobHost__a__b` replaces `a.b`.

use std::path::Path;
use std::time::Duration;

use serde_json::{Map, Value, json};

use super::json_file::{member, object_member, text_of};
use super::{ExtensionBundle, HostConfig, HostJson, Settings};
use crate::schedule::time_span;
use crate::warnings::{Warning, WarningCode};

pub(super) mod command_line;
mod custom_handler;
mod overrides;
mod routes;

const DEFAULT_FUNCTION_TIMEOUT: Duration = Duration::from_secs(30 * 60);

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
        custom_handler: custom_handler::read(&file, root, settings, &mut warnings)?,
        http_routes: routes::read(&file)?,
        function_timeout: function_timeout(&file)?,
        extension_bundle: extension_bundle(&file),
        watch_files: member(&file, "watchFiles").map(strings_of).unwrap_or_default(),
        watch_directories: member(&file, "watchDirectories").map(strings_of).unwrap_or_default(),
        config: config(&file)?,
        only_functions: member(&file, "functions").map(strings_of).unwrap_or_default(),
    };
    warnings.extend(profile_warning(&file));
    warnings.extend(extension_warning(&file));
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

/// The options of the real host's `HttpOptions` and `ConcurrencyOptions`, which shape nothing here but the answer of
/// `/admin/host/config`; -1 stands for no limit.
fn config(file: &Map<String, Value>) -> Result<HostConfig, String> {
    let http = object_member(file, "extensions").and_then(|extensions| object_member(extensions, "http"));
    let http_defaults = json!({"dynamicThrottlesEnabled": false, "chunkedTransferEnabled": false, "maxConcurrentRequests": -1,
        "maxOutstandingRequests": -1, "routePrefix": "api"});
    let concurrency_defaults = json!({"dynamicConcurrencyEnabled": false, "maximumFunctionConcurrency": 500, "cpuThreshold": 0.8,
        "snapshotPersistenceEnabled": true});
    Ok(HostConfig {
        http: options("extensions:http", http, http_defaults)?,
        concurrency: options("concurrency", object_member(file, "concurrency"), concurrency_defaults)?,
    })
}

/// The defaults with what a section says instead, each value as one of its default's kind.
fn options(path: &str, section: Option<&Map<String, Value>>, defaults: Value) -> Result<Map<String, Value>, String> {
    let Value::Object(mut options) = defaults else { return Ok(Map::new()) };
    for (name, value) in &mut options {
        if let Some(text) = section.and_then(|section| member(section, name)).and_then(text_of) {
            let (read, kind) = match value {
                Value::Bool(_) => (text.trim().to_ascii_lowercase().parse().ok().map(Value::Bool), "System.Boolean"),
                Value::Number(number) if number.is_f64() => {
                    (text.trim().parse::<f64>().ok().map(Value::from), "System.Single")
                }
                Value::Number(_) => (text.trim().parse::<i32>().ok().map(Value::from), "System.Int32"),
                _ => (Some(Value::from(text)), "System.String"),
            };
            *value = read.ok_or_else(|| bad_value(&format!("{path}:{name}"), kind))?;
        }
    }
    Ok(options)
}

fn extension_bundle(file: &Map<String, Value>) -> Option<ExtensionBundle> {
    let bundle = object_member(file, "extensionBundle")?;
    let text = |name: &str| member(bundle, name).and_then(text_of).filter(|text| !text.is_empty());
    Some(ExtensionBundle { id: text("id")?, version: text("version").unwrap_or_default() })
}

/// Newer hosts change defaults for such an app; here it would be ignored silently otherwise (functions-host 1.1).
fn profile_warning(file: &Map<String, Value>) -> Option<Warning> {
    let profile = member(file, "configurationProfile").and_then(text_of)?;
    let text = format!(
        "`configurationProfile` \"{profile}\" is ignored here; set the keys of `customHandler` that it stands for"
    );
    Some(warning(WarningCode::ConfigurationProfile, &text))
}

/// The extension has app settings only (signalr-bindings 9).
fn extension_warning(file: &Map<String, Value>) -> Option<Warning> {
    let section = object_member(file, "extensions").and_then(|extensions| member(extensions, "signalR"));
    let text = "`extensions.signalR` has no effect: the SignalR extension reads app settings only, such as \
                `AzureSignalRServiceTransportType`; leave it out";
    section.map(|_| warning(WarningCode::ExtensionSettings, text))
}

fn warning(code: WarningCode, text: &str) -> Warning {
    Warning::new(code, text).about("host.json")
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
pub(super) mod tests;
