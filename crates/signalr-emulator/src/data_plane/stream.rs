//! Items of a stream, for the client that has asked for it, and its end (signalr-service 1.3, since 2024-12-01).
//!
//! A stream is known by the id of the client's stream invocation and by nothing else: neither its client nor whether
//! it has begun is on record here, so like every send these calls are accepted in any case.

use axum::body::Body;
use signalr_server::{Outcome, ServerMessage};

use super::perform::Call;
use super::{Refused, read_body};
use crate::events::Event;
use crate::stream_item::StreamItem;

impl Call<'_> {
    /// Queues one item, and with `completed` the end behind it.
    pub(super) async fn send_stream_item(&self, connection: &str, stream: &str, body: Body) -> Result<(), Refused> {
        let completed = self.parameters.flag("completed").map_err(|invalid| self.refuse(&invalid))?;
        let parse = |format, body: &[u8]| StreamItem::parse(format, stream, body);
        let item = read_body(self, body, parse).await?;
        self.stream(connection, stream, &item.to_client(stream), item.size());
        if completed {
            self.stream(connection, stream, &ServerMessage::completion(stream, Outcome::Void), 0);
        }
        Ok(())
    }

    /// Queues the end; a `reason` makes it a failure.
    pub(super) fn complete_stream(&self, connection: &str, stream: &str) {
        let reason = self.parameters.first("reason").filter(|reason| !reason.is_empty());
        let outcome = reason.map_or(Outcome::Void, |reason| Outcome::Error(reason.to_owned()));
        self.stream(connection, stream, &ServerMessage::completion(stream, outcome), 0);
    }

    fn stream(&self, connection: &str, stream: &str, message: &ServerMessage, bytes: usize) {
        let found = self.hub.clients.connection(connection);
        // Whether the client is gone or closed for not reading: the service answers 202 all the same.
        let queued = found.is_some_and(|connection| connection.send(message).is_ok());
        self.service.reporter.report(Event::Streamed {
            hub: self.hub.name.clone(),
            call: self.rest.clone(),
            connection_id: connection.to_owned(),
            stream_id: stream.to_owned(),
            bytes,
            queued,
        });
    }
}
