//! What the owner of an emulator sees of its connections, and does to them: for consoles and for tests.
//!
//! A snapshot is taken connection by connection: it holds up nobody, and while it is taken things go on, so what it says
//! of two connections need not have been true at the same moment.

use std::collections::BTreeMap;
use std::time::SystemTime;

use serde::{Serialize, Serializer};
use serde_json::{Map, Value};
use signalr_server::{Connection, Reconnect, Volume};

use crate::Emulator;
use crate::client_endpoint::Client;
use crate::hub::ServiceHub;

/// A connection as it is now.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ConnectionSnapshot {
    /// The internal name of the hub.
    pub hub: String,
    /// The public id.
    pub connection_id: String,
    /// The user, unless the client is anonymous.
    pub user_id: Option<String>,
    /// The transport, as `availableTransports` names it.
    pub transport: &'static str,
    /// The hub protocol, as the handshake names it.
    pub protocol: &'static str,
    /// When the transport was opened.
    #[serde(serialize_with = "as_timestamp")]
    pub connected_at: SystemTime,
    /// The groups, in the order in which it joined them.
    pub groups: Vec<String>,
    /// The claims of the token with which the client connected. Without its signature it is no token.
    pub claims: Map<String, Value>,
    /// Hub messages of the client.
    pub received: Volume,
    /// Hub messages for the client, those that wait included.
    pub sent: Volume,
    /// What waits for the client.
    pub waiting: Volume,
}

/// A user who is connected or on record.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct UserSnapshot {
    /// The internal name of the hub.
    pub hub: String,
    /// The user.
    pub user_id: String,
    /// How many live connections the user has.
    pub connections: usize,
    /// The groups that new connections of the user join.
    pub stored_groups: Vec<StoredGroup>,
}

/// A group that new connections of a user join.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct StoredGroup {
    /// The group.
    pub group: String,
    /// Connections opened from then on do not join any more.
    #[serde(serialize_with = "as_timestamp")]
    pub until: SystemTime,
}

/// A group with at least one live connection.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct GroupSnapshot {
    /// The internal name of the hub.
    pub hub: String,
    /// The group.
    pub group: String,
    /// How many live connections are in it.
    pub connections: usize,
}

impl Emulator {
    /// The hubs that anybody has used, by their internal names, in order.
    pub fn hubs(&self) -> Vec<String> {
        self.service.hubs.all().iter().map(|hub| hub.name.clone()).collect()
    }

    /// Every live connection: hub by hub, in the order in which they came.
    pub fn connections(&self) -> Vec<ConnectionSnapshot> {
        let hubs = self.service.hubs.all();
        let connections = hubs.iter().flat_map(|hub| hub.clients.connections().into_iter().map(move |one| (hub, one)));
        connections.map(|(hub, connection)| ConnectionSnapshot::of(hub, &connection)).collect()
    }

    /// Every user who is connected or has groups on record, in order.
    pub fn users(&self) -> Vec<UserSnapshot> {
        let now = self.service.time.now();
        self.service.hubs.all().iter().flat_map(|hub| users_of(hub, now)).collect()
    }

    /// Every group with a live connection, in order.
    pub fn groups(&self) -> Vec<GroupSnapshot> {
        let mut groups = Vec::new();
        for hub in self.service.hubs.all() {
            let mut of_hub = hub.clients.groups();
            of_hub.sort_unstable();
            groups.extend(of_hub.into_iter().map(|(group, connections)| GroupSnapshot {
                hub: hub.name.clone(),
                group: group.as_ref().to_owned(),
                connections,
            }));
        }
        groups
    }

    /// Closes a connection as REST does: its client is told the reason and whether it may come back, gets what is queued,
    /// and then its transport ends. False when there is no such connection.
    pub fn close(&self, connection_id: &str, reason: Option<&str>, reconnect: Reconnect) -> bool {
        self.find(connection_id).inspect(|connection| connection.close(reason, reconnect)).is_some()
    }

    /// Drops the transport of a connection without a word, as a pulled cable does; false when there is no such
    /// connection. A client with stateful reconnect may come back to it; any other connection ends.
    pub fn cut(&self, connection_id: &str) -> bool {
        self.find(connection_id).inspect(Connection::cut).is_some()
    }

    /// The same for every connection there is; gives their number.
    pub fn cut_all(&self) -> usize {
        let hubs = self.service.hubs.all();
        hubs.iter().flat_map(|hub| hub.clients.connections()).map(|connection| connection.cut()).count()
    }

    fn find(&self, connection_id: &str) -> Option<Connection> {
        self.service.hubs.all().iter().find_map(|hub| hub.clients.connection(connection_id))
    }
}

impl ConnectionSnapshot {
    fn of(hub: &ServiceHub, connection: &Connection) -> Self {
        let claims = Client::of(connection).and_then(|client| serde_json::from_str(&client.claims).ok());
        let traffic = connection.traffic();
        Self {
            hub: hub.name.clone(),
            connection_id: connection.id().to_owned(),
            user_id: connection.user_id().map(str::to_owned),
            transport: connection.transport().name(),
            protocol: connection.protocol().name(),
            connected_at: connection.opened_at(),
            groups: hub.clients.groups_of(connection.id()),
            claims: claims.unwrap_or_default(),
            received: traffic.received,
            sent: traffic.sent,
            waiting: traffic.waiting,
        }
    }
}

fn users_of(hub: &ServiceHub, now: SystemTime) -> Vec<UserSnapshot> {
    let mut users: BTreeMap<String, (usize, Vec<StoredGroup>)> = BTreeMap::new();
    for user in hub.clients.connections().iter().filter_map(Connection::user_id) {
        users.entry(user.to_owned()).or_default().0 += 1;
    }
    for (user, mut stored) in hub.stored_groups(now) {
        stored.sort_unstable_by(|one, other| one.group.cmp(&other.group));
        users.entry(user).or_default().1 = stored;
    }
    let snapshot = |(user_id, (connections, stored_groups))| UserSnapshot {
        hub: hub.name.clone(),
        user_id,
        connections,
        stored_groups,
    };
    users.into_iter().map(snapshot).collect()
}

/// As RFC 3339 in UTC; a time that no calendar has is no text.
pub(crate) fn as_timestamp<S: Serializer>(time: &SystemTime, serializer: S) -> Result<S::Ok, S::Error> {
    jiff::Timestamp::try_from(*time).ok().serialize(serializer)
}
