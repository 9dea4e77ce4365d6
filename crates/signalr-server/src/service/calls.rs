//! What runs for which connection: calls, and the uploads that they read.
//!
//! A connection is in the table exactly as long as something runs for it, so nobody has to say that it is gone.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc};
use tokio_util::sync::CancellationToken;

use super::error::id_in_use;
use super::patience::unless_closing;
use super::upload::Feed;
use crate::{Connection, Outcome, Payload};

/// Calls of one connection that may run at the same time. ASP.NET sets no limit; here a client cannot fill the memory.
const LIMIT: usize = 100;

/// Items of an upload that wait for their method (signalr-protocol 6.1).
const UPLOAD_CAPACITY: usize = 10;

/// A part of an upload.
#[derive(Debug)]
pub(super) enum Part {
    Item(Payload),
    /// The end, with an error or without.
    End(Option<String>),
}

#[derive(Debug)]
pub(super) struct Table {
    entries: Mutex<HashMap<u64, Entry>>,
    parallel: usize,
}

#[derive(Debug)]
struct Entry {
    calls: Arc<Calls>,
    /// Of those that are not dropped yet.
    leases: usize,
}

/// What runs for one connection.
#[derive(Debug)]
struct Calls {
    /// A permit for each method that answers once.
    turns: Arc<Semaphore>,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    /// By invocation id of the client.
    cancellations: HashMap<String, CancellationToken>,
    /// Those without an id count as well.
    running: usize,
    /// By stream id.
    uploads: HashMap<String, mpsc::Sender<Part>>,
}

impl Table {
    pub(super) fn new(parallel: usize) -> Self {
        Self { entries: Mutex::default(), parallel: parallel.clamp(1, Semaphore::MAX_PERMITS) }
    }

    /// Keeps a connection in the table.
    pub(super) fn lease(self: &Arc<Self>, connection: &Connection) -> Lease {
        let serial = connection.serial();
        let mut entries = self.entries();
        let entry = entries.entry(serial).or_insert_with(|| Entry {
            calls: Arc::new(Calls { turns: Arc::new(Semaphore::new(self.parallel)), state: Mutex::default() }),
            leases: 0,
        });
        entry.leases += 1;
        Lease { table: Arc::clone(self), serial, calls: Arc::clone(&entry.calls) }
    }

    /// Hands a part to the upload that it belongs to; waits while that has no room. Without such an upload nothing
    /// happens, as in ASP.NET: its method may have ended before the client did.
    pub(super) async fn feed(&self, connection: &Connection, stream_id: &str, part: Part) {
        let upload = self.calls(connection).and_then(|calls| calls.state().uploads.get(stream_id).cloned());
        if let Some(upload) = upload {
            let _ = unless_closing(connection, upload.send(part)).await;
        }
    }

    /// Ends an upload.
    pub(super) async fn end_upload(&self, connection: &Connection, stream_id: &str, outcome: Outcome) {
        let error = match outcome {
            Outcome::Error(error) => Some(error),
            Outcome::Void | Outcome::Result(_) => None,
        };
        self.feed(connection, stream_id, Part::End(error)).await;
    }

    /// Tells a call that the client no longer wants it. One that has ended already is not there.
    pub(super) fn cancel(&self, connection: &Connection, invocation_id: &str) {
        if let Some(calls) = self.calls(connection)
            && let Some(cancellation) = calls.state().cancellations.get(invocation_id)
        {
            cancellation.cancel();
        }
    }

    fn calls(&self, connection: &Connection) -> Option<Arc<Calls>> {
        self.entries().get(&connection.serial()).map(|entry| Arc::clone(&entry.calls))
    }

    /// A panic elsewhere leaves the table as good as it was: nothing here calls foreign code.
    fn entries(&self) -> MutexGuard<'_, HashMap<u64, Entry>> {
        self.entries.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Calls {
    /// As good as it was after a panic elsewhere, see [`Table::entries`].
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A connection's place in the table.
#[derive(Debug)]
pub(super) struct Lease {
    table: Arc<Table>,
    serial: u64,
    calls: Arc<Calls>,
}

impl Lease {
    /// Waits until a method may run that answers once; as long as the permit is held it is running.
    pub(super) async fn turn(&self) -> OwnedSemaphorePermit {
        Arc::clone(&self.calls.turns).acquire_owned().await.expect("never closed")
    }

    /// Lets a call begin.
    ///
    /// # Errors
    /// What the client is told when it cannot.
    pub(super) fn begin(
        self,
        invocation_id: Option<String>,
        stream_ids: Vec<String>,
    ) -> Result<(Run, Vec<Feed>), String> {
        let mut state = self.calls.state();
        if state.running == LIMIT {
            return Err(format!("The connection has {LIMIT} invocations running already."));
        }
        let cancellation = CancellationToken::new();
        if let Some(id) = &invocation_id {
            if state.cancellations.contains_key(id) {
                return Err(id_in_use(id));
            }
            state.cancellations.insert(id.clone(), cancellation.clone());
        }
        state.running += 1;
        let open = |id: &String| {
            let (upload, feed) = mpsc::channel(UPLOAD_CAPACITY);
            state.uploads.insert(id.clone(), upload);
            feed
        };
        let feeds = stream_ids.iter().map(open).collect();
        drop(state);
        Ok((Run { lease: self, invocation_id, stream_ids, cancellation }, feeds))
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        let mut entries = self.table.entries();
        if let Some(entry) = entries.get_mut(&self.serial) {
            entry.leases -= 1;
            if entry.leases == 0 {
                entries.remove(&self.serial);
            }
        }
    }
}

/// A call that is running.
#[derive(Debug)]
pub(super) struct Run {
    lease: Lease,
    invocation_id: Option<String>,
    stream_ids: Vec<String>,
    pub(super) cancellation: CancellationToken,
}

impl Run {
    /// The connection is gone: nothing more is uploaded.
    pub(super) fn abandon(&self) {
        self.cancellation.cancel();
        let mut state = self.lease.calls.state();
        for id in &self.stream_ids {
            state.uploads.remove(id);
        }
    }
}

impl Drop for Run {
    fn drop(&mut self) {
        self.abandon();
        let mut state = self.lease.calls.state();
        state.running -= 1;
        if let Some(id) = &self.invocation_id {
            state.cancellations.remove(id);
        }
    }
}
