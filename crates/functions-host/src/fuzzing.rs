//! What is fuzzed in this crate: the small languages of a function app, and the paths that callers send.
//!
//! Compiled only for tests and under `cfg(fuzzing)`, which cargo-fuzz sets, so it is no part of the interface. The seeds in
//! `fuzz/seeds` go through the same functions in every `cargo test`.

use std::str::from_utf8;

use jiff::Zoned;
use serde_json::json;

use crate::app::Settings;
use crate::expressions::resolve;
use crate::routes::RouteTemplate;
use crate::schedule::Schedule;

/// What is done with an input.
pub type Target = fn(&[u8]);

/// The targets by the names of their files in `fuzz/fuzz_targets`.
pub const TARGETS: [(&str, Target); 3] = [("expressions", expressions), ("schedules", schedules), ("routes", routes)];

/// A binding expression over a setting and over binding data of every kind.
pub fn expressions(input: &[u8]) {
    let Ok(text) = from_utf8(input) else { return };
    let settings = Settings::from_variables([("Hub".to_owned(), "chat-{userId}".to_owned())]);
    let data = json!({
        "userId": "ada", "number": 7, "yes": true, "nothing": null, "list": [1],
        "headers": { "x-name": "value" }, "query": {}, "sys": { "MethodName": "f", "UtcNow": "" },
    });
    let data = data.as_object().expect("it is written as one");
    let now = "2026-02-07T15:04:05.1Z".parse().expect("a time");
    let _ = resolve(text, &settings, data, now);
}

/// A schedule: its occurrences come one after the other, and what it is shown as is never empty.
pub fn schedules(input: &[u8]) {
    let Ok(text) = from_utf8(input) else { return };
    let Ok(schedule) = Schedule::parse(text) else { return };
    assert!(!schedule.to_string().is_empty());
    // The night in which the clocks of Berlin go back.
    let mut last: Zoned = "2026-10-25T01:59:59[Europe/Berlin]".parse().expect("a time");
    for next in schedule.next_occurrences(5, &last) {
        assert!(!schedule.adjusts_for_dst() || next > last, "{text}: {next} behind {last}");
        last = next;
    }
}

/// A route template in the first line and a path in the second: a parameter has part of the path as its value.
pub fn routes(input: &[u8]) {
    let Ok(text) = from_utf8(input) else { return };
    let (template, path) = text.split_once('\n').unwrap_or((text, text));
    let Ok(template) = RouteTemplate::parse(template) else { return };
    let again = RouteTemplate::parse(template.text()).expect("what was read is read again");
    assert_eq!(again, template);
    assert_eq!(template.matches(path), again.matches(path));
}

#[cfg(test)]
#[path = "../../../fuzz/seeds.rs"]
mod seeds;
