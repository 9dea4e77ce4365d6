//! A goal and what has become of it, whichever benchmark it belongs to.

use std::io::{Result, Write};

use serde::Serialize;

use crate::Verdict;

/// A goal and what has become of it.
#[derive(Debug, Serialize)]
pub(crate) struct Judgement {
    pub(crate) outcome: Outcome,
    pub(crate) goal: String,
    pub(crate) found: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "UPPERCASE")]
pub(crate) enum Outcome {
    Pass,
    Fail,
    /// There is nothing to judge by.
    Skip,
}

impl Judgement {
    /// A goal that was measured.
    pub(crate) fn of(reached: bool, goal: String, found: String) -> Self {
        Self { outcome: Outcome::of(reached), goal, found }
    }

    /// A goal for which there is nothing to judge by, and why not.
    pub(crate) fn skipped(goal: String, reason: String) -> Self {
        Self { outcome: Outcome::Skip, goal, found: reason }
    }
}

impl Outcome {
    pub(crate) fn of(reached: bool) -> Self {
        if reached { Self::Pass } else { Self::Fail }
    }

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Pass => "PASS",
            Self::Fail => "FAIL",
            Self::Skip => "SKIP",
        }
    }
}

/// Writes every goal, one per line.
pub(crate) fn write(out: &mut impl Write, judgements: &[Judgement]) -> Result<()> {
    writeln!(out, "\nGoals: ratios taken within one round, as medians (least-most)")?;
    for Judgement { outcome, goal, found } in judgements {
        writeln!(out, "  {}  {goal}: {found}", outcome.name())?;
    }
    Ok(())
}

/// Bad as soon as one goal was missed.
pub(crate) fn verdict(judgements: &[Judgement]) -> Verdict {
    let failed = judgements.iter().any(|judgement| judgement.outcome == Outcome::Fail);
    if failed { Verdict::Bad } else { Verdict::Good }
}
