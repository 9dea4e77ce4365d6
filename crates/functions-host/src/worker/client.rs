//! The way to the handler: plain HTTP/1.1 on this machine, over connections that are kept.
//!
//! Easily missed: a connection that was kept may be closed by the handler at any time. A request of which nothing was sent goes out
//! again over a new one; one of which something was sent does not, since the handler may have run it.

use std::error::Error;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use axum::body::Body;
use bytes::Bytes;
use http::{HeaderValue, Method, Request, Response, StatusCode, header};
use http_body_util::BodyExt as _;
use hyper::body::Incoming;
use url::Url;

use crate::app::HttpMode;
use connection::Connection;

mod connection;

/// How many connections are kept while no call uses them; more are closed.
const KEPT: usize = 256;

/// How often a handler may redirect a call, as .NET follows it.
const REDIRECTS: usize = 50;

/// Calls the handler. Cheap to clone; clones share their connections.
#[derive(Debug, Clone)]
pub(crate) struct HandlerClient(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    address: SocketAddr,
    host: HeaderValue,
    redirects: Redirects,
    idle: Mutex<Vec<Connection>>,
    /// For what the handler redirects, which is rare and may lead anywhere.
    follower: OnceLock<reqwest::Client>,
}

/// What becomes of a redirection by the handler (functions-host 2.2).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Redirects {
    Followed,
    PassedOn,
}

/// A response that has begun, and its connection.
#[derive(Debug)]
pub(crate) struct Begun {
    pub(crate) response: Response<Incoming>,
    client: HandlerClient,
    connection: Connection,
}

/// Why the handler did not answer, as .NET words it.
#[derive(Debug, thiserror::Error)]
pub(crate) enum CallError {
    /// Nobody listens there.
    #[error("Connection refused ({0})")]
    Refused(SocketAddr),
    /// The connection broke, or what came over it is not HTTP.
    #[error("An error occurred while sending the request. {}", innermost(&**.0))]
    Broken(Box<dyn Error + Send + Sync>),
}

impl CallError {
    pub(crate) fn broken(error: impl Error + Send + Sync + 'static) -> CallError {
        CallError::Broken(Box::new(error))
    }
}

impl HandlerClient {
    /// Calls a handler there. Nothing is connected yet.
    pub(crate) fn new(address: SocketAddr, mode: HttpMode) -> HandlerClient {
        let host = HeaderValue::try_from(address.to_string()).expect("an address is printable text");
        let redirects = match mode {
            HttpMode::Forward | HttpMode::Proxy => Redirects::PassedOn,
            HttpMode::Envelope | HttpMode::ForwardToFunctionName => Redirects::Followed,
        };
        HandlerClient(Arc::new(Shared { address, host, redirects, idle: Mutex::default(), follower: OnceLock::new() }))
    }

    /// Sends a request whose body is here and reads the whole response. `body_of` frames the body.
    pub(crate) async fn call(
        &self,
        request: Request<Bytes>,
        body_of: impl Fn(Bytes) -> Body,
    ) -> Result<Response<Bytes>, CallError> {
        let (parts, body) = request.into_parts();
        let is_followed = self.0.redirects == Redirects::Followed;
        // What a redirection needs again; bodies are shared.
        let again = is_followed.then(|| (parts.method.clone(), parts.uri.clone(), body.clone()));
        let begun = self.begin(Request::from_parts(parts, body_of(body))).await?;
        match (again, redirection(&begun.response)) {
            // Rare and large.
            (Some(again), Some(location)) => Box::pin(self.follow(again, location)).await,
            _ => begun.whole().await,
        }
    }

    /// Sends a request and returns when the response begins.
    pub(crate) async fn begin(&self, mut request: Request<Body>) -> Result<Begun, CallError> {
        if !request.headers().contains_key(header::HOST) {
            request.headers_mut().insert(header::HOST, self.0.host.clone());
        }
        while let Some(mut connection) = self.take().await {
            match connection.send(request).await {
                Ok(response) => return Ok(Begun { response, client: self.clone(), connection }),
                Err(mut error) => match error.take_message() {
                    Some(unsent) => request = unsent,
                    None => return Err(CallError::broken(error.into_error())),
                },
            }
        }
        let mut connection = Box::pin(Connection::open(self.0.address)).await?;
        match connection.send(request).await {
            Ok(response) => Ok(Begun { response, client: self.clone(), connection }),
            Err(error) => Err(CallError::broken(error.into_error())),
        }
    }

