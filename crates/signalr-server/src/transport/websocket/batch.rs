//! The frames that are being written, in order, with the position in the first of them.

use std::io::IoSlice;

use crate::connection::outbox::frames::Frames;
use crate::protocol::Frame;

/// Frames per system call.
const SLICES: usize = 64;

#[derive(Debug, Default)]
pub(super) struct Batch {
    frames: Frames,
    /// The first frame that is not written whole.
    next: usize,
    /// How much of it is written.
    offset: usize,
}

impl Batch {
    pub(super) fn is_empty(&self) -> bool {
        self.frames.is_empty()
    }

    /// The place for the next frames, once the last ones are written.
    pub(super) fn refill(&mut self) -> &mut Frames {
        debug_assert!(self.is_empty(), "frames are written before others are taken");
        &mut self.frames
    }

    pub(super) fn push(&mut self, frame: Frame) {
        self.frames.push(frame);
    }

    /// Forgets the frames of which nothing is written, and returns their size.
    pub(super) fn cut(&mut self) -> usize {
        let begun = self.next + usize::from(self.offset > 0);
        let cut = self.frames.truncate(begun);
        self.release();
        cut
    }

    /// Gives the memory back while there is nothing to write.
    pub(super) fn shrink(&mut self) {
        self.frames.release();
    }

    /// What is left of the last frame, if it is the next.
    pub(super) fn last(&self) -> Option<&[u8]> {
        let frame = self.frames.get(self.next).filter(|_| self.next + 1 == self.frames.len())?;
        Some(&frame.websocket()[self.offset..])
    }

    /// Hands the next frames to one vectored write.
    pub(super) fn with_slices<R>(&self, write: impl FnOnce(&[IoSlice<'_>]) -> R) -> R {
        let mut slices = [IoSlice::new(&[]); SLICES];
        let mut offset = self.offset;
        let mut used = 0;
        let frames = (self.next..).map_while(|index| self.frames.get(index));
        for (slice, frame) in slices.iter_mut().zip(frames) {
            *slice = IoSlice::new(&frame.websocket()[offset..]);
            offset = 0;
            used += 1;
        }
        write(&slices[..used])
    }

    /// Marks `count` bytes as written.
    pub(super) fn advance(&mut self, mut count: usize) {
        while let Some(frame) = self.frames.get(self.next) {
            let left = frame.len() - self.offset;
            if count < left {
                self.offset += count;
                return;
            }
            count -= left;
            self.next += 1;
            self.offset = 0;
        }
        self.release();
    }

    fn release(&mut self) {
        if self.next == self.frames.len() {
            self.frames.truncate(0);
            self.next = 0;
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::HubProtocol;

    fn batch(count: usize) -> Batch {
        let mut batch = Batch::default();
        batch.refill().extend(frames(count));
        batch
    }

    fn frames(count: usize) -> impl Iterator<Item = Frame> {
        (0..count).map(|index| Frame::encoded(HubProtocol::Json, index.to_string().as_bytes()))
    }

    fn next_bytes(batch: &Batch) -> Vec<u8> {
        batch.with_slices(|slices| slices.iter().flat_map(|slice| slice.to_vec()).collect())
    }

    #[test]
    fn a_cut_keeps_the_frame_that_is_begun() {
        let mut batch = batch(3);
        batch.advance(4);
        assert_eq!(batch.cut(), 3);
        assert_eq!(next_bytes(&batch), b"\x011");
        batch.advance(2);
        assert!(batch.is_empty());
        let mut untouched = self::batch(2);
        assert_eq!((untouched.cut(), untouched.is_empty()), (6, true));
    }

    #[test]
    fn the_last_frame_is_written_by_itself() {
        let mut batch = batch(2);
        assert_eq!(batch.last(), None, "there are two");
        batch.advance(3);
        assert_eq!(batch.last(), Some(&b"\x81\x011"[..]));
        batch.advance(2);
        assert_eq!(batch.last(), Some(&b"1"[..]));
        batch.advance(1);
        assert_eq!(batch.last(), None);
    }

    proptest! {
        #[test]
        fn however_much_each_write_takes_every_byte_is_written_once(count in 1usize..200, takes in prop::collection::vec(1usize..300, 1..20)) {
            let expected: Vec<u8> = frames(count).flat_map(|frame| frame.websocket().to_vec()).collect();
            let mut batch = batch(count);
            let mut written = Vec::new();
            for take in takes.iter().cycle() {
                let next = next_bytes(&batch);
                prop_assert!(batch.last().is_none_or(|last| last == next));
                let taken = (*take).min(next.len());
                written.extend_from_slice(&next[..taken]);
                batch.advance(taken);
                if batch.is_empty() {
                    break;
                }
            }
            prop_assert_eq!(written, expected);
        }
    }
}
