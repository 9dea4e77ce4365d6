//! What the inspector costs: goals from ratios of neighbours in time, and the figures behind them.
//!
//! Broadcasts are judged. A message to one user is a call of the service's interface and hardly any fan-out; its figures are there.

use super::Setting;
use super::slice::{Load, Slice};
use crate::report::{Judgement, MeanRatio, Spread, Table};

/// What is left of the fan-out at least, as a share of what there is one step before.
const LEFT: f64 = 0.95;

/// From here on the clients' core is saturated, and rates say nothing about the stack.
const SATURATED: f64 = 0.95;

/// How many of the rounds may be left out, because something disturbed them, before the rest is not believed either.
const LEFT_OUT: f64 = 0.1;

/// Every goal of the loads that were measured.
pub(super) fn judge(slices: &[Slice]) -> Vec<Judgement> {
    let broadcasts = loads(slices).into_iter().filter(|load| *load != Load::Messages);
    broadcasts
        .flat_map(|load| settings(slices).into_iter().flat_map(move |setting| judge_at(slices, load, setting)))
        .collect()
}

/// An open page is compared with a closed one, and that with no inspector at all.
fn judge_at(slices: &[Slice], load: Load, setting: Setting) -> Vec<Judgement> {
    let other = match setting {
        Setting::Without => return Vec::new(),
        Setting::Closed => Setting::Without,
        Setting::Open(_) => Setting::Closed,
    };
    let disturbed = disturbed_rounds(slices, load, setting, other);
    let believed = disturbed.len() as f64 <= LEFT_OUT * rounds(slices) as f64;
    let without =
        if disturbed.is_empty() { String::new() } else { format!(" ({} disturbed rounds left out)", disturbed.len()) };
    let saturated = of(slices, load, setting).any(|slice| slice.client_share() >= SATURATED);
    let objection = if saturated { " (the clients were saturated)" } else { "" };
    let judge = |what: &str, objection: &str, ratio: fn(&Slice, &Slice) -> f64| {
        let goal = format!("{}, {}: {LEFT} x the {what} of `{}`", load.name(), setting.name(), other.name());
        self::ratio(slices, load, setting, other, ratio).map(|found| {
            Judgement::of(found.mean >= LEFT && believed, goal, format!("mean {found}{objection}{without}"))
        })
    };
    let cpu = judge("deliveries per CPU time", "", |one, other| other.cpu() / one.cpu());
    let rate = judge("deliveries per second", objection, |one, other| one.rate() / other.rate());
    cpu.into_iter().chain(rate).collect()
}

/// A table for each load, and what the open pages have got: nobody should measure pages that get nothing.
pub(super) fn tables(slices: &[Slice]) -> Vec<Table> {
    let tables = loads(slices).into_iter().map(|load| table(slices, load));
    tables.chain([looks(slices)]).collect()
}

fn table(slices: &[Slice], load: Load) -> Table {
    let piece = if load == Load::Messages { "message" } else { "delivery" };
    let (rate, cpu) = (format!("per second ({piece})"), format!("CPU us per {piece}"));
    let columns =
        [&rate, &cpu, "p50 ms", "p99 ms", "stack's share of its core", "clients' share", "waiting for a core"];
    let mut table = Table::new(load.name(), &columns);
    for setting in settings(slices) {
        let figure = |value: fn(&Slice) -> f64| Spread::of(of(slices, load, setting).map(value));
        let figures = [
            (figure(Slice::rate), 0),
            (figure(Slice::cpu), 2),
            (figure(|slice| slice.p50.as_secs_f64() * 1e3), 1),
            (figure(|slice| slice.p99.as_secs_f64() * 1e3), 1),
            (figure(Slice::server_share), 2),
            (figure(Slice::client_share), 2),
            (figure(Slice::waiting_share), 2),
        ];
        table.row(&setting.name(), figures);
    }
    table
}

fn looks(slices: &[Slice]) -> Table {
    let mut table = Table::new("What the page got", &["states/s", "lists/s", "kB/s", "events lost since the start"]);
    for setting in settings(slices).into_iter().filter(|setting| matches!(setting, Setting::Open(_))) {
        let of = |value: fn(&Slice) -> Option<f64>| {
            Spread::of(slices.iter().filter(|slice| slice.setting == setting).filter_map(value))
        };
        let figures = [
            (of(|slice| Some(slice.looked?.states as f64 / slice.elapsed.as_secs_f64())), 1),
            (of(|slice| Some(slice.looked?.lists as f64 / slice.elapsed.as_secs_f64())), 1),
            (of(|slice| Some(slice.looked?.bytes as f64 / 1e3 / slice.elapsed.as_secs_f64())), 0),
            (of(|slice| Some(slice.looked?.lost as f64)), 0),
        ];
        table.row(&setting.name(), figures);
    }
    table
}

/// A ratio of two settings in the same round.
fn ratio(
    slices: &[Slice],
    load: Load,
    one: Setting,
    other: Setting,
    ratio: fn(&Slice, &Slice) -> f64,
) -> Option<MeanRatio> {
    let partner = |slice: &Slice| of(slices, load, other).find(|partner| partner.round == slice.round);
    MeanRatio::of(of(slices, load, one).filter_map(|slice| Some(ratio(slice, partner(slice)?))))
}

/// The slices that nothing disturbed.
fn of(slices: &[Slice], load: Load, setting: Setting) -> impl Iterator<Item = &Slice> {
    all_of(slices, load, setting).filter(|slice| slice.disturbance.is_none())
}

fn all_of(slices: &[Slice], load: Load, setting: Setting) -> impl Iterator<Item = &Slice> {
    slices.iter().filter(move |slice| slice.load == load && slice.setting == setting)
}

/// The rounds in which one or the other was disturbed, so that they cannot be compared.
fn disturbed_rounds(slices: &[Slice], load: Load, one: Setting, other: Setting) -> Vec<usize> {
    let both = all_of(slices, load, one).chain(all_of(slices, load, other));
    distinct(both.filter(|slice| slice.disturbance.is_some()).map(|slice| slice.round))
}

fn rounds(slices: &[Slice]) -> usize {
    distinct(slices.iter().map(|slice| slice.round)).len()
}

fn loads(slices: &[Slice]) -> Vec<Load> {
    distinct(slices.iter().map(|slice| slice.load))
}

/// The settings in the order of the first round.
fn settings(slices: &[Slice]) -> Vec<Setting> {
    distinct(slices.iter().map(|slice| slice.setting))
}

fn distinct<T: PartialEq>(values: impl Iterator<Item = T>) -> Vec<T> {
    values.fold(Vec::new(), |mut known, value| {
        if !known.contains(&value) {
            known.push(value);
        }
        known
    })
}
