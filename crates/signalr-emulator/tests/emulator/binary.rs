//! The stand-alone program: it says where it is, serves, and ends when it is told to.

use std::net::TcpListener;
use std::path::Path;
use std::process::{Output, Stdio};
use std::time::{Duration, SystemTime};

use azure_signalr::ConnectionString;
use azure_signalr::token::{ClientToken, sign_rest};
use reqwest::StatusCode;
use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt, BufReader, Lines};
use tokio::process::{Child, ChildStdout, Command};

use crate::harness::Client;
use crate::webhook::Webhook;

const PATIENCE: Duration = Duration::from_secs(20);

fn emulator(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_signalr-emulator"));
    command.args(arguments).kill_on_drop(true).stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

type Printed = Lines<BufReader<ChildStdout>>;

/// Starts the program and reads what it prints up to its connection string.
async fn start(command: Command) -> (Child, String) {
    let (child, mut printed) = spawn(command);
    let line = line_with(&mut printed, "Endpoint=").await;
    (child, line)
}

fn spawn(mut command: Command) -> (Child, Printed) {
    let mut child = command.spawn().unwrap();
    let printed = BufReader::new(child.stdout.take().unwrap()).lines();
    (child, printed)
}

/// The next line that holds `text`.
async fn line_with(printed: &mut Printed, text: &str) -> String {
    let reading = async {
        while let Some(line) = printed.next_line().await.unwrap() {
            if line.contains(text) {
                return line.trim().to_owned();
            }
        }
        panic!("it ended without {text:?}");
    };
    tokio::time::timeout(PATIENCE, reading).await.unwrap()
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
async fn bad_options_are_refused_in_the_words_of_the_official_emulator() {
    let folder = tempfile::tempdir().unwrap();
    let (path, file) = (folder.path().to_str().unwrap(), folder.path().join("settings.json"));
    let missing = format!("Unable to find config file '{path}' or '{}'.\n", file.display());
    for (option, value, message) in [
        ("-p", "70000", "Invalid port value: 70000\n"),
        ("-i", "nowhere", "Invalid IP address value: nowhere\n"),
        ("-c", path, &missing),
    ] {
        let output = output(emulator(&["start", option, value])).await;
        assert_eq!(output.status.code(), Some(2), "{option}");
        assert_eq!(String::from_utf8(output.stderr).unwrap(), message);
    }
    for arguments in
        [&["start", "--access-key", ""][..], &["start", "--units", "2"], &["start", "--strict", "--lenient"]]
    {
        assert_eq!(output(emulator(arguments)).await.status.code(), Some(2), "{arguments:?}");
    }
}

fn settings(url: &str) -> String {
    json!({"UpstreamSettings": {"Templates": [{"UrlTemplate": url}]}}).to_string()
}

#[tokio::test]
async fn the_settings_of_the_current_folder_are_read_and_read_again_when_they_change() {
    let (mut first, mut second) = (Webhook::start().await, Webhook::start().await);
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("settings.json");
    std::fs::write(&file, settings(&first.url)).unwrap();
    let mut command = emulator(&["start", "-p", "0"]);
    command.current_dir(folder.path());
    let (_child, mut printed) = spawn(command);
    line_with(&mut printed, &format!("[0]{}(event:'*',hub:'*',category:'*')", first.url)).await;
    let connection = line_with(&mut printed, "Endpoint=").await.parse().unwrap();
    let _client = connect(&connection).await;
    first.expect("connected").await.answer(StatusCode::OK, "");
    std::fs::write(&file, "{ broken").unwrap();
    line_with(&mut printed, "the changed settings cannot be used; the former ones stay").await;
    let _client = connect(&connection).await;
    first.expect("connected").await.answer(StatusCode::OK, "");
    std::fs::write(&file, settings(&format!("{}/{{event}}", second.url))).unwrap();
    line_with(&mut printed, "took the changed settings").await;
    let _client = connect(&connection).await;
    assert_eq!(second.expect("connected").await.path, "/connected");
}

async fn connect(connection: &ConnectionString) -> Client {
    let token = ClientToken::new(&"chat".parse().unwrap()).sign(connection, SystemTime::now()).unwrap();
    let port = connection.endpoint().port().unwrap();
    Client::open_at(format!("http://127.0.0.1:{port}/client/?hub=chat&access_token={token}").parse().unwrap()).await
}

#[tokio::test]
async fn settings_that_are_broken_at_the_start_stop_it() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("settings.json"), settings("localhost:7071?code=secret")).unwrap();
    let output = output(emulator(&["start", "-p", "0", "-c", folder.path().to_str().unwrap()])).await;
    let message = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(1));
    assert!(
        message.contains("The Upstream url localhost:7071?*** is not in a validate absolute URI format."),
        "{message}"
    );
}

