//! The inspector as one value: it hears the host and the service, and serves its page.
//!
//! Easily missed: whoever reports an event never waits. It goes into a bounded queue; what does not fit is counted and shown as lost.

use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use azure_signalr::ConnectionString;
use azure_signalr::token::Verifier;
use functions_host::events::HostEvent;
use jiff::Timestamp;
use signalr_emulator::{Emulator, Happened, TimeSource};
use tokio::net::TcpListener;
use tokio::sync::{Semaphore, mpsc, watch};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::record::{Record, Surroundings};
use crate::server;

/// How many events may wait to be recorded.
const WAITING: usize = 8192;
/// How many are recorded at a time: all that wait.
const AT_A_TIME: usize = WAITING;
/// How long events are gathered. The queue holds what 400,000 events per second make in that time.
const PAUSE: Duration = Duration::from_millis(20);
/// How many streams of events and of states may be open together.
const STREAMS: usize = 32;

/// Records what happens in a local stack and serves a page that shows it. Cheap to clone; clones are the same inspector.
#[derive(Clone)]
pub struct Inspector(Arc<Shared>);

pub(crate) struct Shared {
    record: Mutex<Record>,
    service: Mutex<Option<Arc<Service>>>,
    host_key: Mutex<Option<String>>,
    queue: mpsc::Sender<Heard>,
    waiting: Mutex<Option<mpsc::Receiver<Heard>>>,
    lost: AtomicU64,
    /// Changes whenever something was recorded.
    recorded: watch::Sender<()>,
    pub(crate) time: TimeSource,
    pub(crate) http: reqwest::Client,
    pub(crate) streams: Arc<Semaphore>,
    pub(crate) own_calls: AtomicU64,
}

/// A service that is looked at.
pub(crate) struct Service {
    pub(crate) emulator: Emulator,
    pub(crate) connection: ConnectionString,
    pub(crate) verifier: Verifier,
}

enum Heard {
    Host(Timestamp, Box<HostEvent>),
    Service(Arc<Happened>),
    /// The service has told more than was read.
    Missed(u64),
}

