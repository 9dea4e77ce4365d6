//! Proxying mode: a pure HTTP function's request and response are streamed, in both directions (functions-host 2.8).
//!
//! Easily missed: the invocation lasts until the last byte of the response, so a stream that never ends runs into the function
//! timeout, which kills the handler.

use std::io;

use axum::body::Body;
use axum::extract::Request;
use axum::response::Response;
use bytes::Bytes;
use http::uri::PathAndQuery;
use http::{HeaderMap, header};
use tokio::sync::{mpsc, oneshot};
use uuid::Uuid;

use super::call::add_host_headers;
use super::forward::copy_end_to_end;
use crate::events::{Cause, Excerpt, without_secrets};
use crate::worker::{Begun, CallError, Link};

/// Chunks that wait for a client who reads slowly; the handler waits from then on.
const CHUNKS_AHEAD: usize = 4;

/// A request on its way through, and where its response goes as soon as the handler begins it.
#[derive(Debug)]
pub(crate) struct Proxied {
    request: Request,
    response: oneshot::Sender<Response>,
}

/// Why a request did not get through, by the names of the reverse proxy in the real host.
#[derive(Debug, thiserror::Error)]
pub(super) enum ProxyError {
    /// The handler gave no head of a response.
    #[error("Failed to proxy request with ForwarderError: Request")]
    Request(#[source] CallError),
    /// The caller is gone.
    #[error("Failed to proxy request with ForwarderError: RequestCanceled")]
    Cancelled,
    /// The handler's response broke off.
    #[error("Failed to proxy request with ForwarderError: ResponseBodyDestination")]
    Response(#[source] CallError),
}

impl Proxied {
    /// A request, and where its response will be; no response comes when the handler does not begin one.
    pub(crate) fn new(request: Request) -> (Proxied, oneshot::Receiver<Response>) {
        let (sender, response) = oneshot::channel();
        (Proxied { request, response: sender }, response)
    }

    /// What is told of it when an invocation starts. The body is on its way to the handler, unread.
    pub(super) fn cause(&self) -> Cause {
        let (method, uri) = (self.request.method().clone(), self.request.uri());
        let target = without_secrets(uri.path(), uri.query().unwrap_or_default());
        Cause::Http { method, target, body: Excerpt::default() }
    }

    /// Passes everything on, until the response has ended.
    pub(super) async fn pass_on(self, id: Uuid, link: &Link) -> Result<(), ProxyError> {
        let Proxied { request, response: head } = self;
        let mut begun = send(request, id, link).await.map_err(ProxyError::Request)?;
        let answer = &begun.response;
        let mut response = Response::new(Body::empty());
        *response.status_mut() = answer.status();
        copy_end_to_end(answer.headers(), response.headers_mut());
        if let Some(length) = answer.headers().get(header::CONTENT_LENGTH) {
            response.headers_mut().insert(header::CONTENT_LENGTH, length.clone());
        }
        let (chunks, mut waiting) = mpsc::channel::<io::Result<Bytes>>(CHUNKS_AHEAD);
        *response.body_mut() =
            Body::from_stream(futures_util::stream::poll_fn(move |context| waiting.poll_recv(context)));
        head.send(response).map_err(|_| ProxyError::Cancelled)?;
        loop {
            let chunk = tokio::select! {
                chunk = begun.next() => chunk,
                () = chunks.closed() => return Err(ProxyError::Cancelled),
            };
            match chunk {
                None => {
                    begun.end().await;
                    return Ok(());
                }
                Some(Ok(chunk)) => {
                    begun.meanwhile(chunks.send(Ok(chunk))).await.map_err(|_| ProxyError::Cancelled)?;
                }
                Some(Err(error)) => {
                    // The caller must not take half of a response for a whole one.
                    let _ = chunks.send(Err(io::Error::other("the handler's response broke off"))).await;
                    return Err(ProxyError::Response(error));
                }
            }
        }
    }
}

/// The handler gets the original path, query and headers; only the host's own headers are put in place of the caller's.
async fn send(request: Request, id: Uuid, link: &Link) -> Result<Begun, CallError> {
    let (parts, body) = request.into_parts();
    let mut headers = HeaderMap::new();
    copy_end_to_end(&parts.headers, &mut headers);
    let has_body = parts.headers.contains_key(header::TRANSFER_ENCODING);
    let length = parts.headers.get(header::CONTENT_LENGTH);
    if let Some(length) = length {
        headers.insert(header::CONTENT_LENGTH, length.clone());
    }
    let agent = headers.remove(header::USER_AGENT);
    add_host_headers(&mut headers, id);
    // The caller's own, if it has one, and none otherwise.
    headers.remove(header::USER_AGENT);
    headers.extend(agent.map(|agent| (header::USER_AGENT, agent)));
    let has_body = has_body || length.is_some_and(|length| length != "0");
    let mut outgoing = Request::new(if has_body { body } else { Body::empty() });
    // In the form of a path, whatever form the caller has used.
    let path = parts.uri.path_and_query().cloned().unwrap_or_else(|| PathAndQuery::from_static("/"));
    (*outgoing.method_mut(), *outgoing.uri_mut(), *outgoing.headers_mut()) = (parts.method, path.into(), headers);
    link.http.begin(outgoing).await
}
