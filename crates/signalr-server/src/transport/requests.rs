//! The client's half of Server-Sent Events and long polling: what it sends comes by POST (signalr-protocol 3.5).
//!
//! Several requests serve one connection, so what they share is found through the connection's token.

use std::future::poll_fn;
use std::sync::Arc;

use axum::body::{Body, HttpBody as _};
use axum::response::Response;
use http::StatusCode;
use http_body_util::BodyExt;
use tokio::sync::Mutex;

use super::long_polling::Polls;
use crate::endpoint::text;
use crate::engine::Seat;
use crate::message::Reconnect;
use crate::session::Session;
use crate::{Connection, Disconnect};

/// What the requests of one connection share.
#[derive(Debug)]
pub(crate) struct Requests {
    /// Held for a whole body: the pieces of two bodies must not mix.
    session: Mutex<Session>,
    pub(super) polls: Polls,
}

impl Requests {
    /// Opens a connection of such requests with what its client has sent already, which nothing overtakes.
    pub(super) fn open(connection: &Connection, token: Option<String>, early: &[u8]) {
        let requests =
            Arc::new(Self { session: Mutex::new(Session::new(connection.clone())), polls: Polls::default() });
        let mut session = requests.session.try_lock().expect("nobody else has it yet");
        let seat = Seat { connection: connection.clone(), requests: Some(Arc::clone(&requests)) };
        connection.engine().opened(seat, token);
        // What is too large has closed the connection, see below.
        let _ = session.receive(early);
    }

    /// Takes a POST: any number of frames, or parts of them, whatever the content type. A second POST waits for the
    /// first. The body is read no faster than the hub takes messages, and is never held as a whole.
    pub(crate) async fn receive(&self, mut body: Body) -> Response {
        let mut session = self.session.lock().await;
        let connection = session.connection().clone();
        let limit = connection.engine().options().maximum_post_size as u64;
        let too_large = || text(StatusCode::PAYLOAD_TOO_LARGE, format!("A request has at most {limit} bytes."));
        if body.size_hint().lower() > limit {
            return too_large();
        }
        let mut length = 0;
        while let Some(frame) = body.frame().await {
            let Ok(frame) = frame else {
                broken_off(&connection, length);
                return text(StatusCode::BAD_REQUEST, "The body of the request broke off.");
            };
            let Ok(data) = frame.into_data() else { continue };
            if length + data.len() as u64 > limit {
                broken_off(&connection, length);
                return too_large();
            }
            length += data.len() as u64;
            poll_fn(|context| connection.inbox().poll_room(context)).await;
            // What is too large has closed the connection, which its client hears of on the other half.
            let _ = session.receive(&data);
        }
        text(StatusCode::OK, "")
    }
}

/// What came of the body has been taken, and the rest of it is missing: whatever the client sends next could only be
/// misunderstood, and what it sends again would be done twice.
fn broken_off(connection: &Connection, taken: u64) {
    if taken > 0 {
        connection.fail(Disconnect::ProtocolError("a request was not taken as a whole"), Reconnect::Allowed);
    }
}