/// Why the inspector cannot start.
#[derive(Debug, thiserror::Error)]
pub enum InspectError {
    /// No HTTP client can be made, or the connection string cannot be used.
    #[error("the inspector cannot be set up")]
    Setup(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// It shows what nobody else should see.
    #[error("the inspector only listens on this machine; bind it to 127.0.0.1 or ::1 instead of `{0}`")]
    NotLoopback(std::net::IpAddr),
    /// It is served once.
    #[error("the inspector is served already")]
    Served,
    /// The listener has failed.
    #[error("the inspector cannot be served")]
    Io(#[from] std::io::Error),
}

impl Inspector {
    /// An inspector that has heard nothing yet. `time` is that of the stack.
    ///
    /// # Errors
    /// When no HTTP client can be made.
    pub fn new(time: TimeSource) -> Result<Self, InspectError> {
        let (queue, waiting) = mpsc::channel(WAITING);
        // The host is on this machine: no proxy, and no certificates, which a bare machine may not have.
        let http = reqwest::Client::builder().no_proxy().tls_certs_only([]).redirect(reqwest::redirect::Policy::none());
        let http = http.build().map_err(|error| InspectError::Setup(error.into()))?;
        Ok(Self(Arc::new(Shared {
            record: Mutex::default(),
            service: Mutex::default(),
            host_key: Mutex::default(),
            queue,
            waiting: Mutex::new(Some(waiting)),
            lost: AtomicU64::new(0),
            recorded: watch::Sender::new(()),
            time,
            http,
            streams: Arc::new(Semaphore::new(STREAMS)),
            own_calls: AtomicU64::new(0),
        })))
    }

    /// Takes an event of the host. Never waits.
    pub fn hear(&self, event: &HostEvent) {
        self.0.hear(Heard::Host(self.0.now(), Box::new(event.clone())));
    }

    /// Takes an event of the service. Never waits. [`Detail::Messages`](signalr_emulator::Detail) is enough.
    pub fn hear_service(&self, happened: &Arc<Happened>) {
        self.0.hear(Heard::Service(Arc::clone(happened)));
    }

    /// Takes note that so many events of the service were lost on the way.
    pub fn hear_missed(&self, count: u64) {
        self.0.hear(Heard::Missed(count));
    }

    /// Looks at this service from now on, for as long as it runs. It is reached by `connection_string`, which holds a key; that is never
    /// shown.
    ///
    /// # Errors
    /// When the connection string cannot be read.
    pub fn look_at(&self, emulator: &Emulator, connection_string: &str) -> Result<(), InspectError> {
        let connection: ConnectionString =
            connection_string.parse().map_err(|error| InspectError::Setup(Box::new(error)))?;
        let verifier = Verifier::new(connection.access_key().cloned());
        *lock(&self.0.service) = Some(Arc::new(Service { emulator: emulator.clone(), connection, verifier }));
        Ok(())
    }

    /// There is no service any more.
    pub fn look_away(&self) {
        *lock(&self.0.service) = None;
    }

    /// Shows this key to the host where it asks for the one of administrators.
    pub fn use_host_key(&self, master_key: String) {
        *lock(&self.0.host_key) = Some(master_key);
    }

    /// Serves the page on `listener` until `shutdown`, and records what is heard for as long.
    ///
    /// # Errors
    /// When the listener is not on this machine or fails, or the inspector is served already.
    pub async fn serve(&self, listener: TcpListener, shutdown: CancellationToken) -> Result<(), InspectError> {
        let address = listener.local_addr()?;
        if !address.ip().is_loopback() {
            return Err(InspectError::NotLoopback(address.ip()));
        }
        let waiting = lock(&self.0.waiting).take().ok_or(InspectError::Served)?;
        let tasks = TaskTracker::new();
        let (shared, until) = (Arc::clone(&self.0), shutdown.clone());
        tasks.spawn(async move { until.run_until_cancelled(record(&shared, waiting)).await });
        let router = server::router(Arc::clone(&self.0), address.port(), shutdown.clone());
        let served = axum::serve(listener, router).with_graceful_shutdown(shutdown.clone().cancelled_owned()).await;
        shutdown.cancel();
        tasks.close();
        tasks.wait().await;
        Ok(served?)
    }
}

impl Shared {
    /// The time of the stack.
    pub(crate) fn now(&self) -> Timestamp {
        Timestamp::try_from(self.time.now()).unwrap_or_default()
    }

    /// What is known. Held for a moment only.
    pub(crate) fn record(&self) -> MutexGuard<'_, Record> {
        let mut record = lock(&self.record);
        record.lost.host = self.lost.load(Relaxed);
        record
    }

    /// The service that is looked at.
    pub(crate) fn service(&self) -> Option<Arc<Service>> {
        lock(&self.service).clone()
    }

    /// The key of administrators, where the host asks for one.
    pub(crate) fn host_key(&self) -> Option<String> {
        lock(&self.host_key).clone()
    }

    /// Changes whenever something was recorded from now on.
    pub(crate) fn recorded(&self) -> watch::Receiver<()> {
        self.recorded.subscribe()
    }

    fn hear(&self, heard: Heard) {
        if self.queue.try_send(heard).is_err() {
            self.lost.fetch_add(1, Relaxed);
        }
    }
}

/// Records what is heard, for ever.
async fn record(shared: &Shared, mut waiting: mpsc::Receiver<Heard>) {
    let mut some = Vec::new();
    while waiting.recv_many(&mut some, AT_A_TIME).await > 0 {
        let service = shared.service();
        {
            let mut record = shared.record();
            for heard in some.drain(..) {
                match heard {
                    Heard::Host(at, event) => record.hear_host(&event, at),
                    Heard::Service(happened) => record.hear_service(&happened, |event| {
                        service
                            .as_ref()
                            .map_or_else(Surroundings::default, |service| Surroundings::of(&service.emulator, event))
                    }),
                    Heard::Missed(count) => record.lost.service += count,
                }
            }
        }
        shared.recorded.send_replace(());
        // What comes meanwhile wakes nobody: under load this task costs one wake-up per pause, and not one per event.
        tokio::time::sleep(PAUSE).await;
    }
}

/// A panic elsewhere leaves what is known as good as it was: at worst one event is half recorded.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl fmt::Debug for Inspector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Inspector")
    }
}
