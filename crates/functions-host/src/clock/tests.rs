//! Time that passes only when it is told to.

use std::sync::{Arc, Mutex};

use tokio::task::JoinHandle;

use super::*;

fn at(time: &str) -> Timestamp {
    time.parse().expect("a time")
}

fn seconds(count: u64) -> Duration {
    Duration::from_secs(count)
}

/// An activity that notes the time every `interval` seconds and is busy for some turns of the scheduler each time.
fn ticking(clock: &Clock, interval: i64) -> (JoinHandle<()>, Arc<Mutex<Vec<Timestamp>>>) {
    let (activity, times) = (clock.activity(), Arc::<Mutex<Vec<Timestamp>>>::default());
    let noted = Arc::clone(&times);
    let task = tokio::spawn(async move {
        loop {
            let next = activity.now() + jiff::SignedDuration::from_secs(interval);
            activity.sleep_until(next).await;
            for _ in 0..10 {
                tokio::task::yield_now().await;
            }
            noted.lock().unwrap().push(activity.now());
        }
    });
    (task, times)
}

#[tokio::test]
async fn each_activity_runs_at_its_own_times_and_has_ended_when_time_has_passed() {
    let time = VirtualClock::starting_at(at("2026-01-01T00:00:00Z"));
    let (_two, twos) = ticking(&time.clock(), 2);
    let (_three, threes) = ticking(&time.clock(), 3);
    time.advance(seconds(6)).await;
    let seconds_of = |times: &Mutex<Vec<Timestamp>>| -> Vec<i8> {
        times.lock().unwrap().iter().map(|time| time.strftime("%S").to_string().parse().unwrap()).collect()
    };
    assert_eq!((seconds_of(&twos), seconds_of(&threes)), (vec![2, 4, 6], vec![3, 6]));
    assert_eq!(time.now(), at("2026-01-01T00:00:06Z"));
}

#[tokio::test]
async fn a_jump_wakes_late_and_once() {
    let time = VirtualClock::starting_at(at("2026-01-01T00:00:00Z"));
    let (_task, times) = ticking(&time.clock(), 2);
    time.advance(Duration::ZERO).await;
    time.jump(seconds(9));
    time.advance(Duration::ZERO).await;
    assert_eq!(*times.lock().unwrap(), [at("2026-01-01T00:00:09Z")]);
}

#[tokio::test]
async fn time_does_not_pass_while_somebody_is_awake() {
    let time = VirtualClock::starting_at(at("2026-01-01T00:00:00Z"));
    let activity = time.clock().activity();
    let advancing = tokio::spawn({
        let time = time.clone();
        async move { time.advance(seconds(1)).await }
    });
    for _ in 0..10 {
        tokio::task::yield_now().await;
    }
    assert_eq!(time.now(), at("2026-01-01T00:00:00Z"));
    drop(activity);
    advancing.await.unwrap();
    assert_eq!(time.now(), at("2026-01-01T00:00:01Z"));
}

#[tokio::test]
async fn who_stops_sleeping_is_forgotten() {
    let time = VirtualClock::starting_at(at("2026-01-01T00:00:00Z"));
    let activity = time.clock().activity();
    let asleep = tokio::spawn(async move { activity.sleep_until(at("2026-01-01T00:00:05Z")).await });
    tokio::task::yield_now().await;
    asleep.abort();
    asleep.await.unwrap_err();
    time.advance(seconds(10)).await;
    assert_eq!(time.now(), at("2026-01-01T00:00:10Z"));
}

#[tokio::test]
async fn a_sleeper_that_nobody_waits_for_is_woken_too() {
    let time = VirtualClock::starting_at(at("2026-01-01T00:00:00Z"));
    let clock = time.clock();
    let asleep = tokio::spawn(async move { clock.sleep_until(at("2026-01-01T00:00:05Z")).await });
    tokio::task::yield_now().await;
    time.advance(seconds(5)).await;
    asleep.await.unwrap();
}

#[tokio::test]
async fn what_is_over_is_not_waited_for() {
    for clock in [Clock::system(), VirtualClock::starting_now().clock()] {
        clock.sleep_until(clock.now()).await;
        clock.activity().sleep_until(at("2026-01-01T00:00:00Z")).await;
    }
}

#[test]
fn waits_of_more_than_24_days_are_chained() {
    let now = at("2026-01-01T00:00:00Z");
    let days = |count: u64| seconds(count * 86_400);
    for (time, expected) in [
        ("2025-12-31T23:59:59Z", None),
        ("2026-01-01T00:00:00Z", None),
        ("2026-01-01T00:00:00.5Z", Some(Duration::from_millis(500))),
        ("2026-01-25T00:00:00Z", Some(days(24))),
        ("2026-03-01T00:00:00Z", Some(days(24))),
    ] {
        assert_eq!(wait_between(now, at(time)), expected, "{time}");
    }
}
