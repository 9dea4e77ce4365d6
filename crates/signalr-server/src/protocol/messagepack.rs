//! The MessagePack hub protocol (signalr-protocol 4.5).
//!
//! Arrays may be longer than this version knows; what follows the items that it knows is not looked at, as .NET and
//! the JavaScript client do it. Nothing is allocated for a length that a client merely claims.

mod encode;
mod from_json;
mod length;
mod reader;
#[cfg(test)]
mod tests;
mod to_json;
mod walk;

pub(crate) use from_json::from_json;
pub(crate) use length::Splitter;
pub(crate) use to_json::to_json;
pub(crate) use walk::items;

use super::{Incoming, Malformed, splitter::TooLarge};
use crate::message::{ClientMessage, Content, Headers, Outcome, Reconnect};
use crate::{Arguments, Payload};
use reader::{Reader, Scalar, Token};

/// How a completion ends, the fourth item of its array.
const ERROR: u64 = 1;
const VOID: u64 = 2;
const RESULT: u64 = 3;

/// Appends a message behind its length, with as many items as .NET servers write.
///
/// # Errors
/// A message above 2 GiB cannot be framed; `buffer` is then as it was.
pub(crate) fn write(content: &Content, buffer: &mut Vec<u8>) -> Result<(), TooLarge> {
    let start = buffer.len();
    match content {
        Content::Invocation { invocation_id, target, arguments } => {
            begin(6, 1, buffer);
            encode::no_headers(buffer);
            encode::optional_text(invocation_id.as_deref(), buffer);
            encode::text(target, buffer);
            buffer.extend_from_slice(arguments.messagepack());
            encode::array(0, buffer);
        }
        Content::StreamItem { invocation_id, item } => {
            begin(4, 2, buffer);
            encode::no_headers(buffer);
            encode::text(invocation_id, buffer);
            buffer.extend_from_slice(item.messagepack());
        }
        Content::Completion { invocation_id, outcome } => write_completion(invocation_id, outcome, buffer),
        Content::Close { error, reconnect } => {
            begin(3, 7, buffer);
            encode::optional_text(error.as_deref(), buffer);
            encode::boolean(*reconnect == Reconnect::Allowed, buffer);
        }
    }
    length::insert(buffer, start)
}

fn write_completion(invocation_id: &str, outcome: &Outcome, buffer: &mut Vec<u8>) {
    begin(if matches!(outcome, Outcome::Void) { 4 } else { 5 }, 3, buffer);
    encode::no_headers(buffer);
    encode::text(invocation_id, buffer);
    match outcome {
        Outcome::Void => encode::unsigned(VOID, buffer),
        Outcome::Result(value) => {
            encode::unsigned(RESULT, buffer);
            buffer.extend_from_slice(value.messagepack());
        }
        Outcome::Error(error) => {
            encode::unsigned(ERROR, buffer);
            encode::text(error, buffer);
        }
    }
}

/// A message without a hub's content, which the engine itself says (signalr-protocol 7).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Control {
    #[cfg_attr(not(test), expect(dead_code, reason = "the frame that is sent is a constant"))]
    Ping,
    /// Everything up to this message has been processed.
    Ack(u64),
    /// The number of the message that comes next.
    Sequence(u64),
}

/// Appends a control message behind its length.
pub(crate) fn write_control(control: Control, buffer: &mut Vec<u8>) {
    let start = buffer.len();
    match control {
        Control::Ping => begin(1, 6, buffer),
        Control::Ack(sequence_id) => {
            begin(2, 8, buffer);
            encode::unsigned(sequence_id, buffer);
        }
        Control::Sequence(sequence_id) => {
            begin(2, 9, buffer);
            encode::unsigned(sequence_id, buffer);
        }
    }
    length::insert(buffer, start).expect("a control message has at most 11 bytes");
}

fn begin(items: usize, kind: u64, buffer: &mut Vec<u8>) {
    encode::array(items, buffer);
    encode::unsigned(kind, buffer);
}

/// Whether the bytes are exactly one value that has a JSON form.
pub(crate) fn check(value: &[u8]) -> Result<(), Malformed> {
    let mut reader = Reader::new(value);
    walk::value(&mut reader)?;
    if reader.rest().is_empty() { Ok(()) } else { Err(Malformed("a value is followed by more bytes")) }
}

/// Whether a value is an array.
pub(crate) fn is_array(value: &[u8]) -> bool {
    matches!(Reader::new(value).token(), Ok(Token::Array(_)))
}

/// Parses one message without its length.
pub(crate) fn read(message: &[u8]) -> Result<Incoming, Malformed> {
    let mut items = Items::begin(message)?;
    match items.kind()? {
        1 => items.invocation().map(Incoming::Message),
        2 => items.stream_item().map(Incoming::Message),
        3 => items.completion().map(Incoming::Message),
        4 => items.stream_invocation().map(Incoming::Message),
        5 => items.cancel_invocation().map(Incoming::Message),
        6 => Ok(Incoming::Ping),
        7 => Ok(Incoming::Close { error: items.text("the `error` of a message is not a string")? }),
        8 => items.integer("the `sequenceId` of a message is not a number").map(Incoming::Ack),
        9 => items.integer("the `sequenceId` of a message is not a number").map(Incoming::Sequence),
        _ => Ok(Incoming::Ignored),
    }
}

/// The items of a message that are still to be read, in their order.
struct Items<'a> {
    reader: Reader<'a>,
    left: usize,
}

