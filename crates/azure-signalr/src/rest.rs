//! The REST interface of the service: sending messages and changing groups without the output binding.
//!
//! "Accepted" is all that the service ever says: a message to a user, group or connection that does not exist is
//! accepted too, and goes nowhere (signalr-service 1.6).

mod call;
mod error;
#[cfg(test)]
mod tests;

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use http::{HeaderMap, Method, StatusCode};
use reqwest::{RequestBuilder, Response};

pub use error::RestError;

use crate::token::{RestToken, SignError};
use crate::{ConnectionString, GroupAction, HubName, Message};
use call::Call;

/// The oldest version that has every call made here, so that every deployment and every emulator knows it; the
/// libraries of March 2024 send it too. Nothing in `2024-12-01` is needed for these calls.
const API_VERSION: &str = "2022-06-01";

/// How long a call may take (signalr-bindings 10.2).
const CALL_TIMEOUT: Duration = Duration::from_secs(100);

/// How long the answer about the service's health may take (signalr-bindings 10.4).
const HEALTH_TIMEOUT: Duration = Duration::from_secs(2);

/// How much of an answer is read. Answers are empty or a few lines; only the text of a 400 is used.
const ANSWER_LIMIT: usize = 64 * 1024;

const AGENT_HEADER: &str = "Asrs-User-Agent";
const ERROR_CODE_HEADER: &str = "x-ms-error-code";
const REQUEST_ID_HEADER: &str = "x-ms-client-request-id";

/// Sends messages and group actions to the service. Cloning is cheap and shares the connection pool.
///
/// Every call is made once. A caller that repeats one should know the official rule: a message only after a status
/// *above* 500, because a 500 may come after delivery (signalr-bindings 10.2).
///
/// ```no_run
/// use azure_signalr::{ConnectionString, Message, RestClient, Target};
///
/// # async fn example(connection: ConnectionString) -> Result<(), Box<dyn std::error::Error>> {
/// let client = RestClient::new(connection, reqwest::Client::builder().build()?);
/// let hub = "serverless".parse()?;
/// let message = Message::to_group("admins".parse()?, Target::from_static("newMessage")).argument("hello")?;
/// client.send(&hub, &message).await?;
/// # Ok(())
/// # }
/// ```
#[derive(Debug, Clone)]
pub struct RestClient {
    connection: Arc<ConnectionString>,
    http: reqwest::Client,
    timeout: Duration,
    agent: Arc<str>,
    request_id: Option<Arc<str>>,
}

impl RestClient {
    /// A client for the resource of `connection`. For a service on this machine, build `http` with `no_proxy`:
    /// otherwise `HTTP_PROXY` catches the calls.
    pub fn new(connection: ConnectionString, http: reqwest::Client) -> Self {
        let (os, arch) = (std::env::consts::OS, std::env::consts::ARCH);
        let agent = format!("azure-signalr-rust/{} ({os}; {arch})", env!("CARGO_PKG_VERSION"));
        Self { connection: Arc::new(connection), http, timeout: CALL_TIMEOUT, agent: agent.into(), request_id: None }
    }

    /// A client for the resource of `connection` with an HTTP client of its own. It goes through the system's proxy, but never for a
    /// service on this machine. For an `http` address it needs no certificate authorities, and trusts none.
    ///
    /// # Errors
    /// When no HTTP client can be built, for example for an `https` address where the system has no certificate authorities.
    pub fn connect(connection: ConnectionString) -> Result<Self, reqwest::Error> {
        let url = connection.server_url();
        let on_this_machine = match url.host() {
            Some(url::Host::Domain(name)) => name.eq_ignore_ascii_case("localhost"),
            Some(url::Host::Ipv4(address)) => address.is_loopback(),
            Some(url::Host::Ipv6(address)) => address.is_loopback(),
            None => false,
        };
        let builder = reqwest::Client::builder();
        let builder = if on_this_machine { builder.no_proxy() } else { builder };
        // Otherwise a machine without certificate authorities, such as a bare container, could not even reach the emulator.
        let builder = if url.scheme() == "http" { builder.tls_certs_only([]) } else { builder };
        let http = builder.build()?;
        Ok(Self::new(connection, http))
    }

    /// Changes how long a call may take, from connecting to the end of the answer. 100 seconds unless set.
    #[must_use]
    pub fn with_timeout(mut self, timeout: Duration) -> Self {
        self.timeout = timeout;
        self
    }

    /// Sends this text as `x-ms-client-request-id` with every call, so that calls can be told apart that have different causes. It must
    /// be visible ASCII; otherwise calls fail as [`RestError::Unanswered`].
    #[must_use]
    pub fn with_request_id(mut self, id: impl Into<Arc<str>>) -> Self {
        self.request_id = Some(id.into());
        self
    }

