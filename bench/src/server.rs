//! The servers under test: where they are, what they are called, and how one of them is started.
//!
//! All keep one contract: they listen on the port that they are given, take WebSockets at `/client` and send what is
//! published to every client. The product is started as it ships; only its log goes nowhere.

mod running;

use std::path::PathBuf;
use std::process::Command;

use anyhow::{Context as _, Result, ensure};
use azure_signalr::ConnectionString;
use clap::ValueEnum;
use serde::{Deserialize, Serialize};

use crate::load::Dialect;
use crate::machine::{answer_of, folder};

pub(crate) use running::Running;

/// The public key of the emulator, with which it starts unless told otherwise (signalr-service 5.4).
const PUBLIC_KEY: &str = "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789ABCDEFGH";

/// The kinds of server that take turns.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, ValueEnum)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Kind {
    /// The emulator of this repository, published to through its REST interface
    Product,
    /// One writer, one encoded frame, one write per socket: as fast as this machine can send
    Probe,
    /// The WebSocket library `ws` on Node.js
    Ws,
    /// The server of socket.io on Node.js
    #[value(name = "socket.io")]
    #[serde(rename = "socket.io")]
    SocketIo,
}

/// A server that can be started.
#[derive(Debug, Clone)]
pub(crate) struct Server {
    pub(crate) kind: Kind,
    /// Name and version.
    pub(crate) name: String,
    program: PathBuf,
    arguments: Vec<String>,
}

impl Kind {
    /// Finds the server and asks for its version.
    ///
    /// # Errors
    /// When it is not installed; the text says how to get it.
    pub(crate) fn find(self) -> Result<Server> {
        match self {
            Self::Product => product(),
            Self::Probe => probe(),
            Self::Ws => peer(self, "ws"),
            Self::SocketIo => peer(self, "socket.io"),
        }
    }
}

fn product() -> Result<Server> {
    let program = own_path()?.with_file_name(format!("signalr-emulator{}", std::env::consts::EXE_SUFFIX));
    let name = answer_of(Command::new(&program).arg("--version"));
    let name = name.with_context(|| {
        let profile = if cfg!(debug_assertions) { "" } else { " --release" };
        format!("`{}` does not run; build it with `cargo build{profile} --package signalr-emulator`", program.display())
    })?;
    Ok(Server { kind: Kind::Product, name, program, arguments: vec!["start".to_owned(), "--port".to_owned()] })
}

fn probe() -> Result<Server> {
    let arguments = vec!["probe".to_owned(), "--port".to_owned()];
    Ok(Server { kind: Kind::Probe, name: "raw-socket probe".to_owned(), program: own_path()?, arguments })
}

/// A peer out of `bench/peers`, whose script has the name of its package.
fn peer(kind: Kind, package: &str) -> Result<Server> {
    #[derive(Deserialize)]
    struct Package {
        version: String,
    }

    let node = answer_of(Command::new("node").arg("--version")).context("Node.js is not installed")?;
    let peers = folder().join("peers");
    let manifest = std::fs::read_to_string(peers.join("node_modules").join(package).join("package.json"));
    let manifest = manifest.context("it is not installed; run `npm ci` in bench/peers")?;
    let Package { version } = serde_json::from_str(&manifest).context("its package.json has no version")?;
    let script = peers.join(format!("{package}.js"));
    ensure!(script.is_file(), "bench/peers has no {package}.js");
    let name = format!("{package} {version} (Node.js {})", node.trim_start_matches('v'));
    Ok(Server { kind, name, program: "node".into(), arguments: vec![script.to_string_lossy().into_owned()] })
}

fn own_path() -> Result<PathBuf> {
    std::env::current_exe().context("cannot tell where this program is")
}

impl Server {
    /// The command line; programs that know no `--port` read the variable `PORT`.
    fn arguments(&self, port: u16) -> Vec<String> {
        let takes_port = self.arguments.last().is_some_and(|last| last == "--port");
        let port = takes_port.then(|| port.to_string());
        self.arguments.iter().cloned().chain(port).collect()
    }

    fn dialect(&self, port: u16) -> Result<Dialect> {
        Ok(match self.kind {
            Kind::Product => Dialect::SignalR(connection_string(port)?.into()),
            Kind::Probe | Kind::Ws => Dialect::Plain,
            Kind::SocketIo => Dialect::EngineIo,
        })
    }
}

fn connection_string(port: u16) -> Result<ConnectionString> {
    let text = format!("Endpoint=http://127.0.0.1;Port={port};AccessKey={PUBLIC_KEY};Version=1.0;");
    Ok(text.parse()?)
}
