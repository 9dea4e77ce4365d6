//! Messages to users and groups in turn, so many per second whatever else the service does.
//!
//! They are sent by several lanes, each of which waits for its answer: a service that is busy with broadcasts answers late, and
//! what is late is caught up with.

use std::cell::Cell;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result};
use azure_signalr::rest::HubClient;
use azure_signalr::{Message, Target};
use futures_util::future::try_join_all;
use tokio::time::{MissedTickBehavior, interval};

use super::stack::{GROUP_SIZE, group_name};
use crate::load::crowd::Crowd;
use crate::load::{Users, direct_payload};

/// Calls that may wait for their answers at the same time.
const LANES: u32 = 32;

/// The method that clients would have registered with `on`.
const DIRECT: Target = Target::from_static("direct");

/// What is sent, and to how many.
#[derive(Debug, Clone, Copy)]
pub(super) struct Traffic {
    pub(super) clients: usize,
    pub(super) groups: usize,
    pub(super) per_second: u32,
}

/// What was sent.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Sent {
    pub(super) messages: usize,
    /// To how many clients these go.
    pub(super) deliveries: u64,
}

impl Traffic {
    /// Sends for `duration` and returns when everything was accepted.
    ///
    /// # Errors
    /// When a message is refused.
    pub(super) async fn send(self, crowd: &Crowd, duration: Duration) -> Result<Sent> {
        if self.per_second == 0 {
            return Ok(Sent::default());
        }
        let hub = crowd.hub().context("these clients are in no hub")?;
        let (until, number) = (Instant::now() + duration, Cell::new(0));
        let sent = try_join_all((0..LANES).map(|lane| self.lane(hub, lane, until, &number))).await?;
        Ok(Sent { messages: number.get(), deliveries: sent.iter().sum() })
    }

    /// How many messages there are to be within `duration`.
    pub(super) fn wanted(self, duration: Duration) -> f64 {
        duration.as_secs_f64() * f64::from(self.per_second)
    }

    async fn lane(self, hub: &HubClient, lane: u32, until: Instant, number: &Cell<usize>) -> Result<u64> {
        let period = Duration::from_secs(1) * LANES / self.per_second;
        // The lanes take turns instead of sending all at once.
        tokio::time::sleep(period * lane / LANES).await;
        let (mut ticks, mut deliveries) = (interval(period), 0);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Burst);
        loop {
            ticks.tick().await;
            if Instant::now() >= until {
                return Ok(deliveries);
            }
            let mine = number.replace(number.get() + 1);
            let (message, receivers) = self.message(mine)?;
            hub.send(&message).await.context("a message to a user or a group was not accepted")?;
            deliveries += receivers;
        }
    }

    /// The message with this number, and how many clients it is for.
    fn message(self, number: usize) -> Result<(Message, u64)> {
        let (to, receivers) = if number.is_multiple_of(2) {
            (Message::to_user(Users::name(number / 2 % self.clients)?, DIRECT), 1)
        } else {
            (Message::to_group(group_name(number / 2 % self.groups)?, DIRECT), GROUP_SIZE as u64)
        };
        Ok((to.raw_argument(direct_payload()), receivers))
    }
}
