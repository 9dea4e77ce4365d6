//! Bearer tokens of an OpenID Connect issuer: signature, issuer, audience and times are checked, then the caller is read out of it.
//!
//! Only the issuer's public keys count. An algorithm with a shared secret is never accepted: with a public key for the secret, anybody
//! could sign.

mod claims;
mod keys;
#[cfg(test)]
mod tests;

use super::{Now, Principal};
use crate::config::OidcConfig;
use crate::error::shown;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
pub(crate) use claims::ClaimsError;
use jsonwebtoken::{Algorithm, Validation};
use keys::Keys;
pub(crate) use keys::KeysError;
use serde::Deserialize;
use serde_json::{Map, Value};
use std::sync::Arc;

/// Those with a private and a public key; never `none`, never one with a shared secret.
const ALGORITHMS: [Algorithm; 9] = [
    Algorithm::RS256,
    Algorithm::RS384,
    Algorithm::RS512,
    Algorithm::PS256,
    Algorithm::PS384,
    Algorithm::PS512,
    Algorithm::ES256,
    Algorithm::ES384,
    Algorithm::EdDSA,
];
/// Issuers also sign other things, such as sign-out notices; those have a type of their own.
const TYPES: [&str; 3] = ["JWT", "at+jwt", "application/at+jwt"];

/// Why a token is not believed. Never with any of the token but its header.
#[derive(Debug, thiserror::Error)]
pub(crate) enum BearerError {
    /// The caller's.
    #[error("the bearer token is no signed JSON Web Token")]
    NotAToken,
    /// The caller's: the classic forgeries are among these.
    #[error("the bearer token is signed with `{}`; only RS, PS, ES and EdDSA are accepted", shown(.0))]
    Algorithm(String),
    /// The caller's.
    #[error("the bearer token is a `{}`; send an access token or an ID token", shown(.0))]
    Type(String),
    /// The caller's: the header demands what is not understood here (RFC 7515, 4.1.11).
    #[error("the bearer token has critical extensions, and none is understood")]
    Critical,
    /// The caller's, or the issuer has a new key that it does not show yet.
    #[error("the issuer has no key `{}` for the bearer token", shown(.0))]
    UnknownKey(String),
    /// The caller's.
    #[error("the signature of the bearer token is wrong")]
    Signature,
    /// The caller's.
    #[error("the bearer token {0}")]
    Claims(#[from] ClaimsError),
    /// The issuer's, or of the network to it.
    #[error("the bearer token cannot be checked, because the issuer's keys cannot be had")]
    Keys(#[from] KeysError),
}

/// Believes the tokens of one issuer.
#[derive(Debug)]
pub(super) struct Bearer {
    config: OidcConfig,
    keys: Arc<Keys>,
}

/// What is looked at before anything can be believed.
#[derive(Debug, Deserialize)]
struct Header {
    alg: String,
    #[serde(default)]
    kid: Option<String>,
    #[serde(default)]
    typ: Option<String>,
    #[serde(default)]
    crit: Option<Value>,
}

impl Bearer {
    pub(super) fn new(config: OidcConfig) -> Self {
        let keys = Arc::new(Keys::new(&config.issuer));
        Self { config, keys }
    }

    /// Whose token it is, with those of its claims that were `chosen`.
    pub(super) async fn principal(&self, token: &str, chosen: &[String], now: Now) -> Result<Principal, BearerError> {
        let header = header(token)?;
        let algorithm = algorithm(&header.alg)?;
        if let Some(kind) = header.typ.filter(|kind| !TYPES.iter().any(|known| known.eq_ignore_ascii_case(kind))) {
            return Err(BearerError::Type(kind));
        }
        if header.crit.is_some() {
            return Err(BearerError::Critical);
        }
        let key = self.keys.find(header.kid.as_deref(), algorithm, now.instant).await?;
        let key = key.ok_or_else(|| BearerError::UnknownKey(header.kid.unwrap_or_default()))?;
        let token = jsonwebtoken::decode::<Map<String, Value>>(token, &key, &signature_only(algorithm))
            .map_err(|_| BearerError::Signature)?;
        Ok(claims::principal(&token.claims, &self.config, chosen, now)?)
    }
}

fn header(token: &str) -> Result<Header, BearerError> {
    let mut parts = token.split('.');
    let (Some(header), Some(_), Some(_), None) = (parts.next(), parts.next(), parts.next(), parts.next()) else {
        return Err(BearerError::NotAToken);
    };
    let header = URL_SAFE_NO_PAD.decode(header).map_err(|_| BearerError::NotAToken)?;
    serde_json::from_slice(&header).map_err(|_| BearerError::NotAToken)
}

fn algorithm(name: &str) -> Result<Algorithm, BearerError> {
    let known = name.parse().ok().filter(|algorithm| ALGORITHMS.contains(algorithm));
    known.ok_or_else(|| BearerError::Algorithm(name.to_owned()))
}

/// The claims are checked afterwards, against a clock that tests can set.
fn signature_only(algorithm: Algorithm) -> Validation {
    let mut validation = Validation::new(algorithm);
    (validation.validate_exp, validation.validate_nbf, validation.validate_aud) = (false, false, false);
    validation.required_spec_claims.clear();
    validation
}
