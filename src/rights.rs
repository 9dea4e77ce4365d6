//! Who may do what.
//!
//! | | nobody | signed in | `ManagerRole` |
//! |---|---|---|---|
//! | connect | yes, unless `RequireSignIn` is `always` | yes | yes |
//! | send, but not to a private group; see who is there, join and leave with the own connection | only if `RequireSignIn` is `never` | yes | yes |
//! | change one's own groups | no | yes, but not join a private one | yes |
//! | change the groups of others | no | no | yes |
//!
//! A group is private when its name begins with [`PRIVATE`]. Nobody can join one by asking for it, and nobody but `ManagerRole` sends to one:
//! its members could not tell such a message from one of those who invited them.

use crate::config::{RequireSignIn, SignInConfig};
use crate::identity::{Caller, Principal};
use azure_signalr::{GroupName, UserId};

/// How the name of a private group begins.
pub(crate) const PRIVATE: &str = "private:";

/// What somebody wants to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Act {
    /// Get the address and the token with which to connect.
    Connect,
    /// Send to everyone, to a user or to a group.
    Send,
    /// Ask who is connected.
    SeeWhoIsThere,
    /// Have the connection that asks join or leave a group.
    MoveOwnConnection,
    /// Have the user who asks join or leave groups.
    ChangeOwnGroups,
    /// Change the groups of anybody, or join a private group or send to one.
    ManageGroups,
}

/// Why somebody may not.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Denial {
    /// Nobody has signed in.
    SignInFirst,
    /// Somebody has, and has not this role.
    Role(String),
}

/// How a membership changes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Change {
    Join,
    Leave,
}

/// Whether `caller` may do it.
pub(crate) fn check(config: &SignInConfig, caller: &Caller, act: Act) -> Result<(), Denial> {
    match (act, caller) {
        (Act::Connect, Caller::Anonymous) if config.require_sign_in != RequireSignIn::Always => Ok(()),
        (Act::Send | Act::SeeWhoIsThere | Act::MoveOwnConnection, Caller::Anonymous)
            if config.require_sign_in == RequireSignIn::Never =>
        {
            Ok(())
        }
        (_, Caller::Anonymous) => Err(Denial::SignInFirst),
        (Act::ManageGroups, Caller::User(principal)) => manages(config, principal),
        (_, Caller::User(_)) => Ok(()),
    }
}

fn manages(config: &SignInConfig, principal: &Principal) -> Result<(), Denial> {
    let role = &config.manager_role;
    if principal.roles.contains(role) { Ok(()) } else { Err(Denial::Role(role.clone())) }
}

/// What it is to send to a group.
pub(crate) fn sending_to(group: &GroupName) -> Act {
    if is_private(group) { Act::ManageGroups } else { Act::Send }
}

/// What it is to change the membership of `user` in `group`.
pub(crate) fn membership(caller: &Caller, user: &UserId, group: &GroupName, change: Change) -> Act {
    let own = matches!(caller, Caller::User(principal) if principal.user_id == *user);
    if own && !(change == Change::Join && is_private(group)) { Act::ChangeOwnGroups } else { Act::ManageGroups }
}

/// Whether joining a group takes more than asking for it, and sending to it more than a sign-in.
pub(crate) fn is_private(group: &GroupName) -> bool {
    group.as_str().starts_with(PRIVATE)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    fn somebody(roles: &[&str]) -> Caller {
        let roles: BTreeSet<String> = roles.iter().map(|&role| role.to_owned()).collect();
        Caller::User(Principal { user_id: "ann".parse().unwrap(), roles, claims: Vec::new(), ends: None })
    }

    /// For each of never, send and always: nobody, somebody, somebody with another role, a manager.
    #[track_caller]
    fn check_rows(act: Act, expected: [[bool; 4]; 3]) {
        let modes = [RequireSignIn::Never, RequireSignIn::Send, RequireSignIn::Always];
        for (require_sign_in, row) in modes.into_iter().zip(expected) {
            let config = SignInConfig {
                app_service: true,
                development: false,
                oidc: None,
                require_sign_in,
                manager_role: "boss".to_owned(),
                claims: Vec::new(),
            };
            let callers = [Caller::Anonymous, somebody(&[]), somebody(&["manager"]), somebody(&["boss"])];
            let found = callers.map(|caller| check(&config, &caller, act).is_ok());
            assert_eq!(found, row, "{act:?} {require_sign_in:?}");
        }
    }

    #[test]
    fn the_table_is_kept() {
        let anybody = [true; 4];
        let signed_in = [false, true, true, true];
        let manager = [false, false, false, true];
        check_rows(Act::Connect, [anybody, anybody, signed_in]);
        for act in [Act::Send, Act::SeeWhoIsThere, Act::MoveOwnConnection] {
            check_rows(act, [anybody, signed_in, signed_in]);
        }
        check_rows(Act::ChangeOwnGroups, [signed_in, signed_in, signed_in]);
        check_rows(Act::ManageGroups, [manager, manager, manager]);
    }

    #[track_caller]
    fn check_membership(caller: &Caller, user: &str, group: &str, change: Change, expected: Act) {
        let act = membership(caller, &user.parse().unwrap(), &group.parse().unwrap(), change);
        assert_eq!(act, expected, "{user} {group} {change:?}");
    }

    #[test]
    fn only_the_own_groups_are_ones_own_and_private_ones_can_only_be_left() {
        let ann = somebody(&[]);
        check_membership(&ann, "ann", "red", Change::Join, Act::ChangeOwnGroups);
        check_membership(&ann, "Ann", "red", Change::Join, Act::ManageGroups);
        check_membership(&ann, "bob", "red", Change::Leave, Act::ManageGroups);
        check_membership(&ann, "ann", "private:red", Change::Join, Act::ManageGroups);
        check_membership(&ann, "ann", "private:red", Change::Leave, Act::ChangeOwnGroups);
        check_membership(&Caller::Anonymous, "ann", "red", Change::Join, Act::ManageGroups);
    }
}
