//! The REST interface of the service: everything that a server can do without a connection of its own.
//!
//! "Accepted" is all that the service ever says: a message to a user, group or connection that does not exist is
//! accepted too, and goes nowhere (signalr-service 1.6).
//!
//! Begin with [`RestClient`]; [`RestClient::hub`] has the operations.

mod answer;
mod call;
mod connection;
mod error;
mod error_code;
mod everyone;
mod exchange;
mod execute;
mod group;
mod http_client;
mod hub;
mod members;
mod retry;
mod stream;
#[cfg(test)]
mod tests;
mod user;

use std::fmt;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use tokio::sync::Semaphore;

use crate::credential::{CredentialError, TokenSource};
use crate::token::TemporaryKey;
use crate::{ApplicationName, ConnectionString, HubName};
use call::Call;
use http_client::HttpClient;

pub use connection::{ClientResult, Connection};
pub use error::RestError;
pub use error_code::ErrorCode;
pub use everyone::{Closing, Everyone};
pub use execute::{Command, EmptyFilter, Filter};
pub use group::Group;
pub use hub::HubClient;
pub use members::{GroupMember, Members};
pub use retry::{Backoff, RetryPolicy};
pub use stream::ClientStream;
pub use user::User;

/// How long one attempt, and a message with all its attempts, may take (signalr-bindings 10.2).
const CALL_TIMEOUT: Duration = Duration::from_secs(100);

/// How long the answer about the service's health may take (signalr-bindings 10.4).
const HEALTH_TIMEOUT: Duration = Duration::from_secs(2);

/// How many calls are under way at once unless said otherwise.
const CONCURRENCY: usize = 64;

/// A client of one SignalR resource. Cloning is cheap; clones share connections and the limit of concurrent calls.
///
/// Nothing is built before the first call, in particular no TLS, which would be most of the time that a small process takes to start.
///
/// ```no_run
/// use azure_signalr::{ConnectionString, Message, RestClient, Target};
///
/// # async fn example(connection: ConnectionString) -> Result<(), Box<dyn std::error::Error>> {
/// let hub = RestClient::new(connection).hub(&"serverless".parse()?);
/// let message = Message::to_group("admins".parse()?, Target::from_static("newMessage")).argument("hello")?;
/// hub.send(&message).await?;
/// # Ok(())
/// # }
/// ```
#[derive(Debug, Clone)]
pub struct RestClient {
    connection: Arc<ConnectionString>,
    application: Option<ApplicationName>,
    http: HttpClient,
    tokens: Option<Arc<dyn TokenSource>>,
    timeout: Duration,
    deadline: Option<Duration>,
    retry: RetryPolicy,
    permits: Arc<Semaphore>,
    agent: Arc<str>,
    request_id: Option<Arc<str>>,
    trace: Trace,
    now: Now,
}

/// What tells the trace that a call belongs to.
#[derive(Clone)]
struct Trace(Arc<dyn Fn() -> Option<String> + Send + Sync>);

impl fmt::Debug for Trace {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Trace")
    }
}

/// What dates the tokens.
#[derive(Clone)]
struct Now(Arc<dyn Fn() -> SystemTime + Send + Sync>);

impl fmt::Debug for Now {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Now")
    }
}

impl RestClient {
    /// A client for the resource of `connection` with an HTTP client of its own. It goes through the system's proxy, but never for a
    /// service on this machine. For an `http` address it needs no certificate authorities, and trusts none.
    pub fn new(connection: ConnectionString) -> Self {
        let (os, arch) = (std::env::consts::OS, std::env::consts::ARCH);
        let agent = format!("azure-signalr-rust/{} ({os}; {arch})", env!("CARGO_PKG_VERSION"));
        Self {
            connection: Arc::new(connection),
            application: None,
            http: HttpClient::at_first_use(),
            tokens: None,
            timeout: CALL_TIMEOUT,
            deadline: None,
            retry: RetryPolicy::default(),
            permits: Arc::new(Semaphore::new(CONCURRENCY)),
            agent: agent.into(),
            request_id: None,
            trace: Trace(Arc::new(|| None)),
            now: Now(Arc::new(SystemTime::now)),
        }
    }

    /// Uses an HTTP client that is there already. For a service on this machine it should be built with `no_proxy`: otherwise
    /// `HTTP_PROXY` catches the calls.
    #[must_use]
    pub fn with_http(self, http: reqwest::Client) -> Self {
        Self { http: HttpClient::given(http), ..self }
    }

