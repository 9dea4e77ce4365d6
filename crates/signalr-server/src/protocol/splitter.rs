//! Cuts a byte stream into hub messages.
//!
//! Transport messages are not hub messages: one may hold many of them, a part of one, or nothing (signalr-protocol
//! 1.6). A message that lies whole within the input is not copied.

use std::borrow::Cow;

use super::{HubProtocol, messagepack};

/// The byte that ends a JSON message and a handshake.
pub(crate) const RECORD_SEPARATOR: u8 = 0x1e;

/// The message has more bytes than allowed. The client's fault; it ends the connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a message is larger than the maximum message size")]
pub(crate) struct TooLarge;

/// Cuts as a hub protocol wants it. Holds the part of a message that has arrived so far, and never more than `limit`
/// bytes.
#[derive(Debug)]
pub(crate) enum Splitter {
    Separators(SeparatorSplitter),
    Lengths(messagepack::Splitter),
}

impl Splitter {
    /// With the largest size of a message, delimiter or length excluded.
    pub(crate) fn new(protocol: HubProtocol, limit: usize) -> Self {
        match protocol {
            HubProtocol::Json => Self::Separators(SeparatorSplitter::new(limit)),
            HubProtocol::MessagePack => Self::Lengths(messagepack::Splitter::new(limit)),
        }
    }

    /// Takes the next message, without delimiter or length, off the front of `input`; `None` when `input` is used up.
    pub(crate) fn next<'i>(&mut self, input: &mut &'i [u8]) -> Result<Option<Cow<'i, [u8]>>, TooLarge> {
        match self {
            Self::Separators(splitter) => splitter.next(input),
            Self::Lengths(splitter) => splitter.next(input),
        }
    }
}

/// Cuts at record separators.
#[derive(Debug)]
pub(crate) struct SeparatorSplitter {
    partial: Vec<u8>,
    limit: usize,
}

impl SeparatorSplitter {
    /// With the largest size of a message, delimiter excluded.
    pub(crate) fn new(limit: usize) -> Self {
        Self { partial: Vec::new(), limit }
    }

    /// Takes the next message, without its delimiter, off the front of `input`; `None` when `input` is used up.
    pub(crate) fn next<'i>(&mut self, input: &mut &'i [u8]) -> Result<Option<Cow<'i, [u8]>>, TooLarge> {
        let end = input.iter().position(|byte| *byte == RECORD_SEPARATOR);
        let part = &input[..end.unwrap_or(input.len())];
        if self.partial.len() + part.len() > self.limit {
            return Err(TooLarge);
        }
        *input = &input[end.map_or(input.len(), |end| end + 1)..];
        if end.is_some() && self.partial.is_empty() {
            return Ok(Some(Cow::Borrowed(part)));
        }
        self.partial.extend_from_slice(part);
        Ok(end.map(|_| Cow::Owned(std::mem::take(&mut self.partial))))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn split(splitter: &mut SeparatorSplitter, chunks: &[&[u8]]) -> Result<Vec<Vec<u8>>, TooLarge> {
        let mut messages = Vec::new();
        for chunk in chunks {
            let mut input = *chunk;
            while let Some(message) = splitter.next(&mut input)? {
                messages.push(message.into_owned());
            }
        }
        Ok(messages)
    }

    #[test]
    fn a_message_of_the_limit_passes_and_one_byte_more_does_not() {
        assert_eq!(
            split(&mut SeparatorSplitter::new(3), &[b"abc\x1e", b"ab", b"c\x1e"]),
            Ok(vec![b"abc".to_vec(), b"abc".to_vec()])
        );
        assert_eq!(split(&mut SeparatorSplitter::new(3), &[b"abcd\x1e"]), Err(TooLarge));
        assert_eq!(split(&mut SeparatorSplitter::new(3), &[b"ab", b"cd"]), Err(TooLarge));
    }

    #[test]
    fn a_whole_message_is_not_copied_and_nothing_is_kept() {
        let mut splitter = SeparatorSplitter::new(100);
        assert!(matches!(splitter.next(&mut &b"{}\x1e"[..]), Ok(Some(Cow::Borrowed(b"{}")))));
        split(&mut splitter, &[b"{", b"}\x1e"]).unwrap();
        assert_eq!(splitter.partial.capacity(), 0);
    }

    proptest! {
        #[test]
        fn any_chunking_gives_the_same_messages(
            messages in prop::collection::vec(prop::collection::vec(any::<u8>().prop_filter("no separator", |byte| *byte != RECORD_SEPARATOR), 0..40), 0..20),
            cuts in prop::collection::vec(1usize..17, 1..50),
        ) {
            let stream: Vec<u8> = messages.iter().flat_map(|message| message.iter().copied().chain([RECORD_SEPARATOR])).collect();
            let mut rest = &stream[..];
            let mut chunks = Vec::new();
            for cut in cuts.iter().cycle().take(stream.len()) {
                let (chunk, next) = rest.split_at((*cut).min(rest.len()));
                chunks.push(chunk);
                rest = next;
            }
            prop_assert_eq!(split(&mut SeparatorSplitter::new(40), &chunks), Ok(messages));
        }

        #[test]
        fn no_input_holds_more_than_the_limit(chunks in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..100), 0..20)) {
            let mut splitter = SeparatorSplitter::new(64);
            for chunk in &chunks {
                if split(&mut splitter, &[chunk]).is_err() {
                    break;
                }
                prop_assert!(splitter.partial.len() <= 64);
            }
        }
    }
}
