//! What waits for one client, in one piece, because the same waits for the next one.
//!
//! Many clients get the same broadcasts. The kernel takes one piece of memory in less time than the same bytes in eight,
//! and to compare eight addresses takes next to none.

use super::frames::Frames;
use crate::protocol::Frame;

/// More than this is not copied: what a piece saves is then little against its bytes.
const LARGEST: usize = 64 * 1024;

#[derive(Debug, Default)]
pub(crate) struct Joined {
    /// Kept so that no other frame comes to lie where one of them lay.
    frames: Vec<Frame>,
    bytes: Vec<u8>,
}

impl Joined {
    /// All that is left to write of `frames`, in one piece; `None` when one of them is begun, or when it is too much.
    pub(super) fn of(&mut self, frames: &Frames, size: usize) -> Option<&[u8]> {
        if !frames.are(&self.frames) {
            if size > LARGEST || frames.is_begun() {
                return None;
            }
            self.frames.clear();
            self.frames.extend(frames.iter().cloned());
            self.bytes.clear();
            self.frames.iter().for_each(|frame| self.bytes.extend_from_slice(frame.websocket()));
        }
        Some(&self.bytes)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::HubProtocol;

    fn frames(shared: &[Frame]) -> Frames {
        let mut frames = Frames::default();
        frames.extend(shared.iter().cloned());
        frames
    }

    #[test]
    fn what_waits_for_many_is_joined_once() {
        let shared: Vec<Frame> = (0..3).map(|byte| Frame::encoded(HubProtocol::Json, &[byte])).collect();
        let mut joined = Joined::default();
        let first = joined.of(&frames(&shared), 9).unwrap();
        assert_eq!(first, b"\x81\x01\x00\x81\x01\x01\x81\x01\x02");
        let place = first.as_ptr();
        assert_eq!(joined.of(&frames(&shared), usize::MAX).unwrap().as_ptr(), place, "it is not too much any more");
        assert_eq!(joined.of(&frames(&shared[1..]), 6).unwrap(), b"\x81\x01\x01\x81\x01\x02");
        let equal = [shared[1].clone(), Frame::encoded(HubProtocol::Json, &[3])];
        assert_eq!(joined.of(&frames(&equal), 6).unwrap(), b"\x81\x01\x01\x81\x01\x03");
    }

    #[test]
    fn what_is_begun_or_too_much_is_not_joined() {
        let shared = [Frame::encoded(HubProtocol::Json, b"a"), Frame::encoded(HubProtocol::Json, b"b")];
        let mut joined = Joined::default();
        assert_eq!(joined.of(&frames(&shared), LARGEST + 1), None);
        assert!(joined.of(&frames(&shared), LARGEST).is_some());
        let mut begun = frames(&shared);
        begun.advance(1);
        assert_eq!(joined.of(&begun, 5), None);
    }
}
