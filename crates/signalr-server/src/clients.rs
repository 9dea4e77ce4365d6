//! The connections of one hub: who they are, what groups they are in, and sending to many of them.
//!
//! Nothing here waits. A message is encoded once per hub protocol and pushed into the queue of every receiver; a
//! receiver whose queue is full is closed, and the others notice nothing.

mod table;

use std::collections::HashSet;
use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

use crate::connection::outbox::Posted;
use crate::message::{Reconnect, ServerMessage};
use crate::{Connection, Disconnect, SendError};
use table::Table;

/// The connections of one hub with their users and groups. Cheap to clone; clones are the same connections, and two
/// values made by [`Clients::default`] have nothing to do with each other.
#[derive(Clone, Default)]
pub struct Clients(Arc<RwLock<Table>>);

/// Who a message is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Audience<'a> {
    /// Every connection.
    Everyone,
    /// The connections of one user.
    User(&'a str),
    /// The connections in one group.
    Group(&'a str),
    /// One connection.
    Connection(&'a str),
}

/// Who a message is for, and who among them does not get it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Recipients<'a> {
    /// Who it is for.
    pub audience: Audience<'a>,
    /// Ids of connections that do not get it.
    pub excluded: &'a [String],
}

impl<'a> Recipients<'a> {
    /// Every connection.
    pub fn everyone() -> Self {
        Self { audience: Audience::Everyone, excluded: &[] }
    }

    /// The connections of one user.
    pub fn user(user_id: &'a str) -> Self {
        Self { audience: Audience::User(user_id), excluded: &[] }
    }

    /// The connections in one group.
    pub fn group(group: &'a str) -> Self {
        Self { audience: Audience::Group(group), excluded: &[] }
    }

    /// One connection.
    pub fn connection(connection_id: &'a str) -> Self {
        Self { audience: Audience::Connection(connection_id), excluded: &[] }
    }

    /// All of them but these connections.
    #[must_use]
    pub fn excluding(self, connection_ids: &'a [String]) -> Self {
        Self { excluded: connection_ids, ..self }
    }
}

/// What became of a message to many. Connections that were closing anyway are not counted.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Fanout {
    /// Connections in whose queue the message is.
    pub queued: usize,
    /// Connections that were closed because the message did not fit into their queue.
    pub dropped_full: usize,
    /// Connections whose hub protocol the message is not encoded in.
    pub unencoded: usize,
}

impl Fanout {
    /// Counts one more connection to which the message was sent by itself.
    pub fn count(&mut self, sent: Result<(), SendError>) {
        match sent {
            Ok(()) => self.queued += 1,
            Err(SendError::QueueFull) => self.dropped_full += 1,
            Err(SendError::NotEncoded) => self.unencoded += 1,
            Err(SendError::Gone) => {}
        }
    }
}

impl Clients {
    /// Queues a message for every recipient and returns at once. Two calls made one after the other arrive in that
    /// order at every connection.
    pub fn send(&self, to: &Recipients<'_>, message: &ServerMessage) -> Fanout {
        let excluded = Excluded::new(to.excluded);
        let (mut fanout, mut to_flush) = (Fanout::default(), Vec::new());
        // Held meanwhile: to queue a message takes a tenth of a microsecond, and nothing in it comes back here.
        let table = self.read();
        let is_alone = table.count(to.audience) == 1;
        table.visit(to.audience, |connection| match excluded.contains(connection) {
            true => {}
            false if is_alone => fanout.count(connection.send(message)),
            false => {
                let posted = connection.post(message);
                fanout.count(posted.map(|_| ()));
                if posted == Ok(Posted::ToFlush) {
                    to_flush.push(connection.clone());
                }
            }
        });
        drop(table);
        flush(to_flush);
        fanout
    }

    /// The same as [`send`](Self::send), but `tell` hears of every recipient what became of it.
    pub fn send_telling(
        &self,
        to: &Recipients<'_>,
        message: &ServerMessage,
        mut tell: impl FnMut(&Connection, Result<(), SendError>),
    ) -> Fanout {
        let mut fanout = Fanout::default();
        let mut recipients = self.recipients(to);
        recipients.retain(|connection| {
            let posted = connection.post(message);
            let sent = posted.map(|_| ());
            fanout.count(sent);
            tell(connection, sent);
            posted == Ok(Posted::ToFlush)
        });
        flush(recipients);
        fanout
    }

