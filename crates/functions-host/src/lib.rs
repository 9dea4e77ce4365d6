//! A local Azure Functions host for custom handlers in any language.
//!
//! It reads a function app as it stands on disk, starts the handler, serves the app's HTTP routes, fires its timers and
//! sends what the handler gives out, the way the real host does. It starts no listener of its own and installs no
//! signal handler: the caller brings a bound socket and says when to stop.
//!
//! Reading order: what the app is ([`app`]), how its texts are understood ([`expressions`], [`routes`], [`schedule`]),
//! one invocation from envelope to answer (`invocation`, `encoding`, `answer`, `http_output`, `bindings`), what runs
//! (`worker`, [`timers`] by a [`clock`], [`host`], [`keys`], `server`), what is told to the outside ([`events`], [`warnings`],
//! [`console`]).

pub mod app;
pub mod clock;
pub mod expressions;
pub mod routes;
pub mod schedule;

mod answer;
mod bindings;
mod encoding;
mod header_names;
mod http_output;
mod invocation;
mod members;
mod newtonsoft;

pub mod host;
pub mod keys;
mod server;
pub mod timers;
mod worker;

pub mod console;
pub mod events;
pub mod warnings;

#[cfg(any(test, fuzzing))]
pub mod fuzzing;
