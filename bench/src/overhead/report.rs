//! What the host adds, as ratios within one round, what a bare proxy would add, and the figures behind them.

use std::io::Write;

use anyhow::Result;
use serde::Serialize;

use super::Way;
use super::turn::Turn;
use crate::Verdict;
use crate::machine::{Cores, Surroundings};
use crate::report::Spread;

/// CPU time that the host adds to a call, as a multiple of the handler's own, at most.
const ADDED_CPU: f64 = 2.0;

/// Calls per second through the host, as a share of direct ones, at least. Host and handler share the core.
const RATE: f64 = 0.40;

/// From here on the callers' core is saturated, and rates say nothing about the servers.
const SATURATED: f64 = 0.95;

/// All that a run has found.
#[derive(Debug)]
pub(super) struct Report {
    pub(super) surroundings: Surroundings,
    pub(super) cores: Cores,
    pub(super) load_average_before: f64,
    pub(super) load_average_after: f64,
    pub(super) turns: Vec<Turn>,
}

/// What a way adds to direct calls, as ratios within rounds.
struct Overhead {
    cpu: Option<Spread>,
    rate: Option<Spread>,
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
    Turn(&'a Turn),
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

    fn judge(&self) -> Vec<Judgement> {
        self.numbers_of_callers().into_iter().flat_map(|callers| self.judge_at(callers)).collect()
    }

    fn judge_at(&self, callers: usize) -> Vec<Judgement> {
        let pairs = self.pairs(callers, Way::Host);
        let load = pairs.iter().flat_map(|(direct, host)| [direct.load_share(), host.load_share()]).fold(0.0, f64::max);
        let objection = if load >= SATURATED { " (the callers were saturated)" } else { "" };
        let ceiling = self.overhead(callers, Way::Proxy);
        let beside =
            |ceiling: Option<Spread>| ceiling.map_or_else(String::new, |of| format!("; a bare proxy {of:.2} x"));
        let Overhead { cpu, rate } = self.overhead(callers, Way::Host);
        let cpu = cpu.map(|cpu| Judgement {
            reached: cpu.median <= ADDED_CPU,
            goal: format!("{callers} callers: the host adds at most {ADDED_CPU} x the handler's own CPU time"),
            found: format!("{cpu:.2} x{}", beside(ceiling.cpu)),
        });
        let rate = rate.map(|rate| Judgement {
            reached: rate.median >= RATE,
            goal: format!("{callers} callers: at least {RATE} x as many calls per second as without the host"),
            found: format!("{rate:.2} x{objection}{}", beside(ceiling.rate)),
        });
        cpu.into_iter().chain(rate).collect()
    }

    /// What is added to direct calls this way.
    fn overhead(&self, callers: usize, way: Way) -> Overhead {
        let pairs = self.pairs(callers, way);
        let spread = |of: fn(&Turn, &Turn) -> f64| Spread::of(pairs.iter().map(|(direct, host)| of(direct, host)));
        Overhead {
            cpu: spread(|_, host| host.host_cpu_per_call() / host.handler_cpu_per_call()),
            rate: spread(|direct, host| host.rate() / direct.rate()),
        }
    }

    /// CPU time of the host as a multiple of that of the bare proxy, within rounds.
    fn beside_the_proxy(&self, callers: usize) -> Option<Spread> {
        let of = |way| self.pairs(callers, way).into_iter().map(|(_, turn)| (turn.round, turn.host_cpu_per_call()));
        let proxy: Vec<_> = of(Way::Proxy).collect();
        let partner = |round| proxy.iter().find(|(of, _)| *of == round).map(|(_, cpu)| *cpu);
        Spread::of(of(Way::Host).filter_map(|(round, cpu)| Some(cpu / partner(round)?)))
    }

    /// The direct turns and those of another way in the same round.
    fn pairs(&self, callers: usize, way: Way) -> Vec<(&Turn, &Turn)> {
        let turns = |way| self.turns.iter().filter(move |turn| turn.way == way && turn.callers == callers);
        let partner = |direct: &Turn| turns(way).find(|other| other.round == direct.round);
        turns(Way::Direct).filter_map(|direct| Some((direct, partner(direct)?))).collect()
    }

    fn numbers_of_callers(&self) -> Vec<usize> {
        let mut numbers: Vec<usize> = self.turns.iter().map(|turn| turn.callers).collect();
        numbers.sort_unstable();
        numbers.dedup();
        numbers
    }

    fn json(&self, out: &mut impl Write, judgements: &[Judgement]) -> Result<()> {
        let Report { surroundings, cores, load_average_before, load_average_after, turns } = self;
        let (load_average_before, load_average_after) = (*load_average_before, *load_average_after);
        let run = Line::Run { surroundings, cores: *cores, load_average_before, load_average_after };
        let lines = std::iter::once(run).chain(turns.iter().map(Line::Turn)).chain(judgements.iter().map(Line::Goal));
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
            Cores::Separate { server, load } => {
                writeln!(out, "host and handler on core {server}, callers on core {load}")?;
            }
            Cores::Shared => writeln!(out, "all share their cores: there is one core, or no `taskset`")?,
        }
        writeln!(out, "\nGoals: ratios taken within one round, as medians (least-most)")?;
        for Judgement { reached, goal, found } in judgements {
            writeln!(out, "  {}  {goal}: {found}", if *reached { "PASS" } else { "FAIL" })?;
        }
        for callers in self.numbers_of_callers() {
            self.table(out, callers)?;
        }
        Ok(())
    }

