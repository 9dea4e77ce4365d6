//! The JSON that travels between an Azure Functions host and a custom handler.
//!
//! A Functions host starts a *custom handler*, a web server in any language, and posts every invocation to it as JSON. This crate
//! reads those invocations and writes their results, so that a function app in Rust deals with typed values only:
//!
//! - [`Invocation`]: what the host sends. [`Invocation::http_request`], [`Invocation::timer`] and [`Invocation::input`] take
//!   single bindings out of it, however many times the host encoded them.
//! - [`InvocationResult`]: what the host must get back: outputs by binding name, log lines, an HTTP answer.
//! - feature `axum`: [`Invocation`] is an extractor, [`InvocationResult`] a response.
//!
//! The host is unforgiving about the answer. A status outside 2xx discards outputs and logs and gives the HTTP caller an empty 500;
//! an empty body hangs the invocation until its timeout; a *string* output that happens to be base64 is decoded. [`InvocationResult`]
//! cannot express any of these.
//!
//! ```
//! use custom_handler::{HttpResponse, Invocation, InvocationResult};
//!
//! let body = br#"{"Data":{"req":{"Url":"http://localhost:7071/api/hello","Method":"GET","Query":{"name":"Ada"}}},"Metadata":{}}"#;
//! let invocation = Invocation::parse(body)?;
//! let request = invocation.http_request("req")?;
//! let name = request.query("name").unwrap_or("world");
//!
//! #[derive(serde::Serialize)]
//! struct Outputs {
//!     res: HttpResponse,
//! }
//!
//! let res = HttpResponse::text(200, format!("Hello, {name}!"));
//! let result = InvocationResult::new(Outputs { res }).log("greeted one caller");
//! assert_eq!(
//!     serde_json::to_string(&result)?,
//!     r#"{"Outputs":{"res":{"statusCode":200,"headers":{"content-type":"text/plain; charset=utf-8"},"body":"Hello, Ada!"}},"Logs":["greeted one caller"],"ReturnValue":null}"#
//! );
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod client_event;
mod http_request;
mod invocation;
mod lenient;
mod misfit;
mod result;
mod timer;
#[cfg(feature = "axum")]
mod web;

pub use client_event::ClientEvent;
pub use http_request::HttpRequest;
pub use invocation::{Invocation, InvocationError};
pub use misfit::Misfit;
pub use result::{HttpResponse, InvocationResult, NoOutputs};
pub use timer::{ScheduleStatus, TimerInfo};
#[cfg(feature = "axum")]
pub use web::{InvocationRejection, LARGEST_INVOCATION};
