//! Whole stories, told through the real handler process, the local Functions host and the local SignalR service.
//!
//! `harness` starts them and plays the client; every other file is one story. Microsoft's own client is tested in
//! `tests/clients/`, because our client and our server could share a mistake.

mod harness;
mod issuer;

mod broadcast;
mod control;
mod crash;
mod dependencies;
mod handler_process;
mod negotiate;
mod package;
mod presence;
mod sign_in;
mod status;
#[cfg(feature = "otel")]
mod telemetry;
mod upstream;
