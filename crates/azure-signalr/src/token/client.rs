//! Client tokens: what a client needs, beside the address, to connect to one hub.
//!
//! The audience is never the address that the client connects to: it has no port, and `ClientEndpoint` does not change
//! it (signalr-bindings 7.2).

use std::time::{Duration, SystemTime};

use serde_json::{Map, Value};

use super::jwt::{DEFAULT_LIFETIME, Draft, SignError, key_of};
use super::{TemporaryKey, unix_seconds};
use crate::{ConnectionString, HubName};

const USER_ID: &str = "asrs.s.uid";

/// Claim types that mean something in every token; as custom claims they travel under another name.
const RESERVED: [&str; 11] = ["aud", "exp", "iat", "nbf", "iss", "actort", "acr", "azp", "c_hash", "jti", "nonce"];

/// The long .NET names of claims, and how they are written in a token.
const SHORT_NAMES: [(&str, &str); 4] = [
    ("http://schemas.xmlsoap.org/ws/2005/05/identity/claims/nameidentifier", "nameid"),
    ("http://schemas.xmlsoap.org/ws/2005/05/identity/claims/name", "unique_name"),
    ("http://schemas.microsoft.com/ws/2008/06/identity/claims/role", "role"),
    ("http://schemas.xmlsoap.org/ws/2005/05/identity/claims/emailaddress", "email"),
];

/// A client token in the making: good for one hub, for an hour unless said otherwise, anonymous unless said otherwise.
///
/// ```
/// use std::time::{Duration, SystemTime};
///
/// use azure_signalr::token::{ClientToken, client_url};
/// use azure_signalr::{ConnectionString, HubName};
///
/// let connection: ConnectionString =
///     "Endpoint=http://localhost;Port=8888;AccessKey=ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789ABCDEFGH;Version=1.0;".parse()?;
/// let hub: HubName = "serverless".parse()?;
/// let token = ClientToken::new(&hub)
///     .user_id(Some("alice"))
///     .claim("role", "admin")
///     .lifetime(Duration::from_secs(600))
///     .sign(&connection, SystemTime::now())?;
/// assert_eq!(client_url(&connection, &hub), "http://localhost:8888/client/?hub=serverless");
/// # assert_eq!(token.split('.').count(), 3);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone)]
pub struct ClientToken {
    hub: HubName,
    user_id: Option<String>,
    claims: Vec<(String, Value)>,
    lifetime: Duration,
    key_id: Option<String>,
}

impl ClientToken {
    /// An anonymous token for `hub`.
    pub fn new(hub: &HubName) -> Self {
        Self { hub: hub.clone(), user_id: None, claims: Vec::new(), lifetime: DEFAULT_LIFETIME, key_id: None }
    }

    /// Who the client is. `Some("")` is written into the token as the binding does (signalr-bindings 4.3); the service
    /// has no use for it, so prefer `None` for somebody unknown.
    #[must_use]
    pub fn user_id(mut self, user_id: Option<&str>) -> Self {
        self.user_id = user_id.map(str::to_owned);
        self
    }

    /// Adds a claim, which upstream events then carry. Reserved types get the prefix `asrs.u.`, long .NET types their
    /// short name, and a repeated type becomes an array (signalr-bindings 7.2). System claims such as `asrs.s.ttl` are
    /// given here too.
    #[must_use]
    pub fn claim(mut self, name: impl Into<String>, value: impl Into<Value>) -> Self {
        self.claims.push((name.into(), value.into()));
        self
    }

    /// How long the token can be used to connect. A WebSocket that is open then stays open (signalr-service 2.2).
    #[must_use]
    pub fn lifetime(mut self, lifetime: Duration) -> Self {
        self.lifetime = lifetime;
        self
    }

    /// Writes a `kid` into the header. The service ignores it for access keys; it exists to reproduce other libraries.
    #[must_use]
    pub fn key_id(mut self, key_id: impl Into<String>) -> Self {
        self.key_id = Some(key_id.into());
        self
    }

    /// The finished token, good from `now` on.
    ///
    /// # Errors
    ///
    /// When the connection string has no access key, or the claims make the token longer than 4,096 characters.
    pub fn sign(&self, connection: &ConnectionString, now: SystemTime) -> Result<String, SignError> {
        self.draft(self.key_id.as_deref(), connection, now)?.sign(key_of(connection)?)
    }

    /// The finished token, signed with the key that the service lends to an Entra identity
    /// ([`RestClient::access_key`](crate::RestClient::access_key)), whose id it names.
    ///
    /// # Errors
    ///
    /// When the claims make the token longer than 4,096 characters.
    pub fn sign_with(
        &self,
        lent: &TemporaryKey,
        connection: &ConnectionString,
        now: SystemTime,
    ) -> Result<String, SignError> {
        self.draft(Some(&lent.key_id), connection, now)?.sign(&lent.key)
    }

    fn draft<'a>(
        &self,
        key_id: Option<&'a str>,
        connection: &ConnectionString,
        now: SystemTime,
    ) -> Result<Draft<'a>, SignError> {
        Ok(Draft {
            key_id,
            claims: self.payload()?,
            now: unix_seconds(now),
            lifetime: self.lifetime,
            issuer: None,
            audience: format!("{}client/?hub={}", connection.audience_base(), self.hub),
        })
    }

    fn payload(&self) -> Result<Map<String, Value>, SignError> {
        let mut payload = Map::new();
        if let Some(user_id) = &self.user_id {
            payload.insert(USER_ID.to_owned(), user_id.as_str().into());
        }
        for (name, value) in &self.claims {
            if name == USER_ID {
                return Err(SignError::UserIdAsClaim);
            }
            let wire_name = wire_name(name, &payload);
            append(&mut payload, wire_name, value.clone());
        }
        Ok(payload)
    }
}

/// Where clients of `hub` connect: `{ClientEndpoint}client/?hub={hub}`, port included.
pub fn client_url(connection: &ConnectionString, hub: &HubName) -> String {
    format!("{}client/?hub={hub}", connection.client_url())
}

fn wire_name(name: &str, payload: &Map<String, Value>) -> String {
    if let Some((_, short)) = SHORT_NAMES.iter().find(|(long, _)| *long == name) {
        return (*short).to_owned();
    }
    let second_subject = name == "sub" && payload.contains_key("sub");
    if second_subject || RESERVED.contains(&name) { format!("asrs.u.{name}") } else { name.to_owned() }
}

fn append(payload: &mut Map<String, Value>, name: String, value: Value) {
    match payload.get_mut(&name) {
        None => {
            payload.insert(name, value);
        }
        Some(Value::Array(values)) => values.push(value),
        Some(first) => *first = Value::Array(vec![first.take(), value]),
    }
}
