//! How much happened in each second of the last minute.

use std::collections::VecDeque;

use functions_host::events::HostEvent;
use jiff::Timestamp;
use serde::Serialize;
use signalr_emulator::Event;

/// How many seconds are kept.
const SECONDS: i64 = 60;

/// The last minute, second by second.
#[derive(Debug, Default)]
pub(crate) struct Rates(VecDeque<(i64, Second)>);

/// What happened in one second.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub(crate) struct Second {
    /// Functions that began to run.
    pub(crate) invocations: u64,
    /// Messages that the service accepted.
    pub(crate) messages: u64,
    /// Queues that they were put into.
    pub(crate) deliveries: u64,
    /// Connections that did not get one.
    pub(crate) drops: u64,
    /// Messages of clients.
    pub(crate) received: u64,
}

impl Rates {
    /// The last 60 whole seconds, oldest first.
    pub(crate) fn of_the_last_minute(&self, now: Timestamp) -> Vec<Second> {
        let first = now.as_second() - SECONDS;
        let second =
            |time: i64| self.0.iter().find(|(at, _)| *at == time).map_or_else(Second::default, |(_, second)| *second);
        (first..now.as_second()).map(second).collect()
    }

    pub(crate) fn hear_host(&mut self, event: &HostEvent, now: Timestamp) {
        if let HostEvent::Executing { .. } = event {
            self.at(now).invocations += 1;
        }
    }

    pub(crate) fn hear_service(&mut self, event: &Event, at: Timestamp) {
        match event {
            Event::Sent { queued, dropped, .. } => {
                let second = self.at(at);
                second.messages += 1;
                second.deliveries += *queued as u64;
                second.drops += *dropped as u64;
            }
            Event::Received { .. } => self.at(at).received += 1,
            _ => {}
        }
    }

    /// Time may be set back, and an event may come late: it counts where it comes.
    fn at(&mut self, time: Timestamp) -> &mut Second {
        let time = time.as_second();
        if self.0.back().is_none_or(|(last, _)| *last < time) {
            self.0.push_back((time, Second::default()));
        }
        while self.0.front().is_some_and(|(first, _)| *first < time - SECONDS) && self.0.len() > 1 {
            self.0.pop_front();
        }
        &mut self.0.back_mut().expect("one was pushed when there was none").1
    }
}
