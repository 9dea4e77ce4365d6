//! What a route parameter's value must look like: `{id:int}`, `{name:length(3,8)}`.
//!
//! A constraint decides whether the route matches; it does not convert the value.

use jiff::Timestamp;
use jiff::civil::{Date, DateTime};
use regex::Regex;
use uuid::Uuid;

/// One constraint of a parameter.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Constraint {
    Alpha,
    Bool,
    DateTime,
    Decimal,
    /// `double` and `float`.
    Float,
    Guid,
    Int,
    Long,
    /// `length`, `minlength` and `maxlength`, in UTF-16 units.
    Length {
        minimum: usize,
        maximum: usize,
    },
    /// `min`, `max` and `range`, both ends included.
    Range {
        minimum: i64,
        maximum: i64,
    },
    Required,
    File,
    NonFile,
    Matches(Expression),
}

/// A regular expression, which finds its match anywhere in the value and ignores letter case.
#[derive(Debug, Clone)]
pub(super) struct Expression(Regex);

impl PartialEq for Expression {
    fn eq(&self, other: &Self) -> bool {
        self.0.as_str() == other.0.as_str()
    }
}

impl Eq for Expression {}

impl Constraint {
    /// Reads `int` or `range(1,5)`. `parameter` is the name for the error.
    pub(super) fn parse(parameter: &str, text: &str) -> Result<Constraint, String> {
        let (name, arguments) = match text.split_once('(') {
            Some((name, rest)) => (name, Some(rest.strip_suffix(')').unwrap_or(rest))),
            None => (text, None),
        };
        let numbers: Vec<i64> = arguments.map(numbers).unwrap_or_default();
        let constraint = match (name.to_ascii_lowercase().as_str(), arguments, numbers.as_slice()) {
            ("alpha", None, _) => Constraint::Alpha,
            ("bool", None, _) => Constraint::Bool,
            ("datetime", None, _) => Constraint::DateTime,
            ("decimal", None, _) => Constraint::Decimal,
            ("double" | "float", None, _) => Constraint::Float,
            ("guid", None, _) => Constraint::Guid,
            ("int", None, _) => Constraint::Int,
            ("long", None, _) => Constraint::Long,
            ("required", None, _) => Constraint::Required,
            ("file", None, _) => Constraint::File,
            ("nonfile", None, _) => Constraint::NonFile,
            ("length", _, [length]) => Constraint::length(*length, *length)?,
            ("length", _, [minimum, maximum]) => Constraint::length(*minimum, *maximum)?,
            ("minlength", _, [minimum]) => Constraint::length(*minimum, i64::MAX)?,
            ("maxlength", _, [maximum]) => Constraint::length(0, *maximum)?,
            ("min", _, [minimum]) => Constraint::Range { minimum: *minimum, maximum: i64::MAX },
            ("max", _, [maximum]) => Constraint::Range { minimum: i64::MIN, maximum: *maximum },
            ("range", _, [minimum, maximum]) if minimum <= maximum => {
                Constraint::Range { minimum: *minimum, maximum: *maximum }
            }
            ("range", _, [_, _]) => return Err(MINIMUM_ABOVE_MAXIMUM.to_owned()),
            ("regex", Some(pattern), _) => Constraint::Matches(expression(parameter, pattern)?),
            _ => {
                return Err(format!(
                    "The constraint entry '{parameter}' - '{text}' on the route could not be resolved by the constraint \
                     resolver of type 'DefaultInlineConstraintResolver'."
                ));
            }
        };
        Ok(constraint)
    }

    fn length(minimum: i64, maximum: i64) -> Result<Constraint, String> {
        if minimum > maximum {
            return Err(MINIMUM_ABOVE_MAXIMUM.to_owned());
        }
        match (usize::try_from(minimum), usize::try_from(maximum)) {
            (Ok(minimum), Ok(maximum)) => Ok(Constraint::Length { minimum, maximum }),
            _ => Err("Value must be greater than or equal to 0.".to_owned()),
        }
    }

    /// Whether a value may be there.
    pub(super) fn allows(&self, value: &str) -> bool {
        match self {
            Constraint::Alpha => value.bytes().all(|byte| byte.is_ascii_alphabetic()),
            Constraint::Bool => matches!(value.trim().to_ascii_lowercase().as_str(), "true" | "false"),
            Constraint::DateTime => is_date(value.trim()),
            Constraint::Decimal => is_decimal(value.trim()),
            Constraint::Float => is_float(value.trim()),
            Constraint::Guid => is_guid(value.trim()),
            Constraint::Int => value.trim().parse::<i32>().is_ok(),
            Constraint::Long => value.trim().parse::<i64>().is_ok(),
            Constraint::Length { minimum, maximum } => (*minimum..=*maximum).contains(&value.encode_utf16().count()),
            Constraint::Range { minimum, maximum } => {
                value.trim().parse().is_ok_and(|number: i64| (*minimum..=*maximum).contains(&number))
            }
            Constraint::Required => !value.is_empty(),
            Constraint::File => is_file_name(value),
            Constraint::NonFile => !is_file_name(value),
            Constraint::Matches(expression) => expression.0.is_match(value),
        }
    }

