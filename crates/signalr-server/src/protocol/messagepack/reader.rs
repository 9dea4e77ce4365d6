//! Reads MessagePack value by value, without going into arrays and maps.
//!
//! A length is believed only as far as the remaining bytes can bear it out: an item takes at least one byte.

use jiff::SignedDuration;
use jiff::civil::{DateTime, date};
use rmp::Marker;

use crate::protocol::Malformed;

/// What is still to be read.
#[derive(Debug, Clone)]
pub(super) struct Reader<'a> {
    rest: &'a [u8],
}

/// A scalar, or the start of an array or a map.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Token<'a> {
    Scalar(Scalar<'a>),
    /// With the number of items, which are what follows.
    Array(usize),
    /// With the number of pairs, which are what follows.
    Map(usize),
}

#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Scalar<'a> {
    Nil,
    Boolean(bool),
    Unsigned(u64),
    Signed(i64),
    Single(f32),
    Double(f64),
    /// Not necessarily UTF-8: JavaScript encodes lone surrogates as they are.
    Text(&'a [u8]),
    Binary(&'a [u8]),
    /// Extension -1, in UTC.
    Timestamp(DateTime),
    /// Any other extension.
    Extension(&'a [u8]),
}

const TOO_SHORT: Malformed = Malformed("a value is longer than its message");

impl<'a> Reader<'a> {
    pub(super) fn new(bytes: &'a [u8]) -> Self {
        Self { rest: bytes }
    }

    /// The bytes that are not read yet.
    pub(super) fn rest(&self) -> &'a [u8] {
        self.rest
    }

    /// A string or nil. As in .NET, what is not UTF-8 in it becomes the replacement character.
    pub(super) fn text(&mut self, complaint: Malformed) -> Result<Option<String>, Malformed> {
        match self.token()? {
            Token::Scalar(Scalar::Text(bytes)) => Ok(Some(String::from_utf8_lossy(bytes).into_owned())),
            Token::Scalar(Scalar::Nil) => Ok(None),
            _ => Err(complaint),
        }
    }

    pub(super) fn token(&mut self) -> Result<Token<'a>, Malformed> {
        let [first] = self.take()?;
        let scalar = match Marker::from_u8(first) {
            Marker::FixArray(items) => return self.array(items.into()),
            Marker::Array16 => return self.unsigned(2).and_then(|items| self.array(items)),
            Marker::Array32 => return self.unsigned(4).and_then(|items| self.array(items)),
            Marker::FixMap(pairs) => return self.map(pairs.into()),
            Marker::Map16 => return self.unsigned(2).and_then(|pairs| self.map(pairs)),
            Marker::Map32 => return self.unsigned(4).and_then(|pairs| self.map(pairs)),
            Marker::Null => Scalar::Nil,
            Marker::False => Scalar::Boolean(false),
            Marker::True => Scalar::Boolean(true),
            Marker::FixPos(number) => Scalar::Unsigned(number.into()),
            Marker::U8 => Scalar::Unsigned(self.unsigned(1)?),
            Marker::U16 => Scalar::Unsigned(self.unsigned(2)?),
            Marker::U32 => Scalar::Unsigned(self.unsigned(4)?),
            Marker::U64 => Scalar::Unsigned(self.unsigned(8)?),
            Marker::FixNeg(number) => Scalar::Signed(number.into()),
            Marker::I8 => Scalar::Signed(i8::from_be_bytes(self.take()?).into()),
            Marker::I16 => Scalar::Signed(i16::from_be_bytes(self.take()?).into()),
            Marker::I32 => Scalar::Signed(i32::from_be_bytes(self.take()?).into()),
            Marker::I64 => Scalar::Signed(i64::from_be_bytes(self.take()?)),
            Marker::F32 => Scalar::Single(f32::from_be_bytes(self.take()?)),
            Marker::F64 => Scalar::Double(f64::from_be_bytes(self.take()?)),
            Marker::FixStr(length) => Scalar::Text(self.bytes(length.into())?),
            Marker::Str8 => Scalar::Text(self.counted(1)?),
            Marker::Str16 => Scalar::Text(self.counted(2)?),
            Marker::Str32 => Scalar::Text(self.counted(4)?),
            Marker::Bin8 => Scalar::Binary(self.counted(1)?),
            Marker::Bin16 => Scalar::Binary(self.counted(2)?),
            Marker::Bin32 => Scalar::Binary(self.counted(4)?),
            Marker::FixExt1 => self.extension(1)?,
            Marker::FixExt2 => self.extension(2)?,
            Marker::FixExt4 => self.extension(4)?,
            Marker::FixExt8 => self.extension(8)?,
            Marker::FixExt16 => self.extension(16)?,
            Marker::Ext8 => self.unsigned(1).and_then(|length| self.extension(length))?,
            Marker::Ext16 => self.unsigned(2).and_then(|length| self.extension(length))?,
            Marker::Ext32 => self.unsigned(4).and_then(|length| self.extension(length))?,
            Marker::Reserved => return Err(Malformed("a value starts with the reserved byte c1")),
        };
        Ok(Token::Scalar(scalar))
    }

    fn array(&self, items: u64) -> Result<Token<'a>, Malformed> {
        self.believe(items, 1).map(Token::Array)
    }

    fn map(&self, pairs: u64) -> Result<Token<'a>, Malformed> {
        self.believe(pairs, 2).map(Token::Map)
    }

    /// Counts are of 32 bits at most, so the product does not overflow.
    fn believe(&self, count: u64, least_bytes: u64) -> Result<usize, Malformed> {
        if count * least_bytes <= self.rest.len() as u64 { Ok(count as usize) } else { Err(TOO_SHORT) }
    }

    fn extension(&mut self, length: u64) -> Result<Scalar<'a>, Malformed> {
        let kind = i8::from_be_bytes(self.take()?);
        let data = self.bytes(length)?;
        if kind == -1 { timestamp(data).map(Scalar::Timestamp) } else { Ok(Scalar::Extension(data)) }
    }

    /// As many bytes as the number before them says, which takes `width` bytes.
    fn counted(&mut self, width: u64) -> Result<&'a [u8], Malformed> {
        let length = self.unsigned(width)?;
        self.bytes(length)
    }

    /// A big-endian number of `width` bytes, 8 at most.
    fn unsigned(&mut self, width: u64) -> Result<u64, Malformed> {
        Ok(self.bytes(width)?.iter().fold(0, |number, byte| number << 8 | u64::from(*byte)))
    }

    fn bytes(&mut self, count: u64) -> Result<&'a [u8], Malformed> {
        let count = usize::try_from(count).map_err(|_| TOO_SHORT)?;
        let (bytes, rest) = self.rest.split_at_checked(count).ok_or(TOO_SHORT)?;
        self.rest = rest;
        Ok(bytes)
    }

    fn take<const COUNT: usize>(&mut self) -> Result<[u8; COUNT], Malformed> {
        let (bytes, rest) = self.rest.split_first_chunk().ok_or(TOO_SHORT)?;
        self.rest = rest;
        Ok(*bytes)
    }
}

