//! The handler as a process: how it starts and how it ends.

use crate::harness::http;
use std::net::TcpListener;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

fn handler() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_handler"));
    command.env_clear().stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

async fn listening() -> (Child, u16) {
    let port = TcpListener::bind("127.0.0.1:0").and_then(|socket| socket.local_addr()).expect("a free port").port();
    let child = handler().env("FUNCTIONS_CUSTOMHANDLER_PORT", port.to_string()).spawn().expect("the handler starts");
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
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(78));
    let message = String::from_utf8(output.stderr).unwrap();
    assert!(message.contains("`FUNCTIONS_CUSTOMHANDLER_PORT` is `seventy`"), "{message}");
    assert!(message.contains("`AzureSignalRConnectionString` cannot be used"), "{message}");
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

#[cfg(unix)]
#[tokio::test]
async fn an_interrupt_or_a_terminate_ends_it_cleanly() {
    for signal in ["-INT", "-TERM"] {
        let (mut child, _) = listening().await;
        assert!(Command::new("kill").args([signal, &child.id().to_string()]).status().unwrap().success());
        assert_eq!(child.wait().unwrap().code(), Some(0), "{signal}");
    }
}
