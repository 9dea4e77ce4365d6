//! `/api`, through which servers send messages and manage groups: one request in, one answer out.
//!
//! A send is answered with 202 once it is in the queue of every receiver. Nothing in here waits for a client but
//! `:invoke`, which has queued its message by then, so that what one caller sends in turn also arrives in turn.

mod body;
mod outcomes;
mod perform;

mod execute;
mod invoke;
mod stream;

use std::sync::Arc;
use std::time::Instant;

use axum::body::Body;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use http::header::{ALLOW, HOST};
use http::request::Parts;
use http::{HeaderMap, HeaderValue, StatusCode};
use serde_json::{Map, Value};

use crate::ApiVersions;
use crate::answer::Answer;
use crate::events::{Event, RestCall, Surface};
use crate::message::{BodyError, Format};
use crate::names::{Invalid, check_connection, check_group, check_stream, check_user_to_close, internal_hub_name};
use crate::operation::{Audience, Family, Operation, Route, Unroutable};
use crate::parameters::Parameters;
use crate::service::Service;
use body::Unread;
use perform::Call;

/// A request that is answered with an error, and why.
#[derive(Debug)]
struct Refused {
    answer: Answer,
    reason: String,
    /// What the token says that was not believed.
    claims: Option<Box<Map<String, Value>>>,
}

/// Answers one request.
pub(crate) async fn serve(State(service): State<Arc<Service>>, request: axum::extract::Request) -> Response {
    let (parts, body) = request.into_parts();
    let started = Instant::now();
    let call = service.next_call(&parts.headers);
    let answer = match answer(&service, &call, &parts, body).await {
        Ok(answer) => {
            let (status, elapsed) = (answer.status, started.elapsed());
            service.reporter.report_if_heard(|| Event::Answered { call, status, elapsed });
            answer
        }
        Err(refused) => refused.report(&service, call, &parts),
    };
    answer.into_response()
}

async fn answer(service: &Service, rest: &RestCall, parts: &Parts, body: Body) -> Result<Answer, Refused> {
    service.reporter.report_if_heard(|| {
        let (method, path) = (parts.method.to_string(), parts.uri.path().to_owned());
        Event::Called { call: rest.clone(), method, path }
    });
    let (family, hub, operation) = match Route::parse(&parts.method, parts.uri.path()).map_err(Refused::unroutable)? {
        Route::Health => return Ok(Answer::empty(StatusCode::OK)),
        Route::Hub { family, hub, operation } => (family, hub, operation),
    };
    let now = service.time.now();
    service.authenticator.call(parts.uri.path(), &parts.headers, now).map_err(Refused::unauthorized)?;
    let invalid = |invalid: Invalid| Refused::invalid(family, &invalid);
    let parameters = Parameters::parse(parts.uri.query());
    // Version 1.0 has no such parameter (signalr-service 1.4).
    match (service.api_versions, family) {
        (ApiVersions::Described, Family::Versioned) => parameters.check_version().map_err(invalid)?,
        _ => service.warn_of_newer_version(&parameters),
    }
    let hub = internal_hub_name(&hub, parameters.first("application")).map_err(invalid)?;
    check_names(&operation).map_err(invalid)?;
    let hub = service.hubs.open(&hub);
    let call = Call { service, rest, hub: &hub, family, parameters: &parameters, parts, now };
    call.perform(&operation, body).await
}

/// The names in a path that the service limits (signalr-service 1.2).
pub(crate) fn check_names(operation: &Operation) -> Result<(), Invalid> {
    match operation {
        Operation::Send(Audience::Group(group))
        | Operation::CloseConnections(Audience::Group(group))
        | Operation::GroupExists { group }
        | Operation::UserInGroup { group, .. }
        | Operation::AddUser { group, .. }
        | Operation::RemoveUser { group, .. }
        | Operation::ListConnections { group } => check_group(group),
        Operation::AddConnection { connection, group } | Operation::RemoveConnection { connection, group } => {
            check_group(group)?;
            check_connection(connection)
        }
        Operation::Send(Audience::Connection(connection))
        | Operation::CloseConnections(Audience::Connection(connection))
        | Operation::CloseConnection { connection }
        | Operation::ConnectionExists { connection }
        | Operation::Invoke { connection }
        | Operation::RemoveConnectionFromAll { connection } => check_connection(connection),
        Operation::SendStreamItem { connection, stream } | Operation::CompleteStream { connection, stream } => {
            check_connection(connection)?;
            check_stream(stream)
        }
        Operation::CloseConnections(Audience::User(user)) => check_user_to_close(user),
        Operation::Send(Audience::Everyone | Audience::User(_))
        | Operation::CloseConnections(Audience::Everyone)
        | Operation::UserExists { .. }
        | Operation::RemoveUserFromAll { .. }
        | Operation::GenerateToken
        | Operation::Execute => Ok(()),
    }
}

