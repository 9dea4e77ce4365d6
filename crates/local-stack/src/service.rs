//! The emulator as a part of the stack: bound first, run once the host has its address.

use crate::StartError;
use functions_host::app::{App, FunctionState, Trigger};
use signalr_emulator::{EmulatorOptions, Upstream};
use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use tokio::net::TcpListener;
use tokio::task::JoinHandle;
use tokio_util::sync::{CancellationToken, DropGuard};

/// An emulator that has its address and does not run yet.
#[derive(Debug)]
pub(crate) struct BoundService {
    listener: TcpListener,
    options: EmulatorOptions,
    pub(crate) connection_string: String,
}

/// A running emulator. It ends when it is dropped, or with [`Service::end`], which waits for that.
#[derive(Debug)]
pub(crate) struct Service {
    pub(crate) address: SocketAddr,
    pub(crate) connection_string: String,
    /// Cancelled when the emulator has ended, whether it should or not.
    pub(crate) ended: CancellationToken,
    shutdown: DropGuard,
    running: JoinHandle<io::Result<()>>,
}

impl BoundService {
    pub(crate) async fn bind(port: u16) -> Result<Self, StartError> {
        let listener = listen(port, "--signalr-port").await?;
        let options = EmulatorOptions::default();
        let connection_string = signalr_emulator::connection_string(address(&listener), &options.access_keys.primary);
        Ok(Self { listener, options, connection_string })
    }

    pub(crate) fn run(self, upstream: Upstream) -> Service {
        let Self { listener, options, connection_string } = self;
        let (address, shutdown, ended) = (address(&listener), CancellationToken::new(), CancellationToken::new());
        let emulator = signalr_emulator::run(listener, EmulatorOptions { upstream, ..options }, shutdown.clone());
        let ends = ended.clone().drop_guard();
        let running = tokio::spawn(async move {
            let _ends = ends;
            emulator.await
        });
        Service { address, connection_string, ended, shutdown: shutdown.drop_guard(), running }
    }
}

impl Service {
    pub(crate) async fn end(self) {
        drop(self.shutdown);
        match self.running.await {
            Ok(Ok(())) => {}
            Ok(Err(error)) => tracing::error!(%error, "the emulator ended with an error"),
            Err(error) => tracing::error!(%error, "the emulator panicked"),
        }
    }
}

/// What happens to clients is reported to the host if any function wants to hear of it. Without such a function a service in
/// Azure has no upstream either. `code` is the key of the webhook, where callers need keys.
pub(crate) fn upstream(app: &App, host: &TcpListener, code: Option<&str>) -> Upstream {
    let listens = app
        .functions
        .iter()
        .any(|function| matches!(function.trigger, Trigger::SignalR(_)) && function.state == FunctionState::Enabled);
    if !listens {
        return Upstream::default();
    }
    let query = code.map(|code| format!("?code={code}")).unwrap_or_default();
    let webhook = format!("http://{}/runtime/webhooks/signalr{query}", address(host));
    Upstream::to(webhook).expect("an address of this machine is an absolute address")
}

pub(crate) async fn listen(port: u16, option: &'static str) -> Result<TcpListener, StartError> {
    let bound = TcpListener::bind((Ipv4Addr::LOCALHOST, port)).await;
    bound.map_err(|source| match source.kind() {
        io::ErrorKind::AddrInUse => StartError::PortInUse { port, option },
        _ => StartError::Port { port, option, source },
    })
}

fn address(listener: &TcpListener) -> SocketAddr {
    listener.local_addr().expect("a bound socket has an address")
}
