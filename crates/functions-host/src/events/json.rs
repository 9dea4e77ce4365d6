//! Events as JSON objects, for programs that read what the host does: `event` has the name, the rest are its fields.
//!
//! Easily missed: bodies and outputs stay out. They are somebody's data, and what is written here may end up in a log file.

use serde_json::{Map, Value, json};

use super::{AfterExit, Cause, HostEvent, ListedFunction, ListedTrigger, LogLevel, Stream};

impl HostEvent {
    /// The event as an object.
    ///
    /// ```
    /// use functions_host::events::{HostEvent, LogLevel};
    ///
    /// let event = HostEvent::Log { level: LogLevel::Warning, text: "mind the gap".to_owned() };
    /// assert_eq!(event.to_json().to_string(), r#"{"event":"log","level":"warning","text":"mind the gap"}"#);
    /// ```
    #[must_use]
    pub fn to_json(&self) -> Value {
        let (name, fields) = self.name_and_fields();
        let mut object = Map::new();
        object.insert("event".to_owned(), json!(name));
        if let Value::Object(fields) = fields {
            object.extend(fields);
        }
        Value::Object(object)
    }

    fn name_and_fields(&self) -> (&'static str, Value) {
        match self {
            Self::Listening { address, functions, broken } => {
                ("listening", json!({"address": address, "functions": list(functions), "broken": faults(broken)}))
            }
            Self::Reloaded { functions, broken } => {
                ("reloaded", json!({"functions": list(functions), "broken": faults(broken)}))
            }
            Self::Console { level, stream, line } => {
                let stream = if *stream == Stream::Stdout { "stdout" } else { "stderr" };
                ("console", json!({"level": name_of(*level), "stream": stream, "line": line}))
            }
            Self::TimerOccurrences { function, schedule, occurrences } => {
                ("timerOccurrences", json!({"function": function, "schedule": schedule, "occurrences": occurrences}))
            }
            Self::TimerWaits { function, next } => {
                ("timerWaits", json!({"function": function, "next": next.to_string()}))
            }
            Self::Warning(warning) => {
                ("warning", json!({"code": warning.code.id(), "about": warning.about, "text": warning.text}))
            }
            Self::Log { level, text } => ("log", json!({"level": name_of(*level), "text": text})),
            Self::WorkerStarting { .. } | Self::WorkerReady { .. } | Self::WorkerFailed { .. } => self.of_worker(),
            Self::Triggered { .. }
            | Self::Executing { .. }
            | Self::FunctionLog { .. }
            | Self::Answered { .. }
            | Self::Executed { .. }
            | Self::Responded { .. } => self.of_invocation(),
        }
    }

    fn of_worker(&self) -> (&'static str, Value) {
        match self {
            Self::WorkerStarting { worker_id, process_id, executable, port } => (
                "workerStarting",
                json!({"workerId": worker_id, "processId": process_id, "executable": executable, "port": port}),
            ),
            Self::WorkerReady { worker_id, after } => {
                ("workerReady", json!({"workerId": worker_id, "seconds": after.as_secs_f64()}))
            }
            Self::WorkerFailed { worker_id, line, error, next } => {
                let next = match next {
                    AfterExit::Restart => "restart",
                    AfterExit::StayDown => "stayDown",
                    AfterExit::StopHost => "stopHost",
                };
                ("workerFailed", json!({"workerId": worker_id, "line": line, "error": error, "next": next}))
            }
            _ => ("other", Value::Null),
        }
    }

    fn of_invocation(&self) -> (&'static str, Value) {
        match self {
            Self::Triggered { function, id, cause } => {
                ("triggered", json!({"function": function, "id": id, "cause": of_cause(cause)}))
            }
            Self::Executing { function, id, reason, details } => {
                ("executing", json!({"function": function, "id": id, "reason": reason, "details": details}))
            }
            Self::FunctionLog { function, id, line } => {
                ("functionLog", json!({"function": function, "id": id, "line": line}))
            }
            Self::Answered { function, id, outputs } => {
                let given: Vec<_> =
                    outputs.iter().filter(|output| output.value.is_some()).map(|output| &output.name).collect();
                ("answered", json!({"function": function, "id": id, "outputs": given}))
            }
            Self::Executed { function, id, duration, error } => {
                let seconds = duration.as_secs_f64();
                ("executed", json!({"function": function, "id": id, "seconds": seconds, "error": error}))
            }
            Self::Responded { function, id, status, .. } => {
                ("responded", json!({"function": function, "id": id, "status": status.as_u16()}))
            }
            _ => ("other", Value::Null),
        }
    }
}

