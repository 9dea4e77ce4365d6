//! The Functions host, the SignalR emulator and the handler of a function app together on one machine.
//!
//! [`LocalStack`] is what `cargo dev` runs, as a library: tests start one on free ports and get its addresses. The host and the
//! emulator know each other only by connection string and HTTP, exactly as the real ones do.
//!
//! ```no_run
//! use local_stack::{LocalStack, StackOptions};
//!
//! # async fn example() -> Result<(), local_stack::StartError> {
//! let stack = LocalStack::start(StackOptions::new(".")).await?;
//! println!("call {}/api/broadcast", stack.host_url());
//! stack.shutdown().await;
//! # Ok(())
//! # }
//! ```

mod handler;
mod options;
mod service;
mod stack;

pub use handler::{BuildError, build_handler, built_beside, find_app, is_replaced};
pub use options::{SignalR, StackOptions, StartError};
pub use stack::{LocalStack, PreparedStack};
