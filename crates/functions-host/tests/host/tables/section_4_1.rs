//! functions-host 4.1, "Routing and function discovery": which request reaches which function, and which function is in error with which
//! words.

use axum::Router;
use axum::routing::post;
use functions_host::app::Fault;
use functions_host::console::{Style, render};
use functions_host::events::HostEvent;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

use crate::harness::{Running, TestApp, http};

/// An HTTP function with these properties of its trigger.
fn on(properties: &Value) -> Value {
    let mut bindings = http();
    let trigger = bindings[0].as_object_mut().unwrap();
    trigger.extend(properties.as_object().unwrap().clone());
    json!({"bindings": bindings})
}

/// Each function answers with its name and what the route has given it.
async fn start(app: TestApp) -> Running {
    let echo = |uri: axum::http::Uri, invocation: String| async move {
        let invocation: Value = serde_json::from_str(&invocation).unwrap();
        let text = format!("{} {}", uri.path().trim_start_matches('/'), invocation["Data"]["req"]["Params"]);
        axum::Json(json!({"Outputs": {"res": {"body": text}}}))
    };
    app.start_attached(Router::new().fallback(post(echo))).await
}

async fn row(host: &Running, method: &str, path: &str, expected: Option<&str>) {
    let response = host.http.request(method.parse().unwrap(), host.url(path)).send().await.unwrap();
    let status = response.status().as_u16();
    match expected {
        Some(body) => assert_eq!((status, response.text().await.unwrap().as_str()), (200, body), "{method} {path}"),
        None => assert_eq!((status, response.text().await.unwrap().as_str()), (404, ""), "{method} {path}"),
    }
}

