//! A SignalR server for axum: negotiate, transports, hub protocol, clients and groups behind one trait.

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
mod session;
mod transport;

pub use clients::{Audience, Clients, Fanout, Recipients};
pub use connection::{Connection, Disconnect, SendError};
pub use endpoint::{Endpoint, router};
pub use hub::{Admission, ClientRequest, Hub, Refusal, Stage};
pub use message::{ClientMessage, Headers, Outcome, Reconnect, ServerMessage};
pub use options::ServerOptions;
pub use payload::{Arguments, NotAnArray, Payload};
pub use protocol::HubProtocol;
pub use query::Query;
pub use transport::{Transport, Transports};
