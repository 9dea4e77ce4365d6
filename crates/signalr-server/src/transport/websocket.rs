//! WebSockets (signalr-protocol 3.2): the upgrade, and the task that owns the socket afterwards.
//!
//! The socket is taken out of the HTTP machinery, so an idle connection costs its own state and nothing of hyper's.
//! WebSocket messages have no meaning of their own: their bytes are one stream for the session.

pub(crate) mod frame;
mod pump;
mod socket;

use std::sync::Arc;

use axum::response::{IntoResponse, Response};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::{HeaderMap, HeaderValue, StatusCode, header, request::Parts};
use hyper::upgrade::OnUpgrade;
use sha1::{Digest, Sha1};

use crate::endpoint::claim::{Claim, New, claim};
use crate::endpoint::text;
use crate::engine::{Engine, Seat};
use crate::session::Session;
use crate::{Admission, Connection, Query, Transport};
use pump::Pump;
use socket::Socket;

/// Why a client does not get its WebSocket.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Refused {
    /// A version of the WebSocket protocol other than 13.
    Version,
    /// No `Sec-WebSocket-Key` of 16 bytes.
    Key,
    /// The HTTP connection is not one that can be upgraded, such as HTTP/1.0.
    NotUpgradable,
}

/// Answers an upgrade and, once it is through, serves the connection in a task of its own.
pub(crate) fn accept(
    engine: &Arc<Engine>,
    parts: &Parts,
    upgrade: Option<OnUpgrade>,
    query: Query,
    admission: Admission,
) -> Response {
    let upgrading = accept_key(&parts.headers).and_then(|accept_key| {
        let upgrade = upgrade.ok_or(Refused::NotUpgradable)?;
        Ok((accept_key, upgrade))
    });
    let (accept_key, upgrade) = match upgrading {
        Ok(upgrading) => upgrading,
        Err(refused) => return refused.into_response(),
    };
    let claim = match claim(engine, Transport::WebSockets, &query, &admission) {
        Ok(claim) => claim,
        Err(refused) => return refused.into_response(),
    };
    // A small task waits for the upgrade, and the one that lives as long as the connection starts behind it: what the
    // upgrade needs is not kept.
    let engine = Arc::clone(engine);
    match claim {
        Claim::New(new) => {
            let opening = Opening { engine, new, admission, query };
            opening.engine.tasks().clone().spawn(opening.open(upgrade));
        }
        Claim::Again(Seat { connection, .. }) => {
            engine.tasks().spawn(resume(connection, upgrade));
        }
    }
    switching_protocols(accept_key)
}

/// A connection whose upgrade is not through yet.
struct Opening {
    engine: Arc<Engine>,
    new: New,
    admission: Admission,
    query: Query,
}

impl Opening {
    async fn open(self, upgrade: OnUpgrade) {
        let Self { engine, new: New { token, connection_id, continuity, early: posted }, admission, query } = self;
        let Ok(upgraded) = upgrade.await else {
            return engine.abandoned(token.as_deref());
        };
        let (socket, early) = Socket::from_upgraded(upgraded);
        let transport = Transport::WebSockets;
        let connection = Connection::open(Arc::clone(&engine), connection_id, transport, continuity, admission, query);
        let mut session = Session::new(connection.clone());
        engine.opened(Seat { connection, requests: None }, token);
        // What is too large has closed the connection, and that is all there is to say.
        let _ = session.receive(&posted);
        engine.tasks().spawn(Pump::new(socket, session, &early).run());
    }
}

/// A client comes back to its connection over another socket. If the connection has ended in the meantime the socket is
/// dropped, and the client negotiates anew.
async fn resume(connection: Connection, upgrade: OnUpgrade) {
    let Ok(upgraded) = upgrade.await else { return };
    let (socket, early) = Socket::from_upgraded(upgraded);
    let engine = Arc::clone(connection.engine());
    if let Some(number) = engine.resumed(&connection) {
        engine.tasks().spawn(Pump::new(socket, Session::resume(connection, number), &early).run());
    }
}

/// The proof that the request was understood (RFC 6455, 4.2.2).
fn accept_key(headers: &HeaderMap) -> Result<HeaderValue, Refused> {
    if headers.get(header::SEC_WEBSOCKET_VERSION).is_none_or(|version| version != "13") {
        return Err(Refused::Version);
    }
    let key = headers.get(header::SEC_WEBSOCKET_KEY).map(HeaderValue::as_bytes).unwrap_or_default();
    if STANDARD.decode(key).is_ok_and(|nonce| nonce.len() == 16) {
        let digest = Sha1::new().chain_update(key).chain_update("258EAFA5-E914-47DA-95CA-C5AB0DC85B11").finalize();
        Ok(HeaderValue::try_from(STANDARD.encode(digest)).expect("base64 is visible ASCII"))
    } else {
        Err(Refused::Key)
    }
}

impl IntoResponse for Refused {
    fn into_response(self) -> Response {
        let (status, body) = match self {
            Self::Version => (StatusCode::UPGRADE_REQUIRED, "Only version 13 of the WebSocket protocol is served"),
            Self::Key => (StatusCode::BAD_REQUEST, "Sec-WebSocket-Key is missing or is not 16 bytes in base64"),
            Self::NotUpgradable => (StatusCode::BAD_REQUEST, "The HTTP connection cannot be upgraded"),
        };
        let mut response = text(status, body);
        if self == Self::Version {
            response.headers_mut().insert(header::SEC_WEBSOCKET_VERSION, HeaderValue::from_static("13"));
        }
        response
    }
}

fn switching_protocols(accept_key: HeaderValue) -> Response {
    let mut response = Response::default();
    *response.status_mut() = StatusCode::SWITCHING_PROTOCOLS;
    let headers = response.headers_mut();
    headers.insert(header::CONNECTION, HeaderValue::from_static("Upgrade"));
    headers.insert(header::UPGRADE, HeaderValue::from_static("websocket"));
    headers.insert(header::SEC_WEBSOCKET_ACCEPT, accept_key);
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_accept_key_is_that_of_the_rfc() {
        let mut headers = HeaderMap::new();
        headers.insert(header::SEC_WEBSOCKET_VERSION, HeaderValue::from_static("13"));
        headers.insert(header::SEC_WEBSOCKET_KEY, HeaderValue::from_static("dGhlIHNhbXBsZSBub25jZQ=="));
        assert_eq!(accept_key(&headers).unwrap(), "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=");
        headers.insert(header::SEC_WEBSOCKET_KEY, HeaderValue::from_static("short"));
        assert_eq!(accept_key(&headers), Err(Refused::Key));
        headers.insert(header::SEC_WEBSOCKET_VERSION, HeaderValue::from_static("8"));
        assert_eq!(accept_key(&headers), Err(Refused::Version));
    }
}
