//! One connection to the handler, driven by whoever waits for something that comes over it.
//!
//! Easily missed: nothing moves on a connection on which nobody waits. That spares every call the changes to a task of the connection's
//! own and back, but what the handler does to a kept connection is seen only when somebody looks.

use std::future::{Future, poll_fn};
use std::net::SocketAddr;
use std::pin::{Pin, pin};
use std::task::{Context, Poll};

use axum::body::Body;
use http::{Request, Response};
use hyper::body::Incoming;
use hyper::client::conn::TrySendError;
use hyper::client::conn::http1::{self, SendRequest, handshake};
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;

use super::CallError;

/// An open connection with at most one request on it.
#[derive(Debug)]
pub(super) struct Connection {
    requests: SendRequest<Body>,
    driver: Driver,
}

/// What reads and writes; absent when the connection has ended.
type Driver = Option<Box<http1::Connection<TokioIo<TcpStream>, Body>>>;

impl Connection {
    pub(super) async fn open(address: SocketAddr) -> Result<Connection, CallError> {
        let stream = TcpStream::connect(address).await.map_err(|_| CallError::Refused(address))?;
        // Without it small requests may wait; with an error they still arrive.
        let _ = stream.set_nodelay(true);
        let (requests, driver) = handshake(TokioIo::new(stream)).await.map_err(CallError::broken)?;
        Ok(Connection { requests, driver: Some(Box::new(driver)) })
    }

    /// Whether another request can go out at once, after a look at what the handler has done.
    pub(super) async fn is_free(&mut self) -> bool {
        poll_fn(|context| {
            step(&mut self.driver, context);
            Poll::Ready(self.driver.is_some() && self.requests.is_ready())
        })
        .await
    }

    /// Sends a request and returns when the response begins. A request of which nothing was sent comes back.
    pub(super) async fn send(
        &mut self,
        request: Request<Body>,
    ) -> Result<Response<Incoming>, TrySendError<Request<Body>>> {
        let response = self.requests.try_send_request(request);
        drive(&mut self.driver, response).await
    }

    /// Waits for something, and lets come meanwhile what comes over the connection.
    pub(super) async fn meanwhile<T>(&mut self, wanted: impl Future<Output = T>) -> T {
        drive(&mut self.driver, wanted).await
    }
}

async fn drive<T>(driver: &mut Driver, wanted: impl Future<Output = T>) -> T {
    let mut wanted = pin!(wanted);
    poll_fn(|context| {
        if let Poll::Ready(found) = wanted.as_mut().poll(context) {
            return Poll::Ready(found);
        }
        // What was asked for just now begins at once, and what has come is there at once.
        step(driver, context);
        wanted.as_mut().poll(context)
    })
    .await
}

/// Reads and writes as much as can be. Whoever waits for a response is told by it how the connection has ended.
fn step(driver: &mut Driver, context: &mut Context<'_>) {
    if let Some(running) = driver
        && Pin::new(&mut **running).poll(context).is_ready()
    {
        *driver = None;
    }
}
