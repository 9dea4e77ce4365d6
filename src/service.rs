//! SignalR Service as the handler itself asks it, beside what the bindings do: its health, who is there, and tokens.
//!
//! Nothing is built before the first call, because TLS would double the time that the handler takes to start.

use crate::api::ConnectionInfo;
use crate::config::environment;
use crate::error::chain;
use crate::identity::{Now, Principal};
use crate::trace_context;
use azure_signalr::token::{ClientToken, SignError, client_url};
use azure_signalr::{Authentication, ConnectionString, HubClient, HubName, RestClient, RestError};
use std::num::NonZeroU32;
use std::time::Duration;

/// The hub of every function.json; messages to another one reach nobody, and nothing says so (signalr-bindings 2.3).
pub(crate) const HUB: &str = "notifications";
/// How long a client may take to connect, unless its sign-in ends sooner; what the bindings give, too (signalr-bindings 7.2).
const LIFETIME: u64 = 60 * 60;
/// How long one call may take with all its repetitions: somebody is waiting.
const DEADLINE: Duration = Duration::from_secs(15);

/// Why no token can be given.
#[derive(Debug, thiserror::Error)]
pub(crate) enum AdmissionError {
    /// The caller's: by now the sign-in has ended, or will have when the client connects.
    #[error("the sign-in has ended, or ends in less than a minute; sign in again")]
    SignInEnds,
    /// The settings'.
    #[error("`AzureSignalRConnectionString` is not set")]
    NoService,
    /// The settings', or the sign-in has more claims than fit.
    #[error("no token can be signed")]
    Sign(#[from] SignError),
    /// The service's, or of the network to it.
    #[error("the service gives no token")]
    Service(#[from] RestError),
}

/// The service, if the settings name one.
#[derive(Debug)]
pub(crate) struct Service {
    client: Option<RestClient>,
}

impl Service {
    pub(crate) fn new(connection_string: Option<ConnectionString>) -> Self {
        let product = concat!(env!("CARGO_PKG_NAME"), "/", env!("CARGO_PKG_VERSION"));
        let client = |connection| {
            let client = RestClient::new(connection)
                .with_product(product)
                .with_deadline(DEADLINE)
                .with_trace(trace_context::current);
            client.clone().with_identity(environment).unwrap_or_else(|error| {
                tracing::warn!(error = chain(&error), "the service can be asked for its health only");
                client
            })
        };
        Self { client: connection_string.map(client) }
    }

    /// The hub of this app.
    pub(crate) fn hub(&self) -> Option<HubClient> {
        self.client.as_ref().map(|client| client.hub(&hub_name()))
    }

    /// Whether the service answers its health check; `None` when it cannot be asked, which says nothing about it.
    pub(crate) async fn is_healthy(&self) -> Option<bool> {
        let Some(client) = &self.client else {
            tracing::warn!(
                "`AzureSignalRConnectionString` is not set; the status does not say whether the service is healthy"
            );
            return None;
        };
        match client.health().await {
            Ok(()) => Some(true),
            Err(error @ RestError::NoHttpClient(_)) => {
                let error = chain(&error);
                tracing::error!(error, "the status does not say whether the service is healthy");
                None
            }
            Err(error) => {
                tracing::warn!(error = chain(&error), "SignalR Service is not healthy");
                Some(false)
            }
        }
    }

    /// What lets `principal` in, as nobody else and no longer than the sign-in lasts. With an access key it is signed here; otherwise
    /// the service signs it, which takes only the user and whole minutes: then there are no claims, and an open connection is not
    /// closed when the sign-in ends.
    pub(crate) async fn admit(&self, principal: &Principal, now: Now) -> Result<ConnectionInfo, AdmissionError> {
        let client = self.client.as_ref().ok_or(AdmissionError::NoService)?;
        let connection = client.connection_string();
        let left = principal.ends.map_or(LIFETIME, |ends| ends.saturating_sub(now.unix_seconds()).min(LIFETIME));
        let access_token = match connection.authentication() {
            Authentication::AccessKey(_) if left > 0 => client_token(principal, left).sign(connection, now.system)?,
            Authentication::AccessKey(_) => return Err(AdmissionError::SignInEnds),
            _ => {
                let minutes = u32::try_from(left / 60).ok().and_then(NonZeroU32::new);
                let minutes = minutes.ok_or(AdmissionError::SignInEnds)?;
                client.hub(&hub_name()).generate_token(Some(&principal.user_id), minutes).await?
            }
        };
        Ok(ConnectionInfo { url: client_url(connection, &hub_name()), access_token })
    }
}

fn client_token(principal: &Principal, lifetime: u64) -> ClientToken {
    let mut token =
        ClientToken::new(&hub_name()).user_id(Some(principal.user_id.as_str())).lifetime(Duration::from_secs(lifetime));
    for role in &principal.roles {
        token = token.claim("role", role.as_str());
    }
    for (name, value) in &principal.claims {
        token = token.claim(name, value.as_str());
    }
    // A WebSocket survives the end of its token unless the token says otherwise (signalr-service 2.2). Both values are texts, as the
    // official library writes them.
    match principal.ends {
        Some(ends) => token.claim("asrs.s.coae", "true").claim("asrs.s.aeo", ends.to_string()),
        None => token,
    }
}

fn hub_name() -> HubName {
    HUB.parse().expect("a hub name of letters")
}

#[cfg(test)]
mod tests {
    use super::*;
    use azure_signalr::{BearerToken, TokenFuture, TokenSource};
    use base64::Engine;
    use base64::engine::general_purpose::URL_SAFE_NO_PAD;
    use std::sync::Arc;
    use std::time::{Instant, SystemTime};

    const EMULATOR: &str =
        "Endpoint=http://localhost;Port=8888;AccessKey=ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789ABCDEFGH;Version=1.0;";

    fn now() -> Now {
        Now { system: SystemTime::UNIX_EPOCH + Duration::from_secs(1_700_000_000), instant: Instant::now() }
    }

    async fn admitted(ends: Option<u64>) -> Result<serde_json::Value, AdmissionError> {
        let service = Service::new(Some(EMULATOR.parse().unwrap()));
        let principal = Principal {
            user_id: "ann".parse().unwrap(),
            roles: ["a", "b"].map(str::to_owned).into(),
            claims: vec![("department".to_owned(), "sales".to_owned())],
            ends,
        };
        let info = service.admit(&principal, now()).await?;
        assert_eq!(info.url, "http://localhost:8888/client/?hub=notifications");
        let payload = info.access_token.split('.').nth(1).unwrap().to_owned();
        let payload = URL_SAFE_NO_PAD.decode(payload).unwrap();
        Ok(serde_json::from_slice(&payload).unwrap())
    }

    #[tokio::test]
    async fn the_user_the_roles_and_the_chosen_claims_are_in_the_token() {
        let claims = admitted(None).await.unwrap();
        assert_eq!(claims["asrs.s.uid"], "ann");
        assert_eq!(claims["role"], serde_json::json!(["a", "b"]));
        assert_eq!(claims["department"], "sales");
        assert_eq!(claims["exp"], 1_700_000_000 + 3600);
        assert!(claims.get("asrs.s.coae").is_none());
    }

    #[tokio::test]
    async fn the_token_and_the_connection_end_with_the_sign_in() {
        let claims = admitted(Some(1_700_000_090)).await.unwrap();
        assert_eq!(claims["exp"], 1_700_000_090);
        assert_eq!((&claims["asrs.s.coae"], &claims["asrs.s.aeo"]), (&"true".into(), &"1700000090".into()));
        let claims = admitted(Some(1_700_090_000)).await.unwrap();
        assert_eq!(claims["exp"], 1_700_000_000 + 3600);
        assert_eq!(claims["asrs.s.aeo"], "1700090000");
        // A token within its leeway has ended all the same.
        for ended in [1_699_999_990, 1_700_000_000] {
            assert!(matches!(admitted(Some(ended)).await, Err(AdmissionError::SignInEnds)));
        }
    }

    /// What stands in for an identity of Microsoft Entra.
    #[derive(Debug)]
    struct SomeIdentity;

    impl TokenSource for SomeIdentity {
        fn token<'a>(&'a self, _scope: &'a str) -> TokenFuture<'a> {
            Box::pin(async { Ok(BearerToken::new("entra", SystemTime::now() + Duration::from_secs(600))) })
        }
    }

    /// A service that gives out its own address as the token, if the caller has an identity.
    async fn without_a_key(ends: Option<u64>) -> Result<ConnectionInfo, AdmissionError> {
        async fn token(uri: axum::http::Uri, headers: axum::http::HeaderMap) -> axum::Json<serde_json::Value> {
            assert_eq!(headers["authorization"], "Bearer entra");
            axum::Json(serde_json::json!({"token": uri.to_string()}))
        }
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        tokio::spawn(async { axum::serve(listener, axum::Router::new().fallback(token)).await });
        let connection = format!("Endpoint=http://127.0.0.1:{port};AuthType=azure.msi").parse().unwrap();
        let client = RestClient::new(connection).with_tokens(Arc::new(SomeIdentity));
        let service = Service { client: Some(client) };
        let user_id = "ann".parse().unwrap();
        let principal = Principal { user_id, roles: ["a".to_owned()].into(), claims: Vec::new(), ends };
        service.admit(&principal, now()).await
    }

    #[tokio::test]
    async fn without_an_access_key_the_service_makes_the_token_for_whole_minutes() {
        let info = without_a_key(None).await.unwrap();
        assert!(info.url.ends_with("/client/?hub=notifications"), "{}", info.url);
        let (path, query) = info.access_token.split_once('?').unwrap();
        assert_eq!(path, "/api/hubs/notifications/:generateToken");
        assert!(query.contains("userId=ann") && query.contains("minutesToExpire=60"), "{query}");
        let info = without_a_key(Some(1_700_000_000 + 119)).await.unwrap();
        assert!(info.access_token.contains("minutesToExpire=1&") || info.access_token.ends_with("minutesToExpire=1"));
        assert!(matches!(without_a_key(Some(1_700_000_000 + 59)).await, Err(AdmissionError::SignInEnds)));
    }
}
