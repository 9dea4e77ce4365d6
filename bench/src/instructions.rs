//! `bench instructions`: how many instructions the hot paths take, and whether that is what they took before.
//!
//! Valgrind counts; a count does not depend on how busy the machine is. Each path runs twice, once twice as often, and the
//! difference of the two counts is the work by itself, without start and end of the program. That needs no symbols. The
//! counts depend on the processor's architecture, on which of its extensions Valgrind shows to the program (it has AVX2 but
//! no SHA instructions, whatever the machine has), on the compiler and on the C library, so a baseline says where it comes
//! from.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, Result, bail, ensure};
use serde::{Deserialize, Serialize};

use crate::Verdict;
use crate::hot_paths::HotPath;
use crate::installed::own_path;
use crate::machine::{answer_of, folder};
use crate::report::{Format, Judgement, Run, Summary};

/// How much more a path may take than its baseline.
const TOLERANCE: f64 = 1.10;

/// From here on down the baseline should be lowered, so that the gain is kept.
const BETTER: f64 = 0.90;

/// How often each path runs, and twice that.
const TIMES: u32 = 200;

/// What to count.
#[derive(Debug, clap::Args)]
pub(crate) struct Options {
    /// Make what is counted now the baseline
    #[arg(long)]
    accept: bool,
    /// The file with the baselines
    #[arg(long, default_value_os_t = folder().join("instructions.json"), hide_default_value = true)]
    baseline: PathBuf,
    /// Write one JSON object per line instead of a report to read
    #[arg(long)]
    json: bool,
}

/// The baselines of all architectures.
type Baselines = BTreeMap<String, Baseline>;

/// What the paths took, and where.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, Serialize)]
struct Baseline {
    valgrind: String,
    compiler: String,
    /// Whether the processor has AVX2, with which the C library copies.
    avx2: bool,
    instructions: BTreeMap<HotPath, u64>,
}

/// One path.
#[derive(Debug, Serialize)]
struct Count {
    path: HotPath,
    instructions: u64,
    baseline: Option<u64>,
}

/// Counts and compares.
pub(crate) fn run(options: &Options) -> Result<Verdict> {
    let mut baselines = read(&options.baseline)?;
    let mut run = Run::look();
    let found = Baseline::count()?;
    run.end();
    let before = baselines.get(std::env::consts::ARCH).cloned();
    let counts: Vec<Count> = found
        .instructions
        .iter()
        .map(|(path, instructions)| Count::of(*path, *instructions, before.as_ref()))
        .collect();
    let judgements = counts.iter().map(|count| count.judge(options.accept)).collect();
    let mut surroundings = vec![found.surroundings()];
    if let Some(before) = before.filter(|before| before.surroundings() != found.surroundings()) {
        surroundings.push(format!("the baseline is from another: {}", before.surroundings()));
    }
    if options.accept {
        baselines.insert(std::env::consts::ARCH.to_owned(), found);
        let text = serde_json::to_string_pretty(&baselines)? + "\n";
        std::fs::write(&options.baseline, text).with_context(|| format!("`{}`", options.baseline.display()))?;
    }
    for line in surroundings {
        crate::report::progress(&line)?;
    }
    Summary { run, absent: Vec::new(), judgements, tables: Vec::new(), turns: &counts }.write(Format::of(options.json))
}

fn read(path: &Path) -> Result<Baselines> {
    match std::fs::read_to_string(path) {
        Ok(text) => serde_json::from_str(&text).with_context(|| format!("`{}` holds no baselines", path.display())),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(Baselines::new()),
        Err(error) => Err(error).with_context(|| format!("`{}` cannot be read", path.display())),
    }
}

impl Baseline {
    fn count() -> Result<Self> {
        let valgrind = answer_of(Command::new("valgrind").arg("--version"));
        let valgrind = valgrind.context("`valgrind` does not run; install it (Debian: `apt-get install valgrind`)")?;
        let compiler =
            answer_of(Command::new("rustc").arg("--version")).unwrap_or_else(|| "an unknown rustc".to_owned());
        let cpuinfo = std::fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
        let instructions = HotPath::ALL.into_iter().map(|path| Ok((path, count(path)?))).collect::<Result<_>>()?;
        Ok(Self { valgrind, compiler, avx2: cpuinfo.contains(" avx2 "), instructions })
    }

    fn surroundings(&self) -> String {
        let Self { valgrind, compiler, avx2, .. } = self;
        format!("{valgrind}, {compiler}, {} AVX2", if *avx2 { "with" } else { "without" })
    }
}

