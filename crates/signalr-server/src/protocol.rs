//! The hub protocols: how messages become bytes.
//!
//! A frame is built once and shared by all its receivers, so the WebSocket header of a server frame is part of the
//! same buffer; transports without such a header skip it.

pub(crate) mod handshake;
pub(crate) mod json;
pub(crate) mod messagepack;
pub(crate) mod splitter;

use bytes::Bytes;

use crate::message::{ClientMessage, Content};

/// An encoding of hub messages, agreed in the handshake.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum HubProtocol {
    /// `json`: one UTF-8 JSON object per message, each ended by the byte 0x1E.
    Json,
    /// `messagepack`: one MessagePack array per message, each behind its length.
    MessagePack,
}

impl HubProtocol {
    /// The name on the wire.
    pub fn name(self) -> &'static str {
        match self {
            Self::Json => "json",
            Self::MessagePack => "messagepack",
        }
    }

    /// The protocol with this name, whatever its case; .NET looks protocols up in the same way.
    pub fn from_name(name: &str) -> Option<Self> {
        [Self::Json, Self::MessagePack].into_iter().find(|protocol| protocol.name().eq_ignore_ascii_case(name))
    }

    /// The opcode of WebSocket messages towards the client (signalr-protocol 1.9).
    fn opcode(self) -> u8 {
        match self {
            Self::Json => 0x1,
            Self::MessagePack => 0x2,
        }
    }

    /// A message as a frame; `None` when this protocol cannot carry it, as MessagePack none above 2 GiB.
    pub(crate) fn encode(self, content: &Content) -> Option<Frame> {
        match self {
            Self::Json => Some(Frame::build(self, |buffer| json::write(content, buffer))),
            Self::MessagePack => {
                let mut written = Ok(());
                let frame = Frame::build(self, |buffer| written = messagepack::write(content, buffer));
                written.ok().map(|()| frame)
            }
        }
    }

    /// Parses one message without its delimiter.
    pub(crate) fn decode(self, message: &[u8]) -> Result<Incoming, Malformed> {
        match self {
            Self::Json => json::read(message),
            Self::MessagePack => messagepack::read(message),
        }
    }
}

/// What a client has sent: for the hub, or for the engine itself.
#[derive(Debug)]
pub(crate) enum Incoming {
    Message(ClientMessage),
    Ping,
    Close {
        error: Option<String>,
    },
    /// The client has everything up to this number.
    Ack(u64),
    /// The number of the client's next message.
    Sequence(u64),
    /// A type that this version does not know, or does not use (signalr-protocol 4.2).
    Ignored,
}

/// A message that breaks the hub protocol. The client's fault; it ends the connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub(crate) struct Malformed(pub(crate) &'static str);

/// The longest header of a WebSocket frame from a server: opcode, length, no mask.
const HEADER: usize = 10;

/// A hub message ready to be written: the header of an unmasked WebSocket message and the bytes of the message.
#[derive(Debug, Clone)]
pub(crate) struct Frame {
    bytes: Bytes,
}

impl Frame {
    /// Lets `write` append the message, delimiter included, and puts the WebSocket header in front of it.
    pub(crate) fn build(protocol: HubProtocol, write: impl FnOnce(&mut Vec<u8>)) -> Self {
        let mut buffer = vec![0; HEADER];
        write(&mut buffer);
        let length = buffer.len() - HEADER;
        let (header, used) = websocket_header(0x80 | protocol.opcode(), length);
        let start = HEADER - used;
        buffer[start..HEADER].copy_from_slice(&header[..used]);
        Self { bytes: Bytes::from(buffer).slice(start..) }
    }

    /// A frame of a message that is encoded already, delimiter included.
    pub(crate) fn encoded(protocol: HubProtocol, message: &[u8]) -> Self {
        Self::build(protocol, |buffer| buffer.extend_from_slice(message))
    }

    /// A WebSocket control frame (RFC 6455, 5.5); `payload` holds at most 125 bytes.
    pub(crate) fn control(opcode: u8, payload: &[u8]) -> Self {
        let mut buffer = Vec::with_capacity(2 + payload.len());
        buffer.extend_from_slice(&[0x80 | opcode, payload.len() as u8]);
        buffer.extend_from_slice(payload);
        Self { bytes: buffer.into() }
    }

    /// The Ping of a protocol.
    pub(crate) fn ping(protocol: HubProtocol) -> Self {
        match protocol {
            HubProtocol::Json => Self { bytes: Bytes::from_static(b"\x81\x0b{\"type\":6}\x1e") },
            HubProtocol::MessagePack => Self { bytes: Bytes::from_static(b"\x82\x03\x02\x91\x06") },
        }
    }

