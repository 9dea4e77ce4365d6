//! The inspector of a running stack: what it says as JSON, whom it refuses, and what may be done through it.

use std::time::Duration;

use axum::routing::post;
use axum::{Json, Router};
use futures_util::StreamExt as _;
use local_stack::{Handler, LocalStack, Part, StackOptions};
use reqwest::{Client, RequestBuilder, Response, StatusCode};
use serde_json::{Value, json};
use tempfile::TempDir;

/// Far more than anything here takes.
const DEADLINE: Duration = Duration::from_secs(20);

/// A stack with an inspector, and somebody who asks it.
struct Inspected {
    stack: LocalStack,
    url: String,
    http: Client,
    _folder: TempDir,
}

impl Inspected {
    async fn start() -> Self {
        let folder = app();
        let functions = Router::new()
            .route("/send", post(async || Json(json!({"Outputs": {"messages": [{"target": "m", "userId": "Alice"}]}}))))
            .route("/negotiate", post(negotiate))
            .route("/tick", post(async || Json(json!({"Logs": ["ticked"]}))));
        let options = StackOptions {
            handler: Handler::in_process(functions),
            inspector_port: Some(0),
            ..StackOptions::new(folder.path())
        };
        let stack = LocalStack::start(options).await.expect("the stack starts on free ports");
        let url = stack.inspector_url().expect("it has an inspector");
        let http = Client::builder().no_proxy().timeout(DEADLINE).build().expect("a plain client");
        Self { stack, url, http, _folder: folder }
    }

    async fn send(&self, request: RequestBuilder) -> Response {
        request.send().await.expect("the inspector answers")
    }

    async fn get(&self, path: &str) -> Value {
        self.send(self.http.get(format!("{}{path}", self.url))).await.json().await.expect("JSON")
    }

    async fn post(&self, path: &str, body: &Value) -> (StatusCode, Value) {
        let answer = self.send(self.http.post(format!("{}{path}", self.url)).json(body)).await;
        (answer.status(), answer.json().await.expect("JSON"))
    }

    /// Asks until `find` finds something in the state.
    async fn until<T>(&self, find: impl Fn(&Value) -> Option<T>) -> T {
        let answer = self.send(self.http.get(format!("{}/api/states", self.url))).await;
        let (mut states, mut text) = (answer.bytes_stream(), String::new());
        loop {
            let chunk = states.next().await.expect("states go on").expect("the stream is whole");
            text.push_str(&String::from_utf8_lossy(&chunk));
            let last = text.rsplit("data: ").find_map(|data| serde_json::from_str(data.split('\n').next()?).ok());
            if let Some(found) = last.as_ref().and_then(&find) {
                return found;
            }
        }
    }
}

/// Hands the token of the binding on, as a negotiate function does.
async fn negotiate(Json(invocation): Json<Value>) -> Json<Value> {
    let info: Value = serde_json::from_str(invocation["Data"]["info"].as_str().expect("text")).expect("JSON in text");
    Json(json!({"Outputs": {"res": {"body": info}}}))
}

fn app() -> TempDir {
    let folder = tempfile::tempdir().expect("a folder");
    let bundle = json!({"id": "Microsoft.Azure.Functions.ExtensionBundle", "version": "[4.*, 5.0.0)"});
    let handler = json!({"description": {"defaultExecutablePath": "in-this-process"}});
    write(&folder, "host.json", &json!({"version": "2.0", "extensionBundle": bundle, "customHandler": handler}));
    let http = json!({"type": "httpTrigger", "direction": "in", "name": "req", "authLevel": "anonymous"});
    let response = json!({"type": "http", "direction": "out", "name": "res"});
    let output = json!({"type": "signalR", "direction": "out", "name": "messages", "hubName": "chat"});
    let info = json!({"type": "signalRConnectionInfo", "direction": "in", "name": "info", "hubName": "chat"});
    let schedule = "0 0 0 1 1 *";
    let timer =
        json!({"type": "timerTrigger", "direction": "in", "name": "timer", "schedule": schedule, "useMonitor": false});
    for (name, bindings) in [
        ("send", vec![&http, &response, &output]),
        ("negotiate", vec![&http, &response, &info]),
        ("tick", vec![&timer]),
    ] {
        std::fs::create_dir(folder.path().join(name)).expect("a function folder");
        write(&folder, &format!("{name}/function.json"), &json!({"bindings": bindings}));
    }
    folder
}

