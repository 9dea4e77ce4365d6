//! Who is connected, under which user and in which groups.
//!
//! An entry exists exactly as long as it has a member, so "does this group exist" is a look-up (signalr-service 4.3).

use std::collections::HashMap;
use std::sync::Arc;

use super::Audience;
use crate::Connection;

#[derive(Default)]
pub(super) struct Table {
    connections: HashMap<String, Entry>,
    users: HashMap<String, Members>,
    groups: HashMap<Arc<str>, Members>,
}

/// A connection and its own list of groups, so that its end costs as much as it has groups.
struct Entry {
    connection: Connection,
    groups: Vec<Arc<str>>,
}

/// Never empty while it is in a table; the key is [`Connection::serial`].
type Members = HashMap<u64, Connection>;

impl Table {
    pub(super) fn add(&mut self, connection: &Connection) {
        let entry = Entry { connection: connection.clone(), groups: Vec::new() };
        self.connections.insert(connection.id().to_owned(), entry);
        if let Some(user_id) = connection.user_id() {
            let members = self.users.entry(user_id.to_owned()).or_default();
            members.insert(connection.serial(), connection.clone());
        }
    }

    pub(super) fn remove(&mut self, connection: &Connection) {
        self.leave_all(connection.id());
        self.connections.remove(connection.id());
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
        let Some(entry) = self.connections.get_mut(connection_id) else {
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
        let Some(entry) = self.connections.get_mut(connection_id) else {
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
        let Some(entry) = self.connections.get_mut(connection_id) else {
            return false;
        };
        for group in std::mem::take(&mut entry.groups) {
            drop_member(&mut self.groups, &group, entry.connection.serial());
        }
        true
    }

    pub(super) fn connection(&self, id: &str) -> Option<&Connection> {
        self.connections.get(id).map(|entry| &entry.connection)
    }

    pub(super) fn user(&self, user_id: &str) -> Option<&Members> {
        self.users.get(user_id)
    }

    pub(super) fn group(&self, group: &str) -> Option<&Members> {
        self.groups.get(group)
    }

    pub(super) fn groups_of(&self, connection_id: &str) -> Vec<String> {
        let groups = self.connections.get(connection_id).map(|entry| &entry.groups);
        groups.into_iter().flatten().map(ToString::to_string).collect()
    }

    pub(super) fn audience(&self, audience: Audience<'_>) -> Vec<Connection> {
        let all = |members: Option<&Members>| members.map(|members| members.values().cloned().collect());
        match audience {
            Audience::Everyone => self.connections.values().map(|entry| entry.connection.clone()).collect(),
            Audience::User(user_id) => all(self.user(user_id)).unwrap_or_default(),
            Audience::Group(group) => all(self.group(group)).unwrap_or_default(),
            Audience::Connection(id) => self.connection(id).into_iter().cloned().collect(),
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
