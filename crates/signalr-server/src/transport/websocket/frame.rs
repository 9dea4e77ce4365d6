//! Reads the frames of a client (RFC 6455, 5), from a byte stream that may be cut anywhere.
//!
//! Payloads are handed out in the pieces in which they arrive: nothing but a header and a control frame, 125 bytes at
//! most, is ever held here, however long a message is.

use std::str::from_utf8;

/// What a client's frames say.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Event<'i> {
    /// Some bytes of a message; which message does not matter.
    Data(&'i [u8]),
    Ping(Vec<u8>),
    Pong,
    /// With the code, if there is one.
    Close(Option<u16>),
}

/// How a client broke the WebSocket protocol. The client's fault; it ends the connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Violation {
    /// Code 1002.
    Protocol(&'static str),
    /// Code 1007.
    InvalidText,
}

impl Violation {
    pub(crate) fn code(self) -> u16 {
        match self {
            Self::Protocol(_) => 1002,
            Self::InvalidText => 1007,
        }
    }

    pub(crate) fn complaint(self) -> &'static str {
        match self {
            Self::Protocol(complaint) => complaint,
            Self::InvalidText => "a text message is not UTF-8",
        }
    }
}

pub(crate) const CONTINUATION: u8 = 0x0;
pub(crate) const TEXT: u8 = 0x1;
pub(crate) const BINARY: u8 = 0x2;
pub(crate) const CLOSE: u8 = 0x8;
pub(crate) const PING: u8 = 0x9;
pub(crate) const PONG: u8 = 0xa;

/// The longest header of a client: two bytes, eight of length, four of mask.
const HEADER: usize = 14;

#[derive(Debug, Default)]
pub(crate) struct FrameReader {
    header: [u8; HEADER],
    filled: usize,
    /// The frame whose payload is being read.
    frame: Option<Current>,
    /// The opcode of the message that is not complete yet.
    message: Option<u8>,
    text: Utf8,
    control: Vec<u8>,
}

#[derive(Debug, Clone, Copy)]
struct Current {
    opcode: u8,
    is_final: bool,
    mask: [u8; 4],
    left: u64,
}

impl FrameReader {
    /// Takes the next event off the front of `input`, which is unmasked in place; `None` when `input` is used up.
    /// After a violation nothing that follows can be understood.
    pub(crate) fn next<'i>(&mut self, input: &mut &'i mut [u8]) -> Result<Option<Event<'i>>, Violation> {
        loop {
            let frame = match self.frame {
                Some(frame) => frame,
                None => match self.read_header(input)? {
                    Some(frame) => frame,
                    None => return Ok(None),
                },
            };
            if input.is_empty() && frame.left > 0 {
                self.frame = Some(frame);
                return Ok(None);
            }
            if let Some(event) = self.read_payload(frame, input)? {
                return Ok(Some(event));
            }
        }
    }

    fn read_header(&mut self, input: &mut &mut [u8]) -> Result<Option<Current>, Violation> {
        loop {
            let needed = match self.filled {
                0 | 1 => 2,
                _ => header_length(self.header[1]),
            };
            if self.filled == needed {
                self.filled = 0;
                return self.parse_header().map(Some);
            }
            let count = (needed - self.filled).min(input.len());
            if count == 0 {
                return Ok(None);
            }
            self.header[self.filled..self.filled + count].copy_from_slice(&input[..count]);
            *input = &mut std::mem::take(input)[count..];
            self.filled += count;
            if self.filled == 2 {
                self.check_start()?;
            }
        }
    }

    /// Everything that the first two bytes can be wrong about.
    fn check_start(&self) -> Result<(), Violation> {
        let [first, second] = [self.header[0], self.header[1]];
        let complaint = match first & 0x0f {
            _ if first & 0x70 != 0 => "a frame has a reserved bit set",
            _ if second & 0x80 == 0 => "a frame is not masked",
            CONTINUATION if self.message.is_none() => "a continuation continues no message",
            TEXT | BINARY if self.message.is_some() => "a message begins within another one",
            CLOSE | PING | PONG if first & 0x80 == 0 => "a control frame is fragmented",
            CLOSE | PING | PONG if second & 0x7f > 125 => "a control frame is too long",
            CONTINUATION | TEXT | BINARY | CLOSE | PING | PONG => return Ok(()),
            _ => "a frame has an unknown opcode",
        };
        Err(Violation::Protocol(complaint))
    }

    fn parse_header(&mut self) -> Result<Current, Violation> {
        let (length, mask_at) = match self.header[1] & 0x7f {
            126 => (u64::from(u16::from_be_bytes([self.header[2], self.header[3]])), 4),
            127 => {
                let mut length = [0; 8];
                length.copy_from_slice(&self.header[2..10]);
                (u64::from_be_bytes(length), 10)
            }
            length => (u64::from(length), 2),
        };
        let is_shortest = match mask_at {
            4 => length > 125,
            10 => length > 0xffff && length >> 63 == 0,
            _ => true,
        };
        if !is_shortest {
            return Err(Violation::Protocol("the length of a frame is not written in its shortest form"));
        }
        let mut mask = [0; 4];
        mask.copy_from_slice(&self.header[mask_at..mask_at + 4]);
        let opcode = self.header[0] & 0x0f;
        if matches!(opcode, TEXT | BINARY) {
            self.message = Some(opcode);
        }
        Ok(Current { opcode, is_final: self.header[0] & 0x80 != 0, mask, left: length })
    }

    /// Reads what there is of a payload. An empty piece of a message is no event.
    fn read_payload<'i>(
        &mut self,
        mut frame: Current,
        input: &mut &'i mut [u8],
    ) -> Result<Option<Event<'i>>, Violation> {
        let count = usize::try_from(frame.left).unwrap_or(usize::MAX).min(input.len());
        let (payload, rest) = std::mem::take(input).split_at_mut(count);
        *input = rest;
        unmask(payload, &mut frame.mask);
        frame.left -= count as u64;
        self.frame = (frame.left > 0).then_some(frame);
        if frame.opcode >= CLOSE {
            self.control.extend_from_slice(payload);
            return if frame.left > 0 { Ok(None) } else { self.finish_control(frame.opcode).map(Some) };
        }
        self.check_text(payload, frame.left == 0 && frame.is_final)?;
        Ok((!payload.is_empty()).then_some(Event::Data(payload)))
    }

    fn check_text(&mut self, payload: &[u8], is_end: bool) -> Result<(), Violation> {
        if self.message == Some(TEXT) && !(self.text.accept(payload) && (!is_end || self.text.is_complete())) {
            return Err(Violation::InvalidText);
        }
        if is_end {
            self.message = None;
        }
        Ok(())
    }

    fn finish_control(&mut self, opcode: u8) -> Result<Event<'static>, Violation> {
        let payload = std::mem::take(&mut self.control);
        match opcode {
            PING => Ok(Event::Ping(payload)),
            PONG => Ok(Event::Pong),
            _ => close_code(&payload).map(Event::Close),
        }
    }
}

