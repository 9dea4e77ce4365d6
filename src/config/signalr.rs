//! Where SignalR Service is: the connection string, found wherever the bindings find it.
//!
//! With an identity instead of a key there is no connection string but a section of settings (signalr-bindings 8.2); it is turned into
//! the connection string that says the same.

use super::Setting;
use azure_signalr::{ConnectionString, ConnectionStringError};
use std::fmt::Write;

/// The setting that the bindings find the service by, since no function.json names another one.
const CONNECTION: &str = "AzureSignalRConnectionString";

/// `None` when nothing names a service.
pub(super) fn connection_string(present: impl Fn(&str) -> Option<String>) -> Result<Option<ConnectionString>, Setting> {
    // .NET reads `__` in a variable as `:`, and the Functions host passes on either.
    let names =
        [format!("ConnectionStrings:{CONNECTION}"), format!("ConnectionStrings__{CONNECTION}"), CONNECTION.into()];
    for name in names {
        if let Some(text) = present(&name) {
            return text.parse().map(Some).map_err(|source| Setting::ConnectionString { name, source });
        }
    }
    with_an_identity(|part| {
        let names = [format!("{CONNECTION}__{part}"), format!("{CONNECTION}:{part}")];
        names.into_iter().find_map(|name| present(&name).map(|value| (name, value)))
    })
}

fn with_an_identity(part: impl Fn(&str) -> Option<(String, String)>) -> Result<Option<ConnectionString>, Setting> {
    let Some((name, address)) = part("serviceUri") else { return Ok(None) };
    let value = |name: &str| part(name).map(|(_, value)| value);
    let mut text = format!("Endpoint={address};{}", credential(value));
    for (key, part) in [("ServerEndpoint", "serverEndpoint"), ("ClientEndpoint", "clientEndpoint")] {
        if let Some(address) = value(part) {
            let _ = write!(text, ";{key}={address}");
        }
    }
    text.parse().map(Some).map_err(|source| {
        let culprit = match source {
            ConnectionStringError::InvalidServerEndpoint { .. } => part("serverEndpoint"),
            ConnectionStringError::InvalidClientEndpoint => part("clientEndpoint"),
            _ => None,
        };
        Setting::ConnectionString { name: culprit.map_or(name, |(name, _)| name), source }
    })
}

/// An application when there is a secret for one, the managed identity when that is asked for, else whatever the environment offers.
fn credential(value: impl Fn(&str) -> Option<String>) -> String {
    match (value("clientId"), value("tenantId"), value("clientSecret")) {
        (Some(client_id), Some(tenant_id), Some(secret)) => {
            format!("AuthType=azure.app;ClientId={client_id};TenantId={tenant_id};ClientSecret={secret}")
        }
        (Some(client_id), ..) => format!("AuthType=azure.msi;ClientId={client_id}"),
        _ if value("credential").is_some_and(|kind| kind.eq_ignore_ascii_case("managedidentity")) => {
            "AuthType=azure.msi".to_owned()
        }
        _ => "AuthType=azure".to_owned(),
    }
}
