//! `TimeSpan` texts as .NET reads and writes them.
//!
//! Two readings surprise: a bare number is days, and `24:00:00` is 24 days, because a first part of 24 or more cannot
//! be hours.

use jiff::SignedDuration;

const DAY: i64 = 24 * 60 * 60;

/// Reads `d`, `hh:mm`, `hh:mm:ss`, `dd:hh:mm` (when `dd` is 24 or more), `d.hh:mm`, `d.hh:mm:ss` and `d:hh:mm:ss`, each
/// with an optional `-` in front and the ones with seconds with a fraction of up to 7 digits.
pub(crate) fn parse(text: &str) -> Option<SignedDuration> {
    let text = text.trim();
    let (negative, text) = text.strip_prefix('-').map_or((false, text), |rest| (true, rest));
    let (days, clock) = match text.split_once('.') {
        Some((days, clock)) if clock.contains(':') => (Some(number(days)?), clock),
        _ => (None, text),
    };
    let (whole, fraction) = clock.split_once('.').map_or((clock, None), |(whole, fraction)| (whole, Some(fraction)));
    let parts = whole.split(':').map(number).collect::<Option<Vec<i64>>>()?;
    let has_seconds = matches!((parts.len(), days), (3 | 4, _)) && !is_days_first(days, &parts);
    let seconds = match (days, parts.as_slice()) {
        (None, [days]) => Some(days * DAY),
        (days, [hours, minutes]) => of_day(days.unwrap_or(0), *hours, *minutes, 0),
        (None, [days, hours, minutes]) if *days > 23 => of_day(*days, *hours, *minutes, 0),
        (days, [hours, minutes, seconds]) => of_day(days.unwrap_or(0), *hours, *minutes, *seconds),
        (None, [days, hours, minutes, seconds]) => of_day(*days, *hours, *minutes, *seconds),
        _ => None,
    }?;
    let nanoseconds = match fraction {
        None => 0,
        Some(digits) if has_seconds => fraction_nanoseconds(digits)?,
        Some(_) => return None,
    };
    let span = SignedDuration::new(seconds, nanoseconds);
    Some(if negative { -span } else { span })
}

/// Writes `[-][d.]hh:mm:ss[.fffffff]`, as `TimeSpan.ToString()` does.
pub(crate) fn display(span: SignedDuration) -> String {
    let sign = if span.is_negative() { "-" } else { "" };
    let span = span.unsigned_abs();
    let (days, rest) = (span.as_secs() / 86_400, span.as_secs() % 86_400);
    let days = if days > 0 { format!("{days}.") } else { String::new() };
    let ticks = span.subsec_nanos() / 100;
    let fraction = if ticks > 0 { format!(".{ticks:07}") } else { String::new() };
    format!("{sign}{days}{:02}:{:02}:{:02}{fraction}", rest / 3600, rest / 60 % 60, rest % 60)
}

fn is_days_first(days: Option<i64>, parts: &[i64]) -> bool {
    days.is_none() && matches!(parts, [first, _, _] if *first > 23)
}

/// Seconds of the parts, when each is in its range; `TimeSpan` holds 10675199 days at most.
fn of_day(days: i64, hours: i64, minutes: i64, seconds: i64) -> Option<i64> {
    let in_range = hours < 24 && minutes < 60 && seconds < 60;
    in_range.then_some(days * DAY + hours * 3600 + minutes * 60 + seconds)
}

fn number(digits: &str) -> Option<i64> {
    let is_number = (1..=8).contains(&digits.len()) && digits.bytes().all(|byte| byte.is_ascii_digit());
    digits.parse().ok().filter(|value| is_number && *value <= 10_675_199)
}

fn fraction_nanoseconds(digits: &str) -> Option<i32> {
    let is_fraction = (1..=7).contains(&digits.len()) && digits.bytes().all(|byte| byte.is_ascii_digit());
    format!("{digits:0<9}").parse().ok().filter(|_| is_fraction)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, expected: Option<&str>) {
        assert_eq!(parse(text).map(display).as_deref(), expected, "{text}");
    }

    #[test]
    fn time_spans_are_read_as_dotnet_reads_them() {
        check("00:05:00", Some("00:05:00"));
        check("1.00:00:00", Some("1.00:00:00"));
        check("6", Some("6.00:00:00"));
        check("6:12", Some("06:12:00"));
        check("6.12:14", Some("6.12:14:00"));
        check("6:12:14:45", Some("6.12:14:45"));
        check("23:59:59", Some("23:59:59"));
        check("24:00:00", Some("24.00:00:00"));
        check("25:01:00", Some("25.01:00:00"));
        check("-1", Some("-1.00:00:00"));
        check("-00:00:01", Some("-00:00:01"));
        check(" 00:00:30 ", Some("00:00:30"));
        check("00:00:00.8", Some("00:00:00.8000000"));
        check("00:00:00.0000001", Some("00:00:00.0000001"));
        check("1.02:03:04.5", Some("1.02:03:04.5000000"));
        check("10675199", Some("10675199.00:00:00"));
    }

    #[test]
    fn durations_look_as_in_dot_net() {
        assert_eq!(display(SignedDuration::from_secs(1800)), "00:30:00");
        assert_eq!(display(SignedDuration::from_millis(1500)), "00:00:01.5000000");
        assert_eq!(display(SignedDuration::from_secs(86_400 + 3661)), "1.01:01:01");
    }

    #[test]
    fn other_texts_are_no_time_spans() {
        for text in
            ["", "x", "1.5", "24:00", "00:60:00", "00:00:60", "25:24:00", "00:00:00.", "00:00:00.00000001", "1:2:3:4:5"]
        {
            check(text, None);
        }
        for text in ["--1", "+1", "1h", "00:00:0x", "1.2.3", "10675200", "99999999999", "1 00:00:00", "24:00:00.5"] {
            check(text, None);
        }
    }

    proptest::proptest! {
        #[test]
        fn what_is_written_is_read_back(milliseconds in -900_000_000_000_i64..900_000_000_000) {
            let span = SignedDuration::from_millis(milliseconds);
            proptest::prop_assert_eq!(parse(&display(span)), Some(span));
        }

        #[test]
        fn no_text_makes_the_parser_fail(text in "[-0-9.: ]{0,24}") {
            let _ = parse(&text);
        }
    }
}
