//! function.json: what a good one becomes, and every error text.

use std::fs;

use super::*;
use crate::app::{ExtensionBundle, HostConfig, host_json};

mod bindings;

const REQUEST: &str = r#"{ "type": "httpTrigger", "direction": "in", "name": "req" }"#;
const RESPONSE: &str = r#"{ "type": "http", "direction": "out", "name": "res" }"#;

fn host(bundle: Option<ExtensionBundle>) -> HostJson {
    HostJson {
        route_prefix: "api".to_owned(),
        custom_handler: host_json::tests::handler(),
        http_routes: Vec::new(),
        function_timeout: None,
        extension_bundle: bundle,
        watch_files: Vec::new(),
        watch_directories: Vec::new(),
        config: HostConfig::default(),
        only_functions: Vec::new(),
    }
}

fn bundle() -> Option<ExtensionBundle> {
    let id = "Microsoft.Azure.Functions.ExtensionBundle".to_owned();
    Some(ExtensionBundle { id, version: "[4.*, 5.0.0)".to_owned() })
}

fn settings() -> Settings {
    let variables = [
        ("SCHEDULE", "0 */5 * * * *"),
        ("AzureWebJobs.off.Disabled", "true"),
        ("AzureWebJobs_off2_Disabled", "1"),
        ("OFF", "1"),
        ("HUB", "Chat"),
        ("METHOD", "SendMessage"),
    ];
    Settings::from_variables(variables.map(|(name, value)| (name.to_owned(), value.to_owned())))
}

fn read_in(bundle: Option<ExtensionBundle>, name: &str, text: &str) -> Result<Function, Flaw> {
    let context = &Context { host: &host(bundle), settings: &settings() };
    parse(name, text).and_then(|file| read_function(name, &file, context))
}

fn read(name: &str, text: &str) -> Result<Function, String> {
    read_in(bundle(), name, text).map_err(|flaw| flaw.message)
}

