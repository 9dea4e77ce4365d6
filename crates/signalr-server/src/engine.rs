//! What the connections of one endpoint share: the hub, the options, the clock, the tasks and the table of connections.
//!
//! The engine knows connections from the moment their transport is there; [`Clients`](crate::Clients) knows them only
//! between handshake and end.

mod directory;
mod flusher;
mod watch;

use std::panic::AssertUnwindSafe;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use futures_util::future::FutureExt;
use tokio::sync::Notify;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::connection::inbox::{Call, Calling};
use crate::connection::outbox::Loss;
use crate::connection::{Continuity, Membership};
use crate::hub::ErasedHub;
use crate::message::{Reconnect, ServerMessage};
use crate::protocol::Frame;
use crate::transport::long_polling;
use crate::{Connection, Disconnect, ServerOptions};
pub(crate) use directory::{Directory, EARLY_LIMIT, Farewell, Full, Keeping, Occupant, Seat};
use flusher::Flusher;

pub(crate) struct Engine {
    hub: Arc<dyn ErasedHub>,
    options: ServerOptions,
    epoch: Instant,
    directory: Mutex<Directory>,
    tasks: TaskTracker,
    flusher: Flusher,
    shutdown: CancellationToken,
    watched: AtomicBool,
    /// During a shutdown: a connection has left.
    left: Notify,
}

/// Numbers the connections of the process: [`Clients`](crate::Clients) may be shared by several engines.
static SERIAL: AtomicU64 = AtomicU64::new(1);

impl Engine {
    pub(crate) fn new(hub: Arc<dyn ErasedHub>, options: ServerOptions, shutdown: CancellationToken) -> Self {
        Self {
            hub,
            directory: Mutex::new(Directory::new(options.negotiation_limit)),
            options,
            epoch: Instant::now(),
            tasks: TaskTracker::new(),
            flusher: Flusher::default(),
            shutdown,
            watched: AtomicBool::new(false),
            left: Notify::new(),
        }
    }

    pub(crate) fn hub(&self) -> &dyn ErasedHub {
        &*self.hub
    }

    pub(crate) fn options(&self) -> &ServerOptions {
        &self.options
    }

    pub(crate) fn tasks(&self) -> &TaskTracker {
        &self.tasks
    }

    pub(crate) fn is_shutting_down(&self) -> bool {
        self.shutdown.is_cancelled()
    }

    /// The time since the engine was made.
    pub(crate) fn now(&self) -> Duration {
        self.epoch.elapsed()
    }

    pub(crate) fn next_serial(&self) -> u64 {
        SERIAL.fetch_add(1, Relaxed)
    }

    /// The table of negotiations and connections. A panic elsewhere leaves it as good as it was.
    pub(crate) fn directory(&self) -> MutexGuard<'_, Directory> {
        self.directory.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Keeps a negotiation until its transport comes or `expires`.
    pub(crate) fn negotiated(
        self: &Arc<Self>,
        token: String,
        id: String,
        continuity: Continuity,
        expires: Duration,
    ) -> Result<(), Full> {
        self.directory().negotiate(token, id, continuity, expires)?;
        self.ensure_watched();
        Ok(())
    }

    /// Waits for the shutdown and for every task after it.
    pub(crate) async fn drained(&self) {
        self.shutdown.cancelled().await;
        self.tasks.close();
        self.tasks.wait().await;
    }

    /// The transport of a connection is there: from now on its deadlines are watched. `token` leads to it.
    pub(crate) fn opened(self: &Arc<Self>, seat: Seat, token: Option<String>) {
        let connection = seat.connection.clone();
        self.prepare_flusher();
        self.directory().add(seat, token);
        self.ensure_watched();
        // Whoever is added after the sweep of a shutdown is not swept.
        if self.is_shutting_down() {
            self.dismiss(&connection);
        }
    }

    /// A negotiation was taken for a transport that did not come about.
    pub(crate) fn abandoned(&self, token: Option<&str>) {
        if let Some(token) = token {
            self.directory().release(token);
        }
    }

    /// The handshake is done: the connection is among its clients, the hub hears of it, and only then the client does.
    pub(crate) fn established(&self, connection: &Connection, answer: &Frame) {
        let mut membership = connection.membership();
        if *membership != Membership::NotYet {
            return;
        }
        *membership = Membership::Joined;
        connection.activity().clear_deadline();
        // A shutdown may have closed it in the meantime; its grace was cleared just now.
        if !connection.outbox().is_open() {
            connection.activity().set_deadline(self.now() + self.options.close_grace);
        }
        connection.clients().add(connection);
        let registering = AssertUnwindSafe(|| self.hub.registered(connection));
        if std::panic::catch_unwind(registering).is_err() {
            connection.hub_failed();
        }
        self.enqueue(connection, Call::Connected, 0);
        drop(membership);
        connection.outbox().answer(answer);
        if self.is_shutting_down() {
            self.dismiss(connection);
        }
    }

