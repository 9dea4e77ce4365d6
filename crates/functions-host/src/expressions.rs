//! Binding expressions: `%SETTING%` and `{trigger.data}` (functions-host 5).
//!
//! Names in braces are not checked when the app is read: a wrong one fails the invocation, with the whole call answered
//! by 500. Settings are put in first, so the value of a setting may itself contain `{…}`.

use jiff::tz::TimeZone;
use jiff::{Timestamp, Zoned};
use serde_json::{Map, Value};
use uuid::Uuid;

use crate::app::Settings;

mod date_format;

/// Why an expression has no value, in the real host's words.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct ExpressionError(String);

/// The format of a date without one of its own; colons would be trouble in blob names.
const DEFAULT_DATE_FORMAT: &str = "yyyy-MM-ddTHH-mm-ssK";

/// Replaces every `%NAME%` by the setting of that name.
///
/// # Errors
/// When a setting is missing or a `%` is not closed.
pub fn resolve_settings(text: &str, settings: &Settings) -> Result<String, ExpressionError> {
    let mut resolved = String::new();
    let mut position = 0;
    while let Some(start) = text[position..].find('%').map(|index| position + index) {
        let Some(end) = text[start + 1..].find('%').map(|index| start + 1 + index) else {
            // .NET counts UTF-16 units.
            let column = text[..start].encode_utf16().count();
            return Err(ExpressionError(format!("The '%' at position {column} does not have a closing '%'")));
        };
        let name = &text[start + 1..end];
        let Some(value) = settings.get(name) else {
            return Err(ExpressionError(format!("'%{name}%' does not resolve to a value.")));
        };
        resolved.push_str(&text[position..start]);
        resolved.push_str(value);
        position = end + 1;
    }
    resolved.push_str(&text[position..]);
    Ok(resolved)
}

/// Replaces every `%NAME%` by a setting and every `{a.b}` by the trigger's binding data: route, query and body values
/// at the top, and the objects `query`, `headers` and `sys`. Letter case is ignored everywhere.
///
/// `{rand-guid}`, `{datetime}`, `{sys.utcnow}` and `{sys.randguid}` need no data and take a format: `{datetime:yyyy}`. `now` is what
/// the dates stand for.
///
/// # Errors
/// When a setting or a value is missing, or the braces do not match.
pub fn resolve(
    text: &str,
    settings: &Settings,
    binding_data: &Map<String, Value>,
    now: Timestamp,
) -> Result<String, ExpressionError> {
    bind(&resolve_settings(text, settings)?, binding_data, now)
}

/// Replaces every `{a.b}`; `now` is what the date expressions stand for.
fn bind(template: &str, data: &Map<String, Value>, now: Timestamp) -> Result<String, ExpressionError> {
    let mut bound = String::new();
    let mut rest = template;
    while let Some(start) = rest.find(['{', '}']) {
        bound.push_str(&rest[..start]);
        rest = &rest[start..];
        let position = template.len() - rest.len();
        if rest.starts_with("{{") || rest.starts_with("}}") {
            bound.push_str(&rest[..1]);
            rest = &rest[2..];
            continue;
        }
        let Some(end) = expression_end(rest) else { return Err(unbalanced(template, position)) };
        let expression = &rest[1..end];
        if expression.is_empty() {
            let message = format!("The parameter name at position {} is empty.", column(template, position));
            return Err(invalid(template, &message));
        }
        bound.push_str(&value_of(template, expression, data, now)?);
        rest = &rest[end + 1..];
    }
    bound.push_str(rest);
    Ok(bound)
}

/// Where the `}` of the expression is that `text` begins with; none when another `{` comes first.
fn expression_end(text: &str) -> Option<usize> {
    let inside = text.strip_prefix('{')?;
    let end = inside.find(['{', '}'])?;
    inside[end..].starts_with('}').then_some(end + 1)
}

fn unbalanced(template: &str, position: usize) -> ExpressionError {
    let missing = if template[position..].starts_with('{') { "closing" } else { "opening" };
    invalid(template, &format!("Missing {missing} bracket at position {}.", column(template, position)))
}

fn invalid(template: &str, message: &str) -> ExpressionError {
    ExpressionError(format!("Invalid template '{template}'. {message}"))
}

/// Counted from 1, in UTF-16 units as .NET does.
fn column(template: &str, position: usize) -> usize {
    template[..position].encode_utf16().count() + 1
}

fn value_of(
    template: &str,
    expression: &str,
    data: &Map<String, Value>,
    now: Timestamp,
) -> Result<String, ExpressionError> {
    let built_in = BuiltIn::parse(expression);
    let (path, format) = match expression.split_once(':') {
        Some((path, format)) if built_in.is_none() && !path.is_empty() => (path, Some(format)),
        _ => (expression, None),
    };
    if built_in.is_none() {
        check_path(path).map_err(|message| invalid(template, &message))?;
    }
    let (root, members) = path.split_once('.').map_or((path, None), |(root, members)| (root, Some(members)));
    let value = get(data, root);
    let text = match (value, built_in) {
        (value, None) if root.eq_ignore_ascii_case("sys") && value.is_none_or(is_of_the_host) => {
            system_value(value, members, format, now)?
        }
        (Some(value), _) => text_of(member_of(value, members)?),
        (None, Some(built_in)) => Some(built_in.value(now)?),
        (None, None) => return Err(ExpressionError(format!("No value for named parameter '{root}'."))),
    };
    // A null and a value that is not plain text, such as an object, become nothing.
    Ok(text.unwrap_or_default())
}