    fn table(&self, out: &mut impl Write, callers: usize) -> Result<()> {
        writeln!(out, "\n{callers} callers")?;
        if let Some(ratio) = self.beside_the_proxy(callers) {
            writeln!(out, "  the host takes {ratio:.2} x the CPU time of a bare proxy")?;
        }
        let headings = ["p50 us", "p99 us", "calls/s", "calls/s per core", "host CPU us/call", "handler CPU us/call"];
        writeln!(out, "  {:8}{}", "", headings.map(|heading| format!("{heading:>26}")).concat())?;
        for (way, name) in [(Way::Direct, "direct"), (Way::Proxy, "proxy"), (Way::Host, "host")] {
            let micros = |seconds: f64| seconds * 1e6;
            let columns: [&dyn Fn(&Turn) -> f64; 6] = [
                &|turn| micros(turn.p50.as_secs_f64()),
                &|turn| micros(turn.p99.as_secs_f64()),
                &Turn::rate,
                &Turn::calls_per_cpu_second,
                &|turn| micros(turn.host_cpu_per_call()),
                &|turn| micros(turn.handler_cpu_per_call()),
            ];
            let cell = |column: &dyn Fn(&Turn) -> f64| {
                let turns = self.turns.iter().filter(|turn| turn.way == way && turn.callers == callers);
                Spread::of(turns.map(column)).map_or_else(String::new, |spread| format!("{spread:.0}"))
            };
            let cells = columns.map(|column| format!("{:>26}", cell(column))).concat();
            writeln!(out, "  {name:8}{cells}")?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    /// Rounds in which the host takes 40 us and the bare proxy 25, beside 20 of the handler.
    fn report() -> Report {
        let micros = Duration::from_micros;
        let turns = (0..3).flat_map(|round| {
            [
                Turn::made_up(Way::Direct, round, 50_000, [micros(0), micros(20)]),
                Turn::made_up(Way::Proxy, round, 25_000, [micros(25), micros(20)]),
                Turn::made_up(Way::Host, round, 15_000, [micros(40), micros(20)]),
            ]
        });
        Report {
            surroundings: Surroundings::look(),
            cores: Cores::Shared,
            load_average_before: 0.0,
            load_average_after: 0.0,
            turns: turns.collect(),
        }
    }

    #[test]
    fn goals_are_judged_by_the_host_and_say_what_a_bare_proxy_reaches() {
        let judgements = report().judge();
        let found: Vec<_> = judgements.iter().map(|judgement| (judgement.reached, judgement.found.as_str())).collect();
        let cpu = "2.00 (2.00-2.00) x; a bare proxy 1.25 (1.25-1.25) x";
        let rate = "0.30 (0.30-0.30) x; a bare proxy 0.50 (0.50-0.50) x";
        assert_eq!(found, [(true, cpu), (false, rate)]);
    }

    #[test]
    fn a_report_has_a_line_for_each_way_and_the_host_beside_the_bare_proxy() {
        let (report, mut text) = (report(), Vec::new());
        report.text(&mut text, &report.judge()).unwrap();
        let text = String::from_utf8(text).unwrap();
        assert!(text.contains("the host takes 1.60 (1.60-1.60) x the CPU time of a bare proxy"), "{text}");
        for way in ["direct", "proxy", "host"] {
            assert!(text.lines().any(|line| line.trim_start().starts_with(&format!("{way}  "))), "{way}: {text}");
        }
    }

    #[test]
    fn without_turns_of_the_proxy_the_goals_are_judged_all_the_same() {
        let mut report = report();
        report.turns.retain(|turn| turn.way != Way::Proxy);
        let found: Vec<_> = report.judge().into_iter().map(|judgement| judgement.found).collect();
        assert_eq!(found, ["2.00 (2.00-2.00) x", "0.30 (0.30-0.30) x"]);
    }
}