fn with(bindings: &[&str]) -> Result<Function, String> {
    read("f", &format!(r#"{{ "bindings": [{}] }}"#, bindings.join(", ")))
}

#[track_caller]
fn refuses(bindings: &[&str], expected: &str) {
    assert_eq!(with(bindings), Err(expected.to_owned()));
}

#[test]
fn a_function_is_disabled_by_its_file_or_by_a_setting() {
    let state = |name: &str, disabled: &str| {
        read(name, &format!(r#"{{ "disabled": {disabled}, "bindings": [{REQUEST}] }}"#)).unwrap().state
    };
    assert_eq!(state("f", "false"), FunctionState::Enabled);
    assert_eq!(state("f", "null"), FunctionState::Enabled);
    assert_eq!(state("f", "true"), FunctionState::Disabled);
    assert_eq!(state("f", "\"OFF\""), FunctionState::Disabled);
    assert_eq!(state("f", "\"NOPE\""), FunctionState::Enabled);
    assert_eq!(state("off", "false"), FunctionState::Disabled);
    assert_eq!(state("OFF2", "false"), FunctionState::Disabled);
}

#[test]
fn retry_and_other_keys_are_tolerated() {
    let text = format!(
        r#"{{ "$schema": "x", "scriptFile": "", "retry": {{ "strategy": "fixedDelay", "maxRetryCount": 2, "delayInterval": "00:00:05" }}, "bindings": [{REQUEST}] }}"#
    );
    assert!(read("f", &text).is_ok());
}

#[test]
fn function_names_are_checked() {
    let text = format!(r#"{{ "bindings": [{REQUEST}] }}"#);
    for name in ["1st", "_x", "a.b", "a b", "host", "HOST", "\u{e9}", &"a".repeat(129)] {
        assert_eq!(read(name, &text), Err(format!("'{name}' is not a valid function name.")));
    }
    for name in ["a", "Host1", "a-b_c9", &"a".repeat(128)] {
        assert!(read(name, &text).is_ok(), "{name}");
    }
}

#[test]
fn broken_json_tells_its_position() {
    let error = read("f", "{\n  \"bindings\": [\n    { \"type\": \"http\" \"name\": \"x\" } ] }").unwrap_err();
    assert_eq!(error, "function.json is not valid JSON: expected comma on line 3 column 21.");
}

#[test]
fn a_broken_route_names_the_template() {
    let error = with(&[r#"{ "type": "httpTrigger", "name": "req", "route": "items/{id" }"#]).unwrap_err();
    assert!(error.starts_with("An error occurred while creating the route with name 'f' and template 'api/items/{id'. There is an incomplete parameter"), "{error}");
}

#[test]
fn host_json_may_name_the_only_functions() {
    let root = tempfile::tempdir().unwrap();
    for (name, text) in [("a", "{"), ("b", "{"), ("c", "{")] {
        fs::create_dir(root.path().join(name)).unwrap();
        fs::write(root.path().join(name).join("function.json"), text).unwrap();
    }
    let host = HostJson { only_functions: vec!["B".to_owned()], ..host(bundle()) };
    let (_, broken) = discover(root.path(), &host, &settings()).unwrap();
    assert_eq!(broken.iter().map(|broken| broken.name.as_str()).collect::<Vec<_>>(), ["b"]);
}

/// Reads an app of these functions, each with its function.json; answers what runs and what is in error.
fn discovered(functions: &[(&str, &str)]) -> (Vec<String>, Vec<(String, String)>) {
    let root = tempfile::tempdir().unwrap();
    for (name, text) in functions {
        fs::create_dir_all(root.path().join(name)).unwrap();
        fs::write(root.path().join(name).join("function.json"), text).unwrap();
    }
    fs::create_dir_all(root.path().join("empty")).unwrap();
    fs::create_dir_all(root.path().join("deep/inner")).unwrap();
    fs::write(root.path().join("deep/inner/function.json"), "{}").unwrap();
    fs::write(root.path().join("file"), "{}").unwrap();
    let (functions, broken) = discover(root.path(), &host(bundle()), &settings()).unwrap();
    (
        functions.into_iter().map(|function| function.name).collect(),
        broken.into_iter().map(|broken| (broken.name, broken.message)).collect(),
    )
}

fn on_route(route: &str, methods: &str) -> String {
    format!(
        r#"{{ "bindings": [{{ "type": "httpTrigger", "name": "req", "route": "{route}", "methods": {methods} }}] }}"#
    )
}

#[test]
fn functions_are_folders_one_level_deep_in_the_order_of_their_names() {
    let good = format!("\u{feff}{{ \"bindings\": [{REQUEST}] }} // fine");
    let (functions, broken) =
        discovered(&[("beta", &good), ("Alpha", &good), ("_no", &good), ("gamma", "{"), ("Zeta", &good)]);
    assert_eq!(functions, ["Alpha", "beta", "Zeta"]);
    assert_eq!(broken.iter().map(|(name, _)| name.as_str()).collect::<Vec<_>>(), ["gamma", "_no"]);
}

#[test]
fn the_later_of_two_functions_with_the_same_route_is_in_error() {
    let (functions, broken) = discovered(&[
        ("a", &on_route("Items/", r#"["get"]"#)),
        ("b", &on_route("/items", "null")),
        ("c", &on_route("items", r#"["post"]"#)),
        ("d", &on_route("items", r#"["POST"]"#)),
    ]);
    assert_eq!(functions, ["a", "c"]);
    let conflict = |name: &str, other: &str| {
        (name.to_owned(), format!("The route specified conflicts with the route defined by function '{other}'."))
    };
    assert_eq!(broken, [conflict("b", "a"), conflict("d", "c")]);
}

#[test]
fn reserved_routes_put_their_function_in_error() {
    let (functions, broken) = discovered(&[
        ("a", &on_route("admin/x", "null")),
        ("b", &on_route("/Runtime", "null")),
        ("c", &on_route("administrators", "null")),
        ("d", &on_route("my/admin", "null")),
    ]);
    assert_eq!(functions, ["d"]);
    for (_, message) in broken {
        assert_eq!(message, "The specified route conflicts with one or more built in routes.");
    }
}

fn on_event(hub: &str, event: &str, disabled: bool) -> String {
    format!(
        r#"{{ "disabled": {disabled}, "bindings": [{{ "type": "signalRTrigger", "name": "e", "hubName": "{hub}",
            "category": "messages", "event": "{event}" }}] }}"#
    )
}

#[test]
fn the_later_of_two_functions_with_the_same_event_is_in_error() {
    let (functions, broken) = discovered(&[
        ("a", &on_event("chat", "send", false)),
        ("b", &on_event("CHAT", "Send", false)),
        ("c", &on_event("CHAT", "Send", true)),
        ("d", &on_event("other", "send", false)),
    ]);
    assert_eq!(functions, ["a", "c", "d"]);
    let message = "Duplicated key parameter hub: CHAT, category: messages, event: Send".to_owned();
    assert_eq!(broken, [("b".to_owned(), message)]);
}
