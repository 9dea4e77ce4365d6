//! Caller × function → status: the table of the README, row by row.

use super::declarations::declarations;
use super::{answer, config, handler_of};
use crate::RequireSignIn;
use serde_json::{Value, json};
use std::collections::BTreeSet;

/// What a caller sends. The user of the route is always ann, so for ann it is about herself.
fn request(caller: &str, group: &str, method: &str) -> String {
    let headers = match caller {
        "nobody" => json!({}),
        "boss" => json!({"x-development-user": "boss", "x-development-roles": "x,manager"}),
        user => json!({"x-development-user": user, "x-development-roles": "x"}),
    };
    let params = json!({"userId": "ann", "groupName": group, "connectionId": "c1"});
    let request = json!({"Method": method, "Params": params, "Headers": headers, "Body": r#"{"message":"hi"}"#});
    json!({"Data": {"req": request, "connectionInfo": r#"{"url":"u","accessToken":"t"}"#}}).to_string()
}

/// The statuses for nobody, ann, bob and boss. 500 and 503 are what those get who may, from functions that need a service.
async fn statuses(mode: RequireSignIn, function: &str, group: &str, method: &str) -> [u64; 4] {
    let mut config = config();
    config.sign_in.require_sign_in = mode;
    let mut statuses = [0; 4];
    for (status, caller) in statuses.iter_mut().zip(["nobody", "ann", "bob", "boss"]) {
        let (_, body) = answer(handler_of(&config), &format!("/{function}"), request(caller, group, method)).await;
        let result: Value = serde_json::from_str(&body).unwrap();
        let outputs = result["Outputs"].as_object().unwrap();
        *status = outputs["res"]["statusCode"].as_u64().unwrap();
        // Whoever is refused changes nothing.
        assert!(*status == 200 || !outputs.contains_key("signalRMessages"), "{function} {caller}");
    }
    statuses
}

const NEVER: RequireSignIn = RequireSignIn::Never;
const SEND: RequireSignIn = RequireSignIn::Send;
const ALWAYS: RequireSignIn = RequireSignIn::Always;

#[tokio::test]
async fn every_row_of_the_table() {
    let rows: &[(&str, &str, &str, RequireSignIn, [u64; 4])] = &[
        ("negotiate", "red", "POST", NEVER, [200, 500, 500, 500]),
        ("negotiate", "red", "POST", SEND, [200, 500, 500, 500]),
        ("negotiate", "red", "POST", ALWAYS, [401, 500, 500, 500]),
        ("broadcast", "red", "POST", NEVER, [200, 200, 200, 200]),
        ("broadcast", "red", "POST", SEND, [401, 200, 200, 200]),
        ("broadcast", "red", "POST", ALWAYS, [401, 200, 200, 200]),
        ("sendToUser", "red", "POST", NEVER, [200, 200, 200, 200]),
        ("sendToUser", "red", "POST", SEND, [401, 200, 200, 200]),
        ("sendToUser", "red", "POST", ALWAYS, [401, 200, 200, 200]),
        ("sendToGroup", "red", "POST", NEVER, [200, 200, 200, 200]),
        ("sendToGroup", "red", "POST", SEND, [401, 200, 200, 200]),
        ("sendToGroup", "red", "POST", ALWAYS, [401, 200, 200, 200]),
        ("sendToGroup", "private:red", "POST", NEVER, [401, 403, 403, 200]),
        ("sendToGroup", "private:red", "POST", SEND, [401, 403, 403, 200]),
        ("presence", "red", "GET", NEVER, [503, 503, 503, 503]),
        ("presence", "red", "GET", SEND, [401, 503, 503, 503]),
        ("presence", "red", "GET", ALWAYS, [401, 503, 503, 503]),
        ("userPresence", "red", "GET", NEVER, [503, 503, 503, 503]),
        ("userPresence", "red", "GET", SEND, [401, 503, 503, 503]),
        ("userPresence", "red", "GET", ALWAYS, [401, 503, 503, 503]),
        ("userInGroup", "red", "PUT", NEVER, [401, 200, 403, 200]),
        ("userInGroup", "red", "PUT", SEND, [401, 200, 403, 200]),
        ("userInGroup", "red", "PUT", ALWAYS, [401, 200, 403, 200]),
        ("userInGroup", "red", "DELETE", SEND, [401, 200, 403, 200]),
        ("userInGroup", "private:red", "PUT", SEND, [401, 403, 403, 200]),
        ("userInGroup", "private:red", "DELETE", SEND, [401, 200, 403, 200]),
        ("userInGroup", "online", "PUT", SEND, [400, 400, 400, 400]),
        ("connectionInGroup", "red", "PUT", NEVER, [401, 403, 403, 200]),
        ("connectionInGroup", "red", "DELETE", SEND, [401, 403, 403, 200]),
        ("connectionInGroup", "online", "DELETE", SEND, [401, 403, 403, 400]),
        ("userGroups", "red", "DELETE", NEVER, [401, 200, 403, 200]),
        ("userGroups", "red", "DELETE", SEND, [401, 200, 403, 200]),
    ];
    for (function, group, method, mode, expected) in rows {
        let found = statuses(*mode, function, group, method).await;
        assert_eq!(found, *expected, "{function} {group} {method} {mode:?}");
    }
    // A function that is new must get its rows.
    let listed: BTreeSet<_> = rows.iter().map(|row| row.0.to_owned()).collect();
    let called = declarations().into_iter().filter(|(_, bindings)| bindings[0]["type"] == "httpTrigger");
    assert_eq!(called.map(|(name, _)| name).collect::<BTreeSet<_>>(), listed);
}

/// What a client of `user` hears when it asks to join or leave.
async fn membership(mode: RequireSignIn, function: &str, user: Option<&str>, argument: Value) -> (Value, Value) {
    let mut config = config();
    config.sign_in.require_sign_in = mode;
    let event = json!({"ConnectionId": "c1", "UserId": user, "Arguments": [argument]}).to_string();
    let invocation = json!({"Data": {"event": json!(event).to_string()}}).to_string();
    let (status, body) = answer(handler_of(&config), &format!("/{function}"), invocation).await;
    assert_eq!(status, 200, "{body}");
    let mut result: Value = serde_json::from_str(&body).unwrap();
    (result["ReturnValue"].take(), result["Outputs"]["signalRMessages"].take())
}

#[tokio::test]
async fn a_connection_joins_and_leaves_by_itself_if_it_is_somebodys() {
    for (mode, user, is_let) in [
        (NEVER, None, true),
        (NEVER, Some("ann"), true),
        (SEND, None, false),
        (SEND, Some(""), false),
        (SEND, Some("ann"), true),
        (ALWAYS, Some("ann"), true),
    ] {
        for (function, action) in [("joinGroup", "add"), ("leaveGroup", "remove")] {
            let (membership, sent) = membership(mode, function, user, json!("red")).await;
            let expected = json!([{"action": action, "connectionId": "c1", "groupName": "red"}]);
            assert_eq!(sent, if is_let { expected } else { json!([]) }, "{function} {user:?}");
            assert_eq!(membership["groupName"], "red");
            assert_eq!(membership["member"], is_let && action == "add");
            assert_eq!(membership["problem"].is_null(), is_let, "{membership}");
        }
    }
}

#[tokio::test]
async fn nobody_gets_into_the_apps_own_group_or_a_private_one_by_asking() {
    for (function, group, is_let) in [
        ("joinGroup", json!("online"), false),
        ("leaveGroup", json!("online"), false),
        ("joinGroup", json!("private:board"), false),
        ("leaveGroup", json!("private:board"), true),
        ("joinGroup", json!(""), false),
        ("joinGroup", json!(".."), false),
        ("joinGroup", json!(7), false),
        ("joinGroup", json!(null), false),
    ] {
        let (membership, sent) = membership(SEND, function, Some("ann"), group).await;
        assert_eq!((membership["problem"].is_null(), sent != json!([])), (is_let, is_let), "{membership}");
    }
}