/// Whether a `sys` in the binding data is the host's own and not a property of a request body.
fn is_of_the_host(system: &Value) -> bool {
    system.as_object().is_some_and(|system| get(system, "MethodName").is_some())
}

/// The rules for names outside the built-in ones; the missing quote is the real host's.
fn check_path(path: &str) -> Result<(), String> {
    let starts_well = path.starts_with(|first: char| first.is_alphabetic() || first == '_');
    let is_part = |character: char| character.is_alphanumeric() || matches!(character, '_' | '.' | '-');
    if !starts_well || !path.chars().all(is_part) {
        return Err(format!("Invalid template expression '{path}"));
    }
    let root = path.split('.').next().unwrap_or(path);
    if root.contains('-') {
        return Err(format!("The parameter name '{root}' is invalid."));
    }
    if path.split('.').any(str::is_empty) {
        return Err("Illegal expression: System.String[]".to_owned());
    }
    Ok(())
}

/// The value at `a.b.c` below `value`.
fn member_of<'a>(value: &'a Value, members: Option<&str>) -> Result<&'a Value, ExpressionError> {
    let mut current = value;
    for name in members.into_iter().flat_map(|members| members.split('.')) {
        current = current.as_object().and_then(|object| get(object, name)).ok_or_else(|| missing_member(name))?;
    }
    Ok(current)
}

fn missing_member(name: &str) -> ExpressionError {
    ExpressionError(format!("Error while accessing '{name}': property doesn't exist."))
}

/// `{sys.…}`: the date and the guid are made anew at every use and take a format.
fn system_value(
    system: Option<&Value>,
    members: Option<&str>,
    format: Option<&str>,
    now: Timestamp,
) -> Result<Option<String>, ExpressionError> {
    match (members, system) {
        (Some(name), _) if name.eq_ignore_ascii_case("utcnow") => Ok(Some(date_text(now, format))),
        (Some(name), _) if name.eq_ignore_ascii_case("randguid") => guid_text(format).map(Some),
        (members, Some(system)) => member_of(system, members).map(text_of),
        (Some(name), None) => Err(missing_member(name)),
        (None, None) => Ok(None),
    }
}

/// An exact name first, then one in another letter case.
fn get<'a>(object: &'a Map<String, Value>, name: &str) -> Option<&'a Value> {
    let ignoring_case = || object.iter().find(|(key, _)| key.to_lowercase() == name.to_lowercase());
    object.get(name).or_else(|| ignoring_case().map(|(_, value)| value))
}

/// Plain values only; a format is not applied to them, not even to a text that looks like a date.
fn text_of(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        // .NET's spelling.
        Value::Bool(value) => Some(if *value { "True" } else { "False" }.to_owned()),
        Value::Null | Value::Array(_) | Value::Object(_) => None,
    }
}

/// The expressions that need no data. Any name that starts with one of them counts as it, as on the real host.
enum BuiltIn<'a> {
    RandomGuid { format: Option<&'a str> },
    DateTime { format: Option<&'a str> },
}

impl<'a> BuiltIn<'a> {
    fn parse(expression: &'a str) -> Option<BuiltIn<'a>> {
        let rest_after = |name: &str| {
            let head = expression.get(..name.len())?;
            head.eq_ignore_ascii_case(name).then(|| expression[name.len()..].strip_prefix(':'))
        };
        if let Some(format) = rest_after("rand-guid") {
            return Some(BuiltIn::RandomGuid { format });
        }
        rest_after("datetime").map(|format| BuiltIn::DateTime { format })
    }

    fn value(&self, now: Timestamp) -> Result<String, ExpressionError> {
        match self {
            BuiltIn::RandomGuid { format } => guid_text(*format),
            BuiltIn::DateTime { format } => Ok(date_text(now, *format)),
        }
    }
}

fn date_text(date: Timestamp, format: Option<&str>) -> String {
    let format = format.filter(|format| !format.trim().is_empty()).unwrap_or(DEFAULT_DATE_FORMAT);
    let date: Zoned = date.to_zoned(TimeZone::UTC);
    date_format::format(&date, format)
}

/// `D` (the default) has dashes, `N` has none, `B` has braces and `P` has parentheses.
fn guid_text(format: Option<&str>) -> Result<String, ExpressionError> {
    let guid = Uuid::new_v4();
    match format.map(str::trim).unwrap_or_default() {
        "" | "D" | "d" => Ok(guid.hyphenated().to_string()),
        "N" | "n" => Ok(guid.simple().to_string()),
        "B" | "b" => Ok(guid.braced().to_string()),
        "P" | "p" => Ok(format!("({})", guid.hyphenated())),
        _ => {
            let message =
                "Format string can be only \"D\", \"d\", \"N\", \"n\", \"P\", \"p\", \"B\", \"b\", \"X\" or \"x\".";
            Err(ExpressionError(message.to_owned()))
        }
    }
}

#[cfg(test)]
mod tests;