    /// Sends `message` to its recipient.
    ///
    /// # Errors
    ///
    /// When the connection string cannot sign, the service refuses the call, or it does not answer.
    pub async fn send(&self, hub: &HubName, message: &Message) -> Result<(), RestError> {
        self.make(Call::send(hub, message)).await
    }

    /// Changes the membership of a group. Adding a connection that has ended is a success, as it is for the binding;
    /// removing one is whatever the service says.
    ///
    /// # Errors
    ///
    /// When the connection string cannot sign, the service refuses the call, or it does not answer.
    pub async fn apply(&self, hub: &HubName, action: &GroupAction) -> Result<(), RestError> {
        self.make(Call::apply(hub, action)).await
    }

    /// Asks the service, without a token, whether it is well; waits two seconds at most.
    ///
    /// # Errors
    ///
    /// When the answer is not a success, or does not come in time.
    pub async fn health(&self) -> Result<(), RestError> {
        let uri = self.address("api/health");
        let timeout = self.timeout.min(HEALTH_TIMEOUT);
        let answer = self.answer_to(self.http.request(Method::HEAD, &uri).timeout(timeout), &uri).await?;
        judge(answer, uri, None)
    }

    async fn make(&self, call: Call) -> Result<(), RestError> {
        let token = self.sign(&call.path)?;
        let uri = self.address(&call.path);
        let mut request = self.http.request(call.method, &uri).timeout(self.timeout).bearer_auth(token);
        if let Some(body) = call.body {
            request = request.header(http::header::CONTENT_TYPE, "application/json; charset=utf-8").body(body);
        }
        judge(self.answer_to(request, &uri).await?, uri, call.tolerated)
    }

    fn sign(&self, path: &str) -> Result<String, SignError> {
        RestToken::for_path(path).sign(&self.connection, SystemTime::now())
    }

    fn address(&self, path: &str) -> String {
        format!("{}{path}?api-version={API_VERSION}", self.connection.server_url())
    }

    async fn answer_to(&self, request: RequestBuilder, uri: &str) -> Result<Answer, RestError> {
        let unanswered =
            |error: reqwest::Error| RestError::Unanswered { uri: uri.to_owned(), source: error.without_url() };
        let mut request = request.header(AGENT_HEADER, &*self.agent);
        if let Some(id) = &self.request_id {
            request = request.header(REQUEST_ID_HEADER, &**id);
        }
        let response = request.send().await.map_err(unanswered)?;
        let (status, code) = (response.status(), error_code(response.headers()));
        // A status is an answer, even where the rest of it does not arrive.
        Ok(Answer { status, code, body: read_body(response).await })
    }
}

struct Answer {
    status: StatusCode,
    code: Option<String>,
    body: String,
}

/// Reads to the end, so that the connection can be used again, but never more than the limit.
async fn read_body(mut response: Response) -> String {
    let mut body = Vec::new();
    while let Ok(Some(chunk)) = response.chunk().await {
        let room = ANSWER_LIMIT - body.len();
        body.extend_from_slice(&chunk[..chunk.len().min(room)]);
        if body.len() == ANSWER_LIMIT {
            break;
        }
    }
    String::from_utf8_lossy(&body).into_owned()
}

fn error_code(headers: &HeaderMap) -> Option<String> {
    headers.get(ERROR_CODE_HEADER)?.to_str().ok().map(str::to_owned)
}

/// Turns an answer into the words of the official library; `tolerated` is the code with which a 404 is a success.
fn judge(answer: Answer, uri: String, tolerated: Option<&str>) -> Result<(), RestError> {
    let Answer { status, code, body } = answer;
    match status {
        status if status.is_success() => Ok(()),
        StatusCode::NOT_FOUND if is_tolerated(code.as_deref(), tolerated) => {
            tracing::debug!(uri, "the service does not know what the call names; that is no error here");
            Ok(())
        }
        StatusCode::BAD_REQUEST => Err(RestError::InvalidArgument { body, code, uri }),
        StatusCode::UNAUTHORIZED => Err(RestError::Unauthorized { code, uri }),
        StatusCode::NOT_FOUND => Err(RestError::NotFound { code, uri }),
        status => Err(RestError::Runtime { status, code, uri }),
    }
}

fn is_tolerated(code: Option<&str>, tolerated: Option<&str>) -> bool {
    code.zip(tolerated).is_some_and(|(code, tolerated)| code.eq_ignore_ascii_case(tolerated))
}
