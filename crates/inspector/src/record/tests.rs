//! The record as a whole: what events make of it, in whatever order they come.

use std::time::{Duration, SystemTime};

use functions_host::events::{AfterExit, Cause, Excerpt, GivenOutput, HostEvent};
use http::{Method, StatusCode};
use signalr_emulator::{Category, DropReason, Happened, RestCall, SentTo, UpstreamOutcome};
use uuid::Uuid;

use super::chain::{Chain, Effect, Origin};
use super::chains::{BYTES, CHAINS};
use super::parts::HandlerState;
use super::verdict::Level;
use super::*;

const HUB: &str = "chat";

/// A record, and a way to tell it things.
#[derive(Default)]
struct Story {
    record: Record,
    surroundings: Surroundings,
}

impl Story {
    fn host(&mut self, event: &HostEvent) {
        self.record.hear_host(event, Timestamp::UNIX_EPOCH);
    }

    fn service(&mut self, event: Event) {
        let around = self.surroundings.clone();
        let happened = Happened { number: 1, at: SystemTime::UNIX_EPOCH, event };
        self.record.hear_service(&happened, |_| around);
    }

    fn invocation(&mut self, id: Uuid) {
        self.host(&triggered(id));
        self.host(&answered(id, Some(r#"[{"target":"m"}]"#)));
    }

    fn call(&mut self, call: &RestCall, queued: usize, receivers: &[&str]) {
        let (method, path) = ("POST".to_owned(), "/api/hubs/chat/:send".to_owned());
        self.service(Event::Called { call: call.clone(), method, path });
        self.service(sent(call, queued, 0));
        if !receivers.is_empty() {
            let connection_ids = receivers.iter().map(|id| (*id).to_owned()).collect();
            self.service(Event::Delivered { hub: HUB.to_owned(), call: call.clone(), connection_ids });
        }
        let (status, elapsed) = (StatusCode::ACCEPTED, Duration::from_millis(2));
        self.service(Event::Answered { call: call.clone(), status, elapsed });
    }

    fn end(&mut self, id: Uuid, error: Option<&str>) {
        let (function, duration) = ("broadcast".to_owned(), Duration::from_millis(5));
        self.host(&HostEvent::Executed { function, id, duration, error: error.map(str::to_owned) });
    }

    fn only_chain(&self) -> &Chain {
        assert_eq!(self.record.chains.len(), 1, "one chain");
        self.record.chains.get(self.record.chains.made()).expect("the newest chain is kept")
    }

    #[track_caller]
    fn check(&self, level: Level, text: &str) {
        let verdict = self.only_chain().summary().verdict;
        assert_eq!((verdict.level, verdict.text.as_str()), (level, text));
    }
}

fn triggered(id: Uuid) -> HostEvent {
    let (method, target) = (Method::POST, "/api/broadcast".to_owned());
    let cause = Cause::Http { method, target, body: Excerpt::of(br#"{"message":"hi"}"#) };
    HostEvent::Triggered { function: "broadcast".to_owned(), id, cause }
}

fn answered(id: Uuid, value: Option<&str>) -> HostEvent {
    let value = value.map(|value| Excerpt::of(value.as_bytes()));
    let outputs = vec![GivenOutput { name: "messages".to_owned(), kind: "signalR", value }];
    HostEvent::Answered { function: "broadcast".to_owned(), id, outputs }
}

fn call(id: u64, correlation: Option<&str>) -> RestCall {
    RestCall { id, correlation: correlation.map(str::to_owned) }
}

fn sent(call: &RestCall, queued: usize, dropped: usize) -> Event {
    let (hub, call, target) = (HUB.to_owned(), call.clone(), "m".to_owned());
    Event::Sent { hub, call, target, to: SentTo::Everyone, bytes: 4, queued, dropped }
}

#[test]
fn one_chain_leads_from_the_request_to_every_receiver_in_whatever_order_it_is_told() {
    let id = Uuid::new_v4();
    let call = call(7, Some(&id.to_string()));
    let (mut host_first, mut service_first) = (Story::default(), Story::default());
    host_first.invocation(id);
    host_first.call(&call, 2, &["one", "two"]);
    service_first.call(&call, 2, &["one", "two"]);
    service_first.invocation(id);
    for mut story in [host_first, service_first] {
        story.end(id, None);
        let chain = story.only_chain();
        assert!(matches!(&chain.origin, Origin::Http { target, .. } if target == "/api/broadcast"), "{chain:?}");
        assert_eq!(chain.invocation.as_ref().unwrap().function, "broadcast");
        let Effect::Sent { receivers, delivered: 2, .. } = &chain.calls[0].effects[0] else { panic!("{chain:?}") };
        assert_eq!(*receivers, ["one", "two"]);
        assert_eq!(chain.calls[0].status, Some(202));
        story.check(Level::Good, "2 connections have it");
    }
}

#[test]
fn both_halves_of_what_a_client_does_are_one_chain_in_either_order() {
    let id = Uuid::new_v4();
    let (category, event, connection_id) = ("messages".to_owned(), "say".to_owned(), "c1".to_owned());
    let cause = Cause::SignalR {
        hub: "Chat".to_owned(),
        category,
        event: event.clone(),
        connection_id: connection_id.clone(),
        user_id: Some("alice".to_owned()),
        arguments: Excerpt::of(b"[1]"),
    };
    let host_half = HostEvent::Triggered { function: "say".to_owned(), id, cause };
    let service_half = Event::UpstreamCalled {
        id: 3,
        hub: HUB.to_owned(),
        category: Category::Messages,
        event: event.clone(),
        connection_id: connection_id.clone(),
        url: "http://localhost/runtime/webhooks/signalr".to_owned(),
    };
    let (mut host_first, mut service_first) = (Story::default(), Story::default());
    host_first.host(&host_half);
    host_first.service(service_half.clone());
    service_first.service(service_half.clone());
    service_first.host(&host_half);
    for mut story in [host_first, service_first] {
        story.end(id, None);
        story.service(Event::UpstreamAnswered {
            id: 3,
            hub: HUB.to_owned(),
            category: Category::Messages,
            event: event.clone(),
            connection_id: connection_id.clone(),
            outcome: UpstreamOutcome::Status(StatusCode::OK),
            elapsed: Duration::from_millis(9),
        });
        let Origin::Client { user_id, upstream: Some(upstream), .. } = &story.only_chain().origin else {
            panic!("{:?}", story.only_chain())
        };
        assert_eq!(user_id.as_deref(), Some("alice"));
        assert_eq!(upstream.outcome, Some(UpstreamOutcome::Status(StatusCode::OK)));
        // The next call of the same method is a chain of its own.
        story.service(service_half.clone());
        assert_eq!(story.record.chains.len(), 2);
    }
}

#[test]
fn an_empty_room_and_a_wrong_door_are_told_apart() {
    let call = call(1, None);
    let mut empty = Story::default();
    empty.call(&call, 0, &[]);
    empty.check(Level::Warning, "nobody is connected to hub `chat`");
    let other_hubs = vec![("notifications".to_owned(), 3)];
    let mut wrong = Story { surroundings: Surroundings { other_hubs, ..Surroundings::default() }, ..Story::default() };
    wrong.call(&call, 0, &[]);
    wrong.check(
        Level::Warning,
        "nobody is connected to hub `chat`, but 3 in hub `notifications`: compare `hubName` in function.json with the hub for \
         which clients negotiate",
    );
}

#[test]
fn a_drop_is_named_with_its_reason() {
    let (mut story, call) = (Story::default(), call(1, None));
    let (method, path) = ("POST".to_owned(), "/api/hubs/chat/:send".to_owned());
    story.service(Event::Called { call: call.clone(), method, path });
    story.service(sent(&call, 9, 1));
    let (hub, connection_id, reason) = (HUB.to_owned(), "slow".to_owned(), DropReason::QueueFull);
    story.service(Event::Dropped { hub, call: call.clone(), connection_id, reason });
    story.service(Event::Answered { call, status: StatusCode::ACCEPTED, elapsed: Duration::ZERO });
    story.check(
        Level::Warning,
        "9 connections have it, 1 do not: the client did not read fast enough, so it was closed and may reconnect",
    );
    assert_eq!(story.record.chains.list(&Wanted { text: "SLOW".to_owned(), limit: 9, ..Wanted::default() }).len(), 1);
}

#[test]
fn a_failed_function_is_told_with_the_entry_of_the_catalogue() {
    let (mut story, id) = (Story::default(), Uuid::new_v4());
    story.host(&triggered(id));
    story.check(Level::Running, "not finished");
    story.end(id, Some("the handler answered 200 with an empty body [FH1014]"));
    story.check(Level::Problem, "the function failed: the handler answered 200 with an empty body [FH1014]");
    assert_eq!(story.only_chain().summary().verdict.code, Some("FH1014"));
}

#[test]
fn an_output_for_which_nothing_was_given_is_told() {
    let (mut story, id) = (Story::default(), Uuid::new_v4());
    story.host(&triggered(id));
    story.host(&answered(id, None));
    story.end(id, None);
    story.check(Level::Warning, "the handler gave nothing for `messages`, so nothing was sent there");
}

#[test]
fn a_refusal_says_what_the_service_says() {
    let (mut story, id) = (Story::default(), Uuid::new_v4());
    story.invocation(id);
    let call = call(1, Some(&id.to_string()));
    let (method, path) = ("POST".to_owned(), "/api/hubs/chat/:send".to_owned());
    story.service(Event::Called { call: call.clone(), method, path });
    story.service(Event::Refused {
        surface: signalr_emulator::Surface::DataPlane,
        status: StatusCode::UNAUTHORIZED,
        reason: "The token is expired; negotiate again".to_owned(),
        call: Some(call),
        claims: None,
    });
    story.end(id, None);
    story.check(Level::Problem, "the service refused: The token is expired; negotiate again");
    assert_eq!(story.record.problems.count(), 1);
}

#[test]
fn what_is_kept_is_bounded_and_what_is_forgotten_leaves_nothing_behind() {
    let mut story = Story::default();
    for number in 0..CHAINS as u64 + 10 {
        let id = Uuid::new_v4();
        story.invocation(id);
        story.call(&call(number, Some(&id.to_string())), 1, &[]);
    }
    let chains = &story.record.chains;
    assert_eq!((chains.len(), chains.made()), (CHAINS, CHAINS as u64 + 10));
    assert!(chains.get(10).is_none() && chains.get(11).is_some());
    assert_eq!(chains.indexed(), (CHAINS, 0, 0));
}

#[test]
fn large_bodies_push_out_older_chains() {
    let mut story = Story::default();
    let large = "x".repeat(Excerpt::LIMIT);
    for number in 0..CHAINS as u64 {
        let id = Uuid::new_v4();
        story.host(&triggered(id));
        let outputs = (0..10).map(|place| GivenOutput {
            name: place.to_string(),
            kind: "signalR",
            value: Some(Excerpt::of(large.as_bytes())),
        });
        let function = "broadcast".to_owned();
        story.host(&HostEvent::Answered { function, id, outputs: outputs.collect() });
        story.call(&call(number, Some(&id.to_string())), 1, &[]);
    }
    let chains = &story.record.chains;
    assert!(chains.len() < CHAINS && chains.len() * 10 * Excerpt::LIMIT <= BYTES, "{} chains", chains.len());
}

#[test]
fn secrets_are_not_shown() {
    let (mut story, id) = (Story::default(), Uuid::new_v4());
    let body = Excerpt::of(br#"{"accessToken":"geheim","url":"u"}"#);
    let cause = Cause::Http { method: Method::POST, target: "/api/negotiate".to_owned(), body: body.clone() };
    let function = "negotiate".to_owned();
    story.host(&HostEvent::Triggered { function: function.clone(), id, cause });
    let line = "AccessKey=geheim;".to_owned();
    story.host(&HostEvent::FunctionLog { function: function.clone(), id, line });
    story.end(id, Some("AccessKey=geheim;"));
    story.host(&HostEvent::Responded { function, id, status: StatusCode::OK, body });
    let lines = story.record.lines.list("", 100);
    let lines: Vec<_> = lines.iter().map(|line| &**line).collect();
    let shown = serde_json::to_string(&(story.only_chain(), lines)).unwrap();
    assert!(!shown.contains("geheim") && shown.matches("***").count() >= 5, "{shown}");
}

#[test]
fn timers_are_known_with_their_next_and_last_run() {
    let (mut story, id) = (Story::default(), Uuid::new_v4());
    let next: Timestamp = "2026-02-07T15:45:00Z".parse().unwrap();
    story.host(&HostEvent::TimerWaits { function: "tick".to_owned(), next });
    let (function, reason) = ("tick".to_owned(), "Timer fired".to_owned());
    story.host(&HostEvent::Executing { function: function.clone(), id, reason, details: None });
    assert!(story.record.parts.timers()[0].running);
    story.host(&HostEvent::Executed { function, id, duration: Duration::ZERO, error: Some("no".to_owned()) });
    let timer = story.record.parts.timers()[0];
    assert_eq!((timer.next, timer.running), (Some(next), false));
    assert_eq!(timer.last.as_ref().unwrap().error.as_deref(), Some("no"));
}

#[test]
fn a_minute_is_counted_second_by_second() {
    let mut story = Story::default();
    story.call(&call(1, None), 3, &[]);
    let at = |seconds| Timestamp::from_second(seconds).unwrap();
    let minute = story.record.rates.of_the_last_minute(at(1));
    assert_eq!((minute.len(), minute[59].messages, minute[59].deliveries), (60, 1, 3));
    assert_eq!(story.record.rates.of_the_last_minute(at(61))[0].messages, 0);
    assert_eq!(story.record.rates.of_the_last_minute(at(60))[0].messages, 1);
}

#[test]
fn a_new_handler_that_does_not_start_leaves_the_old_one_in_its_place() {
    let mut story = Story::default();
    let start = |worker_id, process_id| HostEvent::WorkerStarting {
        worker_id,
        process_id,
        executable: "handler".to_owned(),
        port: 1,
    };
    let fail = |worker_id, next| HostEvent::WorkerFailed {
        worker_id,
        line: "exited".to_owned(),
        error: Some("AccessKey=geheim".to_owned()),
        next,
    };
    let (old, new) = (Uuid::new_v4(), Uuid::new_v4());
    story.host(&start(old, 1));
    story.host(&HostEvent::WorkerReady { worker_id: old, after: Duration::ZERO });
    story.host(&start(new, 2));
    story.host(&fail(new, AfterExit::StayDown));
    let handler = &story.record.parts.handler;
    assert_eq!((handler.state, handler.process_id, handler.starts), (HandlerState::Ready, Some(1), 2));
    assert_eq!(handler.failure.as_deref(), Some("exited AccessKey=***"));
    story.host(&fail(old, AfterExit::StayDown));
    assert_eq!(story.record.parts.handler.state, HandlerState::Down);
}
