//! The HTTP server: takes connections, and gives up on those that nothing comes of.
//!
//! axum's own server sets no timer, so whoever connects and says nothing, or half a request, would stay for ever. And a
//! response that nobody reads any more is out of sight of the engine, which has ended that connection long ago: the
//! kernel is asked to end such a socket.

use std::convert::Infallible;
use std::io::{ErrorKind, Result};
use std::pin::pin;
use std::time::Duration;

use axum::body::Body;
use axum::extract::Request;
use axum::response::Response;
use hyper::body::Incoming;
use hyper::server::conn::http1::Builder;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::{JoinError, JoinSet};
use tokio_util::sync::CancellationToken;
use tower::{Service, ServiceExt};

/// How long the head of a request may take, counted from when it can begin.
const HEAD_TIMEOUT: Duration = Duration::from_secs(30);

/// How long a client may acknowledge nothing of what was written to it.
#[cfg(target_os = "linux")]
const UNREAD_TIMEOUT: Duration = Duration::from_secs(30);

/// The pause after an error that the next attempt would meet, too: no more files may be open.
const PAUSE: Duration = Duration::from_secs(1);

/// What answers requests.
pub(crate) trait Answering:
    Service<Request, Response = Response, Error = Infallible> + Clone + Send + 'static
{
}

impl<S: Service<Request, Response = Response, Error = Infallible> + Clone + Send + 'static> Answering for S {}

/// Serves until `shutdown`, and until every request is answered after it. Dropped before, it cuts them off.
///
/// In a task: the thread of `main` is none of the runtime's workers, and to hand each connection from one thread to
/// another costs two changes of context.
pub(crate) async fn serve<S: Answering>(listener: TcpListener, service: S, shutdown: CancellationToken)
where
    S::Future: Send,
{
    let mut serving = JoinSet::new();
    serving.spawn(serve_patiently(listener, service, shutdown, HEAD_TIMEOUT));
    while let Some(ended) = serving.join_next().await {
        // A panic there is one here, as it would be without a task.
        if let Err(Ok(panic)) = ended.map_err(JoinError::try_into_panic) {
            std::panic::resume_unwind(panic);
        }
    }
}

async fn serve_patiently<S: Answering>(
    listener: TcpListener,
    service: S,
    shutdown: CancellationToken,
    head_timeout: Duration,
) where
    S::Future: Send,
{
    let mut conversations = JoinSet::new();
    loop {
        tokio::select! {
            accepted = listener.accept() => {
                if let Some(stream) = taken(accepted.map(|(stream, _)| stream)).await {
                    conversations.spawn(converse(stream, service.clone(), shutdown.clone(), head_timeout));
                }
            }
            Some(_) = conversations.join_next() => {}
            () = shutdown.cancelled() => break,
        }
    }
    // Nobody connects to a server that has ended.
    drop(listener);
    while conversations.join_next().await.is_some() {}
}

/// A socket that is set up. An error of the listener is met again at once, so there is a pause.
async fn taken(accepted: Result<TcpStream>) -> Option<TcpStream> {
    match accepted {
        Ok(stream) => {
            // Neither can fail on a socket that is still there.
            if let Err(error) = stream.set_nodelay(true).and_then(|()| bound_unread(&stream)) {
                tracing::debug!(%error, "cannot set up a socket");
            }
            Some(stream)
        }
        Err(error) => {
            if !is_of_the_client(error.kind()) {
                tracing::error!(%error, "cannot take a connection; trying again");
                tokio::time::sleep(PAUSE).await;
            }
            None
        }
    }
}

/// Answers the requests of one connection.
async fn converse<S: Answering>(stream: TcpStream, service: S, shutdown: CancellationToken, head_timeout: Duration)
where
    S::Future: Send,
{
    let mut server = Builder::new();
    server.timer(TokioTimer::new()).header_read_timeout(head_timeout);
    let service = service.map_request(|request: http::Request<Incoming>| request.map(Body::new));
    let conversation = server.serve_connection(TokioIo::new(stream), TowerToHyperService::new(service));
    let mut conversation = pin!(conversation.with_upgrades());
    let ended = tokio::select! {
        ended = conversation.as_mut() => ended,
        () = shutdown.cancelled() => {
            conversation.as_mut().graceful_shutdown();
            conversation.await
        }
    };
    if let Err(error) = ended {
        tracing::debug!(error = &error as &dyn std::error::Error, "a connection ended early");
    }
}

#[cfg(target_os = "linux")]
fn bound_unread(stream: &TcpStream) -> Result<()> {
    let timeout = UNREAD_TIMEOUT.as_millis().try_into().expect("half a minute has few milliseconds");
    Ok(rustix::net::sockopt::set_tcp_user_timeout(stream, timeout)?)
}

#[cfg(not(target_os = "linux"))]
fn bound_unread(_: &TcpStream) -> Result<()> {
    Ok(())
}

fn is_of_the_client(kind: ErrorKind) -> bool {
    matches!(kind, ErrorKind::ConnectionRefused | ErrorKind::ConnectionAborted | ErrorKind::ConnectionReset)
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use axum::Router;
    use axum::routing::get;
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    use tokio::time::{Instant, timeout};

    use super::*;

    const PATIENCE: Duration = Duration::from_millis(200);

    /// What a client reads that says `said` and then nothing, until its connection ends, and after how long that is.
    async fn read_after(said: &str) -> (String, Duration) {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        let address = listener.local_addr().unwrap();
        let (shutdown, router) = (CancellationToken::new(), Router::new().route("/", get(|| async { "here" })));
        let serving = tokio::spawn(serve_patiently(listener, router, shutdown.clone(), PATIENCE));
        // The server may have taken the connection before its client knows.
        let (started, mut answer) = (Instant::now(), String::new());
        let mut client = TcpStream::connect(address).await.unwrap();
        client.write_all(said.as_bytes()).await.unwrap();
        timeout(HEAD_TIMEOUT, client.read_to_string(&mut answer)).await.expect("it is kept for ever").unwrap();
        let took = started.elapsed();
        shutdown.cancel();
        serving.await.unwrap();
        (answer, took)
    }

    #[tokio::test]
    async fn whoever_says_nothing_or_half_a_request_is_given_up() {
        for said in ["", "GET / HTTP/1.1\r\nHost: a\r\n"] {
            let (answer, took) = read_after(said).await;
            assert!(took >= PATIENCE, "{said:?}: after {took:?}");
            assert!(!answer.contains("200"), "{answer}");
        }
    }

    #[tokio::test]
    async fn a_whole_request_is_answered_and_an_idle_connection_is_given_up() {
        let (answer, took) = read_after("GET / HTTP/1.1\r\nHost: a\r\n\r\n").await;
        assert!(answer.starts_with("HTTP/1.1 200 OK") && answer.ends_with("here"), "{answer}");
        assert!(took >= PATIENCE, "after {took:?}");
    }
}
