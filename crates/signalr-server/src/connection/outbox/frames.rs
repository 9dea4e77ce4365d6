//! Frames in order, with the position in the first of them.
//!
//! The first one has a place of its own: a client that keeps up has one at a time, and then nothing is allocated.

use std::collections::VecDeque;
use std::io::IoSlice;

use crate::protocol::Frame;

/// Frames per system call.
const SLICES: usize = 64;

#[derive(Debug, Default)]
pub(super) struct Frames {
    first: Option<Frame>,
    /// Empty without a first one.
    rest: VecDeque<Frame>,
    /// How much of the first one is written.
    begun: usize,
}

impl Frames {
    pub(super) fn is_empty(&self) -> bool {
        self.first.is_none()
    }

    pub(super) fn len(&self) -> usize {
        usize::from(self.first.is_some()) + self.rest.len()
    }

    pub(super) fn push(&mut self, frame: Frame) {
        match self.first {
            None => self.first = Some(frame),
            Some(_) => self.rest.push_back(frame),
        }
    }

    /// Takes all of them out; the memory stays.
    pub(super) fn drain(&mut self) -> impl Iterator<Item = Frame> {
        self.begun = 0;
        self.first.take().into_iter().chain(self.rest.drain(..))
    }

    /// Forgets those of which nothing is written, and returns their size in bytes.
    pub(super) fn cut(&mut self) -> usize {
        let first = if self.begun > 0 { None } else { self.first.take() };
        first.into_iter().chain(self.rest.drain(..)).map(|frame| frame.len()).sum()
    }

    /// Gives back the memory of those that are gone.
    pub(super) fn release(&mut self) {
        if self.rest.is_empty() {
            self.rest = VecDeque::new();
        }
    }

    /// What is left to write, if it is one frame.
    pub(super) fn only(&self) -> Option<&[u8]> {
        let frame = self.first.as_ref().filter(|_| self.rest.is_empty())?;
        Some(&frame.websocket()[self.begun..])
    }

    /// Whether these frames, and nothing else, are what is left to write.
    pub(super) fn are(&self, frames: &[Frame]) -> bool {
        self.begun == 0 && self.len() == frames.len() && self.iter().zip(frames).all(|(own, other)| own.is_same(other))
    }

    /// Whether a part of the first one is written.
    pub(super) fn is_begun(&self) -> bool {
        self.begun > 0
    }

    /// In order, those that are begun included.
    pub(super) fn iter(&self) -> impl Iterator<Item = &Frame> {
        self.first.iter().chain(&self.rest)
    }

    /// Hands the next frames to one vectored write.
    pub(super) fn with_slices<R>(&self, write: impl FnOnce(&[IoSlice<'_>]) -> R) -> R {
        let mut slices = [IoSlice::new(&[]); SLICES];
        let mut begun = self.begun;
        let mut used = 0;
        for (slice, frame) in slices.iter_mut().zip(self.iter()) {
            *slice = IoSlice::new(&frame.websocket()[begun..]);
            begun = 0;
            used += 1;
        }
        write(&slices[..used])
    }

    /// Marks `count` bytes as written.
    pub(super) fn advance(&mut self, mut count: usize) {
        while let Some(frame) = &self.first {
            let left = frame.len() - self.begun;
            if count < left {
                self.begun += count;
                return;
            }
            count -= left;
            self.first = self.rest.pop_front();
            self.begun = 0;
        }
    }
}

impl Extend<Frame> for Frames {
    fn extend<T: IntoIterator<Item = Frame>>(&mut self, frames: T) {
        frames.into_iter().for_each(|frame| self.push(frame));
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::HubProtocol;

    /// Numbered frames of three bytes each, header included.
    fn numbered(count: u8) -> impl Iterator<Item = Frame> {
        (0..count).map(|number| Frame::encoded(HubProtocol::Json, &[number]))
    }

    fn frames(count: u8) -> Frames {
        let mut frames = Frames::default();
        frames.extend(numbered(count));
        frames
    }

    fn next_bytes(frames: &Frames) -> Vec<u8> {
        frames.with_slices(|slices| slices.iter().flat_map(|slice| slice.to_vec()).collect())
    }

    #[track_caller]
    fn check(frames: &mut Frames, expected: &[u8]) {
        assert_eq!((frames.len(), frames.is_empty()), (expected.len(), expected.is_empty()));
        let numbers: Vec<u8> = frames.drain().map(|frame| frame.message()[0]).collect();
        assert_eq!(numbers, expected);
        assert!(frames.is_empty());
    }

    #[test]
    fn frames_stay_in_order_however_they_come() {
        check(&mut Frames::default(), &[]);
        let mut mixed = Frames::default();
        mixed.extend(numbered(3));
        numbered(4).skip(3).for_each(|frame| mixed.push(frame));
        check(&mut mixed, &[0, 1, 2, 3]);
        mixed.extend(numbered(2));
        check(&mut mixed, &[0, 1]);
    }

    #[test]
    fn a_cut_keeps_the_frame_that_is_begun() {
        let mut untouched = frames(2);
        assert_eq!((untouched.cut(), untouched.is_empty()), (6, true));
        let mut begun = frames(3);
        begun.advance(4);
        assert_eq!(begun.cut(), 3);
        assert_eq!(next_bytes(&begun), b"\x01\x01");
        begun.advance(2);
        assert_eq!((begun.is_empty(), begun.cut()), (true, 0));
    }

    #[test]
    fn the_last_frame_is_written_by_itself() {
        let mut frames = frames(2);
        assert_eq!(frames.only(), None, "there are two");
        frames.advance(3);
        assert_eq!(frames.only(), Some(&b"\x81\x01\x01"[..]));
        frames.advance(2);
        assert_eq!(frames.only(), Some(&b"\x01"[..]));
        frames.advance(1);
        assert_eq!(frames.only(), None);
    }

    #[test]
    fn what_was_begun_is_forgotten_with_its_frame() {
        let mut frames = frames(1);
        frames.advance(1);
        assert_eq!(frames.drain().count(), 1);
        frames.extend(numbered(1));
        assert_eq!(next_bytes(&frames), b"\x81\x01\x00");
    }

    proptest! {
        #[test]
        fn however_much_each_write_takes_every_byte_is_written_once(count in 1u8..200, takes in prop::collection::vec(1usize..300, 1..20)) {
            let expected: Vec<u8> = numbered(count).flat_map(|frame| frame.websocket().to_vec()).collect();
            let mut frames = frames(count);
            let mut written = Vec::new();
            for take in takes.iter().cycle() {
                let next = next_bytes(&frames);
                prop_assert!(frames.only().is_none_or(|only| only == next));
                let taken = (*take).min(next.len());
                written.extend_from_slice(&next[..taken]);
                frames.advance(taken);
                if frames.is_empty() {
                    break;
                }
            }
            prop_assert_eq!(written, expected);
        }
    }
}