async fn run_in(folder: &Path, arguments: &[&str]) -> (Option<i32>, String) {
    let mut command = emulator(arguments);
    command.current_dir(folder).stdin(Stdio::null());
    let output = output(command).await;
    let printed = if output.status.success() { output.stdout } else { output.stderr };
    (output.status.code(), String::from_utf8(printed).unwrap())
}

#[tokio::test]
async fn upstream_init_writes_the_default_settings_and_overwrites_nothing_unasked() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path().canonicalize().unwrap();
    let file = folder.join("inner/settings.json");
    let (code, printed) = run_in(&folder, &["upstream", "init", "-o", "inner"]).await;
    assert_eq!((code, printed), (Some(0), format!("Exported default settings to '{}'.\n", file.display())));
    let (code, printed) = run_in(&folder, &["upstream", "list", "-c", "inner"]).await;
    let every = "[0]http://localhost:7071/runtime/webhooks/signalr(event:'*',hub:'*',category:'*')";
    let expected = format!("Loaded upstream settings from '{}'\nCurrent Upstream Settings:\n{every}\n", file.display());
    assert_eq!((code, printed), (Some(0), expected));
    std::fs::write(&file, "mine").unwrap();
    let (code, printed) = run_in(&folder, &["upstream", "init", "--output", "inner"]).await;
    assert_eq!(code, Some(1), "nobody can answer the question");
    assert!(printed.contains(&format!("Already contains '{}'", file.display())), "{printed}");
    assert_eq!(std::fs::read_to_string(&file).unwrap(), "mine");
}

#[tokio::test]
async fn without_settings_there_is_no_upstream_and_it_says_so() {
    let folder = tempfile::tempdir().unwrap();
    let (code, printed) = run_in(folder.path(), &["upstream", "list"]).await;
    assert_eq!(code, Some(0));
    assert!(
        printed.ends_with("No upstream is set yet. Use 'upstream init' to create default upstreams.\n"),
        "{printed}"
    );
}

#[tokio::test]
async fn events_can_be_one_json_object_per_line() {
    let (_child, mut printed) = spawn(emulator(&["start", "-p", "0", "--json"]));
    let mut next = async || {
        let line = tokio::time::timeout(PATIENCE, printed.next_line()).await.unwrap().unwrap().unwrap();
        serde_json::from_str::<Value>(&line).unwrap_or_else(|_| panic!("{line}"))
    };
    let listening = next().await;
    assert_eq!(listening["event"], "listening");
    let connection = listening["connectionString"].as_str().unwrap().parse().unwrap();
    let _client = connect(&connection).await;
    let connected = next().await;
    assert_eq!((&connected["event"], &connected["hub"]), (&json!("connected"), &json!("chat")), "{connected}");
    assert_eq!((&connected["number"], &connected["transport"]), (&json!(1), &json!("WebSockets")), "{connected}");
    let url: reqwest::Url = format!("{}api/hubs/chat/:send", connection.server_url()).parse().unwrap();
    let token = sign_rest(&connection, &url, SystemTime::now()).unwrap();
    let call = reqwest::Client::builder().no_proxy().build().unwrap().post(url).bearer_auth(token);
    let call = call.header("x-ms-client-request-id", "7").json(&json!({"target": "m"}));
    assert_eq!(call.send().await.unwrap().status(), 202);
    for expected in ["called", "sent", "delivered", "answered"] {
        let event = next().await;
        assert_eq!(event["event"], expected, "{event}");
        assert_eq!(event["call"], json!({"id": 1, "correlation": "7"}), "{event}");
    }
}
