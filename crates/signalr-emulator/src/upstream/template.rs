//! Which events go to which address (signalr-service 3.1).
//!
//! Matching heeds case, and the service knows hubs by lower-case names: a hub pattern with a capital matches nothing.
//! The query of an address may hold a key of the function app, so it is never printed.

use std::fmt;

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use url::Url;

use super::Occurrence;

/// What `Uri.EscapeDataString` of .NET leaves as it is: letters, digits and these four.
const ESCAPED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// One rule: the events that match all three patterns go to the address.
#[derive(Clone, PartialEq, Eq)]
pub struct UpstreamTemplate {
    url_template: String,
    hub_pattern: Pattern,
    category_pattern: Pattern,
    event_pattern: Pattern,
    auth: UpstreamAuth,
}

/// `*`, one name, or names separated by commas. Names heed case; white space around them does not count.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pattern(Option<String>);

/// How the service is to prove itself to an upstream, beside the signature that every call has.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum UpstreamAuth {
    /// Not at all.
    #[default]
    None,
    /// With a token of the service's managed identity. There is no such identity on a developer's machine, so calls go
    /// out without `Authorization`.
    ManagedIdentity {
        /// For whom the token would be.
        resource: Option<String>,
    },
}

/// The address of an upstream is no absolute http or https address: the fault of the settings.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("The Upstream url {url} is not in a validate absolute URI format.")]
pub struct InvalidUrl {
    /// The address without its query, which may hold a key.
    pub url: String,
}

impl UpstreamTemplate {
    /// Sends every event to `url_template`, in which `{hub}`, `{category}` and `{event}` stand for escaped values.
    ///
    /// # Errors
    /// When it could not become an absolute http or https address, whatever the values.
    pub fn new(url_template: impl Into<String>) -> Result<Self, InvalidUrl> {
        let url_template = url_template.into();
        parse(&fill(&url_template, "hub", "category", "event"))?;
        let every = Pattern::new("*");
        let (hub_pattern, category_pattern, event_pattern) = (every.clone(), every.clone(), every);
        Ok(Self { url_template, hub_pattern, category_pattern, event_pattern, auth: UpstreamAuth::None })
    }

    /// Only events of these hubs.
    #[must_use]
    pub fn with_hub_pattern(self, hub_pattern: Pattern) -> Self {
        Self { hub_pattern, ..self }
    }

    /// Only events of these categories: `connections`, `messages`.
    #[must_use]
    pub fn with_category_pattern(self, category_pattern: Pattern) -> Self {
        Self { category_pattern, ..self }
    }

    /// Only these events: `connected`, `disconnected`, or what clients invoke.
    #[must_use]
    pub fn with_event_pattern(self, event_pattern: Pattern) -> Self {
        Self { event_pattern, ..self }
    }

    /// Asks for a proof of the service's identity.
    #[must_use]
    pub fn with_auth(self, auth: UpstreamAuth) -> Self {
        Self { auth, ..self }
    }

    /// What is going to surprise whoever wrote this template; empty when nothing is.
    pub fn warnings(&self) -> Vec<String> {
        let mut warnings = Vec::new();
        if let Some(hubs) = self.hub_pattern.0.as_deref().filter(|hubs| hubs.contains(|c: char| c.is_ascii_uppercase()))
        {
            warnings
                .push(format!("the hub pattern `{hubs}` has capitals and hub names have none; write it in lower case"));
        }
        if matches!(self.auth, UpstreamAuth::ManagedIdentity { .. }) {
            warnings.push("there is no managed identity here; calls go out without `Authorization`".to_owned());
        }
        if self.url_template.contains("{@Microsoft.KeyVault(") {
            warnings.push("Key Vault references are not resolved here; write the value itself".to_owned());
        }
        warnings
    }

    pub(super) fn matches(&self, occurrence: &Occurrence<'_>) -> bool {
        self.hub_pattern.matches(occurrence.hub)
            && self.category_pattern.matches(occurrence.category.name())
            && self.event_pattern.matches(occurrence.event)
    }

