//! Which users belong to which groups: the records that outlive connections.
//!
//! Pure: the time comes in with every call. A record only says which groups a *new* connection of the user joins; its end
//! never takes a live connection out of a group (signalr-service 4.2).

use std::collections::HashMap;
use std::time::{Duration, SystemTime};

use crate::control::StoredGroup;

/// How long a membership without `ttl` lasts.
const LONGEST: Duration = Duration::from_secs(365 * 24 * 60 * 60);
/// How many memberships without `ttl` are kept per user: the most recently updated ones.
const KEPT_PER_USER: usize = 100;

/// How long a user stays in a group: the `ttl` parameter.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Lifetime {
    /// No `ttl`: a year at most, and only among the user's 100 most recent groups.
    Unlimited,
    /// `ttl=n`: connections opened within this time join. Zero stores nothing.
    Limited(Duration),
}

/// The user memberships of one hub.
#[derive(Debug, Default)]
pub(crate) struct UserGroups {
    users: HashMap<String, HashMap<String, Record>>,
    updates: u64,
}

#[derive(Debug)]
struct Record {
    /// Connections that open before this moment join.
    until: SystemTime,
    /// Present without `ttl`: the running number of the last update, which orders even updates of the same instant.
    unlimited_since: Option<u64>,
}

impl UserGroups {
    /// Stores that `user` belongs to `group` from `now` on; a second call starts the time again.
    ///
    /// `ttl=0` leaves no record behind: nothing opens before an update time plus zero seconds.
    pub(crate) fn add(&mut self, user: &str, group: &str, lifetime: Lifetime, now: SystemTime) {
        if lifetime == Lifetime::Limited(Duration::ZERO) {
            self.remove(user, group);
            return;
        }
        self.updates += 1;
        let record = Record::new(lifetime, self.updates, now);
        let groups = self.users.entry(user.to_owned()).or_default();
        groups.retain(|_, record| now < record.until);
        groups.insert(group.to_owned(), record);
        forget_oldest(groups);
    }

    /// Drops the record of one membership.
    pub(crate) fn remove(&mut self, user: &str, group: &str) {
        let Some(groups) = self.users.get_mut(user) else { return };
        groups.remove(group);
        if groups.is_empty() {
            self.users.remove(user);
        }
    }

    /// Drops every record of a user.
    pub(crate) fn remove_all(&mut self, user: &str) {
        self.users.remove(user);
    }

    /// Answers "is the user in the group": the stored record decides (signalr-service 4.3).
    pub(crate) fn contains(&self, user: &str, group: &str, now: SystemTime) -> bool {
        self.users.get(user).and_then(|groups| groups.get(group)).is_some_and(|record| now < record.until)
    }

    /// What every user has on record at `now`.
    pub(crate) fn all(&self, now: SystemTime) -> Vec<(String, Vec<StoredGroup>)> {
        let stored = |(group, record): (&String, &Record)| {
            (now < record.until).then(|| StoredGroup { group: group.clone(), until: record.until })
        };
        let users = self.users.iter().map(|(user, groups)| (user.clone(), groups.iter().filter_map(stored).collect()));
        users.filter(|(_, groups): &(_, Vec<_>)| !groups.is_empty()).collect()
    }

    /// The groups that a connection of `user` joins when it opens at `now`.
    pub(crate) fn groups_of(&self, user: &str, now: SystemTime) -> Vec<&str> {
        let groups = self.users.get(user).into_iter().flatten();
        groups.filter(|(_, record)| now < record.until).map(|(group, _)| group.as_str()).collect()
    }
}

impl Record {
    fn new(lifetime: Lifetime, update: u64, now: SystemTime) -> Self {
        let (length, unlimited_since) = match lifetime {
            Lifetime::Unlimited => (LONGEST, Some(update)),
            Lifetime::Limited(length) => (length, None),
        };
        // A lifetime past the end of the calendar is as good as the longest one.
        let until = now.checked_add(length).unwrap_or_else(|| now + LONGEST);
        Self { until, unlimited_since }
    }
}

