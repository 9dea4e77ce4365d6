//! One hub of the service: its connections and the groups of its users.
//!
//! A hub comes into being when it is first named by somebody who was let in, and it stays: user memberships have to
//! outlive connections, also on a hub to which nobody has connected yet (signalr-service 5.7 item 6).

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::SystemTime;

use signalr_server::{Clients, Connection};

use crate::control::StoredGroup;
use crate::user_groups::{Lifetime, UserGroups};

/// How many names of unheard messages are remembered per hub, so that clients cannot fill the memory with names.
const UNHEARD_LIMIT: usize = 1000;

/// Every hub of the service, by internal name.
#[derive(Debug, Default)]
pub(crate) struct Hubs(Mutex<HashMap<String, Arc<ServiceHub>>>);

/// An isolated set of connections.
#[derive(Debug)]
pub(crate) struct ServiceHub {
    pub(crate) name: String,
    pub(crate) clients: Clients,
    user_groups: Mutex<UserGroups>,
    unheard: Mutex<HashSet<String>>,
}

impl Hubs {
    /// The hub of that name, made on first use.
    pub(crate) fn open(&self, name: &str) -> Arc<ServiceHub> {
        let mut hubs = lock(&self.0);
        if let Some(hub) = hubs.get(name) {
            return Arc::clone(hub);
        }
        let hub = Arc::new(ServiceHub::new(name));
        hubs.insert(name.to_owned(), Arc::clone(&hub));
        hub
    }

    /// All of them, in the order of their names.
    pub(crate) fn all(&self) -> Vec<Arc<ServiceHub>> {
        let mut hubs: Vec<_> = lock(&self.0).values().cloned().collect();
        hubs.sort_unstable_by(|one, other| one.name.cmp(&other.name));
        hubs
    }

    /// The hub of that name, if anybody has used it.
    pub(crate) fn find(&self, name: &str) -> Option<Arc<ServiceHub>> {
        lock(&self.0).get(&name.to_ascii_lowercase()).cloned()
    }
}

impl ServiceHub {
    fn new(name: &str) -> Self {
        Self {
            name: name.to_owned(),
            clients: Clients::default(),
            user_groups: Mutex::default(),
            unheard: Mutex::default(),
        }
    }

    /// Puts a new connection into the groups that are stored for its user, and gives their names.
    pub(crate) fn join_stored_groups(&self, connection: &Connection, now: SystemTime) -> Vec<String> {
        let Some(user) = connection.user_id() else { return Vec::new() };
        // Held while joining: a removal that comes between reading and joining would otherwise be undone.
        let groups = lock(&self.user_groups);
        let joined = groups.groups_of(user, now).into_iter().filter(|group| self.clients.join(connection.id(), group));
        joined.map(str::to_owned).collect()
    }

    /// Stores that a user belongs to a group and puts the user's live connections into it; gives their number.
    pub(crate) fn add_user(&self, user: &str, group: &str, lifetime: Lifetime, now: SystemTime) -> usize {
        let mut groups = lock(&self.user_groups);
        groups.add(user, group, lifetime, now);
        let connections = self.clients.connections_of_user(user);
        connections.iter().filter(|connection| self.clients.join(connection.id(), group)).count()
    }

    /// Forgets that a user belongs to a group and takes the user's live connections out of it.
    pub(crate) fn remove_user(&self, user: &str, group: &str) {
        let mut groups = lock(&self.user_groups);
        groups.remove(user, group);
        for connection in self.clients.connections_of_user(user) {
            self.clients.leave(connection.id(), group);
        }
    }

    /// The same for every group.
    pub(crate) fn remove_user_from_all(&self, user: &str) {
        let mut groups = lock(&self.user_groups);
        groups.remove_all(user);
        for connection in self.clients.connections_of_user(user) {
            self.clients.leave_all(connection.id());
        }
    }

    /// The groups that are stored for the users of the hub, and until when new connections join them.
    pub(crate) fn stored_groups(&self, now: SystemTime) -> Vec<(String, Vec<StoredGroup>)> {
        lock(&self.user_groups).all(now)
    }

    /// Whether the membership of a user is on record.
    pub(crate) fn has_user_in_group(&self, user: &str, group: &str, now: SystemTime) -> bool {
        lock(&self.user_groups).contains(user, group, now)
    }

    /// True for the first message of that name that nobody hears.
    pub(crate) fn is_unheard_for_the_first_time(&self, target: &str) -> bool {
        let mut unheard = lock(&self.unheard);
        unheard.len() < UNHEARD_LIMIT && unheard.insert(target.to_owned())
    }
}

/// A panic elsewhere leaves these tables whole: every change is one call.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
