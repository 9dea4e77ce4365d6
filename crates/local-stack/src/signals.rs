//! The wishes to end: Ctrl-C, a terminal that is closed, `kill`; and the last resort.
//!
//! Easily missed: a second wish is no repetition. Whoever asks twice does not want to wait for calls in progress.

use anyhow::Result;
use tokio::sync::mpsc;

/// One item for every wish to end.
#[cfg(unix)]
pub(crate) fn wishes() -> Result<mpsc::Receiver<()>> {
    use anyhow::Context;
    use tokio::signal::unix::{SignalKind, signal};
    let (wish, wishes) = mpsc::channel(4);
    for kind in [SignalKind::interrupt(), SignalKind::terminate(), SignalKind::hangup(), SignalKind::quit()] {
        let mut signal = signal(kind).context("signals cannot be listened for")?;
        let wish = wish.clone();
        tokio::spawn(async move {
            while signal.recv().await.is_some() {
                // More than four impatient wishes are one wish.
                let _ = wish.try_send(());
            }
        });
    }
    Ok(wishes)
}

/// One item for every wish to end.
#[cfg(not(unix))]
pub(crate) fn wishes() -> Result<mpsc::Receiver<()>> {
    let (wish, wishes) = mpsc::channel(4);
    tokio::spawn(async move {
        while tokio::signal::ctrl_c().await.is_ok() {
            let _ = wish.try_send(());
        }
    });
    Ok(wishes)
}

/// Kills the handler with all its children; the host gave it a process group of its own.
#[cfg(unix)]
pub(crate) fn kill(handler: Option<u32>) {
    use rustix::process::{Pid, Signal, kill_process_group};
    let group = handler.and_then(|process| Pid::from_raw(process.try_into().ok()?));
    if let Some(group) = group {
        let _ = kill_process_group(group, Signal::KILL);
    }
}

/// Elsewhere the handler ends with the job that holds it.
#[cfg(not(unix))]
pub(crate) fn kill(_handler: Option<u32>) {}
