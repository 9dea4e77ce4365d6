//! What the page may do to the service and to timers.
//!
//! Easily missed: a message goes through the service's REST interface with a signed token, as any application's does, so what holds for
//! it holds for an application.

use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;

use axum::Json;
use axum::extract::{FromRequest, Path, Request, State};
use azure_signalr::rest::RetryPolicy;
use azure_signalr::{GroupAction, HubClient, HubName, Member, Message, Recipient, RestClient, RestError, Target};
use http::StatusCode;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::value::RawValue;
use serde_json::{Value, json};
use signalr_emulator::Reconnect;

use super::{App, Refused};
use crate::inspector::{Service, Shared};
use crate::mask::masked;
use crate::token::{Decoded, decode};

/// How long the answer to a call waits for its chain to be recorded.
const PATIENCE: Duration = Duration::from_secs(2);

/// A body of JSON, with a refusal that says what is wrong.
pub(super) struct Body<T>(pub(super) T);

impl<S: Send + Sync, T: DeserializeOwned> FromRequest<S> for Body<T> {
    type Rejection = Refused;

    async fn from_request(request: Request, state: &S) -> Result<Self, Refused> {
        let read = Json::from_request(request, state).await;
        read.map(|Json(value)| Self(value)).map_err(|wrong| Refused(wrong.status(), wrong.body_text()))
    }
}

#[derive(Debug, Deserialize)]
pub(super) struct Sending {
    hub: String,
    to: Receiver,
    target: String,
    #[serde(default)]
    arguments: Vec<Box<RawValue>>,
}

/// Who: `{"kind": "user", "id": "alice"}`.
#[derive(Debug, Deserialize)]
#[serde(tag = "kind", content = "id", rename_all = "camelCase")]
enum Receiver {
    All,
    User(String),
    Group(String),
    Connection(String),
}

#[derive(Debug, Deserialize)]
pub(super) struct Membership {
    hub: String,
    group: String,
    action: Change,
    member: Receiver,
}

#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(rename_all = "camelCase")]
enum Change {
    Join,
    Leave,
}

#[derive(Debug, Deserialize)]
pub(super) struct Closing {
    reason: Option<String>,
    /// Whether the client is told that it may come back.
    #[serde(default)]
    reconnect: bool,
}

#[derive(Deserialize)]
pub(super) struct Pasted {
    token: String,
}

/// Sends a message; the answer names the chain.
pub(super) async fn send(State(app): State<App>, Body(sending): Body<Sending>) -> Result<Json<Value>, Refused> {
    let target: Target = sending.target.parse().map_err(wrong("target"))?;
    let recipient = match &sending.to {
        Receiver::All => Recipient::Everyone,
        Receiver::User(user) => Recipient::User(user.parse().map_err(wrong("user"))?),
        Receiver::Group(group) => Recipient::Group(group.parse().map_err(wrong("group"))?),
        Receiver::Connection(id) => Recipient::Connection(id.parse().map_err(wrong("connection"))?),
    };
    let message = sending.arguments.into_iter().fold(Message::to(recipient, target), Message::raw_argument);
    let own = OwnCall::new(&app.shared, &sending.hub)?;
    own.finish(own.client.send(&message).await).await
}

/// Adds to a group or takes out of it; the answer names the chain.
pub(super) async fn membership(State(app): State<App>, Body(wanted): Body<Membership>) -> Result<Json<Value>, Refused> {
    let group = wanted.group.parse().map_err(wrong("group"))?;
    let member = match &wanted.member {
        Receiver::User(user) => Member::User(user.parse().map_err(wrong("user"))?),
        Receiver::Connection(id) => Member::Connection(id.parse().map_err(wrong("connection"))?),
        Receiver::All | Receiver::Group(_) => return Err(Refused::bad("a member is a user or a connection")),
    };
    let action = match wanted.action {
        Change::Join => GroupAction::Add { member, group },
        Change::Leave => GroupAction::Remove { member, group },
    };
    let own = OwnCall::new(&app.shared, &wanted.hub)?;
    own.finish(own.client.apply(&action).await).await
}

/// Drops the transport of a connection, as a pulled cable does.
pub(super) async fn cut(State(app): State<App>, Path(id): Path<String>) -> Result<Json<Value>, Refused> {
    found(service(&app.shared)?.emulator.cut(&id), &id)
}

