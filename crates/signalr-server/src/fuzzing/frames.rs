//! The frames of a WebSocket.

use super::cut;
use crate::transport::websocket::frame::{Event, FrameReader, Violation};

/// What a client's frames have said.
#[derive(Debug, Default, PartialEq, Eq)]
struct Heard {
    data: Vec<u8>,
    /// Each behind the bytes of messages that came before it.
    others: Vec<(usize, Event<'static>)>,
    violation: Option<Violation>,
}

/// A stream of frames, behind a byte for the size of the pieces in which it arrives: cut or whole, it says the same.
pub fn websocket_frames(input: &[u8]) {
    let (size, stream) = cut(input);
    let whole = hear([stream]);
    let mut pieces = hear(stream.chunks(size));
    if whole.violation == Some(Violation::InvalidText) {
        // The piece that is wrong is not handed out, and whole it is longer.
        assert!(pieces.data.starts_with(&whole.data));
        pieces.data.truncate(whole.data.len());
    }
    assert_eq!(pieces, whole);
    assert!(whole.data.len() <= stream.len());
}

fn hear<'s>(pieces: impl IntoIterator<Item = &'s [u8]>) -> Heard {
    let (mut reader, mut heard) = (FrameReader::default(), Heard::default());
    for piece in pieces {
        let mut piece = piece.to_vec();
        let mut input = &mut piece[..];
        loop {
            match reader.next(&mut input) {
                Ok(None) => break,
                Ok(Some(Event::Data(data))) => heard.data.extend_from_slice(data),
                Ok(Some(Event::Ping(payload))) => heard.others.push((heard.data.len(), Event::Ping(payload))),
                Ok(Some(Event::Pong)) => heard.others.push((heard.data.len(), Event::Pong)),
                Ok(Some(Event::Close(code))) => heard.others.push((heard.data.len(), Event::Close(code))),
                Err(violation) => {
                    heard.violation = Some(violation);
                    return heard;
                }
            }
        }
        assert!(input.is_empty(), "everything is taken");
    }
    heard
}
