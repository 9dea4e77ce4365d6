//! Frames in order, as they wait and as they are written.
//!
//! The first one has a place of its own: a client that keeps up has one at a time, and then nothing is allocated.

use crate::protocol::Frame;

#[derive(Debug, Default)]
pub(crate) struct Frames {
    first: Option<Frame>,
    /// Empty without a first one.
    rest: Vec<Frame>,
}

impl Frames {
    pub(crate) fn is_empty(&self) -> bool {
        self.first.is_none()
    }

    pub(crate) fn len(&self) -> usize {
        usize::from(self.first.is_some()) + self.rest.len()
    }

    pub(crate) fn push(&mut self, frame: Frame) {
        match self.first {
            None => self.first = Some(frame),
            Some(_) => self.rest.push(frame),
        }
    }

    pub(crate) fn push_front(&mut self, frame: Frame) {
        if let Some(second) = self.first.replace(frame) {
            self.rest.insert(0, second);
        }
    }

    pub(crate) fn get(&self, index: usize) -> Option<&Frame> {
        match index.checked_sub(1) {
            None => self.first.as_ref(),
            Some(index) => self.rest.get(index),
        }
    }

    /// Takes all of them out; the memory stays.
    pub(crate) fn drain(&mut self) -> impl Iterator<Item = Frame> {
        self.first.take().into_iter().chain(self.rest.drain(..))
    }

    /// Forgets those behind the first `count`, and returns their size in bytes.
    pub(crate) fn truncate(&mut self, count: usize) -> usize {
        let Some(kept) = count.checked_sub(1) else {
            return self.drain().map(|frame| frame.len()).sum();
        };
        self.rest.drain(kept.min(self.rest.len())..).map(|frame| frame.len()).sum()
    }

    /// Gives back the memory of those that are gone.
    pub(crate) fn release(&mut self) {
        if self.rest.is_empty() {
            self.rest = Vec::new();
        }
    }
}

impl Extend<Frame> for Frames {
    fn extend<T: IntoIterator<Item = Frame>>(&mut self, frames: T) {
        let mut frames = frames.into_iter();
        if self.first.is_none() {
            self.first = frames.next();
        }
        self.rest.extend(frames);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::HubProtocol;

    /// Numbered frames of three bytes each.
    fn numbered(count: u8) -> impl Iterator<Item = Frame> {
        (0..count).map(|number| Frame::encoded(HubProtocol::Json, &[number]))
    }

    #[track_caller]
    fn check(frames: &Frames, expected: &[u8]) {
        let numbers: Vec<u8> = (0..).map_while(|index| Some(frames.get(index)?.message()[0])).collect();
        assert_eq!(numbers, expected);
        assert_eq!((frames.len(), frames.is_empty()), (expected.len(), expected.is_empty()));
    }

    #[test]
    fn frames_stay_in_order_however_they_come() {
        let mut frames = Frames::default();
        check(&frames, &[]);
        numbered(1).for_each(|frame| frames.push_front(frame));
        frames.extend(numbered(3).skip(1));
        numbered(4).skip(3).for_each(|frame| frames.push(frame));
        check(&frames, &[0, 1, 2, 3]);
        numbered(10).skip(9).for_each(|frame| frames.push_front(frame));
        check(&frames, &[9, 0, 1, 2, 3]);
        let mut others = Frames::default();
        others.extend(frames.drain());
        check(&frames, &[]);
        others.extend(numbered(2));
        check(&others, &[9, 0, 1, 2, 3, 0, 1]);
    }

    #[test]
    fn what_is_cut_off_is_counted() {
        for (kept, size, expected) in
            [(0, 9, &[][..]), (1, 6, &[0]), (2, 3, &[0, 1]), (3, 0, &[0, 1, 2]), (9, 0, &[0, 1, 2])]
        {
            let mut frames = Frames::default();
            frames.extend(numbered(3));
            assert_eq!(frames.truncate(kept), size);
            check(&frames, expected);
        }
    }
}