/// Reads a body with `parse`, which is told how it is written.
async fn read_body<T>(
    call: &Call<'_>,
    body: Body,
    parse: impl FnOnce(Format, &[u8]) -> Result<T, BodyError>,
) -> Result<T, Refused> {
    let family = call.family;
    let body = body::read(body).await.map_err(|unread| Refused::unread(family, &unread))?;
    // A request without any body is told about the body, not about its type.
    let format = if body.is_empty() { Err(BodyError::Missing) } else { Format::of(family, &call.parts.headers) };
    if matches!(format, Ok(Format::MessagePack)) {
        call.service.warn_of_packed_bodies();
    }
    format.and_then(|format| parse(format, &body)).map_err(|error| Refused::body(family, &error))
}

/// The address under which the caller reaches this service, as its `Host` header says.
fn origin(headers: &HeaderMap) -> String {
    let host = headers.get(HOST).and_then(|host| host.to_str().ok()).filter(|host| !host.is_empty());
    format!("http://{}", host.unwrap_or("localhost"))
}

impl Refused {
    fn because(answer: Answer, reason: impl Into<String>) -> Self {
        Self { answer, reason: reason.into(), claims: None }
    }

    fn report(self, service: &Service, call: RestCall, parts: &Parts) -> Answer {
        let reason = format!("{} {}: {}", parts.method, parts.uri.path(), self.reason);
        let (surface, status, call) = (Surface::DataPlane, self.answer.status, Some(call));
        service.reporter.report(Event::Refused {
            surface,
            status,
            reason,
            call,
            claims: self.claims.map(|claims| *claims),
        });
        self.answer
    }

    fn unroutable(cause: Unroutable) -> Self {
        let (status, reason) = match &cause {
            Unroutable::NotFound => (StatusCode::NOT_FOUND, "there is no such operation".to_owned()),
            Unroutable::Missing(what) => {
                (StatusCode::NOT_FOUND, format!("Azure SignalR Service has {what}, this emulator does not"))
            }
            Unroutable::MethodNotAllowed(allowed) => {
                (StatusCode::METHOD_NOT_ALLOWED, format!("this path is for {allowed} only"))
            }
            Unroutable::NotUtf8 => (StatusCode::BAD_REQUEST, "the path is not UTF-8".to_owned()),
        };
        let answer = Answer::empty(status);
        match cause {
            Unroutable::MethodNotAllowed(allowed) => {
                let allowed = HeaderValue::try_from(allowed).expect("a list of methods is plain ASCII");
                Self::because(answer.header(ALLOW, allowed), reason)
            }
            _ => Self::because(answer, reason),
        }
    }

    fn unauthorized(cause: crate::authentication::Unauthorized) -> Self {
        Self { answer: Answer::unauthorized(cause.www_authenticate), reason: cause.reason, claims: cause.claims }
    }

    fn invalid(family: Family, cause: &Invalid) -> Self {
        let reason = format!("{}: {}", cause.parameter, cause.message);
        Self::because(Answer::invalid(family, cause), reason)
    }

    fn body(family: Family, cause: &BodyError) -> Self {
        Self::because(Answer::refused_body(family, cause), cause.to_string())
    }

    fn unread(family: Family, cause: &Unread) -> Self {
        let answer = match cause {
            Unread::TooLarge => Answer::too_large(family),
            Unread::Broken(_) => Answer::empty(StatusCode::BAD_REQUEST),
        };
        Self::because(answer, cause.to_string())
    }
}
