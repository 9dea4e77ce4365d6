//! REST tokens: what makes the service believe one call.
//!
//! The audience is the path of the call on the host of `Endpoint`, even where `ServerEndpoint` or a port say that the
//! call goes elsewhere (signalr-service 1.7).

use std::time::SystemTime;

use serde_json::{Map, Value};
use url::Url;

use super::jwt::{DEFAULT_LIFETIME, Draft, SignError, key_of};
use super::unix_seconds;
use crate::ConnectionString;

const ISSUER: &str = "azure-signalr";

/// The two forms of audience that official libraries write (signalr-bindings 7.3). The service accepts both.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum RestAudience {
    /// The path alone: documented, and what the newest libraries send, together with `iss`.
    #[default]
    Path,
    /// The path with its query, without `iss`: the libraries up to March 2024.
    PathAndQuery,
}

/// A REST token in the making, good for an hour. [`sign_rest`] is the short way to the documented form.
#[derive(Debug, Clone)]
pub struct RestToken<'a> {
    path: &'a str,
    query: Option<&'a str>,
    name_id: Option<&'a str>,
    audience: RestAudience,
}

impl<'a> RestToken<'a> {
    /// A token for the call to this address, of which only the path and perhaps the query count.
    pub fn new(call: &'a Url) -> Self {
        Self { path: call.path(), query: call.query(), name_id: None, audience: RestAudience::default() }
    }

    /// A token for a path below the service's root, escaped as it will be sent.
    pub(crate) fn for_path(path: &'a str) -> Self {
        Self { path, query: None, name_id: None, audience: RestAudience::default() }
    }

    /// Names the calling server, as official libraries do with `{machine}_{guid}`; nothing depends on it.
    #[must_use]
    pub fn name_id(mut self, name_id: &'a str) -> Self {
        self.name_id = Some(name_id);
        self
    }

    /// Chooses the form of the audience.
    #[must_use]
    pub fn audience(mut self, audience: RestAudience) -> Self {
        self.audience = audience;
        self
    }

    /// The finished token, good from `now` on.
    ///
    /// # Errors
    ///
    /// When the connection string has no access key, or the address is so long that the token exceeds 4,096 characters.
    pub fn sign(&self, connection: &ConnectionString, now: SystemTime) -> Result<String, SignError> {
        let mut claims = Map::new();
        if let Some(name_id) = self.name_id {
            claims.insert("nameid".to_owned(), Value::from(name_id));
        }
        let path = format!("{}{}", connection.audience_base(), self.path.trim_start_matches('/'));
        let (issuer, audience) = match (self.audience, self.query) {
            (RestAudience::Path, _) => (Some(ISSUER), path),
            (RestAudience::PathAndQuery, Some(query)) => (None, format!("{path}?{query}")),
            (RestAudience::PathAndQuery, None) => (None, path),
        };
        let (now, lifetime) = (unix_seconds(now), DEFAULT_LIFETIME);
        Draft { key_id: None, claims, now, lifetime, issuer, audience }.sign(key_of(connection)?)
    }
}

/// A token for the call to `path_url`, with the documented, path-only audience.
///
/// # Errors
///
/// When the connection string has no access key, or the address is so long that the token exceeds 4,096 characters.
pub fn sign_rest(connection: &ConnectionString, path_url: &Url, now: SystemTime) -> Result<String, SignError> {
    RestToken::new(path_url).sign(connection, now)
}
