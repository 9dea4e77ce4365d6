//! The connections of a group, page by page (signalr-service 1.3, 1.5, since 2024-12-01).
//!
//! A page continues behind a connection id, not at a number: connections that leave between two calls shift nothing.

use serde::Serialize;

use crate::names::Invalid;
use crate::parameters::{LARGEST_NUMBER, Parameters};

/// `maxpagesize` is 1 to 200; without it a page is as long as it may be.
const LONGEST_PAGE: u64 = 200;

/// Which page is asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct PageRequest {
    size: usize,
    /// How many members are still wanted in all: `top`.
    top: Option<usize>,
    after: Option<String>,
}

/// One connection in a group.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct GroupMember {
    pub(crate) connection_id: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) user_id: Option<String>,
}

/// The answer: `GroupMemberPagedValues`.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Page {
    value: Vec<GroupMember>,
    #[serde(skip_serializing_if = "Option::is_none")]
    next_link: Option<String>,
}

impl PageRequest {
    pub(crate) fn read(parameters: &Parameters) -> Result<Self, Invalid> {
        let size = parameters.number("maxpagesize", 1..=LONGEST_PAGE)?.unwrap_or(LONGEST_PAGE);
        let top = parameters.number("top", 1..=LARGEST_NUMBER)?;
        let after = parameters.first("continuationToken").filter(|token| !token.is_empty()).map(str::to_owned);
        Ok(Self { size: capped(size), top: top.map(capped), after })
    }

    /// Cuts the page out of all members; `address` is that of the request, without its query.
    pub(crate) fn cut(&self, mut members: Vec<GroupMember>, address: &str, api_version: Option<&str>) -> Page {
        members.retain(|member| self.after.as_ref().is_none_or(|after| member.connection_id > *after));
        members.sort_unstable_by(|left, right| left.connection_id.cmp(&right.connection_id));
        members.truncate(self.top.unwrap_or(usize::MAX));
        let complete = members.len() <= self.size;
        members.truncate(self.size);
        let last = members.last().filter(|_| !complete);
        let next_link = last.map(|last| self.next_link(&last.connection_id, address, api_version));
        Page { value: members, next_link }
    }

    /// The query of the next page, in the order of the official example.
    fn next_link(&self, last: &str, address: &str, api_version: Option<&str>) -> String {
        let mut query = url::form_urlencoded::Serializer::new(String::new());
        if let Some(top) = self.top {
            query.append_pair("top", &(top - self.size).to_string());
        }
        query.append_pair("maxpagesize", &self.size.to_string()).append_pair("continuationToken", last);
        if let Some(api_version) = api_version {
            query.append_pair("api-version", api_version);
        }
        format!("{address}?{}", query.finish())
    }
}

fn capped(number: u64) -> usize {
    usize::try_from(number).unwrap_or(usize::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    const ADDRESS: &str = "http://localhost:8888/api/hubs/chat/groups/g/connections";

    fn members(ids: &[&str]) -> Vec<GroupMember> {
        ids.iter().map(|id| GroupMember { connection_id: (*id).to_owned(), user_id: None }).collect()
    }

    #[track_caller]
    fn check(query: &str, expected: &[&str], next: Option<&str>) {
        let page = PageRequest::read(&Parameters::parse(Some(query))).unwrap();
        let page = page.cut(members(&["c3", "c1", "c5", "c2", "c4"]), ADDRESS, Some("2024-12-01"));
        assert_eq!(page.value, members(expected), "{query}");
        assert_eq!(page.next_link, next.map(|next| format!("{ADDRESS}?{next}&api-version=2024-12-01")), "{query}");
    }

    #[test]
    fn pages_follow_one_another_by_connection_id() {
        check("", &["c1", "c2", "c3", "c4", "c5"], None);
        check("maxpagesize=2", &["c1", "c2"], Some("maxpagesize=2&continuationToken=c2"));
        check("maxpagesize=2&continuationToken=c2", &["c3", "c4"], Some("maxpagesize=2&continuationToken=c4"));
        check("maxpagesize=2&continuationToken=c4", &["c5"], None);
        check("maxpagesize=2&continuationToken=c9", &[], None);
        check("maxpagesize=5", &["c1", "c2", "c3", "c4", "c5"], None);
    }

    #[test]
    fn top_limits_all_pages_together() {
        check("top=3", &["c1", "c2", "c3"], None);
        check("top=3&maxpagesize=2", &["c1", "c2"], Some("top=1&maxpagesize=2&continuationToken=c2"));
        check("top=1&maxpagesize=2&continuationToken=c2", &["c3"], None);
        check("top=2&maxpagesize=2", &["c1", "c2"], None);
    }

    #[test]
    fn a_page_has_1_to_200_members() {
        for query in ["maxpagesize=0", "maxpagesize=201", "maxpagesize=x", "top=0", "top=-1"] {
            assert!(PageRequest::read(&Parameters::parse(Some(query))).is_err(), "{query}");
        }
    }

    #[test]
    fn the_document_leaves_absent_properties_out() {
        let value = vec![
            GroupMember { connection_id: "c1".to_owned(), user_id: Some("u1".to_owned()) },
            GroupMember { connection_id: "c2".to_owned(), user_id: None },
        ];
        let page = Page { value, next_link: None };
        let expected = r#"{"value":[{"connectionId":"c1","userId":"u1"},{"connectionId":"c2"}]}"#;
        assert_eq!(serde_json::to_string(&page).unwrap(), expected);
    }
}
