//! `--json`: what happens, one JSON object per line.
//!
//! Lines are written on a thread of their own: whoever reads them slowly, or not at all, misses events and holds up
//! nobody.

use std::io::Write;
use std::time::Duration;

use serde::Serialize;
use signalr_emulator::{Events, News};
use tokio::runtime::Handle;
use tokio::sync::oneshot;

/// How long the last lines may take once everything is over.
const PATIENCE: Duration = Duration::from_secs(1);

/// Lines that are being written.
#[derive(Debug)]
pub(crate) struct Printing(oneshot::Receiver<()>);

#[derive(Serialize)]
#[serde(tag = "event", rename_all = "camelCase")]
enum Gap {
    Missed { events: u64 },
}

/// Prints everything that is told from now on.
pub(crate) fn print(mut events: Events) -> std::io::Result<Printing> {
    let (runtime, (ended, ending)) = (Handle::current(), oneshot::channel());
    std::thread::Builder::new().name("events".to_owned()).spawn(move || {
        while let Some(news) = runtime.block_on(events.next()) {
            // Nobody reads any more.
            if write(&news).is_err() {
                break;
            }
        }
        // Whoever waits for the end may have given up.
        let _ = ended.send(());
    })?;
    Ok(Printing(ending))
}

impl Printing {
    /// Waits for the last line.
    pub(crate) async fn end(self) {
        // A reader that takes nothing is not waited for.
        let _ = tokio::time::timeout(PATIENCE, self.0).await;
    }
}

fn write(news: &News) -> std::io::Result<()> {
    let mut line = match news {
        News::Happened(happened) => serde_json::to_vec(&**happened)?,
        News::Missed(events) => serde_json::to_vec(&Gap::Missed { events: *events })?,
    };
    line.push(b'\n');
    std::io::stdout().write_all(&line)
}
