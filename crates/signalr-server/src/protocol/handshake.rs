//! The handshake: the first message of a client and its answer, JSON under every protocol (signalr-protocol 4.1).

use serde::{Deserialize, Serialize};

use super::{Frame, HubProtocol, splitter::RECORD_SEPARATOR};
use crate::Transport;

/// Why a handshake failed; the text is what ASP.NET sends. The client's fault.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum HandshakeError {
    #[error("The protocol '{0}' is not supported.")]
    UnknownProtocol(String),
    #[error("The server does not support version {version} of the '{protocol}' protocol.")]
    UnsupportedVersion { protocol: &'static str, version: i64 },
    #[error(
        "Cannot use the '{0}' protocol on the current transport. \
         The transport does not support 'Binary' transfer format."
    )]
    NotBinary(&'static str),
    /// No handshake in time, or none within its largest size.
    #[error("Handshake was canceled.")]
    Canceled,
    #[error("An unexpected error occurred during connection handshake.")]
    Unreadable,
}

/// What the client asked for and gets.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Handshake {
    pub(crate) protocol: HubProtocol,
    /// Version 2: the client takes part in stateful reconnect (signalr-protocol 4.1), if the negotiation agreed to it.
    pub(crate) is_resumable: bool,
}

#[derive(Deserialize)]
struct Request {
    protocol: String,
    version: i64,
}

#[derive(Serialize)]
struct Answer<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<&'a str>,
}

/// The largest handshake in bytes; a handshake has no reason to be longer.
pub(crate) const LARGEST: usize = 4096;

/// Reads a handshake without its delimiter.
pub(crate) fn read(handshake: &[u8], transport: Transport) -> Result<Handshake, HandshakeError> {
    // serde would read an array as a struct, too.
    let object = handshake.trim_ascii_start().starts_with(b"{");
    let request = object.then(|| serde_json::from_slice(handshake).ok()).flatten();
    let Request { protocol, version } = request.ok_or(HandshakeError::Unreadable)?;
    match HubProtocol::from_name(&protocol) {
        None => Err(HandshakeError::UnknownProtocol(protocol)),
        // ASP.NET, too, takes any version below its own; signalrcore sends 0 behind a negotiate of version 0.
        Some(known) if version > 2 => Err(HandshakeError::UnsupportedVersion { protocol: known.name(), version }),
        Some(HubProtocol::MessagePack) if !transport.is_binary() => {
            Err(HandshakeError::NotBinary(HubProtocol::MessagePack.name()))
        }
        Some(protocol) => Ok(Handshake { protocol, is_resumable: version == 2 }),
    }
}

/// The answer to a handshake: `{}`, or the error. The opcode is that of `protocol`, the content always JSON.
pub(crate) fn answer(protocol: HubProtocol, error: Option<&HandshakeError>) -> Frame {
    let error = error.map(ToString::to_string);
    Frame::build(protocol, |buffer| {
        serde_json::to_writer(&mut *buffer, &Answer { error: error.as_deref() })
            .expect("a string is written to memory");
        buffer.push(RECORD_SEPARATOR);
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(handshake: &str, expected: Result<HubProtocol, &str>) {
        check_on(Transport::WebSockets, handshake, expected);
    }

    #[track_caller]
    fn check_on(transport: Transport, handshake: &str, expected: Result<HubProtocol, &str>) {
        let read = read(handshake.as_bytes(), transport);
        let read = read.map(|handshake| handshake.protocol).map_err(|error| error.to_string());
        assert_eq!(read, expected.map_err(str::to_owned));
    }

    #[test]
    fn a_handshake_names_a_protocol_and_a_version() {
        const UNREADABLE: &str = "An unexpected error occurred during connection handshake.";
        check(r#"{"protocol":"json","version":1}"#, Ok(HubProtocol::Json));
        check(r#"{"version":2,"protocol":"json","extra":[1]}"#, Ok(HubProtocol::Json));
        check(r#"{"protocol":"xml","version":1}"#, Err("The protocol 'xml' is not supported."));
        check(
            r#"{"protocol":"json","version":3}"#,
            Err("The server does not support version 3 of the 'json' protocol."),
        );
        check(r#"{"protocol":"json","version":0}"#, Ok(HubProtocol::Json));
        check(r#"{"protocol":"json"}"#, Err(UNREADABLE));
        check(r#"{"version":1}"#, Err(UNREADABLE));
        check(r#"{"type":6}"#, Err(UNREADABLE));
        check(r#"["json",1]"#, Err(UNREADABLE));
        check("", Err(UNREADABLE));
        check("\u{0}[", Err(UNREADABLE));
    }

    #[test]
    fn version_2_is_that_of_stateful_reconnect() {
        for (version, is_resumable) in [(0, false), (1, false), (2, true)] {
            let handshake = format!(r#"{{"protocol":"json","version":{version}}}"#);
            let read = read(handshake.as_bytes(), Transport::WebSockets);
            assert_eq!(read, Ok(Handshake { protocol: HubProtocol::Json, is_resumable }));
        }
    }

    #[test]
    fn messagepack_needs_a_transport_for_bytes() {
        const MESSAGEPACK: &str = r#"{"protocol":"messagepack","version":1}"#;
        check_on(Transport::WebSockets, MESSAGEPACK, Ok(HubProtocol::MessagePack));
        check_on(Transport::LongPolling, MESSAGEPACK, Ok(HubProtocol::MessagePack));
        check_on(
            Transport::ServerSentEvents,
            MESSAGEPACK,
            Err("Cannot use the 'messagepack' protocol on the current transport. \
                 The transport does not support 'Binary' transfer format."),
        );
        check_on(Transport::ServerSentEvents, r#"{"protocol":"json","version":1}"#, Ok(HubProtocol::Json));
        check_on(
            Transport::ServerSentEvents,
            r#"{"protocol":"messagepack","version":3}"#,
            Err("The server does not support version 3 of the 'messagepack' protocol."),
        );
    }

    #[test]
    fn the_answer_holds_an_error_only_when_there_is_one() {
        assert_eq!(answer(HubProtocol::Json, None).message(), b"{}\x1e");
        assert_eq!(
            answer(HubProtocol::Json, Some(&HandshakeError::UnknownProtocol("a\"b".to_owned()))).message(),
            b"{\"error\":\"The protocol 'a\\\"b' is not supported.\"}\x1e"
        );
    }
}
