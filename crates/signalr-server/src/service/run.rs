//! How a call begins, runs and ends.

use std::panic::AssertUnwindSafe;
use std::sync::Arc;

use futures_util::future::FutureExt;
use futures_util::stream::StreamExt;
use tokio::sync::OwnedSemaphorePermit;
use tokio_util::sync::CancellationToken;

use super::calls::{Run, Table};
use super::error::{self, Details, MethodError, STREAMING};
use super::method::{Answer, Body, Method, Opening};
use super::patience::{closing, room, unless_closing};
use super::{Call, upload::Feed};
use crate::{Arguments, Connection, Headers, Outcome, SendError, ServerMessage};

/// What a client asks for.
#[derive(Debug)]
pub(super) struct Invocation<'c> {
    pub(super) connection: &'c Connection,
    pub(super) mode: Mode,
    pub(super) target: String,
    pub(super) arguments: Arguments,
    pub(super) stream_ids: Vec<String>,
    pub(super) headers: Headers,
}

/// How a client wants to be answered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Mode {
    /// Once, or not at all where there is no id.
    Once { invocation_id: Option<String> },
    /// With a stream.
    Stream { invocation_id: String },
}

impl Invocation<'_> {
    fn id(&self) -> Option<String> {
        match &self.mode {
            Mode::Once { invocation_id } => invocation_id.clone(),
            Mode::Stream { invocation_id } => Some(invocation_id.clone()),
        }
    }

    /// Answers that nothing comes of it.
    pub(super) fn refuse(&self, error: String) {
        complete(self.connection, self.id(), Outcome::Error(error));
    }

    fn refuse_with(&self, error: &MethodError, what: &str) {
        self.refuse(error.told(what, details(self.connection)));
    }
}

/// Lets a call run beside the reading of further messages. Waits for its turn if it needs one.
pub(super) async fn begin(calls: &Arc<Table>, method: &Method, invocation: Invocation<'_>) {
    match (&method.body, &invocation.mode) {
        (Body::Streams(_), Mode::Once { .. }) => {
            return invocation.refuse(error::called_without_stream(&invocation.target));
        }
        (Body::Answers(_), Mode::Stream { .. }) => {
            return invocation.refuse(error::called_as_stream(&invocation.target));
        }
        _ => {}
    }
    let given = invocation.stream_ids.len();
    if given != method.uploads {
        let wrong = error::wrong_number_of_uploads(given, method.uploads);
        return invocation.refuse_with(&wrong, &error::invoking(&invocation.target));
    }
    let lease = calls.lease(invocation.connection);
    // Items of an upload come behind its call, so that may not wait.
    let turn = match &method.body {
        Body::Answers(_) if method.uploads == 0 => match unless_closing(invocation.connection, lease.turn()).await {
            Some(turn) => Some(turn),
            None => return,
        },
        _ => None,
    };
    match lease.begin(invocation.id(), invocation.stream_ids.clone()) {
        Ok((run, feeds)) => start(method, &invocation, run, feeds, turn),
        Err(error) => invocation.refuse(error),
    }
}

fn start(method: &Method, invocation: &Invocation<'_>, run: Run, feeds: Vec<Feed>, turn: Option<OwnedSemaphorePermit>) {
    let call = Call {
        connection: invocation.connection.clone(),
        target: invocation.target.as_str().into(),
        headers: Arc::new(invocation.headers.clone()),
        cancellation: run.cancellation.clone(),
    };
    let tasks = invocation.connection.engine().tasks();
    let (id, arguments) = (invocation.id(), &invocation.arguments);
    let bound = match &method.body {
        Body::Answers(body) => body(call.clone(), arguments, feeds).map(|answer| {
            tasks.spawn(answer_once(call, id, run, answer, turn));
        }),
        Body::Streams(body) => body(call.clone(), arguments, feeds).map(|opening| {
            tasks.spawn(stream(call, id, run, opening));
        }),
    };
    if let Err(error) = bound {
        let (connection, method) = (invocation.connection.id(), &invocation.target);
        tracing::debug!(connection, method, ?error, "a client called a hub method with other arguments");
        invocation.refuse_with(&error.into(), &error::binding(&invocation.target));
    }
}

/// Runs a method to its end. Its turn is over when its answer is queued, so answers are in the order of the calls.
async fn answer_once(call: Call, id: Option<String>, run: Run, answer: Answer, turn: Option<OwnedSemaphorePermit>) {
    let mut answer = AssertUnwindSafe(answer).catch_unwind();
    let answered = tokio::select! {
        answered = &mut answer => answered,
        () = closing(&call.connection) => {
            run.abandon();
            answer.await
        }
    };
    let outcome = match answered {
        Ok(Ok(result)) => Outcome::Result(result),
        Ok(Err(error)) => failure(&call, &error, &error::invoking(&call.target)),
        Err(_) => panicked(&call, error::invoking(&call.target)),
    };
    // The client may use the id again once it has the answer.
    drop(run);
    complete(&call.connection, id, outcome);
    drop(turn);
}

/// Streams until the end of the stream, the client's word or the end of the connection.
async fn stream(call: Call, id: Option<String>, run: Run, opening: Opening) {
    let Some(id) = id else { return };
    let streaming = AssertUnwindSafe(stream_items(&call, &id, opening)).catch_unwind();
    let outcome = tokio::select! {
        // First, so that nothing is sent behind the client's word.
        biased;
        () = cancelled(&run.cancellation, &call.connection) => Outcome::Void,
        streamed = streaming => streamed.unwrap_or_else(|_| panicked(&call, STREAMING.to_owned())),
    };
    drop(run);
    complete(&call.connection, Some(id), outcome);
}

async fn stream_items(call: &Call, id: &str, opening: Opening) -> Outcome {
    let mut items = match opening.await {
        Ok(items) => items,
        Err(error) => return failure(call, &error, &error::invoking(&call.target)),
    };
    loop {
        room(&call.connection).await;
        match items.next().await {
            Some(Ok(item)) => match call.connection.send(&ServerMessage::stream_item(id, item)) {
                Ok(()) => {}
                Err(SendError::Gone | SendError::QueueFull | SendError::NotEncoded) => return Outcome::Void,
            },
            Some(Err(error)) => return failure(call, &error, STREAMING),
            None => return Outcome::Void,
        }
    }
}

/// The client no longer wants the call, or is gone.
async fn cancelled(cancellation: &CancellationToken, connection: &Connection) {
    tokio::select! {
        () = cancellation.cancelled() => {}
        () = closing(connection) => {}
    }
}

fn failure(call: &Call, error: &MethodError, what: &str) -> Outcome {
    let (connection, method) = (call.connection.id(), call.target());
    if error.is_private() {
        tracing::warn!(connection, method, %error, "a hub method failed");
    } else {
        tracing::debug!(connection, method, %error, "a hub method refused its caller");
    }
    Outcome::Error(error.told(what, details(&call.connection)))
}

fn panicked(call: &Call, what: String) -> Outcome {
    tracing::error!(connection = call.connection.id(), method = call.target(), "a hub method panicked");
    Outcome::Error(what)
}

/// Answers a call, unless its client wants none. A client that is gone needs none.
fn complete(connection: &Connection, id: Option<String>, outcome: Outcome) {
    if let Some(id) = id {
        let _ = connection.send(&ServerMessage::completion(id, outcome));
    }
}

fn details(connection: &Connection) -> Details {
    if connection.engine().options().detailed_errors { Details::Shown } else { Details::Hidden }
}
