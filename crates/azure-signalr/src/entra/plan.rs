//! Which identity is used: what the connection string says, and for `AuthType=azure` what the environment offers.

use secrecy::SecretString;

use crate::credential::CredentialError;
use crate::{ApplicationCredential, Authentication};

/// The identities to try, the first that gives a token wins.
#[derive(Debug)]
pub(super) struct Plan {
    pub(super) identities: Vec<Identity>,
}

/// One identity.
#[derive(Debug, Clone)]
pub(super) enum Identity {
    Managed { client_id: Option<String> },
    Workload { tenant_id: String, client_id: String, token_file: String },
    Application { tenant_id: String, client_id: String, secret: SecretString },
    Developer,
}

impl Identity {
    pub(super) fn name(&self) -> &'static str {
        match self {
            Self::Managed { .. } => "the managed identity",
            Self::Workload { .. } => "the workload identity",
            Self::Application { .. } => "the application",
            Self::Developer => "the developer",
        }
    }
}

impl Plan {
    pub(super) fn of(
        authentication: &Authentication,
        environment: impl Fn(&str) -> Option<String>,
    ) -> Result<Self, CredentialError> {
        let identities = match authentication {
            Authentication::AccessKey(_) => return Err(CredentialError::NotNeeded),
            Authentication::AzureDefault => offered(environment),
            Authentication::ManagedIdentity { client_id } => vec![Identity::Managed { client_id: client_id.clone() }],
            Authentication::Application { credential: ApplicationCredential::Certificate(_), .. } => {
                return Err(CredentialError::Certificate);
            }
            Authentication::Application { client_id, tenant_id, credential: ApplicationCredential::Secret(secret) } => {
                let (tenant_id, client_id) = (tenant_id.clone(), client_id.clone());
                vec![Identity::Application { tenant_id, client_id, secret: secret.clone() }]
            }
        };
        Ok(Self { identities })
    }
}

/// In the order of the other Azure SDKs.
fn offered(environment: impl Fn(&str) -> Option<String>) -> Vec<Identity> {
    let set = |name: &str| environment(name).filter(|value| !value.is_empty());
    let client_id = set("AZURE_CLIENT_ID");
    if let (Some(tenant_id), Some(client_id)) = (set("AZURE_TENANT_ID"), client_id.clone()) {
        if let Some(secret) = set("AZURE_CLIENT_SECRET") {
            return vec![Identity::Application { tenant_id, client_id, secret: secret.into() }];
        }
        if let Some(token_file) = set("AZURE_FEDERATED_TOKEN_FILE") {
            return vec![Identity::Workload { tenant_id, client_id, token_file }];
        }
    }
    if set("IDENTITY_ENDPOINT").is_some() {
        return vec![Identity::Managed { client_id }];
    }
    // A machine with a managed identity says nothing of it, and asking it takes long where it has none.
    vec![Identity::Developer, Identity::Managed { client_id }]
}

#[cfg(test)]
mod tests {
    use super::Plan;
    use crate::ConnectionString;
    use crate::credential::CredentialError;

    fn plan(parts: &str, environment: &[(&str, &str)]) -> Result<Plan, CredentialError> {
        let connection: ConnectionString = format!("Endpoint=https://a;{parts}").parse().unwrap();
        let lookup =
            |name: &str| environment.iter().find(|(key, _)| *key == name).map(|(_, value)| (*value).to_owned());
        Plan::of(connection.authentication(), lookup)
    }

    #[track_caller]
    fn check(parts: &str, environment: &[(&str, &str)], expected: &[&str]) {
        let plan = plan(parts, environment).unwrap();
        let names: Vec<_> = plan.identities.iter().map(super::Identity::name).collect();
        assert_eq!(names, expected, "{parts} {environment:?}");
    }

    #[test]
    fn a_connection_string_that_names_an_identity_gets_that_one() {
        let tempting = [("AZURE_TENANT_ID", "t"), ("AZURE_CLIENT_ID", "c"), ("AZURE_CLIENT_SECRET", "s")];
        check("AuthType=azure.msi", &tempting, &["the managed identity"]);
        check("AuthType=azure.app;ClientId=c;TenantId=t;ClientSecret=s", &[], &["the application"]);
    }

    #[test]
    fn otherwise_the_environment_decides() {
        let (tenant, client) = (("AZURE_TENANT_ID", "t"), ("AZURE_CLIENT_ID", "c"));
        let (secret, file) = (("AZURE_CLIENT_SECRET", "s"), ("AZURE_FEDERATED_TOKEN_FILE", "/f"));
        let app = ("IDENTITY_ENDPOINT", "http://127.0.0.1:1/msi/token");
        check("AuthType=azure", &[tenant, client, secret, file, app], &["the application"]);
        check("AuthType=azure", &[tenant, client, file, app], &["the workload identity"]);
        check("AuthType=azure", &[tenant, client, app], &["the managed identity"]);
        check("AuthType=azure", &[client, file], &["the developer", "the managed identity"]);
        check(
            "AuthType=azure",
            &[tenant, client, ("AZURE_CLIENT_SECRET", "")],
            &["the developer", "the managed identity"],
        );
    }

    #[test]
    fn a_key_needs_no_identity_and_a_certificate_cannot_be_used() {
        assert!(matches!(plan("AccessKey=k", &[]), Err(CredentialError::NotNeeded)));
        let certificate = plan("AuthType=azure.app;ClientId=c;TenantId=t;ClientCert=/p", &[]);
        assert!(matches!(certificate, Err(CredentialError::Certificate)));
    }
}
