//! A route template taken apart, and how it matches a path.
//!
//! Texts of errors are ASP.NET Core's. Values are never converted: `{id:int}` gives the text `7`.

use super::constraint::Constraint;
use super::{RouteValues, equal_ignoring_case};

mod parse;

/// The segments of a template.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Pattern(Vec<Segment>);

#[derive(Debug, Clone, PartialEq, Eq)]
enum Segment {
    Literal(String),
    Parameter(Parameter),
    /// `{*rest}` or `{**rest}`: everything to the end, also nothing. Only as the last segment.
    CatchAll(Parameter),
    /// Literals and parameters in turn, such as `{name}.{extension?}`.
    Mixed(Vec<Part>),
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Part {
    Literal(String),
    Parameter(Parameter),
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Parameter {
    name: String,
    constraints: Vec<Constraint>,
    when_missing: WhenMissing,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum WhenMissing {
    NoMatch,
    Nothing,
    Default(String),
}

impl Pattern {
    /// The values of a decoded path without its leading slash; `None` when it does not match.
    pub(super) fn matches(&self, path: &str) -> Option<RouteValues> {
        let mut values = RouteValues::new();
        // One slash at the end does not count, except in a catch-all.
        let mut rest = Some(path).filter(|path| !path.is_empty());
        for segment in &self.0 {
            if let Segment::CatchAll(parameter) = segment {
                if rest.is_some_and(|rest| rest.starts_with('/')) {
                    return None;
                }
                values.push(parameter.value(rest)?);
                return Some(values);
            }
            match rest {
                Some(text) => {
                    let (head, tail) = text.split_once('/').map_or((text, None), |(head, tail)| (head, Some(tail)));
                    values.extend(segment.matches(head)?);
                    rest = tail.filter(|tail| !tail.is_empty());
                }
                None => values.push(segment.when_missing()?),
            }
        }
        rest.is_none().then_some(values)
    }

    /// ASP.NET Core's order, most specific first: literal, constrained or mixed, parameter, constrained catch-all,
    /// catch-all, compared segment by segment.
    pub(super) fn precedence(&self) -> Vec<u8> {
        let of_segment = |segment: &Segment| match segment {
            Segment::Literal(_) => 1,
            Segment::Mixed(_) => 2,
            Segment::Parameter(parameter) => 3 - u8::from(!parameter.constraints.is_empty()),
            Segment::CatchAll(parameter) => 5 - u8::from(!parameter.constraints.is_empty()),
        };
        self.0.iter().map(of_segment).collect()
    }

    /// Whether it matches a typical path of `other`.
    pub(super) fn covers(&self, other: &Pattern) -> bool {
        let path: Vec<String> = other.0.iter().map(Segment::sample).collect();
        self.matches(&path.join("/")).is_some()
    }
}

impl Segment {
    fn matches(&self, text: &str) -> Option<RouteValues> {
        match self {
            _ if text.is_empty() => None,
            Segment::Literal(literal) => equal_ignoring_case(text, literal).then(RouteValues::new),
            Segment::Parameter(parameter) | Segment::CatchAll(parameter) => Some(vec![parameter.value(Some(text))?]),
            Segment::Mixed(parts) => match_parts(parts, text),
        }
    }

    /// What stands for the segment when the path ends before it.
    fn when_missing(&self) -> Option<(String, Option<String>)> {
        match self {
            Segment::Parameter(parameter) => parameter.value(None),
            Segment::Literal(_) | Segment::Mixed(_) | Segment::CatchAll(_) => None,
        }
    }

    fn sample(&self) -> String {
        match self {
            Segment::Literal(literal) => literal.clone(),
            Segment::Parameter(parameter) | Segment::CatchAll(parameter) => parameter.sample(),
            Segment::Mixed(parts) => parts.iter().map(Part::sample).collect(),
        }
    }
}

impl Part {
    fn sample(&self) -> String {
        match self {
            Part::Literal(literal) => literal.clone(),
            Part::Parameter(parameter) => parameter.sample(),
        }
    }
}

impl Parameter {
    /// The parameter with its value, when the value or its absence is allowed.
    fn value(&self, text: Option<&str>) -> Option<(String, Option<String>)> {
        let value = match (text, &self.when_missing) {
            (Some(text), _) => Some(text.to_owned()),
            (None, WhenMissing::Default(default)) => Some(default.clone()),
            (None, WhenMissing::Nothing) => return Some((self.name.clone(), None)),
            (None, WhenMissing::NoMatch) => return None,
        };
        let is_allowed = |value: &str| self.constraints.iter().all(|constraint| constraint.allows(value));
        value.filter(|value| is_allowed(value)).map(|value| (self.name.clone(), Some(value)))
    }

    fn sample(&self) -> String {
        self.constraints.iter().find_map(Constraint::sample).unwrap_or_else(|| "x".to_owned())
    }
}

/// Matches the parts of one segment from the right, each literal as far right as possible; an optional last parameter
/// may be missing together with the period before it.
fn match_parts(parts: &[Part], text: &str) -> Option<RouteValues> {
    let [before @ .., Part::Literal(separator), Part::Parameter(last)] = parts else {
        return match_all_parts(parts, text);
    };
    if last.when_missing != WhenMissing::Nothing {
        return match_all_parts(parts, text);
    }
    match_all_parts(parts, text).or_else(|| {
        let mut values = Some(text).filter(|text| !text.ends_with(separator.as_str()));
        let mut values = match_all_parts(before, values.take()?)?;
        values.push((last.name.clone(), None));
        Some(values)
    })
}

fn match_all_parts(parts: &[Part], text: &str) -> Option<RouteValues> {
    let mut values = RouteValues::new();
    let mut end = text.len();
    let mut pending: Option<&Parameter> = None;
    for (index, part) in parts.iter().enumerate().rev() {
        let literal = match part {
            Part::Parameter(parameter) => {
                pending = Some(parameter);
                continue;
            }
            Part::Literal(literal) => literal,
        };
        // A parameter to the right needs one character at least.
        let limit = text[..end].char_indices().next_back().filter(|_| pending.is_some()).map_or(end, |(last, _)| last);
        let start = find_last(&text[..limit], literal)?;
        let after = start + literal.len();
        if let Some(parameter) = pending.take() {
            values.push(parameter.value(Some(&text[after..end]).filter(|value| !value.is_empty()))?);
        } else if index + 1 == parts.len() && after != text.len() {
            return None;
        }
        end = start;
    }
    match pending {
        Some(parameter) => values.push(parameter.value(Some(&text[..end]).filter(|value| !value.is_empty()))?),
        None if end != 0 => return None,
        None => {}
    }
    values.reverse();
    Some(values)
}

/// The last place of `literal`, ASCII case ignored.
fn find_last(text: &str, literal: &str) -> Option<usize> {
    text.to_ascii_lowercase().rfind(&literal.to_ascii_lowercase())
}