fn header_length(second: u8) -> usize {
    match second & 0x7f {
        126 => 8,
        127 => HEADER,
        _ => 6,
    }
}

/// The code of a Close frame (RFC 6455, 7.4): absent, or one that may be sent.
fn close_code(payload: &[u8]) -> Result<Option<u16>, Violation> {
    match payload {
        [] => Ok(None),
        [_] => Err(Violation::Protocol("a close frame has half a code")),
        [high, low, reason @ ..] => {
            let code = u16::from_be_bytes([*high, *low]);
            if !matches!(code, 1000..=1003 | 1007..=1014 | 3000..=4999) {
                return Err(Violation::Protocol("a close frame has a code that must not be sent"));
            }
            from_utf8(reason).map_err(|_| Violation::InvalidText).map(|_| Some(code))
        }
    }
}

/// Unmasks in place and turns the mask to where the next piece begins.
fn unmask(payload: &mut [u8], mask: &mut [u8; 4]) {
    let word = u32::from_ne_bytes(*mask);
    let mut words = payload.chunks_exact_mut(4);
    for chunk in &mut words {
        let unmasked = u32::from_ne_bytes([chunk[0], chunk[1], chunk[2], chunk[3]]) ^ word;
        chunk.copy_from_slice(&unmasked.to_ne_bytes());
    }
    let rest = words.into_remainder();
    for (byte, mask) in rest.iter_mut().zip(&*mask) {
        *byte ^= mask;
    }
    mask.rotate_left(rest.len());
}

/// Whether the pieces of a text are UTF-8, cut anywhere.
#[derive(Debug, Default)]
struct Utf8 {
    /// The beginning of a character whose end has not arrived.
    partial: [u8; 4],
    length: usize,
}

impl Utf8 {
    fn accept(&mut self, mut piece: &[u8]) -> bool {
        while self.length > 0 {
            let [first, rest @ ..] = piece else {
                return true;
            };
            piece = rest;
            self.partial[self.length] = *first;
            self.length += 1;
            match from_utf8(&self.partial[..self.length]) {
                Ok(_) => self.length = 0,
                Err(error) if error.error_len().is_some() => return false,
                Err(_) => {}
            }
        }
        match from_utf8(piece) {
            Ok(_) => true,
            Err(error) if error.error_len().is_some() => false,
            Err(error) => {
                let tail = &piece[error.valid_up_to()..];
                self.partial[..tail.len()].copy_from_slice(tail);
                self.length = tail.len();
                true
            }
        }
    }

    fn is_complete(&self) -> bool {
        self.length == 0
    }
}

#[cfg(test)]
mod tests;
