//! What the chores say: one line when a step begins and one when it has passed.
//!
//! The programs that a step runs write to the same terminal by themselves.

use std::fmt::Display;
use std::io::Write as _;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result};

/// Announces `title`, does the work, and tells how long it took. A failure carries the title.
pub(crate) fn step<T>(title: &str, work: impl FnOnce() -> Result<T>) -> Result<T> {
    say(format_args!("==> {title}"));
    let started = Instant::now();
    let value = work().with_context(|| format!("{title}: failed after {}", seconds(started.elapsed())))?;
    say(format_args!("    passed in {}", seconds(started.elapsed())));
    Ok(value)
}

/// Writes one line to standard output.
pub(crate) fn say(line: impl Display) {
    // A closed pipe is no reason to stop: the exit code still tells the result.
    let _ = writeln!(std::io::stdout(), "{line}");
}

/// Writes an error with its causes to standard error.
pub(crate) fn complain(error: &anyhow::Error) {
    let _ = writeln!(std::io::stderr(), "error: {error:#}");
}

/// A duration as people read it, such as `12.3 s`.
pub(crate) fn seconds(duration: Duration) -> String {
    format!("{:.1} s", duration.as_secs_f64())
}
