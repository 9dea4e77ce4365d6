//! Keys of callers: what opens what, and the management of keys (functions-host 4.2).

use axum::Router;
use axum::routing::post;
use functions_host::keys::Keys;
use http::header::CONTENT_TYPE;
use serde_json::{Value, json};

use crate::harness::{Running, TestApp, http};

/// Functions of every level that a trigger can have, one of them disabled, on a host with keys.
async fn host() -> (Running, Keys) {
    let on = |level: &str| {
        let mut bindings = http();
        bindings[0]["authLevel"] = json!(level);
        bindings
    };
    let trigger =
        json!({"type": "signalRTrigger", "name": "event", "hubName": "chat", "category": "messages", "event": "say"});
    let answer = |invocation: String| async move {
        let invocation: Value = serde_json::from_str(&invocation).unwrap();
        let claims = invocation["Data"]["req"]["Identities"][0]["Claims"].as_array().cloned().unwrap_or_default();
        let values: Vec<String> = claims.iter().map(|claim| claim["Value"].as_str().unwrap().to_owned()).collect();
        axum::Json(json!({"Outputs": {"res": {"body": values.join(" ")}}}))
    };
    let app = TestApp::new()
        .function("open", &on("anonymous"))
        .function("f", &on("function"))
        .function("g", &on("function"))
        .function("root", &on("admin"))
        .function("hook", &on("system"))
        .function_json("off", &json!({"disabled": true, "bindings": on("function")}))
        .function("say", &[trigger]);
    let keys = Keys::open(Keys::default_file(app.root())).unwrap();
    let given = keys.clone();
    let host =
        app.start_attached_with(Router::new().fallback(post(answer)), |options| options.keys = Some(given)).await;
    (host, keys)
}

async fn status(host: &Running, path: &str, key: &str) -> u16 {
    let request = host.http.get(host.url(path)).header("x-functions-key", key);
    request.send().await.unwrap().status().as_u16()
}

#[tokio::test]
async fn each_level_has_its_keys_and_the_master_key_opens_everything() {
    let (host, keys) = host().await;
    let master = keys.master_key();
    let listed = host.http.get(host.url("/admin/host/keys")).header("x-functions-key", &master).send().await.unwrap();
    let listed: Value = listed.json().await.unwrap();
    let of_host = listed["keys"][0]["value"].as_str().unwrap();
    let (of_f, of_webhook) = (keys.function_key("f").unwrap(), keys.webhook_key("signalr").unwrap());
    // Statuses for: no key that is one, the key of `f`, the host key, the system key, the master key.
    for (path, expected) in [
        ("/api/open", [200, 200, 200, 200, 200]),
        ("/api/f", [401, 200, 200, 401, 200]),
        ("/api/g", [401, 401, 200, 401, 200]),
        ("/api/root", [401, 401, 401, 401, 200]),
        ("/api/hook", [401, 401, 401, 200, 200]),
        ("/api/off", [401, 401, 404, 401, 200]),
        ("/admin/functions", [401, 401, 403, 403, 200]),
        ("/admin/host/status", [401, 401, 403, 403, 200]),
        ("/admin/host/keys", [401, 401, 403, 403, 200]),
        ("/admin/host/ping", [200, 200, 200, 200, 200]),
        // Past the key the request is not one of the service.
        ("/runtime/webhooks/signalr", [401, 401, 403, 500, 500]),
        ("/api/unknown", [404, 404, 404, 404, 404]),
    ] {
        let given = ["nonsense", &of_f, of_host, &of_webhook, &master];
        for (key, expected) in given.into_iter().zip(expected) {
            let place = given.iter().position(|other| *other == key);
            assert_eq!(status(&host, path, key).await, expected, "{path} with key {place:?}");
        }
    }
    let refused = host.get("/api/f").await;
    assert_eq!((refused.status().as_u16(), refused.text().await.unwrap()), (401, String::new()));
}

#[tokio::test]
async fn the_header_comes_before_the_query() {
    let (host, keys) = host().await;
    let key = keys.function_key("f").unwrap();
    let get = async |path: String| host.get(&path).await;
    assert_eq!(get(format!("/api/f?code={key}")).await.status(), 200);
    assert_eq!(get(format!("/api/f?a=1&CODE={key}&code=x")).await.status(), 200);
    assert_eq!(get("/api/f?code=".to_owned()).await.status(), 401);
    assert_eq!(status(&host, &format!("/api/f?code={key}"), "nonsense").await, 401);
    assert_eq!(status(&host, &format!("/api/f?code={key}"), "").await, 401);
}

