//! `bench`: measures the product against its peers, side by side in one run.
//!
//! Figures of two runs say little about each other: machines differ, and so do minutes. What lasts is the ratio of two
//! servers that took turns, so ratios come first in every report and every goal is one.

mod calls;
mod cold_start;
mod connects;
mod fanout;
mod inspector;
mod instructions;
mod overhead;
mod smoke;
mod tokens;

mod axum_probe;
mod callers;
mod echo_handler;
mod hot_paths;
mod load;
mod peers;
mod probe;
mod proxy_probe;
mod server;

mod http;
mod installed;
mod machine;
mod report;

use std::io::Write as _;
use std::process::ExitCode;

use clap::Parser as _;
use tokio::task::LocalSet;

/// Measures the product against its peers.
#[derive(Debug, clap::Parser)]
#[command(name = "bench", version)]
enum Benchmark {
    /// Broadcasts to thousands of WebSocket clients, with several servers taking turns
    Fanout(fanout::Options),
    /// A few seconds with 50 clients: is every delivery counted?
    Smoke(smoke::Options),
    /// Calls the handler and handlers that do the same work in other ways, in turns
    Handler(calls::Options),
    /// Starts the handler and its peers, in turns, and waits for the first answer
    ColdStart(cold_start::Options),
    /// Connects thousands of WebSocket clients, with several servers taking turns
    Connect(connects::Options),
    /// Makes and checks tokens
    Tokens(tokens::Options),
    /// Broadcasts through local stacks with and without an inspector, and with its page open, in turns
    Inspector(inspector::Options),
    /// Counts the instructions of the hot paths and compares them with the baseline; needs Valgrind
    Instructions(instructions::Options),
    /// Calls a handler directly, through a bare proxy and through the Functions host, in turns
    Host(overhead::Options),
    /// Is the handler that `host` measures; `host` starts it by itself
    ServeHandler(echo_handler::Options),
    /// Is the bare proxy that the Functions host is measured against; `host` starts it by itself
    ServeProxy(proxy_probe::Options),
    /// Does one piece of work again and again; `instructions` counts it
    HotPath(hot_paths::Options),
    /// Is the bare axum handler that the handler is measured against; `handler` starts it by itself
    ServeAxum(axum_probe::Options),
    /// Is the raw-socket server that the others are measured against; `fanout` starts it by itself
    Probe(probe::Options),
}

/// Whether everything that was measured is as it should be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Verdict {
    Good,
    Bad,
}

/// One thread: the load shares a core with nobody, and counting needs no locks.
#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    let benchmark = Benchmark::parse();
    let result = LocalSet::new()
        .run_until(async {
            match benchmark {
                Benchmark::Fanout(options) => fanout::run(&options).await,
                Benchmark::Handler(options) => calls::run(&options).await,
                Benchmark::ColdStart(options) => cold_start::run(&options).await,
                Benchmark::Connect(options) => connects::run(&options).await,
                Benchmark::Tokens(options) => tokens::run(&options),
                Benchmark::Instructions(options) => instructions::run(&options),
                Benchmark::HotPath(options) => hot_paths::run(&options).await.map(|()| Verdict::Good),
                Benchmark::ServeAxum(options) => axum_probe::run(&options).await.map(|()| Verdict::Good),
                Benchmark::Inspector(options) => inspector::run(&options).await,
                Benchmark::Host(options) => overhead::run(&options).await,
                Benchmark::ServeHandler(options) => echo_handler::run(&options).await.map(|()| Verdict::Good),
                Benchmark::ServeProxy(options) => proxy_probe::run(&options).await.map(|()| Verdict::Good),
                Benchmark::Smoke(options) => smoke::run(&options).await,
                Benchmark::Probe(options) => probe::run(&options).await.map(|()| Verdict::Good),
            }
        })
        .await;
    match result {
        Ok(Verdict::Good) => ExitCode::SUCCESS,
        Ok(Verdict::Bad) => ExitCode::FAILURE,
        Err(error) => {
            // Nobody is left to tell when even stderr is closed.
            let _ = writeln!(std::io::stderr(), "bench: {error:#}");
            ExitCode::FAILURE
        }
    }
}
