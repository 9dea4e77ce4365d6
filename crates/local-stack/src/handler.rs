//! Where the handler of a stack comes from, and the one that runs in this process.
//!
//! Easily missed: also the handler in this process is called through a socket, so what it sees is what it will see in Azure.

use axum::Router;
use axum::extract::Request;
use axum::response::IntoResponse;
use axum::serve::ListenerExt;
use std::convert::Infallible;
use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::time::Duration;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;
use tokio_util::sync::{CancellationToken, DropGuard};
use tower::Service;

/// How long calls in progress may take when the handler in this process is stopped.
const LAST_ANSWERS: Duration = Duration::from_secs(1);

/// Where the handler comes from.
#[derive(Debug, Clone, Default)]
pub enum Handler {
    /// The program that host.json names.
    #[default]
    Declared,
    /// This program, in place of the one that host.json names.
    Program(PathBuf),
    /// It listens here already, for example in a debugger; none is started.
    Attached(SocketAddr),
    /// It runs in this process: see [`Handler::in_process`].
    InProcess(Router),
    /// It is not there yet, for example because it is being built. Calls of functions wait for [`LocalStack::reload`].
    ///
    /// [`LocalStack::reload`]: crate::LocalStack::reload
    Awaited,
}

impl Handler {
    /// A handler in this process: an `axum::Router`, or any other service that is one. The host calls it as it calls a process,
    /// with `POST /<function>`.
    pub fn in_process<S>(service: S) -> Self
    where
        S: Service<Request, Error = Infallible> + Clone + Send + Sync + 'static,
        S::Response: IntoResponse,
        S::Future: Send + 'static,
    {
        Self::InProcess(Router::new().fallback_service(service))
    }
}

/// The handler in this process. It ends when it is dropped, or with [`Server::end`], which waits for that.
#[derive(Debug)]
pub(crate) struct Server {
    pub(crate) address: SocketAddr,
    shutdown: DropGuard,
    running: JoinHandle<io::Result<()>>,
}

impl Server {
    /// Serves on this port of 127.0.0.1; 0 takes a free one.
    pub(crate) async fn start(service: Router, port: u16) -> io::Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, port)).await?;
        let (address, shutdown) = (listener.local_addr()?, CancellationToken::new());
        let listener = listener.tap_io(|stream| {
            // With an error answers may only come later.
            let _ = stream.set_nodelay(true);
        });
        let serving = axum::serve(listener, service).with_graceful_shutdown(shutdown.clone().cancelled_owned());
        let running = tokio::spawn(serving.into_future());
        Ok(Self { address, shutdown: shutdown.drop_guard(), running })
    }

    pub(crate) async fn end(self) {
        drop(self.shutdown);
        let mut running = self.running;
        if tokio::time::timeout(LAST_ANSWERS, &mut running).await.is_err() {
            running.abort();
        }
    }
}
