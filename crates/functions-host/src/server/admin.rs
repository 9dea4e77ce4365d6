//! `/admin`: running functions by hand, listing them, and the state of the host, with drain and restart (functions-host 4.3).
//!
//! Easily missed: without keys every caller is an administrator, as under `func start` (functions-host 4.2). In Azure all of this
//! but `ping` needs the master key.

use axum::body::Body;
use axum::extract::Request;
use axum::response::{IntoResponse as _, Response};
use http::{HeaderMap, Method, StatusCode, header};
use serde_json::{Value, json};

use super::auth;
use crate::app::{App, Function, FunctionState, HostConfig, Trigger};
use crate::host::{Call, HOST_VERSION, Invoker};

mod keys;
mod renewal;

pub(super) use renewal::Renewal;

/// Enough for any input that a developer types.
const INPUT_LIMIT: usize = 1024 * 1024;

/// The path below `/admin`, if it is there; letter case of `admin` is ignored.
pub(super) fn path_below(path: &str) -> Option<String> {
    let mut segments = path.trim_matches('/').split('/');
    let is_admin = segments.next().is_some_and(|first| first.eq_ignore_ascii_case("admin"));
    is_admin.then(|| segments.collect::<Vec<_>>().join("/"))
}

/// Answers a request on `/admin/{path}`.
///
/// # Errors
/// 401 or 403 for a caller who has no master key.
pub(super) async fn answer(invoker: &Invoker, path: &str, request: Request) -> Result<Response, StatusCode> {
    let (parts, body) = request.into_parts();
    let lower = path.to_ascii_lowercase();
    let segments: Vec<&str> = lower.split('/').collect();
    if matches!((&parts.method, segments.as_slice()), (&Method::GET | &Method::POST, ["host", "ping"])) {
        return Ok(ping());
    }
    auth::check_administrator(invoker, &parts.headers, parts.uri.query().unwrap_or_default())?;
    if let Some(target) = keys::Target::of(&segments, path) {
        return keys::answer(invoker, &target, &parts, body).await;
    }
    Ok(match (&parts.method, segments.as_slice()) {
        (&Method::GET, ["host", "status"]) => axum::Json(status(invoker)).into_response(),
        (&Method::GET, ["host", "config"]) => config(invoker),
        (&Method::POST, ["host", "drain"]) => {
            invoker.shared().listeners.drain();
            StatusCode::ACCEPTED.into_response()
        }
        (&Method::GET, ["host", "drain", "status"]) => axum::Json(drain_status(invoker)).into_response(),
        (&Method::GET, ["functions"]) => {
            let base = base_url(invoker, &parts.headers);
            let functions = invoker.app().functions.iter();
            axum::Json(functions.map(|function| describe(invoker, function, &base)).collect::<Vec<_>>()).into_response()
        }
        (&Method::GET, ["functions", name]) => match invoker.app().function(name) {
            Some(function) => {
                let base = base_url(invoker, &parts.headers);
                axum::Json(describe(invoker, function, &base)).into_response()
            }
            None => StatusCode::NOT_FOUND.into_response(),
        },
        (&Method::GET, ["functions", name, "status"]) => function_status(invoker, name),
        (&Method::POST, ["functions", name]) => run(invoker, name, &parts.headers, body).await,
        _ => StatusCode::NOT_FOUND.into_response(),
    })
}

fn ping() -> Response {
    ([(header::CACHE_CONTROL, "no-store,no-cache"), (header::PRAGMA, "no-cache")], StatusCode::OK).into_response()
}

/// 202 at once; how the invocation went is told to the observer only.
async fn run(invoker: &Invoker, name: &str, headers: &HeaderMap, body: Body) -> Response {
    if !is_json(headers) {
        // The real host's framework refuses to read it before anything is looked for.
        return StatusCode::UNSUPPORTED_MEDIA_TYPE.into_response();
    }
    let refuse = || (StatusCode::BAD_REQUEST, "send a JSON object such as {\"input\":\"\"}").into_response();
    let Ok(body) = axum::body::to_bytes(body, INPUT_LIMIT).await else {
        return StatusCode::PAYLOAD_TOO_LARGE.into_response();
    };
    let Some(Value::Object(invocation)) = serde_json::from_slice(&body).ok() else {
        return refuse();
    };
    let input = invocation.iter().find(|(name, _)| name.eq_ignore_ascii_case("input")).map(|(_, input)| input);
    if matches!(input, Some(Value::Array(_) | Value::Object(_))) {
        return refuse();
    }
    let Some(place) = invoker.place_of(name) else {
        return StatusCode::NOT_FOUND.into_response();
    };
    // Tracked by the invoker, which waits for it at the end.
    drop(invoker.run_in_background(place, Call::ByHand));
    StatusCode::ACCEPTED.into_response()
}

/// `application/json`, `text/json`, or any type ending in `+json`, as ASP.NET reads a body.
fn is_json(headers: &HeaderMap) -> bool {
    let content_type = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let media_type = content_type.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    let is_structured = media_type.starts_with("application/") && media_type.ends_with("+json");
    is_structured || matches!(media_type.as_str(), "application/json" | "text/json")
}

