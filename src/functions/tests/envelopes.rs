//! Whatever callers send: what goes to everyone was meant for everyone.
//!
//! The binding sends an item without a recipient, or with an empty one, to all (signalr-bindings 5.3), so one careless item is a leak.

use super::declarations::{declarations, outputs};
use super::{answer, handler};
use proptest::prelude::*;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::sync::LazyLock;

/// Whom an item is for, as the extension decides it.
fn goes_to_everyone(item: &Value) -> bool {
    let member = |name: &str| {
        let value = item.as_object().unwrap().iter().find(|(key, _)| key.eq_ignore_ascii_case(name));
        value.map(|(_, value)| value).filter(|value| !value.is_null() && *value != "")
    };
    let is_message = member("target").is_some();
    let has_recipient = ["connectionId", "userId", "groupName"].into_iter().any(|name| member(name).is_some());
    if !is_message {
        assert!(member("action").is_some(), "{item} is neither a message nor a group action");
        let has_subject = ["connectionId", "userId"].into_iter().any(|name| member(name).is_some());
        assert!(has_subject, "{item} is about nobody");
        assert!(member("groupName").is_some() || item["action"] == "removeAll", "{item} names no group");
    }
    is_message && !has_recipient
}

/// Names that are easily lost on the way, and any others.
fn name() -> impl Strategy<Value = Value> {
    let tricky =
        prop::sample::select(vec!["", " ", ".", "..", "null", "undefined", "\u{0}", "\n", "online", "private:a", "*"]);
    prop_oneof![
        tricky.prop_map(Value::from),
        any::<String>().prop_map(Value::from),
        Just(Value::Null),
        "[a-z]{1,8}".prop_map(Value::from),
    ]
}

fn body() -> impl Strategy<Value = String> {
    let forms = (name(), name(), name()).prop_map(|(text, user, group)| {
        vec![
            json!({"message": text}),
            json!({"payload": text}),
            json!({"target": text, "arguments": [user]}),
            json!({"target": "t", "userId": user, "groupName": group}),
            json!({"message": "m", "connectionId": ""}),
        ]
    });
    let form = (forms, 0..5_usize).prop_map(|(forms, index)| forms[index].to_string());
    prop_oneof![4 => form, 1 => any::<String>()]
}

#[derive(Debug)]
struct Attempt {
    params: BTreeMap<&'static str, Value>,
    method: &'static str,
    body: String,
    caller: Value,
    connection: Value,
    arguments: Vec<Value>,
}

fn attempt() -> impl Strategy<Value = Attempt> {
    let methods = prop::sample::select(vec!["GET", "POST", "PUT", "DELETE", "PATCH"]);
    let names = (name(), name(), name(), name(), name());
    (names, methods, body(), prop::collection::vec(name(), 0..3)).prop_map(|(names, method, body, arguments)| {
        let (user, group, connection, caller, event_connection) = names;
        let params = BTreeMap::from([("userId", user), ("groupName", group), ("connectionId", connection)]);
        Attempt { params, method, body, caller, connection: event_connection, arguments }
    })
}

fn envelope(attempt: &Attempt) -> String {
    let Attempt { params, method, body, caller, connection, arguments } = attempt;
    let mut headers = json!({"x-development-roles": "manager"});
    if caller.is_string() {
        headers["x-development-user"] = caller.clone();
    }
    let request = json!({"Method": method, "Params": params, "Headers": headers, "Body": body});
    let event = json!({"ConnectionId": connection, "UserId": caller, "Arguments": arguments});
    let data = json!({"req": request, "event": event, "timer": {}, "connectionInfo": {"url": "u", "accessToken": "t"}});
    json!({"Data": data, "Metadata": {}}).to_string()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn no_item_reaches_everyone_unless_that_was_asked_for(attempt in attempt()) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        static DECLARATIONS: LazyLock<BTreeMap<String, Vec<Value>>> = LazyLock::new(declarations);
        let envelope = envelope(&attempt);
        for (function, bindings) in &*DECLARATIONS {
            let (_, body) = runtime.block_on(answer(handler(), &format!("/{function}"), envelope.clone()));
            // A failed run has no outputs.
            let Ok(result) = serde_json::from_str::<Value>(&body) else { continue };
            let Some(written) = result["Outputs"].as_object() else { continue };
            prop_assert!(written.keys().all(|name| outputs(bindings).contains(name)), "{}: {}", function, body);
            let items = written.get("signalRMessages").and_then(Value::as_array).map_or(&[][..], Vec::as_slice);
            let asked_for = matches!(function.as_str(), "broadcast" | "statusUpdate");
            for item in items {
                prop_assert!(asked_for || !goes_to_everyone(item), "{}: {}", function, item);
                // And the recipient is the one that was named, to the letter.
                for (member, parameter) in [("userId", "userId"), ("groupName", "groupName")] {
                    let by_route = matches!(function.as_str(), "sendToUser" | "sendToGroup" | "userInGroup" | "connectionInGroup");
                    if by_route && item.get(member).is_some() {
                        prop_assert_eq!(&item[member], &attempt.params[parameter], "{}", function);
                    }
                }
            }
        }
    }
}

#[test]
fn the_rule_of_the_extension_is_as_it_is_written() {
    assert!(goes_to_everyone(&json!({"target": "t"})));
    assert!(goes_to_everyone(&json!({"Target": "t", "userId": "", "groupName": null})));
    assert!(!goes_to_everyone(&json!({"target": "t", "UserID": "ann"})));
    assert!(!goes_to_everyone(&json!({"action": "removeAll", "userId": "ann"})));
}
