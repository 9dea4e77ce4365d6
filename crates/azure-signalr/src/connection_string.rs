//! Connection strings: `Endpoint=https://NAME.service.signalr.net;AccessKey=...;Version=1.0;`
//!
//! `Port`, `ClientEndpoint` and `ServerEndpoint` say where to connect; the audience of a token ignores all three and
//! follows `Endpoint` alone, without a port (signalr-service 1.7).

mod error;
mod parse;
#[cfg(test)]
mod tests;

use std::fmt;
use std::str::FromStr;

use secrecy::{ExposeSecret, SecretString};
use url::Url;

pub use error::ConnectionStringError;

use crate::AccessKey;

/// Where a SignalR resource is and how to be believed there. `Debug` masks everything secret.
///
/// ```
/// use azure_signalr::ConnectionString;
///
/// let local: ConnectionString =
///     "Endpoint=http://localhost;Port=8888;AccessKey=ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789ABCDEFGH;Version=1.0;".parse()?;
/// assert_eq!(local.server_url().as_str(), "http://localhost:8888/");
/// assert_eq!(local.audience_base(), "http://localhost/");
/// # Ok::<(), azure_signalr::ConnectionStringError>(())
/// ```
#[derive(Clone)]
pub struct ConnectionString {
    endpoint: Url,
    client_endpoint: Option<Url>,
    server_endpoint: Option<Url>,
    version: Option<String>,
    authentication: Authentication,
    text: SecretString,
}

/// How requests and tokens are made believable.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub enum Authentication {
    /// Tokens are signed with the access key.
    AccessKey(AccessKey),
    /// `AuthType=azure`: whatever credential the environment offers.
    AzureDefault,
    /// `AuthType=azure.msi`: the managed identity, or the one with this client id.
    ManagedIdentity {
        /// `ClientId`, for a user-assigned identity.
        client_id: Option<String>,
    },
    /// `AuthType=azure.app`: an Entra application.
    Application {
        /// `ClientId`.
        client_id: String,
        /// `TenantId`.
        tenant_id: String,
        /// How the application proves itself.
        credential: ApplicationCredential,
    },
}

/// How an Entra application proves itself.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub enum ApplicationCredential {
    /// `ClientSecret`.
    Secret(SecretString),
    /// The path in `ClientCertPath`, which older code spells `clientCert`.
    Certificate(String),
}

impl Authentication {
    /// The method, as `AuthType` names it; `accesskey` where nothing else is named.
    pub fn auth_type(&self) -> &'static str {
        match self {
            Self::AccessKey(_) => "accesskey",
            Self::AzureDefault => "azure",
            Self::ManagedIdentity { .. } => "azure.msi",
            Self::Application { .. } => "azure.app",
        }
    }
}

impl ConnectionString {
    /// A connection string that was never text, for the http or https origin `endpoint`.
    pub fn with_access_key(endpoint: Url, key: AccessKey) -> Self {
        let text = parse::to_text(&endpoint, &key);
        Self {
            endpoint,
            client_endpoint: None,
            server_endpoint: None,
            version: Some("1.0".to_owned()),
            authentication: Authentication::AccessKey(key),
            text: SecretString::from(text),
        }
    }

    /// The key, or `None` where `AuthType` names an Entra method: those are read, but nothing can be signed with them.
    pub fn access_key(&self) -> Option<&AccessKey> {
        match &self.authentication {
            Authentication::AccessKey(key) => Some(key),
            _ => None,
        }
    }

    /// How this resource is to be convinced.
    pub fn authentication(&self) -> &Authentication {
        &self.authentication
    }

    /// `Endpoint` with `Port`: what the resource is called.
    pub fn endpoint(&self) -> &Url {
        &self.endpoint
    }

    /// Where servers send REST calls: `ServerEndpoint`, else `Endpoint` with `Port`. Paths are appended to it as it is.
    pub fn server_url(&self) -> &Url {
        self.server_endpoint.as_ref().unwrap_or(&self.endpoint)
    }

    /// Where clients connect: `ClientEndpoint`, else `Endpoint` with `Port`. Paths are appended to it as it is.
    pub fn client_url(&self) -> &Url {
        self.client_endpoint.as_ref().unwrap_or(&self.endpoint)
    }

    /// What every audience begins with: `{scheme}://{host}/`, from `Endpoint` alone and without a port.
    pub fn audience_base(&self) -> String {
        format!("{}://{}/", self.endpoint.scheme(), self.endpoint.host_str().unwrap_or_default())
    }

    /// `Version`, such as `1.0`; nothing depends on it.
    pub fn version(&self) -> Option<&str> {
        self.version.as_deref()
    }

    /// The whole text **with its key**: for handing it to another process, or for printing a local key on purpose.
    pub fn expose(&self) -> String {
        self.text.expose_secret().to_owned()
    }
}

impl FromStr for ConnectionString {
    type Err = ConnectionStringError;

    fn from_str(text: &str) -> Result<Self, ConnectionStringError> {
        parse::parse(text)
    }
}

impl fmt::Debug for ConnectionString {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ConnectionString")
            .field("endpoint", &self.endpoint.as_str())
            .field("client_endpoint", &self.client_endpoint.as_ref().map(Url::as_str))
            .field("server_endpoint", &self.server_endpoint.as_ref().map(Url::as_str))
            .field("version", &self.version)
            .field("authentication", &self.authentication)
            .finish_non_exhaustive()
    }
}