/// `{}`, or why the function is in error.
fn function_status(invoker: &Invoker, name: &str) -> Response {
    let app = invoker.app();
    if let Some(broken) = app.broken.iter().find(|broken| broken.name.eq_ignore_ascii_case(name)) {
        return axum::Json(json!({"errors": [broken.message]})).into_response();
    }
    match app.function(name) {
        Some(_) => axum::Json(json!({})).into_response(),
        None => StatusCode::NOT_FOUND.into_response(),
    }
}

/// `Completed` when nothing runs any more.
fn drain_status(invoker: &Invoker) -> Value {
    let (outstanding, retries) = (invoker.outstanding(), invoker.shared().retries.count());
    let state = match (invoker.shared().listeners.are_drained(), outstanding) {
        (false, _) => "Disabled",
        (true, 0) => "Completed",
        (true, _) => "InProgress",
    };
    json!({"state": state, "outstandingInvocations": outstanding, "outstandingRetries": retries})
}

/// The host as the caller calls it.
fn base_url(invoker: &Invoker, headers: &HeaderMap) -> String {
    let host = headers.get(header::HOST).and_then(|host| host.to_str().ok());
    format!("http://{}", host.map_or_else(|| invoker.shared().address.to_string(), str::to_owned))
}

/// Files and test data are not served here, so their addresses are null.
fn describe(invoker: &Invoker, function: &Function, base: &str) -> Value {
    let invoke_url = match &function.trigger {
        Trigger::Http(http) => Some(invoker.app().url_of(http, base).to_lowercase()),
        Trigger::Timer(_) | Trigger::SignalR(_) => None,
    };
    json!({
        "name": function.name,
        "script_root_path_href": null,
        "script_href": null,
        "config_href": null,
        "test_data_href": null,
        "href": format!("{base}/admin/functions/{}", function.name),
        "invoke_url_template": invoke_url,
        "language": "custom",
        "config": invoker.app().function_json(function),
        "files": null,
        "test_data": null,
        "isDisabled": function.state == FunctionState::Disabled,
        "isDirect": false,
        "isProxy": false,
    })
}

/// The options that the real host has understood, as indented text. Of the extensions it shows those with options in host.json, and of
/// those this host has HTTP alone.
fn config(invoker: &Invoker) -> Response {
    let HostConfig { http, concurrency } = &invoker.app().host.config;
    let options = json!({"extensions": {"http": http}, "concurrency": concurrency});
    format!("{options:#}").into_response()
}

fn status(invoker: &Invoker) -> Value {
    let (app, shared) = (invoker.app(), invoker.shared());
    let mut status = json!({
        "id": host_id(computer_name(app), &app.root.to_string_lossy()),
        "state": "Running",
        "version": HOST_VERSION,
        "versionDetails": concat!(env!("CARGO_PKG_NAME"), " ", env!("CARGO_PKG_VERSION")),
        "instanceId": shared.instance_id.simple().to_string(),
        "computerName": computer_name(app),
        "processUptime": u64::try_from(shared.started.elapsed().as_millis()).unwrap_or(u64::MAX),
        "functionAppContentEditingState": "Unknown",
    });
    if let (Some(bundle), Value::Object(members)) = (&app.host.extension_bundle, &mut status) {
        members.insert("extensionBundle".to_owned(), json!({"id": bundle.id, "version": bundle.resolved_version()}));
    }
    status
}

fn computer_name(app: &App) -> &str {
    app.settings.get("COMPUTERNAME").or_else(|| app.settings.get("HOSTNAME")).unwrap_or("localhost")
}

/// The machine, and a hash of the app's folder: stable, in lower case, at most 32 characters (functions-host 6.5).
fn host_id(machine: &str, root: &str) -> String {
    let hash = root.encode_utf16().fold(23_i32, |hash, unit| hash.wrapping_mul(31).wrapping_add(i32::from(unit)));
    let machine: String = machine.chars().filter(|character| character.is_alphanumeric()).collect();
    let id = format!("{machine}-{}", hash.unsigned_abs()).to_lowercase();
    id.chars().take(32).collect::<String>().trim_end_matches('-').to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn admin_is_a_whole_segment_in_any_letter_case() {
        assert_eq!(path_below("/admin/functions/x").as_deref(), Some("functions/x"));
        assert_eq!(path_below("/Admin/host/").as_deref(), Some("host"));
        assert_eq!(path_below("/administrator"), None);
        assert_eq!(path_below("/api/admin"), None);
    }

    #[test]
    fn a_host_id_is_the_machine_and_a_hash_of_the_folder() {
        assert_eq!(host_id("My-Machine", "/app"), "mymachine-22737961");
        assert_eq!(host_id("m", "/app"), host_id("m", "/app"));
        assert_ne!(host_id("m", "/app"), host_id("m", "/app2"));
        assert_eq!(host_id(&"m".repeat(31), "/app"), "m".repeat(31));
        assert_eq!(host_id("", "").len(), 3);
    }
}
