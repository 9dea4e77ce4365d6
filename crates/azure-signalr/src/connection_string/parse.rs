//! The grammar of connection strings (signalr-bindings 8.1): there is no quoting, unknown keys are ignored, and any
//! unknown `AuthType` means the access key.

use secrecy::SecretString;
use url::Url;

use super::{ApplicationCredential, Authentication, ConnectionString, ConnectionStringError as Error};
use crate::AccessKey;

/// The checks come in the order of the .NET library, so that the first complaint is the same.
pub(super) fn parse(text: &str) -> Result<ConnectionString, Error> {
    let properties = Properties::read(text)?;
    let mut endpoint = properties.endpoint()?;
    let version = properties.version()?;
    if let Some(port) = properties.port()? {
        endpoint.set_port(Some(port)).expect("http and https addresses take a port");
    }
    let client_endpoint = properties.address("ClientEndpoint", |_| Error::InvalidClientEndpoint)?;
    let server_endpoint =
        properties.address("ServerEndpoint", |value| Error::InvalidServerEndpoint { value: value.to_owned() })?;
    let authentication = properties.authentication()?;
    let text = SecretString::from(text);
    Ok(ConnectionString { endpoint, client_endpoint, server_endpoint, version, authentication, text })
}

/// The form that the official emulator prints.
pub(super) fn to_text(endpoint: &Url, key: &AccessKey) -> String {
    let port = endpoint.port().map(|port| format!("Port={port};")).unwrap_or_default();
    let mut origin = endpoint.clone();
    // An address that cannot carry a port has none: there is nothing to take away then.
    let _ = origin.set_port(None);
    format!("Endpoint={};{port}AccessKey={};Version=1.0;", origin.as_str().trim_end_matches('/'), key.expose())
}

struct Properties<'a>(Vec<(&'a str, &'a str)>);

impl<'a> Properties<'a> {
    fn read(text: &'a str) -> Result<Self, Error> {
        let parts: Vec<&str> = text.split(';').filter(|part| !part.is_empty()).collect();
        if parts.len() < 2 {
            return Err(Error::TooFewProperties);
        }
        let mut properties = Self(Vec::with_capacity(parts.len()));
        for (key, value) in parts.iter().filter_map(|part| part.split_once('=')) {
            let key = key.trim();
            if properties.get(key).is_some() {
                return Err(Error::DuplicateProperty { key: key.to_owned() });
            }
            properties.0.push((key, value.trim()));
        }
        Ok(properties)
    }

    fn get(&self, key: &str) -> Option<&'a str> {
        self.0.iter().find(|(name, _)| name.eq_ignore_ascii_case(key)).map(|(_, value)| *value)
    }

    fn owned(&self, key: &str) -> Option<String> {
        self.get(key).map(str::to_owned)
    }

    fn endpoint(&self) -> Result<Url, Error> {
        let value = self.get("Endpoint").ok_or(Error::MissingEndpoint)?;
        address(value.trim_end_matches('/')).ok_or(Error::InvalidEndpoint)
    }

    /// `^1\.\d+(?:[\w-.]+)?$`
    fn version(&self) -> Result<Option<String>, Error> {
        let Some(version) = self.get("Version") else { return Ok(None) };
        let minor = version.strip_prefix("1.").unwrap_or_default();
        let starts_well = minor.starts_with(|first: char| first.is_ascii_digit());
        if !starts_well || !minor.chars().all(|c| c.is_alphanumeric() || "_-.".contains(c)) {
            return Err(Error::UnsupportedVersion { version: version.to_owned() });
        }
        Ok(Some(version.to_owned()))
    }

    fn port(&self) -> Result<Option<u16>, Error> {
        let Some(text) = self.get("Port") else { return Ok(None) };
        match text.parse() {
            Ok(port) if port > 0 => Ok(Some(port)),
            _ => Err(Error::InvalidPort),
        }
    }

    fn address(&self, key: &str, error: impl Fn(&str) -> Error) -> Result<Option<Url>, Error> {
        self.get(key).map(|value| address(value).ok_or_else(|| error(value))).transpose()
    }

    fn authentication(&self) -> Result<Authentication, Error> {
        match self.get("AuthType").map(str::to_ascii_lowercase).as_deref() {
            Some("azure") => Ok(Authentication::AzureDefault),
            Some("azure.msi") => Ok(Authentication::ManagedIdentity { client_id: self.owned("ClientId") }),
            Some("azure.app") => {
                let client_id = self.owned("ClientId").ok_or(Error::MissingClientId)?;
                let tenant_id = self.owned("TenantId").ok_or(Error::MissingTenantId)?;
                self.application(client_id, tenant_id)
            }
            Some("aad") => match (self.owned("ClientId"), self.owned("TenantId")) {
                (Some(client_id), Some(tenant_id)) => self.application(client_id, tenant_id),
                (client_id, _) => Ok(Authentication::ManagedIdentity { client_id }),
            },
            _ => self.signed_with_key(),
        }
    }

    fn application(&self, client_id: String, tenant_id: String) -> Result<Authentication, Error> {
        let credential = match self.get("ClientSecret") {
            Some(secret) => ApplicationCredential::Secret(SecretString::from(secret)),
            None => ApplicationCredential::Certificate(self.certificate().ok_or(Error::MissingClientSecret)?),
        };
        Ok(Authentication::Application { client_id, tenant_id, credential })
    }

    // The documentation and the code of March 2024 disagree about the name (signalr-bindings 13): either will do.
    fn certificate(&self) -> Option<String> {
        self.owned("ClientCertPath").or_else(|| self.owned("ClientCert"))
    }

    fn signed_with_key(&self) -> Result<Authentication, Error> {
        // .NET takes an empty key and fails at the first token; here it is as good as none.
        let key = self.get("AccessKey").filter(|key| !key.is_empty()).ok_or(Error::MissingAccessKey)?;
        Ok(Authentication::AccessKey(AccessKey::new(key)))
    }
}

/// An absolute http or https address. The `url` crate alone would also take `http:localhost` and `https:///host`.
fn address(text: &str) -> Option<Url> {
    let (scheme, rest) = text.split_once("://")?;
    let http = scheme.eq_ignore_ascii_case("http") || scheme.eq_ignore_ascii_case("https");
    if !http || rest.starts_with(['/', '\\']) {
        return None;
    }
    Url::parse(text).ok()
}