/// Closes a connection, as REST does.
pub(super) async fn close(
    State(app): State<App>,
    Path(id): Path<String>,
    Body(closing): Body<Closing>,
) -> Result<Json<Value>, Refused> {
    let reconnect = if closing.reconnect { Reconnect::Allowed } else { Reconnect::Denied };
    found(service(&app.shared)?.emulator.close(&id, closing.reason.as_deref(), reconnect), &id)
}

/// Runs a timer function at once.
pub(super) async fn run_timer(State(app): State<App>, Path(function): Path<String>) -> Result<Json<Value>, Refused> {
    let host = {
        let record = app.shared.record();
        let known = record.parts.has_timer(&function);
        let unknown = || Refused::not_found(format!("there is no timer `{function}`; GET /api/timers lists them"));
        record.parts.host.as_ref().filter(|_| known).map(|host| host.address).ok_or_else(unknown)?
    };
    let request = app.shared.http.post(format!("http://{host}/admin/functions/{function}")).json(&json!({}));
    let request = match app.shared.host_key() {
        Some(key) => request.header("x-functions-key", key),
        None => request,
    };
    let answer = request.send().await.map_err(|_| unanswered())?;
    let status = answer.status();
    if !status.is_success() {
        return Err(Refused(StatusCode::BAD_GATEWAY, format!("the host answered {}", status.as_u16())));
    }
    Ok(Json(json!({"started": function})))
}

/// Takes a token apart. Nothing of it is kept.
pub(super) async fn token(State(app): State<App>, Body(pasted): Body<Pasted>) -> Result<Json<Decoded>, Refused> {
    let service = service(&app.shared)?;
    Ok(Json(decode(&pasted.token, &service.verifier, app.shared.time.now())))
}

/// A call of the inspector's own, by which its chain is found.
struct OwnCall<'a> {
    shared: &'a Shared,
    client: HubClient,
    correlation: String,
}

impl<'a> OwnCall<'a> {
    fn new(shared: &'a Shared, hub: &str) -> Result<Self, Refused> {
        let hub: HubName = hub.parse().map_err(wrong("hub"))?;
        let correlation = format!("{}{}", crate::record::OWN_CALLS, shared.own_calls.fetch_add(1, Relaxed) + 1);
        let client = RestClient::new(service(shared)?.connection.clone()).with_retry(RetryPolicy::none());
        let client = client.hub(&hub).with_request_id(correlation.clone());
        Ok(Self { shared, client, correlation })
    }

    async fn finish(&self, outcome: Result<(), RestError>) -> Result<Json<Value>, Refused> {
        outcome.map_err(|error| Refused::bad(masked(&error.to_string())))?;
        let find = || self.shared.record().chains.of_own_call(&self.correlation).map(|chain| chain.id);
        Ok(Json(json!({"chain": until_recorded(self.shared, find).await})))
    }
}

/// What `find` finds, at once or when it was recorded.
pub(super) async fn until_recorded<T>(shared: &Shared, find: impl Fn() -> Option<T>) -> Option<T> {
    let mut recorded = shared.recorded();
    let search = async {
        loop {
            if let Some(found) = find() {
                return Some(found);
            }
            recorded.changed().await.ok()?;
        }
    };
    tokio::time::timeout(PATIENCE, search).await.ok().flatten()
}

pub(super) fn unanswered() -> Refused {
    Refused(StatusCode::BAD_GATEWAY, "the host does not answer".to_owned())
}

fn service(shared: &Shared) -> Result<Arc<Service>, Refused> {
    let none = "there is no emulator: the app uses the service of its settings, or the emulator is stopped";
    shared.service().ok_or_else(|| Refused(StatusCode::CONFLICT, none.to_owned()))
}

fn found(found: bool, id: &str) -> Result<Json<Value>, Refused> {
    let gone = || Refused::not_found(format!("there is no connection `{id}`; it may have ended"));
    found.then(|| Json(json!({"connectionId": id}))).ok_or_else(gone)
}

fn wrong<E: std::fmt::Display>(what: &'static str) -> impl Fn(E) -> Refused {
    move |error| Refused::bad(format!("{what}: {error}"))
}
