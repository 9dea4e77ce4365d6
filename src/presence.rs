//! Who is connected, without a database: `connected` puts every connection into the group [`ONLINE`], the service drops connections from
//! their groups when they end, however they end, and lists the members of a group.
//!
//! It depends on the service's *upstream*: without it nobody tells this app that a client has connected, and the group stays empty.
//! Where that can be noticed, the answer says so instead of claiming that nobody is there.

mod upstream;

pub(crate) use upstream::Upstream;

use crate::api::{Presence, PresentUser};
use azure_signalr::rest::GroupMember;
use azure_signalr::{GroupName, HubClient, RestError};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::sync::Mutex;

/// The group of all connections. It is this app's own: nobody joins or leaves it by asking.
pub(crate) const ONLINE: &str = "online";
/// How long counting may take, over all pages.
const DEADLINE: Duration = Duration::from_secs(60);
/// More connections than this are not counted; it is what the largest service has room for (signalr-service 6.1).
const MOST_CONNECTIONS: u32 = 1_000_000;
/// How long everybody is told that counting has failed before it is tried again.
const PAUSE_AFTER_FAILURE: Duration = Duration::from_secs(2);
const PAGE: u8 = 200;
/// How many users an answer lists.
const MOST_USERS: usize = 1000;

/// Why nobody can say who is there.
#[derive(Debug, thiserror::Error)]
pub(crate) enum PresenceError {
    /// The settings'.
    #[error("`AzureSignalRConnectionString` is not set")]
    NoService,
    /// The service's, or of the network to it.
    #[error("the service does not list who is connected")]
    Service(#[from] RestError),
    /// The service is slow.
    #[error("the service has not listed who is connected within a minute")]
    Deadline,
    /// That of somebody who has asked a moment before.
    #[error(transparent)]
    Shared(Arc<PresenceError>),
}

/// The connections of a moment.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Census {
    /// How many connections each user has.
    pub(crate) users: BTreeMap<String, u32>,
    /// How many connections belong to nobody.
    pub(crate) anonymous: u32,
}

impl Census {
    fn count(&mut self, member: GroupMember) {
        match member.user_id.filter(|user_id| !user_id.is_empty()) {
            Some(user_id) => *self.users.entry(user_id).or_default() += 1,
            None => self.anonymous += 1,
        }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.users.is_empty() && self.anonymous == 0
    }

    /// Distinct users, where a connection of nobody counts as one.
    pub(crate) fn active_users(&self) -> u32 {
        self.user_count().saturating_add(self.anonymous)
    }

    fn user_count(&self) -> u32 {
        u32::try_from(self.users.len()).unwrap_or(u32::MAX)
    }

    /// As callers see it; `detail` says why it is not to be believed.
    pub(crate) fn to_presence(&self, detail: Option<String>) -> Presence {
        let user_count = self.user_count();
        let connections = self.users.values().fold(self.anonymous, |sum, count| sum.saturating_add(*count));
        let users = self.users.iter().take(MOST_USERS);
        let user = |(user_id, connections): (&String, &u32)| PresentUser {
            user_id: user_id.clone(),
            connections: *connections,
        };
        let users = users.map(user).collect();
        Presence { connections, user_count, users, anonymous: self.anonymous, detail }
    }
}

/// Counts who is connected. That takes a call for every 200 connections, so callers who ask at the same time share one count, which has
/// begun after each of them asked. A count that has failed is shared by whoever asks in the two seconds after it too: while the service does
/// not answer, callers must not wait for one failure after another.
#[derive(Debug, Default)]
pub(crate) struct Counter {
    last: Mutex<Option<Count>>,
}

#[derive(Debug)]
struct Count {
    began: Instant,
    ended: Instant,
    census: Result<Arc<Census>, Arc<PresenceError>>,
}

impl Count {
    fn answers(&self, asked: Instant) -> bool {
        self.began > asked || (self.census.is_err() && self.ended.elapsed() < PAUSE_AFTER_FAILURE)
    }
}

impl Counter {
    pub(crate) async fn census(&self, hub: Option<HubClient>) -> Result<Arc<Census>, PresenceError> {
        let asked = Instant::now();
        let mut last = self.last.lock().await;
        if let Some(count) = last.as_ref().filter(|count| count.answers(asked)) {
            return count.census.clone().map_err(PresenceError::Shared);
        }
        let began = Instant::now();
        let mut census = Census::default();
        let counted = for_each_connection(hub, |member| census.count(member)).await;
        let census = counted.map(|()| Arc::new(census)).map_err(Arc::new);
        *last = Some(Count { began, ended: Instant::now(), census: census.clone() });
        census.map_err(PresenceError::Shared)
    }
}

