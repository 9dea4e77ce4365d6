//! The grammar, the expanded form and the calendar of NCRONTAB expressions.

use super::*;

/// One occurrence after another, the first one strictly after `base`.
#[track_caller]
fn check(expression: &str, base: &str, expected: &[&str]) {
    let cron = Ncrontab::parse(expression).expect(expression);
    let mut time: DateTime = base.parse().expect(base);
    for expected in expected {
        time = cron.next_after(time).unwrap_or_else(|| panic!("`{expression}` ends before {expected}"));
        assert_eq!(time, expected.parse::<DateTime>().expect(expected), "{expression}");
    }
}

#[track_caller]
fn expands(expression: &str, expected: &str) {
    assert_eq!(Ncrontab::parse(expression).expect(expression).to_string(), expected, "{expression}");
}

#[test]
fn every_field_counts_on() {
    check("* * * * * *", "2026-02-07T15:44:59", &["2026-02-07T15:45:00", "2026-02-07T15:45:01"]);
    check("0 * * * * *", "2026-02-07T15:44:59", &["2026-02-07T15:45:00", "2026-02-07T15:46:00"]);
    check("* * * * *", "2026-02-07T15:44:59", &["2026-02-07T15:45:00", "2026-02-07T15:46:00"]);
    check("0 */5 * * * *", "2026-02-07T15:44:00", &["2026-02-07T15:45:00", "2026-02-07T15:50:00"]);
    check("*/5 * * * *", "2026-02-07T15:44:00", &["2026-02-07T15:45:00", "2026-02-07T15:50:00"]);
    check("30 5 * * * *", "2026-02-07T15:44:00", &["2026-02-07T16:05:30", "2026-02-07T17:05:30"]);
    check("5 * * * *", "2026-02-07T15:44:00", &["2026-02-07T16:05:00", "2026-02-07T17:05:00"]);
    check("0 0 * * * *", "2026-02-07T23:00:00", &["2026-02-08T00:00:00", "2026-02-08T01:00:00"]);
    check("0 0 */2 * * *", "2026-02-07T21:00:00", &["2026-02-07T22:00:00", "2026-02-08T00:00:00"]);
    check("0 0 9-17 * * *", "2026-02-07T16:30:00", &["2026-02-07T17:00:00", "2026-02-08T09:00:00"]);
    check("0 30 9 * * *", "2026-02-07T09:30:00", &["2026-02-08T09:30:00", "2026-02-09T09:30:00"]);
    check("0 30 9 * * *", "2026-02-07T09:29:59", &["2026-02-07T09:30:00"]);
    check("59 59 23 31 12 *", "2026-02-07T00:00:00", &["2026-12-31T23:59:59", "2027-12-31T23:59:59"]);
    check("0 0 0 1 1 *", "2026-12-31T23:59:59", &["2027-01-01T00:00:00", "2028-01-01T00:00:00"]);
    check("10,40 * * * * *", "2026-02-07T15:44:41", &["2026-02-07T15:45:10", "2026-02-07T15:45:40"]);
    check("10-12 * * * * *", "2026-02-07T15:44:11", &["2026-02-07T15:44:12", "2026-02-07T15:45:10"]);
    check("0 45/5 12 * * *", "2026-02-07T12:50:00", &["2026-02-07T12:55:00", "2026-02-08T12:45:00"]);
    check("0 0-10/4 12 * * *", "2026-02-07T12:04:00", &["2026-02-07T12:08:00", "2026-02-08T12:00:00"]);
    check("0 0 22-20 * * *", "2026-02-07T20:30:00", &["2026-02-07T21:00:00", "2026-02-07T22:00:00"]);
}

#[test]
fn the_next_occurrence_is_strictly_later_and_in_whole_seconds() {
    check("* * * * * *", "2026-02-07T15:44:59.999", &["2026-02-07T15:45:00"]);
    check("0 45 15 * * *", "2026-02-07T15:44:59.999", &["2026-02-07T15:45:00"]);
    check("0 45 15 * * *", "2026-02-07T15:45:00", &["2026-02-08T15:45:00"]);
    check("0 45 15 * * *", "2026-02-07T15:45:00.001", &["2026-02-08T15:45:00"]);
    check("0 0 0 * * *", "2026-02-28T23:59:59.5", &["2026-03-01T00:00:00"]);
}

