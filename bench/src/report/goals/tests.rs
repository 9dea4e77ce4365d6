//! What a report has to look like for its goals to count as reached.

use std::time::Duration;

use super::*;
use crate::fanout::Durations;
use crate::machine::{Cores, CpuTime, Surroundings};
use crate::report::{Measurement, Skipped};

const SCENARIO: Scenario = Scenario { clients: 1000, payload: 200 };

fn used(used: Duration) -> CpuTime {
    CpuTime { used, ..CpuTime::default() }
}

/// A turn with so many deliveries in one second, a second of CPU time, and a load that used `load_share` of its core.
fn turn(kind: Kind, round: usize, deliveries: u64, load_share: f64) -> Measurement {
    let phase = |pace| Phase {
        pace,
        deliveries,
        elapsed: Duration::from_secs(1),
        server: used(Duration::from_millis(500)),
        load: used(Duration::from_secs_f64(load_share)),
        dropped_packets: 0,
        latencies: vec![Duration::from_millis(5); 100],
    };
    let session = Session {
        connecting: Duration::from_secs(1),
        connecting_cpu: used(Duration::from_secs(1)),
        idle_memory: 5 * 1024 * 10_000,
        loaded_memory: 9 * 1024 * 10_000,
        phases: Pace::with(SCENARIO.clients).map(phase).collect(),
        deliveries,
    };
    let name = label(kind).to_owned();
    Measurement { kind, name, round, scenario: SCENARIO, load_average: 0.0, result: Ok(session) }
}

fn report(measurements: Vec<Measurement>) -> Report {
    let surroundings = Surroundings { processor: String::new(), cores: 2, kernel: String::new(), commit: None };
    Report {
        surroundings,
        cores: Cores::Shared,
        load_average_before: 0.0,
        load_average_after: 0.0,
        rounds: 2,
        durations: Durations {
            warm_up: Duration::ZERO,
            phase: Duration::from_secs(1),
            unhurried: Duration::from_secs(1),
        },
        skipped: vec![Skipped { kind: Kind::SocketIo, reason: "Node.js is not installed".to_owned() }],
        measurements,
    }
}

#[track_caller]
fn check(measurements: Vec<Measurement>, expected: &[&str]) {
    let line = |found: &Judgement| format!("{} {}: {}", found.outcome.name(), found.goal, found.found);
    let found: Vec<String> = judge(&report(measurements)).iter().map(line).collect();
    for expected in expected {
        assert!(found.iter().any(|found| found == expected), "`{expected}` is not in {found:#?}");
    }
}

#[test]
fn a_ratio_is_taken_within_each_round() {
    // The second round was twice as fast for everybody.
    let rounds = [(Kind::Product, 0, 950), (Kind::Probe, 0, 1000), (Kind::Probe, 1, 2000), (Kind::Product, 1, 1900)];
    check(
        rounds.map(|(kind, round, deliveries)| turn(kind, round, deliveries, 0.5)).into(),
        &[
            "PASS 1000 clients, 200 B, one at a time: at least 0.95 x raw-socket probe: 0.95 (0.95-0.95) in deliveries/s, 0.95 (0.95-0.95) in deliveries per CPU time",
            "PASS 1000 clients, 200 B, 20 a second: p99 at most 1.2 x raw-socket probe: 1.00 (1.00-1.00) x, and of the p50 1.00 (1.00-1.00) x",
            "SKIP 1000 clients, 200 B: at most 5 KiB per idle connection: fewer than 10000 clients do not tell",
            "PASS nothing lost, nothing doubled: 2850 deliveries of the product, each counted",
        ],
    );
}

#[test]
fn where_the_load_was_saturated_cpu_time_decides() {
    let mut probe = turn(Kind::Probe, 0, 1000, 0.99);
    probe.result.as_mut().unwrap().phases[1].server = used(Duration::from_millis(250));
    check(
        vec![turn(Kind::Product, 0, 1000, 0.5), probe],
        &[
            "FAIL 1000 clients, 200 B, 8 in flight: at least 0.85 x raw-socket probe: 1.00 (1.00-1.00) in deliveries/s, 0.50 (0.50-0.50) in deliveries per CPU time (judged by CPU time: the load was saturated)",
        ],
    );
}

#[test]
fn where_something_else_used_the_cores_cpu_time_decides() {
    let mut peer = turn(Kind::Ws, 0, 500, 0.5);
    let phase = &mut peer.result.as_mut().unwrap().phases[0];
    (phase.server.used, phase.server.waited) = (Duration::from_millis(200), Duration::from_millis(100));
    check(
        vec![turn(Kind::Product, 0, 1000, 0.5), peer],
        &[
            "FAIL 1000 clients, 200 B, one at a time: ahead of ws: 2.00 (2.00-2.00) in deliveries/s, 0.80 (0.80-0.80) in deliveries per CPU time (judged by CPU time: something else used the cores)",
            "PASS 1000 clients, 200 B, 8 in flight: ahead of ws: 2.00 (2.00-2.00) in deliveries/s, 2.00 (2.00-2.00) in deliveries per CPU time",
        ],
    );
}

