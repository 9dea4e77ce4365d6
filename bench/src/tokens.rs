//! `bench tokens`: what it takes to make a client's token, and to check one.
//!
//! Within this process, on one core: there is no peer, because the other libraries make another form of token.

use std::hint::black_box;
use std::time::{Duration, Instant, SystemTime};

use anyhow::Result;
use azure_signalr::token::{Audience, ClientToken, Verifier};
use azure_signalr::{AccessKey, ConnectionString, HubName};
use serde::Serialize;

use crate::Verdict;
use crate::machine::CpuTime;
use crate::report::{Format, Judgement, Run, Spread, Summary, Table};

/// Seconds for one, at most.
const AT_MOST: f64 = 5e-6;

/// Tokens between two looks at the clock.
const BATCH: u32 = 1000;

/// How to measure.
#[derive(Debug, clap::Args)]
pub(crate) struct Options {
    /// How often each of the two has its turn
    #[arg(long, default_value_t = 5)]
    rounds: usize,
    /// How long a turn takes, in milliseconds
    #[arg(long, default_value_t = 300, value_name = "MS")]
    milliseconds: u64,
    /// Write one JSON object per line instead of a report to read
    #[arg(long)]
    json: bool,
}

/// One turn of one operation.
#[derive(Debug, Serialize)]
struct Turn {
    operation: &'static str,
    /// From 0 on.
    round: usize,
    /// CPU time for one token.
    took: Duration,
}

/// What tokens are made with, and checked against.
#[derive(Debug)]
pub(crate) struct Mint {
    connection: ConnectionString,
    verifier: Verifier,
    hub: HubName,
    now: SystemTime,
}

impl Mint {
    pub(crate) fn new() -> Result<Self> {
        let key = AccessKey::new(crate::server::PUBLIC_KEY);
        let connection = ConnectionString::with_access_key("http://localhost:8888".parse()?, key.clone());
        let (verifier, hub) = (Verifier::new([key]), "notifications".parse()?);
        Ok(Self { connection, verifier, hub, now: SystemTime::now() })
    }

    /// A token for somebody with one role.
    pub(crate) fn mint(&self) -> Result<String> {
        let token = ClientToken::new(&self.hub).user_id(Some("alice@contoso.com")).claim("role", "manager");
        Ok(token.sign(&self.connection, self.now)?)
    }

    /// Signature, times and audience, and whose it is.
    pub(crate) fn verify(&self, token: &str) -> Result<()> {
        let audience = Audience::Client { hub: "notifications", hosts: &["localhost:8888"] };
        let claims = self.verifier.verify(token, &audience, self.now)?;
        anyhow::ensure!(claims.user_id().as_deref() == Some("alice@contoso.com"), "the token is somebody else's");
        Ok(())
    }
}

/// Measures and reports.
pub(crate) fn run(options: &Options) -> Result<Verdict> {
    let mut run = Run::begin();
    let (mint, length) = (Mint::new()?, Duration::from_millis(options.milliseconds.max(1)));
    let token = mint.mint()?;
    let mut turns = Vec::new();
    for round in 0..options.rounds {
        let took = per_call(length, || mint.mint().map(|token| drop(black_box(token))))?;
        turns.push(Turn { operation: MINT, round, took });
        let took = per_call(length, || mint.verify(black_box(&token)))?;
        turns.push(Turn { operation: VERIFY, round, took });
    }
    run.end();
    let judgements = [MINT, VERIFY].map(|operation| judge(&turns, operation)).into();
    let mut table = Table::new(&format!("Tokens of {} characters, HS256", token.len()), &["us"]);
    for operation in [MINT, VERIFY] {
        table.row(operation, [(of(&turns, operation).map(|took| took.map(|seconds| seconds * 1e6)), 2)]);
    }
    Summary { run, absent: Vec::new(), judgements, tables: vec![table], turns: &turns }.write(Format::of(options.json))
}

const MINT: &str = "mint";
const VERIFY: &str = "verify";

/// How much CPU time one call takes. It does not matter who else uses the core.
fn per_call(length: Duration, mut call: impl FnMut() -> Result<()>) -> Result<Duration> {
    let (own, started) = (std::process::id(), Instant::now());
    let (before, mut calls) = (CpuTime::of(own)?, 0);
    while calls == 0 || started.elapsed() < length {
        for _ in 0..BATCH {
            call()?;
        }
        calls += BATCH;
    }
    Ok(CpuTime::of(own)?.since(before).used / calls)
}

fn of(turns: &[Turn], operation: &str) -> Option<Spread> {
    Spread::of(turns.iter().filter(|turn| turn.operation == operation).map(|turn| turn.took.as_secs_f64()))
}

fn judge(turns: &[Turn], operation: &'static str) -> Judgement {
    let goal = format!("{operation} a token in at most {} us", AT_MOST * 1e6);
    match of(turns, operation) {
        Some(took) => {
            Judgement::of(took.median <= AT_MOST, goal, format!("{:.2} us", took.map(|seconds| seconds * 1e6)))
        }
        None => Judgement::skipped(goal, "there was no round".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_minted_is_believed_and_nothing_else() {
        let mint = Mint::new().unwrap();
        let token = mint.mint().unwrap();
        mint.verify(&token).unwrap();
        assert!(mint.verify(&token[1..]).is_err());
    }

    #[test]
    fn five_microseconds_are_the_limit() {
        let turn = |nanoseconds| [Turn { operation: MINT, round: 0, took: Duration::from_nanos(nanoseconds) }];
        assert_eq!(judge(&turn(5000), MINT).outcome.name(), "PASS");
        assert_eq!(judge(&turn(5001), MINT).outcome.name(), "FAIL");
        assert_eq!(judge(&turn(1), VERIFY).outcome.name(), "SKIP");
    }
}