// 4.1, first and second point: the URL and the methods.
#[tokio::test]
async fn a_request_reaches_the_function_of_its_route_and_method() {
    let app = TestApp::new()
        .function_json("plain", &on(&json!({})))
        .function_json("item", &on(&json!({"route": "items/{id:int?}", "methods": ["get", "PUT"]})))
        .function_json("rest", &on(&json!({"route": "files/{*rest}", "methods": []})))
        .function_json("all", &on(&json!({"route": "all", "methods": null})));
    let host = start(app).await;
    for (method, path, expected) in [
        // The route defaults to the function's name, below the prefix `api`.
        ("GET", "/api/plain", Some("plain {}")),
        ("GET", "/plain", None),
        // Matching ignores case.
        ("GET", "/API/Plain", Some("plain {}")),
        // ASP.NET templates.
        ("GET", "/api/items/7", Some(r#"item {"id":"7"}"#)),
        ("GET", "/api/items", Some(r#"item {"id":null}"#)),
        ("GET", "/api/items/x", None),
        ("GET", "/api/items/7/8", None),
        ("GET", "/api/files/a/b.txt", Some(r#"rest {"rest":"a/b.txt"}"#)),
        // `methods` null or empty: all of them.
        ("PATCH", "/api/all", Some("all {}")),
        ("TRACE", "/api/files/a", Some(r#"rest {"rest":"a"}"#)),
        // A method that does not match: 404, not 405.
        ("PUT", "/api/items/7", Some(r#"item {"id":"7"}"#)),
        ("POST", "/api/items/7", None),
        ("DELETE", "/api/items", None),
    ] {
        row(&host, method, path, expected).await;
    }
}

#[tokio::test]
async fn the_prefix_comes_from_host_json_and_may_be_empty() {
    for (prefix, path) in [("", "/plain"), ("v1/api", "/v1/api/plain"), ("/api/", "/api/plain")] {
        let app = TestApp::new().function_json("plain", &on(&json!({})));
        let host = start(app.host_json("", "extensions", json!({"http": {"routePrefix": prefix}}))).await;
        row(&host, "GET", path, Some("plain {}")).await;
    }
}

/// The functions that run, and those in error with the host's words.
fn loaded(app: &TestApp) -> (Vec<String>, Vec<(String, String)>) {
    let app = app.load();
    let broken = app.broken.into_iter().map(|broken| (broken.name, broken.message)).collect();
    (app.functions.into_iter().map(|function| function.name).collect(), broken)
}

/// The function is in error with these words, and another one runs.
#[track_caller]
fn in_error(name: &str, function_json: &Value, expected: &str) {
    let app = TestApp::new().function("other", &http()).function_json(name, function_json);
    let (functions, broken) = loaded(&app);
    assert_eq!(functions, ["other"]);
    assert_eq!(broken, [(name.to_owned(), expected.to_owned())]);
}

// 4.1, third point: conflicts of routes.
#[test]
fn the_later_function_of_a_route_is_in_error() {
    let route = |route: &str, methods: Value| on(&json!({"route": route, "methods": methods}));
    let conflict = "The route specified conflicts with the route defined by function 'other'.";
    in_error("second", &route("/Other/", json!(["get"])), conflict);
    let built_in = "The specified route conflicts with one or more built in routes.";
    in_error("adm", &route("admin/x", json!(null)), built_in);
    in_error("run", &route("Runtime/x", json!(null)), built_in);
    let app = TestApp::new()
        .function_json("a", &route("same", json!(["get"])))
        .function_json("b", &route("same", json!(["post"])));
    assert_eq!(loaded(&app).0, ["a", "b"], "no method in common");
}

// 4.1, fourth point: folders and their names.
#[test]
fn functions_are_folders_with_a_valid_name() {
    let name = |name: &str| in_error(name, &on(&json!({})), &format!("'{name}' is not a valid function name."));
    for invalid in ["1st", "a.b", "a b", "host", "HOST", "\u{e9}t\u{e9}", &"a".repeat(129)] {
        name(invalid);
    }
    let app = TestApp::new().function_json("A-b_9", &on(&json!({}))).function_json(&"a".repeat(128), &on(&json!({})));
    std::fs::create_dir_all(app.root().join("deep/er")).unwrap();
    std::fs::write(app.root().join("deep/er/function.json"), on(&json!({})).to_string()).unwrap();
    std::fs::create_dir(app.root().join("empty")).unwrap();
    assert_eq!(loaded(&app), (vec!["A-b_9".to_owned(), "a".repeat(128)], Vec::new()));
}

// 4.1, fifth point: names of bindings.
#[test]
fn bindings_have_a_valid_name() {
    let named = |name: &str| {
        let mut bindings = http();
        bindings[1]["name"] = json!(name);
        json!({"bindings": bindings})
    };
    for name in ["", "1st", "a_b", "a-b", "a b", "$other", &"a".repeat(129)] {
        let expected = format!("The binding name {name} is invalid. Please assign a valid name to the binding.");
        in_error("f", &named(name), &expected);
    }
    let app = TestApp::new().function_json("a", &named("$return")).function_json("b", &named(&"a".repeat(128)));
    assert_eq!(loaded(&app).0, ["a", "b"]);
    let input = json!({"bindings": [{"type": "httpTrigger", "direction": "in", "name": "$return"}]});
    in_error("f", &input, "$return bindings must specify a direction of 'out'.");
}

// 4.1, sixth point: further errors of function.json.
#[test]
fn a_function_json_that_is_wrong_has_the_hosts_words() {
    let with = |bindings: Value| json!({"bindings": bindings});
    let (trigger, timer) = (
        json!({"type": "httpTrigger", "name": "req"}),
        json!({"type": "timerTrigger", "name": "t", "schedule": "0 * * * * *"}),
    );
    let out = |name: &str| json!({"type": "http", "direction": "out", "name": name});
    for (bindings, expected) in [
        (json!([]), "At least one binding must be declared."),
        (json!([trigger, out("REQ")]), "Multiple bindings with name 'REQ' discovered. Binding names must be unique."),
        (json!([trigger, {"direction": "out", "name": "X"}]), "Binding 'X' is invalid. Bindings must specify a Type."),
        (
            json!([trigger, timer]),
            "Multiple trigger bindings defined. A function can only have a single trigger binding.",
        ),
        (json!([out("res")]), "No trigger binding specified. A function must have a trigger input binding."),
    ] {
        in_error("f", &with(bindings), expected);
    }
    let retry = json!({"strategy": "fixedDelay", "maxRetryCount": 2, "delayInterval": "00:00:05"});
    let app = TestApp::new().function_json("f", &json!({"retry": retry, "bindings": [timer]}));
    assert_eq!(loaded(&app).0, ["f"], "a function.json may carry a retry policy");
}

// 4.1, seventh point: disabled functions. That administrators get through is in `section_4`.
#[tokio::test]
async fn a_disabled_function_answers_404() {
    let disabled = |value: Value| json!({"disabled": value, "bindings": http()});
    let app = TestApp::new()
        .function_json("a", &disabled(json!(true)))
        .function_json("b", &disabled(json!(false)))
        .function_json("c", &disabled(json!(false)))
        .setting("AzureWebJobs.c.Disabled", "true");
    let host = start(app).await;
    row(&host, "GET", "/api/a", None).await;
    row(&host, "GET", "/api/b", Some("b {}")).await;
    row(&host, "GET", "/api/c", None).await;
}

// 4.1, eighth point: the trigger's defaults and the largest body.
#[tokio::test]
async fn the_largest_body_is_104857600_bytes() {
    let host = start(TestApp::new().function_json("f", &on(&json!({"webHookType": "genericJson"})))).await;
    for (length, expected) in [(104_857_601_u32, "HTTP/1.1 413"), (5, "HTTP/1.1 200")] {
        let mut connection = tokio::net::TcpStream::connect(host.host.address()).await.unwrap();
        let head = format!("POST /api/f HTTP/1.1\r\nHost: h\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n");
        connection.write_all(head.as_bytes()).await.unwrap();
        if length == 5 {
            connection.write_all(b"hello").await.unwrap();
        }
        let mut answer = [0; 12];
        connection.read_exact(&mut answer).await.unwrap();
        assert_eq!(String::from_utf8_lossy(&answer), expected);
    }
}

#[test]
fn the_auth_level_defaults_to_function() {
    use functions_host::app::{AuthLevel, Trigger};
    let bindings = json!([{"type": "httpTrigger", "name": "req"}, {"type": "http", "direction": "out", "name": "res"}]);
    let app = TestApp::new().function_json("f", &json!({"bindings": bindings})).load();
    let Trigger::Http(trigger) = &app.functions[0].trigger else { panic!("an httpTrigger") };
    assert_eq!(trigger.auth_level, AuthLevel::Function);
}

// 4.1, ninth point: binding types that nobody registered.
#[test]
fn an_unknown_binding_type_has_one_text_with_a_bundle_and_one_without() {
    let unknown = json!({"bindings": [{"type": "httpTrigger", "name": "req"}, {"type": "teapot", "direction": "out", "name": "x"}]});
    let with = "The binding type(s) 'teapot' were not found in the configured extension bundle. Please ensure the type is correct and the \
                correct version of extension bundle is configured";
    in_error("f", &unknown, with);
    let without = "The binding type(s) 'teapot' are not registered. Please ensure the type is correct and the binding extension is installed.";
    let app = TestApp::new().host_json("", "extensionBundle", Value::Null).function_json("f", &unknown);
    assert_eq!(loaded(&app).1, [("f".to_owned(), without.to_owned())]);
    // One that Azure has and this host has not is nobody's mistake.
    let queue = json!({"bindings": [{"type": "queueTrigger", "name": "x"}]});
    let app = TestApp::new().function_json("f", &queue).load();
    assert_eq!(app.broken[0].fault, Fault::LocalHost);
}

// 4.1, tenth point: bad values of properties, and the line of the log.
#[tokio::test]
async fn a_bad_value_has_the_hosts_words_and_the_host_goes_on() {
    let bad = on(&json!({"methods": "get"}));
    let expected =
        "Unable to configure binding 'req' of type 'httpTrigger'. This may indicate invalid function.json properties";
    in_error("f", &bad, expected);
    let host = start(TestApp::new().function_json("f", &bad).function("other", &http())).await;
    row(&host, "GET", "/api/f", None).await;
    row(&host, "GET", "/api/other", Some("other {}")).await;
    let listening = host.events.all().into_iter().find(|event| matches!(event, HostEvent::Listening { .. })).unwrap();
    let text = render(&listening, "2026-02-07T15:44:59.782Z".parse().unwrap(), Style::default());
    // The code at the end is ours.
    assert!(
        text.contains(&format!("[2026-02-07T15:44:59.782Z] The 'f' function is in error: {expected} [FH2001]\n")),
        "{text}"
    );
}
