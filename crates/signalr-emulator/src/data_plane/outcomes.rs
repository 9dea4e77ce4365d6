//! What became of one message at every single connection, for those who listen to events.

use signalr_server::{Connection, SendError};

use crate::events::{DropReason, Event, Reporter, RestCall};

/// How many connections one `Delivered` names, so that a broadcast does not flood the listeners.
const BATCH: usize = 256;

#[derive(Debug, Default)]
pub(super) struct Outcomes {
    delivered: Vec<String>,
    dropped: Vec<(String, DropReason)>,
}

impl Outcomes {
    pub(super) fn add(&mut self, connection: &Connection, sent: Result<(), SendError>) {
        let connection_id = connection.id().to_owned();
        match sent {
            Ok(()) => self.delivered.push(connection_id),
            Err(SendError::QueueFull) => self.dropped.push((connection_id, DropReason::QueueFull)),
            Err(SendError::Gone) => self.dropped.push((connection_id, DropReason::Closing)),
            Err(SendError::NotEncoded) => self.dropped.push((connection_id, DropReason::NotEncoded)),
        }
    }

    pub(super) fn report(self, reporter: &Reporter, hub: &str, call: &RestCall) {
        for connection_ids in self.delivered.chunks(BATCH).map(<[String]>::to_vec) {
            reporter.report(Event::Delivered { hub: hub.to_owned(), call: call.clone(), connection_ids });
        }
        for (connection_id, reason) in self.dropped {
            reporter.report(Event::Dropped { hub: hub.to_owned(), call: call.clone(), connection_id, reason });
        }
    }
}
