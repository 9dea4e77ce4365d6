//! The outer form of a token: header, payload, signature.
//!
//! The `jsonwebtoken` crate does not write them: it puts `typ` before `alg`, and it builds the key anew for every token.

use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::Serialize;
use serde_json::{Map, Value};

use crate::{AccessKey, ConnectionString};

/// The longest token that the service is given (signalr-bindings 7.1).
const MAX_LENGTH: usize = 4096;

/// An hour, as in every official library.
pub(super) const DEFAULT_LIFETIME: Duration = Duration::from_secs(3600);

/// Why no token could be made.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SignError {
    /// The connection string names an Entra method, with which nothing is signed here.
    #[error(
        "the connection string has no access key but `AuthType={auth_type}`; make calls with `RestClient::with_identity` and client tokens with `HubClient::generate_token`, or use a connection string with `AccessKey=`"
    )]
    NoAccessKey {
        /// The method, as `AuthType` names it.
        auth_type: &'static str,
    },
    /// The claims are too long for the service: leave some out.
    #[error("AccessToken must not be longer than 4K.")]
    TooLong,
    /// `asrs.s.uid` among the custom claims could make somebody another user.
    #[error("`asrs.s.uid` cannot be a custom claim; give the user id with `ClientToken::user_id`")]
    UserIdAsClaim,
}

/// What a token of either kind is made of.
pub(super) struct Draft<'a> {
    pub(super) key_id: Option<&'a str>,
    pub(super) claims: Map<String, Value>,
    pub(super) now: i64,
    pub(super) lifetime: Duration,
    pub(super) issuer: Option<&'static str>,
    pub(super) audience: String,
}

impl Draft<'_> {
    /// Signs the claims, then `nbf`, `exp`, `iat`, `iss` and `aud`: the order of the .NET library.
    pub(super) fn sign(self, key: &AccessKey) -> Result<String, SignError> {
        let lifetime = i64::try_from(self.lifetime.as_secs()).unwrap_or(i64::MAX);
        let mut claims = self.claims;
        claims.insert("nbf".to_owned(), self.now.into());
        claims.insert("exp".to_owned(), self.now.saturating_add(lifetime).into());
        claims.insert("iat".to_owned(), self.now.into());
        if let Some(issuer) = self.issuer {
            claims.insert("iss".to_owned(), issuer.into());
        }
        claims.insert("aud".to_owned(), self.audience.into());

        let mut token = encode(&Header { alg: "HS256", typ: "JWT", kid: self.key_id });
        token.push('.');
        token.push_str(&encode(&claims));
        let signature = key.sign(token.as_bytes());
        token.push('.');
        URL_SAFE_NO_PAD.encode_string(signature, &mut token);
        if token.len() > MAX_LENGTH { Err(SignError::TooLong) } else { Ok(token) }
    }
}

#[derive(Serialize)]
struct Header<'a> {
    alg: &'static str,
    typ: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    kid: Option<&'a str>,
}

/// What a token says, whoever made it: for explaining why it is refused. **Never believe it.** `None` when there is
/// nothing to read.
pub fn unverified_claims(token: &str) -> Option<Map<String, Value>> {
    let payload = token.split('.').nth(1)?.trim_end_matches('=');
    serde_json::from_slice(&URL_SAFE_NO_PAD.decode(payload).ok()?).ok()
}

fn encode(part: &impl Serialize) -> String {
    URL_SAFE_NO_PAD.encode(serde_json::to_vec(part).expect("texts and JSON values can be written as JSON"))
}

/// What the tokens of a resource are signed with.
pub(super) fn key_of(connection: &ConnectionString) -> Result<&AccessKey, SignError> {
    let auth_type = connection.authentication().auth_type();
    connection.access_key().ok_or(SignError::NoAccessKey { auth_type })
}
