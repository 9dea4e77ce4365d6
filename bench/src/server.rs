//! The servers under test: where they are, what they are called, and how one of them is started.
//!
//! All keep one contract: they listen on the port that they are given, take WebSockets at `/client` and send what is
//! published to every client. The product is started as it ships; only its log goes nowhere.

mod running;

use std::path::PathBuf;
use std::process::Command;

use anyhow::{Context as _, Result};
use azure_signalr::ConnectionString;
use clap::ValueEnum;
use serde::Serialize;

use crate::installed;
use crate::load::Dialect;
use crate::machine::answer_of;

pub(crate) use running::{Running, await_listening, free_address};

/// The public key of the emulator, with which it starts unless told otherwise (signalr-service 5.4).
pub(crate) const PUBLIC_KEY: &str = "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789ABCDEFGH";

/// The kinds of server that take turns.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, ValueEnum)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Kind {
    /// The emulator of this repository, published to through its REST interface
    Product,
    /// One writer, one encoded frame, one write per socket: as fast as this machine can send
    Probe,
    /// bun's own WebSockets, which are uWebSockets
    Bun,
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
            Self::Bun => bun(),
            Self::Ws => peer(self, "ws"),
            Self::SocketIo => peer(self, "socket.io"),
        }
    }
}

fn product() -> Result<Server> {
    let program = installed::beside("signalr-emulator")?;
    let name = answer_of(Command::new(&program).arg("--version"));
    let name = name.with_context(|| {
        let profile = if cfg!(debug_assertions) { "" } else { " --release" };
        format!("`{}` does not run; build it with `cargo build{profile} --package signalr-emulator`", program.display())
    })?;
    Ok(Server { kind: Kind::Product, name, program, arguments: vec!["start".to_owned(), "--port".to_owned()] })
}

fn probe() -> Result<Server> {
    let arguments = vec!["probe".to_owned(), "--port".to_owned()];
    Ok(Server { kind: Kind::Probe, name: "raw-socket probe".to_owned(), program: installed::own_path()?, arguments })
}

/// A peer out of `bench/peers`, whose script has the name of its package.
fn peer(kind: Kind, package: &str) -> Result<Server> {
    let version = installed::package_version(package)?;
    let script = installed::node_script(&format!("{package}.js"))?;
    let name = format!("{package} {version} ({})", script.runtime);
    Ok(Server { kind, name, program: "node".into(), arguments: vec![script.path.to_string_lossy().into_owned()] })
}

fn bun() -> Result<Server> {
    let (program, name) = installed::bun()?;
    let script = installed::peers().join("bun_sockets.js");
    Ok(Server { kind: Kind::Bun, name, program, arguments: vec![script.to_string_lossy().into_owned()] })
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
            Kind::Probe | Kind::Bun | Kind::Ws => Dialect::Plain,
            Kind::SocketIo => Dialect::EngineIo,
        })
    }
}

/// The connection string of an emulator on this port.
pub(crate) fn connection_string(port: u16) -> Result<ConnectionString> {
    let text = format!("Endpoint=http://127.0.0.1;Port={port};AccessKey={PUBLIC_KEY};Version=1.0;");
    Ok(text.parse()?)
}