/// Shows every connection to `see`.
pub(crate) async fn for_each_connection(
    hub: Option<HubClient>,
    mut see: impl FnMut(GroupMember),
) -> Result<(), PresenceError> {
    let hub = hub.ok_or(PresenceError::NoService)?;
    let online = online();
    let group = hub.group(&online);
    let mut members = group.members().page_size(PAGE).top(MOST_CONNECTIONS);
    let pages = async {
        while let Some(page) = members.next_page().await? {
            page.into_iter().for_each(&mut see);
        }
        Ok(())
    };
    tokio::time::timeout(DEADLINE, pages).await.unwrap_or(Err(PresenceError::Deadline))
}

pub(crate) fn online() -> GroupName {
    ONLINE.parse().expect("a group name of letters")
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;
    use std::sync::atomic::{AtomicUsize, Ordering};

    fn census(members: &[(&str, Option<&str>)]) -> Census {
        let mut census = Census::default();
        for (connection_id, user_id) in members {
            let member = json!({"connectionId": connection_id, "userId": user_id});
            census.count(serde_json::from_value(member).unwrap());
        }
        census
    }

    #[test]
    fn users_are_counted_once_and_connections_of_nobody_each() {
        let census =
            census(&[("1", Some("bob")), ("2", None), ("3", Some("ann")), ("4", Some("bob")), ("5", Some(""))]);
        assert_eq!(census.active_users(), 4);
        let presence = census.to_presence(None);
        assert_eq!((presence.connections, presence.user_count, presence.anonymous), (5, 2, 2));
        let user = |user_id: &str, connections| PresentUser { user_id: user_id.to_owned(), connections };
        assert_eq!(presence.users, [user("ann", 1), user("bob", 2)]);
    }

    #[test]
    fn more_than_a_thousand_users_are_counted_and_not_listed() {
        let users = (0..1500).map(|number| (format!("{number:04}"), 1)).collect();
        let presence = Census { users, anonymous: 0 }.to_presence(None);
        assert_eq!((presence.connections, presence.user_count, presence.users.len()), (1500, 1500, 1000));
    }

    #[tokio::test]
    async fn without_a_service_nobody_can_say() {
        let error = Counter::default().census(None).await.unwrap_err();
        assert_eq!(error.to_string(), "`AzureSignalRConnectionString` is not set");
    }

    /// A service whose answers take a moment, and how often it is asked.
    async fn service() -> (HubClient, Arc<AtomicUsize>) {
        let asked = Arc::<AtomicUsize>::default();
        let count = Arc::clone(&asked);
        let list = async move || {
            count.fetch_add(1, Ordering::SeqCst);
            tokio::time::sleep(Duration::from_millis(50)).await;
            axum::Json(json!({"value": [{"connectionId": "1", "userId": "ann"}]}))
        };
        (serve(axum::Router::new().fallback(list)).await, asked)
    }

    async fn serve(service: axum::Router) -> HubClient {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        tokio::spawn(async { axum::serve(listener, service).await });
        let connection = format!("Endpoint=http://127.0.0.1:{port};AccessKey=key;").parse().unwrap();
        azure_signalr::RestClient::new(connection).hub(&"h".parse().unwrap())
    }

    #[tokio::test]
    async fn callers_who_ask_while_counting_fails_share_the_failure_and_a_later_one_asks_again() {
        let (begun, released) = (Arc::new(AtomicUsize::new(0)), Arc::new(tokio::sync::Notify::new()));
        let (begins, waits) = (Arc::clone(&begun), Arc::clone(&released));
        let refuse = async move || {
            begins.fetch_add(1, Ordering::SeqCst);
            waits.notified().await;
            axum::http::StatusCode::FORBIDDEN
        };
        let hub = serve(axum::Router::new().fallback(refuse)).await;
        let counter = Counter::default();
        let many = futures_util::future::join_all((0..20).map(|_| counter.census(Some(hub.clone()))));
        let (answers, ()) = tokio::join!(many, async { released.notify_one() });
        assert!(answers.iter().all(|answer| matches!(answer, Err(PresenceError::Shared(_)))));
        assert!(counter.census(Some(hub.clone())).await.is_err());
        assert_eq!(begun.load(Ordering::SeqCst), 1);
        let count = counter.last.lock().await.take().unwrap();
        let long_ago = count.ended.checked_sub(PAUSE_AFTER_FAILURE).unwrap();
        *counter.last.lock().await = Some(Count { ended: long_ago, began: long_ago, ..count });
        released.notify_one();
        assert!(counter.census(Some(hub)).await.is_err());
        assert_eq!(begun.load(Ordering::SeqCst), 2);
    }

    #[tokio::test]
    async fn callers_who_ask_at_the_same_time_share_a_count_and_the_next_one_gets_its_own() {
        let (hub, asked) = service().await;
        let counter = Counter::default();
        let many = (0..20).map(|_| counter.census(Some(hub.clone())));
        for census in futures_util::future::join_all(many).await {
            assert_eq!(census.unwrap().users["ann"], 1);
        }
        // The first, and one that has begun after all the others had asked.
        assert_eq!(asked.load(Ordering::SeqCst), 2);
        counter.census(Some(hub)).await.unwrap();
        assert_eq!(asked.load(Ordering::SeqCst), 3);
    }
}
