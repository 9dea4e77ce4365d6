//! A server under test while it runs.

use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::process::Stdio;
use std::time::Duration;

use anyhow::{Context as _, Result, bail};
use tokio::net::TcpStream;
use tokio::process::Child;
use tokio::time::{Instant, sleep};

use super::Server;
use crate::load::Target;
use crate::machine::Cores;

/// How long a server may take to listen.
const PATIENCE: Duration = Duration::from_secs(10);

/// A started server. Dropping it ends it.
#[derive(Debug)]
pub(crate) struct Running {
    pub(crate) pid: u32,
    pub(crate) target: Target,
    process: Child,
}

impl Server {
    /// Starts the server on a free port, on its core, and returns when it listens.
    pub(crate) async fn start(&self, cores: Cores) -> Result<Running> {
        let address = free_address().context("there is no free port")?;
        let mut command = cores.server_command(&self.program);
        command.args(self.arguments(address.port())).env("PORT", address.port().to_string());
        command.env("NODE_ENV", "production").env_remove("RUST_LOG");
        for key in ["SIGNALR_EMULATOR_ACCESS_KEY", "SIGNALR_EMULATOR_SECONDARY_KEY"] {
            command.env_remove(key);
        }
        command.stdin(Stdio::null()).stdout(Stdio::null()).kill_on_drop(true);
        let mut process = command.spawn().with_context(|| format!("`{}` did not start", self.program.display()))?;
        await_listening(&mut process, address).await?;
        let pid = process.id().context("the server ended at once")?;
        Ok(Running { pid, target: Target::new(address, self.dialect(address.port())?)?, process })
    }
}

impl Running {
    /// Ends the server. It has nothing to finish: its clients are gone.
    pub(crate) async fn stop(mut self) -> Result<()> {
        self.process.kill().await.context("cannot end the server")
    }
}

/// A port that nobody listens on. Somebody else may take it before the server does, which then says so.
pub(crate) fn free_address() -> std::io::Result<SocketAddr> {
    TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()
}

pub(crate) async fn await_listening(process: &mut Child, address: SocketAddr) -> Result<()> {
    let deadline = Instant::now() + PATIENCE;
    while TcpStream::connect(address).await.is_err() {
        if let Some(status) = process.try_wait()? {
            bail!("the server ended with {status}");
        }
        if Instant::now() > deadline {
            bail!("the server does not listen after {} s", PATIENCE.as_secs());
        }
        sleep(Duration::from_millis(20)).await;
    }
    Ok(())
}
