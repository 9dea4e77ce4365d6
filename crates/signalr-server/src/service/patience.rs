//! Waiting for a connection: for room in its queue, and for its end.

use std::future::{Future, poll_fn};

use crate::Connection;

/// Waits until half of the queue is free, so that a stream never fills it: a client that reads slowly gets its items
/// slowly, and what else is sent to it still fits. Ends at once when the connection is closing.
pub(super) async fn room(connection: &Connection) {
    let most = connection.engine().options().queue_limit / 2;
    poll_fn(|context| connection.outbox().poll_room(context, most)).await;
}

/// Waits until the connection takes no more messages.
pub(super) async fn closing(connection: &Connection) {
    poll_fn(|context| connection.outbox().poll_closing(context)).await;
}

/// Waits for `future`; `None` when the connection is closing first.
pub(super) async fn unless_closing<F: Future>(connection: &Connection, future: F) -> Option<F::Output> {
    tokio::select! {
        output = future => Some(output),
        () = closing(connection) => None,
    }
}
