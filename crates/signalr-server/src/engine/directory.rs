//! Negotiations that wait for a transport, and connections that have one.
//!
//! A client finds its connection by its secret token; under negotiate version 0, which has no tokens, by its id.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use crate::connection::Continuity;
use crate::transport::requests::Requests;
use crate::{Connection, Transport};

pub(crate) struct Directory {
    tokens: HashMap<String, Slot>,
    connections: HashMap<u64, Entry>,
    waiting: usize,
    limit: usize,
}

enum Slot {
    Waiting {
        connection_id: String,
        continuity: Continuity,
        expires: Duration,
    },
    /// Without a seat while the transport is still coming about.
    Taken {
        transport: Transport,
        seat: Option<Seat>,
    },
}

/// A connection, as later requests with its token find it.
#[derive(Debug, Clone)]
pub(crate) struct Seat {
    pub(crate) connection: Connection,
    /// For the transports that consist of several requests.
    pub(crate) requests: Option<Arc<Requests>>,
}

struct Entry {
    connection: Connection,
    token: Option<String>,
}

/// As many negotiations as allowed wait already.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Full;

/// What a token leads to.
#[derive(Debug)]
pub(crate) enum Occupant {
    /// A negotiation that was waiting; the token now belongs to the transport that asked.
    Negotiated {
        connection_id: String,
        continuity: Continuity,
    },
    /// A connection that has a transport, or is about to have it.
    Connected(Transport, Option<Seat>),
    Nobody,
}

impl Directory {
    pub(crate) fn new(limit: usize) -> Self {
        Self { tokens: HashMap::new(), connections: HashMap::new(), waiting: 0, limit }
    }

    /// Keeps a negotiation until `expires`.
    pub(crate) fn negotiate(
        &mut self,
        token: String,
        connection_id: String,
        continuity: Continuity,
        expires: Duration,
    ) -> Result<(), Full> {
        if self.waiting >= self.limit {
            return Err(Full);
        }
        self.waiting += 1;
        self.tokens.insert(token, Slot::Waiting { connection_id, continuity, expires });
        Ok(())
    }

    /// What a token leads to, without changing anything.
    pub(crate) fn look_up(&self, token: &str, now: Duration) -> Occupant {
        match self.tokens.get(token) {
            Some(Slot::Waiting { connection_id, continuity, expires }) if now < *expires => {
                Occupant::Negotiated { connection_id: connection_id.clone(), continuity: *continuity }
            }
            Some(Slot::Taken { transport, seat }) => Occupant::Connected(*transport, seat.clone()),
            _ => Occupant::Nobody,
        }
    }

    /// Takes a negotiation for a transport: of two requests with the same token only one gets it.
    pub(crate) fn claim(&mut self, token: &str, transport: Transport, now: Duration) -> Occupant {
        let occupant = self.look_up(token, now);
        if matches!(occupant, Occupant::Negotiated { .. }) {
            self.waiting -= 1;
            self.tokens.insert(token.to_owned(), Slot::Taken { transport, seat: None });
        }
        occupant
    }

    /// Gives a token back whose transport did not come about.
    pub(crate) fn release(&mut self, token: &str) {
        self.tokens.remove(token);
    }

    /// Adds the connection to which the token leads from now on.
    pub(crate) fn add(&mut self, seat: Seat, token: Option<String>) {
        let connection = seat.connection.clone();
        if let Some(token) = &token {
            let transport = connection.transport();
            self.tokens.insert(token.clone(), Slot::Taken { transport, seat: Some(seat) });
        }
        self.connections.insert(connection.serial(), Entry { connection, token });
    }

    pub(crate) fn remove(&mut self, connection: &Connection) {
        if let Some(Entry { token: Some(token), .. }) = self.connections.remove(&connection.serial()) {
            self.release(&token);
        }
    }

    /// Forgets negotiations that nobody came for.
    pub(crate) fn expire(&mut self, now: Duration) {
        let waits = |slot: &Slot| !matches!(slot, Slot::Waiting { expires, .. } if *expires <= now);
        self.tokens.retain(|_, slot| waits(slot));
        self.waiting = self.tokens.values().filter(|slot| matches!(slot, Slot::Waiting { .. })).count();
    }

    pub(crate) fn connections(&self) -> impl Iterator<Item = &Connection> {
        self.connections.values().map(|entry| &entry.connection)
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.connections.is_empty() && self.waiting == 0
    }

    pub(crate) fn len(&self) -> usize {
        self.connections.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Duration = Duration::from_secs(1);
    const LATER: Duration = Duration::from_secs(16);

    fn directory(limit: usize) -> Directory {
        let mut directory = Directory::new(limit);
        directory.negotiate("token".to_owned(), "id".to_owned(), Continuity::OneSocket, LATER).unwrap();
        directory
    }

    fn negotiate_other(directory: &mut Directory, expires: Duration) -> Result<(), Full> {
        directory.negotiate("other".to_owned(), "id".to_owned(), Continuity::OneSocket, expires)
    }

    #[test]
    fn a_token_is_claimed_once() {
        let mut directory = directory(9);
        assert!(matches!(directory.claim("id", Transport::WebSockets, NOW), Occupant::Nobody));
        let claimed = directory.claim("token", Transport::WebSockets, NOW);
        assert!(matches!(claimed, Occupant::Negotiated { connection_id, .. } if connection_id == "id"));
        let taken = directory.claim("token", Transport::LongPolling, NOW);
        assert!(matches!(taken, Occupant::Connected(Transport::WebSockets, None)));
        directory.expire(Duration::MAX);
        let kept = directory.look_up("token", Duration::MAX);
        assert!(matches!(kept, Occupant::Connected(..)), "a connection does not expire");
        directory.release("token");
        assert!(matches!(directory.look_up("token", NOW), Occupant::Nobody));
        assert!(directory.is_empty());
    }

    #[test]
    fn a_negotiation_is_gone_at_its_time_and_makes_room() {
        let mut directory = directory(1);
        assert_eq!(negotiate_other(&mut directory, LATER), Err(Full));
        assert!(matches!(directory.claim("token", Transport::WebSockets, LATER), Occupant::Nobody));
        directory.expire(LATER);
        assert!(directory.is_empty());
        assert_eq!(negotiate_other(&mut directory, LATER * 2), Ok(()));
    }

    #[test]
    fn a_negotiation_that_was_claimed_makes_room() {
        let mut directory = directory(1);
        directory.claim("token", Transport::WebSockets, NOW);
        assert_eq!(negotiate_other(&mut directory, LATER), Ok(()));
    }
}
