//! The running host: starts, invokes functions, supervises the handler, takes a changed app in place and stops.
//!
//! Easily missed: the listener answers before the handler is ready. Calls that come early wait, as they do in Azure, and calls
//! that come after the third failure of the handler get 503.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use tokio::net::TcpListener;
use tokio::task::JoinHandle;
use tokio::time::Instant;
use tokio_util::sync::{CancellationToken, DropGuard};
use uuid::Uuid;

use crate::app::App;
use crate::server;
use crate::timers::Timers;

mod announce;
mod call;
mod checks;
mod current;
mod forward;
mod generation;
mod invoker;
mod listeners;
mod options;
mod proxy;
mod retry;
mod signalr;
mod succession;
mod unabandoned;

pub(crate) use call::{Call, Finished, Reply};
pub(crate) use current::{Current, Lease};
pub(crate) use invoker::{Invoker, Shared};
pub use options::{
    BodyFraming, HostOptions, InvocationReport, InvokeError, ReloadError, StartError, Stopped, WorkerSource,
};
pub(crate) use proxy::Proxied;
pub(crate) use signalr::HttpClients;
pub(crate) use succession::Succession;

use generation::Ground;

/// The version that this host gives itself in `X-Azure-Functions-HostVersion` and `/admin/host/status`: that of the real host
/// whose behaviour it follows.
pub const HOST_VERSION: &str = "4.1052.200.0";

/// How the real host begins to tell that it is the primary one, which tools wait for.
pub(crate) const HOST_LOCK: &str = "Host lock lease acquired by instance ID";

/// How long open requests may take to end after the handler is gone.
const LAST_ANSWERS: Duration = Duration::from_secs(2);

/// A running host. Dropping it stops everything in the background; [`Host::shutdown`] waits for that.
#[derive(Debug)]
pub struct Host {
    succession: Succession,
    shutdown: CancellationToken,
    server: JoinHandle<()>,
    _stops_when_dropped: DropGuard,
}

/// The end of an app that was replaced.
#[derive(Debug)]
pub struct Retirement(JoinHandle<()>);

impl Host {
    /// Starts the host on a bound listener and returns at once; [`Host::ready`] waits for the handler. Calls that come earlier wait
    /// for it too.
    ///
    /// # Errors
    /// When the app asks for something impossible or not supported, or the operating system refuses.
    pub async fn start(listener: TcpListener, options: HostOptions) -> Result<Host, StartError> {
        let HostOptions { app, observer, worker, framing, schedules, clock, keys, shutdown_grace } = options;
        let ground = Ground {
            address: listener.local_addr()?,
            started: Instant::now(),
            instance_id: Uuid::new_v4(),
            observer,
            framing,
            timers: Timers::new(clock, schedules),
            signalr: Arc::new(signalr::HttpClients::new()?),
            keys,
            shutdown_grace,
        };
        let shutdown = CancellationToken::new();
        // From here on, also a caller who stops waiting for this start takes everything down again.
        let stops_when_dropped = shutdown.clone().drop_guard();
        let succession = Succession::new(ground, app, worker, shutdown.clone())?;
        let server = tokio::spawn(server::serve(listener, succession.clone(), shutdown.clone()));
        if worker != WorkerSource::Awaited {
            succession.current().now().listen();
        }
        Ok(Host { succession, shutdown, server, _stops_when_dropped: stops_when_dropped })
    }

    /// Where the host listens.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.succession.ground().address
    }

    /// Puts `app` with its handler into the place of the one that runs: same listener, same timers, no call lost.
    ///
    /// The handler is started and probed beside the one that serves, on another port. When it is ready, calls go to it; those that have
    /// begun end where they are, within 30 seconds, and then the old handler is ended. What the old one has done wrong is forgotten.
    ///
    /// A fixed port (`customHandler.port`) leaves no room for two: then the old handler is ended first, and calls wait for the new one.
    ///
    /// # Errors
    /// When the app is impossible or its handler does not become ready at the first attempt. Then everything is as before.
    pub async fn reload(&self, app: App, worker: WorkerSource) -> Result<Retirement, ReloadError> {
        self.succession.reload(app, worker).await
    }

    /// Says that the handler which calls wait for will not come: they are answered with 503 and `reason` until the next
    /// [`Host::reload`]. A handler that is there already goes on.
    pub fn give_up_waiting(&self, reason: &str) {
        self.succession.current().give_up_waiting(reason);
    }

    /// Says that the handler which was given up is on its way again, so calls wait once more.
    pub fn wait_again(&self) {
        self.succession.current().wait_again();
    }

    /// Runs a function as `POST /admin/functions/{name}` does, and waits for its end. The name ignores letter case. A timer
    /// function gets a timer value whatever `input` is; an HTTP function fails, because it needs a request.
    ///
    /// # Errors
    /// When there is no such function, or no handler. A failed invocation is no error: see [`InvocationReport::error`].
    pub async fn invoke(&self, function: &str, input: Option<String>) -> Result<InvocationReport, InvokeError> {
        // No trigger of today has text as its value.
        drop(input);
        let lease = self.succession.current().with_handler().await;
        let lease = lease.map_err(|reason| InvokeError::NoHandler(reason.as_ref().into()))?;
        let place = lease.place_of(function).ok_or_else(|| InvokeError::UnknownFunction(function.to_owned()))?;
        let Finished { id, duration, result } = lease.run(place, Call::ByHand).await;
        Ok(InvocationReport { id, duration, error: result.err() })
    }

    /// Returns when the handler is ready, at once for an app without functions, whose handler is never started.
    ///
    /// # Errors
    /// When the host has shut itself down before that, or does not wait for a handler any more.
    pub async fn ready(&self) -> Result<(), Stopped> {
        let ready = async { self.succession.current().with_handler().await?.ready().await };
        ready.await.map_err(|reason: Arc<str>| Stopped { reason: reason.as_ref().into() })
    }

    /// Returns when the host shuts itself down, which it does after the third failure of the handler. It answers 503 from then
    /// on; call [`Host::shutdown`] to end it, or [`Host::reload`] with something better.
    pub async fn stopped(&self) -> Stopped {
        Stopped { reason: self.succession.current().stopped().await.as_ref().into() }
    }

    /// The process that serves calls; `None` when it is not ready or somebody else's.
    #[must_use]
    pub fn handler_process(&self) -> Option<u32> {
        self.succession.current().now().handler_process()
    }

    /// Ends everything: no new calls and timers, SIGINT to the handler, a kill after the grace, and the listener is closed.
    /// Nothing of the handler is left when this returns.
    pub async fn shutdown(self) {
        let Host { succession, shutdown, mut server, _stops_when_dropped } = self;
        shutdown.cancel();
        // A restart that has begun may still put another app into place.
        succession.ended().await;
        let invoker = succession.current().now().invoker().clone();
        invoker.end_tasks().await;
        let answered = async {
            invoker.invocations_ended().await;
            let _ = (&mut server).await;
        };
        if tokio::time::timeout(LAST_ANSWERS, answered).await.is_err() {
            server.abort();
            let _ = server.await;
        }
        invoker.end().await;
        // Nobody can ask for another restart without a server.
        succession.ended().await;
    }
}

impl Retirement {
    /// Returns when nothing of the old handler is left.
    pub async fn ended(self) {
        // A task that panicked has ended too.
        let _ = self.0.await;
    }
}
