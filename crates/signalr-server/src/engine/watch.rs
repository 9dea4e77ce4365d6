//! The one timer of an endpoint: keep-alive, client timeout, handshake timeout, the grace of a close, expiry.
//!
//! It runs while there is something to watch and starts again with the next client, so an idle server does not tick.

use std::sync::Arc;
use std::sync::atomic::Ordering::{AcqRel, Release};
use std::time::{Duration, SystemTime};

use tokio::time::{MissedTickBehavior, interval};

use super::Engine;
use crate::connection::numbering::Numbering;
use crate::message::{Reconnect, ServerMessage};
use crate::protocol::{Frame, handshake::HandshakeError};
use crate::{Connection, Disconnect, Transport};

/// What is due for a connection. At most one thing per tick; the most final comes first.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Due {
    Drop,
    DropStalled,
    CancelHandshake,
    CloseSilent,
    CloseExpired,
    Acknowledge(u64),
    Ping,
}

impl Engine {
    /// Starts the timer unless it runs.
    pub(super) fn ensure_watched(self: &Arc<Self>) {
        if !self.watched.swap(true, AcqRel) {
            self.tasks.spawn(watch(Arc::clone(self)));
        }
    }

    /// Does everything that is due at `now`. The directory is not locked meanwhile.
    fn tend(&self, now: Duration) {
        // Asked for outside the lock: it may be somebody else's clock.
        let today = self.options.time.now();
        let due: Vec<(Connection, Due)> = {
            let mut directory = self.directory();
            directory.expire(now);
            let due = |connection: &Connection| Some((connection.clone(), self.due(connection, now, today)?));
            directory.connections().filter_map(due).collect()
        };
        for (connection, due) in due {
            self.carry_out(&connection, due, now);
        }
    }

    /// `today` is the time of day, which only dates are compared with.
    fn due(&self, connection: &Connection, now: Duration, today: SystemTime) -> Option<Due> {
        let (activity, options) = (connection.activity(), &self.options);
        if self.is_stalled(connection, now) {
            return Some(Due::DropStalled);
        }
        if self.is_lost(connection, now) {
            return Some(Due::Drop);
        }
        if activity.is_past_deadline(now) {
            return Some(if connection.outbox().is_open() { Due::CancelHandshake } else { Due::Drop });
        }
        if connection.awaits_handshake() || !connection.outbox().is_open() {
            return None;
        }
        if activity.is_expired(today) {
            return Some(Due::CloseExpired);
        }
        // Long polling has no Pings and no silence: the polls show that the client is there (signalr-protocol 3.4).
        if connection.transport() == Transport::LongPolling || connection.away_since().is_some() {
            return None;
        }
        // While the hub handles a message the client may be waiting for it (signalr-protocol 6.1).
        if activity.is_silent(now, options.client_timeout) && !connection.inbox().is_busy() {
            return Some(Due::CloseSilent);
        }
        let owed = |numbering: &Numbering| numbering.lock().owed(now, options.acknowledge_interval);
        if let Some(number) = connection.numbering().and_then(owed) {
            return Some(Due::Acknowledge(number));
        }
        let is_quiet = activity.is_quiet(now, options.keep_alive_interval) && connection.outbox().is_empty();
        is_quiet.then_some(Due::Ping)
    }

    /// Whether the client has taken nothing for too long of what waits for it.
    fn is_stalled(&self, connection: &Connection, now: Duration) -> bool {
        let (activity, outbox) = (connection.activity(), connection.outbox());
        // Writers note stalls without a lock, and may do so when the stall is over already. And a stream cannot tell that
        // its client takes nothing: it is merely not asked for more.
        if outbox.is_empty() {
            activity.caught_up();
        } else if connection.transport() == Transport::ServerSentEvents || outbox.is_blocked() {
            activity.stalled(now);
        }
        activity.is_stalled(now, self.options.send_timeout)
    }

    /// Whether nothing will come of the connection, or at least of its transport.
    fn is_lost(&self, connection: &Connection, now: Duration) -> bool {
        let (activity, options) = (connection.activity(), &self.options);
        let away_since = connection.away_since();
        let has_no_task = connection.transport() != Transport::WebSockets || away_since.is_some();
        activity.is_absent(now, connection.patience())
            || away_since.is_some_and(|since| now.saturating_sub(since) >= options.reconnect_window)
            || (has_no_task && connection.outbox().is_ended())
    }

    fn carry_out(&self, connection: &Connection, due: Due, now: Duration) {
        match due {
            Due::DropStalled if connection.is_resumable() => connection.cut(),
            Due::DropStalled => {
                connection.outbox().end(Disconnect::Stalled);
                // Its request may never be looked at again; the task of a WebSocket is awake now.
                if connection.transport() != Transport::WebSockets {
                    self.ended(connection);
                }
            }
            // The task of the WebSocket sees to the rest, which may be to wait for the client.
            Due::Drop if connection.transport() == Transport::WebSockets && connection.away_since().is_none() => {
                connection.cut();
            }
            // A request may never be looked at again, or not be there.
            Due::Drop => self.ended(connection),
            Due::CancelHandshake => {
                connection.refuse(&HandshakeError::Canceled, Disconnect::ProtocolError("no handshake in time"));
            }
            // Most likely nobody would read the Close message, and somebody may still come back.
            Due::CloseSilent if connection.is_resumable() => connection.cut(),
            Due::CloseSilent => connection.fail(Disconnect::ClientTimeout, Reconnect::Allowed),
            Due::CloseExpired => {
                connection.close_with(&ServerMessage::close(None, Reconnect::Allowed), Disconnect::Expired);
            }
            Due::Acknowledge(number) => {
                if let Some(numbering) = connection.numbering() {
                    numbering.lock().acknowledged(number, now);
                }
                connection.outbox().push_control(&Frame::ack(connection.protocol(), number));
            }
            Due::Ping => {
                // Counted as sent now, so that a task that is slow to write it is not given another one.
                connection.activity().sent(now);
                connection.outbox().push_control(&Frame::ping(connection.protocol()));
            }
        }
    }

    /// Closes every connection and forgets every negotiation.
    fn dismiss_everyone(&self) {
        let everyone: Vec<Connection> = {
            let mut directory = self.directory();
            directory.expire(Duration::MAX);
            directory.connections().cloned().collect()
        };
        everyone.iter().for_each(|connection| self.dismiss(connection));
    }

    /// Stops the timer when there is nothing to watch; false when something came in between. A shutdown waits for
    /// connections alone.
    fn rest(&self) -> bool {
        let directory = self.directory();
        let is_idle = if self.is_shutting_down() { !directory.has_connections() } else { directory.is_empty() };
        if is_idle {
            self.watched.store(false, Release);
        }
        is_idle
    }
}

async fn watch(engine: Arc<Engine>) {
    let mut ticks = interval(engine.options.tick());
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut jumps = engine.options.time.jumps();
    let mut sweeping = true;
    loop {
        tokio::select! {
            _ = ticks.tick() => engine.tend(engine.now()),
            Ok(()) = jumps.changed() => engine.tend(engine.now()),
            () = engine.shutdown.cancelled(), if sweeping => {
                sweeping = false;
                engine.dismiss_everyone();
            }
            () = engine.left.notified() => {}
        }
        if engine.rest() {
            return;
        }
    }
}
