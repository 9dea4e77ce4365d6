//! `start`: listens, says where, and serves until it is told to end.

use std::io::Write;
use std::net::SocketAddr;

use anyhow::Context;
use serde::Serialize;
use signalr_emulator::{Checks, Detail, Emulator, EmulatorOptions, Upstream, connection_string};
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

use super::settings::SettingsFile;
use super::{Start, news, signals, upstream};

/// Serves until a signal comes.
pub(crate) async fn run(start: &Start) -> anyhow::Result<()> {
    let asked = SocketAddr::from(start.address()?);
    let file = SettingsFile::find(start.config.as_deref())?;
    let known = file.fingerprint();
    let templates = file.read().with_context(|| format!("cannot use '{}'", file.path().display()))?;
    let options = start.options(Upstream { templates, ..Upstream::default() })?;
    let listener = TcpListener::bind(asked)
        .await
        .with_context(|| format!("cannot listen on {asked}; end what uses that port, or choose another with --port"))?;
    let address = listener.local_addr().context("cannot tell the own address")?;
    let shutdown = CancellationToken::new();
    signals::cancel(&shutdown)?;
    if start.json { announce_as_json(address, &options) } else { announce(address, &file, &options) }
        .context("cannot write to stdout")?;
    let emulator = Emulator::new(options, shutdown.clone());
    let events = start.json.then(|| news::print(emulator.events_with(Detail::Messages))).transpose();
    let events = events.context("cannot start a thread for the events")?;
    let watched = emulator.clone();
    let watching = file.watch(known, shutdown.clone(), move |templates| watched.replace_upstream_templates(templates));
    let serving = async move {
        let served = emulator.serve(listener).await;
        // The watching ends with the serving, also when the listener failed.
        shutdown.cancel();
        served
    };
    let (served, ()) = tokio::join!(serving, watching);
    if let Some(events) = events {
        events.end().await;
    }
    served.context("the server failed")
}

/// Says what to put into the settings of an application, key included: that is what it is for (signalr-service 5.4).
fn announce(address: SocketAddr, file: &SettingsFile, options: &EmulatorOptions) -> std::io::Result<()> {
    let mut out = std::io::stdout().lock();
    let file = file.path().display();
    writeln!(out, "Loaded settings from '{file}'. Changes to the settings file will be hot-loaded into the emulator.")?;
    upstream::print(&mut out, &options.upstream.templates)?;
    writeln!(out, "The emulator of Azure SignalR Service listens on http://{address}.")?;
    if options.checks == Checks::Lenient {
        writeln!(out, "It checks only the signature of tokens; Azure also checks expiry, audience and hub.")?;
    }
    if let Some(limit) = options.connection_limit {
        writeln!(out, "It takes {limit} connections.")?;
    }
    writeln!(out, "Its connection string is:\n")?;
    writeln!(out, "    {}\n", connection_string(address, &options.access_keys.primary))?;
    out.flush()
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Listening {
    event: &'static str,
    url: String,
    connection_string: String,
}

fn announce_as_json(address: SocketAddr, options: &EmulatorOptions) -> std::io::Result<()> {
    let listening = Listening {
        event: "listening",
        url: format!("http://{address}"),
        connection_string: connection_string(address, &options.access_keys.primary),
    };
    let mut out = std::io::stdout().lock();
    serde_json::to_writer(&mut out, &listening)?;
    writeln!(out)?;
    out.flush()
}
