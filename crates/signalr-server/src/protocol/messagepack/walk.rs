//! Goes through a value and everything in it, and refuses what has no JSON form.
//!
//! Without recursion: how deep a value is costs memory of the heap only, and no more than the depth allowed.

use super::reader::{Reader, Scalar, Token};
use crate::protocol::Malformed;

/// The depth that MessagePack for C# allows data from outside.
const DEEPEST: usize = 500;

/// Takes one whole value off the reader: its bytes.
pub(super) fn value<'a>(reader: &mut Reader<'a>) -> Result<&'a [u8], Malformed> {
    let before = reader.rest();
    let mut walk = Walk::new(reader.clone());
    while walk.next()?.is_some() {}
    *reader = walk.reader;
    Ok(&before[..before.len() - reader.rest().len()])
}

/// The items of an array that has been found to be a value, each as the bytes that it is.
pub(crate) fn items(array: &[u8]) -> Vec<&[u8]> {
    let mut reader = Reader::new(array);
    match reader.token() {
        Ok(Token::Array(count)) => (0..count).map_while(|_| value(&mut reader).ok()).collect(),
        _ => Vec::new(),
    }
}

/// The steps through one value, in the order in which JSON writes them.
#[derive(Debug)]
pub(super) struct Walk<'a> {
    reader: Reader<'a>,
    begun: bool,
    open: Vec<Open>,
}

#[derive(Debug, Clone, Copy)]
struct Open {
    kind: Kind,
    /// The values that are still to come; a pair of a map is two.
    left: usize,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Array,
    Map,
}

#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Step<'a> {
    /// A key, never nil, binary or an extension other than a timestamp.
    Key(Scalar<'a>),
    Value(Scalar<'a>),
    Open(Kind),
    Close(Kind),
}

impl<'a> Walk<'a> {
    pub(super) fn new(reader: Reader<'a>) -> Self {
        Self { reader, begun: false, open: Vec::new() }
    }

    /// `None` at the end of the value.
    pub(super) fn next(&mut self) -> Result<Option<Step<'a>>, Malformed> {
        match self.open.last_mut() {
            None if self.begun => Ok(None),
            None => {
                self.begun = true;
                self.value().map(Some)
            }
            Some(Open { kind, left: 0 }) => {
                let kind = *kind;
                self.open.pop();
                Ok(Some(Step::Close(kind)))
            }
            Some(open) => {
                let is_key = open.kind == Kind::Map && open.left % 2 == 0;
                open.left -= 1;
                if is_key { self.key().map(Some) } else { self.value().map(Some) }
            }
        }
    }

    fn key(&mut self) -> Result<Step<'a>, Malformed> {
        match self.reader.token()? {
            Token::Scalar(Scalar::Nil | Scalar::Binary(_) | Scalar::Extension(_)) | Token::Array(_) | Token::Map(_) => {
                Err(Malformed("a map key is not a string, a number, a boolean or a timestamp"))
            }
            Token::Scalar(scalar) => Ok(Step::Key(scalar)),
        }
    }

    fn value(&mut self) -> Result<Step<'a>, Malformed> {
        let open = match self.reader.token()? {
            Token::Scalar(scalar) => return Ok(Step::Value(scalar)),
            Token::Array(items) => Open { kind: Kind::Array, left: items },
            Token::Map(pairs) => Open { kind: Kind::Map, left: 2 * pairs },
        };
        if self.open.len() == DEEPEST {
            return Err(Malformed("a value is nested deeper than 500 levels"));
        }
        self.open.push(open);
        Ok(Step::Open(open.kind))
    }
}