/// The three forms of the timestamp extension: seconds of 32 bits; nanoseconds of 30 and seconds of 34 bits;
/// nanoseconds of 32 and signed seconds of 64 bits. Cut to the 100 ns of a .NET `DateTime` and kept to its years.
fn timestamp(data: &[u8]) -> Result<DateTime, Malformed> {
    const OUTSIDE: Malformed = Malformed("a timestamp is outside the years 1 to 9999");
    let number = |bytes: &[u8]| bytes.iter().fold(0, |number: u64, byte| number << 8 | u64::from(*byte));
    let (seconds, nanoseconds) = match data.len() {
        4 => (number(data), 0),
        8 => (number(data) & 0x3_ffff_ffff, number(data) >> 34),
        12 => (number(&data[4..]), number(&data[..4])),
        _ => return Err(Malformed("a timestamp has not 4, 8 or 12 bytes")),
    };
    if nanoseconds >= 1_000_000_000 {
        return Err(Malformed("a timestamp has a second or more of nanoseconds"));
    }
    let since_1970 = SignedDuration::new(seconds as i64, 0);
    let timestamp = date(1970, 1, 1).at(0, 0, 0, 0).checked_add(since_1970).map_err(|_| OUTSIDE)?;
    let fraction = (nanoseconds - nanoseconds % 100) as i32;
    let timestamp = timestamp.with().subsec_nanosecond(fraction).build().map_err(|_| OUTSIDE)?;
    if timestamp.year() >= 1 { Ok(timestamp) } else { Err(OUTSIDE) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(bytes: &[u8], expected: Result<Token<'_>, &str>) {
        assert_eq!(Reader::new(bytes).token().map_err(|malformed| malformed.0), expected);
    }

    #[test]
    fn a_length_beyond_the_message_is_refused() {
        const REFUSED: Result<Token<'_>, &str> = Err("a value is longer than its message");
        check(&[], REFUSED);
        check(&[0xdd, 0xff, 0xff, 0xff, 0xff, 0], REFUSED);
        check(&[0xdf, 0xff, 0xff, 0xff, 0xff, 0, 0], REFUSED);
        check(&[0xdf, 0, 0, 0, 1, 0], REFUSED);
        check(&[0xdf, 0, 0, 0, 1, 0, 0], Ok(Token::Map(1)));
        check(&[0x92, 0], REFUSED);
        check(&[0x92, 0, 0], Ok(Token::Array(2)));
        check(&[0xc6, 0xff, 0xff, 0xff, 0xff, 0], REFUSED);
        check(&[0xdb, 0xff, 0xff, 0xff, 0xff, 0], REFUSED);
        check(&[0xc9, 0xff, 0xff, 0xff, 0xff, 5, 0], REFUSED);
        check(&[0xa2, b'a'], REFUSED);
        check(&[0xcb, 0, 0, 0], REFUSED);
        check(&[0xc1], Err("a value starts with the reserved byte c1"));
    }

    #[track_caller]
    fn check_timestamp(bytes: &[u8], expected: &str) {
        let shown = match Reader::new(bytes).token() {
            Ok(Token::Scalar(Scalar::Timestamp(timestamp))) => format!("{timestamp}Z"),
            other => format!("{other:?}"),
        };
        assert_eq!(shown, expected);
    }

    #[test]
    fn timestamps_are_shown_as_dotnet_shows_them() {
        check_timestamp(&[0xd6, 0xff, 0x65, 0x53, 0xf1, 0], "2023-11-14T22:13:20Z");
        check_timestamp(&[0xd7, 0xff, 0x77, 0x35, 0x94, 0, 0x65, 0x53, 0xf1, 0], "2023-11-14T22:13:20.5Z");
        let with = |nanoseconds: u32, seconds: i64| {
            [&[0xc7, 12, 0xff][..], &nanoseconds.to_be_bytes(), &seconds.to_be_bytes()].concat()
        };
        check_timestamp(&with(500_000_000, -1), "1969-12-31T23:59:59.5Z");
        check_timestamp(&with(123_456_789, 0), "1970-01-01T00:00:00.1234567Z");
        check_timestamp(&with(99, -62_135_596_800), "0001-01-01T00:00:00Z");
        check_timestamp(&with(999_999_999, 253_402_300_799), "9999-12-31T23:59:59.9999999Z");
        const OUTSIDE: &str = "Err(Malformed(\"a timestamp is outside the years 1 to 9999\"))";
        check_timestamp(&with(0, -62_135_596_801), OUTSIDE);
        check_timestamp(&with(0, 253_402_300_800), OUTSIDE);
        check_timestamp(&with(0, i64::MIN), OUTSIDE);
        check_timestamp(&with(0, i64::MAX), OUTSIDE);
        check_timestamp(&with(1_000_000_000, 0), "Err(Malformed(\"a timestamp has a second or more of nanoseconds\"))");
        check_timestamp(&[0xd4, 0xff, 0], "Err(Malformed(\"a timestamp has not 4, 8 or 12 bytes\"))");
    }
}