    /// Makes calls with the identity that the connection string names by `AuthType`, from the feature `entra`. Where it has an access key,
    /// nothing changes. `environment` gives the variables that decide for `AuthType=azure`; nothing is asked before the first call.
    ///
    /// # Errors
    ///
    /// When the feature is off, or the identity is of a kind that cannot be used.
    pub fn with_identity(self, environment: impl Fn(&str) -> Option<String>) -> Result<Self, CredentialError> {
        if self.connection.access_key().is_some() {
            return Ok(self);
        }
        let tokens = identity_tokens(&self.connection, environment)?;
        Ok(self.with_tokens(tokens))
    }

    /// Asks `tokens` for the bearer token of every call, instead of signing with an access key.
    #[must_use]
    pub fn with_tokens(self, tokens: Arc<dyn TokenSource>) -> Self {
        Self { tokens: Some(tokens), ..self }
    }

    /// Works on the hubs of one application, which the service keeps apart from those without one.
    #[must_use]
    pub fn with_application(self, application: ApplicationName) -> Self {
        Self { application: Some(application), ..self }
    }

    /// Changes how long one attempt may take, from connecting to the end of the answer. 100 seconds unless set.
    #[must_use]
    pub fn with_timeout(self, timeout: Duration) -> Self {
        Self { timeout, ..self }
    }

    /// Changes how long a call may take with all its repetitions and with the wait for its turn. Unless set, messages have 100 seconds
    /// and other calls end with their last attempt, as in the official library.
    #[must_use]
    pub fn with_deadline(self, deadline: Duration) -> Self {
        Self { deadline: Some(deadline), ..self }
    }

    /// Changes how often and when a failed call is made again.
    #[must_use]
    pub fn with_retry(self, retry: RetryPolicy) -> Self {
        Self { retry, ..self }
    }

    /// Changes how many calls are under way at once, over all clones: 64 unless set, and at least one. A call beyond them waits for its
    /// turn, and fails where its deadline comes first.
    #[must_use]
    pub fn with_concurrency(self, calls: usize) -> Self {
        Self { permits: Arc::new(Semaphore::new(calls.clamp(1, Semaphore::MAX_PERMITS))), ..self }
    }

    /// Names the calling program in the user agent, such as `my-app/1.2`, after this library's own name.
    #[must_use]
    pub fn with_product(self, product: &str) -> Self {
        Self { agent: format!("{} {product}", self.agent).into(), ..self }
    }

    /// Sends this text as `x-ms-client-request-id` with every call, so that calls can be told apart that have different causes. It must
    /// be visible ASCII; otherwise calls fail as [`RestError::Unanswered`].
    #[must_use]
    pub fn with_request_id(self, id: impl Into<Arc<str>>) -> Self {
        Self { request_id: Some(id.into()), ..self }
    }

    /// Makes calls parts of somebody's trace: with each attempt `current` is asked for the `traceparent` (W3C Trace Context) of what goes
    /// on, on the task that makes the call. It is sent as it is; where there is none, none is sent.
    #[must_use]
    pub fn with_trace(self, current: impl Fn() -> Option<String> + Send + Sync + 'static) -> Self {
        Self { trace: Trace(Arc::new(current)), ..self }
    }

    /// Dates tokens by another clock than the system's, for a service that keeps the same one, such as an emulator in a test.
    #[must_use]
    pub fn with_time(self, now: impl Fn() -> SystemTime + Send + Sync + 'static) -> Self {
        Self { now: Now(Arc::new(now)), ..self }
    }

    /// The operations on one hub. A hub exists as soon as somebody uses it.
    pub fn hub(&self, hub: &HubName) -> HubClient {
        HubClient::new(self.clone(), hub.clone())
    }

    /// The resource.
    pub fn connection_string(&self) -> &ConnectionString {
        &self.connection
    }

    /// Asks the service, without a token, whether it is well; once, and waits two seconds at most.
    ///
    /// # Errors
    ///
    /// When the answer is not a success, or does not come in time.
    pub async fn health(&self) -> Result<(), RestError> {
        self.ask_health().await
    }

    /// The key with which the service lets an Entra identity sign client tokens; it should be asked for anew every 55 minutes
    /// (signalr-service 1.7). [`HubClient::generate_token`] needs no key.
    ///
    /// # Errors
    ///
    /// [`RestError`]; the service refuses callers that have an access key already.
    pub async fn access_key(&self) -> Result<TemporaryKey, RestError> {
        self.perform(&Call::access_key()).await?.json()
    }
}

#[cfg(feature = "entra")]
use crate::entra::tokens as identity_tokens;

#[cfg(not(feature = "entra"))]
fn identity_tokens(
    connection: &ConnectionString,
    _environment: impl Fn(&str) -> Option<String>,
) -> Result<Arc<dyn TokenSource>, CredentialError> {
    Err(CredentialError::FeatureOff { auth_type: connection.authentication().auth_type() })
}
