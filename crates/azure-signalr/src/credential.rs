//! Where bearer tokens of Microsoft Entra come from.
//!
//! A token of Entra is good for every call to the service, unlike the tokens that an access key signs (signalr-service 1.7 item 13).

use std::fmt;
use std::pin::Pin;
use std::time::SystemTime;

use secrecy::{ExposeSecret, SecretString};

/// What tokens for the service are made for.
pub(crate) const SCOPE: &str = "https://signalr.azure.com/.default";

/// Something that gets tokens from Microsoft Entra. It should remember a token until shortly before its end: it is asked for every call.
///
/// With the feature `entra`, the module `entra` has sources for managed identities, workload identities, applications and developers.
pub trait TokenSource: fmt::Debug + Send + Sync {
    /// A token that is good for `scope`, for some minutes at least.
    fn token<'a>(&'a self, scope: &'a str) -> TokenFuture<'a>;
}

/// What [`TokenSource::token`] returns.
pub type TokenFuture<'a> = Pin<Box<dyn Future<Output = Result<BearerToken, CredentialError>> + Send + 'a>>;

/// A token of Entra. `Debug` prints `***`.
#[derive(Debug, Clone)]
pub struct BearerToken {
    secret: SecretString,
    expires_at: SystemTime,
}

impl BearerToken {
    /// A token and its end.
    pub fn new(secret: impl Into<String>, expires_at: SystemTime) -> Self {
        Self { secret: SecretString::from(secret.into()), expires_at }
    }

    /// When it ends.
    pub fn expires_at(&self) -> SystemTime {
        self.expires_at
    }

    /// The text of the token, which makes its bearer believed.
    pub fn expose(&self) -> &str {
        self.secret.expose_secret()
    }
}

/// Why there is no token of Entra.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CredentialError {
    /// The source tried and failed; mostly the fault of how the identity is set up.
    #[error("no token could be had from Microsoft Entra for {source_name}")]
    Refused {
        /// Which source it is, in words.
        source_name: String,
        /// What went wrong.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
}
