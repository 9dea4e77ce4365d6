//! The inspector of the local stack: a page, and JSON, that show why a message did or did not arrive.
//!
//! It hears the events of a Functions host and of the SignalR emulator, joins them to chains of cause and effect, and keeps the newest.
//! It needs nothing but a browser: the page is part of the program.
//!
//! The map, in reading order: the [`Inspector`]; what it knows (`record`: `chain` and how `chains` are built, the `verdict` on
//! one, `lines`, `parts`, `problems`, `rates`); what it says of a `token`; how it is served (`server`: who may ask is decided by
//! `guard`, then `views`, `actions`, `streams`, `page`); secrets are taken out by `mask`, codes are explained by `catalogue`.
//!
//! ```no_run
//! use inspector::Inspector;
//! use signalr_emulator::TimeSource;
//! use tokio_util::sync::CancellationToken;
//!
//! # async fn example() -> Result<(), Box<dyn std::error::Error>> {
//! let inspector = Inspector::new(TimeSource::system())?;
//! let told = inspector.clone(); // for the host, and for the emulator
//! let observer = functions_host::events::Observer::new(move |event| told.hear(event));
//! let listener = tokio::net::TcpListener::bind("127.0.0.1:7072").await?;
//! inspector.serve(listener, CancellationToken::new()).await?;
//! # Ok(())
//! # }
//! ```

mod inspector;
mod record;
mod token;

mod server;

mod catalogue;
mod mask;

pub use inspector::{InspectError, Inspector};
