//! Everything as JSON, one object per line: `time`, `source` and `event`, then what belongs to the event.
//!
//! Easily missed: the time of an event of the emulator is the emulator's own, that of everything else is when it was printed.

use super::News;
use jiff::Timestamp;
use local_stack::{BuildNews, Freshness, LocalStack, StackEvent};
use serde_json::{Map, Value, json};

/// An event of the stack.
pub(super) fn of_event(event: &StackEvent) -> String {
    match event {
        StackEvent::Host(event) => object("host", event.to_json()),
        StackEvent::Emulator(happened) => {
            let mut fields = serde_json::to_value(&**happened).unwrap_or_default();
            let time = fields["at"].take();
            with_time(time, "emulator", fields)
        }
        StackEvent::Missed(count) => object("dev", json!({"event": "missed", "count": count})),
        _ => String::new(),
    }
}

/// What the command itself has to say.
pub(super) fn of_news(news: &News<'_>) -> String {
    match news {
        News::Building => object("build", json!({"event": "building"})),
        News::Build(BuildNews::Progress(text)) => object("build", json!({"event": "progress", "text": text.trim()})),
        News::Build(BuildNews::Diagnostic(text)) => object("build", json!({"event": "diagnostic", "text": text})),
        News::Built { seconds, freshness } => {
            object("build", json!({"event": "built", "seconds": seconds, "new": *freshness == Freshness::New}))
        }
        News::Reloaded(process) => object("dev", json!({"event": "reloaded", "pid": process})),
        News::Failed { error, .. } => object("dev", json!({"event": "notReloaded", "error": error})),
        News::Waiting { reason, until } => {
            object("dev", json!({"event": "hostStopped", "reason": reason, "waitsFor": until}))
        }
        News::Stopping => object("dev", json!({"event": "stopping"})),
    }
}

/// How to reach the stack.
pub(super) fn ready(stack: &LocalStack) -> String {
    let (host, signalr, inspector) = (stack.host_url(), stack.signalr_url(), stack.inspector_url());
    let pid = stack.handler_process();
    object("dev", json!({"event": "ready", "host": host, "signalr": signalr, "inspector": inspector, "pid": pid}))
}

/// A line of text.
pub(super) fn line(source: &str, text: &str) -> String {
    object(source, json!({"event": "line", "text": text}))
}

fn object(source: &str, fields: Value) -> String {
    with_time(json!(format!("{:.3}", Timestamp::now())), source, fields)
}

fn with_time(time: Value, source: &str, fields: Value) -> String {
    let mut object = Map::new();
    object.insert("time".to_owned(), time);
    object.insert("source".to_owned(), json!(source));
    if let Value::Object(fields) = fields {
        object.extend(fields.into_iter().filter(|(name, _)| name != "at"));
    }
    format!("{}\n", Value::Object(object))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(line: &str, expected: &str) {
        let (time, rest) = line.split_once(',').expect("more than the time");
        assert!(time.starts_with("{\"time\":\"20") && line.ends_with("}\n"), "{line}");
        assert_eq!(rest.trim_end(), expected);
    }

    #[test]
    fn each_line_is_an_object_with_its_time_and_source() {
        check(&of_news(&News::Building), r#""source":"build","event":"building"}"#);
        let diagnostic = BuildNews::Diagnostic("error: a\n --> b".to_owned());
        check(
            &of_news(&News::Build(&diagnostic)),
            r#""source":"build","event":"diagnostic","text":"error: a\n --> b"}"#,
        );
        check(&of_news(&News::Reloaded(Some(7))), r#""source":"dev","event":"reloaded","pid":7}"#);
        check(&line("log", "text"), r#""source":"log","event":"line","text":"text"}"#);
        let waiting = News::Waiting { reason: "why", until: "that" };
        check(&of_news(&waiting), r#""source":"dev","event":"hostStopped","reason":"why","waitsFor":"that"}"#);
        check(&of_event(&StackEvent::Missed(3)), r#""source":"dev","event":"missed","count":3}"#);
    }
}