    /// "Everything up to this number has arrived" (signalr-protocol 7).
    pub(crate) fn ack(protocol: HubProtocol, number: u64) -> Self {
        Self::build(protocol, |buffer| match protocol {
            HubProtocol::Json => json::write_control(8, number, buffer),
            HubProtocol::MessagePack => messagepack::write_control(messagepack::Control::Ack(number), buffer),
        })
    }

    /// "The message that comes next has this number."
    pub(crate) fn sequence(protocol: HubProtocol, number: u64) -> Self {
        Self::build(protocol, |buffer| match protocol {
            HubProtocol::Json => json::write_control(9, number, buffer),
            HubProtocol::MessagePack => messagepack::write_control(messagepack::Control::Sequence(number), buffer),
        })
    }

    /// The bytes for a WebSocket.
    pub(crate) fn websocket(&self) -> &[u8] {
        &self.bytes
    }

    /// The bytes for a transport without frames of its own.
    pub(crate) fn message(&self) -> &[u8] {
        &self.bytes[self.header()..]
    }

    /// The same, not copied.
    pub(crate) fn message_bytes(&self) -> Bytes {
        self.bytes.slice(self.header()..)
    }

    fn header(&self) -> usize {
        match self.bytes[1] {
            126 => 4,
            127 => HEADER,
            _ => 2,
        }
    }

    /// Whether both are the same piece of memory.
    pub(crate) fn is_same(&self, other: &Self) -> bool {
        self.bytes.as_ptr() == other.bytes.as_ptr() && self.bytes.len() == other.bytes.len()
    }

    /// What the frame counts in queues.
    pub(crate) fn len(&self) -> usize {
        self.bytes.len()
    }
}

/// The header and how much of it is used.
fn websocket_header(first: u8, length: usize) -> ([u8; HEADER], usize) {
    let mut header = [0; HEADER];
    header[0] = first;
    match length {
        0..=125 => {
            header[1] = length as u8;
            (header, 2)
        }
        126..=0xffff => {
            header[1] = 126;
            header[2..4].copy_from_slice(&(length as u16).to_be_bytes());
            (header, 4)
        }
        _ => {
            header[1] = 127;
            header[2..].copy_from_slice(&(length as u64).to_be_bytes());
            (header, HEADER)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check_header(length: usize, expected: &[u8]) {
        let frame = Frame::encoded(HubProtocol::Json, &vec![b'x'; length]);
        assert_eq!(&frame.websocket()[..expected.len()], expected);
        assert_eq!(frame.websocket().len(), expected.len() + length);
        assert_eq!(frame.message().len(), length);
    }

    #[test]
    fn a_frame_has_the_shortest_header() {
        check_header(0, &[0x81, 0]);
        check_header(125, &[0x81, 125]);
        check_header(126, &[0x81, 126, 0, 126]);
        check_header(65_535, &[0x81, 126, 0xff, 0xff]);
        check_header(65_536, &[0x81, 127, 0, 0, 0, 0, 0, 1, 0, 0]);
    }

    #[test]
    fn the_ready_made_pings_are_frames() {
        assert_eq!(Frame::ping(HubProtocol::Json).message(), b"{\"type\":6}\x1e");
        for (protocol, message) in
            [(HubProtocol::Json, &b"{\"type\":6}\x1e"[..]), (HubProtocol::MessagePack, &[2, 0x91, 6])]
        {
            assert_eq!(Frame::ping(protocol).websocket(), Frame::encoded(protocol, message).websocket());
        }
    }

    #[test]
    fn acknowledgements_and_sequences_are_written_in_both_protocols() {
        assert_eq!(Frame::ack(HubProtocol::Json, 36).message(), b"{\"type\":8,\"sequenceId\":36}\x1e");
        assert_eq!(Frame::sequence(HubProtocol::Json, 300).message(), b"{\"type\":9,\"sequenceId\":300}\x1e");
        assert_eq!(Frame::ack(HubProtocol::MessagePack, 36).message(), [3, 0x92, 8, 0x24]);
        assert_eq!(Frame::sequence(HubProtocol::MessagePack, 300).message(), [5, 0x92, 9, 0xcd, 1, 0x2c]);
    }

    #[test]
    fn protocols_are_found_by_name_without_regard_to_case() {
        assert_eq!(HubProtocol::from_name("JSON"), Some(HubProtocol::Json));
        assert_eq!(HubProtocol::from_name("messagepack"), Some(HubProtocol::MessagePack));
        assert_eq!(HubProtocol::from_name("xml"), None);
    }
}
