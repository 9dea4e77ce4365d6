//! The query parameters of a data-plane call. Their names ignore case, as in ASP.NET; their values do not.

use std::ops::RangeInclusive;
use std::time::Duration;

use signalr_server::Query;

use crate::names::Invalid;
use crate::user_groups::Lifetime;

/// The versions that are described (signalr-service 1.1), the newest one last.
const VERSIONS: [&str; 4] = ["2022-06-01", "2022-11-01", "2023-07-01", NEWEST_VERSION];
const NEWEST_VERSION: &str = "2024-12-01";

/// Whole numbers are `int32` in every description (signalr-service 1.1).
pub(crate) const LARGEST_NUMBER: u64 = i32::MAX as u64;

/// The decoded query of one request.
#[derive(Debug, Default)]
pub(crate) struct Parameters(Query);

impl Parameters {
    /// Reads a raw query, without its question mark.
    pub(crate) fn parse(query: Option<&str>) -> Self {
        Self(Query::parse(query))
    }

    /// The first value of a parameter.
    pub(crate) fn first(&self, name: &str) -> Option<&str> {
        self.0.first(name)
    }

    /// The connection ids that a send or close leaves out: `excluded=a&excluded=b` (signalr-service 1.3 note 4).
    pub(crate) fn excluded(&self) -> Vec<String> {
        self.0.all("excluded").map(str::to_owned).collect()
    }

    /// `ttl` in whole seconds.
    pub(crate) fn lifetime(&self) -> Result<Lifetime, Invalid> {
        match self.number("ttl", 0..=LARGEST_NUMBER)? {
            Some(seconds) => Ok(Lifetime::Limited(Duration::from_secs(seconds))),
            None => Ok(Lifetime::Unlimited),
        }
    }

    /// A whole number within `allowed`, or nothing when the parameter is absent or empty.
    pub(crate) fn number(&self, name: &'static str, allowed: RangeInclusive<u64>) -> Result<Option<u64>, Invalid> {
        let Some(text) = self.first(name).filter(|text| !text.is_empty()) else { return Ok(None) };
        match text.parse().ok().filter(|number| allowed.contains(number)) {
            Some(number) => Ok(Some(number)),
            None => Err(Invalid::new(name, format!("The value '{text}' is not valid for '{name}'."))),
        }
    }

    /// `true` or `false`, as .NET reads them; absent and empty mean `false`.
    pub(crate) fn flag(&self, name: &'static str) -> Result<bool, Invalid> {
        match self.first(name).unwrap_or_default() {
            "" => Ok(false),
            text if text.eq_ignore_ascii_case("true") => Ok(true),
            text if text.eq_ignore_ascii_case("false") => Ok(false),
            text => Err(Invalid::new(name, format!("The value '{text}' is not valid for '{name}'."))),
        }
    }

    /// Refuses an `api-version` that is not described; none at all is let through.
    pub(crate) fn check_version(&self) -> Result<(), Invalid> {
        match self.first("api-version") {
            Some(version) if !VERSIONS.contains(&version) => {
                let known = VERSIONS.join(", ");
                Err(Invalid::new("api-version", format!("The api-version '{version}' is not one of {known}.")))
            }
            _ => Ok(()),
        }
    }

    /// An `api-version` that is newer than everything described so far; it is served like the newest known one.
    pub(crate) fn unknown_newer_version(&self) -> Option<&str> {
        self.first("api-version").filter(|version| is_date(version) && version[..10] > *NEWEST_VERSION)
    }
}

/// Versions look like `2024-12-01`, with or without `-preview`.
fn is_date(version: &str) -> bool {
    let shape = version.bytes().take(10).enumerate();
    version.is_ascii()
        && version.len() >= 10
        && shape
            .into_iter()
            .all(|(index, byte)| if index == 4 || index == 7 { byte == b'-' } else { byte.is_ascii_digit() })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_ignore_case_and_values_are_decoded() {
        let parameters = Parameters::parse(Some("Excluded=a%2Fb&reason=go+away&excluded=C&api-version=2022-06-01"));
        assert_eq!(parameters.excluded(), ["a/b", "C"]);
        assert_eq!(parameters.first("Reason"), Some("go away"));
        assert_eq!(parameters.first("application"), None);
    }

    #[track_caller]
    fn check_ttl(query: &str, expected: Result<Lifetime, &str>) {
        let found = Parameters::parse(Some(query)).lifetime();
        assert_eq!(found.as_ref().map_err(|invalid| invalid.message.as_str()).copied(), expected, "{query}");
    }

    #[test]
    fn ttl_is_whole_seconds() {
        check_ttl("", Ok(Lifetime::Unlimited));
        check_ttl("ttl=", Ok(Lifetime::Unlimited));
        check_ttl("ttl=0", Ok(Lifetime::Limited(Duration::ZERO)));
        check_ttl("TTL=90", Ok(Lifetime::Limited(Duration::from_secs(90))));
        check_ttl("ttl=2147483647", Ok(Lifetime::Limited(Duration::from_secs(2_147_483_647))));
        check_ttl("ttl=2147483648", Err("The value '2147483648' is not valid for 'ttl'."));
        check_ttl("ttl=-1", Err("The value '-1' is not valid for 'ttl'."));
        check_ttl("ttl=1.5", Err("The value '1.5' is not valid for 'ttl'."));
    }

    #[test]
    fn a_flag_is_true_or_false_and_false_unless_it_is_given() {
        let flag = |query| Parameters::parse(Some(query)).flag("completed").map_err(|invalid| invalid.message);
        assert_eq!((flag(""), flag("completed="), flag("completed=false")), (Ok(false), Ok(false), Ok(false)));
        assert_eq!((flag("completed=true"), flag("Completed=True")), (Ok(true), Ok(true)));
        assert_eq!(flag("completed=1"), Err("The value '1' is not valid for 'completed'.".to_owned()));
    }

    #[track_caller]
    fn check_version(version: &str, newer: bool) {
        let parameters = Parameters::parse(Some(&format!("api-version={version}")));
        assert_eq!(parameters.unknown_newer_version().is_some(), newer, "{version}");
    }

    #[test]
    fn only_a_later_date_is_a_newer_version() {
        check_version("2024-12-01", false);
        check_version("2022-06-01", false);
        check_version("1.0", false);
        check_version("nonsense", false);
        check_version("", false);
        check_version("2024-12-01-preview", false);
        check_version("2024-12-02", true);
        check_version("2026-07-01-preview", true);
    }
}