impl Count {
    fn of(path: HotPath, instructions: u64, before: Option<&Baseline>) -> Self {
        let baseline = before.and_then(|before| before.instructions.get(&path).copied());
        Self { path, instructions, baseline }
    }

    fn judge(&self, accept: bool) -> Judgement {
        let (name, found) = (self.path.name(), self.instructions);
        let Some(baseline) = self.baseline else {
            let cure = if accept {
                "now the baseline"
            } else {
                "no baseline for this; `cargo xtask bench instructions --accept` makes one"
            };
            return Judgement::skipped(format!("{name}: {found} instructions"), cure.to_owned());
        };
        let ratio = found as f64 / baseline as f64;
        let goal = format!("{name}: at most {TOLERANCE:.2} x the {baseline} instructions of before");
        let advice = match ratio {
            _ if accept => ", now the baseline",
            ratio if ratio > TOLERANCE => {
                "; make it cheaper, or accept it with `cargo xtask bench instructions --accept`"
            }
            ratio if ratio < BETTER => "; keep the gain with `cargo xtask bench instructions --accept`",
            _ => "",
        };
        Judgement::of(accept || ratio <= TOLERANCE, goal, format!("{found}, {ratio:.2} x{advice}"))
    }
}

/// The instructions of one time.
fn count(path: HotPath) -> Result<u64> {
    let [few, many] = [TIMES, 2 * TIMES].map(|times| counted(path, times));
    let difference = many?.checked_sub(few?).context("more work took fewer instructions")?;
    Ok(difference / (u64::from(TIMES) * path.at_once() as u64))
}

fn counted(path: HotPath, times: u32) -> Result<u64> {
    let mut command = Command::new("valgrind");
    // Without a simulated cache it only counts.
    command.args(["--tool=cachegrind", "--cache-sim=no", "--cachegrind-out-file=/dev/null"]);
    command.arg(own_path()?).args(["hot-path", path.name(), "--times", &times.to_string()]);
    let output = command.output().context("`valgrind` did not start")?;
    let said = String::from_utf8_lossy(&output.stderr);
    ensure!(output.status.success(), "`{command:?}` ended with {}; it said:\n{said}", output.status);
    match total(&said) {
        Some(total) => Ok(total),
        None => bail!("`{command:?}` did not say `I refs`; it said:\n{said}"),
    }
}

/// The number in a line such as `==7== I   refs:      1,234,567`; a later Valgrind writes `I refs:`.
fn total(said: &str) -> Option<u64> {
    let line = said.lines().find(|line| line.contains("refs:") && line.contains("== I "))?;
    let digits: String = line.rsplit(':').next()?.chars().filter(char::is_ascii_digit).collect();
    digits.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_total_is_read_from_what_every_valgrind_says() {
        assert_eq!(total("==7== \n==7== I   refs:      1,234,567\n"), Some(1_234_567));
        assert_eq!(total("==7== I refs:        89\n==7== D refs: 1\n"), Some(89));
        assert_eq!(total("==7== Command: bench\n"), None);
    }

    #[track_caller]
    fn check(instructions: u64, baseline: Option<u64>, accept: bool, expected: &str) {
        let Judgement { outcome, found, .. } = Count { path: HotPath::Delivery, instructions, baseline }.judge(accept);
        assert_eq!(format!("{} {found}", outcome.name()), expected);
    }

    #[test]
    fn a_tenth_more_is_too_much_unless_it_is_accepted() {
        check(1100, Some(1000), false, "PASS 1100, 1.10 x");
        check(
            1101,
            Some(1000),
            false,
            "FAIL 1101, 1.10 x; make it cheaper, or accept it with `cargo xtask bench instructions --accept`",
        );
        check(1200, Some(1000), true, "PASS 1200, 1.20 x, now the baseline");
        check(800, Some(1000), false, "PASS 800, 0.80 x; keep the gain with `cargo xtask bench instructions --accept`");
        check(800, None, false, "SKIP no baseline for this; `cargo xtask bench instructions --accept` makes one");
    }

    #[test]
    fn every_path_has_a_baseline() {
        let baselines = read(&folder().join("instructions.json")).unwrap();
        for (architecture, baseline) in &baselines {
            let missing = HotPath::ALL.iter().find(|path| !baseline.instructions.contains_key(path));
            assert_eq!(missing, None, "{architecture}");
        }
    }
}
