//! The count of all deliveries to all clients, and the moment at which a broadcast has reached the last of them.
//!
//! Everything happens on one thread, so counting a delivery is a few instructions without a lock.

use std::cell::{Cell, RefCell};
use std::time::Instant;

use tokio::sync::oneshot;

use super::ledger::{Ledger, Miscount, WINDOW};
use super::payload;

/// What a crowd of clients has received.
#[derive(Debug)]
pub(super) struct Tally {
    ledgers: RefCell<Vec<Ledger>>,
    /// The broadcast with number `n` is at `n % WINDOW`.
    in_flight: RefCell<Vec<Option<InFlight>>>,
    published: Cell<u64>,
    /// Deliveries of messages to users and groups.
    direct: Cell<u64>,
    /// All broadcasts have one size, so a delivery of another size is a broken one.
    message_length: Cell<Option<usize>>,
    trouble: RefCell<Option<String>>,
}

#[derive(Debug)]
struct InFlight {
    sequence: u64,
    missing: usize,
    complete: oneshot::Sender<Instant>,
}

/// A broadcast that is about to be published.
#[derive(Debug)]
pub(super) struct Announced {
    pub(super) sequence: u64,
    /// When the last client has received it; an error once the count has gone wrong.
    pub(super) complete: oneshot::Receiver<Instant>,
}

impl Tally {
    pub(super) fn new(clients: usize) -> Self {
        Self {
            ledgers: RefCell::new(vec![Ledger::default(); clients]),
            in_flight: RefCell::new((0..WINDOW).map(|_| None).collect()),
            published: Cell::new(0),
            direct: Cell::new(0),
            message_length: Cell::new(None),
            trouble: RefCell::new(None),
        }
    }

    pub(super) fn clients(&self) -> usize {
        self.ledgers.borrow().len()
    }

    /// Gives out the next number. From here on its deliveries count.
    pub(super) fn announce(&self) -> Announced {
        let sequence = self.published.get();
        self.published.set(sequence + 1);
        let (sender, complete) = oneshot::channel();
        if self.trouble.borrow().is_none() {
            let in_flight = InFlight { sequence, missing: self.clients(), complete: sender };
            self.in_flight.borrow_mut()[slot(sequence)] = Some(in_flight);
        }
        Announced { sequence, complete }
    }

    /// A message has arrived at a client. One without a number is no broadcast, but may be one to a user or a group.
    pub(super) fn delivered(&self, client: usize, message: &[u8]) {
        let Some(sequence) = payload::sequence_of(message) else {
            return self.direct.set(self.direct.get() + u64::from(payload::is_direct(message)));
        };
        let expected = self.message_length.get().unwrap_or(message.len());
        self.message_length.set(Some(expected));
        if message.len() != expected {
            self.fail(format!("broadcast {sequence} arrived with {} bytes instead of {expected}", message.len()));
        }
        match self.ledgers.borrow_mut()[client].note(sequence) {
            Ok(()) => self.count_down(sequence),
            Err(Miscount::Doubled) => self.fail(format!("client {client} received broadcast {sequence} twice")),
            Err(Miscount::Lost(lost)) => self.fail(format!("client {client} did not receive broadcast {lost}")),
        }
    }

    fn count_down(&self, sequence: u64) {
        let mut slots = self.in_flight.borrow_mut();
        let slot = &mut slots[slot(sequence)];
        match slot {
            Some(in_flight) if in_flight.sequence == sequence => {
                in_flight.missing -= 1;
                if in_flight.missing == 0
                    && let Some(in_flight) = slot.take()
                {
                    // The publisher may have given up waiting.
                    let _ = in_flight.complete.send(Instant::now());
                }
            }
            _ => {
                drop(slots);
                self.fail(format!("broadcast {sequence} arrived, but was never published"));
            }
        }
    }

    /// How many clients have not received a broadcast.
    pub(super) fn missing(&self, sequence: u64) -> usize {
        let slots = self.in_flight.borrow();
        let in_flight = slots[slot(sequence)].as_ref().filter(|in_flight| in_flight.sequence == sequence);
        in_flight.map_or(0, |in_flight| in_flight.missing)
    }

    /// Something has gone wrong that makes further counting useless; the first cause is kept. Wakes the publishers.
    pub(super) fn fail(&self, cause: String) {
        self.trouble.borrow_mut().get_or_insert(cause);
        self.in_flight.borrow_mut().fill_with(|| None);
    }

    /// Why the count is wrong, if it is. Meant for a moment when nothing is in flight.
    pub(super) fn complaint(&self) -> Option<String> {
        if let Some(trouble) = self.trouble.borrow().clone() {
            return Some(trouble);
        }
        let published = self.published.get();
        let ledgers = self.ledgers.borrow();
        let short: Vec<u64> = ledgers.iter().map(Ledger::received).filter(|received| *received != published).collect();
        let worst = short.iter().min()?;
        Some(format!("{} clients did not receive all {published} broadcasts; the worst has {worst}", short.len()))
    }

    /// Deliveries of messages to users and groups until now.
    pub(super) fn direct(&self) -> u64 {
        self.direct.get()
    }

    /// Deliveries of broadcasts until now.
    pub(super) fn deliveries(&self) -> u64 {
        self.ledgers.borrow().iter().map(Ledger::received).sum()
    }
}

fn slot(sequence: u64) -> usize {
    (sequence % WINDOW) as usize
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message(sequence: u64) -> String {
        payload::compose(sequence, 40)
    }

    #[test]
    fn a_broadcast_is_complete_with_its_last_receiver() {
        let tally = Tally::new(2);
        let mut announced = tally.announce();
        tally.delivered(0, message(0).as_bytes());
        assert!(announced.complete.try_recv().is_err());
        assert_eq!(tally.missing(0), 1);
        assert_eq!(tally.complaint().unwrap(), "1 clients did not receive all 1 broadcasts; the worst has 0");
        tally.delivered(1, message(0).as_bytes());
        assert!(announced.complete.try_recv().is_ok());
        assert_eq!(tally.complaint(), None);
        assert_eq!((tally.missing(0), tally.deliveries()), (0, 2));
    }

    #[track_caller]
    fn check_trouble(deliveries: &[(usize, &str)], expected: &str) {
        let tally = Tally::new(2);
        let mut announced = tally.announce();
        for (client, message) in deliveries {
            tally.delivered(*client, message.as_bytes());
        }
        assert_eq!(tally.complaint().as_deref(), Some(expected));
        let gone = announced.complete.try_recv();
        assert_eq!(gone.unwrap_err(), oneshot::error::TryRecvError::Closed, "the publisher is not left waiting");
    }

    #[test]
    fn a_wrong_delivery_is_named() {
        let (good, cut) = (message(0), payload::compose(0, 39));
        check_trouble(&[(1, &good), (1, &good)], "client 1 received broadcast 0 twice");
        check_trouble(&[(0, &good), (1, &cut)], "broadcast 0 arrived with 39 bytes instead of 40");
        check_trouble(&[(0, &message(1))], "broadcast 1 arrived, but was never published");
        check_trouble(&[(0, &message(500))], "client 0 did not receive broadcast 0");
    }
}
