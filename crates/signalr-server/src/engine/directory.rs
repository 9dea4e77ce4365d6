//! Negotiations that wait for a transport, connections that have one, and those whose clients may still ask for them.
//!
//! A client finds its connection by its secret token; under negotiate version 0, which has no tokens, by its id.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;

use crate::connection::Continuity;
use crate::transport::requests::Requests;
use crate::{Admission, Clients, Connection, Transport};

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
        early: Option<Box<Early>>,
        expires: Duration,
    },
    /// Without a seat while the transport is still coming about.
    Taken {
        transport: Transport,
        seat: Option<Seat>,
    },
    /// The connection has ended, and its client knows it or is about to.
    Parted {
        farewell: Option<Box<Farewell>>,
        expires: Duration,
    },
}

/// What a connection leaves to the next poll of its client, which came too late to be given it.
#[derive(Debug, Clone)]
pub(crate) struct Farewell {
    connection: Connection,
    bytes: Bytes,
}

/// What a client has sent by POST before its transport was there.
#[derive(Debug, Clone)]
pub(crate) struct Early {
    user_id: Option<String>,
    clients: Clients,
    bytes: Vec<u8>,
}

/// Bytes that a client may send before its transport is there: a handshake, and some messages behind it.
pub(crate) const EARLY_LIMIT: usize = 8 * 1024;

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

/// What became of bytes that came before their transport.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Keeping {
    Kept,
    /// They would be more than [`EARLY_LIMIT`] together with those before them.
    TooMuch,
    /// No negotiation waits, or another client has sent before.
    NotHere,
}

/// What a token leads to.
#[derive(Debug)]
pub(crate) enum Occupant {
    /// A negotiation that was waiting; the token now belongs to the transport that asked.
    Negotiated {
        connection_id: String,
        continuity: Continuity,
        /// Only for the transport that claims it.
        early: Option<Box<Early>>,
    },
    /// A connection that has a transport, or is about to have it.
    Connected(Transport, Option<Seat>),
    /// A connection that has ended, and of whose end its client knows, or learns by this.
    Parted(Option<Box<Farewell>>),
    Nobody,
}

impl Farewell {
    pub(crate) fn new(connection: Connection, bytes: Bytes) -> Self {
        Self { connection, bytes }
    }

    /// The bytes, if the client that is admitted like this is the one they are for.
    pub(crate) fn to(self, admission: &Admission) -> Option<Bytes> {
        self.connection.belongs_to(admission).then_some(self.bytes)
    }
}

impl Early {
    fn nothing_from(admission: &Admission) -> Self {
        Self { user_id: admission.user_id.clone(), clients: admission.clients.clone(), bytes: Vec::new() }
    }

    /// The bytes, if they come from the client that is admitted like this.
    pub(crate) fn of(self, admission: &Admission) -> Option<Vec<u8>> {
        self.is_from(admission).then_some(self.bytes)
    }

