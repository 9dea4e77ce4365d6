//! What is known, as JSON.
//!
//! Easily missed: lists have a limit, and say how many there are in all.

use std::sync::Arc;

use axum::Json;
use axum::extract::{Path, Query, State};
use axum::response::{IntoResponse, Response};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use signalr_emulator::ConnectionSnapshot;

use super::{App, Refused};
use crate::catalogue;
use crate::inspector::Shared;
use crate::record::{Line, Wanted};

/// How many entries a list has unless more or fewer are asked for.
const DEFAULT_LIMIT: usize = 100;
/// How many entries a list has at most.
const LARGEST_LIMIT: usize = 1000;

/// What there is to ask for.
pub(super) async fn index() -> Json<Value> {
    Json(json!({
        "GET /api/state": "the parts of the stack, their functions and counts, the last minute by seconds",
        "GET /api/states": "the same as an event stream, at most three times a second",
        "GET /api/chains?q=TEXT&only=trouble&before=ID&limit=N": "what caused what, newest first, one line each",
        "GET /api/chains/ID": "one of them with everything that is known",
        "GET /api/connections?q=TEXT&limit=N": "live connections with user, transport, protocol, groups, claims and queue",
        "GET /api/groups": "groups with live connections, and users",
        "GET /api/timers": "timers with their next run",
        "GET /api/problems": "warnings with their cure, refused requests with their claims, calls that nobody hears",
        "GET /api/log?q=TEXT&limit=N": "the newest lines of all parts",
        "GET /api/events": "the same as an event stream; it goes on after `Last-Event-ID`",
        "POST /api/send": {"hub": "HUB", "to": {"kind": "all | user | group | connection", "id": "ID"}, "target": "METHOD", "arguments": []},
        "POST /api/membership": {"hub": "HUB", "group": "GROUP", "action": "join | leave", "member": {"kind": "user | connection", "id": "ID"}},
        "POST /api/connections/ID/cut": {},
        "POST /api/connections/ID/close": {"reason": "TEXT", "reconnect": true},
        "POST /api/timers/FUNCTION/run": {},
        "POST /api/token": {"token": "TOKEN"},
        "POST /api/call": {"method": "POST", "target": "/api/FUNCTION?QUERY", "headers": {}, "body": "TEXT"},
        "POST /api/negotiate": {"target": "/api/negotiate", "headers": {}},
    }))
}

/// The parts, their functions and counts.
pub(super) async fn state(State(app): State<App>) -> Json<Value> {
    Json(state_of(&app.shared))
}

/// The same for those who have no request.
pub(super) fn state_of(shared: &Shared) -> Value {
    let (service, now) = (shared.service(), shared.now());
    let hubs = service.as_ref().map(|service| {
        let count = |hub: String| json!({"connections": service.emulator.connection_count(&hub), "name": hub});
        service.emulator.hubs().into_iter().map(count).collect::<Vec<_>>()
    });
    let address = service.as_ref().map(|service| service.connection.server_url().to_string());
    let record = shared.record();
    json!({
        "now": now,
        "host": record.parts.host,
        "handler": record.parts.handler,
        "service": service.as_ref().map(|_| json!({"address": address, "hubs": hubs})),
        "timers": record.parts.timers(),
        "counts": {
            "chains": record.chains.made(),
            "chainsKept": record.chains.len(),
            "problems": record.problems.count(),
            "lines": record.lines.made(),
        },
        "lost": record.lost,
        "lastMinute": record.rates.of_the_last_minute(now),
        "revisions": {
            "all": record.revision,
            "chains": record.chains.revision,
            "connections": record.connections_revision,
            "problems": record.problems.revision,
            "lines": record.lines.made(),
        },
    })
}

/// What may be asked of a list.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Asked {
    q: String,
    only: Option<String>,
    before: Option<u64>,
    limit: Option<usize>,
}

impl Asked {
    fn limit(&self) -> usize {
        self.limit.unwrap_or(DEFAULT_LIMIT).min(LARGEST_LIMIT)
    }
}

/// Chains, one line each.
pub(super) async fn chains(State(app): State<App>, Query(asked): Query<Asked>) -> Json<Value> {
    let wanted = Wanted {
        limit: asked.limit(),
        only_trouble: asked.only.as_deref() == Some("trouble"),
        before: asked.before,
        text: asked.q,
    };
    let record = app.shared.record();
    Json(json!({
        "kept": record.chains.len(),
        "revision": record.chains.revision,
        "chains": record.chains.list(&wanted),
    }))
}

/// One chain, whole.
pub(super) async fn chain(State(app): State<App>, Path(id): Path<u64>) -> Result<Response, Refused> {
    let record = app.shared.record();
    let gone = || Refused::not_found(format!("chain {id} is not kept; the newest 2,000 are"));
    let chain = record.chains.get(id).ok_or_else(gone)?;
    let summary = chain.summary();
    let cure = summary.verdict.code.and_then(catalogue::entry);
    Ok(Json(json!({"summary": summary, "chain": chain, "cure": cure})).into_response())
}

/// Live connections.
pub(super) async fn connections(State(app): State<App>, Query(asked): Query<Asked>) -> Json<Value> {
    let all = app.shared.service().map(|service| service.emulator.connections()).unwrap_or_default();
    let (count, text) = (all.len(), asked.q.trim().to_lowercase());
    let found: Vec<_> = all.into_iter().filter(|connection| text.is_empty() || mentions(connection, &text)).collect();
    let (matching, shown) = (found.len(), found.into_iter().take(asked.limit()).collect::<Vec<_>>());
    Json(json!({"count": count, "matching": matching, "connections": shown}))
}

fn mentions(connection: &ConnectionSnapshot, text: &str) -> bool {
    let names =
        [&connection.hub, &connection.connection_id].into_iter().chain(&connection.user_id).chain(&connection.groups);
    let kinds = [connection.transport, connection.protocol];
    names.map(String::as_str).chain(kinds).any(|name| name.to_lowercase().contains(text))
}

/// Groups and users.
pub(super) async fn groups(State(app): State<App>) -> Json<Value> {
    let service = app.shared.service();
    let (groups, users) =
        service.map(|service| (service.emulator.groups(), service.emulator.users())).unwrap_or_default();
    let (of_groups, of_users) = (groups.len(), users.len());
    let groups: Vec<_> = groups.into_iter().take(LARGEST_LIMIT).collect();
    let users: Vec<_> = users.into_iter().take(LARGEST_LIMIT).collect();
    Json(json!({"groups": groups, "users": users, "count": {"groups": of_groups, "users": of_users}}))
}

/// Timers.
pub(super) async fn timers(State(app): State<App>) -> Json<Value> {
    let (now, record) = (app.shared.now(), app.shared.record());
    Json(json!({"now": now, "timers": record.parts.timers()}))
}

/// What somebody should look at.
pub(super) async fn problems(State(app): State<App>) -> Json<Value> {
    Json(as_json(&app.shared.record().problems.list()))
}

/// The newest lines.
pub(super) async fn log(State(app): State<App>, Query(asked): Query<Asked>) -> Json<Value> {
    let lines: Vec<Arc<Line>> = app.shared.record().lines.list(&asked.q, asked.limit());
    Json(json!({"lines": lines.iter().map(|line| &**line).collect::<Vec<_>>()}))
}

fn as_json(value: &impl Serialize) -> Value {
    serde_json::to_value(value).expect("texts, numbers and maps of texts can be written as JSON")
}
