//! `cargo xtask bench`: builds what is measured, installs the peers, and runs the package `bench`.
//!
//! Missing peers do not stop it, because the goals that need none can still be judged; the report names them.

use std::ffi::OsString;
use std::path::PathBuf;

use anyhow::{Context as _, Result, ensure};

use crate::apt;
use crate::command::{answer_of, cargo, program, root, run, run_for_output, run_quietly};
use crate::console::{say, step};
use crate::executables::executable;
use crate::python::{self, BENCH};

/// What to measure.
#[derive(Debug, clap::Subcommand)]
pub(crate) enum Benchmark {
    /// Measures what a call costs the handler and its peers, release builds all of them
    Handler(Arguments),
    /// Measures how soon the handler and its peers give their first answer, release builds all of them
    ColdStart(Arguments),
    /// Measures the fan-out of the product and of its peers, release builds all of them
    Fanout(Arguments),
    /// Measures how fast clients get connected to the product and its peers, release builds all of them
    Connect(Arguments),
    /// Measures how long it takes to make and to check a token, a release build
    Tokens(Arguments),
    /// Measures what the inspector costs the local stack's fan-out, release builds
    Inspector(Arguments),
    /// Measures what the Functions host adds to a call of the handler, release builds both of them
    Host(Arguments),
    /// Counts the instructions of the hot paths and compares them with the baseline
    Instructions(Arguments),
    /// Checks within seconds that every delivery is counted
    Smoke(Arguments),
}

/// Passed on as they are.
#[derive(Debug, clap::Args)]
#[command(disable_help_flag = true)]
pub(crate) struct Arguments {
    /// What the benchmark is told; `--help` lists it
    #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
    arguments: Vec<OsString>,
}

/// What has to be there beside `bench`.
struct Needs {
    /// The name of the benchmark.
    name: &'static str,
    product: Product,
    profile: &'static str,
    peers: &'static [Peers],
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Product {
    /// Built by itself, because packages that are built together are built with each other's features.
    Handler,
    /// A package of tools, which is built together with `bench`.
    Package(&'static str),
    None,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Peers {
    Node,
    Python,
}

/// As `cargo xtask package` builds it, but for this machine and its C library.
const HANDLER: &str = "build --release --bin handler --features entra";
const RELEASE: &str = "--release";
/// Counts are compared with those of the same profile only.
const INSTRUCTIONS: &str = "--profile instructions";

impl Benchmark {
    fn needs(&self) -> (Needs, &Arguments) {
        let all: &[Peers] = &[Peers::Node, Peers::Python];
        let emulator = Product::Package("signalr-emulator");
        let needs = |name, product, profile, peers| Needs { name, product, profile, peers };
        match self {
            Self::Handler(arguments) => (needs("handler", Product::Handler, RELEASE, all), arguments),
            Self::ColdStart(arguments) => (needs("cold-start", Product::Handler, RELEASE, all), arguments),
            Self::Fanout(arguments) => (needs("fanout", emulator, RELEASE, &[Peers::Node]), arguments),
            Self::Connect(arguments) => (needs("connect", emulator, RELEASE, &[Peers::Node]), arguments),
            Self::Tokens(arguments) => (needs("tokens", Product::None, RELEASE, &[]), arguments),
            Self::Inspector(arguments) => {
                (needs("inspector", Product::Package("local-stack"), RELEASE, &[]), arguments)
            }
            Self::Host(arguments) => (needs("host", Product::Package("local-stack"), RELEASE, &[]), arguments),
            Self::Instructions(arguments) => (needs("instructions", Product::None, INSTRUCTIONS, &[]), arguments),
            Self::Smoke(arguments) => (needs("smoke", emulator, "", &[]), arguments),
        }
    }
}

/// Measures. A goal that was not reached is an error.
pub(crate) fn bench(benchmark: &Benchmark) -> Result<()> {
    let (Needs { name, product, profile, peers }, Arguments { arguments }) = benchmark.needs();
    let bench = step("bench: build", || build(product, profile))?;
    if matches!(benchmark, Benchmark::Instructions(_)) {
        install_valgrind()?;
    }
    if peers.contains(&Peers::Node) {
        install("Node.js", install_node_peers);
    }
    if peers.contains(&Peers::Python) {
        install("Python", || python::install_packages(&BENCH).map(drop));
    }
    run(program(&bench.to_string_lossy(), name).args(arguments))
}

/// Builds the benchmark and the product, and tells where the benchmark is; it finds the product beside itself.
fn build(product: Product, profile: &str) -> Result<PathBuf> {
    if product == Product::Handler {
        run(&mut cargo(HANDLER))?;
    }
    let mut command = cargo("build --package bench --message-format json-render-diagnostics");
    if let Product::Package(name) = product {
        command.args(["--package", name]);
    }
    let messages = run_for_output(command.args(profile.split_whitespace()))?;
    messages.lines().find_map(|line| executable(line, "bench")).context("cargo built no executable named `bench`")
}

/// Installs peers unless they are there.
fn install(runtime: &str, work: impl FnOnce() -> Result<()>) {
    if let Err(error) = step(&format!("bench: peers on {runtime}"), work) {
        say(format_args!("    without them: {error:#}"));
    }
}

/// Counts the instructions of the hot paths. Where Valgrind cannot be had, or there is nothing to compare with, that is said and nothing is counted.
pub(crate) fn verify() -> Result<()> {
    if !root().join("bench/instructions.json").is_file() {
        say(
            "==> instructions: NOT COUNTED, because there is no baseline; `cargo xtask bench instructions --accept` makes one",
        );
        return Ok(());
    }
    if let Err(error) = install_valgrind() {
        say(format_args!("==> instructions: NOT COUNTED, because there is no Valgrind: {error:#}"));
        return Ok(());
    }
    let bench = step("instructions: build", || build(Product::None, INSTRUCTIONS))?;
    step("instructions: count", || run(&mut program(&bench.to_string_lossy(), "instructions")))
}

fn install_valgrind() -> Result<()> {
    let runs = || answer_of(&mut program("valgrind", "--version")).is_some();
    if runs() {
        return Ok(());
    }
    apt::install("valgrind").context("install Valgrind")?;
    ensure!(runs(), "`valgrind` was installed but does not run");
    Ok(())
}

fn install_node_peers() -> Result<()> {
    let npm = |arguments| {
        let mut command = program("npm", arguments);
        command.current_dir(root().join("bench/peers"));
        command
    };
    if answer_of(&mut npm("ls")).is_some() { Ok(()) } else { run_quietly(&mut npm("ci")) }
}
