//! The time of day, for whatever is valid until a date: a test or a simulation may bring its own.
//!
//! Only dates are judged by it. Timeouts of sockets run on the timers of tokio, which know nothing of this time.

use std::fmt;
use std::sync::Arc;
use std::time::SystemTime;

use tokio::sync::watch;

/// Says what time of day it is. Cheap to clone; clones are the same clock.
///
/// ```
/// use std::sync::{Arc, Mutex};
/// use std::time::{Duration, SystemTime};
///
/// use signalr_server::TimeSource;
///
/// let hands = Arc::new(Mutex::new(SystemTime::now()));
/// let read = Arc::clone(&hands);
/// let time = TimeSource::new(move || *read.lock().expect("nothing panics here"));
///
/// *hands.lock().expect("nothing panics here") += Duration::from_secs(3600);
/// time.has_jumped(); // what ends in this hour ends now, and not with the next tick of a timer
/// assert_eq!(time.now(), *hands.lock().expect("nothing panics here"));
/// ```
#[derive(Clone)]
pub struct TimeSource(Arc<Source>);

struct Source {
    now: Box<dyn Fn() -> SystemTime + Send + Sync>,
    jumps: watch::Sender<()>,
}

impl TimeSource {
    /// The clock of the machine.
    pub fn system() -> Self {
        Self::new(SystemTime::now)
    }

    /// A clock of the caller's own. It is asked often, from any thread, and must not block.
    pub fn new(now: impl Fn() -> SystemTime + Send + Sync + 'static) -> Self {
        Self(Arc::new(Source { now: Box::new(now), jumps: watch::Sender::new(()) }))
    }

    /// What time it is.
    pub fn now(&self) -> SystemTime {
        (self.0.now)()
    }

    /// To be called after the clock was set: what has ended by the new time is seen to at once. Without this call it is
    /// seen to within a second.
    pub fn has_jumped(&self) {
        self.0.jumps.send_replace(());
    }

    /// Changes with every jump from now on.
    pub(crate) fn jumps(&self) -> watch::Receiver<()> {
        self.0.jumps.subscribe()
    }
}

/// The clock of the machine.
impl Default for TimeSource {
    fn default() -> Self {
        Self::system()
    }
}

impl fmt::Debug for TimeSource {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("TimeSource")
    }
}