#[test]
fn months_have_their_own_number_of_days() {
    check("0 0 0 31 * *", "2026-01-31T00:00:00", &["2026-03-31T00:00:00", "2026-05-31T00:00:00"]);
    check("0 0 0 15,31 * *", "2026-01-31T00:00:00", &["2026-02-15T00:00:00", "2026-03-15T00:00:00"]);
    check("0 0 0 30 * *", "2026-01-30T00:00:00", &["2026-03-30T00:00:00", "2026-04-30T00:00:00"]);
    check("0 0 0 29 * *", "2026-01-29T00:00:00", &["2026-03-29T00:00:00"]);
    check("0 0 0 29 * *", "2028-01-29T00:00:00", &["2028-02-29T00:00:00", "2028-03-29T00:00:00"]);
    check("0 0 0 31 4,6,12 *", "2026-01-01T00:00:00", &["2026-12-31T00:00:00", "2027-12-31T00:00:00"]);
    check("0 0 0 1 */3 *", "2026-01-01T00:00:00", &["2026-04-01T00:00:00", "2026-07-01T00:00:00"]);
    check("0 0 0 1 2/5 *", "2026-03-01T00:00:00", &["2026-07-01T00:00:00", "2026-12-01T00:00:00"]);
}

#[test]
fn leap_days_come_when_the_calendar_has_them() {
    check("0 0 12 29 2 *", "2026-01-01T00:00:00", &["2028-02-29T12:00:00", "2032-02-29T12:00:00"]);
    check("0 0 0 29 2 *", "2096-02-29T00:00:00", &["2104-02-29T00:00:00"]);
    check("0 0 0 29 Feb *", "1999-03-01T00:00:00", &["2000-02-29T00:00:00"]);
    check("0 0 0 29 2 Sun", "2026-01-01T00:00:00", &["2032-02-29T00:00:00", "2060-02-29T00:00:00"]);
    check("0 0 0 29 2 1", "2026-01-01T00:00:00", &["2044-02-29T00:00:00"]);
    check("0 0 0 28-29 2 *", "2027-02-28T00:00:00", &["2028-02-28T00:00:00", "2028-02-29T00:00:00"]);
}

#[test]
fn the_day_of_the_month_and_the_weekday_must_both_match() {
    check("0 0 9 * * 1-5", "2026-02-06T09:00:00", &["2026-02-09T09:00:00", "2026-02-10T09:00:00"]);
    check("0 0 9 * * Mon-Fri", "2026-02-06T09:00:00", &["2026-02-09T09:00:00"]);
    check(
        "0 0 0 13 * 5",
        "2026-02-01T00:00:00",
        &["2026-02-13T00:00:00", "2026-03-13T00:00:00", "2026-11-13T00:00:00"],
    );
    check("0 0 0 1-7 * 1", "2026-02-01T00:00:00", &["2026-02-02T00:00:00", "2026-03-02T00:00:00"]);
    check("0 0 0 1 * 0", "2026-02-01T00:00:00", &["2026-03-01T00:00:00", "2026-11-01T00:00:00"]);
    check("0 0 0 * * 0", "2026-02-01T00:00:00", &["2026-02-08T00:00:00"]);
    check("0 0 0 * * 6", "2026-02-01T00:00:00", &["2026-02-07T00:00:00"]);
    check("0 0 0 * * Sat,Sun", "2026-02-05T00:00:00", &["2026-02-07T00:00:00", "2026-02-08T00:00:00"]);
    check("0 0 0 * * */3", "2026-02-01T00:00:00", &["2026-02-04T00:00:00", "2026-02-07T00:00:00"]);
    check("0 */20 23 * * Mon", "2026-02-02T23:40:00", &["2026-02-09T23:00:00", "2026-02-09T23:20:00"]);
    check("0 0 0 31 * Tue", "2026-01-01T00:00:00", &["2026-03-31T00:00:00", "2027-08-31T00:00:00"]);
}

