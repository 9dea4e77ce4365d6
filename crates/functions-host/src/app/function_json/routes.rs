//! Functions that host.json declares: `customHandler.http.routes` (functions-host 1.1).
//!
//! Each becomes a function with the bindings `req` and `res` that could as well stand in a function.json.

use std::path::Path;

use serde_json::{Map, Value, json};

use super::{Context, Flaw, check_against, discover, read_function};
use crate::app::{AppError, BrokenFunction, Fault, Function, HostJson, HttpRoute, Settings};

/// The nine methods of a route.
const METHODS: [&str; 9] = ["GET", "POST", "PUT", "DELETE", "PATCH", "HEAD", "OPTIONS", "TRACE", "CONNECT"];

/// The name of the function that stands for a route, by its place in host.json.
pub(in crate::app) fn name_of_route(index: usize) -> String {
    format!("http-handler{}", index + 1)
}

/// What the function.json of a route would say.
pub(in crate::app) fn of_route(route: &HttpRoute) -> Map<String, Value> {
    let trigger = json!({"type": "httpTrigger", "direction": "in", "name": "req", "authLevel": route.auth_level.name(),
        "methods": METHODS, "route": route.route});
    let output = json!({"type": "http", "direction": "out", "name": "res"});
    [("bindings".to_owned(), json!([trigger, output]))].into_iter().collect()
}

/// Makes the functions. A route that cannot be one is a function in error, and the others run.
pub(in crate::app) fn from_routes(
    root: &Path,
    host: &HostJson,
    settings: &Settings,
) -> Result<(Vec<Function>, Vec<BrokenFunction>), AppError> {
    let runtime = settings.get("FUNCTIONS_WORKER_RUNTIME").unwrap_or("custom");
    if !runtime.eq_ignore_ascii_case("custom") {
        let text = "Routes configuration is only allowed for worker runtime: custom [FH3012]";
        return Err(AppError::HostJson(text.to_owned()));
    }
    let (on_disk, broken_on_disk) = discover(root, host, settings)?;
    if !on_disk.is_empty() || !broken_on_disk.is_empty() {
        // The space after `host.json` is missing in the real host, too.
        let text = "Detected both function.json files and custom handler HTTP route configuration definition in host.jsonOnly one \
                    configuration source is supported. Remove either the function.json files or the HTTP routes entries in \
                    host.json. [FH3012]";
        return Err(AppError::HostJson(text.to_owned()));
    }
    let context = Context { host, settings };
    let (mut functions, mut broken) = (Vec::new(), Vec::new());
    for (index, route) in host.http_routes.iter().enumerate() {
        let name = name_of_route(index);
        let read = check_route(&route.route).and_then(|()| read_function(&name, &of_route(route), &context));
        match read.and_then(|function| Ok(check_against(&function, &functions).map(|()| function)?)) {
            Ok(function) => functions.push(function),
            Err(Flaw { message, .. }) => broken.push(BrokenFunction { name, message, fault: Fault::Declaration }),
        }
    }
    Ok((functions, broken))
}

fn check_route(route: &str) -> Result<(), Flaw> {
    if route.trim().is_empty() {
        return Err("Route cannot be null, empty or whitespace.".to_owned().into());
    }
    Ok(())
}
