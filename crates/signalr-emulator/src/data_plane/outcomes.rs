//! What became of one message at every single connection, for those who listen to events.

use signalr_server::{Connection, SendError};

use crate::events::{DropReason, Event, Reporter, RestCall};

/// How many connections one `Delivered` names, so that a broadcast does not flood the listeners.
const BATCH: usize = 256;

#[derive(Debug)]
pub(super) struct Outcomes {
    /// How many receivers are named at most.
    limit: usize,
    delivered: Vec<String>,
    dropped: Vec<(String, DropReason)>,
}

impl Outcomes {
    pub(super) fn naming(limit: usize) -> Self {
        Self { limit, delivered: Vec::new(), dropped: Vec::new() }
    }

    pub(super) fn add(&mut self, connection: &Connection, sent: Result<(), SendError>) {
        let reason = match sent {
            Ok(()) => {
                if self.delivered.len() < self.limit {
                    self.delivered.push(connection.id().to_owned());
                }
                return;
            }
            Err(SendError::QueueFull) => DropReason::QueueFull,
            Err(SendError::Gone) => DropReason::Closing,
            Err(SendError::NotEncoded) => DropReason::NotEncoded,
        };
        self.dropped.push((connection.id().to_owned(), reason));
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
