//! Dates in .NET's custom formats, of the invariant culture: `yyyy-MM-dd`, `HH:mm:ss.fff`, `K`.

use jiff::Zoned;

/// Writes `date` by a custom format. A lone standard letter (`o`, `s`, `u`, `d`) is the format that it stands for.
pub(super) fn format(date: &Zoned, format: &str) -> String {
    let format = match format {
        "o" | "O" => "yyyy-MM-ddTHH:mm:ss.fffffffK",
        "s" => "yyyy-MM-ddTHH:mm:ss",
        "u" => "yyyy-MM-dd HH:mm:ss'Z'",
        "r" | "R" => "ddd, dd MMM yyyy HH:mm:ss 'GMT'",
        "d" => "MM/dd/yyyy",
        "D" => "dddd, dd MMMM yyyy",
        "t" => "HH:mm",
        "T" => "HH:mm:ss",
        "g" => "MM/dd/yyyy HH:mm",
        "G" => "MM/dd/yyyy HH:mm:ss",
        custom => custom,
    };
    let mut written = String::new();
    let mut rest = format;
    while let Some(first) = rest.chars().next() {
        let run = rest.chars().take_while(|character| *character == first).count();
        let used = match first {
            '\'' | '"' => quoted(rest, first, &mut written),
            '\\' => escaped(rest, &mut written),
            '%' => 1,
            _ => {
                written.push_str(&part(date, first, run).unwrap_or_else(|| rest[..run * first.len_utf8()].to_owned()));
                run * first.len_utf8()
            }
        };
        rest = &rest[used..];
    }
    written
}

/// Text in quotes stands for itself; answers how much of `rest` it takes.
fn quoted(rest: &str, quote: char, written: &mut String) -> usize {
    let inside = &rest[1..];
    let end = inside.find(quote).unwrap_or(inside.len());
    written.push_str(&inside[..end]);
    (end + 2).min(rest.len())
}

fn escaped(rest: &str, written: &mut String) -> usize {
    let next = rest.chars().nth(1);
    written.extend(next);
    1 + next.map_or(0, char::len_utf8)
}

/// What a run of one letter stands for; `None` for a letter without a meaning.
fn part(date: &Zoned, letter: char, run: usize) -> Option<String> {
    let pattern = match (letter, run) {
        ('d', 3) => "%a",
        ('d', 4..) => "%A",
        ('M', 3) => "%b",
        ('M', 4..) => "%B",
        ('K', _) => return Some(kind(date).repeat(run)),
        ('f', 1..=7) => return Some(format!("{:09}", date.subsec_nanosecond())[..run].to_owned()),
        ('F', 1..=7) => {
            return Some(format!("{:09}", date.subsec_nanosecond())[..run].trim_end_matches('0').to_owned());
        }
        ('t', _) => return Some(if date.hour() < 12 { "AM" } else { "PM" }[..run.min(2)].to_owned()),
        ('z', _) => return Some(offset(date, run)),
        ('g', _) => return Some("A.D.".to_owned()),
        _ => return padded(date, letter, run),
    };
    Some(date.strftime(pattern).to_string())
}

fn padded(date: &Zoned, letter: char, run: usize) -> Option<String> {
    let twelve = |hour: i8| if hour % 12 == 0 { 12 } else { hour % 12 };
    let value = match letter {
        'y' if run <= 2 => date.year() % 100,
        // Not by a width of `format!`, which holds 65,535 at most and panics beyond.
        'y' => {
            let year = date.year().to_string();
            return Some("0".repeat(run.saturating_sub(year.len())) + &year);
        }
        'M' => i16::from(date.month()),
        'd' => i16::from(date.day()),
        'H' => i16::from(date.hour()),
        'h' => i16::from(twelve(date.hour())),
        'm' => i16::from(date.minute()),
        's' => i16::from(date.second()),
        _ => return None,
    };
    let width = run.min(2);
    Some(format!("{value:0width$}"))
}

/// `Z` for a date in UTC, otherwise the offset.
fn kind(date: &Zoned) -> String {
    if date.offset().is_zero() { "Z".to_owned() } else { offset(date, 3) }
}

fn offset(date: &Zoned, run: usize) -> String {
    let seconds = date.offset().seconds();
    let sign = if seconds < 0 { '-' } else { '+' };
    let (hours, minutes) = (seconds.abs() / 3600, seconds.abs() / 60 % 60);
    match run {
        1 => format!("{sign}{hours}"),
        2 => format!("{sign}{hours:02}"),
        _ => format!("{sign}{hours:02}:{minutes:02}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(pattern: &str, expected: &str) {
        let date: Zoned = "2026-02-07T15:04:05.123456789+02:00[Europe/Helsinki]".parse().expect("a date");
        assert_eq!(format(&date, pattern), expected, "{pattern}");
    }

    #[test]
    fn a_year_may_be_wider_than_any_format_of_rust() {
        check("yyyyyy", "002026");
        let width = usize::from(u16::MAX) + 1;
        check(&"y".repeat(width), &format!("{}2026", "0".repeat(width - 4)));
    }

    #[test]
    fn custom_formats_are_written_as_dotnet_writes_them() {
        check("yyyy-MM-ddTHH-mm-ssK", "2026-02-07T15-04-05+02:00");
        check("yyyy", "2026");
        check("yy", "26");
        check("y", "26");
        check("yyyyy", "02026");
        check("MM", "02");
        check("%M", "2");
        check("MMM", "Feb");
        check("MMMM", "February");
        check("%d", "7");
        check("dd", "07");
        check("ddd dddd", "Sat Saturday");
        check("HH:mm:ss", "15:04:05");
        check("h:m:s tt", "3:4:5 PM");
        check("hh t", "03 P");
        check("%H", "15");
        check("fff", "123");
        check("ss.fffffff", "05.1234567");
        check("ss.F", "05.1");
        check("z zz zzz", "+2 +02 +02:00");
        check("yyyy'year'", "2026year");
        check("yyyy\"d\"MM", "2026d02");
        check("HH\\h", "15h");
        check("yyyyMMdd_HH", "20260207_15");
        check("o", "2026-02-07T15:04:05.1234567+02:00");
        check("s", "2026-02-07T15:04:05");
        check("'open", "open");
        check("é", "é");
    }
}
