//! NCRONTAB expressions in plain calendar time, without a time zone (functions-host 6.1).
//!
//! Unlike cron, a day must match the day of the month *and* the day of the week, and Sunday is 0, never 7.

use std::fmt;

use jiff::ToSpan;
use jiff::civil::{Date, DateTime, Time};

/// The calendar repeats after 400 years, so an expression without a match until then never matches.
const YEARS_TO_SEARCH: i16 = 400;

/// A parsed expression.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Ncrontab {
    /// Absent in the form with five fields, which fires at second 0.
    seconds: Option<Field>,
    minutes: Field,
    hours: Field,
    days: Field,
    months: Field,
    weekdays: Field,
}

/// The values that one field allows, as bits, and the range that `*` stands for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Field {
    values: u64,
    range: Range,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Range {
    minimum: u32,
    maximum: u32,
    names: &'static [&'static str],
}

const SECOND: Range = Range { minimum: 0, maximum: 59, names: &[] };
const MINUTE: Range = SECOND;
const HOUR: Range = Range { minimum: 0, maximum: 23, names: &[] };
const DAY: Range = Range { minimum: 1, maximum: 31, names: &[] };
const MONTH: Range = Range {
    minimum: 1,
    maximum: 12,
    names: &[
        "january",
        "february",
        "march",
        "april",
        "may",
        "june",
        "july",
        "august",
        "september",
        "october",
        "november",
        "december",
    ],
};
const WEEKDAY: Range = Range {
    minimum: 0,
    maximum: 6,
    names: &["sunday", "monday", "tuesday", "wednesday", "thursday", "friday", "saturday"],
};

impl Ncrontab {
    /// Whether it is written in the form with five fields.
    pub(crate) fn has_no_seconds(&self) -> bool {
        self.seconds.is_none()
    }

    /// Reads five fields (minute first) or six (second first), separated by spaces; `None` when it is not valid.
    pub(crate) fn parse(expression: &str) -> Option<Ncrontab> {
        let fields: Vec<&str> = expression.split(' ').filter(|field| !field.is_empty()).collect();
        let (seconds, fields) = match fields.as_slice() {
            [seconds, rest @ ..] if fields.len() == 6 => (Some(Field::parse(seconds, SECOND)?), rest),
            rest => (None, rest),
        };
        let [minutes, hours, days, months, weekdays] = fields else { return None };
        Some(Ncrontab {
            seconds,
            minutes: Field::parse(minutes, MINUTE)?,
            hours: Field::parse(hours, HOUR)?,
            days: Field::parse(days, DAY)?,
            months: Field::parse(months, MONTH)?,
            weekdays: Field::parse(weekdays, WEEKDAY)?,
        })
    }

    /// The first match strictly after `base`, in whole seconds.
    pub(crate) fn next_after(&self, base: DateTime) -> Option<DateTime> {
        let whole = base.with().subsec_nanosecond(0).build().expect("zero is a valid fraction of a second");
        let start = whole.checked_add(1.second()).ok()?;
        let mut date = self.date_from(start.date(), start.year())?;
        if date == start.date() {
            if let Some(time) = self.time_from(start.time()) {
                return Some(date.to_datetime(time));
            }
            date = self.date_from(date.tomorrow().ok()?, start.year())?;
        }
        self.time_from(Time::midnight()).map(|time| date.to_datetime(time))
    }

    /// Whether it fires more than once in a minute and in every minute (functions-host 6.2).
    pub(crate) fn is_shorter_than_a_minute(&self) -> bool {
        let seconds = self.seconds.map_or(1, |seconds| seconds.values.count_ones());
        let rest = [self.minutes, self.hours, self.days, self.months, self.weekdays];
        seconds > 1 && rest.iter().all(Field::allows_everything)
    }

    /// Whether it is an interval rather than a point in time: the expanded second, minute or hour field is `*` or has a
    /// range (functions-host 6.4). `0 */30 1 * * *` expands to `0 0,30 1 * * *` and is therefore a point in time.
    pub(crate) fn is_interval(&self) -> bool {
        let fields = self.seconds.into_iter().chain([self.minutes, self.hours]);
        fields.map(|field| field.to_string()).any(|text| text.contains(['*', '-']))
    }

