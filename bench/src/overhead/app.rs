//! The function app that is measured, and the two programs: the handler, and the host as it ships.

use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::path::PathBuf;
use std::process::Stdio;
use std::time::Duration;

use anyhow::{Context as _, Result, bail, ensure};
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::net::TcpStream;
use tokio::process::{Child, Command};
use tokio::time::{Instant, sleep};

use super::Way;
use crate::callers::Request;
use crate::machine::Cores;

/// How long a program may take to answer.
const PATIENCE: Duration = Duration::from_secs(20);

/// What a caller sends.
pub(crate) const BODY: &str = r#"{"message":"hello"}"#;

/// A function app on disk whose handler is this very program.
#[derive(Debug)]
pub(crate) struct App {
    folder: TempDir,
    this_program: PathBuf,
}

/// A started program, and how to call it. Dropping it ends it.
#[derive(Debug)]
pub(crate) struct Running {
    pub(crate) address: SocketAddr,
    /// The process of the host or the bare proxy; absent when the handler runs alone.
    pub(crate) host: Option<u32>,
    pub(crate) handler: u32,
    pub(super) request: Request,
    process: Child,
}

impl App {
    /// Writes the app into a temporary folder.
    pub(crate) fn write() -> Result<App> {
        let folder = tempfile::tempdir()?;
        let this_program = std::env::current_exe().context("cannot tell where this program is")?;
        let host_json = json!({
            "version": "2.0",
            "customHandler": {"description": {"defaultExecutablePath": this_program, "arguments": ["serve-handler"]}},
        });
        let settings = json!({"IsEncrypted": false, "Values": {"FUNCTIONS_WORKER_RUNTIME": "custom"}});
        std::fs::write(folder.path().join("host.json"), host_json.to_string())?;
        std::fs::write(folder.path().join("local.settings.json"), settings.to_string())?;
        for name in ["echo", "process"] {
            let bindings = json!({"bindings": [
                {"type": "httpTrigger", "direction": "in", "name": "req", "authLevel": "anonymous"},
                {"type": "http", "direction": "out", "name": "res"}]});
            std::fs::create_dir(folder.path().join(name))?;
            std::fs::write(folder.path().join(name).join("function.json"), bindings.to_string())?;
        }
        Ok(App { folder, this_program })
    }

    /// Starts what is called this way and waits until the handler answers.
    pub(crate) async fn start(&self, way: Way, cores: Cores) -> Result<Running> {
        let address = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()?;
        let port = address.port().to_string();
        let mut command = match way {
            Way::Direct => {
                let mut command = cores.server_command(&self.this_program);
                command.arg("serve-handler").env("FUNCTIONS_CUSTOMHANDLER_PORT", &port);
                command
            }
            Way::Proxy => {
                let mut command = cores.server_command(&self.this_program);
                command.args(["serve-proxy", "--port", &port]);
                command
            }
            Way::Host => self.stack_command(cores, &["--no-emulator", "--no-inspector", "--port", &port]),
        };
        self.run(&mut command, way, address).await
    }

    /// Starts a local stack as `cargo dev` does, with these options more, and waits until the handler answers.
    pub(crate) async fn start_stack(&self, cores: Cores, arguments: &[&str]) -> Result<Running> {
        let address = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()?;
        let mut command = self.stack_command(cores, &["--port", &address.port().to_string()]);
        self.run(command.args(arguments), Way::Host, address).await
    }

    fn stack_command(&self, cores: Cores, arguments: &[&str]) -> Command {
        let program = self.this_program.with_file_name(format!("local-stack{}", std::env::consts::EXE_SUFFIX));
        let mut command = cores.server_command(&program);
        command.args(["--no-build", "--no-watch", "--app"]).arg(self.folder.path()).args(arguments);
        command
    }

