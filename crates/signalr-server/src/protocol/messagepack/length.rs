//! The length in front of every message: base 128, least significant group first (signalr-protocol 4.2).
//!
//! Five bytes could say more than 2 GiB, but no peer takes more.

use std::borrow::Cow;

use crate::protocol::splitter::TooLarge;

/// The largest message that can be framed.
const LARGEST: usize = 0x7fff_ffff;

/// The most bytes that a length takes.
const WIDEST: usize = 5;

/// Puts the length of what follows `start` in `buffer` there. What is too large is taken off the buffer.
pub(super) fn insert(buffer: &mut Vec<u8>, start: usize) -> Result<(), TooLarge> {
    match encode(buffer.len() - start) {
        Ok((bytes, used)) => {
            buffer.splice(start..start, bytes.into_iter().take(used));
            Ok(())
        }
        Err(TooLarge) => {
            buffer.truncate(start);
            Err(TooLarge)
        }
    }
}

/// The bytes of a length and how many of them are used.
fn encode(length: usize) -> Result<([u8; WIDEST], usize), TooLarge> {
    if length > LARGEST {
        return Err(TooLarge);
    }
    let mut bytes = [0; WIDEST];
    let mut rest = length;
    let mut used = 0;
    loop {
        bytes[used] = (rest & 0x7f) as u8;
        rest >>= 7;
        used += 1;
        if rest == 0 {
            return Ok((bytes, used));
        }
        bytes[used - 1] |= 0x80;
    }
}

/// Cuts a byte stream into messages by their lengths. Holds the part of a message that has arrived so far: never more
/// than `limit` bytes, and never more than have arrived.
#[derive(Debug)]
pub(crate) struct Splitter {
    length: Length,
    partial: Vec<u8>,
    limit: usize,
}

/// A length of which any number of bytes may have arrived.
#[derive(Debug, Default)]
struct Length {
    value: usize,
    used: usize,
    complete: bool,
}

impl Splitter {
    /// With the largest size of a message, length excluded.
    pub(crate) fn new(limit: usize) -> Self {
        Self { length: Length::default(), partial: Vec::new(), limit: limit.min(LARGEST) }
    }

    /// Takes the next message, without its length, off the front of `input`; `None` when `input` is used up. A length
    /// of more than five bytes or above 2 GiB is [`TooLarge`] whatever the limit.
    pub(crate) fn next<'i>(&mut self, input: &mut &'i [u8]) -> Result<Option<Cow<'i, [u8]>>, TooLarge> {
        self.length.take(input)?;
        if self.length.value > self.limit {
            return Err(TooLarge);
        }
        if !self.length.complete {
            return Ok(None);
        }
        let missing = self.length.value - self.partial.len();
        let (part, rest) = input.split_at(missing.min(input.len()));
        *input = rest;
        if part.len() == missing {
            self.length = Length::default();
            if self.partial.is_empty() {
                return Ok(Some(Cow::Borrowed(part)));
            }
        }
        self.partial.extend_from_slice(part);
        Ok((part.len() == missing).then(|| Cow::Owned(std::mem::take(&mut self.partial))))
    }
}

