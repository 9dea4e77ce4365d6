//! function.json: finding the functions and reading each one (functions-host 4.1).
//!
//! Every error puts one function in error and the others go on. The functions come in the order of their names,
//! letter case ignored, which is also the order in which the real host tries their routes.

use std::path::{Path, PathBuf};

use serde_json::{Map, Value};

use self::bindings::Bindings;
use super::json_file::{self, text_of};
use super::{
    AppError, BrokenFunction, Fault, Function, FunctionState, HostJson, HttpTrigger, Settings, SignalRTrigger, Trigger,
};
use crate::expressions;

mod bindings;
mod properties;
mod retry;
mod routes;

pub(super) use routes::{from_routes, name_of_route, of_route};

/// What reading a function needs to know about the app.
struct Context<'a> {
    host: &'a HostJson,
    settings: &'a Settings,
}

/// Why a function cannot run. A text alone is a fault of its declaration.
struct Flaw {
    message: String,
    fault: Fault,
}

impl From<String> for Flaw {
    fn from(message: String) -> Self {
        Self { message, fault: Fault::Declaration }
    }
}

/// Reads all functions of the app: those that can run and those in error.
pub(super) fn discover(
    root: &Path,
    host: &HostJson,
    settings: &Settings,
) -> Result<(Vec<Function>, Vec<BrokenFunction>), AppError> {
    let context = Context { host, settings };
    let (mut functions, mut broken) = (Vec::new(), Vec::new());
    for folder in folders(root)? {
        let name = folder.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
        if !is_wanted(&name, host) {
            continue;
        }
        let read = match json_file::read(&folder.join("function.json")) {
            Ok(None) => continue,
            Ok(Some(text)) => parse(&name, &text).and_then(|file| read_function(&name, &file, &context)),
            Err(error) => Err(Flaw::from(error.to_string())),
        };
        match read.and_then(|function| Ok(check_against(&function, &functions).map(|()| function)?)) {
            Ok(function) => functions.push(function),
            Err(Flaw { message, fault }) => broken.push(BrokenFunction { name, message, fault }),
        }
    }
    Ok((functions, broken))
}

fn parse(name: &str, text: &str) -> Result<Map<String, Value>, Flaw> {
    // The real host looks at the name first.
    check_name(name)?;
    json_file::parse(text).map_err(|message| format!("function.json is not valid JSON: {message}.").into())
}

/// Whether host.json does not limit the app to other functions.
fn is_wanted(name: &str, host: &HostJson) -> bool {
    host.only_functions.is_empty() || host.only_functions.iter().any(|only| only.eq_ignore_ascii_case(name))
}

/// The folders one level below the root, by name.
fn folders(root: &Path) -> Result<Vec<PathBuf>, AppError> {
    let unreadable = |source| AppError::Unreadable { path: root.to_owned(), source };
    let entries = std::fs::read_dir(root).map_err(unreadable)?.collect::<Result<Vec<_>, _>>().map_err(unreadable)?;
    let mut folders: Vec<PathBuf> =
        entries.into_iter().map(|entry| entry.path()).filter(|path| path.is_dir()).collect();
    folders.sort_by_key(|path| path.file_name().map(|name| name.to_string_lossy().to_uppercase()));
    Ok(folders)
}

fn read_function(name: &str, file: &Map<String, Value>, context: &Context<'_>) -> Result<Function, Flaw> {
    let Bindings { trigger, inputs, outputs } = bindings::read(name, file, context)?;
    let (state, retry) = (state(name, file, context.settings)?, retry::read(file)?);
    Ok(Function { name: name.to_owned(), state, trigger, inputs, outputs, retry })
}

/// `^[a-z][a-z0-9_\-]{0,127}$` without letter case, and not `host`.
fn check_name(name: &str) -> Result<(), String> {
    let is_part = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-');
    let is_name = name.starts_with(|first: char| first.is_ascii_alphabetic())
        && name.len() <= 128
        && name.bytes().all(is_part)
        && !name.eq_ignore_ascii_case("host");
    if is_name { Ok(()) } else { Err(format!("'{name}' is not a valid function name.")) }
}

/// The setting `AzureWebJobs.<name>.Disabled`, also with underscores for systems without dots in variable names, else
/// `disabled` of the file, which may name a setting.
fn state(name: &str, file: &Map<String, Value>, settings: &Settings) -> Result<FunctionState, String> {
    let by_setting = settings.is_enabled(&format!("AzureWebJobs.{name}.Disabled"))
        || settings.is_enabled(&format!("AzureWebJobs_{name}_Disabled"));
    let text = json_file::member(file, "disabled").and_then(text_of).unwrap_or_default();
    let by_file = match text.to_ascii_lowercase().as_str() {
        "" | "false" => false,
        "true" => true,
        _ => {
            let setting = expressions::resolve_settings(&text, settings).map_err(|error| error.to_string())?;
            settings.is_enabled(&setting)
        }
    };
    Ok(if by_setting || by_file { FunctionState::Disabled } else { FunctionState::Enabled })
}

/// What two functions of an app cannot have both.
fn check_against(function: &Function, earlier: &[Function]) -> Result<(), String> {
    match &function.trigger {
        Trigger::Http(trigger) => check_route(trigger, earlier),
        Trigger::SignalR(trigger) if function.state == FunctionState::Enabled => check_event(trigger, earlier),
        Trigger::SignalR(_) | Trigger::Timer(_) => Ok(()),
    }
}

/// Events that an earlier function has. Disabled functions have no listener and so no event (signalr-bindings 6.1).
fn check_event(trigger: &SignalRTrigger, earlier: &[Function]) -> Result<(), String> {
    let SignalRTrigger { hub_name, event, .. } = trigger;
    let (category, event) = (event.category(), event.name());
    let is_taken = |other: &Function| {
        matches!(&other.trigger, Trigger::SignalR(other) if other.is_for(hub_name, category, event))
            && other.state == FunctionState::Enabled
    };
    if earlier.iter().any(is_taken) {
        return Err(format!("Duplicated key parameter hub: {hub_name}, category: {category}, event: {event}"));
    }
    Ok(())
}

/// Reserved routes, and routes that an earlier function has with a method in common.
fn check_route(trigger: &HttpTrigger, earlier: &[Function]) -> Result<(), String> {
    let route = trigger.route.text().to_lowercase();
    // The real host looks at the beginning of the text, so `administrators` is reserved too.
    if route.starts_with("admin") || route.starts_with("runtime") {
        return Err("The specified route conflicts with one or more built in routes.".to_owned());
    }
    for other in earlier {
        if let Trigger::Http(other_trigger) = &other.trigger
            && other_trigger.route.text().to_lowercase() == route
            && trigger.shares_a_method_with(other_trigger)
        {
            return Err(format!("The route specified conflicts with the route defined by function '{}'.", other.name));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests;
