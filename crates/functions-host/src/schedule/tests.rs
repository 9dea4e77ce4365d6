//! Schedules on clocks that change, and the texts that the host logs.

use super::*;

/// One occurrence after another; times are written with their offset.
#[track_caller]
fn check(expression: &str, zone: &str, now: &str, expected: &[&str]) {
    let schedule = Schedule::parse(expression).expect(expression);
    let now: Zoned = format!("{now}[{zone}]").parse().expect(now);
    let found = schedule.next_occurrences(expected.len(), &now);
    let found: Vec<String> = found.iter().map(|time| time.strftime("%Y-%m-%dT%H:%M:%S%:z").to_string()).collect();
    assert_eq!(found, expected, "{expression}");
}

const PACIFIC: &str = "America/Los_Angeles";
const BERLIN: &str = "Europe/Berlin";
const SYDNEY: &str = "Australia/Sydney";

#[test]
fn without_a_change_of_clocks_the_wall_clock_decides() {
    check(
        "0 30 1 * * *",
        "UTC",
        "2018-11-04T01:29:00+00:00",
        &["2018-11-04T01:30:00+00:00", "2018-11-05T01:30:00+00:00"],
    );
    check("0 30 1 * * *", BERLIN, "2026-06-01T01:29:00+02:00", &["2026-06-01T01:30:00+02:00"]);
    check(
        "0 0 12 * * *",
        BERLIN,
        "2026-03-28T12:00:00+01:00",
        &["2026-03-29T12:00:00+02:00", "2026-03-30T12:00:00+02:00"],
    );
    check("0 0 12 * * *", BERLIN, "2026-10-24T12:00:00+02:00", &["2026-10-25T12:00:00+01:00"]);
    check("0 0 * * * *", "Asia/Kolkata", "2026-06-01T01:29:00+05:30", &["2026-06-01T02:00:00+05:30"]);
}

#[test]
fn a_time_that_spring_skips_happens_later_by_the_gap() {
    check(
        "0 30 2 * * *",
        PACIFIC,
        "2018-03-10T02:30:00-08:00",
        &["2018-03-11T03:30:00-07:00", "2018-03-12T02:30:00-07:00"],
    );
    check(
        "0 30 2 * * *",
        BERLIN,
        "2026-03-28T02:30:00+01:00",
        &["2026-03-29T03:30:00+02:00", "2026-03-30T02:30:00+02:00"],
    );
    check(
        "0 */30 * * * *",
        PACIFIC,
        "2018-03-11T01:30:00-08:00",
        &["2018-03-11T03:00:00-07:00", "2018-03-11T03:30:00-07:00"],
    );
    check("0 0 3 * * *", PACIFIC, "2018-03-11T01:00:00-08:00", &["2018-03-11T03:00:00-07:00"]);
    check("0 30 2 * * *", SYDNEY, "2026-10-03T03:00:00+10:00", &["2026-10-04T03:30:00+11:00"]);
}

#[test]
fn an_interval_goes_on_through_the_repeated_hour() {
    check(
        "0 */30 * * * *",
        PACIFIC,
        "2018-11-04T00:30:00-07:00",
        &[
            "2018-11-04T01:00:00-07:00",
            "2018-11-04T01:30:00-07:00",
            "2018-11-04T01:00:00-08:00",
            "2018-11-04T01:30:00-08:00",
            "2018-11-04T02:00:00-08:00",
        ],
    );
    check(
        "0 0 * * * *",
        BERLIN,
        "2026-10-25T01:00:00+02:00",
        &["2026-10-25T02:00:00+02:00", "2026-10-25T02:00:00+01:00", "2026-10-25T03:00:00+01:00"],
    );
    check(
        "0 0 * * * *",
        SYDNEY,
        "2026-04-05T02:00:00+11:00",
        &["2026-04-05T02:00:00+10:00", "2026-04-05T03:00:00+10:00"],
    );
    check("0 */20 * * * *", "Australia/Lord_Howe", "2026-04-05T01:20:00+11:00", &["2026-04-05T01:40:00+11:00"]);
}

#[test]
fn a_point_in_time_happens_once_in_the_repeated_hour() {
    check(
        "0 30 1 * * *",
        PACIFIC,
        "2018-11-03T01:30:00-07:00",
        &["2018-11-04T01:30:00-07:00", "2018-11-05T01:30:00-08:00", "2018-11-06T01:30:00-08:00"],
    );
    check("0 30 1 * * *", PACIFIC, "2018-11-04T00:59:00-07:00", &["2018-11-04T01:30:00-07:00"]);
    check(
        "0 30 2 * * *",
        BERLIN,
        "2026-10-25T00:00:00+02:00",
        &["2026-10-25T02:30:00+02:00", "2026-10-26T02:30:00+01:00"],
    );
}

#[test]
fn a_start_in_the_second_pass_takes_the_first_as_done() {
    check("0 30 1 * * *", PACIFIC, "2018-11-04T01:29:00-08:00", &["2018-11-05T01:30:00-08:00"]);
    check("0 0,30 1 * * *", PACIFIC, "2018-11-04T01:10:00-08:00", &["2018-11-05T01:00:00-08:00"]);
}

#[test]
fn a_yearly_point_in_the_repeated_hour_is_skipped_from_the_winter_before_like_on_the_real_host() {
    check("0 30 1 4 11 *", PACIFIC, "2018-01-01T00:00:00-08:00", &["2019-11-04T01:30:00-08:00"]);
}

#[test]
fn an_interval_is_counted_from_now() {
    check("00:05:00", "UTC", "2026-02-07T15:44:59+00:00", &["2026-02-07T15:49:59+00:00", "2026-02-07T15:54:59+00:00"]);
    check(
        "01:00:00",
        PACIFIC,
        "2018-11-04T01:30:00-07:00",
        &["2018-11-04T01:30:00-08:00", "2018-11-04T02:30:00-08:00"],
    );
    check("01:00:00", PACIFIC, "2018-03-11T01:30:00-08:00", &["2018-03-11T03:30:00-07:00"]);
    check("1.00:00:00", "UTC", "2026-02-28T00:00:00+00:00", &["2026-03-01T00:00:00+00:00"]);
}

#[test]
fn a_text_that_is_neither_gives_the_hosts_error() {
    for text in ["every minute", "", "* * * *", "0 0 0 * * 7", "00:60:00"] {
        let expected = format!(
            "The schedule expression '{text}' was not recognized as a valid cron expression or timespan string."
        );
        assert_eq!(Schedule::parse(text).map_err(|error| error.to_string()), Err(expected));
    }
}

#[test]
fn the_log_form_says_what_kind_of_schedule_it_is() {
    for (text, expected) in [
        ("0 * * * * *", "Cron: '0 * * * * *'"),
        ("*/30 * * * * *", "Cron: '0,30 * * * * *'"),
        ("00:05:00", "Constant: 00:05:00"),
        ("1.00:00:00", "Constant: 1.00:00:00"),
        ("90", "Constant: 90.00:00:00"),
    ] {
        assert_eq!(Schedule::parse(text).expect(text).to_string(), expected);
    }
}

#[test]
fn schedules_below_a_minute_are_recognised() {
    for (text, expected) in [("00:00:59", true), ("00:01:00", false), ("*/10 * * * * *", true), ("0 * * * * *", false)]
    {
        assert_eq!(Schedule::parse(text).expect(text).is_shorter_than_a_minute(), expected, "{text}");
    }
    assert!(Schedule::parse("0 * * * * *").expect("valid").adjusts_for_dst());
    assert!(!Schedule::parse("00:01:00").expect("valid").adjusts_for_dst());
}
