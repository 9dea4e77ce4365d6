//! host.json: every key, the older section, overrides by settings, and where the executable is.

use std::fs;

use super::*;
use crate::app::{AuthLevel, CustomHandler, HttpMode, StderrLevel};

/// A handler with every default.
pub(in crate::app) fn handler() -> CustomHandler {
    CustomHandler {
        executable: "handler".to_owned(),
        worker_directory: "/app".into(),
        working_directory: "/app".into(),
        arguments: Vec::new(),
        worker_path: None,
        worker_arguments: Vec::new(),
        initialization_timeout: Duration::from_secs(30),
        port: None,
        http_mode: HttpMode::Envelope,
        stderr_level: StderrLevel::Error,
    }
}

fn settings(settings: &[(&str, &str)]) -> Settings {
    Settings::from_variables(settings.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())))
}

fn read_with(text: &str, variables: &[(&str, &str)]) -> Result<Read, String> {
    read(&super::super::json_file::parse(text)?, Path::new("/app"), &settings(variables))
}

#[track_caller]
fn host(text: &str) -> HostJson {
    read_with(text, &[]).map(|read| read.host).unwrap()
}

#[track_caller]
fn custom(handler: &str, variables: &[(&str, &str)]) -> CustomHandler {
    read_with(&format!(r#"{{ "version": "2.0", "customHandler": {handler} }}"#), variables).unwrap().host.custom_handler
}

#[track_caller]
fn described(description: &str) -> CustomHandler {
    custom(&format!(r#"{{ "description": {description} }}"#), &[])
}

#[track_caller]
fn refuses(text: &str, expected: &str) {
    let error = read_with(text, &[]).err().unwrap();
    assert!(error.starts_with(expected), "{error}");
}

const MINIMAL: &str =
    r#"{ "version": "2.0", "customHandler": { "description": { "defaultExecutablePath": "handler" } } }"#;

#[test]
fn a_minimal_file_has_every_default() {
    let read = read_with(MINIMAL, &[]).unwrap();
    let expected = HostJson {
        route_prefix: "api".to_owned(),
        custom_handler: handler(),
        http_routes: Vec::new(),
        function_timeout: Some(Duration::from_secs(1800)),
        extension_bundle: None,
        watch_files: Vec::new(),
        watch_directories: Vec::new(),
        config: read.host.config.clone(),
        only_functions: Vec::new(),
    };
    assert_eq!(read.host, expected);
    assert!(read.warnings.is_empty());
}

#[test]
fn what_the_host_shows_of_its_options_has_their_kinds() {
    let shown = |sections: &str| {
        let text = MINIMAL.replacen('{', &format!("{{ {sections}, "), 1);
        read_with(&text, &[])
            .map(|read| (Value::from(read.host.config.http), Value::from(read.host.config.concurrency)))
    };
    let (http, concurrency) = shown(
        r#""extensions": { "HTTP": { "RoutePrefix": "v1", "maxConcurrentRequests": "5" } },
        "concurrency": { "dynamicConcurrencyEnabled": "True", "cpuThreshold": 0.5 }"#,
    )
    .unwrap();
    let expected = r#"{"dynamicThrottlesEnabled":false,"chunkedTransferEnabled":false,"maxConcurrentRequests":5,"maxOutstandingRequests":-1,"routePrefix":"v1"}"#;
    assert_eq!(http.to_string(), expected);
    let expected = r#"{"dynamicConcurrencyEnabled":true,"maximumFunctionConcurrency":500,"cpuThreshold":0.5,"snapshotPersistenceEnabled":true}"#;
    assert_eq!(concurrency.to_string(), expected);
    let error = shown(r#""concurrency": { "maximumFunctionConcurrency": "many" }"#).unwrap_err();
    let expected = "Failed to convert configuration value at 'AzureFunctionsJobHost:concurrency:maximumFunctionConcurrency' to type \
                    'System.Int32'.";
    assert_eq!(error, expected);
}

#[test]
fn every_key_is_read_without_regard_to_case() {
    let host = host(
        r#"{
            "version": "2.0",
            "FunctionTimeout": "00:10:00",
            "watchfiles": ["handler", "data.json"],
            "functions": ["negotiate"],
            "extensionbundle": { "ID": "Microsoft.Azure.Functions.ExtensionBundle", "Version": "[4.*, 5.0.0)" },
            "Extensions": { "HTTP": { "RoutePrefix": "/v1/api/" } },
            "CUSTOMHANDLER": {
                "Type": "HTTP",
                "initializationtimeout": "00:01:00",
                "enableforwardinghttprequest": true,
                "Description": {
                    "DefaultExecutablePath": "python3",
                    "Arguments": ["-u", 5],
                    "WorkingDirectory": "work",
                    "WorkerDirectory": "/opt/worker",
                    "DefaultWorkerPath": "main.py",
                    "WorkerArguments": ["-v"],
                    "useStdErrorStreamForErrorsOnly": "False"
                }
            }
        }"#,
    );
    assert_eq!(host.route_prefix, "v1/api");
    assert_eq!(host.function_timeout, Some(Duration::from_secs(600)));
    assert_eq!(host.watch_files, ["handler", "data.json"]);
    assert_eq!(host.only_functions, ["negotiate"]);
    assert_eq!(host.extension_bundle.unwrap().version, "[4.*, 5.0.0)");
    let expected = CustomHandler {
        executable: "python3".to_owned(),
        arguments: vec!["-u".to_owned(), "5".to_owned()],
        worker_directory: "/opt/worker".into(),
        working_directory: "/app/work".into(),
        worker_path: Some("main.py".to_owned()),
        worker_arguments: vec!["-v".to_owned()],
        initialization_timeout: Duration::from_secs(60),
        port: None,
        http_mode: HttpMode::Forward,
        stderr_level: StderrLevel::ByContent,
    };
    assert_eq!(host.custom_handler, expected);
}

#[test]
fn the_version_must_be_2_0() {
    refuses(r#"{ "customHandler": {} }"#, "The host.json file is missing the required 'version' property.");
    refuses(r#"{ "Version": "2.0" }"#, "The host.json file is missing the required 'version' property.");
    refuses(
        r#"{ "version": "1.0" }"#,
        "'1.0' is an invalid value for host.json 'version' property. We recommend you set the 'version' property to '2.0'. See",
    );
    refuses(
        r#"{ "version": "3.0" }"#,
        "'3.0' is an invalid value for host.json 'version' property. We recommend you set the 'version' property to '2.0'. This does not correspond",
    );
    refuses(r#"{ "version": 2 }"#, "'2' is an invalid value");
}

#[test]
fn a_missing_description_or_executable_has_the_hosts_words() {
    refuses(r#"{ "version": "2.0" }"#, "there is no `customHandler` section");
    refuses(r#"{ "version": "2.0", "customHandler": {} }"#, "Missing worker Description.");
    refuses(
        r#"{ "version": "2.0", "customHandler": { "description": {} } }"#,
        "WorkerDescription DefaultExecutablePath cannot be empty",
    );
    refuses(
        r#"{ "version": "2.0", "customHandler": { "description": { "defaultExecutablePath": "" } } }"#,
        "WorkerDescription DefaultExecutablePath cannot be empty",
    );
}

#[test]
fn values_that_do_not_convert_are_named() {
    let with = |key: &str| MINIMAL.replacen("\"customHandler\": {", &format!("\"customHandler\": {{ {key},"), 1);
    refuses(
        &with(r#""type": "grpc""#),
        "Failed to convert configuration value at 'AzureFunctionsJobHost:customHandler:type'",
    );
    refuses(
        &with(r#""initializationTimeout": "soon""#),
        "Failed to convert configuration value at 'AzureFunctionsJobHost:customHandler:initializationTimeout' to type 'System.TimeSpan'.",
    );
    refuses(
        &with(r#""enableForwardingHttpRequest": "maybe""#),
        "Failed to convert configuration value at 'AzureFunctionsJobHost:customHandler:enableForwardingHttpRequest' to type 'System.Boolean'.",
    );
}

#[test]
fn the_function_timeout_may_be_unlimited_and_has_a_minimum() {
    let timeout = |value: &str| {
        let text = MINIMAL.replacen('{', &format!("{{ \"functionTimeout\": {value},"), 1);
        read_with(&text, &[]).map(|read| read.host.function_timeout)
    };
    assert_eq!(timeout("\"-1\""), Ok(None));
    assert_eq!(timeout("-1"), Ok(None));
    assert_eq!(timeout("\"-1.00:00:00\""), Ok(None));
    assert_eq!(timeout("\"00:00:01\""), Ok(Some(Duration::from_secs(1))));
    assert_eq!(timeout("null"), Ok(Some(Duration::from_secs(1800))));
    for value in ["\"00:00:00.5\"", "\"00:00:00\"", "\"-00:05:00\""] {
        assert!(timeout(value).unwrap_err().starts_with("FunctionTimeout must be greater than 00:00:01"), "{value}");
    }
    assert!(timeout("\"long\"").unwrap_err().starts_with("Failed to convert configuration value at"));
}

#[test]
fn the_route_prefix_may_be_empty() {
    let text = MINIMAL.replacen('{', r#"{ "extensions": { "http": { "routePrefix": "" } },"#, 1);
    assert_eq!(host(&text).route_prefix, "");
}

#[test]
fn how_pure_http_functions_reach_the_handler() {
    let mode = |keys: &str| {
        custom(&format!(r#"{{ {keys} "description": {{ "defaultExecutablePath": "h" }} }}"#), &[]).http_mode
    };
    assert_eq!(mode(""), HttpMode::Envelope);
    assert_eq!(mode(r#""enableForwardingHttpRequest": false,"#), HttpMode::Envelope);
    assert_eq!(mode(r#""enableForwardingHttpRequest": true,"#), HttpMode::Forward);
    assert_eq!(mode(r#""enableForwardingHttpRequest": true, "enableProxyingHttpRequest": "true","#), HttpMode::Proxy);
}

#[test]
fn type_none_and_the_older_section_warn_in_the_hosts_words() {
    let none = read_with(&MINIMAL.replacen("\"customHandler\": {", "\"customHandler\": { \"type\": \"None\",", 1), &[])
        .unwrap();
    assert_eq!(none.warnings, ["CustomHandlerType None is not supported. Defaulting to Http."]);
    assert_eq!(none.host.custom_handler.http_mode, HttpMode::Envelope);

    let older = read_with(&MINIMAL.replace("customHandler", "httpWorker"), &[]).unwrap();
    assert_eq!(older.warnings, ["Section httpWorker will be deprecated. Please use customHandler section."]);
    assert_eq!(older.host.custom_handler.http_mode, HttpMode::ForwardToFunctionName);

    let both = read_with(&MINIMAL.replacen('{', r#"{ "httpWorker": {},"#, 1), &[]).unwrap();
    assert_eq!(
        both.warnings,
        ["Both httpWorker and customHandler sections are spefified in host.json file. customHandler takes precedence."]
    );
    assert_eq!(both.host.custom_handler, handler());
}

/// A host.json with this key in `customHandler`.
fn with_handler_key(key: &str) -> String {
    MINIMAL.replacen("\"customHandler\": {", &format!("\"customHandler\": {{ {key},"), 1)
}

#[test]
fn a_port_is_taken_literally() {
    let port = |value: &str| {
        read_with(&with_handler_key(&format!("\"port\": {value}")), &[]).map(|read| read.host.custom_handler.port)
    };
    assert_eq!(port("8081"), Ok(Some(8081)));
    assert_eq!(port("\"8081\""), Ok(Some(8081)));
    assert_eq!(port("null"), Ok(None));
    for (value, number) in [("0", "0"), ("-1", "-1"), ("65536", "65536")] {
        let error = port(value).unwrap_err();
        assert!(error.starts_with(&format!("Unable to bind to port {number} specified in configuration")), "{error}");
    }
    assert!(port("\"any\"").unwrap_err().starts_with("Failed to convert configuration value at"));
}

#[test]
fn proxying_comes_before_forwarding() {
    let mode = |key: &str| {
        let read = read_with(&with_handler_key(key), &[]).unwrap();
        (read.host.custom_handler.http_mode, read.warnings.len())
    };
    assert_eq!(mode(r#""enableProxyingHttpRequest": true"#), (HttpMode::Proxy, 0));
    assert_eq!(mode(r#""enableForwardingHttpRequest": true"#), (HttpMode::Forward, 0));
    assert_eq!(mode(r#""enableProxyingHttpRequest": true, "enableForwardingHttpRequest": true"#), (HttpMode::Proxy, 1));
}

#[test]
fn routes_have_a_level_of_their_own_or_the_default_one() {
    let routes = |http: &str| {
        let read = read_with(&with_handler_key(&format!("\"http\": {http}")), &[]);
        let pairs =
            |read: Read| read.host.http_routes.into_iter().map(|route| (route.route, route.auth_level)).collect();
        read.map(pairs)
    };
    let route = |text: &str, level| (text.to_owned(), level);
    assert_eq!(routes("{}"), Ok(Vec::new()));
    let two = r#""routes": [{"route": "{*path}", "AuthorizationLevel": "anonymous"}, {"Route": "a"}]"#;
    let expected = |default| vec![route("{*path}", AuthLevel::Anonymous), route("a", default)];
    assert_eq!(routes(&format!("{{ {two} }}")), Ok(expected(AuthLevel::Function)));
    assert_eq!(
        routes(&format!("{{ \"defaultAuthorizationLevel\": \"Admin\", {two} }}")),
        Ok(expected(AuthLevel::Admin))
    );
    let error = routes(r#"{"routes": [{"route": "a", "authorizationLevel": "x"}]}"#).unwrap_err();
    assert!(error.contains("customHandler:http:routes:0:authorizationLevel"), "{error}");
}

#[test]
fn a_profile_is_not_ignored_in_silence() {
    let text = MINIMAL.replacen('{', "{ \"configurationProfile\": \"mcp-custom-handler\",", 1);
    let warnings = read_with(&text, &[]).unwrap().warnings;
    assert!(warnings[0].to_string().starts_with("FH3015 host.json: `configurationProfile` \"mcp-custom-handler\""));
}

#[track_caller]
fn watches(text: &str, path: &str, expected: bool) {
    assert_eq!(host(text).is_watched(Path::new(path)), expected, "{path}");
}

#[test]
fn files_are_watched_by_name_and_folders_by_the_first_one() {
    let text = MINIMAL.replacen('{', "{ \"watchFiles\": [\"handler\"], \"watchDirectories\": [\"Shared\"],", 1);
    for path in ["host.json", "f/function.json", "handler", "bin/HANDLER", "Shared/x", "Shared/a/b", "node_modules/x"] {
        watches(&text, path, true);
    }
    for path in ["other", "handler.txt", "shared/x", "a/Shared/x", "local.settings.json", "Shared"] {
        watches(&text, path, false);
    }
    watches(MINIMAL, "handler", false);
}

#[test]
fn settings_override_the_file() {
    let name = |path: &str| format!("AzureFunctionsJobHost__{path}");
    let executable = name("customHandler__description__defaultExecutablePath");
    let read = read_with(
        MINIMAL,
        &[
            (executable.as_str(), "target/debug/handler"),
            (name("CUSTOMHANDLER__Description__WorkingDirectory").as_str(), "elsewhere"),
            (name("extensions__http__routePrefix").as_str(), ""),
            (name("functionTimeout").as_str(), "-1"),
            (name("customHandler__enableForwardingHttpRequest").as_str(), "True"),
            (name("watchFiles__0").as_str(), "x"),
        ],
    )
    .unwrap()
    .host;
    assert_eq!(read.custom_handler.executable, "target/debug/handler");
    assert_eq!(read.custom_handler.working_directory, Path::new("/app/elsewhere"));
    assert_eq!(read.custom_handler.http_mode, HttpMode::Forward);
    assert_eq!(read.route_prefix, "");
    assert_eq!(read.function_timeout, None);
    assert_eq!(read.watch_files, ["x"]);
}

#[test]
fn arguments_are_overridden_as_the_text_of_a_list_or_one_by_one() {
    let arguments = |overrides: &[(&str, &str)]| {
        custom(r#"{ "description": { "defaultExecutablePath": "h", "arguments": ["a", "b"] } }"#, overrides).arguments
    };
    let name = "AzureFunctionsJobHost__customHandler__description__arguments";
    assert_eq!(arguments(&[(name, r#"["x", "y z"]"#)]), ["x", "y z"]);
    assert_eq!(arguments(&[(name, "[]")]), Vec::<String>::new());
    assert_eq!(arguments(&[(name, "x y")]), ["a", "b"]);
    assert_eq!(arguments(&[(&format!("{name}__1"), "c")]), ["a", "c"]);
    assert_eq!(arguments(&[(&format!("{name}__2"), "c"), (&format!("{name}__10"), "d")]), ["a", "b", "c", "d"]);
}

#[test]
fn a_plain_override_does_not_take_the_place_of_a_section() {
    let handler = custom(
        r#"{ "description": { "defaultExecutablePath": "h" } }"#,
        &[("AzureFunctionsJobHost__customHandler", "x")],
    );
    assert_eq!(handler.executable, "h");
}

#[test]
fn the_executable_is_a_file_of_the_worker_directory_or_a_name_for_the_system() {
    let root = tempfile::tempdir().unwrap();
    fs::write(root.path().join("handler"), "").unwrap();
    fs::create_dir(root.path().join("bin")).unwrap();
    fs::write(root.path().join("bin/tool"), "").unwrap();
    let executable = |description: &str, variables: &[(&str, &str)]| {
        let text = format!(r#"{{ "version": "2.0", "customHandler": {{ "description": {description} }} }}"#);
        let file = super::super::json_file::parse(&text).unwrap();
        read(&file, root.path(), &settings(variables)).unwrap().host.custom_handler.executable
    };
    let below = |path: &str| root.path().join(path).to_string_lossy().into_owned();
    assert_eq!(executable(r#"{ "defaultExecutablePath": "handler" }"#, &[]), below("handler"));
    assert_eq!(executable(r#"{ "defaultExecutablePath": "missing" }"#, &[]), "missing");
    assert_eq!(executable(r#"{ "defaultExecutablePath": "bin" }"#, &[]), "bin");
    assert_eq!(executable(r#"{ "defaultExecutablePath": "bin/tool" }"#, &[]), below("bin/tool"));
    assert_eq!(executable(r#"{ "defaultExecutablePath": "tool", "workerDirectory": "bin" }"#, &[]), below("bin/tool"));
    assert_eq!(executable(r#"{ "defaultExecutablePath": "/usr/bin/env" }"#, &[]), "/usr/bin/env");
    assert_eq!(executable(r#"{ "defaultExecutablePath": "%DIR%/tool" }"#, &[("DIR", "bin")]), below("bin/tool"));
    assert_eq!(executable(r#"{ "defaultExecutablePath": "%NOPE%" }"#, &[]), "%NOPE%");
}

#[test]
fn relative_directories_are_below_the_root() {
    let handler = described(r#"{ "defaultExecutablePath": "h", "workingDirectory": "a", "workerDirectory": "b" }"#);
    assert_eq!(handler.working_directory, Path::new("/app/a"));
    assert_eq!(handler.worker_directory, Path::new("/app/b"));
    let handler = described(r#"{ "defaultExecutablePath": "h", "workingDirectory": "/x", "workerDirectory": "" }"#);
    assert_eq!(handler.working_directory, Path::new("/x"));
    assert_eq!(handler.worker_directory, Path::new("/app"));
}

#[test]
fn values_are_flattened_for_expressions() {
    let flattened = read_with(r#"{ "version": "2.0", "watchFiles": ["a"], "customHandler": { "description": { "defaultExecutablePath": "h" } } }"#, &[]).unwrap().flattened;
    let expected =
        [("version", "2.0"), ("watchFiles:0", "a"), ("customHandler:description:defaultExecutablePath", "h")];
    assert_eq!(flattened, expected.map(|(path, value)| (path.to_owned(), value.to_owned())));
}
