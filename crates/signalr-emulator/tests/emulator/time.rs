//! The service by a clock that a test sets: what is valid until a date.

use std::sync::{Arc, Mutex};
use std::time::{Duration, SystemTime};

use azure_signalr::token::ClientToken;
use serde_json::{Value, json};
use signalr_emulator::{EmulatorOptions, TimeSource};

use crate::harness::{Client, Service};

const HOUR: Duration = Duration::from_secs(60 * 60);

/// A clock that stands still until it is set.
#[derive(Clone)]
struct Clock {
    hands: Arc<Mutex<SystemTime>>,
    time: TimeSource,
}

impl Clock {
    /// In the year 2033, so that nothing is right by accident.
    fn new() -> Self {
        let hands = Arc::new(Mutex::new(SystemTime::UNIX_EPOCH + Duration::from_secs(2_000_000_000)));
        let read = Arc::clone(&hands);
        Self { hands, time: TimeSource::new(move || *read.lock().unwrap()) }
    }

    fn now(&self) -> SystemTime {
        self.time.now()
    }

    fn jump(&self, by: Duration) {
        *self.hands.lock().unwrap() += by;
        self.time.has_jumped();
    }
}

async fn start(clock: &Clock) -> Service {
    Service::start_with(EmulatorOptions::default().with_time(clock.time.clone())).await
}

/// A client that wants to be closed an hour from now, when its token expires.
async fn connect_for_an_hour(service: &Service, clock: &Clock) -> Client {
    let expiry = (clock.now() + HOUR).duration_since(SystemTime::UNIX_EPOCH).unwrap().as_secs();
    let token = ClientToken::new(&"chat".parse().unwrap()).claim("asrs.s.coae", "true").claim("asrs.s.aeo", expiry);
    service.connect_with("chat", &token.sign(&service.connection, clock.now()).unwrap()).await
}

#[tokio::test]
async fn a_connection_that_ends_with_its_token_ends_when_the_clock_is_set() {
    let clock = Clock::new();
    let service = start(&clock).await;
    let mut client = connect_for_an_hour(&service, &clock).await;
    clock.jump(HOUR - Duration::from_secs(1));
    let send = service.request_at("POST", "api/hubs/chat/:send", clock.now()).json(&json!({"target": "still here"}));
    assert_eq!(send.send().await.unwrap().status(), 202);
    assert_eq!(client.target().await, "still here");
    clock.jump(Duration::from_secs(1));
    assert_eq!(client.next().await, json!({"type": 7, "allowReconnect": true}));
    assert_eq!(service.until_disconnected(&client.id).await, "the client's admission has expired");
}

#[tokio::test]
async fn tokens_are_judged_by_the_clock_of_the_service() {
    let clock = Clock::new();
    let service = start(&clock).await;
    let ask = async |signed: SystemTime| {
        let asked = service.request_at("GET", "api/hubs/chat/groups/g", signed);
        asked.send().await.unwrap().status().as_u16()
    };
    let signed = clock.now();
    assert_eq!(ask(signed).await, 404, "it is good now");
    assert_eq!(ask(signed + HOUR).await, 401, "it is not good yet");
    assert_eq!(ask(SystemTime::now()).await, 401, "it was good in another time");
    clock.jump(HOUR);
    assert_eq!(ask(signed + HOUR).await, 404);
    clock.jump(Duration::from_secs(301));
    assert_eq!(ask(signed).await, 401, "clocks may differ by five minutes and not more");
}

#[tokio::test]
async fn a_membership_with_a_lifetime_ends_by_the_clock() {
    let clock = Clock::new();
    let service = start(&clock).await;
    let call = |method: &'static str, path: &'static str| {
        let request = service.request_at(method, &format!("api/hubs/chat/{path}"), clock.now());
        async move { request.send().await.unwrap().status().as_u16() }
    };
    assert_eq!(call("PUT", "users/alice/groups/g?ttl=3600").await, 200);
    let early = service.connect_at("chat", Some("alice"), clock.now()).await;
    clock.jump(HOUR);
    assert_eq!(call("HEAD", "users/alice/groups/g").await, 404);
    let late = service.connect_at("chat", Some("alice"), clock.now()).await;
    let listed = service.request_at("GET", "api/hubs/chat/groups/g/connections", clock.now()).send().await.unwrap();
    let listed: Value = serde_json::from_str(&listed.text().await.unwrap()).unwrap();
    let expected = json!([{"connectionId": early.id, "userId": "alice"}]);
    assert_eq!(listed["value"], expected, "who has joined stays, {} does not join", late.id);
}

#[tokio::test]
async fn a_membership_without_a_lifetime_lasts_a_year() {
    let clock = Clock::new();
    let service = start(&clock).await;
    let joined = service.request_at("PUT", "api/hubs/chat/users/alice/groups/g", clock.now()).send().await.unwrap();
    assert_eq!(joined.status(), 200);
    clock.jump(HOUR * 24 * 365 - Duration::from_secs(1));
    let mut early = service.connect_at("chat", Some("alice"), clock.now()).await;
    clock.jump(Duration::from_secs(1));
    let mut late = service.connect_at("chat", Some("alice"), clock.now()).await;
    for (path, target) in [("groups/g/:send", "to the group"), (":send", "to everybody")] {
        let send = service.request_at("POST", &format!("api/hubs/chat/{path}"), clock.now());
        assert_eq!(send.json(&json!({"target": target})).send().await.unwrap().status(), 202);
    }
    assert_eq!(early.target().await, "to the group");
    assert_eq!(late.target().await, "to everybody", "the year is over");
}

#[tokio::test]
async fn a_token_of_the_service_is_of_its_time() {
    let clock = Clock::new();
    let service = start(&clock).await;
    let answer = service.request_at("POST", "api/hubs/chat/:generateToken", clock.now()).send().await.unwrap();
    let answer: Value = serde_json::from_str(&answer.text().await.unwrap()).unwrap();
    let token = answer["token"].as_str().unwrap();
    service.connect_with("chat", token).await;
    clock.jump(HOUR + Duration::from_secs(301));
    let negotiate = service.http.post(service.url("client/negotiate?hub=chat")).bearer_auth(token);
    let answer = negotiate.send().await.unwrap();
    assert_eq!(answer.status(), 401);
    let told = answer.headers()["www-authenticate"].to_str().unwrap();
    assert!(told.ends_with(r#"error_description="The token is expired""#), "{told}");
}
