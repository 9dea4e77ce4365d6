//! `customHandler.http`: functions that host.json declares instead of function.json files (functions-host 1.1).
//!
//! Easily missed: an app has one kind of declaration or the other. With both, the real host does not start.

use serde_json::{Map, Value};

use super::bad_value;
use crate::app::json_file::{member, object_member, text_of};
use crate::app::{AuthLevel, HttpRoute};

/// The routes in their order. One without a level of its own has that of `defaultAuthorizationLevel`.
pub(super) fn read(file: &Map<String, Value>) -> Result<Vec<HttpRoute>, String> {
    let http = object_member(file, "customHandler").and_then(|handler| object_member(handler, "http"));
    let Some(http) = http else { return Ok(Vec::new()) };
    let default = level(http, "defaultAuthorizationLevel", "customHandler:http")?.unwrap_or(AuthLevel::Function);
    let routes = member(http, "routes").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    let route = |(index, route): (usize, &Value)| {
        let path = format!("customHandler:http:routes:{index}");
        let object = route.as_object();
        let text = object.and_then(|route| member(route, "route")).and_then(text_of).unwrap_or_default();
        let own = object.map_or(Ok(None), |route| level(route, "authorizationLevel", &path))?;
        Ok(HttpRoute { route: text, auth_level: own.unwrap_or(default) })
    };
    routes.iter().enumerate().map(route).collect()
}

fn level(section: &Map<String, Value>, name: &str, path: &str) -> Result<Option<AuthLevel>, String> {
    let Some(text) = member(section, name).and_then(text_of).filter(|text| !text.is_empty()) else { return Ok(None) };
    let level = AuthLevel::parse(&text);
    let of = "Microsoft.Azure.WebJobs.Extensions.Http.AuthorizationLevel";
    level.map(Some).ok_or_else(|| bad_value(&format!("{path}:{name}"), of))
}