    async fn run(&self, command: &mut Command, way: Way, address: SocketAddr) -> Result<Running> {
        let mut process = start(command)?;
        let (request, question) = match way {
            Way::Direct => (Request::new("/echo", &envelope(BODY)), Request::new("/process", &envelope(""))),
            Way::Proxy | Way::Host => (Request::new("/api/echo", BODY), Request::new("/api/process", "")),
        };
        let handler = body_of(&ask(&mut process, address, &question).await?);
        let answer = ask(&mut process, address, &request).await?;
        ensure!(body_of(&answer) == BODY, "{way:?} answers `{answer}`, which is not what was sent");
        let handler =
            handler.parse().with_context(|| format!("the handler says `{handler}` instead of its process id"))?;
        let host = (way != Way::Direct).then(|| process.id()).flatten();
        Ok(Running { address, host, handler, request, process })
    }
}

impl Running {
    /// Ends the programs. The host gets the chance to end its handler.
    pub(crate) async fn stop(mut self) -> Result<()> {
        #[cfg(unix)]
        if let Some(pid) = self.host.and_then(|pid| rustix::process::Pid::from_raw(i32::try_from(pid).ok()?)) {
            rustix::process::kill_process(pid, rustix::process::Signal::INT)?;
            self.process.wait().await?;
            return Ok(());
        }
        self.process.kill().await.context("cannot end the handler")
    }
}

fn start(command: &mut Command) -> Result<Child> {
    command.env_remove("RUST_LOG").stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).kill_on_drop(true);
    command.spawn().with_context(|| format!("{command:?} did not start"))
}

/// Asks until somebody answers.
async fn ask(process: &mut Child, address: SocketAddr, question: &Request) -> Result<String> {
    let deadline = Instant::now() + PATIENCE;
    loop {
        if let Ok(mut stream) = TcpStream::connect(address).await {
            return question.answer(&mut stream).await;
        }
        if let Some(status) = process.try_wait()? {
            bail!("the program under test ended with {status}");
        }
        if Instant::now() > deadline {
            bail!("the program under test does not listen after {} s", PATIENCE.as_secs());
        }
        sleep(Duration::from_millis(20)).await;
    }
}

/// What the function answers: the host passes it on alone, the handler puts it into its outputs.
fn body_of(answer: &str) -> String {
    let outputs: Option<Value> = serde_json::from_str(answer).ok();
    let body = outputs.as_ref().and_then(|outputs| outputs.pointer("/Outputs/res/body")?.as_str());
    body.unwrap_or(answer).to_owned()
}

/// What the host makes of a caller's request.
pub(crate) fn envelope(body: &str) -> String {
    let identity = json!({"AuthenticationType": null, "IsAuthenticated": false, "Actor": null, "BootstrapContext": null, "Claims": [],
        "Label": null, "Name": null, "NameClaimType": "http://schemas.xmlsoap.org/ws/2005/05/identity/claims/name",
        "RoleClaimType": "http://schemas.microsoft.com/ws/2008/06/identity/claims/role"});
    let headers = json!({"Host": ["127.0.0.1:7071"], "Content-Type": ["application/json"], "Content-Length": ["19"]});
    let request = json!({"Url": "http://127.0.0.1:7071/api/echo", "Method": "POST", "Query": {}, "Headers": headers, "Params": {},
        "Identities": [identity], "Body": body});
    let sys = json!({"MethodName": "echo", "UtcNow": "2026-01-03T05:37:23.9299023Z", "RandGuid": "eac00178-9aae-4a67-adc8-90596a9adc70"});
    let headers = json!({"Host": "127.0.0.1:7071", "Content-Type": "application/json", "Content-Length": "19"});
    json!({"Data": {"req": request}, "Metadata": {"message": "\"hello\"", "Query": {}, "Headers": headers, "sys": sys}})
        .to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_body_is_found_with_and_without_an_envelope() {
        assert_eq!(body_of("123"), "123");
        assert_eq!(body_of(r#"{"Outputs":{"res":{"statusCode":200,"body":"1\n23"}},"Logs":[]}"#), "1\n23");
        assert_eq!(body_of(BODY), BODY);
    }
}