    /// A value that it allows, where any text would not do.
    pub(super) fn sample(&self) -> Option<String> {
        Some(match self {
            Constraint::Int | Constraint::Long | Constraint::Decimal | Constraint::Float => "1".to_owned(),
            Constraint::Bool => "true".to_owned(),
            Constraint::DateTime => "2026-01-01".to_owned(),
            Constraint::Guid => Uuid::nil().to_string(),
            Constraint::Length { minimum, .. } => "x".repeat((*minimum).min(LONGEST_SAMPLE)),
            Constraint::Range { minimum: i64::MIN, maximum } => maximum.to_string(),
            Constraint::Range { minimum, .. } => minimum.to_string(),
            Constraint::File => "x.x".to_owned(),
            Constraint::Alpha | Constraint::Required | Constraint::NonFile | Constraint::Matches(_) => return None,
        })
    }
}

/// Longer than any path that is worth a sample.
const LONGEST_SAMPLE: usize = 1000;

const MINIMUM_ABOVE_MAXIMUM: &str =
    "The value for argument 'min' should be less than or equal to the value for the argument 'max'.";

/// .NET knows forms that take more than linear time, such as references back; they are rare in routes.
fn expression(parameter: &str, pattern: &str) -> Result<Expression, String> {
    let expression = regex::RegexBuilder::new(pattern).case_insensitive(true).build();
    expression.map(Expression).map_err(|_| {
        format!(
            "The regular expression '{pattern}' of the route parameter '{parameter}' is not one that this local host understands \
             (it has no look-around and no references back); use another constraint or check the value in the function."
        )
    })
}

fn numbers(arguments: &str) -> Vec<i64> {
    let numbers: Result<Vec<i64>, _> = arguments.split(',').map(|number| number.trim().parse()).collect();
    numbers.unwrap_or_default()
}

/// Sign before or after, digits with thousands separators, a decimal point.
fn is_decimal(text: &str) -> bool {
    let unsigned = text.strip_prefix(['+', '-']).or_else(|| text.strip_suffix(['+', '-'])).unwrap_or(text);
    let (whole, fraction) = unsigned.split_once('.').unwrap_or((unsigned, ""));
    let are_digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    let digits = whole.replace(',', "");
    !whole.starts_with(',') && digits.len() + fraction.len() > 0 && are_digits(&digits) && are_digits(fraction)
}

fn is_float(text: &str) -> bool {
    let number = text.replace(',', "");
    let is_short_name = number.to_ascii_lowercase().trim_start_matches(['+', '-']) == "inf";
    !text.starts_with(',') && !is_short_name && number.parse::<f64>().is_ok()
}

fn is_guid(text: &str) -> bool {
    let inner = text.strip_prefix('(').and_then(|text| text.strip_suffix(')'));
    match inner {
        Some(inner) => inner.len() == 36 && Uuid::try_parse(inner).is_ok(),
        None => !text.to_ascii_lowercase().starts_with("urn:") && Uuid::try_parse(text).is_ok(),
    }
}

/// ISO 8601 and the usual forms of the invariant culture (month first); .NET knows more.
fn is_date(text: &str) -> bool {
    let is_iso = text.parse::<Timestamp>().is_ok() || text.parse::<DateTime>().is_ok() || text.parse::<Date>().is_ok();
    let has = |format: &str| DateTime::strptime(format, text).is_ok();
    let is_day = |format: &str| Date::strptime(format, text).is_ok();
    is_iso
        || ["%m/%d/%Y", "%Y/%m/%d", "%Y-%m-%d"].iter().any(|day| {
            is_day(day)
                || ["%H:%M", "%H:%M:%S", "%I:%M %p", "%I:%M:%S %p", "%I:%M%p"]
                    .iter()
                    .any(|time| has(&format!("{day} {time}")))
        })
}

/// Whether the last segment has a period that something follows.
fn is_file_name(text: &str) -> bool {
    let name = text.rsplit('/').next().unwrap_or(text);
    name.split_once('.').is_some_and(|(_, rest)| rest.contains(|character| character != '.'))
}
