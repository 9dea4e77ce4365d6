//! A report in its simplest form: where it was measured, the goals, then tables that can be pasted into Markdown; or all
//! of it as one JSON object per line.

use std::fmt::Write as _;
use std::io::{Result, Write};

use serde::Serialize;

use super::judgement::{self, Judgement};
use super::statistics::Spread;
use super::{Absent, Format};
use crate::Verdict;
use crate::machine::{self, Cores, Surroundings};

/// Where and when everything was measured.
#[derive(Debug, Serialize)]
pub(crate) struct Run {
    surroundings: Surroundings,
    pub(crate) cores: Cores,
    load_average_before: f64,
    load_average_after: f64,
}

/// All that a benchmark has found.
#[derive(Debug)]
pub(crate) struct Summary<'a, T> {
    pub(crate) run: Run,
    pub(crate) absent: Vec<Absent>,
    pub(crate) judgements: Vec<Judgement>,
    pub(crate) tables: Vec<Table>,
    /// What everything was computed from.
    pub(crate) turns: &'a [T],
}

/// Figures of those that took turns.
#[derive(Debug)]
pub(crate) struct Table {
    text: String,
}

#[derive(Serialize)]
#[serde(tag = "type", rename_all = "kebab-case")]
enum Line<'a, T> {
    Run(&'a Run),
    Absent(&'a Absent),
    Turn(&'a T),
    Goal(&'a Judgement),
}

impl Run {
    /// Looks around, and gives servers and load a core each.
    pub(crate) fn begin() -> Self {
        // First: a process that has one core sees one.
        let run = Self::look();
        Self { cores: Cores::divide(), ..run }
    }

    /// Looks around, and leaves everybody where they are.
    pub(crate) fn look() -> Self {
        let load_average_before = machine::load_average();
        let (surroundings, cores) = (Surroundings::look(), Cores::Shared);
        Self { surroundings, cores, load_average_before, load_average_after: f64::NAN }
    }

    /// Everything is measured.
    pub(crate) fn end(&mut self) {
        self.load_average_after = machine::load_average();
    }

    fn write(&self, out: &mut impl Write) -> Result<()> {
        let machine = &self.surroundings;
        if cfg!(debug_assertions) {
            writeln!(out, "This is a debug build: its figures mean nothing.")?;
        }
        writeln!(out, "{}, {} cores, Linux {}", machine.processor, machine.cores, machine.kernel)?;
        if let Some(commit) = &machine.commit {
            writeln!(out, "commit {commit}")?;
        }
        writeln!(out, "load average {:.2} before, {:.2} after", self.load_average_before, self.load_average_after)?;
        match self.cores {
            Cores::Separate { server, load } => writeln!(out, "servers on core {server}, load on core {load}"),
            Cores::Shared => writeln!(out, "servers and load share their cores"),
        }
    }
}

impl Table {
    pub(crate) fn new(title: &str, columns: &[&str]) -> Self {
        let (names, rules) = (columns.join(" | "), "---|".repeat(columns.len()));
        Self { text: format!("\n{title}\n\n| | {names} |\n|---|{rules}\n") }
    }

    /// Adds a row; a figure has so many digits behind the point.
    pub(crate) fn row<const N: usize>(&mut self, name: &str, figures: [(Option<Spread>, usize); N]) {
        self.text.push_str("| ");
        self.text.push_str(name);
        for (spread, digits) in figures {
            let figure = spread.map_or("-".to_owned(), |spread| format!("{spread:.digits$}"));
            write!(self.text, " | {figure}").expect("a string takes every write");
        }
        self.text.push_str(" |\n");
    }
}

impl<T: Serialize> Summary<'_, T> {
    /// Writes the report to standard output and says whether every goal was reached.
    pub(crate) fn write(&self, format: Format) -> anyhow::Result<Verdict> {
        let mut out = std::io::stdout().lock();
        match format {
            Format::Text => self.text(&mut out)?,
            Format::Json => self.json(&mut out)?,
        }
        out.flush()?;
        Ok(judgement::verdict(&self.judgements))
    }

    fn text(&self, out: &mut impl Write) -> Result<()> {
        self.run.write(out)?;
        for Absent { name, reason } in &self.absent {
            writeln!(out, "not measured: {name}: {reason}")?;
        }
        judgement::write(out, &self.judgements)?;
        for Table { text } in &self.tables {
            out.write_all(text.as_bytes())?;
        }
        Ok(())
    }

    fn json(&self, out: &mut impl Write) -> anyhow::Result<()> {
        let absent = self.absent.iter().map(Line::Absent);
        let (turns, goals) = (self.turns.iter().map(Line::Turn), self.judgements.iter().map(Line::Goal));
        for line in std::iter::once(Line::Run(&self.run)).chain(absent).chain(turns).chain(goals) {
            serde_json::to_writer(&mut *out, &line)?;
            writeln!(out)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_table_is_markdown() {
        let mut table = Table::new("memory", &["idle", "most"]);
        table.row("one", [(Spread::of([1.0]), 1), (None, 0)]);
        assert_eq!(table.text, "\nmemory\n\n| | idle | most |\n|---|---|---|\n| one | 1.0 (1.0-1.0) | - |\n");
    }
}
