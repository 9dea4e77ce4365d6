//! Who is connected, under which user and in which groups.
//!
//! An entry exists exactly as long as it has a member, so "does this group exist" is a look-up (signalr-service 4.3).
//! Connections are visited in the order in which they came: their memory lies in that order, too, here and in the
//! kernel, and a broadcast that jumps about in it takes longer.

use std::borrow::Borrow;
use std::collections::{BTreeMap, HashMap, HashSet};
use std::hash::{Hash, Hasher};
use std::sync::Arc;

use super::Audience;
use crate::Connection;

/// Numbers are those of [`Connection::serial`].
#[derive(Default)]
pub(super) struct Table {
    connections: BTreeMap<u64, Entry>,
    ids: HashSet<ById>,
    users: HashMap<String, Members>,
    groups: HashMap<Arc<str>, Members>,
}

/// A connection and its own list of groups, so that its end costs as much as it has groups.
struct Entry {
    connection: Connection,
    groups: Vec<Arc<str>>,
}

/// A connection that is found by its id, which never changes.
struct ById(Connection);

/// Never empty while it is in a table.
type Members = BTreeMap<u64, Connection>;

impl Table {
    pub(super) fn add(&mut self, connection: &Connection) {
        let entry = Entry { connection: connection.clone(), groups: Vec::new() };
        self.connections.insert(connection.serial(), entry);
        self.ids.insert(ById(connection.clone()));
        if let Some(user_id) = connection.user_id() {
            let members = self.users.entry(user_id.to_owned()).or_default();
            members.insert(connection.serial(), connection.clone());
        }
    }

    pub(super) fn remove(&mut self, connection: &Connection) {
        self.leave_all(connection.id());
        self.connections.remove(&connection.serial());
        self.ids.remove(connection.id());
        if let Some(user_id) = connection.user_id()
            && let Some(members) = self.users.get_mut(user_id)
        {
            members.remove(&connection.serial());
            if members.is_empty() {
                self.users.remove(user_id);
            }
        }
    }

    pub(super) fn join(&mut self, connection_id: &str, group: &str) -> bool {
        let Some(entry) = self.serial(connection_id).and_then(|serial| self.connections.get_mut(&serial)) else {
            return false;
        };
        let name = self.groups.get_key_value(group).map_or_else(|| group.into(), |(name, _)| Arc::clone(name));
        let members = self.groups.entry(Arc::clone(&name)).or_default();
        if members.insert(entry.connection.serial(), entry.connection.clone()).is_none() {
            entry.groups.push(name);
        }
        true
    }

    pub(super) fn leave(&mut self, connection_id: &str, group: &str) -> bool {
        let Some(entry) = self.serial(connection_id).and_then(|serial| self.connections.get_mut(&serial)) else {
            return false;
        };
        let Some(index) = entry.groups.iter().position(|name| **name == *group) else {
            return false;
        };
        entry.groups.remove(index);
        drop_member(&mut self.groups, group, entry.connection.serial());
        true
    }

    pub(super) fn leave_all(&mut self, connection_id: &str) -> bool {
        let Some(entry) = self.serial(connection_id).and_then(|serial| self.connections.get_mut(&serial)) else {
            return false;
        };
        for group in std::mem::take(&mut entry.groups) {
            drop_member(&mut self.groups, &group, entry.connection.serial());
        }
        true
    }

    fn serial(&self, id: &str) -> Option<u64> {
        self.connection(id).map(Connection::serial)
    }

    pub(super) fn connection(&self, id: &str) -> Option<&Connection> {
        self.ids.get(id).map(|ById(connection)| connection)
    }

    pub(super) fn user(&self, user_id: &str) -> Option<&Members> {
        self.users.get(user_id)
    }

    pub(super) fn group(&self, group: &str) -> Option<&Members> {
        self.groups.get(group)
    }

    pub(super) fn groups(&self) -> Vec<(Arc<str>, usize)> {
        self.groups.iter().map(|(name, members)| (Arc::clone(name), members.len())).collect()
    }

    pub(super) fn groups_of(&self, connection_id: &str) -> Vec<String> {
        let entry = self.serial(connection_id).and_then(|serial| self.connections.get(&serial));
        let groups = entry.map(|entry| &entry.groups);
        groups.into_iter().flatten().map(ToString::to_string).collect()
    }

    /// Everybody who is meant, in the order in which they came.
    pub(super) fn visit(&self, audience: Audience<'_>, mut visit: impl FnMut(&Connection)) {
        let members = |members: Option<&Members>, visit| members.into_iter().flat_map(Members::values).for_each(visit);
        match audience {
            Audience::Everyone => self.connections.values().for_each(|entry| visit(&entry.connection)),
            Audience::User(user_id) => members(self.user(user_id), &mut visit),
            Audience::Group(group) => members(self.group(group), &mut visit),
            Audience::Connection(id) => self.connection(id).into_iter().for_each(visit),
        }
    }

    /// How many are meant.
    pub(super) fn count(&self, audience: Audience<'_>) -> usize {
        match audience {
            Audience::Everyone => self.len(),
            Audience::User(user_id) => self.user(user_id).map_or(0, Members::len),
            Audience::Group(group) => self.group(group).map_or(0, Members::len),
            Audience::Connection(_) => 1,
        }
    }

    pub(super) fn len(&self) -> usize {
        self.connections.len()
    }
}

fn drop_member(groups: &mut HashMap<Arc<str>, Members>, group: &str, serial: u64) {
    if let Some(members) = groups.get_mut(group) {
        members.remove(&serial);
        if members.is_empty() {
            groups.remove(group);
        }
    }
}

impl Borrow<str> for ById {
    fn borrow(&self) -> &str {
        self.0.id()
    }
}

impl Hash for ById {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.0.id().hash(state);
    }
}

impl PartialEq for ById {
    fn eq(&self, other: &Self) -> bool {
        self.0.id() == other.0.id()
    }
}

impl Eq for ById {}
