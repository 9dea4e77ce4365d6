//! `cargo dev` as a command: what it says when it cannot start, and what is left when it ends.

use std::fs;
use std::net::TcpListener;
use std::process::{Command, Output};
use tempfile::TempDir;

const HOST_JSON: &str = r#"{"version":"2.0","customHandler":{"description":{"defaultExecutablePath":"no-such-handler"}},
    "extensionBundle":{"id":"Microsoft.Azure.Functions.ExtensionBundle","version":"[4.*, 5.0.0)"}}"#;
const FUNCTION_JSON: &str = r#"{"bindings":[{"type":"httpTrigger","direction":"in","name":"req"},{"type":"http","direction":"out","name":"res"}]}"#;

fn app(host_json: &str, function_json: &str) -> TempDir {
    let app = tempfile::tempdir().expect("a folder for the app");
    fs::write(app.path().join("host.json"), host_json).expect("host.json is written");
    fs::create_dir(app.path().join("hello")).expect("a function folder");
    fs::write(app.path().join("hello/function.json"), function_json).expect("function.json is written");
    app
}

/// Runs `cargo dev` for an app until it ends by itself.
fn dev(app: &TempDir, options: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_local-stack"))
        .arg("--app")
        .arg(app.path())
        .args(options)
        .output()
        .expect("the program of this package can be run")
}

#[track_caller]
fn check_refused(output: &Output, expected: &[&str]) {
    let message = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{message}");
    for part in expected {
        assert!(message.contains(part), "`{part}` is not in: {message}");
    }
    assert!(!String::from_utf8_lossy(&output.stdout).contains("Ready:"));
}

const FREE_PORTS: [&str; 4] = ["--port", "0", "--signalr-port", "0"];

#[test]
fn a_busy_port_is_named_with_the_option_that_changes_it() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port().to_string();
    let app = app(HOST_JSON, FUNCTION_JSON);
    check_refused(
        &dev(&app, &["--port", &port, "--signalr-port", "0"]),
        &[&format!("port {port} is in use"), "choose another one with --port"],
    );
    check_refused(
        &dev(&app, &["--port", "0", "--signalr-port", &port]),
        &[&format!("port {port} is in use"), "choose another one with --signalr-port"],
    );
}

#[test]
fn a_folder_that_is_no_function_app_is_refused() {
    let empty = tempfile::tempdir().unwrap();
    check_refused(&dev(&empty, &FREE_PORTS), &["host.json"]);
    let output = Command::new(env!("CARGO_BIN_EXE_local-stack")).current_dir(&empty).output().unwrap();
    check_refused(&output, &["no host.json in", "name one with --app"]);
}

#[test]
fn a_broken_host_json_is_refused_with_the_place() {
    check_refused(&dev(&app("{\n  \"version\" 2\n}", FUNCTION_JSON), &FREE_PORTS), &["host.json", "line 2"]);
    check_refused(&dev(&app(r#"{"version":"2.0"}"#, FUNCTION_JSON), &FREE_PORTS), &["host.json"]);
}

#[test]
fn a_broken_function_json_is_refused_by_name() {
    let broken = app(HOST_JSON, "{\"bindings\":[");
    check_refused(&dev(&broken, &FREE_PORTS), &["The 'hello' function is in error", "not valid JSON"]);
    let no_trigger = app(HOST_JSON, r#"{"bindings":[{"type":"http","direction":"out","name":"res"}]}"#);
    check_refused(&dev(&no_trigger, &FREE_PORTS), &["The 'hello' function is in error: No trigger binding specified."]);
}

#[test]
fn a_handler_that_is_not_there_is_named_and_the_host_gives_up() {
    let output = dev(&app(HOST_JSON, FUNCTION_JSON), &FREE_PORTS);
    check_refused(&output, &["Exceeded http worker restart retry count. Shutting down Functions Host"]);
    let log = String::from_utf8_lossy(&output.stdout);
    assert!(log.contains("Failed to start Worker Channel. Process fileName: no-such-handler"), "{log}");
}

#[cfg(unix)]
#[test]
fn an_interrupt_ends_everything_and_frees_the_ports() {
    use std::io::{BufRead, BufReader};
    use std::process::Stdio;

    let app = app(HOST_JSON, FUNCTION_JSON);
    // Without functions no handler is started, and there is nothing else that could end.
    fs::remove_dir_all(app.path().join("hello")).unwrap();
    let mut child = Command::new(env!("CARGO_BIN_EXE_local-stack"))
        .arg("--app")
        .arg(app.path())
        .args(FREE_PORTS)
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let lines = BufReader::new(child.stdout.take().unwrap()).lines().map(Result::unwrap);
    let ready = lines.into_iter().find(|line| line.starts_with("Ready: ")).expect("it gets ready");
    assert!(Command::new("kill").args(["-INT", &child.id().to_string()]).status().unwrap().success());
    assert_eq!(child.wait().unwrap().code(), Some(0));
    for address in ready.split(' ').filter_map(|word| word.split_once("=http://")).map(|(_, address)| address) {
        TcpListener::bind(address).expect("the port is free again");
    }
}
