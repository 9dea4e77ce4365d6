//! What is fuzzed in this crate: one function per kind of bytes that a client sends, which panics when a promise is broken.
//!
//! Compiled only for tests and under `cfg(fuzzing)`, which cargo-fuzz sets, so it is no part of the interface. The seeds in
//! `fuzz/seeds` go through the same functions in every `cargo test`.

mod conversation;
mod frames;
mod messages;

use std::str::from_utf8;

use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};

use crate::endpoint::negotiate;
use crate::protocol::handshake;
use crate::protocol::splitter::SeparatorSplitter;
use crate::{HubProtocol, Query, Transports};

pub use conversation::sessions;
pub use frames::websocket_frames;
pub use messages::{json_messages, messagepack_messages};

/// What is done with an input.
pub type Target = fn(&[u8]);

/// The targets by the names of their files in `fuzz/fuzz_targets`.
pub const TARGETS: [(&str, Target); 6] = [
    ("websocket_frames", websocket_frames),
    ("json_messages", json_messages),
    ("messagepack_messages", messagepack_messages),
    ("handshakes", handshakes),
    ("queries", queries),
    ("sessions", sessions),
];

/// A handshake without its record separator: whatever it is, the answer is one whole message that says why.
pub fn handshakes(input: &[u8]) {
    for transport in Transports::ALL.iter() {
        match handshake::read(input, transport) {
            Ok(agreed) => assert!(transport.is_binary() || agreed.protocol == HubProtocol::Json),
            Err(error) => check_refusal(&error),
        }
    }
}

fn check_refusal(error: &handshake::HandshakeError) {
    let answer = handshake::answer(HubProtocol::Json, Some(error));
    let mut stream = answer.message();
    let message = SeparatorSplitter::new(usize::MAX).next(&mut stream).expect("there is no limit");
    assert!(stream.is_empty(), "one message");
    let message: serde_json::Value = serde_json::from_slice(&message.expect("it is whole")).expect("it is JSON");
    assert_eq!(message["error"], error.to_string());
}

/// The query of a request: what is read can be written and is read again; no secret is kept.
pub fn queries(input: &[u8]) {
    let Ok(text) = from_utf8(input) else { return };
    let query = Query::parse(Some(text));
    let _ = negotiate::version(&query);
    let escaped = |text| utf8_percent_encode(text, NON_ALPHANUMERIC).to_string();
    let written: Vec<String> =
        query.pairs().map(|(key, value)| format!("{}={}", escaped(key), escaped(value))).collect();
    assert_eq!(Query::parse(Some(&written.join("&"))), query);
    let kept = query.without_secrets();
    assert!(["id", "access_token"].iter().all(|secret| kept.first(secret).is_none()));
}

/// How large the pieces are in which a stream arrives, and the stream.
fn cut(input: &[u8]) -> (usize, &[u8]) {
    input.split_first().map_or((1, input), |(size, stream)| (usize::from(*size) + 1, stream))
}

#[cfg(test)]
#[path = "../../../fuzz/seeds.rs"]
mod seeds;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Transport;

    #[test]
    fn the_offered_transports_are_all_there_are() {
        let offered: Vec<_> = Transports::ALL.iter().collect();
        assert_eq!(offered, [Transport::WebSockets, Transport::ServerSentEvents, Transport::LongPolling]);
    }
}
