//! What the function.json files say, against what the handler does.

use super::{answer, call, handler, http_call};
use crate::service::HUB;
use axum::http::StatusCode;
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

/// The bindings of every function, by its name.
pub(super) fn declarations() -> BTreeMap<String, Vec<Value>> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let folders = std::fs::read_dir(root).unwrap().map(|entry| entry.unwrap().path());
    let files = folders.map(|folder| folder.join("function.json")).filter(|file| file.exists());
    let declarations: BTreeMap<_, _> = files
        .map(|file| {
            let mut declaration: Value = serde_json::from_str(&std::fs::read_to_string(&file).unwrap()).unwrap();
            let name = file.parent().unwrap().file_name().unwrap().to_str().unwrap().to_owned();
            (name, declaration["bindings"].as_array_mut().unwrap().drain(..).collect())
        })
        .collect();
    assert!(declarations.len() >= 13, "only {} function folders were found", declarations.len());
    declarations
}

pub(super) fn outputs(bindings: &[Value]) -> BTreeSet<String> {
    let outputs = bindings.iter().filter(|binding| binding["direction"] == "out");
    outputs.map(|binding| binding["name"].as_str().unwrap().to_owned()).collect()
}

/// An invocation that the function does something for.
pub(super) fn invocation(function: &str) -> String {
    let params = json!({"userId": "ann", "groupName": "red", "connectionId": "c1"});
    let headers = json!({"x-development-user": "ann", "x-development-roles": "manager"});
    let method = if function.contains("Group") { "PUT" } else { "POST" };
    let request = json!({"Method": method, "Params": params, "Headers": headers, "Body": r#"{"message":"hi"}"#});
    let event = json!({"ConnectionId": "c1", "UserId": "ann", "Arguments": ["red"]}).to_string();
    let event = json!(event).to_string();
    let info = r#"{"url":"u","accessToken":"t"}"#;
    let data = json!({"req": request, "timer": {"IsPastDue": false}, "event": event, "connectionInfo": info});
    json!({"Data": data, "Metadata": {}}).to_string()
}

#[tokio::test]
async fn every_folder_with_a_function_json_is_answered_under_both_paths() {
    for name in declarations().keys() {
        for path in [format!("/{name}"), format!("/api/{name}")] {
            let (status, _) = call(handler(), &path, http_call("{}")).await;
            assert_ne!(status, StatusCode::NOT_FOUND, "{path}");
        }
    }
}

#[tokio::test]
async fn every_function_of_the_table_has_its_folder() {
    let source = include_str!("../../functions.rs");
    let names = source.lines().filter_map(|line| line.trim().strip_prefix(".route(\"/")?.split('"').next());
    let names: BTreeSet<_> = names.map(str::to_owned).collect();
    assert_eq!(names, declarations().into_keys().collect());
}

#[test]
fn every_binding_names_the_same_hub_and_setting() {
    for (name, bindings) in declarations() {
        for binding in bindings.iter().filter(|binding| binding["type"].as_str().unwrap().starts_with("signalR")) {
            // Messages to another hub reach nobody, and nothing says so (signalr-bindings 2.3).
            assert_eq!(binding["hubName"], HUB, "{name}");
            assert_eq!(binding["connectionStringSetting"], "AzureSignalRConnectionString", "{name}");
        }
    }
}

#[test]
fn a_binding_has_the_name_that_the_code_knows_it_by() {
    for (function, bindings) in declarations() {
        for binding in bindings {
            let kind = (binding["type"].as_str().unwrap(), binding["direction"].as_str().unwrap());
            let expected = match kind {
                ("httpTrigger", "in") => "req",
                ("http", "out") => "res",
                ("signalR", "out") => "signalRMessages",
                ("signalRConnectionInfo", "in") => "connectionInfo",
                ("signalRTrigger", "in") => "event",
                ("timerTrigger", "in") => "timer",
                other => panic!("{function} has a binding {other:?} that no test knows"),
            };
            assert_eq!(binding["name"], expected, "{function}");
        }
    }
}

#[tokio::test]
async fn a_function_writes_the_outputs_that_it_declares_and_no_other() {
    for (name, bindings) in declarations() {
        let (status, body) = answer(handler(), &format!("/{name}"), invocation(&name)).await;
        assert_eq!(status, StatusCode::OK, "{name}: {body}");
        let result: Value = serde_json::from_str(&body).unwrap();
        let written: BTreeSet<_> = result["Outputs"].as_object().unwrap().keys().cloned().collect();
        let declared = outputs(&bindings);
        assert!(written.is_subset(&declared), "{name} writes {written:?} and declares {declared:?}");
        // These need a service, which is not there.
        let is_answered = !matches!(name.as_str(), "negotiate" | "presence" | "userPresence");
        assert!(!is_answered || written == declared, "{name} writes {written:?} and declares {declared:?}");
    }
}

#[tokio::test]
async fn only_events_have_a_return_value_which_would_cover_the_outputs_of_others() {
    for (name, bindings) in declarations() {
        let (_, body) = answer(handler(), &format!("/{name}"), invocation(&name)).await;
        let result: Value = serde_json::from_str(&body).unwrap();
        let is_called_by_clients = bindings.iter().any(|binding| binding["category"] == "messages");
        assert_eq!(!result["ReturnValue"].is_null(), is_called_by_clients, "{name}");
    }
}
