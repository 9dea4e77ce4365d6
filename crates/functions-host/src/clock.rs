//! The time of day: that of the system, or one that a test moves.
//!
//! Easily missed: [`VirtualClock::advance`] is no jump. Time passes occurrence by occurrence, and whatever falls due has ended
//! before it goes on, so that a test sees the same runs at the same times as somebody who has waited.

use std::fmt;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use jiff::Timestamp;

mod timeline;

use timeline::{Counted, Timeline};

/// The longest single wait of the real host; longer ones are chained (functions-host 6.2).
const LONGEST_WAIT: Duration = Duration::from_secs(24 * 24 * 60 * 60);

/// Tells the time of day and waits for one. Cheap to clone; clones tell the same time.
#[derive(Debug, Clone, Default)]
pub struct Clock(Source);

#[derive(Debug, Clone, Default)]
enum Source {
    #[default]
    System,
    Virtual(Timeline),
}

/// A clock that stands still until it is told to move on. Cheap to clone; clones are the same clock.
///
/// ```
/// use functions_host::clock::VirtualClock;
/// use std::time::Duration;
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), jiff::Error> {
/// let time = VirtualClock::starting_at("2026-02-07T15:44:30Z".parse()?);
/// let clock = time.clock();
/// time.advance(Duration::from_secs(30)).await;
/// assert_eq!(clock.now(), "2026-02-07T15:45:00Z".parse()?);
/// # Ok(())
/// # }
/// ```
#[derive(Debug, Clone)]
pub struct VirtualClock(Timeline);

/// Keeps somebody told of a clock that moves; see [`Clock::on_move`].
#[must_use = "nobody is told any more when this is dropped"]
pub struct Notice {
    _tell: Arc<dyn Fn() + Send + Sync>,
}

/// Something that runs by a clock: as long as it exists and does not sleep, [`VirtualClock::advance`] waits for it.
#[derive(Debug)]
pub struct Activity {
    clock: Clock,
    counted: Option<Counted>,
}

impl Clock {
    /// The clock of the system.
    #[must_use]
    pub fn system() -> Self {
        Self::default()
    }

    /// The time.
    #[must_use]
    pub fn now(&self) -> Timestamp {
        match &self.0 {
            Source::System => Timestamp::now(),
            Source::Virtual(timeline) => timeline.now(),
        }
    }

    /// The same for an interface that knows only the standard library.
    #[must_use]
    pub fn system_time(&self) -> SystemTime {
        self.now().into()
    }

    /// Returns when it is `time` or later. A virtual clock does not wait for what the caller does next; an [`Activity`] makes it.
    pub async fn sleep_until(&self, time: Timestamp) {
        match &self.0 {
            Source::System => sleep_by_the_system(time).await,
            Source::Virtual(timeline) => timeline.sleep_until(time).await,
        }
    }

    /// Returns when so much time has passed by this clock. That of the system may be set meanwhile, which changes nothing here.
    pub(crate) async fn sleep(&self, duration: Duration) {
        match &self.0 {
            Source::System => tokio::time::sleep(duration).await,
            Source::Virtual(timeline) => timeline.sleep_until(timeline.after(duration)).await,
        }
    }

    /// Calls `tell` each time that the clock was moved, for those who keep times of their own. The clock of the system moves by itself
    /// and tells nobody. `tell` must not block.
    pub fn on_move(&self, tell: impl Fn() + Send + Sync + 'static) -> Notice {
        let tell: Arc<dyn Fn() + Send + Sync> = Arc::new(tell);
        if let Source::Virtual(timeline) = &self.0 {
            timeline.tell(&tell);
        }
        Notice { _tell: tell }
    }

    /// Says that something is going on by this clock, from now until the value is dropped.
    #[must_use]
    pub fn activity(&self) -> Activity {
        let counted = match &self.0 {
            Source::System => None,
            Source::Virtual(timeline) => Some(timeline.count()),
        };
        Activity { clock: self.clone(), counted }
    }
}

impl VirtualClock {
    /// A clock that stands at `time`.
    #[must_use]
    pub fn starting_at(time: Timestamp) -> Self {
        Self(Timeline::starting_at(time))
    }

    /// A clock that stands at the present. Right for a stack whose handler is a process of its own, which lives in real time.
    #[must_use]
    pub fn starting_now() -> Self {
        Self::starting_at(Timestamp::now())
    }

    /// The clock, for those who only read it.
    #[must_use]
    pub fn clock(&self) -> Clock {
        Clock(Source::Virtual(self.0.clone()))
    }

    /// The time.
    #[must_use]
    pub fn now(&self) -> Timestamp {
        self.0.now()
    }

    /// Lets time pass. The clock stops at each moment for which an [`Activity`] waits and goes on when all that was woken has ended or
    /// sleeps again; when this returns, it stands at the time that it had, and `by` more.
    ///
    /// It waits for ever when an activity does not end, for example a timer function that waits for the test.
    pub async fn advance(&self, by: Duration) {
        self.0.advance(by).await;
    }

    /// Sets the clock forward at once, as a machine does that was asleep: what has fallen due meanwhile starts now, late, and nobody
    /// waits for it. `advance(Duration::ZERO)` does.
    pub fn jump(&self, by: Duration) {
        self.0.jump(by);
    }
}

impl fmt::Debug for Notice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Notice")
    }
}

impl Activity {
    /// The time.
    #[must_use]
    pub fn now(&self) -> Timestamp {
        self.clock.now()
    }

    /// Returns when it is `time` or later. Until then nobody waits for this activity.
    pub async fn sleep_until(&self, time: Timestamp) {
        match &self.counted {
            None => self.clock.sleep_until(time).await,
            Some(counted) => counted.sleep_until(time).await,
        }
    }

    /// Returns when so much time has passed. Until then nobody waits for this activity.
    pub(crate) async fn sleep(&self, duration: Duration) {
        match &self.counted {
            None => self.clock.sleep(duration).await,
            Some(counted) => counted.sleep(duration).await,
        }
    }
}

/// A clock that is set back makes this wait longer.
async fn sleep_by_the_system(time: Timestamp) {
    while let Some(wait) = wait_between(Timestamp::now(), time) {
        tokio::time::sleep(wait).await;
    }
}

/// How long to wait before looking at the clock again; `None` when it is time.
fn wait_between(now: Timestamp, time: Timestamp) -> Option<Duration> {
    let wait = Duration::try_from(time.duration_since(now)).unwrap_or_default();
    Some(wait.min(LONGEST_WAIT)).filter(|wait| !wait.is_zero())
}

#[cfg(test)]
mod tests;
