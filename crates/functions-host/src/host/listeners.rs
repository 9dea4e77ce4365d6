//! What runs functions without being called: the timers, until the host is drained (functions-host 1.8).
//!
//! Easily missed: a drained host still answers. Requests and SignalR events have no listener in the real host that a drain could
//! stop, and calls that have begun go on.

use std::sync::{Mutex, PoisonError};

use super::Invoker;
use crate::timers::Ending;

/// The switch of the listeners.
#[derive(Debug, Default)]
pub(crate) struct Listeners(Mutex<State>);

#[derive(Debug, Default)]
struct State {
    mode: Mode,
    /// How those that run now end; absent until they are started first.
    ending: Option<Ending>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
enum Mode {
    #[default]
    Listening,
    Drained,
}

impl Listeners {
    /// Starts the listeners, unless the host was drained before.
    pub(super) fn start(&self, invoker: &Invoker, ending: Ending) {
        let mut state = self.state();
        if state.mode == Mode::Listening {
            listen(invoker, &ending);
        }
        state.ending = Some(ending);
    }

    /// Stops the listeners.
    pub(crate) fn drain(&self) {
        let mut state = self.state();
        state.mode = Mode::Drained;
        if let Some(ending) = &state.ending {
            ending.soon.cancel();
        }
    }

    /// Starts them again if they were stopped.
    pub(crate) fn resume(&self, invoker: &Invoker) {
        let mut state = self.state();
        if state.mode == Mode::Drained {
            state.mode = Mode::Listening;
            state.ending = state.ending.take().map(|ending| Ending { soon: ending.now.child_token(), ..ending });
            if let Some(ending) = &state.ending {
                listen(invoker, ending);
            }
        }
    }

    pub(crate) fn are_drained(&self) -> bool {
        self.state().mode == Mode::Drained
    }

    fn state(&self) -> std::sync::MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn listen(invoker: &Invoker, ending: &Ending) {
    let shared = invoker.shared();
    shared.timers.start(invoker, &shared.life.timers, ending);
}