#[tokio::test]
async fn the_function_learns_which_key_was_used_and_not_its_value() {
    let (host, keys) = host().await;
    let answer = async |path: &str| host.get(path).await.text().await.unwrap();
    assert_eq!(answer(&format!("/api/f?code={}", keys.function_key("f").unwrap())).await, "Function true default");
    assert_eq!(answer(&format!("/api/open?code={}", keys.master_key())).await, "Admin true master");
    assert_eq!(answer("/api/open?code=nonsense").await, "", "anybody may call it, as nobody");
    let told = format!("{:?}", host.events.all());
    assert!(!told.contains(&keys.master_key()) && !told.contains(&keys.function_key("f").unwrap()), "{told}");
}

/// An administrator's request: its status and the answer as JSON, or as text where it is none.
async fn manage(host: &Running, keys: &Keys, call: &str, body: Option<Value>) -> (u16, Value) {
    let (method, path) = call.split_once(' ').unwrap();
    let mut request =
        host.http.request(method.parse().unwrap(), host.url(path)).header("x-functions-key", keys.master_key());
    if let Some(body) = body {
        request = request.header(CONTENT_TYPE, "application/json").body(body.to_string());
    }
    let response = request.send().await.unwrap();
    let status = response.status().as_u16();
    let text = response.text().await.unwrap();
    (status, serde_json::from_str(&text).unwrap_or(Value::String(text)))
}

#[tokio::test]
async fn keys_are_listed_made_changed_and_deleted() {
    let (host, keys) = host().await;
    let manage = async |call: &str, body: Option<Value>| manage(&host, &keys, call, body).await;
    let (status, listed) = manage("GET /admin/functions/F/keys", None).await;
    assert_eq!((status, &listed["keys"][0]["name"]), (200, &json!("default")));
    assert_eq!(listed["links"], json!([{"rel": "self", "href": host.url("/admin/functions/F/keys")}]));
    let (status, made) = manage("POST /admin/host/functionkeys/Mine", None).await;
    assert_eq!((status, &made["name"]), (201, &json!("Mine")));
    assert_eq!(manage("POST /admin/host/keys/Mine", None).await.0, 200);
    let (status, put) = manage("PUT /admin/functions/f/keys/mine", Some(json!({"name": "mine", "value": "v"}))).await;
    assert_eq!((status, &put["value"]), (201, &json!("v")));
    assert_eq!(host.get("/api/f?code=v").await.status(), 200);
    assert_eq!(manage("GET /admin/functions/f/keys/mine", None).await.1["value"], "v");
    assert_eq!(manage("DELETE /admin/functions/f/keys/mine", None).await.0, 204);
    assert_eq!(host.get("/api/f?code=v").await.status(), 401);
    assert_eq!(manage("GET /admin/host/systemkeys/_master", None).await.1["value"], keys.master_key());
    let before = keys.master_key();
    let (status, master) = manage("POST /admin/host/systemkeys/_master", None).await;
    assert_eq!((status, master["value"].as_str().unwrap()), (201, keys.master_key().as_str()));
    assert_ne!(before, keys.master_key());
}

#[tokio::test]
async fn what_cannot_be_managed_is_refused() {
    let (host, keys) = host().await;
    for (call, body, expected) in [
        ("GET /admin/functions/unknown/keys", None, (404, "")),
        ("GET /admin/host/keys/unknown", None, (404, "")),
        ("DELETE /admin/host/keys/unknown", None, (404, "")),
        ("DELETE /admin/host/systemkeys/_master", None, (400, "Cannot delete System Key.")),
        ("PUT /admin/host/keys/k", Some(json!({})), (400, "Invalid key value")),
        ("PUT /admin/host/keys/k", None, (415, "")),
        ("PATCH /admin/host/keys/k", None, (404, "")),
    ] {
        let (status, answer) = manage(&host, &keys, call, body).await;
        assert_eq!((status, answer.as_str().unwrap()), expected, "{call}");
    }
}

#[tokio::test]
async fn without_keys_everybody_is_an_administrator_and_there_is_nothing_to_manage() {
    let answer = || async { axum::Json(json!({"Outputs": {"res": {"body": "ran"}}})) };
    let mut bindings = http();
    bindings[0]["authLevel"] = json!("function");
    let app = TestApp::new().function_json("off", &json!({"disabled": true, "bindings": bindings}));
    let host = app.start_attached(Router::new().route("/off", post(answer))).await;
    assert_eq!(host.get("/admin/host/keys").await.status(), 404);
    assert_eq!(host.get("/api/off").await.text().await.unwrap(), "ran");
    let warnings = host.events.logs(functions_host::events::LogLevel::Warning);
    assert!(warnings[0].starts_with("FH4005 off: the function is disabled and runs all the same"), "{warnings:?}");
}
