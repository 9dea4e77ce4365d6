//! functions-host 4.2 to 4.4: keys and identities, the admin endpoints, and CORS. Routes and functions in error are in `section_4_1`.

use axum::Router;
use axum::routing::post;
use functions_host::app::Cors;
use functions_host::events::HostEvent;
use functions_host::host::{Host, HostOptions};
use functions_host::keys::Keys;
use http::header::CONTENT_TYPE;
use serde_json::{Value, json};

use crate::harness::{Running, TestApp, http, listener};

fn with_level(level: &str) -> Value {
    let mut bindings = http();
    bindings[0]["authLevel"] = json!(level);
    json!({"bindings": bindings})
}

/// Functions of each level, and one that is disabled; each answers with the identities that it was told.
fn app() -> TestApp {
    let timer = json!([{"type": "timerTrigger", "name": "t", "schedule": "0 0 0 1 1 *"}]);
    let mut off = with_level("function");
    off["disabled"] = json!(true);
    TestApp::new()
        .function_json("open", &with_level("anonymous"))
        .function_json("f", &with_level("function"))
        .function_json("g", &with_level("function"))
        .function_json("root", &with_level("admin"))
        .function_json("off", &off)
        .function_json("broken", &json!({"bindings": []}))
        .function_json("tick", &json!({"bindings": timer}))
}

fn handler() -> Router {
    let identities = |invocation: String| async move {
        let invocation: Value = serde_json::from_str(&invocation).unwrap();
        let identities = invocation["Data"]["req"]["Identities"].to_string();
        axum::Json(json!({"Outputs": {"res": {"body": identities}}}))
    };
    Router::new().fallback(post(identities))
}

async fn with_keys() -> (Running, Keys) {
    let app = app();
    let keys = Keys::open(Keys::default_file(app.root())).unwrap();
    let given = keys.clone();
    (app.start_attached_with(handler(), |options| options.keys = Some(given)).await, keys)
}

async fn without_keys() -> Running {
    app().start_attached(handler()).await
}

/// Status and body of a request.
async fn call(host: &Running, method: &str, path: &str, header: Option<(&str, &str)>) -> (u16, String) {
    let mut request = host.http.request(method.parse().unwrap(), host.url(path));
    if let Some((name, value)) = header {
        request = request.header(name, value);
    }
    let response = request.send().await.unwrap();
    (response.status().as_u16(), response.text().await.unwrap())
}

// 4.2, first point: where a key comes from, and what it opens.
#[tokio::test]
async fn section_4_2_a_key_comes_in_the_header_or_the_query() {
    let (host, keys) = with_keys().await;
    let (own, master) = (keys.function_key("f").unwrap(), keys.master_key());
    let listed = call(&host, "GET", "/admin/host/keys", Some(("x-functions-key", &master))).await.1;
    let of_host = serde_json::from_str::<Value>(&listed).unwrap()["keys"][0]["value"].as_str().unwrap().to_owned();
    for (row, path, header, expected) in [
        ("in the header", "/api/f".to_owned(), Some(own.as_str()), 200),
        ("in the query", format!("/api/f?code={own}"), None, 200),
        ("the header wins", format!("/api/f?code={own}"), Some("wrong"), 401),
        ("the header wins", "/api/f?code=wrong".to_owned(), Some(&own), 200),
        ("wrong", "/api/f".to_owned(), Some("wrong"), 401),
        ("missing", "/api/f".to_owned(), None, 401),
        ("of another function", "/api/g".to_owned(), Some(&own), 401),
        ("a host key", "/api/g".to_owned(), Some(&of_host), 200),
        ("the master key", "/api/g".to_owned(), Some(&master), 200),
        ("level anonymous", "/api/open".to_owned(), None, 200),
        ("level admin, a host key", "/api/root".to_owned(), Some(&of_host), 401),
        ("level admin, the master key", "/api/root".to_owned(), Some(&master), 200),
        // 4.1, seventh point: a caller with admin rights is let through to a disabled function.
        ("disabled, a host key", "/api/off".to_owned(), Some(&of_host), 404),
        ("disabled, the master key", "/api/off".to_owned(), Some(&master), 200),
    ] {
        let (status, body) = call(&host, "GET", &path, header.map(|key| ("x-functions-key", key))).await;
        assert_eq!(status, expected, "{row}: {path}");
        assert!(expected == 200 || body.is_empty(), "{row}: the body of {status} is empty");
    }
}

