//! The handlers under test: where they are, what they are called, and how one of them is started.
//!
//! All keep the contract of a custom handler: they listen on the port in `FUNCTIONS_CUSTOMHANDLER_PORT` and answer
//! envelopes with envelopes. The product is started as it ships; only its log goes nowhere.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::{Command, Stdio};

use anyhow::{Context as _, Result, anyhow, bail};
use clap::ValueEnum;
use serde::Serialize;
use tokio::process::Child;

use crate::installed::{self, beside, node_script, own_path, package_version};
use crate::machine::{Cores, answer_of};
use crate::report::Absent;
use crate::server::{await_listening, free_address};

/// The variable in which the Functions host says where to listen (functions-host 1.3).
const PORT: &str = "FUNCTIONS_CUSTOMHANDLER_PORT";

/// Settings of somebody's shell that would change what the product does.
const SETTINGS: [&str; 6] = [
    "RUST_LOG",
    "AzureSignalRConnectionString",
    "AZURE_FUNCTIONS_ENVIRONMENT",
    "OidcIssuer",
    "OidcAudience",
    "OTEL_EXPORTER_OTLP_ENDPOINT",
];

/// The kinds of handler that take turns.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ValueEnum)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Kind {
    /// The handler of this repository
    Product,
    /// The same work on axum with nothing around it
    Axum,
    /// Node's own `http`
    Node,
    /// fastify on Node.js
    Fastify,
    /// bun's own server
    Bun,
    /// `FastAPI` on uvicorn
    Fastapi,
}

/// A handler that can be started.
#[derive(Debug, Clone)]
pub(crate) struct Peer {
    pub(crate) kind: Kind,
    /// Name and version.
    pub(crate) name: String,
    pub(crate) program: PathBuf,
    arguments: Vec<String>,
}

/// A started handler that listens. Dropping it ends it.
#[derive(Debug)]
pub(crate) struct Running {
    pub(crate) pid: u32,
    pub(crate) address: SocketAddr,
    process: Child,
}

impl Kind {
    pub(crate) const ALL: [Self; 6] = [Self::Product, Self::Axum, Self::Node, Self::Fastify, Self::Bun, Self::Fastapi];

    /// What it is called where it was not found.
    pub(crate) fn label(self) -> &'static str {
        match self {
            Self::Product => "handler",
            Self::Axum => "bare axum probe",
            Self::Node => "Node http",
            Self::Fastify => "fastify",
            Self::Bun => "bun",
            Self::Fastapi => "FastAPI",
        }
    }

    /// Finds the handler and asks for its version.
    ///
    /// # Errors
    /// When it is not installed; the text says how to get it.
    fn find(self) -> Result<Peer> {
        let (name, program, arguments) = match self {
            Self::Product => (self.label().to_owned(), product()?, Vec::new()),
            Self::Axum => (self.label().to_owned(), own_path()?, vec!["serve-axum".to_owned()]),
            Self::Node => {
                let script = node_script("http.js")?;
                (format!("http of {}", script.runtime), "node".into(), vec![text(&script.path)])
            }
            Self::Fastify => {
                let (version, script) = (package_version("fastify")?, node_script("fastify.js")?);
                (format!("fastify {version} ({})", script.runtime), "node".into(), vec![text(&script.path)])
            }
            Self::Bun => {
                let (program, name) = installed::bun()?;
                (name, program, vec![text(&installed::peers().join("bun.js"))])
            }
            Self::Fastapi => {
                let (program, script) = (installed::python()?, installed::peers().join("fastapi_handler.py"));
                let versions = "import fastapi, platform; print(fastapi.__version__, platform.python_version())";
                let versions = answer_of(Command::new(&program).arg("-c").arg(versions));
                let versions = versions.context("its virtual environment is broken; remove target/bench-python")?;
                let (fastapi, python) = versions.split_once(' ').unwrap_or((&versions, "of unknown version"));
                (format!("FastAPI {fastapi} (Python {python})"), program, vec![text(&script)])
            }
        };
        Ok(Peer { kind: self, name, program, arguments })
    }
}

fn product() -> Result<PathBuf> {
    let program = beside("handler")?;
    if !program.is_file() {
        bail!("`{}` is not there; build it with `cargo build --release --bin handler`", program.display());
    }
    Ok(program)
}

fn text(path: &std::path::Path) -> String {
    path.to_string_lossy().into_owned()
}

/// The handlers that are there, and those that are not. `only` names those that are wanted; none means all.
pub(crate) fn find(only: &[Kind]) -> (Vec<Peer>, Vec<Absent>) {
    let (mut found, mut absent) = (Vec::new(), Vec::new());
    for kind in Kind::ALL {
        let wanted = only.is_empty() || only.contains(&kind);
        let result = if wanted { kind.find() } else { Err(anyhow!("not asked for")) };
        match result {
            Ok(peer) => found.push(peer),
            Err(error) => absent.push(Absent { name: kind.label(), reason: format!("{error:#}") }),
        }
    }
    (found, absent)
}

/// The handlers in the order of a round.
pub(crate) fn turns(peers: &[Peer], round: usize) -> Vec<&Peer> {
    let mut order: Vec<&Peer> = peers.iter().collect();
    if round % 2 == 1 {
        order.reverse();
    }
    order
}

impl Peer {
    /// Tells `command`, which runs this handler, where to listen and nothing that would change its work.
    fn equip(&self, command: &mut Command, port: u16) {
        command.args(&self.arguments).env(PORT, port.to_string()).env("RequireSignIn", "never");
        command.env("NODE_ENV", "production");
        for setting in SETTINGS {
            command.env_remove(setting);
        }
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    }

    /// The command that runs the handler, wherever the kernel likes.
    pub(crate) fn command(&self, port: u16) -> Command {
        let mut command = Command::new(&self.program);
        self.equip(&mut command, port);
        command
    }

    /// Starts the handler on a free port, on its core, and returns when it listens.
    pub(crate) async fn start(&self, cores: Cores) -> Result<Running> {
        let address = free_address().context("there is no free port")?;
        let mut command = cores.server_command(&self.program);
        self.equip(command.as_std_mut(), address.port());
        let mut process = command
            .kill_on_drop(true)
            .spawn()
            .with_context(|| format!("`{}` did not start", self.program.display()))?;
        await_listening(&mut process, address).await?;
        let pid = process.id().context("the handler ended at once")?;
        Ok(Running { pid, address, process })
    }
}

impl Running {
    /// Ends the handler. It has nothing to finish: its callers are gone.
    pub(crate) async fn stop(mut self) -> Result<()> {
        self.process.kill().await.context("cannot end the handler")
    }
}