    /// A kept connection, the one that was used last. Those that the handler has closed are dropped.
    async fn take(&self) -> Option<Connection> {
        loop {
            let mut connection = self.idle().pop()?;
            if connection.is_free().await {
                return Some(connection);
            }
        }
    }

    async fn keep(&self, mut connection: Connection) {
        if connection.is_free().await {
            let mut idle = self.idle();
            if idle.len() < KEPT {
                idle.push(connection);
            }
        }
    }

    fn idle(&self) -> std::sync::MutexGuard<'_, Vec<Connection>> {
        self.0.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A POST becomes a GET, unless the handler says to repeat it.
    async fn follow(
        &self,
        (method, uri, body): (Method, http::Uri, Bytes),
        (status, location): (StatusCode, String),
    ) -> Result<Response<Bytes>, CallError> {
        let base = Url::parse(&format!("http://{}{uri}", self.0.address)).map_err(CallError::broken)?;
        let target = base.join(&location).map_err(CallError::broken)?;
        let repeats = matches!(status, StatusCode::TEMPORARY_REDIRECT | StatusCode::PERMANENT_REDIRECT);
        let follower = match self.0.follower.get() {
            Some(follower) => follower,
            None => {
                let made =
                    local_client(reqwest::redirect::Policy::limited(REDIRECTS - 1)).map_err(CallError::broken)?;
                self.0.follower.get_or_init(|| made)
            }
        };
        let request = if repeats {
            follower.request(method, target).header(header::CONTENT_TYPE, "application/json; charset=utf-8").body(body)
        } else {
            follower.get(target)
        };
        let response = request.send().await.map_err(CallError::broken)?;
        let mut whole = Response::new(Bytes::new());
        (*whole.status_mut(), *whole.headers_mut()) = (response.status(), response.headers().clone());
        *whole.body_mut() = response.bytes().await.map_err(CallError::broken)?;
        Ok(whole)
    }
}

impl Begun {
    /// The response with all of its body.
    async fn whole(self) -> Result<Response<Bytes>, CallError> {
        let Begun { response, client, mut connection } = self;
        let (parts, body) = response.into_parts();
        let body = connection.meanwhile(body.collect()).await.map_err(CallError::broken)?.to_bytes();
        client.keep(connection).await;
        Ok(Response::from_parts(parts, body))
    }

    /// The next bytes of the body; `None` at its end.
    pub(crate) async fn next(&mut self) -> Option<Result<Bytes, CallError>> {
        let Begun { response, connection, .. } = self;
        let body = response.body_mut();
        loop {
            match connection.meanwhile(body.frame()).await? {
                // Trailers are not passed on.
                Ok(frame) => {
                    if let Ok(data) = frame.into_data() {
                        return Some(Ok(data));
                    }
                }
                Err(error) => return Some(Err(CallError::broken(error))),
            }
        }
    }

    /// Waits for something else while the request goes on to the handler, which may wait for the rest of it.
    pub(crate) async fn meanwhile<T>(&mut self, wanted: impl Future<Output = T>) -> T {
        self.connection.meanwhile(wanted).await
    }

    /// Keeps the connection for another call, after the end of the body.
    pub(crate) async fn end(self) {
        self.client.keep(self.connection).await;
    }
}

/// Where a response leads, if it redirects.
fn redirection(response: &Response<Incoming>) -> Option<(StatusCode, String)> {
    let status = response.status();
    let redirects = matches!(status.as_u16(), 301 | 302 | 303 | 307 | 308);
    let location = response.headers().get(header::LOCATION).filter(|_| redirects)?;
    Some((status, location.to_str().ok()?.to_owned()))
}

fn innermost(error: &(dyn Error + 'static)) -> String {
    let mut cause = error;
    while let Some(next) = cause.source() {
        cause = next;
    }
    cause.to_string()
}

/// A client for plain HTTP on this machine: `HTTP_PROXY` would catch calls, and loading certificates takes longer than one.
pub(crate) fn local_client(redirects: reqwest::redirect::Policy) -> reqwest::Result<reqwest::Client> {
    reqwest::Client::builder().no_proxy().tls_certs_only([]).redirect(redirects).build()
}
