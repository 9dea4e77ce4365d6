//! The host as its users meet it: real function apps on disk, a real listener, and handlers behind it.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails; clippy knows that only inside `#[test]`")]

mod harness;

mod apps;
mod connections;
mod invocations;
mod keys;
mod proxying;
mod reload;
mod responses;
mod retries;
mod server;
mod signalr;
mod signalr_trigger;
mod supervision;
mod tables;
mod warnings;
