//! A strict local stand-in for Azure SignalR Service in serverless mode.
//!
//! Two sides share one state: [SignalR](signalr_server) clients connect to `/client`, servers send messages and manage
//! groups through the REST interface at `/api`. What Azure would refuse is refused here with the same status and text,
//! and the log says how to cure it. Everything is in memory: a new process knows no group.
//!
//! The map, in reading order: [`EmulatorOptions`] and [`Event`]s; the [`Emulator`] with its `routes`, and what its owner sees and
//! does (`control`); whom the service
//! believes (`authentication`); the hubs with their connections and the groups of their users (`hub`, `user_groups`);
//! the client side (`client_endpoint`), which reports to the `upstream`; the REST side (`data_plane`), which reads a path (`operation`), a query
//! (`parameters`, `names`, `listing`) and a body (`message`, `stream_item`, `frames`, `packed`, `commands` with its `filter`) and gives an `answer`. `metrics` counts events.
//!
//! ```no_run
//! use signalr_emulator::{EmulatorOptions, connection_string};
//! use tokio_util::sync::CancellationToken;
//!
//! # async fn example() -> std::io::Result<()> {
//! let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
//! let options = EmulatorOptions::default();
//! let for_the_application = connection_string(listener.local_addr()?, &options.access_keys.primary);
//! signalr_emulator::run(listener, options, CancellationToken::new()).await
//! # }
//! ```

mod answer;
mod authentication;
mod client_endpoint;
mod commands;
mod control;
mod data_plane;
mod emulator;
mod events;
mod filter;
mod frames;
#[cfg(any(test, fuzzing))]
pub mod fuzzing;
mod hub;
mod limits;
mod listing;
mod message;
mod metrics;
mod names;
mod operation;
mod options;
mod packed;
mod parameters;
mod places;
mod routes;
mod service;
mod serving;
mod stream_item;
mod upstream;
mod user_groups;

pub use control::{ConnectionSnapshot, GroupSnapshot, StoredGroup, UserSnapshot};
pub use emulator::{Emulator, connection_string, run};
pub use events::{
    Detail, DropReason, Event, Events, Happened, Member, News, RestCall, SentTo, Surface, UnheardCause, UpstreamOutcome,
};
pub use options::{AccessKeys, ApiVersions, Checks, DEFAULT_ACCESS_KEY, EmulatorOptions};
pub use signalr_server::{Reconnect, TimeSource};
pub use upstream::{Category, InvalidUrl, Pattern, Unmatched, Upstream, UpstreamAuth, UpstreamTemplate};

/// The examples for those who read the README first.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
