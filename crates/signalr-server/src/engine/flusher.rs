//! Writes what was sent to many: connection after connection, each with one system call for all that waits.
//!
//! A broadcast wakes a flusher instead of a task per client. What is sent while it is under way joins what is still to be
//! written, so the more is sent the more goes into one write. A connection is in the list at most once, so the list is
//! never longer than there are connections.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::runtime::Handle;
use tokio::task::yield_now;

use super::Engine;
use crate::Connection;
use crate::connection::outbox::Joined;

/// Connections that are written to before other tasks have their turn: at most about a third of a millisecond.
const AT_ONCE: usize = 64;

#[derive(Debug, Default)]
pub(super) struct Flusher(Mutex<State>);

#[derive(Debug, Default)]
struct State {
    /// Those to whom something is to be written.
    list: VecDeque<Connection>,
    /// Tasks that are at it: as many as there are threads, as long as there is work for them.
    tasks: usize,
    /// Where they run: whoever sends need not be in the runtime.
    runtime: Option<Handle>,
}

impl Engine {
    /// Has written to these connections what waits for them. The connections come from [`Connection::post`], and may
    /// belong to other engines.
    pub(crate) fn flush(self: &Arc<Self>, connections: Vec<Connection>) {
        let mut state = self.flusher.lock();
        state.list.extend(connections);
        let Some(runtime) = state.runtime.clone() else { return };
        let wanted = state.list.len().div_ceil(AT_ONCE).min(runtime.metrics().num_workers());
        for _ in state.tasks..wanted {
            state.tasks += 1;
            self.tasks.spawn_on(flush(Arc::clone(self)), &runtime);
        }
    }

    /// Flushers run where connections are opened.
    pub(super) fn prepare_flusher(&self) {
        let mut state = self.flusher.lock();
        if state.runtime.is_none() {
            state.runtime = Handle::try_current().ok();
        }
    }
}

impl Flusher {
    /// A panic elsewhere leaves the list as good as it was.
    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes the next connections off the list; false, and a task less, when there are none.
    fn next(&self, connections: &mut Vec<Connection>) -> bool {
        let mut state = self.lock();
        if state.list.is_empty() {
            state.list = VecDeque::new();
            state.tasks -= 1;
            return false;
        }
        let count = AT_ONCE.min(state.list.len());
        connections.extend(state.list.drain(..count));
        true
    }
}

/// Writes until the list is empty.
async fn flush(engine: Arc<Engine>) {
    let mut connections = Vec::with_capacity(AT_ONCE);
    loop {
        // Others have their turn, and first of all those who are about to send, too: it goes out in the same writes.
        yield_now().await;
        if !engine.flusher.next(&mut connections) {
            return;
        }
        let (now, mut joined) = (engine.now(), Joined::default());
        for connection in connections.drain(..) {
            // Clients may be shared by engines that started at different times.
            let is_own = Arc::ptr_eq(connection.engine(), &engine);
            connection.flush(&mut joined, if is_own { now } else { connection.engine().now() });
        }
    }
}
