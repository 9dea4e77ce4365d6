//! A SignalR server for axum: negotiate, transports, hub protocol, clients and groups behind one trait.
//!
//! An application implements [`Hub`]; [`router`] puts it behind a path, to which any SignalR client connects. The
//! crate decides nothing about users and rights: [`Hub::admit`] does, for every request.
//!
//! ```no_run
//! use std::sync::Arc;
//!
//! use signalr_server::{
//!     Admission, ClientMessage, ClientRequest, Clients, Connection, Hub, Outcome, Recipients, Refusal, ServerMessage,
//!     ServerOptions, router,
//! };
//! use tokio_util::sync::CancellationToken;
//!
//! /// Passes what one client sends to `Send` on to everybody.
//! #[derive(Default)]
//! struct Chat {
//!     clients: Clients,
//! }
//!
//! impl Hub for Chat {
//!     async fn admit(&self, request: &ClientRequest<'_>) -> Result<Admission, Refusal> {
//!         let user = request.query.first("user").unwrap_or("somebody");
//!         Ok(Admission::to(self.clients.clone()).as_user(user))
//!     }
//!
//!     async fn received(&self, connection: &Connection, message: ClientMessage) {
//!         let ClientMessage::Invocation { invocation_id, target, arguments, .. } = message else {
//!             return;
//!         };
//!         let outcome = if target.eq_ignore_ascii_case("send") {
//!             self.clients.send(&Recipients::everyone(), &ServerMessage::invocation("newMessage", arguments));
//!             Outcome::Void
//!         } else {
//!             Outcome::Error(format!("Unknown hub method '{target}'"))
//!         };
//!         if let Some(invocation_id) = invocation_id {
//!             // A client that is gone by now needs no answer.
//!             let _ = connection.send(&ServerMessage::completion(invocation_id, outcome));
//!         }
//!     }
//! }
//!
//! # async fn serve() -> std::io::Result<()> {
//! let shutdown = CancellationToken::new();
//! let chat = router(Arc::new(Chat::default()), ServerOptions::default(), shutdown.clone());
//! let listener = tokio::net::TcpListener::bind("127.0.0.1:5000").await?;
//! axum::serve(listener, axum::Router::new().nest("/chatHub", chat))
//!     .with_graceful_shutdown(shutdown.cancelled_owned())
//!     .await
//! # }
//! ```
//!
//! Where things are, in reading order: `endpoint` answers HTTP requests, `transport` moves bytes, `session` makes
//! messages of them, `engine` calls the hub and watches the time, `connection` holds the queues in both directions,
//! [`Clients`] finds the receivers of a message, `protocol` encodes it.
//!
//! Served: WebSockets, Server-Sent Events and long polling, and both hub protocols.

mod clients;
mod connection;
mod endpoint;
mod engine;
mod hub;
mod message;
mod options;
mod payload;
mod protocol;
mod query;
pub mod service;
mod session;
mod transport;

pub use clients::{Audience, Clients, Fanout, Recipients};
pub use connection::{Connection, Disconnect, InvokeError, SendError};
pub use endpoint::{Endpoint, router};
pub use hub::{Admission, ClientRequest, Hub, Refusal, Stage};
pub use message::{ClientMessage, Headers, Outcome, Reconnect, ServerMessage};
pub use options::{ServerOptions, StatefulReconnect};
pub use payload::{Arguments, InvalidMessagePack, NotAnArray, Payload};
pub use protocol::HubProtocol;
pub use query::Query;
pub use transport::{Transport, Transports};