const NOBODY: &str = r#"[{"AuthenticationType":null,"IsAuthenticated":false,"Actor":null,"BootstrapContext":null,"Claims":[],"Label":null,"Name":null,"NameClaimType":"http://schemas.xmlsoap.org/ws/2005/05/identity/claims/name","RoleClaimType":"http://schemas.microsoft.com/ws/2008/06/identity/claims/role"}]"#;

// 4.2, second to fourth point: who the caller is without keys.
#[tokio::test]
async fn section_4_2_without_keys_everybody_is_an_administrator_where_authentication_runs() {
    let host = without_keys().await;
    for (row, path, header) in [
        ("a function that is not anonymous", "/api/f", None),
        ("level admin", "/api/root", None),
        ("the header x-functions-key", "/api/open", Some(("x-functions-key", "anything"))),
        ("the header x-ms-client-principal", "/api/open", Some(("x-ms-client-principal", "e30="))),
        ("the query parameter code", "/api/open?code=anything", None),
    ] {
        let (status, body) = call(&host, "GET", path, header).await;
        let identity: Value = serde_json::from_str::<Value>(&body).unwrap()[0].take();
        assert_eq!((status, &identity["AuthenticationType"]), (200, &json!("WebJobsAuthLevel")), "{row}");
        let claim = &identity["Claims"][0];
        let level = json!("http://schemas.microsoft.com/2017/07/functions/claims/authlevel");
        assert_eq!((&claim["Type"], &claim["Value"]), (&level, &json!("Admin")), "{row}");
    }
    assert_eq!(call(&host, "GET", "/api/open", None).await, (200, NOBODY.to_owned()), "an ordinary request");
}

/// `POST /admin/functions/{name}` with a body that is JSON by its type.
async fn run(host: &Running, name: &str, body: &'static str) -> u16 {
    host.by_hand(name, body).await.status().as_u16()
}

