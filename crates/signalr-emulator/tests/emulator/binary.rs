//! The stand-alone program: it says where it is, serves, and ends when it is told to.

use std::net::TcpListener;
use std::process::{Output, Stdio};
use std::time::Duration;

use azure_signalr::ConnectionString;
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::{Child, Command};

const PATIENCE: Duration = Duration::from_secs(20);

fn emulator(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_signalr-emulator"));
    command.args(arguments).kill_on_drop(true).stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

/// Starts the program and reads what it prints up to its connection string.
async fn start(mut command: Command) -> (Child, String) {
    let mut child = command.spawn().unwrap();
    let mut lines = BufReader::new(child.stdout.as_mut().unwrap()).lines();
    let reading = async {
        while let Some(line) = lines.next_line().await.unwrap() {
            if line.contains("Endpoint=") {
                return line.trim().to_owned();
            }
        }
        panic!("it ended without a connection string");
    };
    let line = tokio::time::timeout(PATIENCE, reading).await.unwrap();
    (child, line)
}

async fn output(mut command: Command) -> Output {
    tokio::time::timeout(PATIENCE, command.output()).await.unwrap().unwrap()
}

async fn is_healthy(connection_string: &str) -> bool {
    let connection: ConnectionString = connection_string.parse().unwrap();
    let http = reqwest::Client::builder().no_proxy().build().unwrap();
    let url = format!("{}api/health", connection.server_url());
    http.head(url).send().await.is_ok_and(|answer| answer.status() == 200)
}

#[tokio::test]
async fn it_prints_the_connection_string_of_the_official_emulator() {
    let (_child, text) = start(emulator(&["start", "-p", "0", "-i", "127.0.0.1"])).await;
    let port = text.split("Port=").nth(1).unwrap().split(';').next().unwrap();
    let key = "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789ABCDEFGH";
    assert_eq!(text, format!("Endpoint=http://localhost;Port={port};AccessKey={key};Version=1.0;"));
    assert!(is_healthy(&text.replace("localhost", "127.0.0.1")).await);
}

#[tokio::test]
async fn the_key_comes_as_an_option_or_from_the_environment() {
    let (_child, text) = start(emulator(&["start", "-p", "0", "--access-key", "by option"])).await;
    assert!(text.contains("AccessKey=by option;"), "{text}");
    let mut command = emulator(&["start", "-p", "0"]);
    command.env("SIGNALR_EMULATOR_ACCESS_KEY", "by environment");
    let (_child, text) = start(command).await;
    assert!(text.contains("AccessKey=by environment;"), "{text}");
}

#[cfg(unix)]
#[tokio::test]
async fn a_signal_ends_it_in_order() {
    use rustix::process::{Pid, Signal, kill_process};
    for signal in [Signal::TERM, Signal::INT] {
        let (mut child, _) = start(emulator(&["start", "-p", "0"])).await;
        let pid = Pid::from_raw(child.id().unwrap().try_into().unwrap()).unwrap();
        kill_process(pid, signal).unwrap();
        let status = tokio::time::timeout(PATIENCE, child.wait()).await.unwrap().unwrap();
        assert_eq!(status.code(), Some(0), "{signal:?}");
    }
}

#[tokio::test]
async fn a_busy_port_is_one_clear_message() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap();
    let output = output(emulator(&["start", "-p", &address.port().to_string()])).await;
    assert_eq!(output.status.code(), Some(1));
    assert_eq!(String::from_utf8(output.stdout).unwrap(), "");
    let message = String::from_utf8(output.stderr).unwrap();
    let expected = format!("signalr-emulator: cannot listen on {address}; end what uses that port");
    assert!(message.starts_with(&expected), "{message}");
    assert_eq!(message.lines().count(), 1, "{message}");
}

#[tokio::test]
async fn bad_options_are_refused() {
    for arguments in [["start", "-p", "70000"], ["start", "-i", "nowhere"], ["start", "--access-key", ""]] {
        let output = output(emulator(&arguments)).await;
        assert_eq!(output.status.code(), Some(2), "{arguments:?}");
    }
}
