//! How much has gone over one connection.
//!
//! Hub messages count, in the client's own encoding; what only keeps the protocol alive (handshake, Pings,
//! acknowledgements) does not.

use serde::Serialize;

/// How much has gone over a connection until now.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Traffic {
    /// What the client has sent.
    pub received: Volume,
    /// What was accepted for the client, whether it is written already or still waits.
    pub sent: Volume,
    /// What waits for the client: in the queue, or for its return. Bytes that are just being written count here too.
    pub waiting: Volume,
}

/// A number of messages and their size.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Volume {
    /// How many.
    pub messages: u64,
    /// Their bytes: those from clients without any framing, those for clients as they count against
    /// [`ServerOptions::queue_limit`](crate::ServerOptions::queue_limit), which is with the head of a WebSocket frame.
    pub bytes: u64,
}

impl Volume {
    pub(crate) fn add(&mut self, bytes: usize) {
        self.messages += 1;
        self.bytes += bytes as u64;
    }
}
