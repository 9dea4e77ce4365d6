//! Reads the WebSocket frames of a server (RFC 6455, 5) from a byte stream that may be cut anywhere.
//!
//! Only what servers under test send is understood: whole, unmasked messages without extensions. Anything else is an
//! error and not skipped, because a skipped frame could be a delivery.

/// The longest frame that is believed.
const LIMIT: usize = 16 * 1024 * 1024;

pub(super) const TEXT: u8 = 0x1;
pub(super) const CLOSE: u8 = 0x8;
pub(super) const PING: u8 = 0x9;
pub(super) const PONG: u8 = 0xa;

/// One frame, as it lies in the buffer.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Frame<'a> {
    pub(super) opcode: u8,
    pub(super) payload: &'a [u8],
}

/// A frame that no server under test should send.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Unreadable(pub(super) &'static str);

/// Keeps the beginning of a frame until its end arrives.
#[derive(Debug, Default)]
pub(super) struct FrameReader {
    partial: Vec<u8>,
}

impl FrameReader {
    /// Takes the next bytes of the stream and hands out every frame that is complete with them.
    pub(super) fn feed(&mut self, bytes: &[u8], mut each: impl FnMut(Frame<'_>)) -> Result<(), Unreadable> {
        if self.partial.is_empty() {
            let rest = split_all(bytes, &mut each)?;
            self.partial.extend_from_slice(rest);
            return Ok(());
        }
        self.partial.extend_from_slice(bytes);
        let rest = split_all(&self.partial, &mut each)?.len();
        self.partial.drain(..self.partial.len() - rest);
        Ok(())
    }
}

fn split_all<'a>(mut bytes: &'a [u8], each: &mut impl FnMut(Frame<'_>)) -> Result<&'a [u8], Unreadable> {
    while let Some((frame, rest)) = split(bytes)? {
        each(frame);
        bytes = rest;
    }
    Ok(bytes)
}

/// The first frame and what follows it; `None` when its end is not there.
fn split(bytes: &[u8]) -> Result<Option<(Frame<'_>, &[u8])>, Unreadable> {
    let [first, second, following @ ..] = bytes else { return Ok(None) };
    match (first & 0xf0, second & 0x80) {
        (0x80, 0) => {}
        (0x80, _) => return Err(Unreadable("a server's frame is masked")),
        _ => return Err(Unreadable("a frame is a fragment or uses an extension")),
    }
    let (length, following) = match second {
        126 => match following.split_first_chunk() {
            Some((length, following)) => (u16::from_be_bytes(*length).into(), following),
            None => return Ok(None),
        },
        127 => match following.split_first_chunk() {
            Some((length, following)) => (u64::from_be_bytes(*length), following),
            None => return Ok(None),
        },
        length => (u64::from(*length), following),
    };
    let length = usize::try_from(length).ok().filter(|length| *length <= LIMIT);
    let length = length.ok_or(Unreadable("a frame is larger than 16 MiB"))?;
    let frame = |(payload, rest)| (Frame { opcode: first & 0x0f, payload }, rest);
    Ok(following.split_at_checked(length).map(frame))
}

/// A frame of a client. The mask hides nothing from anybody, but servers insist on it and do the work of taking it off.
pub(super) fn masked(opcode: u8, payload: &[u8]) -> Vec<u8> {
    const MASK: [u8; 4] = [0x37, 0xfa, 0x21, 0x3d];
    let length = u8::try_from(payload.len()).ok().filter(|length| *length <= 125);
    let length = length.expect("clients of a benchmark say nothing longer than a handshake");
    let mut frame = vec![0x80 | opcode, 0x80 | length];
    frame.extend_from_slice(&MASK);
    frame.extend(payload.iter().zip(MASK.iter().cycle()).map(|(byte, mask)| byte ^ mask));
    frame
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn encoded(payload: &[u8]) -> Vec<u8> {
        let mut frame = vec![0x80 | TEXT];
        match payload.len() {
            length @ 0..=125 => frame.push(length as u8),
            length @ 126..=0xffff => {
                frame.push(126);
                frame.extend_from_slice(&(length as u16).to_be_bytes());
            }
            length => {
                frame.push(127);
                frame.extend_from_slice(&(length as u64).to_be_bytes());
            }
        }
        frame.extend_from_slice(payload);
        frame
    }

    proptest! {
        #[test]
        fn wherever_the_stream_is_cut_every_frame_is_read_once(
            lengths in prop::collection::vec(prop_oneof![0..200usize, Just(65_535), Just(65_536)], 1..12),
            cuts in prop::collection::vec(1..5000usize, 1..20),
        ) {
            let payloads: Vec<Vec<u8>> = (0u8..).zip(&lengths).map(|(fill, length)| vec![fill; *length]).collect();
            let stream: Vec<u8> = payloads.iter().flat_map(|payload| encoded(payload)).collect();
            let (mut reader, mut read, mut rest) = (FrameReader::default(), Vec::new(), &stream[..]);
            for cut in cuts.iter().cycle() {
                let (piece, following) = rest.split_at(rest.len().min(*cut));
                reader.feed(piece, |frame| read.push(frame.payload.to_vec())).unwrap();
                rest = following;
                if rest.is_empty() {
                    break;
                }
            }
            prop_assert_eq!(read, payloads);
        }
    }

    #[track_caller]
    fn check_refused(bytes: &[u8]) {
        assert!(FrameReader::default().feed(bytes, |frame| panic!("{frame:?}")).is_err());
    }

    #[test]
    fn what_could_hide_a_delivery_is_refused() {
        check_refused(&[0x01, 0]);
        check_refused(&[0xc1, 0]);
        check_refused(&[0x81, 0x80, 0, 0, 0, 0]);
        check_refused(&[0x81, 127, 1, 0, 0, 0, 0, 0, 0, 0]);
    }

    #[test]
    fn a_client_masks() {
        let frame = masked(TEXT, b"hello");
        assert_eq!(frame[..2], [0x81, 0x85]);
        let unmasked: Vec<u8> =
            frame[6..].iter().zip(frame[2..6].iter().cycle()).map(|(byte, mask)| byte ^ mask).collect();
        assert_eq!(unmasked, b"hello");
    }
}
