//! The types of the API in TypeScript, for the web client: written by a test, so that nobody writes them twice.

use super::{
    Accepted, ConnectionInfo, GroupMembership, HubEvents, HubMethods, Presence, PresentUser, Problem, SendRequest,
    Sent, StatusUpdate, UserPresence,
};
use serde_json::{Value, json};
use std::fs;
use std::path::Path;
use ts_rs::{Config, TS};

const FILE: &str = "web/src/generated/api.ts";

/// Any JSON.
#[derive(TS)]
#[ts(type = "unknown")]
pub(super) struct Any;

fn declarations() -> String {
    let config = Config::new();
    let mut text = "// Written by `cargo test --lib typescript` from src/api.rs. Do not edit.\n".to_owned();
    let mut declare = |docs: Option<String>, declaration: String| {
        text.push('\n');
        text.push_str(&docs.unwrap_or_default());
        text.push_str(&format!("export {}\n", formatted(&declaration)));
    };
    macro_rules! declare {
        ($($name:ty),+) => { $(declare(<$name>::docs(), <$name>::decl(&config));)+ };
    }
    declare!(ConnectionInfo, SendRequest, Sent, Accepted, Presence, PresentUser, UserPresence, Problem);
    declare!(StatusUpdate, GroupMembership, HubEvents, HubMethods);
    text
}

/// Members indented, and no white space at the ends of lines.
fn formatted(declaration: &str) -> String {
    let mut text = String::new();
    for line in declaration.replace(", }", ",\n}").lines() {
        let is_member = !line.starts_with("type") && !line.starts_with('}');
        text.push_str(if is_member { "  " } else { "" });
        text.push_str(line.trim_end());
        text.push('\n');
    }
    text.trim_end().to_owned()
}

#[test]
fn the_typescript_of_the_web_client_is_what_the_types_say() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(FILE);
    let declarations = declarations();
    let present = fs::read_to_string(&path).unwrap_or_default();
    if present != declarations {
        fs::write(&path, &declarations).unwrap();
        panic!("`{FILE}` was not what src/api.rs says, and has been written anew; look at the change and commit it");
    }
}

#[track_caller]
fn check_form(body: Value, expected: &SendRequest) {
    assert_eq!(serde_json::from_value::<SendRequest>(body).unwrap(), *expected);
}

#[test]
fn the_three_bodies_have_their_types() {
    check_form(json!({"message": "hi"}), &SendRequest::Notification { message: "hi".to_owned() });
    check_form(json!({"payload": "hi"}), &SendRequest::Payload { payload: "hi".to_owned() });
    let call = |arguments| SendRequest::Call { target: "t".to_owned(), arguments };
    check_form(json!({"target": "t"}), &call(Vec::new()));
    check_form(json!({"target": "t", "arguments": [1]}), &call(vec![json!(1)]));
}
