//! The caller's own word, for development: a header or a query parameter that names the user.
//!
//! The query is there for SignalR clients, which can be given an address but, in browsers, no header for a WebSocket.

use super::{Disbelief, Principal};
use custom_handler::HttpRequest;

const USER_HEADER: &str = "x-development-user";
const ROLES_HEADER: &str = "x-development-roles";
const USER_QUERY: &str = "developmentUser";
const ROLES_QUERY: &str = "developmentRoles";

/// Whom the caller claims to be, `in_development`.
pub(super) fn principal(request: &HttpRequest, in_development: bool) -> Result<Option<Principal>, Disbelief> {
    let user = named(request, USER_HEADER, USER_QUERY);
    let roles = named(request, ROLES_HEADER, ROLES_QUERY);
    if !in_development {
        return user.or(roles).map_or(Ok(None), |(name, _)| Err(Disbelief::DevelopmentName(name)));
    }
    // Nobody has no roles.
    let Some((_, user_id)) = user.filter(|(_, user_id)| !user_id.is_empty()) else { return Ok(None) };
    let roles = roles.map_or("", |(_, roles)| roles).split(',').map(str::trim).filter(|role| !role.is_empty());
    let roles = roles.map(str::to_owned).collect();
    Ok(Some(Principal { user_id: user_id.parse()?, roles, claims: Vec::new(), ends: None }))
}

/// The header before the query, and which of them it was.
fn named<'a>(request: &'a HttpRequest, header: &'static str, query: &'static str) -> Option<(&'static str, &'a str)> {
    let by_header = request.header(header).map(|value| (header, value));
    by_header.or_else(|| request.query(query).map(|value| (query, value)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    #[track_caller]
    fn check(request: Value, expected: Option<(&str, &[&str])>) {
        let request = serde_json::from_value(request).unwrap();
        let principal = principal(&request, true).unwrap();
        let found = principal.as_ref().map(|principal| {
            (principal.user_id.as_str(), principal.roles.iter().map(String::as_str).collect::<Vec<_>>())
        });
        assert_eq!(found, expected.map(|(user, roles)| (user, roles.to_vec())));
    }

    #[test]
    fn a_user_and_roles_by_header_or_query() {
        check(json!({"Headers": {"X-Development-User": ["ann"]}}), Some(("ann", &[])));
        let both = json!({"x-development-user": ["ann"], "x-development-roles": ["b, a,,"]});
        check(json!({"Headers": both}), Some(("ann", &["a", "b"])));
        check(json!({"Query": {"developmentUser": "bob", "developmentRoles": "a"}}), Some(("bob", &["a"])));
        let header_first = json!({"Headers": {"x-development-user": "ann"}, "Query": {"developmentUser": "bob"}});
        check(header_first, Some(("ann", &[])));
    }

    #[test]
    fn without_a_user_there_is_nobody() {
        check(json!({}), None);
        check(json!({"Query": {"developmentUser": ""}}), None);
        check(json!({"Headers": {"x-development-roles": "manager"}}), None);
    }
}
