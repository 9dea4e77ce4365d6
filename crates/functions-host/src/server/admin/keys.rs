//! `/admin/host/keys` and `/admin/functions/{name}/keys`: the keys themselves, for administrators.
//!
//! Easily missed: `PUT` takes a value and `POST` makes one. Without keys there is nothing to manage, and the answer is 404.

use axum::body::Body;
use axum::response::{IntoResponse as _, Response};
use http::request::Parts;
use http::{Method, StatusCode, header};
use serde::Deserialize;
use serde_json::{Value, json};

use super::{base_url, is_json};
use crate::events::LogLevel;
use crate::host::Invoker;
use crate::keys::{Change, Keys, KeysError, MASTER, Scope};

/// Longer than any key.
const VALUE_LIMIT: usize = 64 * 1024;

/// What a request is about: all keys of a scope, or one of them.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Target {
    scope: Scope,
    /// In its own letter case.
    key: Option<String>,
}

impl Target {
    /// The target of a path below `/admin`, given in segments in lower case and as it was written.
    pub(super) fn of(segments: &[&str], path: &str) -> Option<Target> {
        let (scope, rest) = match segments {
            ["host", "keys" | "functionkeys", rest @ ..] => (Scope::Host, rest),
            ["host", "systemkeys", rest @ ..] => (Scope::System, rest),
            ["functions", name, "keys", rest @ ..] => (Scope::Function((*name).to_owned()), rest),
            _ => return None,
        };
        let key = match rest {
            [] => None,
            [_] => path.rsplit('/').next().map(str::to_owned),
            _ => return None,
        };
        Some(Target { scope, key })
    }

    /// The master key has its own place and is reached by its name in either scope of the host.
    fn is_master(&self) -> bool {
        let is_named = self.key.as_deref().is_some_and(|key| key.eq_ignore_ascii_case(MASTER));
        is_named && matches!(self.scope, Scope::Host | Scope::System)
    }
}

/// Answers a request about keys.
///
/// # Errors
/// The status of an answer without a body.
pub(super) async fn answer(
    invoker: &Invoker,
    target: &Target,
    parts: &Parts,
    body: Body,
) -> Result<Response, StatusCode> {
    let keys = invoker.shared().keys.as_ref().ok_or(StatusCode::NOT_FOUND)?;
    if let Scope::Function(name) = &target.scope {
        let function = invoker.app().function(name).ok_or(StatusCode::NOT_FOUND)?;
        // The real host makes the first key of a function as soon as somebody asks.
        keys.function_key(&function.name).map_err(|error| unwritten(invoker, &error))?;
    }
    let own_url = format!("{}{}", base_url(invoker, &parts.headers), parts.uri.path());
    match (&parts.method, &target.key) {
        (&Method::GET, None) => Ok(axum::Json(listed(keys, target, &own_url)).into_response()),
        (&Method::GET, Some(key)) => Ok(axum::Json(one(keys, target, key, &own_url)?).into_response()),
        (&Method::POST, Some(key)) => set(invoker, keys, target, key, None, &own_url),
        (&Method::PUT, Some(key)) => {
            if !is_json(&parts.headers) {
                return Err(StatusCode::UNSUPPORTED_MEDIA_TYPE);
            }
            match value_of(body).await {
                Some(value) => set(invoker, keys, target, key, Some(value), &own_url),
                None => Ok((StatusCode::BAD_REQUEST, "Invalid key value").into_response()),
            }
        }
        (&Method::DELETE, Some(key)) => delete(invoker, keys, target, key),
        _ => Err(StatusCode::NOT_FOUND),
    }
}

fn listed(keys: &Keys, target: &Target, own_url: &str) -> Value {
    let keys: Vec<Value> =
        keys.list(&target.scope).into_iter().map(|(name, value)| json!({"name": name, "value": value})).collect();
    json!({"keys": keys, "links": [{"rel": "self", "href": own_url}]})
}

fn one(keys: &Keys, target: &Target, key: &str, own_url: &str) -> Result<Value, StatusCode> {
    let value = if target.is_master() && target.scope == Scope::System {
        Some((MASTER.to_owned(), keys.master_key()))
    } else {
        keys.list(&target.scope).into_iter().find(|(name, _)| name == key)
    };
    let (name, value) = value.ok_or(StatusCode::NOT_FOUND)?;
    Ok(described(&name, &value, own_url))
}

fn described(name: &str, value: &str, own_url: &str) -> Value {
    json!({"name": name, "value": value, "links": [{"rel": "self", "href": own_url}]})
}

fn set(
    invoker: &Invoker,
    keys: &Keys,
    target: &Target,
    key: &str,
    value: Option<String>,
    own_url: &str,
) -> Result<Response, StatusCode> {
    let done = if target.is_master() { keys.set_master(value) } else { keys.set(&target.scope, key, value) };
    let (change, value) = done.map_err(|error| unwritten(invoker, &error))?;
    let body = axum::Json(described(key, &value, own_url));
    Ok(match change {
        Change::Created => (StatusCode::CREATED, [(header::LOCATION, own_url)], body).into_response(),
        Change::Updated => body.into_response(),
    })
}

fn delete(invoker: &Invoker, keys: &Keys, target: &Target, key: &str) -> Result<Response, StatusCode> {
    if key.eq_ignore_ascii_case(MASTER) {
        return Ok((StatusCode::BAD_REQUEST, "Cannot delete System Key.").into_response());
    }
    let was_there = keys.delete(&target.scope, key).map_err(|error| unwritten(invoker, &error))?;
    if was_there { Ok(StatusCode::NO_CONTENT.into_response()) } else { Err(StatusCode::NOT_FOUND) }
}

async fn value_of(body: Body) -> Option<String> {
    #[derive(Deserialize)]
    struct Key {
        #[serde(alias = "Value")]
        value: String,
    }
    let body = axum::body::to_bytes(body, VALUE_LIMIT).await.ok()?;
    serde_json::from_slice(&body).ok().map(|Key { value }| value)
}

fn unwritten(invoker: &Invoker, error: &KeysError) -> StatusCode {
    invoker.observer().log(LogLevel::Error, error.to_string());
    StatusCode::INTERNAL_SERVER_ERROR
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(path: &str, expected: Option<(Scope, Option<&str>)>) {
        let lower = path.to_ascii_lowercase();
        let segments: Vec<&str> = lower.split('/').collect();
        let expected = expected.map(|(scope, key)| Target { scope, key: key.map(str::to_owned) });
        assert_eq!(Target::of(&segments, path), expected, "{path}");
    }

    #[test]
    fn scopes_ignore_letter_case_and_names_of_keys_keep_theirs() {
        check("host/keys", Some((Scope::Host, None)));
        check("host/FunctionKeys/Mine", Some((Scope::Host, Some("Mine"))));
        check("host/systemkeys/_master", Some((Scope::System, Some("_master"))));
        check("functions/F/keys/k", Some((Scope::Function("f".to_owned()), Some("k"))));
        for path in ["host", "host/status", "functions/f", "host/keys/a/b", "functions/keys"] {
            check(path, None);
        }
    }
}