    pub(super) fn url(&self, occurrence: &Occurrence<'_>) -> Result<Url, InvalidUrl> {
        parse(&fill(&self.url_template, occurrence.hub, occurrence.category.name(), occurrence.event))
    }
}

#[cfg(any(test, fuzzing))]
impl UpstreamTemplate {
    /// What a client invokes must not lead its call to another host, nor show the query in what is printed.
    pub(crate) fn check_event(&self, event: &str) {
        let occurrence = |event| Occurrence { hub: "chat", category: super::Category::Messages, event };
        let _ = self.matches(&occurrence(event));
        // As a browser reads addresses: `http:host` has a host as well, and tabs and line ends do not count.
        let template = self.url_template.replace(['\t', '\r', '\n'], "");
        let behind_scheme = template.split_once(':').map_or("", |(_, rest)| rest.trim_start_matches(['/', '\\']));
        let authority = behind_scheme.split(['/', '\\', '?', '#']).next().unwrap_or_default();
        if let (Ok(usual), Ok(url)) = (self.url(&occurrence("event")), self.url(&occurrence(event)))
            && !authority.contains('{')
        {
            assert_eq!(url.origin(), usual.origin());
        }
        let printed = without_query(&self.url_template);
        assert!(printed.split_once('?').is_none_or(|(_, query)| query == "***"));
    }
}

impl Pattern {
    /// Reads a pattern; `*` among the names matches everything.
    pub fn new(text: impl Into<String>) -> Self {
        Self(Some(text.into()))
    }

    /// Matches nothing, which is what a pattern of `null` does.
    pub fn nothing() -> Self {
        Self(None)
    }

    fn matches(&self, name: &str) -> bool {
        let mut items = self.0.as_deref().into_iter().flat_map(|text| text.split(',')).map(str::trim);
        items.any(|item| item == "*" || item == name)
    }
}

/// One pass: a value that happens to contain a placeholder is left alone.
fn fill(template: &str, hub: &str, category: &str, event: &str) -> String {
    let mut filled = String::with_capacity(template.len());
    let mut rest = template;
    while let Some(start) = rest.find('{') {
        filled.push_str(&rest[..start]);
        rest = &rest[start..];
        let found = [("{hub}", hub), ("{category}", category), ("{event}", event)]
            .into_iter()
            .find_map(|(placeholder, value)| Some((rest.strip_prefix(placeholder)?, value)));
        match found {
            Some((behind, value)) => {
                filled.extend(utf8_percent_encode(value, ESCAPED));
                rest = behind;
            }
            None => {
                filled.push('{');
                rest = &rest[1..];
            }
        }
    }
    filled.push_str(rest);
    filled
}

fn parse(text: &str) -> Result<Url, InvalidUrl> {
    let url = Url::parse(text).ok().filter(|url| matches!(url.scheme(), "http" | "https") && url.has_host());
    url.ok_or_else(|| InvalidUrl { url: without_query(text) })
}

/// An address as it may be printed.
pub(super) fn without_query(url: &str) -> String {
    match url.split_once('?') {
        Some((address, _)) => format!("{address}?***"),
        None => url.to_owned(),
    }
}

impl fmt::Display for Pattern {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.0.as_deref().unwrap_or_default())
    }
}

/// As the official emulator prints it, but for the query.
impl fmt::Display for UpstreamTemplate {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { hub_pattern, category_pattern, event_pattern, .. } = self;
        let url = without_query(&self.url_template);
        write!(formatter, "{url}(event:'{event_pattern}',hub:'{hub_pattern}',category:'{category_pattern}')")
    }
}

