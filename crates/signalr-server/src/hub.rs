//! The one trait behind which everything above SignalR lives: who may connect, and what happens to messages.

use std::future::Future;
use std::time::{Duration, SystemTime};

use axum::response::{IntoResponse, Response};
use futures_util::future::{BoxFuture, FutureExt};
use http::{Extensions, HeaderMap, StatusCode, request::Parts};

use crate::{ClientMessage, Clients, Connection, Disconnect, Query, Transports};

/// An application behind a SignalR endpoint.
///
/// Per connection the calls come one at a time and in order: `registered`, `connected`, then `received` for each
/// message, then `disconnected`. Different connections are served at the same time. While a call runs the connection's client
/// timeout rests, and what the client sends meanwhile waits, up to 64 KiB; then the client is no longer read.
///
/// A client that comes back under stateful reconnect was never gone: nothing is called, and its handle, its user and its
/// groups are what they were.
///
/// A call that panics ends its connection with the error `Connection closed with an error.`.
pub trait Hub: Send + Sync + 'static {
    /// Authenticates a request of a client: at negotiate, at connect, and for every later request of Server-Sent
    /// Events, of long polling and of stateful reconnect. A refusal becomes the HTTP answer as it is.
    ///
    /// A later request has to be admitted on behalf of the same user and to the same [`Admission::clients`] as the one
    /// that connected: for anybody else the connection does not exist. What else its admission says is not looked at.
    fn admit(&self, request: &ClientRequest<'_>) -> impl Future<Output = Result<Admission, Refusal>> + Send;

    /// At the end of the handshake: the connection is among its [`Admission::clients`], and its client cannot know yet
    /// that it is connected. What is sent from here on arrives, behind the answer to the handshake; a group joined
    /// here misses nothing that anybody sends because the client is there. It holds up the answer, so it must be quick.
    fn registered(&self, connection: &Connection) {
        let _ = connection;
    }

    /// The transport of a registered connection has ended, and nobody reaches it any more; earlier calls for it may still
    /// be running. Like `registered` it must be quick.
    fn unregistered(&self, connection: &Connection) {
        let _ = connection;
    }

    /// After [`registered`](Self::registered), in its own time: the client knows by now that it is connected. Its
    /// messages are handed over only once this returns.
    fn connected(&self, connection: &Connection) -> impl Future<Output = ()> + Send {
        let _ = connection;
        async {}
    }

    /// One message of a client.
    fn received(&self, connection: &Connection, message: ClientMessage) -> impl Future<Output = ()> + Send;

    /// After the transport has ended and the connection has left its [`Admission::clients`]. Called exactly once for
    /// every connection for which `connected` was called.
    fn disconnected(&self, connection: &Connection, reason: &Disconnect) -> impl Future<Output = ()> + Send {
        let _ = (connection, reason);
        async {}
    }
}

/// What a request is about to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stage {
    /// `POST {base}/negotiate`.
    Negotiate,
    /// The request that opens a transport.
    Connect,
    /// A later request of a connection: a send by POST, a poll, a DELETE, a WebSocket in place of a lost one.
    Continue,
}

/// A request of a client, before it is admitted.
#[derive(Debug)]
pub struct ClientRequest<'a> {
    /// What the request is about to do.
    pub stage: Stage,
    /// Method, address, headers and extensions of the request. They hold secrets: do not log them.
    pub parts: &'a Parts,
    /// The query of the request's address.
    pub query: &'a Query,
}

/// What a client that is let in gets.
#[derive(Debug, Clone)]
pub struct Admission {
    /// The connections among which this one is going to be.
    pub clients: Clients,
    /// The user on whose behalf the client connects; `None` is an anonymous client.
    pub user_id: Option<String>,
    /// Replaces [`ServerOptions::handshake_timeout`](crate::ServerOptions::handshake_timeout) for this connection.
    pub handshake_timeout: Option<Duration>,
    /// Replaces [`ServerOptions::inactivity_timeout`](crate::ServerOptions::inactivity_timeout) for this connection.
    pub inactivity_timeout: Option<Duration>,
    /// When the connection is closed in a way that lets the client reconnect: close on expiry of the token.
    pub closes_at: Option<SystemTime>,
    /// The transports that this client may use.
    pub transports: Transports,
    /// Anything the hub wants to find again in [`Connection::extensions`].
    pub extensions: Extensions,
}

impl Admission {
    /// Lets an anonymous client in among `clients`, with every transport and the server's own timeouts.
    pub fn to(clients: Clients) -> Self {
        Self {
            clients,
            user_id: None,
            handshake_timeout: None,
            inactivity_timeout: None,
            closes_at: None,
            transports: Transports::ALL,
            extensions: Extensions::new(),
        }
    }

    /// The same on behalf of a user.
    #[must_use]
    pub fn as_user(self, user_id: impl Into<String>) -> Self {
        Self { user_id: Some(user_id.into()), ..self }
    }
}

/// The HTTP answer for a client that is not let in.
#[derive(Debug, Clone)]
pub struct Refusal {
    /// The status; browsers see it only when the answer also carries CORS headers (signalr-protocol 1.10).
    pub status: StatusCode,
    /// Further headers, such as `WWW-Authenticate` or `Content-Type`.
    pub headers: HeaderMap,
    /// The body. The JavaScript client shows it to its user (signalr-protocol 2.5).
    pub body: String,
}

impl Refusal {
    /// A refusal as `text/plain`.
    pub fn text(status: StatusCode, body: impl Into<String>) -> Self {
        let mut headers = HeaderMap::new();
        headers.insert(http::header::CONTENT_TYPE, http::HeaderValue::from_static("text/plain"));
        Self { status, headers, body: body.into() }
    }
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        let mut response = Response::new(self.body.into());
        *response.status_mut() = self.status;
        *response.headers_mut() = self.headers;
        response
    }
}

/// [`Hub`] without its type, so that everything below is compiled once.
pub(crate) trait ErasedHub: Send + Sync {
    fn admit<'a>(&'a self, request: &'a ClientRequest<'a>) -> BoxFuture<'a, Result<Admission, Refusal>>;
    fn registered(&self, connection: &Connection);
    fn unregistered(&self, connection: &Connection);
    fn connected<'a>(&'a self, connection: &'a Connection) -> BoxFuture<'a, ()>;
    fn received<'a>(&'a self, connection: &'a Connection, message: ClientMessage) -> BoxFuture<'a, ()>;
    fn disconnected<'a>(&'a self, connection: &'a Connection, reason: &'a Disconnect) -> BoxFuture<'a, ()>;
}

impl<H: Hub> ErasedHub for H {
    fn admit<'a>(&'a self, request: &'a ClientRequest<'a>) -> BoxFuture<'a, Result<Admission, Refusal>> {
        Hub::admit(self, request).boxed()
    }

    fn registered(&self, connection: &Connection) {
        Hub::registered(self, connection);
    }

    fn unregistered(&self, connection: &Connection) {
        Hub::unregistered(self, connection);
    }

    fn connected<'a>(&'a self, connection: &'a Connection) -> BoxFuture<'a, ()> {
        Hub::connected(self, connection).boxed()
    }

    fn received<'a>(&'a self, connection: &'a Connection, message: ClientMessage) -> BoxFuture<'a, ()> {
        Hub::received(self, connection, message).boxed()
    }

    fn disconnected<'a>(&'a self, connection: &'a Connection, reason: &'a Disconnect) -> BoxFuture<'a, ()> {
        Hub::disconnected(self, connection, reason).boxed()
    }
}
