//! A connection from its transport's side: bytes in, handshake and hub messages out of them.
//!
//! Transport messages mean nothing here; what a client sends is one stream of bytes (signalr-protocol 1.6).

use crate::connection::inbox::Call;
use crate::connection::numbering::{Numbering, Verdict};
use crate::connection::outbox::Backlog;
use crate::message::Reconnect;
use crate::protocol::handshake::{self, Handshake};
use crate::protocol::splitter::{Splitter, TooLarge};
use crate::protocol::{HubProtocol, Incoming};
use crate::{ClientMessage, Connection, Disconnect};

/// Reads what the client sends.
#[derive(Debug)]
pub(crate) struct Session {
    connection: Connection,
    /// The socket whose bytes these are; 0 for the first one and for transports that are none.
    socket: u32,
    phase: Phase,
    splitter: Splitter,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Phase {
    Handshake,
    Open(HubProtocol),
    /// The connection is closing: what still arrives is not looked at.
    Over,
}

impl Session {
    pub(crate) fn new(connection: Connection) -> Self {
        // The handshake is JSON under every protocol.
        let splitter = Splitter::new(HubProtocol::Json, handshake::LARGEST);
        Self { connection, socket: 0, phase: Phase::Handshake, splitter }
    }

    /// Goes on with a connection over another socket: there is no second handshake, and a message of which only a part
    /// had arrived comes again.
    pub(crate) fn resume(connection: Connection, socket: u32) -> Self {
        let protocol = connection.protocol();
        let splitter = Splitter::new(protocol, largest(&connection));
        Self { connection, socket, phase: Phase::Open(protocol), splitter }
    }

    pub(crate) fn socket(&self) -> u32 {
        self.socket
    }

    pub(crate) fn connection(&self) -> &Connection {
        &self.connection
    }

    /// Takes the next bytes of the client's stream. [`TooLarge`] has closed the connection already; it is reported
    /// because some transports have a word of their own for it.
    pub(crate) fn receive(&mut self, mut bytes: &[u8]) -> Result<(), TooLarge> {
        self.connection.activity().received(self.connection.engine().now());
        while self.phase != Phase::Over && self.connection.outbox().is_open() {
            match self.splitter.next(&mut bytes) {
                Ok(None) => break,
                Ok(Some(message)) => self.accept(&message),
                Err(TooLarge) => return Err(self.refuse_oversized()),
            }
        }
        Ok(())
    }

    fn accept(&mut self, message: &[u8]) {
        match self.phase {
            Phase::Handshake => self.shake_hands(message),
            Phase::Open(protocol) => self.dispatch(protocol, message),
            Phase::Over => {}
        }
    }

    fn shake_hands(&mut self, message: &[u8]) {
        match handshake::read(message, self.connection.transport()) {
            Ok(Handshake { protocol, is_resumable }) => {
                let connection = &self.connection;
                self.phase = Phase::Open(protocol);
                self.splitter = Splitter::new(protocol, largest(connection));
                if is_resumable {
                    connection.begin_numbering();
                }
                if connection.agree(protocol) {
                    connection.engine().established(connection, &handshake::answer(protocol, None));
                }
            }
            Err(error) => self.refuse_handshake(&error),
        }
    }

    fn refuse_handshake(&mut self, error: &handshake::HandshakeError) {
        self.phase = Phase::Over;
        tracing::debug!(connection = self.connection.id(), %error, "a handshake failed");
        self.connection.refuse(error, Disconnect::ProtocolError("the handshake failed"));
    }

    fn dispatch(&mut self, protocol: HubProtocol, message: &[u8]) {
        let outcome = match protocol.decode(message) {
            Ok(incoming) => self.follow(incoming, message.len()),
            Err(malformed) => Err(Disconnect::ProtocolError(malformed.0)),
        };
        if let Err(reason) = outcome {
            self.phase = Phase::Over;
            match reason {
                Disconnect::ClientClosed { .. } => {
                    self.connection.finish(None, Backlog::Dropped, reason);
                }
                reason => self.connection.fail(reason, Reconnect::Denied),
            }
        }
    }

    /// Does what the client says; an error is the end. Numbers stay locked meanwhile, so that nothing that comes over
    /// another socket overtakes it.
    fn follow(&self, incoming: Incoming, size: usize) -> Result<(), Disconnect> {
        let connection = &self.connection;
        let mut numbers = connection.numbering().map(Numbering::lock);
        match numbers.as_mut().map_or(Verdict::Accepted, |numbers| numbers.judge(self.socket, &incoming)) {
            Verdict::Accepted => {}
            Verdict::Passed => return Ok(()),
            Verdict::Gap => return Err(Disconnect::ProtocolError(GAP)),
        }
        if matches!(incoming, Incoming::Message(_)) {
            connection.activity().took(size);
        }
        match incoming {
            Incoming::Message(ClientMessage::Completion { invocation_id, outcome, .. })
                if connection.results().awaits(&invocation_id) =>
            {
                connection.results().answer(&invocation_id, outcome);
            }
            Incoming::Message(message) => connection.engine().enqueue(connection, Call::Received(message), size),
            Incoming::Ping => connection.activity().pinged(),
            Incoming::Ack(number) => connection.outbox().acknowledge(number),
            Incoming::Sequence(_) | Incoming::Ignored => {}
            Incoming::Close { error } => return Err(Disconnect::ClientClosed { error }),
        }
        Ok(())
    }

    fn refuse_oversized(&mut self) -> TooLarge {
        if self.phase == Phase::Handshake {
            self.refuse_handshake(&handshake::HandshakeError::Canceled);
        } else {
            self.phase = Phase::Over;
            self.connection.fail(Disconnect::ProtocolError("a message is too large"), Reconnect::Denied);
        }
        TooLarge
    }
}

/// The text of ASP.NET and of the JavaScript client (signalr-protocol 7).
const GAP: &str = "Sequence ID greater than amount of messages we've received.";

/// The largest message after the handshake.
fn largest(connection: &Connection) -> usize {
    connection.engine().options().maximum_message_size.unwrap_or(usize::MAX)
}