#[test]
fn a_day_that_never_comes_is_never_found() {
    for expression in ["0 0 0 30 2 *", "0 0 0 31 2 *", "0 0 0 31 4,6,9,11 *", "0 0 31 feb *"] {
        let cron = Ncrontab::parse(expression).expect(expression);
        assert_eq!(cron.next_after(jiff::civil::date(2026, 1, 1).at(0, 0, 0, 0)), None, "{expression}");
    }
    let every_second = Ncrontab::parse("* * * * * *").expect("valid");
    assert_eq!(every_second.next_after(jiff::civil::date(9999, 12, 31).at(23, 59, 59, 0)), None);
}

#[test]
fn the_log_shows_the_expanded_form() {
    expands("*/10 * * * * *", "0,10,20,30,40,50 * * * * *");
    expands("0 * * * * *", "0 * * * * *");
    expands("* * * * *", "* * * * *");
    expands("0 0 9-17 * * Mon-Fri", "0 0 9-17 * * 1-5");
    expands("0 0 17-9 * * *", "0 0 9-17 * * *");
    expands("0-59 0-59 0-23 1-31 1-12 0-6", "* * * * * *");
    expands("1,2 0 0 * * *", "1-2 0 0 * * *");
    expands("3,1,2,9 0 0 * * *", "1-3,9 0 0 * * *");
    expands("0 50/3 * * * *", "0 50,53,56,59 * * * *");
    expands("0 10-20/5 * * * *", "0 10,15,20 * * * *");
    expands("0 20-10/5 * * * *", "0 10,15,20 * * * *");
    expands("*/0 * * * * *", "* * * * * *");
    expands("*/-3 0 0 * * *", "* 0 0 * * *");
    expands("*/1 0 0 * * *", "* 0 0 * * *");
    expands("*/40 0 0 * * *", "0,40 0 0 * * *");
    expands("7/90 0 0 * * *", "7 0 0 * * *");
    expands("5,*/30 0 0 * * *", "0,5,30 0 0 * * *");
    expands("0 0 0 1 January *", "0 0 0 1 1 *");
    expands("0 0 0 1 JAN,dec,Sep *", "0 0 0 1 1,9,12 *");
    expands("0 0 0 1 ju *", "0 0 0 1 6 *");
    expands("0 0 0 1 j *", "0 0 0 1 1 *");
    expands("0 0 0 1 ma-may *", "0 0 0 1 3-5 *");
    expands("0 0 0 * * t", "0 0 0 * * 2");
    expands("0 0 0 * * s,sa", "0 0 0 * * 0,6");
    expands("0 0 0 * * Monday", "0 0 0 * * 1");
    expands("  0   0 0  * * *  ", "0 0 0 * * *");
    expands("00 05 09 * * *", "0 5 9 * * *");
    expands("0 0 0 * * 5/1", "0 0 0 * * 5-6");
}

#[test]
fn invalid_expressions_are_refused() {
    for expression in [
        "",
        " ",
        "*",
        "* * * *",
        "* * * * * * *",
        "60 * * * * *",
        "* 60 * * * *",
        "* * 24 * * *",
        "* * * 0 * *",
        "* * * 32 * *",
        "* * * * 0 *",
        "* * * * 13 *",
        "* * * * * 7",
        "* * * * * 5-7",
        "? * * * * *",
        "0 0 0 L * *",
        "0 0 0 15W * *",
        "0 0 0 * * 5#2",
        "0 0 0 * * ?",
        "-1 * * * * *",
        "1- * * * * *",
        "1-2-3 * * * * *",
        ",1 * * * * *",
        "1, * * * * *",
        "1,,2 * * * * *",
        "/5 * * * * *",
        "*/ * * * * *",
        "*/x * * * * *",
        "*/2/3 * * * * *",
        "70/5 * * * * *",
        "*-5 * * * * *",
        "5x * * * * *",
        "x * * * * *",
        "+5 * * * * *",
        "1.5 * * * * *",
        "0 0 0 1 Foo *",
        "0 0 0 1 Januaryy *",
        "0 0 0 * * Mondays",
        "0 0 0 * * Mo n",
        "99999999999 * * * * *",
        "*/99999999999 * * * * *",
        "@daily",
        "0 0 0 0/5 * *",
        "0 0 Mon * * *",
        "0\t0 0 * * *",
    ] {
        assert_eq!(Ncrontab::parse(expression), None, "{expression}");
    }
}