#[test]
fn a_round_in_which_the_kernel_dropped_packets_has_no_rate() {
    let mut stalled = turn(Kind::Product, 1, 100, 0.5);
    stalled.result.as_mut().unwrap().phases.iter_mut().for_each(|phase| phase.dropped_packets = 12);
    let (own, [first, second]) =
        (turn(Kind::Product, 0, 1000, 0.5), [0, 1].map(|round| turn(Kind::Probe, round, 1000, 0.5)));
    check(
        vec![own, first, second.clone(), stalled.clone()],
        &[
            "PASS 1000 clients, 200 B, 8 in flight: at least 0.85 x raw-socket probe: 1.00 (1.00-1.00) in deliveries/s (without 1 in which the kernel dropped packets), 0.55 (0.10-1.00) in deliveries per CPU time",
        ],
    );
    check(
        vec![second, stalled],
        &[
            "FAIL 1000 clients, 200 B, 8 in flight: at least 0.85 x raw-socket probe: 0.10 (0.10-0.10) in deliveries/s, 0.10 (0.10-0.10) in deliveries per CPU time (judged by CPU time: the kernel dropped packets)",
        ],
    );
}

#[test]
fn the_round_in_the_middle_decides_how_long_an_update_takes() {
    let slow = |round, slowest| {
        let mut own = turn(Kind::Product, round, 1000, 0.5);
        own.result.as_mut().unwrap().phases[2].latencies[..2].fill(Duration::from_millis(slowest));
        [own, turn(Kind::Probe, round, 1000, 0.5)]
    };
    check(
        [slow(0, 7), slow(1, 70), slow(2, 5)].concat(),
        &[
            "FAIL 1000 clients, 200 B, 20 a second: p99 at most 1.2 x raw-socket probe: 1.40 (1.00-14.00) x, and of the p50 1.00 (1.00-1.00) x",
        ],
    );
}

#[test]
fn memory_and_growth_are_judged_where_there_are_many_clients() {
    let many = |kind| {
        let mut turn = turn(kind, 0, 10_000, 0.5);
        turn.scenario.clients = 10_000;
        turn.result.as_mut().unwrap().phases[0].server = used(Duration::from_millis(6000));
        turn
    };
    check(
        vec![
            turn(Kind::Product, 0, 1000, 0.5),
            many(Kind::Product),
            turn(Kind::Probe, 0, 1000, 0.5),
            many(Kind::Probe),
        ],
        &[
            "PASS 10000 clients, 200 B: at most 5 KiB per idle connection: 5.0 (5.0-5.0) KiB",
            "FAIL 10000 clients, 200 B: at most 8 KiB per connection after the load: 9.0 (9.0-9.0) KiB",
            "FAIL cost per delivery from 1000 to 10000 clients, one at a time: at most 1.15 x: 1.20 x; the probe's grew 1.20 x",
        ],
    );
}

#[test]
fn equal_is_not_ahead() {
    check(
        vec![turn(Kind::Product, 0, 1000, 0.5), turn(Kind::Ws, 0, 1000, 0.5)],
        &[
            "FAIL 1000 clients, 200 B, 8 in flight: ahead of ws: 1.00 (1.00-1.00) in deliveries/s, 1.00 (1.00-1.00) in deliveries per CPU time",
        ],
    );
}

#[test]
fn what_cannot_be_judged_is_named() {
    let mut failed = turn(Kind::Ws, 0, 1000, 0.5);
    failed.result = Err("client 1 received broadcast 0 twice".to_owned());
    check(
        vec![turn(Kind::Product, 0, 1000, 0.5), failed],
        &[
            "SKIP 1000 clients, 200 B, one at a time: ahead of ws: no round in which both went well",
            "SKIP 1000 clients, 200 B, one at a time: ahead of socket.io: socket.io: Node.js is not installed",
        ],
    );
}

#[test]
fn one_bad_turn_of_the_product_fails_the_run() {
    let mut failed = turn(Kind::Product, 1, 1000, 0.5);
    failed.result = Err("client 1 received broadcast 0 twice".to_owned());
    check(
        vec![turn(Kind::Product, 0, 1000, 0.5), failed],
        &["FAIL nothing lost, nothing doubled: round 2, 1000 clients, 200 B: client 1 received broadcast 0 twice"],
    );
}
