//! The connections in a group, page by page (signalr-service 1.3, 1.5).
//!
//! The service names the next page by a whole address. Only its continuation token is used: a token of ours goes nowhere but to the
//! resource that it was made for.

use futures_util::Stream;
use futures_util::stream::try_unfold;
use serde::Deserialize;
use url::Url;

use super::answer::Answer;
use super::call::{Call, PageQuery};
use super::{HubClient, RestError};
use crate::{ConnectionId, GroupName};

/// The longest page that the service makes.
const LONGEST_PAGE: u8 = 200;

/// One connection in a group.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct GroupMember {
    /// The connection.
    pub connection_id: ConnectionId,
    /// Whose it is; `None` for somebody anonymous. It is what the service says, so it may be empty, unlike a [`UserId`](crate::UserId).
    pub user_id: Option<String>,
}

/// The connections in a group; from [`Group::members`](super::Group::members). Connections that come and go between two pages may be
/// missed or be gone, but none is seen twice. Since `2024-12-01`.
///
/// ```no_run
/// # async fn example(hub: azure_signalr::HubClient) -> Result<(), Box<dyn std::error::Error>> {
/// let online = "online".parse()?;
/// let mut members = hub.group(&online).members().page_size(100);
/// let mut connections = 0;
/// while let Some(page) = members.next_page().await? {
///     connections += page.len();
/// }
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
pub struct Members<'a> {
    hub: &'a HubClient,
    group: &'a GroupName,
    page_size: Option<u8>,
    left: Option<u32>,
    next: Next,
}

#[derive(Debug)]
enum Next {
    First,
    At(String),
    End,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Page {
    #[serde(default)]
    value: Vec<GroupMember>,
    next_link: Option<String>,
}

impl<'a> Members<'a> {
    pub(super) fn of(hub: &'a HubClient, group: &'a GroupName) -> Self {
        Self { hub, group, page_size: None, left: None, next: Next::First }
    }

    /// How many connections one call asks for: 1 to 200, the nearer of the two for anything else. The service chooses unless set.
    #[must_use]
    pub fn page_size(self, connections: u8) -> Self {
        Self { page_size: Some(connections.clamp(1, LONGEST_PAGE)), ..self }
    }

    /// Ends after this many connections, over all pages.
    #[must_use]
    pub fn top(self, connections: u32) -> Self {
        Self { left: Some(connections), ..self }
    }

    /// The next page; `None` after the last. A page may be empty. After an error the same page is asked for again.
    ///
    /// # Errors
    ///
    /// [`RestError`], after repetitions.
    pub async fn next_page(&mut self) -> Result<Option<Vec<GroupMember>>, RestError> {
        let continues_at = match &self.next {
            Next::End => return Ok(None),
            _ if self.left == Some(0) => return Ok(None),
            Next::First => None,
            Next::At(token) => Some(token.as_str()),
        };
        let query = PageQuery { size: self.page_size, top: self.left, continues_at };
        let answer = self.hub.client().perform(&Call::members(self.hub.name(), self.group, &query)).await?;
        let page: Page = answer.json()?;
        self.next = self.after(&page, &answer)?;
        Ok(Some(self.counted(page.value)))
    }

    /// The connections one by one, each page when it is needed. The stream ends with the first error.
    pub fn into_stream(self) -> impl Stream<Item = Result<GroupMember, RestError>> + Send + use<'a> {
        try_unfold((self, Vec::new().into_iter()), |(mut members, mut page)| async move {
            loop {
                if let Some(member) = page.next() {
                    return Ok(Some((member, (members, page))));
                }
                match members.next_page().await? {
                    Some(next) => page = next.into_iter(),
                    None => return Ok(None),
                }
            }
        })
    }

    fn after(&self, page: &Page, answer: &Answer) -> Result<Next, RestError> {
        let Some(link) = page.next_link.as_deref().filter(|link| !link.is_empty()) else { return Ok(Next::End) };
        let token =
            continuation_token(link).ok_or_else(|| answer.unreadable("its `nextLink` has no continuation token"))?;
        // The service would be asked for the same page for ever.
        if matches!(&self.next, Next::At(last) if *last == token) {
            return Err(answer.unreadable("its `nextLink` leads to the same page again"));
        }
        Ok(Next::At(token))
    }

    /// Of an answer with more than was asked for, the rest is left out.
    fn counted(&mut self, mut page: Vec<GroupMember>) -> Vec<GroupMember> {
        if let Some(left) = &mut self.left {
            page.truncate(usize::try_from(*left).unwrap_or(usize::MAX));
            *left -= u32::try_from(page.len()).expect("a page is no longer than what is left");
        }
        page
    }
}

fn continuation_token(link: &str) -> Option<String> {
    let link = Url::parse(link).or_else(|_| Url::parse("http://service/")?.join(link)).ok()?;
    let token = link.query_pairs().find(|(name, _)| name.eq_ignore_ascii_case("continuationToken"))?.1.into_owned();
    (!token.is_empty()).then_some(token)
}

#[cfg(test)]
mod tests {
    use super::continuation_token;

    #[track_caller]
    fn check(link: &str, expected: Option<&str>) {
        assert_eq!(continuation_token(link).as_deref(), expected, "{link}");
    }

    #[test]
    fn a_link_says_where_to_go_on() {
        let query = "top=1000&maxpagesize=200&continuationToken=c2&api-version=2024-12-01";
        check(&format!("https://host/api/hubs/hub/groups/group1/connections?{query}"), Some("c2"));
        check(&format!("/api/hubs/hub/groups/group1/connections?{query}"), Some("c2"));
        check("https://host/?ContinuationToken=a%2Fb%3D", Some("a/b="));
        check("https://host/?continuationToken=", None);
        check("https://host/?top=1", None);
        check("https://", None);
    }
}
