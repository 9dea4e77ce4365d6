//! Hub messages in both protocols: cut out of a stream, read, written and read again.

use super::cut;
use crate::message::Content;
use crate::protocol::splitter::{Splitter, TooLarge};
use crate::protocol::{Incoming, Malformed, messagepack};
use crate::{Arguments, ClientMessage, HubProtocol, Payload};

/// Small, so that it is met.
const LARGEST: usize = 1000;

/// JSON messages behind a byte for the size of the pieces in which they arrive.
pub fn json_messages(input: &[u8]) {
    check(HubProtocol::Json, input);
}

/// MessagePack messages behind a byte for the size of the pieces in which they arrive.
pub fn messagepack_messages(input: &[u8]) {
    check(HubProtocol::MessagePack, input);
}

fn check(protocol: HubProtocol, input: &[u8]) {
    let (size, stream) = cut(input);
    let (messages, end) = split(protocol, LARGEST, [stream]);
    assert_eq!(split(protocol, LARGEST, stream.chunks(size)), (messages.clone(), end));
    for message in messages {
        assert!(message.len() <= LARGEST);
        if let Ok(Incoming::Message(message)) = protocol.decode(&message) {
            check_round_trips(protocol, message);
        }
    }
}

fn split<'s>(
    protocol: HubProtocol,
    limit: usize,
    pieces: impl IntoIterator<Item = &'s [u8]>,
) -> (Vec<Vec<u8>>, Result<(), TooLarge>) {
    let (mut splitter, mut messages) = (Splitter::new(protocol, limit), Vec::new());
    for mut piece in pieces {
        loop {
            match splitter.next(&mut piece) {
                Ok(Some(message)) => messages.push(message.into_owned()),
                Ok(None) => break,
                Err(TooLarge) => return (messages, Err(TooLarge)),
            }
        }
    }
    (messages, Ok(()))
}

/// What a client says, said by a server in either protocol, reads as it was.
fn check_round_trips(origin: HubProtocol, message: ClientMessage) {
    let Some(content) = said_by_a_server(message) else { return };
    for protocol in [HubProtocol::Json, HubProtocol::MessagePack] {
        let frame = protocol.encode(&content).expect("it is far from 2 GiB");
        let (messages, end) = split(protocol, usize::MAX, [frame.message()]);
        assert_eq!((messages.len(), end), (1, Ok(())), "one whole message");
        let again = match protocol.decode(&messages[0]) {
            Ok(Incoming::Message(again)) => said_by_a_server(again).expect("of the same type"),
            // JSON may be nested to any depth, and what a client may send in MessagePack not.
            Err(Malformed("a value is nested deeper than 500 levels")) if origin == HubProtocol::Json => continue,
            other => panic!("{content:?} became {other:?} in {protocol:?}"),
        };
        assert_eq!(spoken(&again), spoken(&content));
        if let (Some(before), Some(after)) = (payload(&content), payload(&again)) {
            check_same(origin, protocol, &before, &after);
        }
    }
}

/// Servers send neither headers nor stream ids, and neither stream invocations nor cancellations.
fn said_by_a_server(message: ClientMessage) -> Option<Content> {
    match message {
        ClientMessage::Invocation { invocation_id, target, arguments, .. } => {
            Some(Content::Invocation { invocation_id, target, arguments })
        }
        ClientMessage::StreamItem { invocation_id, item, .. } => Some(Content::StreamItem { invocation_id, item }),
        ClientMessage::Completion { invocation_id, outcome, .. } => {
            Some(Content::Completion { invocation_id, outcome })
        }
        ClientMessage::StreamInvocation { .. } | ClientMessage::CancelInvocation { .. } => None,
    }
}

/// Everything but the payload, which may have another length in another encoding.
fn spoken(content: &Content) -> String {
    match content {
        Content::Invocation { invocation_id, target, .. } => format!("{invocation_id:?} {target:?}"),
        Content::StreamItem { invocation_id, .. } => invocation_id.clone(),
        Content::Completion { invocation_id, outcome: crate::Outcome::Result(_) } => format!("{invocation_id} result"),
        other => format!("{other:?}"),
    }
}

fn payload(content: &Content) -> Option<Payload> {
    match content {
        Content::Invocation { arguments, .. } => Some(Arguments::clone(arguments).into()),
        Content::StreamItem { item, .. } => Some(item.clone()),
        Content::Completion { outcome: crate::Outcome::Result(value), .. } => Some(value.clone()),
        Content::Completion { .. } | Content::Close { .. } => None,
    }
}

/// Within a protocol every byte stays; on the way through the other one the second conversion changes nothing more.
fn check_same(origin: HubProtocol, protocol: HubProtocol, before: &Payload, after: &Payload) {
    match (origin, protocol) {
        (HubProtocol::Json, HubProtocol::Json) => assert_eq!(after.json().get(), before.json().get()),
        (HubProtocol::MessagePack, HubProtocol::MessagePack) => assert_eq!(after.messagepack(), before.messagepack()),
        _ => {
            let once = messagepack::to_json(after.messagepack()).expect("what is written can be read");
            let once = messagepack::to_json(&messagepack::from_json(&once)).expect("as above");
            let twice = messagepack::to_json(&messagepack::from_json(&once)).expect("as above");
            assert_eq!(twice.get(), once.get());
        }
    }
}
