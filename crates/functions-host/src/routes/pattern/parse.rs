//! Reads a route template. `{{` and `}}` stand for braces, in literals as in constraints.

use super::{Parameter, Part, Pattern, Segment, WhenMissing};
use crate::routes::constraint::Constraint;

const MISMATCHED: &str = "There is an incomplete parameter in the route template. Check that each '{' character has a \
                          matching '}' character.";

/// One parameter as written, before its place in the segment is known.
struct Written {
    parameter: Parameter,
    is_catch_all: bool,
}

enum Piece {
    Literal(String),
    Parameter(Written),
}

impl Pattern {
    /// Reads a template without slashes at its ends.
    pub(in crate::routes) fn parse(text: &str) -> Result<Pattern, String> {
        let mut segments = Vec::new();
        let mut names: Vec<String> = Vec::new();
        let mut rest = Some(text).filter(|text| !text.is_empty());
        while let Some(text) = rest {
            let (pieces, tail) = pieces_of_segment(text)?;
            for piece in &pieces {
                if let Piece::Parameter(written) = piece {
                    remember(&mut names, &written.parameter.name)?;
                }
            }
            segments.push(segment(pieces)?);
            rest = tail;
        }
        let last = segments.len().saturating_sub(1);
        if segments.iter().take(last).any(|segment| matches!(segment, Segment::CatchAll(_))) {
            return Err("A catch-all parameter can only appear as the last segment of the route template.".to_owned());
        }
        Ok(Pattern(segments))
    }
}

fn remember(names: &mut Vec<String>, name: &str) -> Result<(), String> {
    let lower = name.to_lowercase();
    if names.contains(&lower) {
        return Err(format!("The route parameter name '{name}' appears more than one time in the route template."));
    }
    names.push(lower);
    Ok(())
}

/// The pieces up to the next slash outside braces, and what follows that slash.
fn pieces_of_segment(text: &str) -> Result<(Vec<Piece>, Option<&str>), String> {
    if text.starts_with('/') {
        return Err("The route template separator character '/' cannot appear consecutively. It must be separated by \
                    either a parameter or a literal value."
            .to_owned());
    }
    let mut pieces = Vec::new();
    let mut rest = text;
    while !rest.is_empty() && !rest.starts_with('/') {
        let (piece, used) = if rest.starts_with('{') && !rest.starts_with("{{") {
            let length = parameter_length(rest)?;
            (Piece::Parameter(parameter(&unescaped(&rest[1..length - 1]))?), length)
        } else {
            let length = literal_length(rest)?;
            (Piece::Literal(literal(&rest[..length])?), length)
        };
        pieces.push(piece);
        rest = &rest[used..];
    }
    Ok((pieces, rest.strip_prefix('/')))
}

/// The length of the literal that `text` begins with.
fn literal_length(text: &str) -> Result<usize, String> {
    let mut position = 0;
    while let Some(offset) = text[position..].find(['/', '{', '}']) {
        position += offset;
        let rest = &text[position..];
        if rest.starts_with("{{") || rest.starts_with("}}") {
            position += 2;
        } else if rest.starts_with('}') || rest == "{" {
            return Err(MISMATCHED.to_owned());
        } else {
            return Ok(position);
        }
    }
    Ok(text.len())
}

/// The length of the parameter that `text` begins with, braces included.
fn parameter_length(text: &str) -> Result<usize, String> {
    let mut position = 1;
    while let Some(offset) = text[position..].find(['{', '}']) {
        position += offset;
        let rest = &text[position..];
        if rest.starts_with("{{") || rest.starts_with("}}") {
            position += 2;
        } else if rest.starts_with('}') {
            return Ok(position + 1);
        } else if rest == "{" {
            break;
        } else {
            return Err("In a route parameter, '{' and '}' must be escaped with '{{' and '}}'.".to_owned());
        }
    }
    Err(MISMATCHED.to_owned())
}

fn unescaped(text: &str) -> String {
    text.replace("}}", "}").replace("{{", "{")
}

fn literal(text: &str) -> Result<String, String> {
    let literal = unescaped(text);
    if literal.contains('?') {
        return Err(format!(
            "The literal section '{literal}' is invalid. Literal sections cannot contain the '?' character."
        ));
    }
    Ok(literal)
}

/// Reads what is between the braces: `*`, name, constraints, default, `?`.
fn parameter(inside: &str) -> Result<Written, String> {
    let without_stars = inside.strip_prefix("**").or_else(|| inside.strip_prefix('*'));
    let is_catch_all = without_stars.is_some();
    let text = without_stars.unwrap_or(inside);
    let (text, is_optional) = text.strip_suffix('?').map_or((text, false), |text| (text, true));
    if is_catch_all && is_optional {
        return Err("A catch-all parameter cannot be marked optional.".to_owned());
    }
    // A name may begin with `:` or `=`, so the search starts at the second character.
    let second = text.chars().next().map_or(0, char::len_utf8);
    let name_end = text[second..].find([':', '=']).map_or(text.len(), |index| second + index);
    let (name, policies) = text.split_at(name_end);
    let (constraints, default) = policies_of(name, policies)?;
    let when_missing = match default {
        Some(_) if is_optional => return Err("An optional parameter cannot have default value.".to_owned()),
        Some(default) => WhenMissing::Default(default),
        None if is_optional || (is_catch_all && constraints.is_empty()) => WhenMissing::Nothing,
        None => WhenMissing::NoMatch,
    };
    check_name(name)?;
    Ok(Written { parameter: Parameter { name: name.to_owned(), constraints, when_missing }, is_catch_all })
}

