//! `bench serve-proxy`: the ceiling of the Functions host.
//!
//! It makes the envelope of a request, calls the handler, and answers with what `Outputs.res` says: hyper on both sides, typed serde, and
//! nothing else. No keys, no routes, no bindings, no log, no events, no time limit, no restart of a handler. What a host does takes longer, so how
//! far the host is above this is what its features cost, and no host of this design gets below it on the same machine.

use std::borrow::Cow;
use std::future::Future;
use std::net::{Ipv4Addr, SocketAddr, TcpListener as FreePort};
use std::pin::{Pin, pin};
use std::process::Stdio;
use std::task::Poll;
use std::time::Duration;

use anyhow::{Context as _, Result, anyhow};
use axum::body::Bytes;
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, Request, Response, StatusCode, header};
use http_body_util::{BodyExt as _, Full};
use hyper::body::Incoming;
use hyper::client::conn::http1::{Connection, SendRequest, handshake};
use hyper_util::rt::TokioIo;
use serde::Deserialize;
use tokio::net::{TcpListener, TcpStream};
use tokio::process::{Child, Command};
use tokio::sync::Mutex;
use tokio::time::sleep;

use crate::installed::own_path;
use envelope::Envelope;

mod envelope;

/// Where to listen.
#[derive(Debug, clap::Args)]
pub(crate) struct Options {
    /// The port on 127.0.0.1
    #[arg(long)]
    port: u16,
}

/// Starts the handler and answers until the process is interrupted. Like the host it runs on a runtime of many threads, of which there are as
/// many as cores.
pub(crate) async fn run(options: &Options) -> Result<()> {
    let address = SocketAddr::from((Ipv4Addr::LOCALHOST, options.port));
    let handler = FreePort::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()?;
    let _ends_with_this = start_handler(handler).await?;
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let serving = runtime.spawn(serve(address, handler));
    let ended = tokio::select! {
        ended = serving => ended?,
        interrupted = tokio::signal::ctrl_c() => Ok(interrupted?),
    };
    runtime.shutdown_background();
    ended
}

async fn start_handler(address: SocketAddr) -> Result<Child> {
    let mut command = Command::new(own_path()?);
    command.arg("serve-handler").env("FUNCTIONS_CUSTOMHANDLER_PORT", address.port().to_string());
    let handler = command.stdin(Stdio::null()).stdout(Stdio::null()).kill_on_drop(true).spawn()?;
    while TcpStream::connect(address).await.is_err() {
        sleep(Duration::from_millis(10)).await;
    }
    Ok(handler)
}

async fn serve(address: SocketAddr, handler: SocketAddr) -> Result<()> {
    let listener = TcpListener::bind(address).await.context("the port cannot be used")?;
    loop {
        let (stream, _) = listener.accept().await.context("cannot accept")?;
        stream.set_nodelay(true)?;
        // A caller who breaks off is no business of the others.
        tokio::spawn(async move { converse(stream, handler).await.ok() });
    }
}

/// Serves the requests of one caller, for which there is one connection to the handler.
async fn converse(stream: TcpStream, handler: SocketAddr) -> Result<()> {
    let link = Mutex::new(Link::open(handler).await?);
    let service = hyper::service::service_fn(async |request| pass_on(request, &mut *link.lock().await).await);
    Ok(hyper::server::conn::http1::Builder::new().serve_connection(TokioIo::new(stream), service).await?)
}

/// A connection to the handler, which moves while somebody waits for something that comes over it.
struct Link {
    requests: SendRequest<Full<Bytes>>,
    driver: Connection<TokioIo<TcpStream>, Full<Bytes>>,
    host: HeaderValue,
}

impl Link {
    async fn open(handler: SocketAddr) -> Result<Link> {
        let stream = TcpStream::connect(handler).await?;
        stream.set_nodelay(true)?;
        let (requests, driver) = handshake(TokioIo::new(stream)).await?;
        Ok(Link { requests, driver, host: HeaderValue::try_from(handler.to_string())? })
    }

    async fn call(&mut self, request: Request<Full<Bytes>>) -> Result<Bytes> {
        let requests = &mut self.requests;
        let mut answer = pin!(async move {
            requests.ready().await?;
            requests.send_request(request).await?.into_body().collect().await
        });
        let driver = &mut self.driver;
        let answer = std::future::poll_fn(|context| {
            for _ in 0..2 {
                if Pin::new(&mut *driver).poll(context).is_ready() {
                    return Poll::Ready(Err(anyhow!("the handler has closed the connection")));
                }
                if let Poll::Ready(answer) = answer.as_mut().poll(context) {
                    return Poll::Ready(answer.map_err(Into::into));
                }
            }
            Poll::Pending
        });
        Ok(answer.await?.to_bytes())
    }
}

/// The handler's answer, as far as a caller of HTTP gets it.
#[derive(Deserialize)]
struct Answer<'a> {
    #[serde(rename = "Outputs", borrow)]
    outputs: Outputs<'a>,
}

#[derive(Deserialize)]
struct Outputs<'a> {
    #[serde(borrow)]
    res: Res<'a>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Res<'a> {
    status_code: u16,
    #[serde(borrow)]
    headers: Headers<'a>,
    #[serde(borrow)]
    body: Cow<'a, str>,
}

#[derive(Deserialize)]
struct Headers<'a> {
    #[serde(rename = "content-type", borrow)]
    content_type: Cow<'a, str>,
}

async fn pass_on(request: Request<Incoming>, link: &mut Link) -> Result<Response<Full<Bytes>>> {
    let (head, body) = request.into_parts();
    let body = body.collect().await?.to_bytes();
    let name = head.uri.path().trim_start_matches("/api/");
    let envelope = Envelope { name, uri: &head.uri, headers: &head.headers, body: std::str::from_utf8(&body)? };
    let mut call = Request::new(Full::from(envelope.text()?));
    *call.method_mut() = Method::POST;
    *call.uri_mut() = format!("/{name}").parse()?;
    add_host_headers(call.headers_mut(), link.host.clone());
    let answer = link.call(call).await?;
    let Answer { outputs: Outputs { res } } = serde_json::from_slice(&answer)?;
    let mut response = Response::new(Full::from(res.body.into_owned()));
    *response.status_mut() = StatusCode::from_u16(res.status_code)?;
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_str(&res.headers.content_type)?);
    Ok(response)
}

/// The same as those of the host. Ids are the same in every call: to make them is a part of what the host does.
fn add_host_headers(headers: &mut HeaderMap, host: HeaderValue) {
    let own = [
        (header::CONTENT_TYPE, "application/json; charset=utf-8"),
        (HeaderName::from_static("x-azure-functions-hostversion"), "4.1052.200.0"),
        (HeaderName::from_static("x-azure-functions-invocationid"), envelope::ID),
        (header::USER_AGENT, "Azure-Functions-Host/4.1052.200.0"),
    ];
    headers.extend(own.map(|(name, value)| (name, HeaderValue::from_static(value))));
    headers.insert(header::HOST, host);
}
