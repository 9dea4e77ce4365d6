//! The inspector as a part of the stack: it listens before anything else runs, so that it misses nothing.

use crate::StartError;
use crate::service::{listen, time_of};
use functions_host::clock::Clock;
use inspector::Inspector;
use std::net::SocketAddr;
use tokio::task::JoinHandle;
use tokio_util::sync::{CancellationToken, DropGuard};

/// The option of `cargo dev` that sets its port.
const PORT_OPTION: &str = "--inspector-port";

/// A served inspector. It ends when it is dropped, or with [`Inspection::end`], which waits for that.
#[derive(Debug)]
pub(crate) struct Inspection {
    pub(crate) inspector: Inspector,
    pub(crate) address: SocketAddr,
    shutdown: DropGuard,
    running: JoinHandle<()>,
}

impl Inspection {
    pub(crate) async fn start(port: u16, clock: &Clock) -> Result<Self, StartError> {
        let listener = listen(port, PORT_OPTION).await?;
        let address = listener.local_addr().expect("a bound socket has an address");
        let (inspector, shutdown) = (Inspector::new(time_of(clock))?, CancellationToken::new());
        let (serving, until) = (inspector.clone(), shutdown.clone());
        let running = tokio::spawn(async move {
            if let Err(error) = serving.serve(listener, until).await {
                tracing::error!(%error, "the inspector has ended");
            }
        });
        Ok(Self { inspector, address, shutdown: shutdown.drop_guard(), running })
    }

    pub(crate) async fn end(self) {
        drop(self.shutdown);
        if let Err(error) = self.running.await {
            tracing::error!(%error, "the inspector panicked");
        }
    }
}
