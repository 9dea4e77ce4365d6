//! The HTTP side: which request does what, and the answers for those that may not.
//!
//! An [`Endpoint`] takes whole requests, so a caller may map it wherever it wants; [`router`] is the usual place.

pub(crate) mod claim;
mod ids;
pub(crate) mod negotiate;

use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use axum::extract::Request;
use axum::response::{IntoResponse, Response};
use axum::routing::any;
use http::{Method, StatusCode, header, request::Parts};
use http_body_util::LengthLimitError;
use tokio_util::sync::CancellationToken;

use crate::engine::{EARLY_LIMIT, Engine, Keeping, Occupant, Seat};
use crate::transport::{long_polling, server_sent_events, websocket};
use crate::{Admission, ClientRequest, Hub, Query, Refusal, ServerOptions, Stage, Transport};

/// A SignalR endpoint: two handlers, and the connections that came in through them. Cheap to clone.
///
/// When the shutdown token is cancelled every client gets a Close message that lets it reconnect, new ones are refused
/// with 503, and [`Endpoint::drained`] tells when the last one is gone.
#[derive(Debug, Clone)]
pub struct Endpoint {
    engine: Arc<Engine>,
}

/// The routes of one endpoint: `POST /negotiate` and `GET|POST|DELETE /`. Nest it where the hub is to be:
/// `Router::new().nest("/chat", router(hub, options, shutdown))`.
///
/// A server that waits for its connections at shutdown keeps the [`Endpoint`] and uses [`Endpoint::router`].
pub fn router<H: Hub>(hub: Arc<H>, options: ServerOptions, shutdown: CancellationToken) -> Router {
    Endpoint::new(hub, options, shutdown).router()
}

impl Endpoint {
    /// An endpoint for `hub` that closes its connections when `shutdown` is cancelled.
    pub fn new<H: Hub>(hub: Arc<H>, options: ServerOptions, shutdown: CancellationToken) -> Self {
        Self { engine: Arc::new(Engine::new(hub, options, shutdown)) }
    }

    /// The routes of [`router`].
    pub fn router(&self) -> Router {
        let (negotiating, connecting) = (self.clone(), self.clone());
        Router::new()
            .route("/negotiate", any(move |request| async move { negotiating.negotiate(request).await }))
            .route("/", any(move |request| async move { connecting.connect(request).await }))
    }

    /// How many connections there are, with or without a handshake; also those whose client is between two polls or is
    /// awaited under stateful reconnect.
    pub fn connections(&self) -> usize {
        self.engine.directory().len()
    }

    /// Waits until every connection is gone and the hub has heard of it. Ends only after the shutdown token was
    /// cancelled.
    pub async fn drained(&self) {
        self.engine.drained().await;
    }

    /// Answers `{base}/negotiate` (signalr-protocol 2.2, 2.3).
    pub async fn negotiate(&self, request: Request) -> Response {
        let (parts, _) = request.into_parts();
        if parts.method != Method::POST {
            return not_allowed();
        }
        let query = Query::parse(parts.uri.query());
        match self.admit(Stage::Negotiate, &parts, &query).await {
            Ok(admission) => negotiate::answer(&self.engine, &query, &admission),
            Err(refusal) => refusal.into_response(),
        }
    }

    /// Answers `{base}`: connects, polls, receives and terminates (signalr-protocol 3.1).
    pub async fn connect(&self, request: Request) -> Response {
        match *request.method() {
            Method::GET => self.open(request).await,
            Method::POST | Method::DELETE => self.proceed(request).await,
            _ => not_allowed(),
        }
    }

    /// Connects, or polls.
    async fn open(&self, mut request: Request) -> Response {
        let upgrade = request.extensions_mut().remove::<hyper::upgrade::OnUpgrade>();
        let (parts, _) = request.into_parts();
        let query = Query::parse(parts.uri.query());
        let stage = match self.occupant(&query) {
            Occupant::Connected(..) | Occupant::Parted(_) => Stage::Continue,
            Occupant::Negotiated { .. } | Occupant::Nobody => Stage::Connect,
        };
        let admission = match self.admit(stage, &parts, &query).await {
            Ok(admission) => admission,
            Err(refusal) => return refusal.into_response(),
        };
        match transport_of(&parts) {
            Transport::WebSockets => websocket::accept(&self.engine, &parts, upgrade, query, admission),
            Transport::ServerSentEvents => server_sent_events::accept(&self.engine, query, admission),
            Transport::LongPolling => long_polling::poll(&self.engine, query, admission).await,
        }
    }

