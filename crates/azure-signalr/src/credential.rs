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
    /// This library was built without support for Entra.
    #[error(
        "`AuthType={auth_type}` needs Microsoft Entra; build `azure-signalr` with its feature `entra`, or use a connection string with `AccessKey=`"
    )]
    FeatureOff {
        /// The method, as `AuthType` names it.
        auth_type: &'static str,
    },
    /// The connection string has an access key.
    #[error("the connection string has an access key; no identity is needed")]
    NotNeeded,
    /// The Azure SDK for Rust reads certificates only with OpenSSL, which is not built in.
    #[error(
        "an application that proves itself by a certificate cannot be used; give it a `ClientSecret`, or use a managed identity"
    )]
    Certificate,
    /// A token would travel readable for everybody in between.
    #[error(
        "a token of Microsoft Entra is sent over https only, and the service's address is `{address}`; use its https address"
    )]
    NotEncrypted {
        /// Where the call would go.
        address: String,
    },
    /// The source tried and failed; mostly the fault of how the identity is set up.
    #[error("no token could be had from Microsoft Entra for {identity}")]
    Refused {
        /// Whose token it would have been.
        identity: String,
        /// What went wrong.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
}

impl CredentialError {
    /// A source's own failure.
    pub fn refused(identity: &str, source: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Self {
        Self::Refused { identity: identity.to_owned(), source: source.into() }
    }
}
