//! Hub methods by name: typed arguments, results, streams in both directions, cancellation.
//!
//! [`Methods`] sits behind a [`Hub`](crate::Hub), which hands it every message it receives; nothing else of the hub
//! changes. Methods are functions of a [`Call`] and a tuple of what the client gives. What callers are told is what
//! ASP.NET would tell them (signalr-protocol 4.8), so clients written against it notice no difference.
//!
//! ```
//! use futures_util::{Stream, StreamExt, TryStreamExt, stream};
//! use signalr_server::service::{Call, MethodError, Methods, Upload};
//! use signalr_server::{Admission, Arguments, ClientMessage, ClientRequest, Clients, Connection, Hub, Recipients};
//! use signalr_server::{Refusal, ServerMessage};
//!
//! struct Chat {
//!     clients: Clients,
//!     methods: Methods,
//! }
//!
//! impl Chat {
//!     fn new() -> Self {
//!         let methods =
//!             Methods::new().method("Send", send).method("Sum", sum).stream("Count", |_, (to,)| async move { count(to) });
//!         Self { clients: Clients::default(), methods }
//!     }
//! }
//!
//! /// `connection.invoke("Send", "hello")`: everybody gets it, and the caller learns how many that is.
//! async fn send(call: Call, (text,): (String,)) -> Result<usize, MethodError> {
//!     let text = text.trim();
//!     if text.is_empty() {
//!         return Err(MethodError::public("there is nothing to send"));
//!     }
//!     let message = ServerMessage::invocation("newMessage", Arguments::serialize(&[text])?);
//!     Ok(call.connection().clients().send(&Recipients::everyone(), &message).queued)
//! }
//!
//! /// `connection.stream("Count", 3)`: 0, 1, 2.
//! fn count(to: u32) -> Result<impl Stream<Item = Result<u32, MethodError>>, MethodError> {
//!     Ok(stream::iter(0..to).map(Ok))
//! }
//!
//! /// `connection.invoke("Sum", subject)`: the sum of everything that comes out of the subject.
//! async fn sum(_: Call, (numbers,): (Upload<f64>,)) -> Result<f64, MethodError> {
//!     numbers.try_fold(0.0, |sum, number| async move { Ok(sum + number) }).await
//! }
//!
//! impl Hub for Chat {
//!     async fn admit(&self, _: &ClientRequest<'_>) -> Result<Admission, Refusal> {
//!         Ok(Admission::to(self.clients.clone()))
//!     }
//!
//!     async fn received(&self, connection: &Connection, message: ClientMessage) {
//!         self.methods.receive(connection, message).await;
//!     }
//! }
//! # let _ = Chat::new();
//! ```

mod call;
mod calls;
mod error;
mod method;
mod parameters;
mod patience;
mod reply;
mod run;
mod upload;

use std::collections::HashMap;
use std::future::Future;
use std::sync::Arc;

use futures_util::Stream;

use crate::{ClientMessage, Connection};
pub use call::Call;
pub use error::MethodError;
pub use parameters::{Parameter, Parameters};
pub use reply::Reply;
pub use upload::Upload;

use calls::{Part, Table};
use method::Method;
use run::{Invocation, Mode};

/// The methods of a hub, found by name without regard to case, as in .NET.
///
/// Methods that answer once run one after the other for each connection, in the order of its calls; the next one is
/// not even looked at before. [`with_parallel_invocations`](Self::with_parallel_invocations) changes that. Methods that
/// stream, in either direction, run beside them. At most 100 calls of one connection run at the same time.
///
/// A method runs to its end even when its client is gone or no longer waits, and when the server shuts down;
/// [`Call::cancellation`] tells it. A stream is dropped then. A method that panics has failed, and its connection goes
/// on.
#[derive(Debug)]
pub struct Methods {
    methods: HashMap<String, Method>,
    calls: Arc<Table>,
}

impl Default for Methods {
    fn default() -> Self {
        Self::new()
    }
}

impl Methods {
    /// No methods.
    pub fn new() -> Self {
        Self { methods: HashMap::new(), calls: Arc::new(Table::new(1)) }
    }

    /// Lets that many methods of one connection run at the same time, instead of one; 0 counts as 1. As in ASP.NET,
    /// streams do not count.
    #[must_use]
    pub fn with_parallel_invocations(self, limit: usize) -> Self {
        Self { calls: Arc::new(Table::new(limit)), ..self }
    }

    /// Adds a method that answers once. `()` as its result is `null` for the client, as in .NET.
    ///
    /// # Panics
    /// When there is a method of that name.
    #[must_use]
    pub fn method<P, R, F>(self, name: &str, method: impl Fn(Call, P) -> F + Send + Sync + 'static) -> Self
    where
        P: Parameters,
        R: Reply,
        F: Future<Output = Result<R, MethodError>> + Send + 'static,
    {
        self.add(name, Method::answering(method))
    }

    /// Adds a method that answers with a stream. Its items are taken only as fast as the client reads them; when the
    /// client cancels, the stream is dropped.
    ///
    /// # Panics
    /// When there is a method of that name.
    #[must_use]
    pub fn stream<P, R, S, F>(self, name: &str, method: impl Fn(Call, P) -> F + Send + Sync + 'static) -> Self
    where
        P: Parameters,
        R: Reply,
        S: Stream<Item = Result<R, MethodError>> + Send + 'static,
        F: Future<Output = Result<S, MethodError>> + Send + 'static,
    {
        self.add(name, Method::streaming(method))
    }

    fn add(mut self, name: &str, method: Method) -> Self {
        let before = self.methods.insert(name.to_lowercase(), method);
        assert!(before.is_none(), "there are two methods `{name}`");
        self
    }

    /// Takes what [`Hub::received`](crate::Hub::received) was given. Waits while the connection may run no further
    /// method, and while the method that an item is for has not made room; the connection's further messages wait with
    /// it.
    pub async fn receive(&self, connection: &Connection, message: ClientMessage) {
        match message {
            ClientMessage::Invocation { invocation_id, target, arguments, stream_ids, headers } => {
                let mode = Mode::Once { invocation_id };
                self.begin(Invocation { connection, mode, target, arguments, stream_ids, headers }).await;
            }
            ClientMessage::StreamInvocation { invocation_id, target, arguments, stream_ids, headers } => {
                let mode = Mode::Stream { invocation_id };
                self.begin(Invocation { connection, mode, target, arguments, stream_ids, headers }).await;
            }
            ClientMessage::StreamItem { invocation_id, item, .. } => {
                self.calls.feed(connection, &invocation_id, Part::Item(item)).await;
            }
            ClientMessage::Completion { invocation_id, outcome, .. } => {
                self.calls.end_upload(connection, &invocation_id, outcome).await;
            }
            ClientMessage::CancelInvocation { invocation_id, .. } => self.calls.cancel(connection, &invocation_id),
        }
    }

    async fn begin(&self, invocation: Invocation<'_>) {
        match self.methods.get(&invocation.target.to_lowercase()) {
            Some(method) => run::begin(&self.calls, method, invocation).await,
            None => invocation.refuse(error::unknown_method(&invocation.target)),
        }
    }
}
