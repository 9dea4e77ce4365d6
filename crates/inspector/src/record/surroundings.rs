//! What was there when a message reached nobody: the difference between an empty room and a wrong door.

use serde::Serialize;
use signalr_emulator::{Emulator, Event, SentTo};

/// How many other hubs are named.
const HUBS: usize = 5;

/// What was there beside the one to whom a message was sent in vain.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Surroundings {
    /// How many clients were connected to the hub.
    pub(crate) in_hub: usize,
    /// Other hubs with clients.
    pub(crate) other_hubs: Vec<(String, usize)>,
    /// A user or group whose name differs in its letter case only.
    pub(crate) near_miss: Option<String>,
}

impl Surroundings {
    /// What is there for an event that tells of a message; empty for any other.
    pub(crate) fn of(emulator: &Emulator, event: &Event) -> Self {
        let Event::Sent { hub, to, .. } = event else { return Self::default() };
        let others = emulator.hubs().into_iter().filter(|other| other != hub);
        let counted = others.map(|other| (emulator.connection_count(&other), other));
        let other_hubs =
            counted.filter(|(count, _)| *count > 0).map(|(count, name)| (name, count)).take(HUBS).collect();
        Self { in_hub: emulator.connection_count(hub), other_hubs, near_miss: near_miss(emulator, hub, to) }
    }
}

fn near_miss(emulator: &Emulator, hub: &str, to: &SentTo) -> Option<String> {
    let similar = |wanted: &str, name: &str| name != wanted && name.to_lowercase() == wanted.to_lowercase();
    match to {
        SentTo::User(user) => {
            let mut users = emulator.users().into_iter().filter(|known| known.hub == hub && known.connections > 0);
            users.find(|known| similar(user, &known.user_id)).map(|known| known.user_id)
        }
        SentTo::Group(group) => {
            let mut groups = emulator.groups().into_iter().filter(|known| known.hub == hub);
            groups.find(|known| similar(group, &known.group)).map(|known| known.group)
        }
        SentTo::Everyone | SentTo::Connection(_) | SentTo::Matching(_) => None,
    }
}