fn write(folder: &TempDir, file: &str, content: &Value) {
    std::fs::write(folder.path().join(file), content.to_string()).expect("the file is written");
}

#[tokio::test]
async fn a_call_is_followed_to_the_user_who_is_not_there() {
    let inspected = Inspected::start().await;
    let (status, answer) = inspected.post("/api/call", &json!({"target": "/api/send?code=key", "body": "hi"})).await;
    assert_eq!((status, &answer["status"]), (StatusCode::OK, &json!(200)), "{answer}");
    // The key in the query is not part of what is shown, so the chain is found by its function.
    let list = inspected.get("/api/chains?q=send").await;
    assert_eq!(list["chains"][0]["cause"], "POST /api/send?code=***", "{list}");
    assert_eq!(list["chains"][0]["verdict"]["text"], "nobody is connected to hub `chat`");
    let whole = inspected.get(&format!("/api/chains/{}", list["chains"][0]["id"])).await;
    let chain = &whole["chain"];
    assert_eq!(chain["origin"]["body"]["text"], "hi");
    assert_eq!(chain["invocation"]["function"], "send");
    assert_eq!(chain["invocation"]["outputs"][0]["name"], "messages");
    assert_eq!(chain["calls"][0]["path"], "/api/hubs/chat/users/Alice/:send");
    assert_eq!(chain["calls"][0]["effects"][0]["to"], json!({"user": "Alice"}));
    inspected.stack.shutdown().await;
}

#[tokio::test]
async fn the_state_names_the_parts_and_follows_a_restart_of_the_service() {
    let mut inspected = Inspected::start().await;
    let state = inspected.get("/api/state").await;
    let names: Vec<_> = state["host"]["functions"].as_array().unwrap().iter().map(|one| &one["name"]).collect();
    assert_eq!(names, ["negotiate", "send", "tick"]);
    assert!(state["service"]["address"].as_str().unwrap().starts_with("http://localhost:"));
    assert!(!state.to_string().contains("AccessKey"));
    inspected.stack.stop(Part::Emulator).await.unwrap();
    assert_eq!(inspected.get("/api/state").await["service"], Value::Null);
    let (status, answer) = inspected.post("/api/token", &json!({"token": "x"})).await;
    assert_eq!(status, StatusCode::CONFLICT, "{answer}");
    inspected.stack.start_again(Part::Emulator).await.unwrap();
    assert!(inspected.get("/api/state").await["service"].is_object());
    inspected.stack.shutdown().await;
}

#[tokio::test]
async fn a_timer_is_listed_with_its_next_run_and_runs_when_it_is_told_to() {
    let inspected = Inspected::start().await;
    let next = inspected.until(|state| state["timers"][0]["next"].as_str().map(str::to_owned)).await;
    assert!(next.contains("-01-01T"), "{next}");
    assert_eq!(inspected.post("/api/timers/tick/run", &json!({})).await.0, StatusCode::OK);
    let last = inspected.until(|state| Some(state["timers"][0]["last"].clone()).filter(Value::is_object)).await;
    assert_eq!(last["error"], Value::Null);
    let log = inspected.get("/api/log?q=ticked").await;
    assert_eq!(log["lines"][0]["source"], "handler", "{log}");
    for name in ["none", "send", "..%2Fhost%2Frestart"] {
        let refused = inspected.post(&format!("/api/timers/{name}/run"), &json!({})).await;
        assert_eq!(refused.0, StatusCode::NOT_FOUND, "{name}");
    }
    inspected.stack.shutdown().await;
}

