//! The load: thousands of WebSocket clients on one thread, and the publisher that makes them receive.
//!
//! The clients share a core with nothing else, and still the load is nearly as busy as the server, because receiving
//! costs about as much as sending. A rate taken while the load was saturated says nothing about the server; how busy it
//! was is therefore part of every figure.

pub(crate) mod crowd;
pub(crate) mod phase;

mod client;
mod dialect;
mod publisher;
mod tally;

mod frames;
mod ledger;
mod payload;

pub(crate) use client::Client;
pub(crate) use dialect::{Dialect, Target, Users};
pub(crate) use payload::direct as direct_payload;
