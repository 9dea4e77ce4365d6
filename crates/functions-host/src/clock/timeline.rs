//! Virtual time: one value that only goes forward, who sleeps until when, and how many are awake.
//!
//! Easily missed: who is woken counts as awake from the moment of waking, not from when its task runs. Otherwise time would go on
//! in between.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use tokio::sync::{Notify, oneshot};

/// Cheap to clone; clones are the same time.
#[derive(Debug, Clone)]
pub(super) struct Timeline(Arc<Shared>);

struct Shared {
    state: Mutex<State>,
    told: Mutex<Vec<Weak<dyn Fn() + Send + Sync>>>,
    /// Told when nobody is awake any more.
    quiet: Notify,
    /// Held by the one who lets time pass.
    turn: tokio::sync::Mutex<()>,
}

#[derive(Debug)]
struct State {
    now: Timestamp,
    awake: usize,
    sleepers: BTreeMap<Place, Sleeper>,
    next_number: u64,
}

/// Sleepers in the order of their times, and then of their arrival.
type Place = (Timestamp, u64);

#[derive(Debug)]
struct Sleeper {
    wake: oneshot::Sender<()>,
    /// Whether it counts as awake from then on.
    is_counted: bool,
}

/// One who counts as awake unless it sleeps.
#[derive(Debug)]
pub(super) struct Counted(Timeline);

/// Takes a sleeper out again that does not sleep to the end.
struct Bed<'a> {
    timeline: &'a Timeline,
    place: Place,
}

impl Timeline {
    pub(super) fn starting_at(now: Timestamp) -> Timeline {
        let state = State { now, awake: 0, sleepers: BTreeMap::new(), next_number: 0 };
        Timeline(Arc::new(Shared {
            state: Mutex::new(state),
            told: Mutex::default(),
            quiet: Notify::new(),
            turn: tokio::sync::Mutex::default(),
        }))
    }

    pub(super) fn now(&self) -> Timestamp {
        self.state().now
    }

    /// The time that it will be so much later.
    pub(super) fn after(&self, duration: Duration) -> Timestamp {
        later(self.now(), duration)
    }

    pub(super) fn count(&self) -> Counted {
        self.state().awake += 1;
        Counted(self.clone())
    }

    pub(super) async fn sleep_until(&self, time: Timestamp) {
        let bed = {
            let mut state = self.state();
            if state.now >= time {
                return;
            }
            state.lie_down(time, false)
        };
        self.sleep(bed).await;
    }

    pub(super) async fn advance(&self, by: Duration) {
        let _turn = self.0.turn.lock().await;
        self.until_quiet().await;
        let target = later(self.now(), by);
        while self.step_towards(target) {
            // For sleepers that are not counted.
            tokio::task::yield_now().await;
            self.until_quiet().await;
        }
    }

    pub(super) fn jump(&self, by: Duration) {
        {
            let mut state = self.state();
            state.now = later(state.now, by);
            state.wake_the_due();
        }
        self.tell_all();
    }

    pub(super) fn tell(&self, tell: &Arc<dyn Fn() + Send + Sync>) {
        let mut told = self.0.told.lock().unwrap_or_else(PoisonError::into_inner);
        told.retain(|tell| tell.strong_count() > 0);
        told.push(Arc::downgrade(tell));
    }

    /// Goes to the next moment for which somebody waits and wakes whom it concerns; or to `target`, and then says false.
    fn step_towards(&self, target: Timestamp) -> bool {
        let woke = self.state().step_towards(target);
        self.tell_all();
        woke
    }

    /// Called without the lock, since those who are told ask for the time.
    fn tell_all(&self) {
        let told = self.0.told.lock().unwrap_or_else(PoisonError::into_inner).clone();
        told.iter().filter_map(Weak::upgrade).for_each(|tell| tell());
    }

    async fn until_quiet(&self) {
        loop {
            let quiet = self.0.quiet.notified();
            if self.state().awake == 0 {
                return;
            }
            quiet.await;
        }
    }

    async fn sleep(&self, (place, woken): (Place, oneshot::Receiver<()>)) {
        let _bed = Bed { timeline: self, place };
        // The other end lives in the timeline until it wakes somebody.
        let _ = woken.await;
    }

    fn fall_silent(&self, state: &mut State) {
        state.awake -= 1;
        if state.awake == 0 {
            self.0.quiet.notify_waiters();
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for Shared {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.state.fmt(f)
    }
}

impl Counted {
    pub(super) async fn sleep(&self, duration: Duration) {
        self.sleep_until(self.0.after(duration)).await;
    }

    pub(super) async fn sleep_until(&self, time: Timestamp) {
        let bed = {
            let mut state = self.0.state();
            if state.now >= time {
                return;
            }
            let bed = state.lie_down(time, true);
            self.0.fall_silent(&mut state);
            bed
        };
        self.0.sleep(bed).await;
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        let mut state = self.0.state();
        self.0.fall_silent(&mut state);
    }
}

impl Drop for Bed<'_> {
    fn drop(&mut self) {
        let mut state = self.timeline.state();
        if state.sleepers.remove(&self.place).is_some_and(|sleeper| sleeper.is_counted) {
            state.awake += 1;
        }
    }
}

impl State {
    fn lie_down(&mut self, time: Timestamp, is_counted: bool) -> (Place, oneshot::Receiver<()>) {
        let place = (time, self.next_number);
        self.next_number += 1;
        let (wake, woken) = oneshot::channel();
        self.sleepers.insert(place, Sleeper { wake, is_counted });
        (place, woken)
    }

    fn step_towards(&mut self, target: Timestamp) -> bool {
        let next = self.sleepers.first_key_value().map(|((time, _), _)| *time).filter(|time| *time <= target);
        self.now = self.now.max(next.unwrap_or(target));
        self.wake_the_due();
        next.is_some()
    }

    fn wake_the_due(&mut self) {
        while let Some(sleeper) = self.sleepers.first_entry().filter(|sleeper| sleeper.key().0 <= self.now) {
            let Sleeper { wake, is_counted } = sleeper.remove();
            self.awake += usize::from(is_counted);
            // One that is gone takes itself out, and cannot be here.
            let _ = wake.send(());
        }
    }
}

/// Time ends where timestamps do.
fn later(time: Timestamp, by: Duration) -> Timestamp {
    SignedDuration::try_from(by).ok().and_then(|by| time.checked_add(by).ok()).unwrap_or(Timestamp::MAX)
}
