//! What runs functions without being called: the timers, until the host is drained (functions-host 1.8).
//!
//! Easily missed: a drained host still answers. Requests and SignalR events have no listener in the real host that a drain could
//! stop, and calls that have begun go on.

use std::sync::{Mutex, PoisonError};

use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::Invoker;

/// The switch of the listeners.
#[derive(Debug, Default)]
pub(crate) struct Listeners(Mutex<State>);

#[derive(Debug, Default)]
struct State {
    mode: Mode,
    /// Where the tasks of the listeners run and what ends all of them; absent until they are started first.
    scope: Option<(TaskTracker, CancellationToken)>,
    /// Ends those that run now.
    stop: CancellationToken,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
enum Mode {
    #[default]
    Listening,
    Drained,
}

impl Listeners {
    /// Starts the listeners, unless the host was drained before; they end with `over`.
    pub(super) fn start(&self, invoker: &Invoker, tasks: &TaskTracker, over: CancellationToken) {
        let mut state = self.state();
        state.scope = Some((tasks.clone(), over));
        if state.mode == Mode::Listening {
            state.listen(invoker);
        }
    }

    /// Stops the listeners.
    pub(crate) fn drain(&self) {
        let mut state = self.state();
        state.mode = Mode::Drained;
        state.stop.cancel();
    }

    /// Starts them again if they were stopped; says whether they were.
    pub(crate) fn resume(&self, invoker: &Invoker) -> bool {
        let mut state = self.state();
        let was_drained = state.mode == Mode::Drained;
        if was_drained {
            state.mode = Mode::Listening;
            state.listen(invoker);
        }
        was_drained
    }

    pub(crate) fn are_drained(&self) -> bool {
        self.state().mode == Mode::Drained
    }

    fn state(&self) -> std::sync::MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn listen(&mut self, invoker: &Invoker) {
        if let Some((tasks, over)) = &self.scope {
            self.stop = over.child_token();
            invoker.shared().timers.start(invoker, tasks, &self.stop);
        }
    }
}