fn name_of(level: LogLevel) -> &'static str {
    match level {
        LogLevel::Debug => "debug",
        LogLevel::Information => "information",
        LogLevel::Warning => "warning",
        LogLevel::Error => "error",
    }
}

fn list(functions: &[ListedFunction]) -> Vec<Value> {
    let entry = |function: &ListedFunction| match &function.trigger {
        ListedTrigger::Http { methods, url } => {
            let methods: Vec<&str> = methods.iter().map(http::Method::as_str).collect();
            json!({"name": function.name, "trigger": "httpTrigger", "methods": methods, "url": url, "disabled": function.disabled})
        }
        ListedTrigger::Other(kind) => json!({"name": function.name, "trigger": kind, "disabled": function.disabled}),
    };
    functions.iter().map(entry).collect()
}

fn faults(broken: &[(String, String)]) -> Vec<Value> {
    broken.iter().map(|(name, message)| json!({"name": name, "message": message})).collect()
}

fn of_cause(cause: &Cause) -> Value {
    match cause {
        Cause::Http { method, target, .. } => json!({"kind": "http", "method": method.as_str(), "target": target}),
        Cause::Timer => json!({"kind": "timer"}),
        Cause::SignalR { hub, category, event, connection_id, user_id, .. } => {
            json!({"kind": "signalR", "hub": hub, "category": category, "event": event, "connectionId": connection_id, "userId": user_id})
        }
        Cause::ByHand => json!({"kind": "byHand"}),
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use http::{Method, StatusCode};
    use uuid::Uuid;

    use super::*;
    use crate::events::Excerpt;
    use crate::warnings::{Warning, WarningCode};

    #[track_caller]
    fn check(event: &HostEvent, expected: &str) {
        assert_eq!(event.to_json().to_string(), expected);
    }

    #[test]
    fn each_event_is_an_object_with_its_name() {
        let (function, id) = ("broadcast".to_owned(), Uuid::nil());
        let cause = Cause::Http {
            method: Method::POST,
            target: "/api/broadcast?code=***".to_owned(),
            body: Excerpt::of(b"secret"),
        };
        check(
            &HostEvent::Triggered { function: function.clone(), id, cause },
            r#"{"event":"triggered","function":"broadcast","id":"00000000-0000-0000-0000-000000000000","cause":{"kind":"http","method":"POST","target":"/api/broadcast?code=***"}}"#,
        );
        check(
            &HostEvent::Executed { function: function.clone(), id, duration: Duration::from_millis(1500), error: None },
            r#"{"event":"executed","function":"broadcast","id":"00000000-0000-0000-0000-000000000000","seconds":1.5,"error":null}"#,
        );
        check(
            &HostEvent::Responded { function, id, status: StatusCode::OK, body: Excerpt::of(b"secret") },
            r#"{"event":"responded","function":"broadcast","id":"00000000-0000-0000-0000-000000000000","status":200}"#,
        );
        check(
            &HostEvent::WorkerFailed { worker_id: id, line: "line".to_owned(), error: None, next: AfterExit::StopHost },
            r#"{"event":"workerFailed","workerId":"00000000-0000-0000-0000-000000000000","line":"line","error":null,"next":"stopHost"}"#,
        );
        check(
            &HostEvent::Warning(Warning::new(WarningCode::StatusIgnored, "so").about("f")),
            r#"{"event":"warning","code":"FH1005","about":"f","text":"so"}"#,
        );
        let trigger = ListedTrigger::Other("timerTrigger".to_owned());
        let functions = vec![ListedFunction { name: "f".to_owned(), trigger, disabled: false }];
        check(
            &HostEvent::Reloaded { functions, broken: vec![("g".to_owned(), "why".to_owned())] },
            r#"{"event":"reloaded","functions":[{"name":"f","trigger":"timerTrigger","disabled":false}],"broken":[{"name":"g","message":"why"}]}"#,
        );
    }
}