/// What both kinds of invocation hold.
struct Call {
    headers: Headers,
    invocation_id: Option<String>,
    target: String,
    arguments: Arguments,
    stream_ids: Vec<String>,
}

impl<'a> Items<'a> {
    fn begin(message: &'a [u8]) -> Result<Self, Malformed> {
        let mut reader = Reader::new(message);
        match reader.token()? {
            Token::Array(left) => Ok(Self { reader, left }),
            _ => Err(Malformed("a message is not a MessagePack array")),
        }
    }

    /// Goes on to the next item.
    fn next(&mut self) -> Result<&mut Reader<'a>, Malformed> {
        self.left = self.left.checked_sub(1).ok_or(Malformed("a message has too few items"))?;
        Ok(&mut self.reader)
    }

    fn kind(&mut self) -> Result<u64, Malformed> {
        self.integer("the type of a message is not an integer")
    }

    fn invocation(&mut self) -> Result<ClientMessage, Malformed> {
        let Call { headers, invocation_id, target, arguments, stream_ids } = self.call()?;
        Ok(ClientMessage::Invocation { invocation_id, target, arguments, stream_ids, headers })
    }

    fn stream_invocation(&mut self) -> Result<ClientMessage, Malformed> {
        let Call { headers, invocation_id, target, arguments, stream_ids } = self.call()?;
        let invocation_id = invocation_id.ok_or(NO_ID)?;
        Ok(ClientMessage::StreamInvocation { invocation_id, target, arguments, stream_ids, headers })
    }

    fn call(&mut self) -> Result<Call, Malformed> {
        Ok(Call {
            headers: self.headers()?,
            invocation_id: self.optional_id()?,
            target: self
                .text("the `target` of an invocation is not a string")?
                .ok_or(Malformed("an invocation has no `target`"))?,
            arguments: self.arguments()?,
            stream_ids: if self.left > 0 { self.stream_ids()? } else { Vec::new() },
        })
    }

    fn stream_item(&mut self) -> Result<ClientMessage, Malformed> {
        let headers = self.headers()?;
        Ok(ClientMessage::StreamItem { headers, invocation_id: self.id()?, item: self.payload()? })
    }

    fn completion(&mut self) -> Result<ClientMessage, Malformed> {
        let headers = self.headers()?;
        let invocation_id = self.id()?;
        let outcome = match self.integer("the kind of a completion is not an integer")? {
            ERROR => Outcome::Error(
                self.text("the `error` of a message is not a string")?
                    .ok_or(Malformed("a completion that failed has no `error`"))?,
            ),
            VOID => Outcome::Void,
            RESULT => Outcome::Result(self.payload()?),
            _ => return Err(Malformed("the kind of a completion is none of 1, 2 and 3")),
        };
        Ok(ClientMessage::Completion { invocation_id, outcome, headers })
    }

    fn cancel_invocation(&mut self) -> Result<ClientMessage, Malformed> {
        let headers = self.headers()?;
        Ok(ClientMessage::CancelInvocation { headers, invocation_id: self.id()? })
    }

    fn headers(&mut self) -> Result<Headers, Malformed> {
        const COMPLAINT: Malformed = Malformed("the `headers` of a message are not a map of strings");
        let reader = self.next()?;
        let Token::Map(pairs) = reader.token()? else {
            return Err(COMPLAINT);
        };
        let mut headers = Headers::new();
        for _ in 0..pairs {
            headers.insert(reader.text(COMPLAINT)?.ok_or(COMPLAINT)?, reader.text(COMPLAINT)?.ok_or(COMPLAINT)?);
        }
        Ok(headers)
    }

    fn stream_ids(&mut self) -> Result<Vec<String>, Malformed> {
        const COMPLAINT: Malformed = Malformed("the `streamIds` of an invocation are not an array of strings");
        let reader = self.next()?;
        let Token::Array(count) = reader.token()? else {
            return Err(COMPLAINT);
        };
        (0..count).map(|_| reader.text(COMPLAINT)?.ok_or(COMPLAINT)).collect()
    }

    fn id(&mut self) -> Result<String, Malformed> {
        self.optional_id()?.ok_or(NO_ID)
    }

    /// An empty id is none, as .NET sees it.
    fn optional_id(&mut self) -> Result<Option<String>, Malformed> {
        Ok(self.text("an `invocationId` is not a string")?.filter(|id| !id.is_empty()))
    }

    fn arguments(&mut self) -> Result<Arguments, Malformed> {
        Arguments::try_from(self.payload()?).map_err(|_| Malformed("the `arguments` of an invocation are not an array"))
    }

    fn payload(&mut self) -> Result<Payload, Malformed> {
        walk::value(self.next()?).map(Payload::from_checked_messagepack)
    }

    fn text(&mut self, complaint: &'static str) -> Result<Option<String>, Malformed> {
        self.next()?.text(Malformed(complaint))
    }

    /// A negative number is none that means anything in a hub message.
    fn integer(&mut self, complaint: &'static str) -> Result<u64, Malformed> {
        match self.next()?.token()? {
            Token::Scalar(Scalar::Unsigned(number)) => Ok(number),
            Token::Scalar(Scalar::Signed(number)) => Ok(u64::try_from(number).unwrap_or(u64::MAX)),
            _ => Err(Malformed(complaint)),
        }
    }
}

const NO_ID: Malformed = Malformed("a message has no `invocationId`");
