//! The `filter` of `:execute`: which connections its commands are for (signalr-service 1.3, since 2023-07-01).
//!
//! An `OData` expression over `userId`, `connectionId` and `groups`. The description gives one example and no grammar;
//! this is the subset that the sibling service, Web `PubSub`, documents. What is no filter is refused as a whole: a filter that was
//! half understood might match everybody.

mod parse;
mod token;

use std::borrow::Cow;
use std::cmp::Ordering;

use crate::names::Invalid;

/// A filter that was understood.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Filter(Condition);

/// What a filter sees of a connection.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Candidate<'a> {
    pub(crate) connection_id: &'a str,
    pub(crate) user_id: Option<&'a str>,
    pub(crate) groups: &'a [String],
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Condition {
    Always,
    Never,
    Not(Box<Self>),
    And(Box<Self>, Box<Self>),
    Or(Box<Self>, Box<Self>),
    Compare(Operand, Comparison, Operand),
    OneOf(Operand, Vec<Operand>),
    InGroups(Operand),
    StartsWith(Operand, Operand),
    EndsWith(Operand, Operand),
    Contains(Operand, Operand),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Comparison {
    Equal,
    NotEqual,
    Greater,
    GreaterOrEqual,
    Less,
    LessOrEqual,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Operand {
    ConnectionId,
    UserId,
    Null,
    Text(String),
    Number(i64),
    Lower(Box<Self>),
    Upper(Box<Self>),
    Trimmed(Box<Self>),
    Joined(Box<Self>, Box<Self>),
    Part { of: Box<Self>, from: Box<Self>, length: Option<Box<Self>> },
    Length(Box<Self>),
    Position(Box<Self>, Box<Self>),
}

#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
enum Value<'a> {
    Text(Cow<'a, str>),
    Number(i64),
}

impl Filter {
    /// Reads a filter.
    pub(crate) fn parse(text: &str) -> Result<Self, Invalid> {
        let condition = token::split(text).and_then(|tokens| parse::condition(&tokens));
        condition
            .map(Self)
            .map_err(|complaint| Invalid::new("filter", format!("The filter is not valid: {complaint}.")))
    }

    /// Whether a connection is among those that are meant.
    pub(crate) fn matches(&self, candidate: &Candidate<'_>) -> bool {
        self.0.holds(candidate)
    }
}

impl Candidate<'_> {
    fn both(&self, whole: &Operand, part: &Operand, holds: impl FnOnce(&str, &str) -> bool) -> bool {
        whole.text(self).zip(part.text(self)).is_some_and(|(whole, part)| holds(&whole, &part))
    }
}

impl Condition {
    fn holds(&self, candidate: &Candidate<'_>) -> bool {
        match self {
            Self::Always => true,
            Self::Never => false,
            Self::Not(condition) => !condition.holds(candidate),
            Self::And(left, right) => left.holds(candidate) && right.holds(candidate),
            Self::Or(left, right) => left.holds(candidate) || right.holds(candidate),
            Self::Compare(left, comparison, right) => {
                comparison.holds(left.value(candidate).as_ref(), right.value(candidate).as_ref())
            }
            Self::OneOf(operand, list) => {
                let value = operand.value(candidate);
                list.iter().any(|one| one.value(candidate) == value)
            }
            Self::InGroups(group) => {
                group.text(candidate).is_some_and(|group| candidate.groups.iter().any(|one| *one == *group))
            }
            Self::StartsWith(whole, part) => candidate.both(whole, part, |whole, part| whole.starts_with(part)),
            Self::EndsWith(whole, part) => candidate.both(whole, part, |whole, part| whole.ends_with(part)),
            Self::Contains(whole, part) => candidate.both(whole, part, |whole, part| whole.contains(part)),
        }
    }
}

impl Comparison {
    /// Nothing is greater or less than `null`, and only `null` is equal to it.
    fn holds(self, left: Option<&Value<'_>>, right: Option<&Value<'_>>) -> bool {
        let order = || left.zip(right).map(|(left, right)| left.cmp(right));
        match self {
            Self::Equal => left == right,
            Self::NotEqual => left != right,
            Self::Greater => order() == Some(Ordering::Greater),
            Self::GreaterOrEqual => order().is_some_and(Ordering::is_ge),
            Self::Less => order() == Some(Ordering::Less),
            Self::LessOrEqual => order().is_some_and(Ordering::is_le),
        }
    }
}

impl Operand {
    fn value<'a>(&'a self, candidate: &Candidate<'a>) -> Option<Value<'a>> {
        match self {
            Self::Number(number) => Some(Value::Number(*number)),
            Self::Length(text) => text.text(candidate).map(|text| Value::Number(length(&text))),
            Self::Position(whole, part) => {
                let (whole, part) = (whole.text(candidate)?, part.text(candidate)?);
                Some(Value::Number(whole.find(&*part).map_or(-1, |at| length(&whole[..at]))))
            }
            _ => self.text(candidate).map(Value::Text),
        }
    }

    fn text<'a>(&'a self, candidate: &Candidate<'a>) -> Option<Cow<'a, str>> {
        match self {
            Self::ConnectionId => Some(candidate.connection_id.into()),
            Self::UserId => candidate.user_id.map(Cow::Borrowed),
            Self::Text(text) => Some(text.as_str().into()),
            Self::Lower(text) => Some(text.text(candidate)?.to_lowercase().into()),
            Self::Upper(text) => Some(text.text(candidate)?.to_uppercase().into()),
            Self::Trimmed(text) => Some(text.text(candidate)?.trim().to_owned().into()),
            Self::Joined(left, right) => Some(left.text(candidate)? + right.text(candidate)?),
            Self::Part { of, from, length } => {
                let (of, from) = (of.text(candidate)?, from.number(candidate)?);
                let length = length.as_ref().map_or(Some(usize::MAX), |length| length.number(candidate))?;
                let units: Vec<u16> = of.encode_utf16().skip(from).take(length).collect();
                Some(String::from_utf16_lossy(&units).into())
            }
            Self::Null | Self::Number(_) | Self::Length(_) | Self::Position(..) => None,
        }
    }

    /// A place in a text; those before its beginning are none.
    fn number(&self, candidate: &Candidate<'_>) -> Option<usize> {
        match self.value(candidate)? {
            Value::Number(number) => usize::try_from(number).ok(),
            Value::Text(_) => None,
        }
    }
}

/// .NET counts in units of UTF-16.
fn length(text: &str) -> i64 {
    i64::try_from(text.encode_utf16().count()).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests;
