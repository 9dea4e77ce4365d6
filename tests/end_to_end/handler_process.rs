//! The handler as a process: how it starts and how it ends.

use crate::harness::http;
use serde_json::Value;
use std::net::TcpListener;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

fn handler() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_handler"));
    command.env_clear().stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

async fn listening(mut handler: Command) -> (Child, u16) {
    let port = TcpListener::bind("127.0.0.1:0").and_then(|socket| socket.local_addr()).expect("a free port").port();
    let child = handler.env("FUNCTIONS_CUSTOMHANDLER_PORT", port.to_string()).spawn().expect("the handler starts");
    let deadline = Instant::now() + Duration::from_secs(20);
    while http().get(format!("http://127.0.0.1:{port}/")).send().await.is_err() {
        assert!(Instant::now() < deadline, "the handler does not answer");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    (child, port)
}

#[test]
fn started_by_hand_it_says_what_to_run_and_exits_64() {
    let output = handler().output().unwrap();
    assert_eq!(output.status.code(), Some(64));
    let message = String::from_utf8(output.stderr).unwrap();
    assert!(message.contains("run `cargo dev` or `func start` instead"), "{message}");
}

#[test]
fn settings_that_cannot_be_used_end_it_with_78_and_every_reason() {
    let output = handler()
        .env("FUNCTIONS_CUSTOMHANDLER_PORT", "seventy")
        .env("AzureSignalRConnectionString", "Endpoint=https://x;")
        .env("RUST_LOG", "!!bad=[`")
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(78));
    let message = String::from_utf8(output.stderr).unwrap();
    assert!(message.contains("`FUNCTIONS_CUSTOMHANDLER_PORT` is `seventy`"), "{message}");
    assert!(message.contains("`AzureSignalRConnectionString` cannot be used"), "{message}");
    assert!(message.contains("`RUST_LOG` is `!!bad=[`"), "{message}");
}

#[test]
fn a_port_that_is_taken_ends_it_with_a_reason() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port().to_string();
    let output = handler().env("FUNCTIONS_CUSTOMHANDLER_PORT", port).output().unwrap();
    assert_eq!(output.status.code(), Some(1));
    let log = String::from_utf8(output.stdout).unwrap();
    assert!(log.contains("the handler cannot serve"), "{log}");
}

/// The status that the handler at `port` sends when its timer fires.
async fn status(port: u16) -> Value {
    let invocation = r#"{"Data":{"timer":{"IsPastDue":false}},"Metadata":{}}"#;
    let reply = http().post(format!("http://127.0.0.1:{port}/statusUpdate")).body(invocation).send().await;
    let reply = reply.expect("the handler answers");
    let mut result: Value = reply.json().await.expect("an envelope");
    result["Outputs"]["signalRMessages"][0]["arguments"][0].take()
}

/// A machine without certificate authorities, such as a bare container.
fn handler_without_certificate_authorities(connection_string: &str) -> Command {
    let mut handler = handler();
    handler.env("SSL_CERT_FILE", "/nowhere/file").env("SSL_CERT_DIR", "/nowhere/folder");
    handler.env("AzureSignalRConnectionString", connection_string);
    handler
}

fn ended(mut child: Child) -> String {
    child.kill().expect("the handler is still there");
    String::from_utf8(child.wait_with_output().expect("its output is piped").stdout).expect("text")
}

#[tokio::test]
async fn a_plain_http_service_is_healthy_even_where_there_are_no_certificate_authorities() {
    let service = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let service_port = service.local_addr().unwrap().port();
    let app = axum::Router::new().route("/api/health", axum::routing::get(async || "well"));
    tokio::spawn(async { axum::serve(service, app).await });
    let connection_string = format!("Endpoint=http://127.0.0.1;Port={service_port};AccessKey=x;");
    let (child, port) = listening(handler_without_certificate_authorities(&connection_string)).await;
    let status = status(port).await;
    let log = ended(child);
    assert_eq!(status["servicesHealthy"], true, "{log}");
}

// Elsewhere the system itself keeps the authorities, and no variable takes them away.
#[cfg(target_os = "linux")]
#[tokio::test]
async fn a_service_that_cannot_be_asked_is_tried_again_and_its_health_is_not_known() {
    let handler = handler_without_certificate_authorities("Endpoint=https://127.0.0.1;Port=1;AccessKey=x;");
    let (child, port) = listening(handler).await;
    for _ in 0..2 {
        assert_eq!(status(port).await["servicesHealthy"], Value::Null);
    }
    let log = ended(child);
    assert_eq!(log.matches("no HTTP client can be built").count(), 2, "{log}");
    // Why not, and not only that reqwest's builder says so.
    assert!(log.contains("builder error: "), "{log}");
}

#[tokio::test]
async fn a_service_that_is_not_there_is_unhealthy_and_the_log_says_why() {
    let port = TcpListener::bind("127.0.0.1:0").and_then(|socket| socket.local_addr()).expect("a free port").port();
    let mut handler = handler();
    handler.env("AzureSignalRConnectionString", format!("Endpoint=http://127.0.0.1;Port={port};AccessKey=x;"));
    let (child, port) = listening(handler).await;
    assert_eq!(status(port).await["servicesHealthy"], false);
    let log = ended(child);
    assert!(log.contains("SignalR Service is not healthy") && log.contains("onnection refused"), "{log}");
}

#[cfg(unix)]
#[tokio::test]
async fn an_interrupt_or_a_terminate_ends_it_cleanly() {
    for signal in ["-INT", "-TERM"] {
        let (mut child, _) = listening(handler()).await;
        assert!(Command::new("kill").args([signal, &child.id().to_string()]).status().unwrap().success());
        assert_eq!(child.wait().unwrap().code(), Some(0), "{signal}");
    }
}