    /// A send or a termination, both of which need a connection.
    async fn proceed(&self, request: Request) -> Response {
        let (parts, body) = request.into_parts();
        let query = Query::parse(parts.uri.query());
        let admission = match self.admit(Stage::Continue, &parts, &query).await {
            Ok(admission) => admission,
            Err(refusal) => return refusal.into_response(),
        };
        let Some(token) = query.first("id") else {
            return claim::Refused::NoId.into_response();
        };
        let occupant = match self.occupant(&query) {
            Occupant::Connected(_, Some(seat)) if !seat.connection.belongs_to(&admission) => Occupant::Nobody,
            occupant => occupant,
        };
        match (occupant, parts.method == Method::DELETE) {
            (Occupant::Nobody, _) | (Occupant::Parted(_), false) => no_connection(),
            (Occupant::Parted(_), true) => {
                self.engine.directory().release(token);
                long_polling::terminated()
            }
            (Occupant::Connected(Transport::LongPolling, Some(seat)), true) => {
                long_polling::terminate(&seat.connection)
            }
            (_, true) => text(StatusCode::BAD_REQUEST, "Cannot terminate this connection using the DELETE endpoint."),
            (Occupant::Connected(_, Some(seat)), false) => send(seat, body).await,
            (Occupant::Connected(_, None), false) => no_connection(),
            (Occupant::Negotiated { .. }, false) => self.send_early(token, &admission, body).await,
        }
    }

    /// Takes a POST of a client whose transport is still to come: signalrcore sends its handshake before it polls.
    async fn send_early(&self, token: &str, admission: &Admission, body: Body) -> Response {
        let limit = EARLY_LIMIT.min(self.engine.options().maximum_post_size);
        let bytes = match axum::body::to_bytes(body, limit).await {
            Ok(bytes) => bytes,
            Err(error) => {
                let is_too_long = error.into_inner().is::<LengthLimitError>();
                return text(if is_too_long { StatusCode::PAYLOAD_TOO_LARGE } else { StatusCode::BAD_REQUEST }, "");
            }
        };
        let now = self.engine.now();
        let keeping = self.engine.directory().keep_early(token, admission, &bytes, now);
        match keeping {
            Keeping::Kept => text(StatusCode::OK, ""),
            Keeping::TooMuch => text(StatusCode::PAYLOAD_TOO_LARGE, ""),
            Keeping::NotHere => {
                let occupant = self.engine.directory().look_up(token, now);
                match occupant {
                    // The transport came while the body did.
                    Occupant::Connected(_, Some(seat)) if seat.connection.belongs_to(admission) => {
                        send(seat, bytes.into()).await
                    }
                    _ => no_connection(),
                }
            }
        }
    }

    fn occupant(&self, query: &Query) -> Occupant {
        let look_up = |token| self.engine.directory().look_up(token, self.engine.now());
        query.first("id").map_or(Occupant::Nobody, look_up)
    }

    /// A server that shuts down takes nobody in, and goes on with those it has until they are gone.
    async fn admit(&self, stage: Stage, parts: &Parts, query: &Query) -> Result<Admission, Refusal> {
        if self.engine.is_shutting_down() && stage != Stage::Continue {
            return Err(Refusal::text(StatusCode::SERVICE_UNAVAILABLE, "The server shuts down"));
        }
        self.engine.hub().admit(&ClientRequest { stage, parts, query }).await
    }
}

/// Takes a POST of a client whose transport is there.
async fn send(seat: Seat, body: Body) -> Response {
    match seat.requests {
        Some(requests) => requests.receive(body).await,
        None => text(StatusCode::METHOD_NOT_ALLOWED, "POST requests are not allowed for WebSocket connections."),
    }
}

/// Which transport a GET asks for (signalr-protocol 3.1).
fn transport_of(parts: &Parts) -> Transport {
    if lists(parts, &header::ACCEPT, "text/event-stream") {
        Transport::ServerSentEvents
    } else if lists(parts, &header::CONNECTION, "upgrade") && lists(parts, &header::UPGRADE, "websocket") {
        Transport::WebSockets
    } else {
        Transport::LongPolling
    }
}

/// Whether a header that is a comma-separated list holds `item`, parameters aside.
fn lists(parts: &Parts, name: &header::HeaderName, item: &str) -> bool {
    let values = parts.headers.get_all(name).into_iter().filter_map(|value| value.to_str().ok());
    values.flat_map(|value| value.split(',')).any(|entry| {
        let entry = entry.split(';').next().unwrap_or_default();
        entry.trim().eq_ignore_ascii_case(item)
    })
}

fn not_allowed() -> Response {
    text(StatusCode::METHOD_NOT_ALLOWED, "")
}

fn no_connection() -> Response {
    text(StatusCode::NOT_FOUND, "No Connection with that ID")
}

pub(crate) fn text(status: StatusCode, body: impl Into<String>) -> Response {
    Refusal::text(status, body).into_response()
}
