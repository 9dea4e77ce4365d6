//! Which app serves: the one place where it is replaced, and the door at which calls wait for a handler that is being built.
//!
//! Easily missed: taking the app and counting the caller happen under one lock. A caller who was not counted could find the handler
//! ended between the two.

use std::ops::Deref;
use std::sync::Arc;

use tokio::sync::watch;
use tokio_util::task::task_tracker::TaskTrackerToken;

use super::{Invoker, WorkerSource};

/// The app that serves. Cheap to clone; clones are the same.
#[derive(Debug, Clone)]
pub(crate) struct Current(Arc<watch::Sender<Serving>>);

#[derive(Debug)]
struct Serving {
    invoker: Invoker,
    door: Door,
}

/// Whether there is a handler for calls.
#[derive(Debug, Clone)]
enum Door {
    /// There is one, or what has become of it is the worker's to say.
    Open,
    /// It is on its way.
    Waiting,
    /// None will come, for this reason.
    Shut(Arc<str>),
}

/// An app, and the promise that its handler stays until the lease is dropped.
#[derive(Debug)]
pub(crate) struct Lease {
    invoker: Invoker,
    _counted: TaskTrackerToken,
}

impl Current {
    pub(super) fn new(invoker: Invoker, worker: WorkerSource) -> Current {
        let door = if worker == WorkerSource::Awaited { Door::Waiting } else { Door::Open };
        Current(Arc::new(watch::Sender::new(Serving { invoker, door })))
    }

    /// The app of this moment, whether or not it has a handler.
    pub(crate) fn now(&self) -> Lease {
        self.0.borrow().lease()
    }

    /// Whether a handler is awaited, or was in vain.
    pub(crate) fn is_without_handler(&self) -> bool {
        !matches!(self.0.borrow().door, Door::Open)
    }

    /// The app, as soon as it has a handler.
    ///
    /// # Errors
    /// The reason when none will come.
    pub(crate) async fn with_handler(&self) -> Result<Lease, Arc<str>> {
        let mut serving = self.0.subscribe();
        match serving.wait_for(|serving| !matches!(serving.door, Door::Waiting)).await.as_deref() {
            Ok(Serving { door: Door::Shut(reason), .. }) => Err(Arc::clone(reason)),
            Ok(serving) => Ok(serving.lease()),
            // The sender is held by this value.
            Err(_) => Err("the host is gone".into()),
        }
    }

    /// Serves another app from now on; answers the one before.
    pub(super) fn replace(&self, invoker: Invoker) -> Invoker {
        self.0.send_replace(Serving { invoker, door: Door::Open }).invoker
    }

    pub(super) fn give_up_waiting(&self, reason: &str) {
        self.shift_door(Door::Shut(reason.into()));
    }

    /// Lets calls wait for another app; answers the one that served.
    pub(super) fn suspend(&self) -> Invoker {
        self.0.send_modify(|serving| serving.door = Door::Waiting);
        self.0.borrow().invoker.clone()
    }

    pub(super) fn wait_again(&self) {
        self.shift_door(Door::Waiting);
    }

    /// An open door stays open.
    fn shift_door(&self, to: Door) {
        self.0.send_if_modified(|serving| {
            let is_shifted = !matches!(serving.door, Door::Open);
            if is_shifted {
                serving.door = to;
            }
            is_shifted
        });
    }

    /// Returns the reason when the app that serves then has given up its handler.
    pub(super) async fn stopped(&self) -> Arc<str> {
        let mut serving = self.0.subscribe();
        loop {
            let invoker = serving.borrow_and_update().invoker.clone();
            tokio::select! {
                reason = invoker.stopped() => return reason,
                // An error would mean that the sender is gone, but this value holds it.
                _ = serving.changed() => {}
            }
        }
    }
}

impl Serving {
    fn lease(&self) -> Lease {
        Lease { invoker: self.invoker.clone(), _counted: self.invoker.count_caller() }
    }
}

impl Lease {
    /// The app without the promise.
    pub(crate) fn invoker(&self) -> &Invoker {
        &self.invoker
    }
}

impl Deref for Lease {
    type Target = Invoker;

    fn deref(&self) -> &Invoker {
        &self.invoker
    }
}
