//! What is wrong with a connection string, in the words of the .NET library (signalr-bindings 8.1).
//!
//! A text repeats at most a key's name, a version or a server endpoint: never a secret.

/// Why a connection string was refused. Always the fault of whoever wrote the setting.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ConnectionStringError {
    /// Fewer than two parts between semicolons: not a connection string at all.
    #[error("Connection string missing required properties endpoint.")]
    TooFewProperties,
    /// The same key twice, whatever its case.
    #[error("Duplicate properties found in connection string: {key}.")]
    DuplicateProperty {
        /// The key, as its second appearance spells it.
        key: String,
    },
    /// There is no `Endpoint`.
    #[error("Connection string missing required properties endpoint.")]
    MissingEndpoint,
    /// `Endpoint` is not an absolute http or https address.
    #[error("Invalid value for endpoint property, it must be a valid URI.")]
    InvalidEndpoint,
    /// `Version` is not a version 1.
    #[error("Version {version} is not supported.")]
    UnsupportedVersion {
        /// The value.
        version: String,
    },
    /// `Port` is not a number from 1 to 65535.
    #[error("Invalid value for port property, it must be an positive integer between (0, 65536)")]
    InvalidPort,
    /// `ClientEndpoint` is not an absolute http or https address.
    #[error("Invalid value for clientEndpoint property, it must be a valid URI.")]
    InvalidClientEndpoint,
    /// `ServerEndpoint` is not an absolute http or https address.
    #[error("ServerEndpoint property in connection string is not a valid URI: {value}.")]
    InvalidServerEndpoint {
        /// The value.
        value: String,
    },
    /// There is no `AccessKey`, or an empty one, and `AuthType` names nothing else.
    #[error("accesskey is required.")]
    MissingAccessKey,
    /// `AuthType=azure.app` without `ClientId`.
    #[error("Connection string missing required properties clientId.")]
    MissingClientId,
    /// `AuthType=azure.app` without `TenantId`.
    #[error("Connection string missing required properties tenantId.")]
    MissingTenantId,
    /// An application without `ClientSecret` and without a certificate.
    #[error("Connection string missing required properties clientSecret or clientCert.")]
    MissingClientSecret,
}

impl ConnectionStringError {
    /// The argument that .NET names after the text, as in `accesskey is required. (Parameter 'accesskey')`.
    pub fn parameter(&self) -> Option<&'static str> {
        match self {
            Self::TooFewProperties => Some("connectionString"),
            Self::MissingEndpoint | Self::InvalidEndpoint => Some("endpoint"),
            Self::UnsupportedVersion { .. } => Some("version"),
            Self::InvalidPort => Some("port"),
            Self::InvalidClientEndpoint => Some("clientEndpoint"),
            Self::MissingAccessKey => Some("accesskey"),
            _ => None,
        }
    }
}