impl fmt::Debug for UpstreamTemplate {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "UpstreamTemplate({self})")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::upstream::Category;

    #[track_caller]
    fn check_pattern(pattern: &str, name: &str, expected: bool) {
        assert_eq!(Pattern::new(pattern).matches(name), expected, "{pattern:?} and {name:?}");
    }

    #[test]
    fn a_pattern_is_a_star_a_name_or_a_list_of_names() {
        check_pattern("*", "anything", true);
        check_pattern("*", "", true);
        check_pattern("connected", "connected", true);
        check_pattern("connected", "Connected", false);
        check_pattern("connected", "disconnected", false);
        check_pattern("a, b ,c", "b", true);
        check_pattern("a, b ,c", "d", false);
        check_pattern("a,*", "d", true);
        check_pattern("a*", "ab", false);
        check_pattern("", "a", false);
        assert!(!Pattern::nothing().matches("") && !Pattern::nothing().matches("*"));
    }

    fn occurrence<'a>(hub: &'a str, event: &'a str) -> Occurrence<'a> {
        Occurrence { hub, category: Category::Messages, event }
    }

    #[track_caller]
    fn check_url(template: &str, event: &str, expected: &str) {
        let url = UpstreamTemplate::new(template).unwrap().url(&occurrence("app_chat", event)).unwrap();
        assert_eq!(url.as_str(), expected);
    }

    #[test]
    fn placeholders_are_replaced_by_escaped_values() {
        check_url("http://h/{hub}/{category}/{event}", "Send", "http://h/app_chat/messages/Send");
        check_url("http://h/x?e={event}&code=k", "a/b c&d=é~", "http://h/x?e=a%2Fb%20c%26d%3D%C3%A9~&code=k");
        check_url("http://h/{Event}/{x}/{event}{event}", "e", "http://h/%7BEvent%7D/%7Bx%7D/ee");
        check_url("http://{hub}.example/x", "e", "http://app_chat.example/x");
        check_url("http://h/{event}", "{hub}", "http://h/%7Bhub%7D");
    }

    #[test]
    fn an_address_that_is_none_is_refused_without_its_key() {
        let refused = |template: &str| UpstreamTemplate::new(template).unwrap_err().to_string();
        let expected = "The Upstream url localhost/x?*** is not in a validate absolute URI format.";
        assert_eq!(refused("localhost/x?code=secret"), expected);
        for template in ["", "/relative", "ftp://h/", "http://", "http://h:99999/"] {
            assert!(UpstreamTemplate::new(template).is_err(), "{template}");
        }
        let late = UpstreamTemplate::new("http://{event}/x").unwrap().url(&occurrence("chat", "a b"));
        assert_eq!(late.unwrap_err().url, "http://a%20b/x");
    }

    #[test]
    fn all_three_patterns_have_to_match() {
        let every = UpstreamTemplate::new("http://h/").unwrap();
        let met = |template: &UpstreamTemplate| template.matches(&occurrence("chat", "Send"));
        assert!(met(&every));
        assert!(!met(&every.clone().with_hub_pattern(Pattern::new("news"))));
        assert!(!met(&every.clone().with_category_pattern(Pattern::new("connections"))));
        assert!(!met(&every.clone().with_event_pattern(Pattern::new("send"))));
        let exact = every.with_hub_pattern(Pattern::new("chat")).with_category_pattern(Pattern::new("messages"));
        assert!(met(&exact.with_event_pattern(Pattern::new("Send,Other"))));
    }

    #[test]
    fn a_template_is_printed_without_its_query() {
        let template = UpstreamTemplate::new("http://h/x?code=secret").unwrap().with_event_pattern(Pattern::nothing());
        let expected = "http://h/x?***(event:'',hub:'*',category:'*')";
        assert_eq!(format!("{template} {template:?}"), format!("{expected} UpstreamTemplate({expected})"));
    }

    #[test]
    fn what_works_only_in_azure_or_nowhere_is_warned_about() {
        let template = UpstreamTemplate::new("http://h/?code={@Microsoft.KeyVault(SecretUri=s)}").unwrap();
        let template = template.with_hub_pattern(Pattern::new("Chat"));
        let template = template.with_auth(UpstreamAuth::ManagedIdentity { resource: None });
        assert_eq!(template.warnings().len(), 3, "{:?}", template.warnings());
        assert!(UpstreamTemplate::new("http://h/").unwrap().warnings().is_empty());
    }
}
