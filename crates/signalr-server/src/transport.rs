//! The ways in which bytes travel between a client and a connection.
//!
//! A transport knows nothing of hub messages: it hands a byte stream to the session and writes the frames that the
//! session has queued.

mod broken;
pub(crate) mod long_polling;
pub(crate) mod requests;
pub(crate) mod server_sent_events;
pub(crate) mod websocket;

/// One of the transports of signalr-protocol 3.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Transport {
    /// A WebSocket, in both directions.
    WebSockets,
    /// An event stream towards the client; the client sends by POST.
    ServerSentEvents,
    /// Polls towards the client; the client sends by POST.
    LongPolling,
}

impl Transport {
    /// The name on the wire, as in `availableTransports`.
    pub fn name(self) -> &'static str {
        match self {
            Self::WebSockets => "WebSockets",
            Self::ServerSentEvents => "ServerSentEvents",
            Self::LongPolling => "LongPolling",
        }
    }

    /// Whether any bytes get through; an event stream is text.
    pub(crate) fn is_binary(self) -> bool {
        self != Self::ServerSentEvents
    }

    fn bit(self) -> u8 {
        match self {
            Self::WebSockets => 1,
            Self::ServerSentEvents => 2,
            Self::LongPolling => 4,
        }
    }
}

impl std::fmt::Display for Transport {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str(self.name())
    }
}

/// The transports that a client may use.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Transports(u8);

impl Transports {
    /// Every transport.
    pub const ALL: Self = Self(7);

    /// From a bit mask: WebSockets 1, Server-Sent Events 2, long polling 4 (signalr-service 2.3, claim `asrs.s.htt`).
    /// Other bits are ignored.
    pub fn from_mask(mask: u64) -> Self {
        Self((mask & 7) as u8)
    }

    /// Exactly these.
    pub fn only(transports: &[Transport]) -> Self {
        Self(transports.iter().fold(0, |mask, transport| mask | transport.bit()))
    }

    /// Whether `transport` is among them.
    pub fn contains(self, transport: Transport) -> bool {
        self.0 & transport.bit() != 0
    }

    /// In the order in which they are offered, which is the order in which clients try them (signalr-protocol 2.6).
    pub(crate) fn iter(self) -> impl Iterator<Item = Transport> {
        [Transport::WebSockets, Transport::ServerSentEvents, Transport::LongPolling]
            .into_iter()
            .filter(move |transport| self.contains(*transport))
    }
}

/// All of them.
impl Default for Transports {
    fn default() -> Self {
        Self::ALL
    }
}
