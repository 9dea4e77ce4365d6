//! The Functions host, the SignalR emulator and the handler of a function app together on one machine.
//!
//! [`LocalStack`] is what `cargo dev` runs, as a library: a test starts one on free ports, with its own handler in the same process if
//! it likes, moves the clock, cuts connections, and stops and starts the parts. The host and the emulator know each other only by
//! connection string and HTTP, exactly as the real ones do.
//!
//! A function app is tested in milliseconds:
//!
//! ```
//! use axum::{Json, Router, routing::post};
//! use functions_host::clock::VirtualClock;
//! use local_stack::{Handler, LocalStack, StackEvent, StackOptions};
//! use serde_json::json;
//! use std::time::Duration;
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # let folder = tempfile::tempdir()?;
//! # let app = folder.path();
//! # std::fs::write(app.join("host.json"), r#"{"version":"2.0","customHandler":{"description":{"defaultExecutablePath":"handler"}}}"#)?;
//! # std::fs::create_dir(app.join("tidyUp"))?;
//! # let timer = r#"{"bindings":[{"type":"timerTrigger","direction":"in","name":"timer","schedule":"0 0 * * * *"}]}"#;
//! # std::fs::write(app.join("tidyUp/function.json"), timer)?;
//! // The functions, as the handler serves them; `app` is the folder with host.json and the function folders.
//! let functions = Router::new().route("/tidyUp", post(async || Json(json!({"Logs": ["tidied up"]}))));
//! let time = VirtualClock::starting_at("2026-02-07T15:44:30Z".parse()?);
//! let handler = Handler::in_process(functions);
//! let stack = LocalStack::start(StackOptions { handler, clock: time.clock(), ..StackOptions::new(app) }).await?;
//!
//! // Three hours later, a timer that fires every hour has run three times.
//! let mut events = stack.events();
//! time.advance(Duration::from_secs(3 * 60 * 60)).await;
//! for _ in 0..3 {
//!     events.until(|event| matches!(event, StackEvent::Host(host) if host.is_log("tidied up")).then_some(())).await;
//! }
//! stack.shutdown().await;
//! # Ok(())
//! # }
//! ```

mod app;
mod build;
mod events;
mod handler;
mod inspection;
mod options;
mod parts;
mod service;
mod stack;

mod sources;
mod watch;

pub use build::{
    BuildError, BuildNews, Built, Diagnostics, Freshness, build_handler, built_beside, find_app, is_package,
    is_replaced,
};
pub use events::{Events, Observer, StackEvent};
pub use handler::Handler;
pub use options::{SignalR, StackOptions, StartError};
pub use parts::Part;
pub use sources::{Change, Sources};
pub use stack::LocalStack;
pub use watch::{Watch, WatchError};