// 4.3, row 1: running a function by hand.
#[tokio::test]
async fn section_4_3_row_1_a_function_runs_by_hand() {
    let host = without_keys().await;
    for (row, name, body, expected) in [
        ("with input", "tick", r#"{"input":"x"}"#, 202),
        ("{} is enough", "TICK", "{}", 202),
        ("no body", "tick", "", 400),
        ("not JSON", "tick", "x", 400),
        ("unknown", "unknown", "{}", 404),
    ] {
        assert_eq!(run(&host, name, body).await, expected, "{row}");
    }
    let is_end = |event: &HostEvent| match event {
        HostEvent::Executed { function, error, .. } => Some((function.clone(), error.clone())),
        _ => None,
    };
    assert_eq!(host.events.wait_for("the run", is_end).await, ("tick".to_owned(), None));
}

// 4.3, row 1: the timer value of such a run has the current status and is not past due.
#[tokio::test]
async fn section_4_3_row_1_a_timer_run_by_hand_gets_its_status_and_is_not_past_due() {
    let timer = json!([{"type": "timerTrigger", "name": "t", "schedule": "0 0 0 1 1 *"}]);
    let log = |invocation: String| async move {
        let invocation: Value = serde_json::from_str(&invocation).unwrap();
        axum::Json(json!({"Logs": [invocation["Data"]["t"].to_string()]}))
    };
    let time = functions_host::clock::VirtualClock::starting_at("2026-02-07T15:44:30Z".parse().unwrap());
    let app = TestApp::new().function_json("tick", &json!({"bindings": timer})).setting("WEBSITE_TIME_ZONE", "UTC");
    let host = app.start_attached_with(Router::new().fallback(post(log)), |options| options.clock = time.clock()).await;
    time.advance(std::time::Duration::from_secs(60)).await;
    assert_eq!(run(&host, "tick", "{}").await, 202);
    let line = host.events.wait_for("the run", |event| match event {
        HostEvent::FunctionLog { line, .. } => Some(line.clone()),
        _ => None,
    });
    let expected = r#"{"Schedule":{"AdjustForDST":true},"ScheduleStatus":{"Last":"0001-01-01T00:00:00+00:00","Next":"2027-01-01T00:00:00+00:00","LastUpdated":"2026-02-07T15:44:30+00:00"},"IsPastDue":false}"#;
    assert_eq!(line.await, expected);
}

async fn json_of(host: &Running, path: &str) -> Value {
    let response = host.get(path).await;
    assert_eq!(response.status(), 200, "{path}");
    response.json().await.unwrap()
}

// 4.3, row 2: metadata and status of functions.
#[tokio::test]
async fn section_4_3_row_2_functions_are_described() {
    let host = without_keys().await;
    let all = json_of(&host, "/admin/functions").await;
    let names: Vec<_> = all.as_array().unwrap().iter().map(|one| one["name"].as_str().unwrap()).collect();
    assert_eq!(names, ["f", "g", "off", "open", "root", "tick"]);
    let one = json_of(&host, "/admin/functions/Open").await;
    assert_eq!((&one["name"], &one["config"]["bindings"][0]["authLevel"]), (&json!("open"), &json!("anonymous")));
    assert_eq!(json_of(&host, "/admin/functions/open/status").await, json!({}));
    let broken = json_of(&host, "/admin/functions/broken/status").await;
    assert_eq!(broken, json!({"errors": ["At least one binding must be declared."]}));
    for path in ["/admin/functions/unknown", "/admin/functions/unknown/status"] {
        assert_eq!(call(&host, "GET", path, None).await, (404, String::new()), "{path}");
    }
}

// 4.3, row 3: the state of the host.
#[tokio::test]
async fn section_4_3_row_3_the_host_says_how_it_is() {
    let host = app().setting("HOSTNAME", "My-Machine").start_attached(handler()).await;
    let status = json_of(&host, "/admin/host/status").await;
    let members: Vec<_> = status.as_object().unwrap().keys().map(String::as_str).collect();
    let expected = [
        "id",
        "state",
        "version",
        "versionDetails",
        "instanceId",
        "computerName",
        "processUptime",
        "functionAppContentEditingState",
        "extensionBundle",
    ];
    assert_eq!(members, expected);
    assert_eq!(status["state"], "Running");
    assert_eq!(
        status["extensionBundle"],
        json!({"id": "Microsoft.Azure.Functions.ExtensionBundle", "version": "4.38.0"})
    );
    assert_eq!(status["computerName"], "My-Machine");
    // 6.5: the id is the machine and a hash of the folder, in lower case, at most 32 characters.
    let id = status["id"].as_str().unwrap();
    let (machine, hash) = id.split_once('-').unwrap();
    assert!(machine == "mymachine" && hash.parse::<u32>().is_ok() && id.len() <= 32, "{id}");
}

// 4.3, row 4: ping.
#[tokio::test]
async fn section_4_3_row_4_ping_is_200() {
    let (host, _) = with_keys().await;
    for method in ["GET", "POST"] {
        assert_eq!(
            call(&host, method, "/admin/host/ping", None).await,
            (200, String::new()),
            "{method}, without a key"
        );
    }
}

// 4.3, row 5: drain and resume. What a drain does is in `server`, what is read again in `reload`.
#[tokio::test]
async fn section_4_3_row_5_a_host_is_drained_resumed_and_restarted() {
    let host = without_keys().await;
    let drain_status = |state: &str| json!({"state": state, "outstandingInvocations": 0, "outstandingRetries": 0});
    assert_eq!(json_of(&host, "/admin/host/drain/status").await, drain_status("Disabled"));
    assert_eq!(call(&host, "POST", "/admin/host/drain", None).await, (202, String::new()));
    assert_eq!(json_of(&host, "/admin/host/drain/status").await, drain_status("Completed"));
    assert_eq!(call(&host, "POST", "/admin/host/resume", None).await, (200, r#"{"state":"Running"}"#.to_owned()));
    assert_eq!(json_of(&host, "/admin/host/drain/status").await, drain_status("Disabled"));
    let (status, body) = call(&host, "POST", "/admin/host/restart", None).await;
    let options: Value = serde_json::from_str(&body).unwrap();
    assert_eq!((status, &options["isSelfHost"]), (200, &json!(true)));
    for method in ["GET", "PUT"] {
        assert_eq!(call(&host, method, "/admin/host/restart", None).await.0, 404, "{method}");
    }
}

// 4.3, row 5: the options that the host has understood, as indented text.
#[tokio::test]
async fn section_4_3_row_5_the_options_are_shown() {
    let app = app().host_json("", "extensions", json!({"http": {"routePrefix": "v1"}}));
    let host = app.start_attached(handler()).await;
    let response = host.get("/admin/host/config").await;
    assert_eq!(
        (response.status().as_u16(), response.headers()[CONTENT_TYPE].to_str().unwrap()),
        (200, "text/plain; charset=utf-8")
    );
    let expected = r#"{
  "extensions": {
    "http": {
      "dynamicThrottlesEnabled": false,
      "chunkedTransferEnabled": false,
      "maxConcurrentRequests": -1,
      "maxOutstandingRequests": -1,
      "routePrefix": "v1"
    }
  },
  "concurrency": {
    "dynamicConcurrencyEnabled": false,
    "maximumFunctionConcurrency": 500,
    "cpuThreshold": 0.8,
    "snapshotPersistenceEnabled": true
  }
}"#;
    assert_eq!(response.text().await.unwrap(), expected);
}

// 4.3, row 6: webhooks of extensions. What the SignalR extension answers is in `signalr_trigger`.
#[tokio::test]
async fn section_4_3_row_6_webhooks_need_their_system_key() {
    let (host, keys) = with_keys().await;
    let path = "/runtime/webhooks/signalr";
    assert_eq!(call(&host, "POST", path, None).await, (401, String::new()));
    let own = keys.webhook_key("signalr").unwrap();
    // Past the key, an app without a SignalR function has no such extension.
    assert_eq!(call(&host, "POST", &format!("{path}?code={own}"), None).await.0, 404);
    assert_eq!(call(&without_keys().await, "POST", path, None).await.0, 404);
}

// 4.3, row 7: the start page.
#[tokio::test]
async fn section_4_3_row_7_the_start_page_is_html_or_204() {
    let page = without_keys().await.get("/").await;
    assert_eq!((page.status().as_u16(), page.headers()[CONTENT_TYPE].to_str().unwrap()), (200, "text/html"));
    assert!(page.text().await.unwrap().starts_with("<!DOCTYPE html>"));
    let silent = app().setting("AzureWebJobsDisableHomepage", "true").start_attached(handler()).await;
    assert_eq!(call(&silent, "GET", "/", None).await, (204, String::new()));
}

// 4.3, row 8: anything while the host is down.
#[tokio::test]
async fn section_4_3_row_8_a_host_that_is_down_answers_503() {
    let host = TestApp::new().handler("exit-1").function("f", &http()).start().await;
    host.host.stopped().await;
    let down = (503, "Function host is not running.".to_owned());
    for (method, path) in [
        ("GET", "/"),
        ("GET", "/api/f"),
        ("GET", "/api/x"),
        ("GET", "/admin/host/status"),
        ("POST", "/admin/host/restart"),
    ] {
        assert_eq!(call(&host, method, path, None).await, down, "{method} {path}");
    }
    host.host.shutdown().await;
}

const PAGE: &str = "http://localhost:3000";

/// The CORS headers of an answer, sorted, as `name: value`.
async fn cors_of(host: &Running, method: &str, path: &str, headers: &[(&str, &str)]) -> (u16, Vec<String>) {
    let mut request = host.http.request(method.parse().unwrap(), host.url(path));
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    let response = request.send().await.unwrap();
    let named = response.headers().iter().filter(|(name, _)| name.as_str().starts_with("access-control-"));
    let mut lines: Vec<_> = named.map(|(name, value)| format!("{name}: {}", value.to_str().unwrap())).collect();
    lines.sort();
    (response.status().as_u16(), lines)
}

// 4.4, first point: origins and credentials.
#[tokio::test]
async fn section_4_4_origins_are_split_at_commas_and_not_trimmed() {
    assert_eq!(Cors::origins_from("http://a,http://b, http://c"), ["http://a", "http://b", " http://c"]);
    let host = app().cors(&format!("{PAGE}, http://spaced"), &json!(true)).start_attached(handler()).await;
    let allowed =
        vec!["access-control-allow-credentials: true".to_owned(), format!("access-control-allow-origin: {PAGE}")];
    assert_eq!(cors_of(&host, "GET", "/api/open", &[("origin", PAGE)]).await, (200, allowed));
    assert_eq!(cors_of(&host, "GET", "/api/open", &[("origin", "http://spaced")]).await, (200, Vec::new()));
    let host = app().cors("*", &json!(false)).start_attached(handler()).await;
    assert_eq!(cors_of(&host, "GET", "/api/open", &[("origin", PAGE)]).await.1, ["access-control-allow-origin: *"]);
}

// 4.4, first and second point: any header and any method, 204 before any function runs.
#[tokio::test]
async fn section_4_4_a_preflight_gets_204_before_any_function_runs() {
    let host = app().cors(PAGE, &json!(true)).start_attached(handler()).await;
    for (method, headers) in [("POST", "content-type"), ("DELETE", "x-anything,x-more")] {
        let asked =
            [("origin", PAGE), ("access-control-request-method", method), ("access-control-request-headers", headers)];
        let expected = vec![
            "access-control-allow-credentials: true".to_owned(),
            format!("access-control-allow-headers: {headers}"),
            format!("access-control-allow-methods: {method}"),
            format!("access-control-allow-origin: {PAGE}"),
        ];
        assert_eq!(cors_of(&host, "OPTIONS", "/api/open", &asked).await, (204, expected));
    }
    assert!(!host.events.all().iter().any(|event| matches!(event, HostEvent::Executing { .. })));
}

// 4.4, third point.
#[tokio::test]
async fn section_4_4_any_origin_with_credentials_is_refused_at_the_start() {
    let app = app().cors("*", &json!(true));
    let error = Host::start(listener().await, HostOptions::new(app.load())).await.unwrap_err().to_string();
    assert!(
        error.starts_with(
            "The CORS protocol does not allow specifying a wildcard (any) origin and credentials at the same time."
        ),
        "{error}"
    );
}

// 4.4, fourth point: the trap of the SignalR client, which this host warns of.
#[tokio::test]
async fn section_4_4_any_origin_without_credentials_is_warned_of_where_there_is_signalr() {
    let info = json!({"type": "signalRConnectionInfo", "direction": "in", "name": "info", "hubName": "chat"});
    let app = app().function("negotiate", &crate::harness::http_and(&[info])).cors("*", &json!(false));
    let host = app.start_attached(handler()).await;
    host.events
        .wait_for_log(
            functions_host::events::LogLevel::Warning,
            "FH3016 the CORS origin `*` does not let browsers send credentials",
        )
        .await;
}
