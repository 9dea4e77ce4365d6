//! What the inspector costs, as ratios within one round, and the figures behind them.

use std::io::Write;

use anyhow::Result;
use serde::Serialize;

use super::Setting;
use super::slice::{Load, Slice};
use crate::Verdict;
use crate::machine::{Cores, Surroundings};
use crate::report::{MeanRatio, Spread};

/// What is left of the fan-out with the page open, at least, as a share of what there is with the page closed.
const LEFT: f64 = 0.95;

/// From here on the clients' core is saturated, and rates say nothing about the stack.
const SATURATED: f64 = 0.95;

/// All that a run has found.
#[derive(Debug)]
pub(super) struct Report {
    pub(super) surroundings: Surroundings,
    pub(super) cores: Cores,
    pub(super) load_average_before: f64,
    pub(super) load_average_after: f64,
    pub(super) slices: Vec<Slice>,
}

/// A goal and what has become of it.
#[derive(Debug, Serialize)]
struct Judgement {
    reached: bool,
    goal: String,
    found: String,
}

#[derive(Serialize)]
#[serde(tag = "type", rename_all = "kebab-case")]
enum Line<'a> {
    Run { surroundings: &'a Surroundings, cores: Cores, load_average_before: f64, load_average_after: f64 },
    Slice(&'a Slice),
    Goal(&'a Judgement),
}

impl Report {
    /// Writes the report to standard output and says whether every goal was reached.
    pub(super) fn write(&self, as_json: bool) -> Result<Verdict> {
        let judgements = self.judge();
        let mut out = std::io::stdout().lock();
        if as_json {
            self.json(&mut out, &judgements)?;
        } else {
            self.text(&mut out, &judgements)?;
        }
        out.flush()?;
        let all_reached = judgements.iter().all(|judgement| judgement.reached);
        Ok(if all_reached { Verdict::Good } else { Verdict::Bad })
    }

    /// Broadcasts are judged: a message to one user is a call of the service's interface, and hardly any fan-out.
    fn judge(&self) -> Vec<Judgement> {
        let broadcasts = self.loads().into_iter().filter(|load| *load != Load::Messages);
        let settings = self.settings();
        broadcasts.flat_map(|load| settings.iter().flat_map(move |setting| self.judge_at(load, *setting))).collect()
    }

    fn judge_at(&self, load: Load, setting: Setting) -> Vec<Judgement> {
        if !matches!(setting, Setting::Open(_)) {
            return Vec::new();
        }
        let saturated = self.of(load, setting).any(|slice| slice.client_share() >= SATURATED);
        let objection = if saturated { " (the clients were saturated)" } else { "" };
        let judge = |what: &str, objection: &str, of: fn(&Slice, &Slice) -> f64| {
            self.ratio(load, setting, Setting::Closed, of).map(|found| Judgement {
                reached: found.mean >= LEFT,
                goal: format!("{}, {}: {LEFT} x the {what} of the closed page", load.name(), setting.name()),
                found: format!("{found}{objection}"),
            })
        };
        let cpu = judge("deliveries per CPU time", "", |open, closed| closed.cpu() / open.cpu());
        let rate = judge("deliveries per second", objection, |open, closed| open.rate() / closed.rate());
        cpu.into_iter().chain(rate).collect()
    }

    /// A ratio of two settings in the same round.
    fn ratio(&self, load: Load, one: Setting, other: Setting, of: fn(&Slice, &Slice) -> f64) -> Option<MeanRatio> {
        let partner = |slice: &Slice| self.of(load, other).find(|partner| partner.round == slice.round);
        MeanRatio::of(self.of(load, one).filter_map(|slice| Some(of(slice, partner(slice)?))))
    }

    fn of(&self, load: Load, setting: Setting) -> impl Iterator<Item = &Slice> {
        self.slices.iter().filter(move |slice| slice.load == load && slice.setting == setting)
    }

    fn loads(&self) -> Vec<Load> {
        distinct(self.slices.iter().map(|slice| slice.load))
    }

    /// The settings in the order of the first round.
    fn settings(&self) -> Vec<Setting> {
        distinct(self.slices.iter().map(|slice| slice.setting))
    }

    fn json(&self, out: &mut impl Write, judgements: &[Judgement]) -> Result<()> {
        let Report { surroundings, cores, load_average_before, load_average_after, slices } = self;
        let (load_average_before, load_average_after) = (*load_average_before, *load_average_after);
        let run = Line::Run { surroundings, cores: *cores, load_average_before, load_average_after };
        let lines = std::iter::once(run).chain(slices.iter().map(Line::Slice)).chain(judgements.iter().map(Line::Goal));
        for line in lines {
            writeln!(out, "{}", serde_json::to_string(&line)?)?;
        }
        Ok(())
    }

    fn text(&self, out: &mut impl Write, judgements: &[Judgement]) -> Result<()> {
        if cfg!(debug_assertions) {
            writeln!(out, "This is a debug build: its figures mean nothing.")?;
        }
        let machine = &self.surroundings;
        writeln!(out, "{}, {} cores, Linux {}", machine.processor, machine.cores, machine.kernel)?;
        if let Some(commit) = &machine.commit {
            writeln!(out, "commit {commit}")?;
        }
        writeln!(out, "load average {:.2} before, {:.2} after", self.load_average_before, self.load_average_after)?;
        match self.cores {
            Cores::Separate { server, load } => writeln!(out, "stacks on core {server}, clients on core {load}")?,
            Cores::Shared => writeln!(out, "all share their cores: there is one core, or no `taskset`")?,
        }
        writeln!(
            out,
            "\nGoals: means of ratios that were taken within one round, and how far they may be off (two standard errors)"
        )?;
        for Judgement { reached, goal, found } in judgements {
            writeln!(out, "  {}  {goal}: {found}", if *reached { "PASS" } else { "FAIL" })?;
        }
        for load in self.loads() {
            self.table(out, load)?;
        }
        self.looks(out)
    }

    fn table(&self, out: &mut impl Write, load: Load) -> Result<()> {
        let piece = if load == Load::Messages { "message" } else { "delivery" };
        writeln!(out, "\n{}", load.name())?;
        let headings = [
            format!("per second ({piece})"),
            format!("CPU us per {piece}"),
            "x no inspector, by CPU".to_owned(),
            "p50 ms".to_owned(),
            "p99 ms".to_owned(),
            "stack's core".to_owned(),
            "clients' core".to_owned(),
            "waiting".to_owned(),
        ];
        writeln!(out, "  {:18}{}", "", headings.map(|heading| format!("{heading:>24}")).concat())?;
        for setting in self.settings() {
            let of = |value: fn(&Slice) -> f64| Spread::of(self.of(load, setting).map(value));
            let ratio = self.ratio(load, setting, Setting::Without, |one, without| without.cpu() / one.cpu());
            let shown = |value, digits: usize| of(value).map(|spread| format!("{spread:.digits$}")).unwrap_or_default();
            let cells = [
                shown(Slice::rate, 0),
                shown(Slice::cpu, 2),
                ratio.map(|ratio| ratio.to_string()).unwrap_or_default(),
                shown(|slice| slice.p50.as_secs_f64() * 1e3, 1),
                shown(|slice| slice.p99.as_secs_f64() * 1e3, 1),
                shown(Slice::server_share, 2),
                shown(Slice::client_share, 2),
                shown(Slice::waiting_share, 2),
            ];
            writeln!(out, "  {:18}{}", setting.name(), cells.map(|cell| format!("{cell:>24}")).concat())?;
        }
        Ok(())
    }

    /// What the open pages have got, so that nobody measures pages that got nothing.
    fn looks(&self, out: &mut impl Write) -> Result<()> {
        writeln!(out)?;
        for setting in self.settings().into_iter().filter(|setting| matches!(setting, Setting::Open(_))) {
            let looked =
                || self.slices.iter().filter(|slice| slice.setting == setting).filter_map(|slice| slice.looked);
            let seconds: f64 = self
                .slices
                .iter()
                .filter(|slice| slice.setting == setting)
                .map(|slice| slice.elapsed.as_secs_f64())
                .sum();
            let (states, lists) =
                (looked().map(|one| one.states).sum::<u64>(), looked().map(|one| one.lists).sum::<u64>());
            let kilobytes = looked().map(|one| one.bytes).sum::<u64>() as f64 / 1000.0;
            writeln!(
                out,
                "{}: {:.1} states, {:.1} lists and {:.0} kB per second; {} events not recorded",
                setting.name(),
                states as f64 / seconds,
                lists as f64 / seconds,
                kilobytes / seconds,
                looked().map(|one| one.lost).max().unwrap_or_default(),
            )?;
        }
        Ok(())
    }
}

fn distinct<T: PartialEq>(values: impl Iterator<Item = T>) -> Vec<T> {
    values.fold(Vec::new(), |mut known, value| {
        if !known.contains(&value) {
            known.push(value);
        }
        known
    })
}
