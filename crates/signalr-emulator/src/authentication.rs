//! Whom the service believes.
//!
//! The refused caller learns only what Azure would say. The log says more: what the token is for, what was needed, and
//! what to do about it; a token that works here but not in Azure is the mistake this crate exists to catch.

use std::time::SystemTime;

use azure_signalr::token::{Audience, Claims, Rejection, Verifier, unverified_claims};
use http::header::{AUTHORIZATION, HOST};
use http::{HeaderMap, HeaderValue};
use serde_json::{Map, Value};

use crate::{Checks, EmulatorOptions};

/// Checks the tokens of clients and of REST calls.
#[derive(Debug)]
pub(crate) struct Authenticator {
    verifier: Verifier,
    checks: Checks,
    /// The names of this service beside the one in the `Host` header.
    hosts: Vec<String>,
}

/// Who a client is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Identity {
    pub(crate) user_id: Option<String>,
    /// Every claim of the token, in its order.
    pub(crate) claims: Map<String, Value>,
}

/// A token that was not believed: 401.
#[derive(Debug)]
pub(crate) struct Unauthorized {
    pub(crate) www_authenticate: HeaderValue,
    /// For the log: the cause and the cure.
    pub(crate) reason: String,
    /// What the token says, whoever made it.
    pub(crate) claims: Option<Box<Map<String, Value>>>,
}

impl Authenticator {
    pub(crate) fn new(options: &EmulatorOptions) -> Self {
        let hosts = std::iter::once("localhost".to_owned()).chain(options.hosts.iter().cloned()).collect();
        Self { verifier: Verifier::new(options.access_keys.all().cloned()), checks: options.checks, hosts }
    }

    /// Lets a client in to `hub`, by its internal name.
    pub(crate) fn client(
        &self,
        token: Option<&str>,
        hub: &str,
        headers: &HeaderMap,
        now: SystemTime,
    ) -> Result<Identity, Unauthorized> {
        let hosts = self.hosts(headers);
        self.check(token, &Audience::Client { hub, hosts: &hosts }, now)
    }

    /// Lets a REST call to `path`, as it was sent, through. The token can only be in the header.
    pub(crate) fn call(&self, path: &str, headers: &HeaderMap, now: SystemTime) -> Result<(), Unauthorized> {
        let hosts = self.hosts(headers);
        self.check(bearer(headers), &Audience::Rest { path, hosts: &hosts }, now).map(|_| ())
    }

    fn hosts<'a>(&'a self, headers: &'a HeaderMap) -> Vec<&'a str> {
        let asked = headers.get(HOST).and_then(|host| host.to_str().ok());
        self.hosts.iter().map(String::as_str).chain(asked).collect()
    }

    fn check(&self, token: Option<&str>, audience: &Audience<'_>, now: SystemTime) -> Result<Identity, Unauthorized> {
        let token = token.unwrap_or_default();
        let rejection = match self.verifier.verify(token, audience, now) {
            Ok(claims) => return Ok(Identity::from(claims)),
            Err(rejection) => rejection,
        };
        let claims = self.verifier.verify_signature(token).ok();
        let reason = explain(rejection, claims.as_ref(), audience);
        match (self.checks, claims) {
            (Checks::Lenient, Some(claims)) => {
                tracing::warn!(reason, "let a request pass that Azure would answer with 401");
                Ok(Identity::from(claims))
            }
            _ => {
                let (www_authenticate, claims) = (www_authenticate(rejection), unverified_claims(token).map(Box::new));
                Err(Unauthorized { www_authenticate, reason, claims })
            }
        }
    }
}

impl From<Claims> for Identity {
    fn from(claims: Claims) -> Self {
        let user_id = claims.user_id().map(|user_id| user_id.into_owned());
        Self { user_id, claims: claims.into_map() }
    }
}

/// The token in an `Authorization: Bearer` header.
pub(crate) fn bearer(headers: &HeaderMap) -> Option<&str> {
    let (scheme, token) = headers.get(AUTHORIZATION)?.to_str().ok()?.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then_some(token.trim())
}

fn www_authenticate(rejection: Rejection) -> HeaderValue {
    HeaderValue::try_from(rejection.www_authenticate()).expect("the texts of `Rejection` are plain ASCII")
}

fn explain(rejection: Rejection, claims: Option<&Claims>, audience: &Audience<'_>) -> String {
    let cure = match rejection {
        Rejection::NoToken => "send it as `Authorization: Bearer`; clients may also use the query value `access_token`",
        Rejection::Malformed | Rejection::Unsigned => "send the access token unchanged",
        Rejection::KeyNotFound => "the `AccessKey` of the caller's connection string is not one of this service's keys",
        Rejection::NoExpiration | Rejection::InvalidLifetime => "give the token `exp` and `nbf` in seconds since 1970",
        Rejection::NotYetValid => "compare the clocks of both machines",
        Rejection::Expired => "negotiate again, or compare the clocks of both machines",
        Rejection::InvalidAudience => return explain_audience(claims, audience),
    };
    format!("{rejection}; {cure}")
}

fn explain_audience(claims: Option<&Claims>, audience: &Audience<'_>) -> String {
    let found = claims.and_then(|claims| claims.get("aud")).map_or("nothing".to_owned(), Value::to_string);
    let (path, hosts) = match audience {
        Audience::Client { hub, hosts } => (format!("/client/?hub={hub}"), hosts),
        Audience::Rest { path, hosts } => ((*path).to_owned(), hosts),
    };
    let kind = Rejection::InvalidAudience;
    format!("{kind}; the token is for {found}, this request needs `http://HOST{path}` with HOST one of {hosts:?}")
}

#[cfg(test)]
mod tests;
