//! The answer to a negotiate request (signalr-protocol 2.2, 2.3).
//!
//! What the client got wrong is answered with status 200 and an `error`, because clients show only that.

use std::sync::Arc;

use axum::response::Response;
use http::{HeaderValue, StatusCode, header};
use serde::Serialize;

use super::{ids, text};
use crate::connection::Continuity;
use crate::engine::{Engine, Full};
use crate::{Admission, Query, StatefulReconnect, Transport};

#[derive(Serialize)]
#[serde(untagged)]
enum Answer {
    #[serde(rename_all = "camelCase")]
    Negotiated {
        negotiate_version: u8,
        connection_id: String,
        #[serde(skip_serializing_if = "Option::is_none")]
        connection_token: Option<String>,
        available_transports: Vec<Offer>,
        #[serde(skip_serializing_if = "Option::is_none")]
        use_stateful_reconnect: Option<bool>,
    },
    Failed {
        error: &'static str,
    },
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Offer {
    transport: &'static str,
    transfer_formats: &'static [&'static str],
}

impl From<Transport> for Offer {
    fn from(transport: Transport) -> Self {
        let transfer_formats: &[&str] = match transport {
            Transport::WebSockets | Transport::LongPolling => &["Text", "Binary"],
            Transport::ServerSentEvents => &["Text"],
        };
        Self { transport: transport.name(), transfer_formats }
    }
}

pub(super) fn answer(engine: &Arc<Engine>, query: &Query, admission: &Admission) -> Response {
    let Ok(version) = version(query) else {
        return json(&Answer::Failed { error: "The client requested a non-integer protocol version." });
    };
    let connection_id = ids::fresh();
    let token = if version == 0 { connection_id.clone() } else { ids::fresh() };
    let expires = engine.now() + engine.options().negotiation_lifetime;
    let continuity = continuity(engine, query, admission);
    if let Err(Full) = engine.negotiated(token.clone(), connection_id.clone(), continuity, expires) {
        let mut response = text(StatusCode::TOO_MANY_REQUESTS, "Too many negotiations wait for their connection.");
        response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from_static("1"));
        return response;
    }
    json(&Answer::Negotiated {
        negotiate_version: version,
        connection_id,
        connection_token: (version > 0).then_some(token),
        available_transports: admission.transports.iter().map(Offer::from).collect(),
        use_stateful_reconnect: (continuity == Continuity::Resumable).then_some(true),
    })
}

/// A client that names no version is of version 0, one above 1 is served as 1. A negative version is below the least
/// one served, as 0 would be for a server that refuses it; here 0 is the least.
pub(crate) fn version(query: &Query) -> Result<u8, std::num::ParseIntError> {
    let Some(version) = query.first("negotiateVersion") else {
        return Ok(0);
    };
    let version: i32 = version.trim().parse()?;
    Ok(u8::from(version > 0))
}

/// Stateful reconnect has to be wanted by both sides (signalr-protocol 2.2), and works over WebSockets only.
fn continuity(engine: &Engine, query: &Query, admission: &Admission) -> Continuity {
    let is_wanted = query.first("useStatefulReconnect").is_some_and(|value| value.trim().eq_ignore_ascii_case("true"));
    let is_offered = engine.options().stateful_reconnect == StatefulReconnect::Enabled;
    if is_wanted && is_offered && admission.transports.contains(Transport::WebSockets) {
        Continuity::Resumable
    } else {
        Continuity::OneSocket
    }
}

/// Status 200 with Content-Type and Content-Length; pysignalr insists on the former (signalr-protocol 1.10).
fn json(answer: &Answer) -> Response {
    let body = serde_json::to_vec(answer).expect("strings and numbers are written to memory");
    let length = HeaderValue::from(body.len());
    let mut response = Response::new(body.into());
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    response.headers_mut().insert(header::CONTENT_LENGTH, length);
    response
}
