//! The signals that end the process.

use anyhow::Context;
use tokio_util::sync::CancellationToken;

/// Ctrl-C and SIGTERM end the emulator in order: clients are told, then the process ends with 0. Both are listened for
/// when this returns: a signal that comes right after the banner is not missed.
pub(crate) fn cancel(shutdown: &CancellationToken) -> anyhow::Result<()> {
    let (interrupted, terminated) = (interrupted()?, terminated()?);
    let shutdown = shutdown.clone();
    tokio::spawn(async move {
        tokio::select! {
            () = interrupted => {}
            () = terminated => {}
        }
        shutdown.cancel();
    });
    Ok(())
}

#[cfg(unix)]
fn interrupted() -> anyhow::Result<impl Future<Output = ()>> {
    signal(tokio::signal::unix::SignalKind::interrupt())
}

#[cfg(unix)]
fn terminated() -> anyhow::Result<impl Future<Output = ()>> {
    signal(tokio::signal::unix::SignalKind::terminate())
}

#[cfg(unix)]
fn signal(kind: tokio::signal::unix::SignalKind) -> anyhow::Result<impl Future<Output = ()>> {
    let mut signals = tokio::signal::unix::signal(kind).context("cannot listen to signals")?;
    Ok(async move {
        signals.recv().await;
    })
}

#[cfg(windows)]
fn interrupted() -> anyhow::Result<impl Future<Output = ()>> {
    let mut signals = tokio::signal::windows::ctrl_c().context("cannot listen to Ctrl-C")?;
    Ok(async move {
        signals.recv().await;
    })
}

#[cfg(windows)]
fn terminated() -> anyhow::Result<impl Future<Output = ()>> {
    Ok(std::future::pending())
}