impl Length {
    fn take(&mut self, input: &mut &[u8]) -> Result<(), TooLarge> {
        while !self.complete
            && let Some((byte, rest)) = input.split_first()
        {
            if self.used == WIDEST - 1 && *byte > 7 {
                return Err(TooLarge);
            }
            self.value |= usize::from(byte & 0x7f) << (7 * self.used);
            self.used += 1;
            self.complete = byte & 0x80 == 0;
            *input = rest;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[track_caller]
    fn check(length: usize, expected: &[u8]) {
        let (bytes, used) = encode(length).unwrap();
        assert_eq!(&bytes[..used], expected);
        let mut read = Length::default();
        let mut input = expected;
        read.take(&mut input).unwrap();
        assert!(read.complete && input.is_empty());
        assert_eq!(read.value, length);
    }

    #[test]
    fn lengths_are_those_of_the_table() {
        check(0, &[0]);
        check(1, &[1]);
        check(53, &[0x35]);
        check(127, &[0x7f]);
        check(128, &[0x80, 1]);
        check(300, &[0xac, 2]);
        check(5_248, &[0x80, 0x29]);
        check(16_383, &[0xff, 0x7f]);
        check(16_384, &[0x80, 0x80, 1]);
        check(2_097_151, &[0xff, 0xff, 0x7f]);
        check(2_097_152, &[0x80, 0x80, 0x80, 1]);
        check(2_147_483_647, &[0xff, 0xff, 0xff, 0xff, 7]);
    }

    #[test]
    fn nothing_above_two_gigabytes_has_a_length() {
        assert_eq!(encode(2_147_483_648), Err(TooLarge));
        let unlimited = || Splitter::new(usize::MAX);
        assert_eq!(split(&mut unlimited(), &[&[0x80, 0x80, 0x80, 0x80, 8]]), Err(TooLarge));
        assert_eq!(split(&mut unlimited(), &[&[0x80, 0x80, 0x80, 0x80], &[0x80, 0]]), Err(TooLarge));
        assert_eq!(split(&mut unlimited(), &[&[0xff, 0xff, 0xff, 0xff, 7, 1]]), Ok(vec![]));
    }

    fn split(splitter: &mut Splitter, chunks: &[&[u8]]) -> Result<Vec<Vec<u8>>, TooLarge> {
        let mut messages = Vec::new();
        for chunk in chunks {
            let mut input = *chunk;
            while let Some(message) = splitter.next(&mut input)? {
                messages.push(message.into_owned());
            }
            assert!(input.is_empty(), "the splitter waits for more although there is more");
        }
        Ok(messages)
    }

    #[test]
    fn the_framing_of_the_specification_is_cut() {
        assert_eq!(
            split(&mut Splitter::new(100), &[b"\x0bhello\nworld\x02\x01\x02"]),
            Ok(vec![b"hello\nworld".to_vec(), vec![1, 2]])
        );
    }

    #[test]
    fn a_message_of_the_limit_passes_and_one_byte_more_is_refused_before_it_arrives() {
        assert_eq!(
            split(&mut Splitter::new(3), &[b"\x03abc\x03", b"ab", b"c\x00"]),
            Ok(vec![b"abc".to_vec(), b"abc".to_vec(), vec![]])
        );
        assert_eq!(split(&mut Splitter::new(3), &[b"\x04"]), Err(TooLarge));
        assert_eq!(split(&mut Splitter::new(300), &[b"\xad", b"\x02"]), Err(TooLarge));
    }

    #[test]
    fn a_refused_message_stays_refused() {
        let mut splitter = Splitter::new(3);
        assert_eq!(split(&mut splitter, &[b"\x04abcd"]), Err(TooLarge));
        assert_eq!(split(&mut splitter, &[b"\x01a"]), Err(TooLarge));
    }

    #[test]
    fn a_claimed_length_takes_no_memory_and_a_whole_message_is_not_copied() {
        let mut splitter = Splitter::new(usize::MAX);
        assert!(matches!(splitter.next(&mut &b"\x02{}"[..]), Ok(Some(Cow::Borrowed(b"{}")))));
        assert!(matches!(splitter.next(&mut &b"\xff\xff\xff\xff\x07abc"[..]), Ok(None)));
        assert!(splitter.partial.capacity() < 100);
        split(&mut Splitter::new(10), &[b"\x02a", b"b"]).unwrap();
    }

    #[test]
    fn a_split_message_leaves_nothing_behind() {
        let mut splitter = Splitter::new(10);
        split(&mut splitter, &[b"\x02a", b"b"]).unwrap();
        assert_eq!(splitter.partial.capacity(), 0);
    }

    proptest! {
        #[test]
        fn any_chunking_gives_the_same_messages(
            messages in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..300), 0..10),
            cuts in prop::collection::vec(1usize..37, 1..50),
        ) {
            let mut stream = Vec::new();
            for message in &messages {
                let start = stream.len();
                stream.extend_from_slice(message);
                insert(&mut stream, start).unwrap();
            }
            let mut rest = &stream[..];
            let mut chunks = Vec::new();
            for cut in cuts.iter().cycle().take(stream.len()) {
                let (chunk, next) = rest.split_at((*cut).min(rest.len()));
                chunks.push(chunk);
                rest = next;
            }
            prop_assert_eq!(split(&mut Splitter::new(300), &chunks), Ok(messages));
        }

        #[test]
        fn no_input_panics_or_holds_more_than_the_limit(chunks in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..100), 0..20)) {
            let mut splitter = Splitter::new(64);
            for chunk in &chunks {
                if split(&mut splitter, &[chunk]).is_err() {
                    break;
                }
                prop_assert!(splitter.partial.len() <= 64);
            }
        }
    }
}