    /// Closes every recipient, as [`Connection::close`] does, and returns how many were open until now.
    pub fn close(&self, to: &Recipients<'_>, error: Option<&str>, reconnect: Reconnect) -> usize {
        let message = ServerMessage::close(error, reconnect);
        let reason = Disconnect::Closed { error: error.map(str::to_owned) };
        let closed = |connection: &Connection| connection.close_with(&message, reason.clone());
        self.recipients(to).iter().filter(|connection| closed(connection)).count()
    }

    /// The live connection with this id.
    pub fn connection(&self, id: &str) -> Option<Connection> {
        self.read().connection(id).cloned()
    }

    /// Whether the user has at least one live connection.
    pub fn has_user(&self, user_id: &str) -> bool {
        self.read().user(user_id).is_some()
    }

    /// Whether the group has at least one live connection.
    pub fn has_group(&self, group: &str) -> bool {
        self.read().group(group).is_some()
    }

    /// Adds a connection to a group; false when there is no such connection.
    pub fn join(&self, connection_id: &str, group: &str) -> bool {
        self.write().join(connection_id, group)
    }

    /// Removes a connection from a group; false when it was not in it.
    pub fn leave(&self, connection_id: &str, group: &str) -> bool {
        self.write().leave(connection_id, group)
    }

    /// Removes a connection from all its groups; false when there is no such connection.
    pub fn leave_all(&self, connection_id: &str) -> bool {
        self.write().leave_all(connection_id)
    }

    /// Every live connection in the order in which they came.
    pub fn connections(&self) -> Vec<Connection> {
        self.recipients(&Recipients::everyone())
    }

    /// The groups that have a live connection, and how many each has; in no particular order.
    pub fn groups(&self) -> Vec<(Arc<str>, usize)> {
        self.read().groups()
    }

    /// The live connections of a user in the order in which they came.
    pub fn connections_of_user(&self, user_id: &str) -> Vec<Connection> {
        self.recipients(&Recipients::user(user_id))
    }

    /// The live connections in a group in the order in which they came to the hub.
    pub fn members(&self, group: &str) -> Vec<Connection> {
        self.recipients(&Recipients::group(group))
    }

    /// The groups of a connection in the order of joining; empty when there is no such connection.
    pub fn groups_of(&self, connection_id: &str) -> Vec<String> {
        self.read().groups_of(connection_id)
    }

    /// How many live connections there are.
    pub fn len(&self) -> usize {
        self.read().len()
    }

    /// Whether there is no live connection.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Whether both are the same connections, now and later.
    pub(crate) fn is_same(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }

    pub(crate) fn add(&self, connection: &Connection) {
        self.write().add(connection);
    }

    pub(crate) fn remove(&self, connection: &Connection) {
        self.write().remove(connection);
    }

    /// The handles of the recipients. They are taken out of the table so that ten thousand deliveries do not hold up
    /// the next client that joins.
    fn recipients(&self, to: &Recipients<'_>) -> Vec<Connection> {
        let excluded = Excluded::new(to.excluded);
        let mut recipients = Vec::new();
        self.read().visit(to.audience, |connection| {
            if !excluded.contains(connection) {
                recipients.push(connection.clone());
            }
        });
        recipients
    }

    /// A panic elsewhere leaves the table as good as it was: nothing in its methods calls foreign code.
    fn read(&self) -> RwLockReadGuard<'_, Table> {
        self.0.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&self) -> RwLockWriteGuard<'_, Table> {
        self.0.write().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Who gets nothing. A few are sought one by one.
enum Excluded<'a> {
    Few(&'a [String]),
    Many(HashSet<&'a str>),
}

impl<'a> Excluded<'a> {
    fn new(ids: &'a [String]) -> Self {
        if ids.len() <= 3 { Self::Few(ids) } else { Self::Many(ids.iter().map(String::as_str).collect()) }
    }

    fn contains(&self, connection: &Connection) -> bool {
        match self {
            Self::Few(ids) => ids.iter().any(|id| id == connection.id()),
            Self::Many(ids) => ids.contains(connection.id()),
        }
    }
}

/// Has written what was posted to these.
fn flush(connections: Vec<Connection>) {
    if let Some(connection) = connections.first() {
        Arc::clone(connection.engine()).flush(connections);
    }
}

impl std::fmt::Debug for Clients {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("Clients").field("len", &self.len()).finish_non_exhaustive()
    }
}
