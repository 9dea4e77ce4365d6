//! How many clients may be connected at the same time: what the tier and the units of a service allow.
//!
//! A place is taken when a transport opens, before the handshake, so that clients that never shake hands count too.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::Relaxed};

/// The text that was seen with the 429 (signalr-service 2.5).
pub(crate) const NO_PLACE: &str = "Connection count reaches limit.";

/// The places of one service.
#[derive(Debug)]
pub(crate) struct Places {
    limit: usize,
    taken: Arc<AtomicUsize>,
}

/// The place of one connection. It is free again when this is dropped, if not before.
#[derive(Debug)]
pub(crate) struct Place {
    taken: Arc<AtomicUsize>,
    left: AtomicBool,
}

impl Places {
    /// Without a limit there is always a place.
    pub(crate) fn new(limit: Option<usize>) -> Self {
        Self { limit: limit.unwrap_or(usize::MAX), taken: Arc::default() }
    }

    pub(crate) fn has_room(&self) -> bool {
        self.taken.load(Relaxed) < self.limit
    }

    pub(crate) fn take(&self) -> Option<Place> {
        let one_more = |taken: usize| (taken < self.limit).then(|| taken + 1);
        self.taken.fetch_update(Relaxed, Relaxed, one_more).ok()?;
        Some(Place { taken: Arc::clone(&self.taken), left: AtomicBool::new(false) })
    }
}

impl Place {
    /// Frees the place; the second time does nothing.
    pub(crate) fn leave(&self) {
        if !self.left.swap(true, Relaxed) {
            self.taken.fetch_sub(1, Relaxed);
        }
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.leave();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_is_free_again_once() {
        let places = Places::new(Some(2));
        let (first, second) = (places.take().unwrap(), places.take().unwrap());
        assert!(!places.has_room() && places.take().is_none());
        first.leave();
        first.leave();
        drop(first);
        assert!(places.has_room());
        let third = places.take();
        assert!(third.is_some() && places.take().is_none());
        drop((second, third));
        assert_eq!(places.taken.load(Relaxed), 0);
        assert!(Places::new(None).take().is_some());
    }
}
