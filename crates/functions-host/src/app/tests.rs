//! A whole app, from its folder.

use std::fs;

use super::*;

const HOST: &str =
    r#"{ "version": "2.0", "customHandler": { "description": { "defaultExecutablePath": "handler" } } }"#;
const SETTINGS: &str =
    r#"{ "IsEncrypted": false, "Values": { "FUNCTIONS_WORKER_RUNTIME": "custom", "AzureWebJobsStorage": "" } }"#;

fn app_of(files: &[(&str, &str)]) -> (tempfile::TempDir, Result<App, AppError>) {
    let root = tempfile::tempdir().unwrap();
    for (path, text) in files {
        let path = root.path().join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }
    let app = App::load(root.path(), Vec::new(), &[]);
    (root, app)
}

fn timer(properties: &str) -> String {
    format!(r#"{{ "bindings": [{{ "type": "timerTrigger", "name": "t", "schedule": "0 */5 * * * *"{properties} }}] }}"#)
}

#[test]
fn an_app_is_read_from_its_folder() {
    let request = r#"{ "bindings": [{ "type": "httpTrigger", "name": "req" }, { "type": "http", "direction": "out", "name": "res" }] }"#;
    let files = [
        ("host.json", HOST),
        ("local.settings.json", SETTINGS),
        ("hello/function.json", request),
        ("broken/function.json", "{}"),
    ];
    let (root, app) = app_of(&files);
    let app = app.unwrap();
    assert_eq!(app.root, root.path());
    assert_eq!(app.function("HELLO").map(|function| function.name.as_str()), Some("hello"));
    assert_eq!(app.broken[0].to_string(), "The 'broken' function is in error: At least one binding must be declared.");
    assert_eq!(app.settings.get("AzureFunctionsJobHost:version"), Some("2.0"));
    assert_eq!(app.settings.iter().count(), 2);
    assert!(app.notices.is_empty(), "{:?}", app.notices);
}

#[test]
fn a_missing_host_json_says_where_it_was_looked_for() {
    let (root, app) = app_of(&[]);
    let expected =
        format!("there is no host.json in `{}`; run from the function app's root or name it", root.path().display());
    assert_eq!(app.unwrap_err().to_string(), expected);
}

#[test]
fn a_broken_host_json_tells_file_and_position() {
    let (root, app) = app_of(&[("host.json", "{\n  \"version\": \"2.0\"\n  \"a\": 1\n}")]);
    let path = root.path().join("host.json");
    let expected = format!(
        "`{}` is not valid JSON: expected comma on line 2 column 19; correct it and start again",
        path.display()
    );
    assert_eq!(app.unwrap_err().to_string(), expected);
}

#[test]
fn a_host_json_with_a_bad_value_keeps_the_hosts_words() {
    let (_root, app) = app_of(&[("host.json", r#"{ "version": "2.0", "customHandler": {} }"#)]);
    assert_eq!(app.unwrap_err().to_string(), "host.json: Missing worker Description.");
}

#[test]
fn an_override_from_the_command_line_wins() {
    let root = tempfile::tempdir().unwrap();
    fs::write(root.path().join("host.json"), HOST).unwrap();
    let pair = |name: &str, value: &str| (name.to_owned(), value.to_owned());
    let name = "AzureFunctionsJobHost__customHandler__description__defaultExecutablePath";
    let app = App::load(root.path(), [pair(name, "environment")], &[pair(name, "override")]).unwrap();
    assert_eq!(app.host.custom_handler.executable, "override");
}

#[test]
fn what_the_real_host_would_stumble_over_is_told() {
    let notices = |settings: &str, function: &str| {
        let files = [("host.json", HOST), ("local.settings.json", settings), ("t/function.json", function)];
        app_of(&files).1.unwrap().notices.iter().map(ToString::to_string).collect::<Vec<_>>()
    };
    assert_eq!(notices(SETTINGS, &timer(r#", "useMonitor": false"#)), Vec::<String>::new());
    let found = notices(SETTINGS, &timer(""));
    assert!(found[0].contains("AzureWebJobsStorage is empty") && found[0].contains("'t'"), "{found:?}");
    let found = notices(r#"{ "IsEncrypted": false }"#, &timer(""));
    assert!(found[0].contains("FUNCTIONS_WORKER_RUNTIME is missing"), "{found:?}");
    assert!(found[1].contains("AzureWebJobsStorage is missing"), "{found:?}");
    let found = notices(
        r#"{ "IsEncrypted": false, "Values": { "FUNCTIONS_WORKER_RUNTIME": "node", "AzureWebJobsStorage": "x" } }"#,
        &timer(""),
    );
    assert_eq!(
        found,
        [
            "FH3003 The setting FUNCTIONS_WORKER_RUNTIME is 'node', but this app runs a custom handler; set it to 'custom'."
        ]
    );
}

#[test]
fn a_bundle_range_stands_for_its_newest_version() {
    let resolved =
        |version: &str| ExtensionBundle { id: "b".to_owned(), version: version.to_owned() }.resolved_version();
    assert_eq!(resolved("[4.*, 5.0.0)"), "4.38.0");
    assert_eq!(resolved("[4.0.0, 5.0.0)"), "4.38.0");
    assert_eq!(resolved("[3.*, 4.0.0)"), "3.41.0");
    assert_eq!(resolved("[3.3.0, 5.0.0)"), "4.38.0");
    assert_eq!(resolved("[4.21.1]"), "4.21.1");
    assert_eq!(resolved("[1.*, 2.0.0)"), "[1.*, 2.0.0)");
}

#[test]
fn hidden_routes_are_told() {
    let on =
        |route: &str| format!(r#"{{ "bindings": [{{ "type": "httpTrigger", "name": "req", "route": "{route}" }}] }}"#);
    let files = [
        ("host.json", HOST),
        ("local.settings.json", SETTINGS),
        ("a/function.json", &on("items/{id}")),
        ("b/function.json", &on("items/recent")),
    ];
    let notices = app_of(&files).1.unwrap().notices;
    assert_eq!(notices.len(), 1);
    assert!(notices[0].text.starts_with("Requests for the route 'items/recent' of function 'b' reach function 'a'"));
}

#[test]
fn what_surprises_only_in_azure_is_told() {
    let handler = r#"{ "version": "2.0", "extensions": { "signalR": {} },
        "extensionBundle": { "id": "Microsoft.Azure.Functions.ExtensionBundle", "version": "[4.*, 5.0.0)" },
        "customHandler": { "description": { "defaultExecutablePath": "./handler" } } }"#;
    let schedule = |text: &str| {
        format!(
            r#"{{ "bindings": [{{ "type": "timerTrigger", "name": "t", "schedule": "{text}", "useMonitor": false }}] }}"#
        )
    };
    let signalr = r#"{ "retry": { "maxRetryCount": 1, "delayInterval": "00:00:01" }, "bindings": [
        { "type": "httpTrigger", "name": "req" },
        { "type": "signalR", "direction": "out", "name": "m", "hubName": "h", "Connection": "Mine" }] }"#;
    let settings = r#"{ "IsEncrypted": false, "Values": { "FUNCTIONS_WORKER_RUNTIME": "custom", "AzureWebJobsStorage": "x",
        "WEBSITE_TIME_ZONE": "Europe/Berlin" } }"#;
    let files = [
        ("host.json", handler),
        ("local.settings.json", settings),
        ("five/function.json", &schedule("* * * * *")),
        ("span/function.json", &schedule("00:05:00")),
        ("send/function.json", signalr),
    ];
    let mut found: Vec<String> = app_of(&files).1.unwrap().notices.iter().map(ToString::to_string).collect();
    found.sort();
    let expected = [
        "FH2008 send: `connection` of the binding `m` is ignored",
        "FH2009 send: Soon retries will not be supported",
        "FH2010 five: the schedule has five fields",
        "FH2011 span: the schedule is a time span",
        "FH3018 host.json: `extensions.signalR` has no effect",
        "FH3019 The setting WEBSITE_TIME_ZONE is 'Europe/Berlin'",
        "FH3020 host.json: `defaultExecutablePath` begins with `./`",
    ];
    assert_eq!(found.len(), expected.len(), "{found:#?}");
    for (found, expected) in found.iter().zip(expected) {
        assert!(found.starts_with(expected), "{found}");
    }
}

#[test]
fn schedules_are_in_the_time_zone_of_the_app() {
    let zone = |setting: &str| {
        let settings = format!(
            r#"{{ "IsEncrypted": false, "Values": {{ "FUNCTIONS_WORKER_RUNTIME": "custom", "AzureWebJobsStorage": "x",
            "WEBSITE_TIME_ZONE": "{setting}" }} }}"#
        );
        let files = [("host.json", HOST), ("local.settings.json", &settings), ("t/function.json", &timer(""))];
        let app = app_of(&files).1.unwrap();
        (app.time_zone.iana_name().map(str::to_owned), app.notices.iter().map(ToString::to_string).collect::<Vec<_>>())
    };
    let (name, notices) = zone("Asia/Tokyo");
    assert_eq!(name.as_deref(), Some("Asia/Tokyo"));
    assert!(notices[0].contains("Linux Consumption"), "{notices:?}");
    let (name, notices) = zone("Tokyo Standard Time");
    assert_ne!(name.as_deref(), Some("Asia/Tokyo"));
    assert!(
        notices[0]
            .starts_with("FH3019 The setting WEBSITE_TIME_ZONE is 'Tokyo Standard Time', which names no time zone"),
        "{notices:?}"
    );
    assert_eq!(zone("").1, Vec::<String>::new());
}