fn check_name(name: &str) -> Result<(), String> {
    if !name.is_empty() && !name.contains(['/', '{', '}', '?', '*']) {
        return Ok(());
    }
    Err(format!(
        "The route parameter name '{name}' is invalid. Route parameter names must be non-empty and cannot contain these \
         characters: '{{', '}}', '/'. The '?' character marks a parameter as optional, and can occur only at the end of \
         the parameter. The '*' character marks a parameter as catch-all, and can occur only at the start of the \
         parameter."
    ))
}

/// Reads `:int:min(1)=5`.
fn policies_of(name: &str, text: &str) -> Result<(Vec<Constraint>, Option<String>), String> {
    let mut constraints = Vec::new();
    let mut rest = text;
    while let Some(policy) = rest.strip_prefix(':') {
        let end = policy_end(policy);
        if end > 0 {
            constraints.push(Constraint::parse(name, &policy[..end])?);
        }
        rest = &policy[end..];
    }
    Ok((constraints, rest.strip_prefix('=').map(str::to_owned)))
}

/// Where a constraint ends: at `:` or `=` outside parentheses. A `)` closes only before one of these or at the end.
fn policy_end(text: &str) -> usize {
    let mut is_inside = false;
    for (index, character) in text.char_indices() {
        let after = &text[index + character.len_utf8()..];
        match character {
            '(' => is_inside = true,
            ')' if is_inside && (after.is_empty() || after.starts_with([':', '='])) => is_inside = false,
            ':' | '=' if !is_inside || !after.contains(')') => return index,
            _ => {}
        }
    }
    text.len()
}

fn segment(pieces: Vec<Piece>) -> Result<Segment, String> {
    let is_alone = pieces.len() == 1;
    let mut parts = Vec::new();
    for piece in pieces {
        match piece {
            Piece::Parameter(written) if written.is_catch_all && is_alone => {
                return Ok(Segment::CatchAll(written.parameter));
            }
            Piece::Parameter(written) if written.is_catch_all => {
                return Err("A path segment that contains more than one section, such as a literal section or a \
                            parameter, cannot contain a catch-all parameter."
                    .to_owned());
            }
            Piece::Parameter(written) => parts.push(Part::Parameter(written.parameter)),
            Piece::Literal(literal) => parts.push(Part::Literal(literal)),
        }
    }
    check_parts(&parts)?;
    match (is_alone, parts.pop()) {
        (true, Some(Part::Literal(literal))) => Ok(Segment::Literal(literal)),
        (true, Some(Part::Parameter(parameter))) => Ok(Segment::Parameter(parameter)),
        (_, last) => Ok(Segment::Mixed(parts.into_iter().chain(last).collect())),
    }
}

/// Parameters must be apart, and an optional one must be the last and follow a period.
fn check_parts(parts: &[Part]) -> Result<(), String> {
    for (index, part) in parts.iter().enumerate() {
        let Part::Parameter(parameter) = part else { continue };
        if parameter.when_missing != WhenMissing::Nothing || parts.len() == 1 {
            continue;
        }
        let (whole, name) = (parts.iter().map(written).collect::<String>(), &parameter.name);
        if let Some(next) = parts.get(index + 1) {
            return Err(format!(
                "An optional parameter must be at the end of the segment. In the segment '{whole}', optional parameter \
                 '{name}' is followed by '{}'.",
                written(next)
            ));
        }
        let previous = &parts[index - 1];
        if !matches!(previous, Part::Literal(literal) if literal == ".") {
            return Err(format!(
                "In the segment '{whole}', the optional parameter '{name}' is preceded by an invalid segment '{}'. Only \
                 a period (.) can precede an optional parameter.",
                written(previous)
            ));
        }
    }
    let is_parameter = |part: &Part| matches!(part, Part::Parameter(_));
    if parts.windows(2).any(|pair| pair.iter().all(is_parameter)) {
        return Err(
            "A path segment cannot contain two consecutive parameters. They must be separated by a '/' or by a \
                    literal string."
                .to_owned(),
        );
    }
    Ok(())
}

fn written(part: &Part) -> String {
    match part {
        Part::Literal(literal) => literal.clone(),
        Part::Parameter(parameter) if parameter.when_missing == WhenMissing::Nothing => {
            format!("{{{}?}}", parameter.name)
        }
        Part::Parameter(parameter) => format!("{{{}}}", parameter.name),
    }
}
