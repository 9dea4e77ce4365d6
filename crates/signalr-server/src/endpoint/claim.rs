//! Which connection a GET is for: a new one, or one that is there already (signalr-protocol 3.1).

use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use http::StatusCode;

use super::{ids, no_connection, text};
use crate::connection::Continuity;
use crate::engine::{Engine, Occupant, Seat};
use crate::transport::long_polling;
use crate::{Admission, Query, Transport};

/// What a GET is for.
#[derive(Debug)]
pub(crate) enum Claim {
    /// A new connection. Its token is given back at its end.
    New(New),
    /// A connection that its transport serves again.
    Again(Seat),
}

/// A connection that is to come about.
#[derive(Debug)]
pub(crate) struct New {
    pub(crate) token: Option<String>,
    pub(crate) connection_id: String,
    pub(crate) continuity: Continuity,
    /// What the client has sent already.
    pub(crate) early: Vec<u8>,
}

/// Why a GET does not get a connection.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Refused {
    NoId,
    NoConnection,
    /// The client may not use the transport.
    NotPermitted(Transport),
    /// The connection has another transport.
    OtherTransport,
    /// The connection is being served already.
    InUse,
    /// The connection has ended, and the client was told so.
    Parted,
    /// The connection has ended, and this is the rest of it.
    Farewell(Bytes),
}

/// Finds what `query` asks for. Without an `id` a WebSocket gets a connection although its client has not negotiated
/// here (signalr-protocol 2.7). Of two requests with the token of a negotiation only one gets a new connection.
pub(crate) fn claim(
    engine: &Engine,
    transport: Transport,
    query: &Query,
    admission: &Admission,
) -> Result<Claim, Refused> {
    let token = query.first("id");
    let (mut directory, now) = (engine.directory(), engine.now());
    match token.map(|token| directory.look_up(token, now)) {
        None if transport != Transport::WebSockets => return Err(Refused::NoId),
        Some(Occupant::Nobody) => return Err(Refused::NoConnection),
        _ if !admission.transports.contains(transport) => return Err(Refused::NotPermitted(transport)),
        _ => {}
    }
    let Some(token) = token else {
        let continuity = Continuity::OneSocket;
        return Ok(Claim::New(New { token: None, connection_id: ids::fresh(), continuity, early: Vec::new() }));
    };
    match directory.claim(token, transport, now) {
        Occupant::Nobody => Err(Refused::NoConnection),
        Occupant::Parted(Some(farewell)) if transport == Transport::LongPolling => {
            Err(farewell.to(admission).map_or(Refused::NoConnection, Refused::Farewell))
        }
        Occupant::Parted(_) => {
            directory.release(token);
            Err(if transport == Transport::LongPolling { Refused::Parted } else { Refused::NoConnection })
        }
        Occupant::Negotiated { connection_id, continuity, early } => {
            let early = early.and_then(|early| early.of(admission)).unwrap_or_default();
            Ok(Claim::New(New { token: Some(token.to_owned()), connection_id, continuity, early }))
        }
        Occupant::Connected(taken, _) if taken != transport => Err(Refused::OtherTransport),
        Occupant::Connected(_, Some(seat)) if !seat.connection.belongs_to(admission) => Err(Refused::NoConnection),
        Occupant::Connected(Transport::LongPolling, Some(seat)) => Ok(Claim::Again(seat)),
        Occupant::Connected(_, Some(seat)) if seat.connection.outbox().is_ended() => Err(Refused::NoConnection),
        Occupant::Connected(Transport::WebSockets, Some(seat)) if seat.connection.is_resumable() => {
            Ok(Claim::Again(seat))
        }
        Occupant::Connected(..) => Err(Refused::InUse),
    }
}

impl IntoResponse for Refused {
    fn into_response(self) -> Response {
        match self {
            Self::NoId => text(StatusCode::BAD_REQUEST, "Connection ID required"),
            Self::NoConnection => no_connection(),
            Self::NotPermitted(transport) => {
                text(StatusCode::NOT_FOUND, format!("{transport} transport not supported by this end point type"))
            }
            Self::OtherTransport => text(StatusCode::BAD_REQUEST, "Cannot change transports mid-connection"),
            Self::InUse => text(StatusCode::CONFLICT, ""),
            Self::Parted => long_polling::over(),
            Self::Farewell(bytes) => long_polling::last_words(bytes),
        }
    }
}