    fn is_from(&self, admission: &Admission) -> bool {
        self.user_id == admission.user_id && self.clients.is_same(&admission.clients)
    }
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
        self.tokens.insert(token, Slot::Waiting { connection_id, continuity, early: None, expires });
        Ok(())
    }

    /// Keeps bytes for the transport that a negotiation waits for.
    pub(crate) fn keep_early(&mut self, token: &str, sender: &Admission, bytes: &[u8], now: Duration) -> Keeping {
        let Some(Slot::Waiting { early, expires, .. }) = self.tokens.get_mut(token) else {
            return Keeping::NotHere;
        };
        if *expires <= now || early.as_ref().is_some_and(|early| !early.is_from(sender)) {
            return Keeping::NotHere;
        }
        let early = early.get_or_insert_with(|| Box::new(Early::nothing_from(sender)));
        if early.bytes.len() + bytes.len() > EARLY_LIMIT {
            return Keeping::TooMuch;
        }
        early.bytes.extend_from_slice(bytes);
        Keeping::Kept
    }

    /// What a token leads to, without changing anything.
    pub(crate) fn look_up(&self, token: &str, now: Duration) -> Occupant {
        match self.tokens.get(token) {
            Some(Slot::Waiting { connection_id, continuity, expires, .. }) if now < *expires => {
                Occupant::Negotiated { connection_id: connection_id.clone(), continuity: *continuity, early: None }
            }
            Some(Slot::Taken { transport, seat }) => Occupant::Connected(*transport, seat.clone()),
            Some(Slot::Parted { expires, .. }) if now < *expires => Occupant::Parted(None),
            _ => Occupant::Nobody,
        }
    }

    /// Takes a negotiation for a transport: of two requests with the same token only one gets it.
    pub(crate) fn claim(&mut self, token: &str, transport: Transport, now: Duration) -> Occupant {
        let mut occupant = self.look_up(token, now);
        if let Occupant::Negotiated { early: taken, .. } = &mut occupant {
            self.waiting -= 1;
            let before = self.tokens.insert(token.to_owned(), Slot::Taken { transport, seat: None });
            if let Some(Slot::Waiting { early, .. }) = before {
                *taken = early;
            }
        }
        if let (Occupant::Parted(taken), Some(Slot::Parted { farewell, .. })) =
            (&mut occupant, self.tokens.get_mut(token))
        {
            *taken = farewell.take();
        }
        occupant
    }

    /// The client of a connection that is about to end knows of the end, or learns it by the farewell: until `expires` the
    /// next request with its token finds it parted.
    pub(crate) fn part(&mut self, connection: &Connection, farewell: Option<Farewell>, expires: Duration) {
        let entry = self.connections.get_mut(&connection.serial());
        if let Some(token) = entry.and_then(|entry| entry.token.take()) {
            self.tokens.insert(token, Slot::Parted { farewell: farewell.map(Box::new), expires });
        }
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

    /// Forgets negotiations that nobody came for, and clients that have parted.
    pub(crate) fn expire(&mut self, now: Duration) {
        self.tokens.retain(|_, slot| match slot {
            Slot::Waiting { expires, .. } | Slot::Parted { expires, .. } => now < *expires,
            Slot::Taken { .. } => true,
        });
        self.waiting = self.tokens.values().filter(|slot| matches!(slot, Slot::Waiting { .. })).count();
    }

    pub(crate) fn connections(&self) -> impl Iterator<Item = &Connection> {
        self.connections.values().map(|entry| &entry.connection)
    }

    /// Whether nothing is here that time or a transport could change.
    pub(crate) fn is_empty(&self) -> bool {
        self.tokens.is_empty() && !self.has_connections()
    }

    pub(crate) fn has_connections(&self) -> bool {
        !self.connections.is_empty()
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
    fn what_comes_early_is_kept_for_its_sender_within_a_limit() {
        let (mut directory, clients) = (directory(9), Clients::default());
        let ada = Admission::to(clients.clone()).as_user("ada");
        let strangers = [Admission::to(clients), Admission::to(Clients::default()).as_user("ada")];
        assert_eq!(directory.keep_early("other", &ada, b"", NOW), Keeping::NotHere);
        assert_eq!(directory.keep_early("token", &ada, b"", LATER), Keeping::NotHere, "it has expired");
        assert_eq!(directory.keep_early("token", &ada, b"one ", NOW), Keeping::Kept);
        assert_eq!(directory.keep_early("token", &ada, &[b'x'; EARLY_LIMIT - 3], NOW), Keeping::TooMuch);
        assert_eq!(directory.keep_early("token", &ada, b"two", NOW), Keeping::Kept);
        for stranger in &strangers {
            assert_eq!(directory.keep_early("token", stranger, b"", NOW), Keeping::NotHere);
        }
        let Occupant::Negotiated { early: Some(early), .. } = directory.claim("token", Transport::LongPolling, NOW)
        else {
            panic!("nothing was kept");
        };
        assert!(strangers.iter().all(|stranger| early.clone().of(stranger).is_none()));
        assert_eq!(early.of(&ada).unwrap(), b"one two");
        assert_eq!(directory.keep_early("token", &ada, b"", NOW), Keeping::NotHere);
    }

    #[test]
    fn a_negotiation_that_was_claimed_makes_room() {
        let mut directory = directory(1);
        directory.claim("token", Transport::WebSockets, NOW);
        assert_eq!(negotiate_other(&mut directory, LATER), Ok(()));
    }
}