#[tokio::test]
async fn messages_and_memberships_go_through_the_service_and_bad_names_are_refused() {
    let inspected = Inspected::start().await;
    let message = |to: Value| json!({"hub": "chat", "to": to, "target": "m", "arguments": [1.0, "x"]});
    let (status, sent) = inspected.post("/api/send", &message(json!({"kind": "all"}))).await;
    assert_eq!(status, StatusCode::OK, "{sent}");
    let chain = inspected.get(&format!("/api/chains/{}", sent["chain"])).await;
    assert_eq!(chain["chain"]["origin"]["kind"], "inspector");
    assert_eq!(chain["chain"]["calls"][0]["status"], 202);
    let join = json!({"hub": "chat", "group": "g", "action": "join", "member": {"kind": "user", "id": "bob"}});
    assert_eq!(inspected.post("/api/membership", &join).await.0, StatusCode::OK);
    assert_eq!(inspected.get("/api/groups").await["users"][0]["userId"], "bob");
    for to in [
        json!({"kind": "user", "id": ""}),
        json!({"kind": "group", "id": "."}),
        json!({"kind": "nobody"}),
        json!("all"),
    ] {
        let (status, answer) = inspected.post("/api/send", &message(to)).await;
        assert!(status.is_client_error(), "{answer}");
        assert!(answer["error"].as_str().unwrap().len() > 10, "{answer}");
    }
    for (path, status) in [("/api/connections/x/cut", 404), ("/api/connections/x/close", 404), ("/api/none", 404)] {
        assert_eq!(inspected.post(path, &json!({})).await.0.as_u16(), status, "{path}");
    }
    inspected.stack.shutdown().await;
}

#[tokio::test]
async fn a_client_gets_its_token_and_nobody_sees_it_later() {
    let inspected = Inspected::start().await;
    let (status, info) = inspected.post("/api/negotiate", &json!({"target": "/api/negotiate"})).await;
    assert_eq!(status, StatusCode::OK, "{info}");
    let token = info["accessToken"].as_str().unwrap();
    let (_, decoded) = inspected.post("/api/token", &json!({"token": token})).await;
    assert_eq!(
        (&decoded["accepted"], &decoded["claims"]["aud"]),
        (&json!(true), &json!("http://localhost/client/?hub=chat"))
    );
    let chains = inspected.get("/api/chains").await;
    let mut seen = inspected.get("/api/log").await.to_string() + &chains.to_string();
    for chain in chains["chains"].as_array().unwrap() {
        seen += &inspected.get(&format!("/api/chains/{}", chain["id"])).await.to_string();
    }
    assert!(seen.contains("***") && !seen.contains(token.rsplit('.').next().unwrap()), "{seen}");
    let (status, answer) = inspected.post("/api/negotiate", &json!({"target": "/api/send"})).await;
    assert_eq!(status, StatusCode::BAD_GATEWAY, "{answer}");
    inspected.stack.shutdown().await;
}

#[tokio::test]
async fn other_names_other_pages_and_forms_are_refused_everywhere() {
    let inspected = Inspected::start().await;
    let paths =
        ["/", "/js/app.js", "/api", "/api/state", "/api/chains", "/api/connections", "/api/events", "/api/states"];
    for path in paths {
        for (name, value, status) in [
            ("host", "evil.example", 421),
            ("origin", "http://evil.example", 403),
            ("sec-fetch-site", "cross-site", 403),
        ] {
            let answer =
                inspected.send(inspected.http.get(format!("{}{path}", inspected.url)).header(name, value)).await;
            assert_eq!(answer.status().as_u16(), status, "{path} {name}");
            assert!(!answer.headers().contains_key("access-control-allow-origin"));
        }
    }
    let form = inspected.http.post(format!("{}/api/send", inspected.url)).body("{}");
    assert_eq!(inspected.send(form.header("content-type", "text/plain")).await.status().as_u16(), 415);
    let page = inspected.send(inspected.http.get(&inspected.url)).await;
    let policy = page.headers()["content-security-policy"].to_str().unwrap().to_owned();
    assert!(policy.starts_with("default-src 'none'; script-src 'self';") && !policy.contains("unsafe"), "{policy}");
    let port = inspected.stack.signalr_url().unwrap().rsplit(':').next().unwrap().to_owned();
    assert!(policy.contains(&format!("ws://localhost:{port} ")), "{policy}");
    inspected.stack.shutdown().await;
}

#[tokio::test]
async fn the_log_is_a_stream_that_goes_on_where_a_reader_was() {
    let inspected = Inspected::start().await;
    let lines = inspected.get("/api/log").await["lines"].as_array().unwrap().clone();
    let (before_last, last) = (&lines[lines.len() - 2]["number"], &lines[lines.len() - 1]);
    let request = inspected.http.get(format!("{}/api/events", inspected.url));
    let answer = inspected.send(request.header("last-event-id", before_last.to_string())).await;
    let first = answer.bytes_stream().next().await.unwrap().unwrap();
    let text = String::from_utf8_lossy(&first).into_owned();
    assert!(text.contains(&format!("id: {}", last["number"])), "{text}");
    inspected.stack.shutdown().await;
}
