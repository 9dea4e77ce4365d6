//! Tokens of Microsoft Entra, through the Azure SDK for Rust.
//!
//! That SDK reads `IDENTITY_ENDPOINT` and `IDENTITY_HEADER` from the environment of the process by itself, whatever lookup is given here;
//! the lookup decides only which kind of identity is used.

mod cache;
mod chain;
mod plan;

use std::sync::Arc;
use std::time::Duration;

use azure_core::credentials::{Secret, TokenCredential};
use azure_core::http::{ClientOptions, Transport};
use azure_identity::{
    ClientSecretCredential, ClientSecretCredentialOptions, DeveloperToolsCredential, ManagedIdentityCredential,
    ManagedIdentityCredentialOptions, UserAssignedId, WorkloadIdentityCredential, WorkloadIdentityCredentialOptions,
};
use secrecy::ExposeSecret;

use crate::ConnectionString;
use crate::credential::{BearerToken, CredentialError, TokenFuture, TokenSource};
use cache::Cached;
use chain::Chain;
use plan::{Identity, Plan};

/// How long the endpoint of an identity may take to answer one request.
const TIMEOUT: Duration = Duration::from_secs(30);

/// The tokens for the identity that a connection string names. Nothing is asked and nothing is built before the first token is needed;
/// a token is kept until five minutes before its end.
///
/// | `AuthType` | identity |
/// |---|---|
/// | `azure.msi` | the managed identity of the machine or app, or the one with `ClientId` |
/// | `azure.app` | the application, by its secret |
/// | `azure` | the first that the environment offers: an application (`AZURE_CLIENT_SECRET`), a workload identity (`AZURE_FEDERATED_TOKEN_FILE`), the managed identity of an app (`IDENTITY_ENDPOINT`), the developer's own by `az` or `azd`, the managed identity of a machine |
///
/// # Errors
///
/// When the connection string has an access key instead, or an application proves itself by a certificate.
pub fn tokens(
    connection: &ConnectionString,
    environment: impl Fn(&str) -> Option<String>,
) -> Result<Arc<dyn TokenSource>, CredentialError> {
    let identities = Plan::of(connection.authentication(), environment)?.identities;
    Ok(Arc::new(Cached::new(Chain::new(identities))))
}

/// The credential of the Azure SDK for an identity.
fn credential(identity: &Identity) -> azure_core::Result<Arc<dyn TokenCredential>> {
    match identity {
        Identity::Managed { client_id } => {
            let user_assigned_id = client_id.clone().map(UserAssignedId::ClientId);
            // The endpoint of an identity is on the machine itself, where no proxy must get between.
            let client_options = options(reqwest::Client::builder().no_proxy())?;
            let options = ManagedIdentityCredentialOptions { user_assigned_id, client_options };
            Ok(ManagedIdentityCredential::new(Some(options))?)
        }
        Identity::Workload { tenant_id, client_id, token_file } => {
            let mut options = WorkloadIdentityCredentialOptions {
                tenant_id: Some(tenant_id.clone()),
                client_id: Some(client_id.clone()),
                token_file_path: Some(token_file.into()),
                ..Default::default()
            };
            options.credential_options.client_options = self::options(reqwest::Client::builder())?;
            Ok(WorkloadIdentityCredential::new(Some(options))?)
        }
        Identity::Application { tenant_id, client_id, secret } => {
            let secret = Secret::new(secret.expose_secret().to_owned());
            let options = ClientSecretCredentialOptions { client_options: options(reqwest::Client::builder())? };
            Ok(ClientSecretCredential::new(tenant_id, client_id.clone(), secret, Some(options))?)
        }
        Identity::Developer => Ok(DeveloperToolsCredential::new(None)?),
    }
}

/// An HTTP client of our own: that of the SDK panics where a machine has no certificate authorities.
fn options(http: reqwest::ClientBuilder) -> azure_core::Result<ClientOptions> {
    let http = http.timeout(TIMEOUT).redirect(reqwest::redirect::Policy::none()).build();
    let http = http.map_err(|error| azure_core::Error::new(azure_core::error::ErrorKind::Credential, error))?;
    Ok(ClientOptions { transport: Some(Transport::new(Arc::new(http))), ..ClientOptions::default() })
}

#[derive(Debug)]
struct SdkSource {
    credential: Arc<dyn TokenCredential>,
    name: &'static str,
}

impl TokenSource for SdkSource {
    fn token<'a>(&'a self, scope: &'a str) -> TokenFuture<'a> {
        Box::pin(async move {
            let refused = |error: azure_core::Error| CredentialError::refused(self.name, error);
            let token = self.credential.get_token(&[scope], None).await.map_err(refused)?;
            Ok(BearerToken::new(token.token.secret(), token.expires_on.into()))
        })
    }
}

impl SdkSource {
    fn of(identity: &Identity) -> Result<Self, CredentialError> {
        let name = identity.name();
        let credential = credential(identity).map_err(|error| CredentialError::refused(name, error))?;
        Ok(Self { credential, name })
    }
}
