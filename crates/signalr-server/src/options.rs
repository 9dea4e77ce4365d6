//! What a server may be tuned with. The defaults are ASP.NET's (signalr-protocol 6.1), which the service shares where
//! it documents a value (signalr-service 2.8).

use std::time::Duration;

use crate::TimeSource;

/// Timeouts and limits of one endpoint. Times are enforced on a tick of a quarter of the shortest one, at most 1 s.
#[derive(Debug, Clone)]
pub struct ServerOptions {
    /// A Ping is sent when nothing was written to a client for this long; 15 s.
    pub keep_alive_interval: Duration,
    /// A client that was silent for this long is closed, but only after its first Ping; 30 s.
    pub client_timeout: Duration,
    /// How long a client may take to send its handshake; 15 s. [`Admission`](crate::Admission) may set another value
    /// for one connection.
    pub handshake_timeout: Duration,
    /// How long a negotiated connection waits for its transport; 15 s.
    pub negotiation_lifetime: Duration,
    /// How many negotiated connections may wait at the same time; 65,536. Further ones are refused with 429 until one
    /// is used or expires: those that wait already are worth more than new ones.
    pub negotiation_limit: usize,
    /// How long a closing connection may take to write what is queued and to answer the Close frame; 5 s.
    pub close_grace: Duration,
    /// How long one write may make no progress before the connection is dropped; 10 s.
    pub send_timeout: Duration,
    /// How long a client of long polling may stay away between two polls; 15 s. [`Admission`](crate::Admission) may set
    /// another value for one connection.
    pub inactivity_timeout: Duration,
    /// How long a poll waits for messages before it is answered empty; 90 s. Clients wait 100 s.
    pub poll_hold: Duration,
    /// The largest hub message of a client in bytes, without its delimiter; 32 KiB. `None` sets no limit, as the
    /// service does (signalr-service 2.7): a client may then fill the memory.
    pub maximum_message_size: Option<usize>,
    /// The largest body of a POST, by which clients of Server-Sent Events and long polling send, in bytes; 1 MiB as in
    /// the service (signalr-service 2.7). A larger one is answered with 413. It is never held as a whole. Before the
    /// transport is there a client may send no more than 8 KiB, which wait for it.
    pub maximum_post_size: usize,
    /// Bytes that may wait for one connection; 1 MiB. A message that does not fit closes the connection. One message
    /// larger than the limit is accepted while nothing else waits.
    pub queue_limit: usize,
    /// Whether a client that asks for it may come back to its connection after its WebSocket was lost, without a
    /// message missing (signalr-protocol 7); disabled, as in ASP.NET.
    pub stateful_reconnect: StatefulReconnect,
    /// How long such a connection waits for its client; 30 s, as the service documents (signalr-service 2.8).
    pub reconnect_window: Duration,
    /// Bytes of messages that may gather for such a client while it is away; 100,000. A message that does not fit ends
    /// the connection: ASP.NET lets the sender wait, but here nobody who sends waits. What was sent before and is not
    /// acknowledged is kept beside it, up to [`queue_limit`](Self::queue_limit): a client to which more than that is
    /// under way when its WebSocket is lost cannot come back.
    pub reconnect_buffer: usize,
    /// The least time between two acknowledgements of a client's messages under stateful reconnect; 1 s.
    pub acknowledge_interval: Duration,
    /// How many invocations of one client may wait for their results at the same time
    /// ([`Connection::invoke`](crate::Connection::invoke)); 100.
    pub pending_invocations: usize,
    /// Tells when [`Admission::closes_at`](crate::Admission::closes_at) has come; the clock of the machine.
    pub time: TimeSource,
    /// Adds the cause behind `Connection closed with an error.` in what clients are told; off.
    pub detailed_errors: bool,
}

/// Whether stateful reconnect is offered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StatefulReconnect {
    /// To clients that ask for it in their negotiate request.
    Enabled,
    /// To nobody.
    Disabled,
}

impl Default for ServerOptions {
    fn default() -> Self {
        Self {
            keep_alive_interval: Duration::from_secs(15),
            client_timeout: Duration::from_secs(30),
            handshake_timeout: Duration::from_secs(15),
            negotiation_lifetime: Duration::from_secs(15),
            negotiation_limit: 65_536,
            close_grace: Duration::from_secs(5),
            send_timeout: Duration::from_secs(10),
            inactivity_timeout: Duration::from_secs(15),
            poll_hold: Duration::from_secs(90),
            maximum_message_size: Some(32 * 1024),
            maximum_post_size: 1024 * 1024,
            queue_limit: 1024 * 1024,
            stateful_reconnect: StatefulReconnect::Disabled,
            reconnect_window: Duration::from_secs(30),
            reconnect_buffer: 100_000,
            acknowledge_interval: Duration::from_secs(1),
            pending_invocations: 100,
            time: TimeSource::system(),
            detailed_errors: false,
        }
    }
}

impl ServerOptions {
    /// How often deadlines are looked at. ASP.NET looks once per second (signalr-protocol 6.1).
    pub(crate) fn tick(&self) -> Duration {
        let shortest = [
            self.keep_alive_interval,
            self.client_timeout,
            self.handshake_timeout,
            self.negotiation_lifetime,
            self.close_grace,
            self.send_timeout,
            self.inactivity_timeout,
            self.reconnect_window,
        ]
        .into_iter()
        .min()
        .unwrap_or_default();
        (shortest / 4).clamp(Duration::from_millis(5), Duration::from_secs(1))
    }
}
