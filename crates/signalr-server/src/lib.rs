#![doc = include_str!("../README.md")]
//!
//! # Where things are
//!
//! In reading order: `endpoint` answers HTTP requests, `transport` moves bytes, `session` makes messages of them,
//! `engine` calls the hub and watches the time, `connection` holds the queues in both directions, [`Clients`] finds the
//! receivers of a message, `protocol` encodes it. [`service`] is a layer upon [`Hub`] of which the others know nothing.

mod clients;
mod connection;
mod endpoint;
mod engine;
#[cfg(any(test, fuzzing))]
pub mod fuzzing;
mod hub;
mod message;
mod options;
mod payload;
mod protocol;
mod query;
pub mod service;
mod session;
mod time_source;
mod transport;

pub use clients::{Audience, Clients, Fanout, Recipients};
pub use connection::{Connection, Disconnect, InvokeError, SendError, Traffic, Volume};
pub use endpoint::{Endpoint, router};
pub use hub::{Admission, ClientRequest, Hub, Refusal, Stage};
pub use message::{ClientMessage, Headers, Outcome, Reconnect, ServerMessage};
pub use options::{ServerOptions, StatefulReconnect};
pub use payload::{Arguments, InvalidMessagePack, NotAnArray, Payload};
pub use protocol::HubProtocol;
pub use query::Query;
pub use time_source::TimeSource;
pub use transport::{Transport, Transports};