#[test]
fn only_plain_sub_minute_expressions_are_shorter_than_a_minute() {
    for (expression, expected) in [
        ("* * * * * *", true),
        ("*/10 * * * * *", true),
        ("0,30 * * * * *", true),
        ("*/10 0-59 * * * *", true),
        ("0 * * * * *", false),
        ("* * * * *", false),
        ("*/10 * 9 * * *", false),
        ("*/10 */2 * * * *", false),
        ("*/10 * * * * Mon", false),
        ("*/90 * * * * *", false),
    ] {
        let cron = Ncrontab::parse(expression).expect(expression);
        assert_eq!(cron.is_shorter_than_a_minute(), expected, "{expression}");
    }
}

#[test]
fn an_interval_has_a_star_or_a_range_in_its_expanded_time() {
    for (expression, expected) in [
        ("0 30 1 * * *", false),
        ("30 1 * * *", false),
        ("0 0,30 1 * * *", false),
        ("0 */30 1 * * *", false),
        ("0 */30 * * * *", true),
        ("0 0 * * * *", true),
        ("0 0-5 1 * * *", true),
        ("0 0,1 1 * * *", true),
        ("0 * * * *", true),
    ] {
        assert_eq!(Ncrontab::parse(expression).expect(expression).is_interval(), expected, "{expression}");
    }
}

/// The next match by looking at every minute of the next days.
fn next_by_search(cron: &Ncrontab, base: DateTime, days: i32) -> Option<DateTime> {
    let start = base.with().second(0).subsec_nanosecond(0).build().unwrap();
    let is_match = |time: &DateTime| {
        let fields = [
            (cron.minutes, time.minute()),
            (cron.hours, time.hour()),
            (cron.days, time.day()),
            (cron.months, time.month()),
        ];
        fields.iter().all(|(field, value)| field.contains(number(*value)))
            && cron.weekdays.contains(number(time.weekday().to_sunday_zero_offset()))
    };
    (0..days * 24 * 60).map(|minutes| start + minutes.minutes()).find(|time| *time > base && is_match(time))
}

fn field(minimum: u32, maximum: u32) -> impl proptest::strategy::Strategy<Value = String> {
    use proptest::prelude::*;
    let value = minimum..=maximum;
    prop_oneof![
        3 => Just("*".to_owned()),
        2 => value.clone().prop_map(|value| value.to_string()),
        1 => (value.clone(), value.clone()).prop_map(|(first, last)| format!("{first}-{last}")),
        1 => (value.clone(), 0..9_u32).prop_map(|(first, step)| format!("{first}/{step}")),
        1 => (2..9_u32).prop_map(|step| format!("*/{step}")),
        1 => proptest::collection::vec(value, 2..4).prop_map(|values| values.iter().map(u32::to_string).collect::<Vec<_>>().join(",")),
    ]
}

proptest::proptest! {
    #![proptest_config(proptest::prelude::ProptestConfig::with_cases(48))]

    #[test]
    fn the_next_occurrence_is_the_one_that_a_search_finds(
        fields in (field(0, 59), field(0, 23), field(1, 31), field(1, 12), field(0, 6)),
        seconds in 0..63_072_000_i64,
    ) {
        let expression = format!("{} {} {} {} {}", fields.0, fields.1, fields.2, fields.3, fields.4);
        let cron = Ncrontab::parse(&expression).expect(&expression);
        let base = jiff::civil::date(2027, 6, 1).at(0, 0, 0, 0) + seconds.seconds();
        let next = cron.next_after(base);
        match next_by_search(&cron, base, 20) {
            Some(found) => proptest::prop_assert_eq!(next, Some(found), "{}", expression),
            None => proptest::prop_assert!(next.is_none_or(|next| next > base + 19.days()), "{}", expression),
        }
        proptest::prop_assert_eq!(Ncrontab::parse(&cron.to_string()).map(|again| again.to_string()), Some(cron.to_string()));
    }

    #[test]
    fn no_text_makes_the_parser_fail(text in "[*0-9a-z,/ -]{0,30}") {
        if let Some(cron) = Ncrontab::parse(&text) {
            let base = jiff::civil::date(2026, 1, 1).at(0, 0, 0, 0);
            proptest::prop_assert!(cron.next_after(base).is_none_or(|next| next > base));
        }
    }
}