    /// The first matching date from `date` on.
    fn date_from(&self, mut date: Date, first_year: i16) -> Option<Date> {
        while date.year() - first_year <= YEARS_TO_SEARCH {
            if !self.months.contains(number(date.month())) {
                date = date.last_of_month().tomorrow().ok()?;
                continue;
            }
            let weekday = number(date.weekday().to_sunday_zero_offset());
            if self.days.contains(number(date.day())) && self.weekdays.contains(weekday) {
                return Some(date);
            }
            date = date.tomorrow().ok()?;
        }
        None
    }

    /// The first matching time of a day from `time` on.
    fn time_from(&self, time: Time) -> Option<Time> {
        let seconds = self.seconds.unwrap_or(Field { values: 1, range: SECOND });
        let (hour, minute) = (number(time.hour()), number(time.minute()));
        for candidate_hour in self.hours.from(hour) {
            let first_minute = if candidate_hour == hour { minute } else { 0 };
            for candidate_minute in self.minutes.from(first_minute) {
                let same_minute = candidate_hour == hour && candidate_minute == minute;
                let first_second = if same_minute { number(time.second()) } else { 0 };
                if let Some(second) = seconds.from(first_second).next() {
                    let [hour, minute, second] = [candidate_hour, candidate_minute, second].map(|value| value as i8);
                    return Time::new(hour, minute, second, 0).ok();
                }
            }
        }
        None
    }
}

/// The expanded form of the log: `*/10 * * * * *` is `0,10,20,30,40,50 * * * * *`.
impl fmt::Display for Ncrontab {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(seconds) = self.seconds {
            write!(f, "{seconds} ")?;
        }
        write!(f, "{} {} {} {} {}", self.minutes, self.hours, self.days, self.months, self.weekdays)
    }
}

impl Field {
    fn parse(text: &str, range: Range) -> Option<Field> {
        let mut values = 0;
        for item in text.split(',') {
            values |= range.values_of(item)?;
        }
        Some(Field { values, range })
    }

    fn contains(&self, value: u32) -> bool {
        self.values >> value & 1 == 1
    }

    fn from(&self, first: u32) -> impl Iterator<Item = u32> {
        (first..=self.range.maximum).filter(|value| self.contains(*value))
    }

    fn allows_everything(&self) -> bool {
        self.from(self.range.minimum).count() as u32 == self.range.maximum - self.range.minimum + 1
    }
}

/// `*`, single values, and `a-b` for two or more neighbours.
impl fmt::Display for Field {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.allows_everything() {
            return f.write_str("*");
        }
        let mut separator = "";
        let mut next = self.from(self.range.minimum).next();
        while let Some(first) = next {
            let last = (first..=self.range.maximum).take_while(|value| self.contains(*value)).last().unwrap_or(first);
            write!(f, "{separator}{first}")?;
            if last > first {
                write!(f, "-{last}")?;
            }
            separator = ",";
            next = self.from(last + 1).next();
        }
        Ok(())
    }
}

impl Range {
    /// The values of one item of a list, as bits: `*`, `n`, `a-b`, each with an optional step.
    fn values_of(self, item: &str) -> Option<u64> {
        let (item, step) = match item.split_once('/') {
            Some((item, step)) => (item, Some(step_of(step)?)),
            None => (item, None),
        };
        let (first, last) = match item.split_once('-') {
            _ if item == "*" => (self.minimum, self.maximum),
            Some((first, last)) => (self.value(first)?, self.value(last)?),
            None if step.is_some() => (self.value(item)?, self.maximum),
            None => (self.value(item)?, self.value(item)?),
        };
        let (first, last) = (first.min(last), first.max(last));
        if first < self.minimum || last > self.maximum {
            return None;
        }
        Some((first..=last).step_by(step.unwrap_or(1)).fold(0, |values, value| values | 1 << value))
    }

    /// A number, or the first name that starts with the text.
    fn value(self, text: &str) -> Option<u32> {
        if text.starts_with(|first: char| first.is_ascii_digit()) {
            let is_number = text.bytes().all(|byte| byte.is_ascii_digit());
            return text.parse().ok().filter(|_| is_number);
        }
        let prefix = text.to_ascii_lowercase();
        let index = self.names.iter().position(|name| !prefix.is_empty() && name.starts_with(&prefix))?;
        u32::try_from(index).ok().map(|index| index + self.minimum)
    }
}

/// A step; anything below 1 counts as 1.
fn step_of(text: &str) -> Option<usize> {
    let step: i32 = text.parse().ok()?;
    Some(usize::try_from(step).unwrap_or(1).max(1))
}

fn number(value: i8) -> u32 {
    u32::try_from(value).expect("the parts of a date are not negative")
}

#[cfg(test)]
mod tests;
