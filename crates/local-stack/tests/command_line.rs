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
        .arg("--no-watch")
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

const FREE_PORTS: [&str; 6] = ["--port", "0", "--signalr-port", "0", "--inspector-port", "0"];

#[test]
fn a_busy_port_is_named_with_the_option_that_changes_it() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port().to_string();
    let app = app(HOST_JSON, FUNCTION_JSON);
    check_refused(
        &dev(&app, &["--port", &port, "--signalr-port", "0", "--no-inspector"]),
        &[&format!("port {port} is in use"), "choose another one with --port"],
    );
    check_refused(
        &dev(&app, &["--port", "0", "--signalr-port", &port, "--no-inspector"]),
        &[&format!("port {port} is in use"), "choose another one with --signalr-port"],
    );
    check_refused(
        &dev(&app, &["--port", "0", "--signalr-port", "0", "--inspector-port", &port]),
        &[&format!("port {port} is in use"), "choose another one with --inspector-port"],
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
    check_refused(&dev(&app(r#"{"version":"2.0"}"#, FUNCTION_JSON), &FREE_PORTS), &["host.json", "customHandler"]);
}

#[test]
fn a_broken_function_json_is_refused_by_name() {
    let broken = app(HOST_JSON, "{\"bindings\":[");
    check_refused(&dev(&broken, &FREE_PORTS), &["The 'hello' function is in error", "not valid JSON"]);
    let no_trigger = app(HOST_JSON, r#"{"bindings":[{"type":"http","direction":"out","name":"res"}]}"#);
    check_refused(&dev(&no_trigger, &FREE_PORTS), &["The 'hello' function is in error: No trigger binding specified."]);
}

#[test]
fn a_handler_that_is_not_there_is_named() {
    let output = dev(&app(HOST_JSON, FUNCTION_JSON), &FREE_PORTS);
    check_refused(
        &output,
        &["the handler does not start: Failed to start Worker Channel. Process fileName: no-such-handler", "host.json"],
    );
}

#[cfg(unix)]
#[test]
fn a_handler_that_ends_before_it_listens_is_named_at_once() {
    let output = dev(&app(&HOST_JSON.replace("no-such-handler", "true"), FUNCTION_JSON), &FREE_PORTS);
    check_refused(&output, &["the handler does not start", "the handler ended with exit code 0 before it listened"]);
}

#[test]
fn without_an_emulator_a_connection_string_is_asked_for() {
    let output = r#"{"bindings":[{"type":"httpTrigger","direction":"in","name":"req"},{"type":"signalR","direction":"out","name":"m",
        "hubName":"h","connectionStringSetting":"MySignalR"}]}"#;
    let app = app(HOST_JSON, output);
    check_refused(&dev(&app, &["--port", "0", "--no-emulator", "--no-inspector"]), &["`MySignalR` is not set"]);
}

#[cfg(unix)]
mod running {
    use super::*;
    use std::io::{BufRead, BufReader};
    use std::os::unix::fs::PermissionsExt;
    use std::path::Path;
    use std::process::{Child, ChildStdout, Stdio};
    use std::time::{Duration, Instant};

    /// A `cargo dev` in the background, and what it prints.
    struct Dev {
        child: Child,
        lines: BufReader<ChildStdout>,
    }

    impl Dev {
        fn start(app: &TempDir) -> Dev {
            Dev::start_with(app, &[])
        }

        fn start_with(app: &TempDir, options: &[&str]) -> Dev {
            let mut child = Command::new(env!("CARGO_BIN_EXE_local-stack"))
                .arg("--app")
                .arg(app.path())
                .args(FREE_PORTS)
                .args(options)
                .stdout(Stdio::piped())
                .spawn()
                .expect("the program of this package can be run");
            let lines = BufReader::new(child.stdout.take().expect("stdout was piped"));
            Dev { child, lines }
        }

        /// Reads on until a line contains `text`.
        fn until(&mut self, text: &str) -> String {
            let mut line = String::new();
            while !line.contains(text) {
                line.clear();
                assert!(self.lines.read_line(&mut line).expect("lines are text") > 0, "`{text}` is never printed");
            }
            line
        }

        /// What is printed until the end.
        fn rest(&mut self) -> Vec<String> {
            (&mut self.lines).lines().collect::<Result<_, _>>().expect("lines are text")
        }

        fn signal(&self, signal: &str) {
            let kill = Command::new("kill").args([signal, &self.child.id().to_string()]).status();
            let sent = kill.expect("`kill` can be run");
            assert!(sent.success());
        }
    }

    /// An app without functions: no handler is started for it.
    fn empty_app() -> TempDir {
        let app = app(HOST_JSON, FUNCTION_JSON);
        fs::remove_dir_all(app.path().join("hello")).expect("the function folder is there");
        app
    }

    fn addresses(ready: &str) -> Vec<&str> {
        ready.split_whitespace().filter_map(|word| word.split_once("=http://")).map(|(_, address)| address).collect()
    }

    #[test]
    fn every_wish_to_end_ends_everything_and_frees_the_ports() {
        for signal in ["-INT", "-TERM", "-HUP", "-QUIT"] {
            let app = empty_app();
            let mut dev = Dev::start(&app);
            let ready = dev.until("Ready: ");
            dev.signal(signal);
            assert_eq!(dev.child.wait().unwrap().code(), Some(0), "{signal}");
            for address in addresses(&ready) {
                TcpListener::bind(address).expect("the port is free again");
            }
        }
    }

    #[test]
    fn as_json_every_line_is_an_object_from_the_start_to_the_end() {
        let app = empty_app();
        let mut dev = Dev::start_with(&app, &["--json"]);
        let ready: serde_json::Value = serde_json::from_str(&dev.until("\"ready\"")).unwrap();
        assert_eq!((&ready["source"], &ready["pid"]), (&"dev".into(), &serde_json::Value::Null));
        let emulator = ready["signalr"].as_str().unwrap().trim_start_matches("http://").to_owned();
        assert_eq!(refused_negotiate(&emulator), 401);
        let refused: serde_json::Value = serde_json::from_str(&dev.until("\"refused\"")).unwrap();
        assert_eq!((&refused["source"], &refused["status"]), (&"emulator".into(), &401.into()));
        dev.signal("-INT");
        for line in dev.rest() {
            serde_json::from_str::<serde_json::Value>(&line).unwrap_or_else(|error| panic!("{error}: {line}"));
        }
        assert_eq!(dev.child.wait().unwrap().code(), Some(0));
    }

    #[test]
    fn a_handler_that_does_not_start_is_waited_for_and_callers_are_told() {
        let app = app(&HOST_JSON.replace("no-such-handler", "handler.sh"), FUNCTION_JSON);
        let script = app.path().join("handler.sh");
        let write = |text: &str| {
            // Put into place as a whole, so that half of it is never run.
            let unfinished = app.path().join("unfinished");
            fs::write(&unfinished, text).unwrap();
            fs::set_permissions(&unfinished, fs::Permissions::from_mode(0o755)).unwrap();
            fs::rename(&unfinished, &script).unwrap();
        };
        write("#!/bin/sh\nexit 3\n");
        let mut dev = Dev::start_with(&app, &["--json"]);
        let listening: serde_json::Value = serde_json::from_str(&dev.until("\"listening\"")).unwrap();
        let host = listening["address"].as_str().unwrap().to_owned();
        let failed = dev.until("\"notReloaded\"");
        assert!(failed.contains("exited with code 3"), "{failed}");
        assert_eq!(status(&host, "POST", "/api/hello"), 503);
        write("#!/bin/sh\nexit 4\n");
        let failed = dev.until("\"notReloaded\"");
        assert!(failed.contains("exited with code 4"), "{failed}");
        dev.signal("-INT");
        assert_eq!(dev.child.wait().unwrap().code(), Some(0));
    }

    #[test]
    fn what_was_not_taken_over_is_tried_again_also_when_it_is_the_same_as_before() {
        let app = empty_app();
        let mut dev = Dev::start_with(&app, &["--json"]);
        dev.until("\"ready\"");
        for _ in 0..2 {
            // Put into place as a whole, so that there is one change.
            let unfinished = app.path().join("unfinished");
            fs::write(&unfinished, "{").unwrap();
            fs::rename(&unfinished, app.path().join("host.json")).unwrap();
            dev.until("\"notReloaded\"");
        }
        fs::write(app.path().join("host.json"), HOST_JSON).unwrap();
        dev.until("\"reloaded\"");
        dev.signal("-INT");
        assert_eq!(dev.child.wait().unwrap().code(), Some(0));
    }

    /// A program that listens where a handler should: this one, with an app of its own.
    fn write_handler(script: &Path, empty: &TempDir) {
        let options = "--no-emulator --no-inspector --no-watch --port \"$FUNCTIONS_CUSTOMHANDLER_PORT\"";
        let (program, app) = (env!("CARGO_BIN_EXE_local-stack"), empty.path().display());
        let unfinished = script.with_extension("unfinished");
        fs::write(&unfinished, format!("#!/bin/sh\nexec '{program}' --app '{app}' {options}\n"))
            .expect("the handler is written");
        fs::set_permissions(&unfinished, fs::Permissions::from_mode(0o755)).expect("the handler is written");
        fs::rename(&unfinished, script).expect("the handler is written");
    }

    #[test]
    fn a_handler_that_stops_the_host_for_good_is_waited_for_with_what_will_wake_it() {
        let (app, empty) = (app(&HOST_JSON.replace("no-such-handler", "handler.sh"), FUNCTION_JSON), empty_app());
        let script = app.path().join("handler.sh");
        write_handler(&script, &empty);
        let mut dev = Dev::start_with(&app, &["--json"]);
        let mut host = String::new();
        for attempt in 0..3 {
            let starting: serde_json::Value = serde_json::from_str(&dev.until("\"workerStarting\"")).unwrap();
            dev.until("\"workerReady\"");
            if attempt == 0 {
                let ready: serde_json::Value = serde_json::from_str(&dev.until("\"ready\"")).unwrap();
                host = ready["host"].as_str().unwrap().trim_start_matches("http://").to_owned();
            }
            let killed = Command::new("kill").args(["-KILL", &starting["processId"].to_string()]).status();
            assert!(killed.is_ok_and(|killed| killed.success()));
        }
        let stopped: serde_json::Value = serde_json::from_str(&dev.until("\"hostStopped\"")).unwrap();
        assert_eq!(stopped["reason"], "Exceeded http worker restart retry count. Shutting down Functions Host");
        assert_eq!(stopped["waitsFor"], "the handler, host.json, a function.json or local.settings.json");
        assert_eq!(status(&host, "POST", "/api/hello"), 503);
        write_handler(&script, &empty);
        dev.until("\"reloaded\"");
        dev.signal("-INT");
        assert_eq!(dev.child.wait().unwrap().code(), Some(0));
    }

    #[test]
    fn a_call_without_a_stack_says_what_to_start() {
        let app = empty_app();
        let free = TcpListener::bind("127.0.0.1:0").and_then(|socket| socket.local_addr()).unwrap().port().to_string();
        let call = |options: &[&str]| {
            let mut command = Command::new(env!("CARGO_BIN_EXE_local-stack"));
            command.arg("--app").arg(app.path()).args(options).output().unwrap()
        };
        check_refused(&call(&["--port", &free, "invoke", "hello"]), &["nothing runs at", "start it with `cargo dev`"]);
        let mut dev = Dev::start(&app);
        dev.until("Ready: ");
        check_refused(&call(&["invoke", "hello"]), &["there is no function `hello`"]);
        dev.signal("-INT");
        assert_eq!(dev.child.wait().unwrap().code(), Some(0));
        assert_eq!(call(&["invoke"]).status.code(), Some(2));
    }

    #[test]
    fn an_interrupt_while_the_handler_starts_leaves_nothing_behind() {
        let app = app(&HOST_JSON.replace("no-such-handler", "slow"), FUNCTION_JSON);
        let (script, child) = (app.path().join("slow"), app.path().join("child"));
        let text = format!("#!/bin/sh\nsleep 600 &\necho $! > {0}.new && mv {0}.new {0}\nwait\n", child.display());
        fs::write(&script, text).unwrap();
        fs::set_permissions(&script, fs::Permissions::from_mode(0o755)).unwrap();
        let mut dev = Dev::start(&app);
        within_a_while("the handler's child runs", || child.exists());
        let process = fs::read_to_string(&child).unwrap();
        dev.signal("-INT");
        assert_eq!(dev.child.wait().unwrap().code(), Some(0));
        within_a_while("the handler's child is gone", || !Path::new("/proc").join(process.trim()).exists());
    }

    #[test]
    fn what_the_emulator_refuses_is_printed() {
        let app = empty_app();
        let mut dev = Dev::start(&app);
        let ready = dev.until("Ready: ");
        assert_eq!(refused_negotiate(addresses(&ready)[1]), 401);
        let line = dev.until("refused");
        assert!(line.contains("401"), "{line}");
        dev.signal("-INT");
        dev.child.wait().unwrap();
    }

    #[test]
    fn a_terminal_that_nobody_reads_holds_up_nothing() {
        let app = empty_app();
        let mut dev = Dev::start(&app);
        let ready = dev.until("Ready: ");
        // Each prints a line; together they are far more than a pipe holds, and nobody reads them.
        for _ in 0..2000 {
            assert_eq!(refused_negotiate(addresses(&ready)[1]), 401);
        }
        dev.signal("-INT");
        assert_eq!(dev.child.wait().unwrap().code(), Some(0));
    }

    /// Asks the emulator for a connection without a token and returns the status.
    fn refused_negotiate(address: &str) -> u16 {
        status(address, "POST", "/client/negotiate?hub=h")
    }

    /// Sends a request and returns the status of the answer.
    fn status(address: &str, method: &str, path: &str) -> u16 {
        use std::io::{Read, Write};
        let mut socket = std::net::TcpStream::connect(address).expect("the emulator listens");
        socket.set_read_timeout(Some(Duration::from_secs(20))).expect("a time-out can be set");
        let request =
            format!("{method} {path} HTTP/1.1\r\nHost: localhost\r\nContent-Length: 0\r\nConnection: close\r\n\r\n");
        socket.write_all(request.as_bytes()).expect("the emulator reads");
        let mut answer = String::new();
        socket.read_to_string(&mut answer).expect("the emulator answers");
        answer[9..12].parse().expect("a status")
    }

    #[track_caller]
    fn within_a_while(what: &str, mut happens: impl FnMut() -> bool) {
        let deadline = Instant::now() + Duration::from_secs(20);
        while !happens() {
            assert!(Instant::now() < deadline, "not within 20 s: {what}");
            std::thread::sleep(Duration::from_millis(10));
        }
    }
}
