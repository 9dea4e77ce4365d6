//! A custom handler for this crate's tests, which start it as a real process. Its arguments say how it misbehaves:
//!
//! `test_handler PORT [BEHAVIOUR]`, where `BEHAVIOUR` is `obey` (the default: functions do what they are told), `late`,
//! `never-listen`, `ignore-interrupts` or `exit-CODE`. As a child of itself it gets `idle` instead of a port.

use std::net::Ipv4Addr;
use std::process::{Command, ExitCode, Stdio};
use std::time::Duration;

use axum::Router;
use axum::extract::State;
use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::sync::mpsc;

/// Longer than any test.
const FOREVER: Duration = Duration::from_secs(600);

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let first = arguments.first().map(String::as_str);
    let behaviour = arguments.get(1).map_or("obey", String::as_str);
    if let Some(code) = behaviour.strip_prefix("exit-").and_then(|code| code.parse::<u8>().ok()) {
        write_line("leaving at once");
        ["first complaint", "second complaint", "third complaint", "fourth complaint"].into_iter().for_each(complain);
        return ExitCode::from(code);
    }
    match (first, behaviour) {
        (Some("idle"), _) | (_, "never-listen") => tokio::time::sleep(FOREVER).await,
        (Some(port), _) => {
            if behaviour == "late" {
                tokio::time::sleep(Duration::from_millis(300)).await;
            }
            return serve(port, behaviour == "ignore-interrupts").await;
        }
        (None, _) => complain("usage: test_handler PORT [BEHAVIOUR]"),
    }
    ExitCode::FAILURE
}

async fn serve(port: &str, ignores_interrupts: bool) -> ExitCode {
    let port: u16 = port.parse().expect("the first argument is a port");
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, port)).await.expect("the port is free");
    let (exit, mut exits) = mpsc::channel(1);
    let app = Router::new()
        .route("/", get(|| async { "ready" }))
        .route("/describe", post(describe))
        .route("/exit", post(leave))
        .route("/hang", post(|| async { tokio::time::sleep(FOREVER).await }))
        .route("/spawn", post(spawn_child))
        .with_state(exit);
    tokio::spawn(async { axum::serve(listener, app).await });
    loop {
        tokio::select! {
            Some(code) = exits.recv() => return ExitCode::from(code),
            result = tokio::signal::ctrl_c() => if result.is_ok() {
                write_line("interrupted");
                if !ignores_interrupts {
                    return ExitCode::SUCCESS;
                }
            },
        }
    }
}

/// What the host gave this process.
#[expect(clippy::disallowed_methods, reason = "the test looks at the environment that the host made")]
async fn describe() -> Response {
    let environment: serde_json::Map<String, Value> =
        std::env::vars().map(|(name, value)| (name, json!(value))).collect();
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let directory = std::env::current_dir().unwrap_or_default();
    let body = json!({
        "pid": std::process::id(),
        "environment": environment,
        "arguments": arguments,
        "directory": directory.to_string_lossy(),
    });
    answer(&body.to_string())
}

/// Ends the process with the code in the request's body, without answering.
async fn leave(State(exit): State<mpsc::Sender<u8>>, invocation: String) -> Response {
    let invocation: Value = serde_json::from_str(&invocation).unwrap_or_default();
    let code = invocation["Data"]["req"]["Body"].as_str().and_then(|code| code.parse().ok()).unwrap_or(1);
    complain("leaving as told");
    let _ = exit.send(code).await;
    tokio::time::sleep(FOREVER).await;
    answer("")
}

/// Starts a child that outlives this process unless somebody ends it; says its process id.
async fn spawn_child() -> Response {
    let program = std::env::current_exe().expect("a running program has a path");
    let child = Command::new(program).arg("idle").stdout(Stdio::null()).stderr(Stdio::null()).spawn();
    answer(&child.expect("this program can start itself").id().to_string())
}

fn answer(body: &str) -> Response {
    let envelope = json!({"Outputs": {"res": {"body": body}}});
    ([(CONTENT_TYPE, "application/json")], envelope.to_string()).into_response()
}

fn write_line(line: &str) {
    use std::io::Write as _;
    let _ = writeln!(std::io::stdout(), "{line}");
}

fn complain(line: &str) {
    use std::io::Write as _;
    let _ = writeln!(std::io::stderr(), "{line}");
}
