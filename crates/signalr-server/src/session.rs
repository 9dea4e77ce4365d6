//! A connection from its transport's side: bytes in, handshake and hub messages out of them.
//!
//! Transport messages mean nothing here; what a client sends is one stream of bytes (signalr-protocol 1.6).

use crate::connection::inbox::Call;
use crate::connection::outbox::Backlog;
use crate::message::Reconnect;
use crate::protocol::splitter::{Splitter, TooLarge};
use crate::protocol::{HubProtocol, Incoming, handshake};
use crate::{Connection, Disconnect};

/// Reads what the client sends.
#[derive(Debug)]
pub(crate) struct Session {
    connection: Connection,
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
        Self { connection, phase: Phase::Handshake, splitter }
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
            Ok(protocol) => {
                let connection = &self.connection;
                let limit = connection.engine().options().maximum_message_size.unwrap_or(usize::MAX);
                self.phase = Phase::Open(protocol);
                self.splitter = Splitter::new(protocol, limit);
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
        let connection = &self.connection;
        match protocol.decode(message) {
            Ok(Incoming::Message(call)) => connection.engine().enqueue(connection, Call::Received(call), message.len()),
            Ok(Incoming::Ping) => connection.activity().pinged(),
            Ok(Incoming::Ignored) => {}
            Ok(Incoming::Close { error }) => {
                self.phase = Phase::Over;
                connection.finish(None, Backlog::Dropped, Disconnect::ClientClosed { error });
            }
            Err(malformed) => {
                self.phase = Phase::Over;
                connection.fail(Disconnect::ProtocolError(malformed.0), Reconnect::Denied);
            }
        }
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