fn forget_oldest(groups: &mut HashMap<String, Record>) {
    let unlimited = groups.iter().filter_map(|(group, record)| Some((record.unlimited_since?, group)));
    let mut unlimited: Vec<(u64, &String)> = unlimited.collect();
    if unlimited.len() > KEPT_PER_USER {
        unlimited.sort_unstable();
        let oldest = unlimited[0].1.clone();
        groups.remove(&oldest);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const DAY: u64 = 24 * 60 * 60;

    fn at(second: u64) -> SystemTime {
        SystemTime::UNIX_EPOCH + Duration::from_secs(second)
    }

    fn limited(seconds: u64) -> Lifetime {
        Lifetime::Limited(Duration::from_secs(seconds))
    }

    #[track_caller]
    fn check(groups: &UserGroups, user: &str, second: u64, expected: &[&str]) {
        let mut found = groups.groups_of(user, at(second));
        found.sort_unstable();
        assert_eq!(found, expected, "groups of {user} at {second} s");
        for group in expected {
            assert!(groups.contains(user, group, at(second)), "{user} in {group} at {second} s");
        }
    }

    #[test]
    fn a_membership_lasts_a_year_without_ttl() {
        let mut groups = UserGroups::default();
        groups.add("alice", "news", Lifetime::Unlimited, at(0));
        check(&groups, "alice", 0, &["news"]);
        check(&groups, "alice", 365 * DAY - 1, &["news"]);
        check(&groups, "alice", 365 * DAY, &[]);
        check(&groups, "Alice", 0, &[]);
        assert!(!groups.contains("alice", "News", at(0)));
    }

    #[test]
    fn a_ttl_counts_from_the_last_update() {
        let mut groups = UserGroups::default();
        groups.add("alice", "news", limited(10), at(0));
        check(&groups, "alice", 9, &["news"]);
        check(&groups, "alice", 10, &[]);
        groups.add("alice", "news", limited(10), at(9));
        check(&groups, "alice", 18, &["news"]);
        check(&groups, "alice", 19, &[]);
        groups.add("alice", "news", Lifetime::Unlimited, at(30));
        check(&groups, "alice", 1000, &["news"]);
    }

    #[test]
    fn ttl_zero_stores_nothing_and_ends_an_earlier_record() {
        let mut groups = UserGroups::default();
        groups.add("alice", "news", limited(0), at(5));
        check(&groups, "alice", 5, &[]);
        groups.add("alice", "news", Lifetime::Unlimited, at(6));
        groups.add("alice", "news", limited(0), at(7));
        check(&groups, "alice", 7, &[]);
    }

    #[test]
    fn a_ttl_beyond_the_calendar_is_a_long_one() {
        let mut groups = UserGroups::default();
        groups.add("alice", "news", limited(u64::MAX), at(0));
        check(&groups, "alice", DAY, &["news"]);
    }

    #[test]
    fn only_the_hundred_most_recent_groups_without_ttl_are_kept() {
        let mut groups = UserGroups::default();
        groups.add("alice", "with ttl", limited(DAY), at(0));
        for number in 0..100 {
            groups.add("alice", &format!("g{number}"), Lifetime::Unlimited, at(0));
        }
        groups.add("alice", "g0", Lifetime::Unlimited, at(1));
        groups.add("alice", "one more", Lifetime::Unlimited, at(1));
        assert!(groups.contains("alice", "g0", at(2)), "it was updated again");
        assert!(!groups.contains("alice", "g1", at(2)), "it is now the oldest");
        assert!(groups.contains("alice", "g2", at(2)));
        assert!(groups.contains("alice", "one more", at(2)));
        assert!(groups.contains("alice", "with ttl", at(2)), "the rule is for groups without ttl");
        assert_eq!(groups.groups_of("alice", at(2)).len(), 101);
        groups.add("bob", "g1", Lifetime::Unlimited, at(2));
        assert_eq!(groups.groups_of("alice", at(2)).len(), 101, "every user has a hundred");
    }

    #[test]
    fn removal_takes_one_record_or_all_of_a_user() {
        let mut groups = UserGroups::default();
        for group in ["a", "b", "c"] {
            groups.add("alice", group, Lifetime::Unlimited, at(0));
            groups.add("bob", group, Lifetime::Unlimited, at(0));
        }
        groups.remove("alice", "b");
        check(&groups, "alice", 1, &["a", "c"]);
        groups.remove_all("alice");
        check(&groups, "alice", 1, &[]);
        check(&groups, "bob", 1, &["a", "b", "c"]);
        groups.remove("nobody", "a");
        groups.remove_all("nobody");
    }

    #[test]
    fn records_that_ended_do_not_pile_up() {
        let mut groups = UserGroups::default();
        for second in 0..1000 {
            groups.add("alice", &format!("g{second}"), limited(1), at(second));
        }
        assert_eq!(groups.users["alice"].len(), 1);
        groups.remove("alice", "g999");
        assert!(groups.users.is_empty(), "a user without records leaves nothing behind");
    }
}
