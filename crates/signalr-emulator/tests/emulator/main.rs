//! The emulator over a real listener, with real HTTP and WebSocket clients. One file per story.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod harness;

mod binary;
mod browsers;
mod calls;
mod client_results;
mod closing;
mod connecting;
mod control;
mod events;
mod existing_apps;
mod groups;
mod limits;
mod metrics;
mod official_emulator_defects;
mod rest_client;
mod rows;
mod sending;
mod streams;
mod time;
mod tokens;
mod upstream;
mod users;
mod webhook;