    /// Another socket of the same client takes over; its number, or `None` when the connection is over. A socket that
    /// was there until now is given up.
    pub(crate) fn resumed(&self, connection: &Connection) -> Option<u32> {
        // Locked first, so that nothing more is read from the socket before.
        let mut numbers = connection.numbering()?.lock();
        let protocol = connection.protocol();
        let socket = connection.outbox().resume(|number| Frame::sequence(protocol, number))?;
        numbers.resume(socket);
        drop(numbers);
        connection.activity().received(self.now());
        connection.activity().sent(self.now());
        tracing::debug!(connection = connection.id(), socket, "a client came back");
        Some(socket)
    }

    /// A socket is gone. Under stateful reconnect the connection waits for its client, with its groups, and goes on
    /// taking messages; any other connection has ended.
    pub(crate) fn lost(&self, connection: &Connection, socket: u32) {
        match connection.outbox().lose(socket, self.now()) {
            Loss::Final => self.ended(connection),
            Loss::Awaited => tracing::debug!(connection = connection.id(), socket, "a client is awaited"),
            Loss::Replaced => {}
        }
    }

    /// The connection has ended: nobody can reach it any more, and the hub hears of it if it ever had. May come from
    /// several sides; the first one counts.
    pub(crate) fn ended(&self, connection: &Connection) {
        connection.outbox().end(Disconnect::TransportLost);
        connection.results().end();
        let before = std::mem::replace(&mut *connection.membership(), Membership::Over);
        if before == Membership::Joined {
            connection.clients().remove(connection);
            let unregistering = AssertUnwindSafe(|| self.hub.unregistered(connection));
            if std::panic::catch_unwind(unregistering).is_err() {
                connection.hub_failed();
            }
            self.enqueue(connection, Call::Disconnected, 0);
        }
        // Last, because the timer runs until nothing is here, and a shutdown until the timer has ended.
        self.directory().remove(connection);
        if self.is_shutting_down() {
            self.left.notify_one();
        }
    }

    /// The connection has ended, and its client has been given all of it. Some clients ask once more nevertheless: for as
    /// long as the grace of a close they are answered as if they had ended it themselves.
    pub(crate) fn parted(&self, connection: &Connection) {
        self.directory().part(connection, None, self.now() + self.options.close_grace);
        self.ended(connection);
    }

    /// The connection has ended while its client was between two polls: the next poll, if there is one within the grace
    /// of a close, gets what the client has not been given.
    fn parted_between_polls(&self, connection: &Connection) {
        let farewell = Farewell::new(connection.clone(), long_polling::rest(connection));
        self.directory().part(connection, Some(farewell), self.now() + self.options.close_grace);
        self.ended(connection);
    }

    /// Closes a connection because the server shuts down; its client may come back to another one.
    fn dismiss(&self, connection: &Connection) {
        connection.close_with(&ServerMessage::close(None, Reconnect::Allowed), Disconnect::Shutdown);
        if connection.away_since().is_some() {
            self.ended(connection);
        } else if connection.activity().is_absent(self.now(), Duration::ZERO) {
            self.parted_between_polls(connection);
        }
    }

    /// Lets the hub be called after all earlier calls of the same connection.
    pub(crate) fn enqueue(&self, connection: &Connection, call: Call, size: usize) {
        if connection.inbox().push(call, size) == Calling::Starts && tokio::runtime::Handle::try_current().is_ok() {
            self.tasks.spawn(call_hub(connection.clone()));
        }
    }
}

/// Calls the hub until nothing waits for it.
async fn call_hub(connection: Connection) {
    let engine = Arc::clone(connection.engine());
    while let Some(call) = connection.inbox().next() {
        let calling = async {
            match call {
                Call::Connected => engine.hub().connected(&connection).await,
                Call::Received(message) => engine.hub().received(&connection, message).await,
                Call::Disconnected => engine.hub().disconnected(&connection, &connection.outbox().reason()).await,
            }
        };
        if AssertUnwindSafe(calling).catch_unwind().await.is_err() {
            connection.hub_failed();
        }
        connection.activity().received(engine.now());
    }
}

impl std::fmt::Debug for Engine {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("Engine").field("options", &self.options).finish_non_exhaustive()
    }
}
