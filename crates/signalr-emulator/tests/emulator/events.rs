//! What happens can be followed from its cause to its end.

use azure_signalr::token::ClientToken;
use serde_json::{Value, json};
use signalr_emulator::{DropReason, Event, News, RestCall, SentTo, Surface};
use std::time::{Duration, SystemTime};

use crate::harness::{Service, with_key};

#[tokio::test]
async fn one_call_is_followed_from_its_caller_to_every_client() {
    let service = Service::start().await;
    let one = service.connect("chat", None).await;
    let two = service.connect("chat", None).await;
    let mut events = service.emulator.events();
    let send = service.request("POST", "api/hubs/chat/:send?api-version=2022-06-01").json(&json!({"target": "m"}));
    let send = send.header("x-ms-client-request-id", "invocation-7");
    assert_eq!(send.send().await.unwrap().status(), 202);
    let mut told = Vec::new();
    while told.len() < 4 {
        let Some(News::Happened(happened)) = events.next().await else { panic!("the emulator is there") };
        told.push(happened.event.clone());
    }
    let call = RestCall { id: 1, correlation: Some("invocation-7".to_owned()) };
    let path = "/api/hubs/chat/:send".to_owned();
    assert_eq!(told[0], Event::Called { call: call.clone(), method: "POST".to_owned(), path });
    let sent = Event::Sent {
        hub: "chat".to_owned(),
        call: call.clone(),
        target: "m".to_owned(),
        to: SentTo::Everyone,
        bytes: 2,
        queued: 2,
        dropped: 0,
    };
    assert_eq!(told[1], sent);
    let connection_ids = vec![one.id.clone(), two.id.clone()];
    assert_eq!(told[2], Event::Delivered { hub: "chat".to_owned(), call: call.clone(), connection_ids });
    assert!(matches!(&told[3], Event::Answered { call: answered, status, .. } if *answered == call && *status == 202));
}

#[tokio::test]
async fn a_call_that_is_refused_says_which_it_was() {
    let service = Service::start().await;
    let send = service.request("POST", "api/hubs/no-hub/:send").header("x-ms-client-request-id", "x".repeat(200));
    assert_eq!(send.send().await.unwrap().status(), 400);
    let call = RestCall { id: 1, correlation: Some("x".repeat(128)) };
    let refused = service.until(|event| matches!(event, Event::Refused { .. })).await;
    assert!(matches!(refused, Event::Refused { call: Some(refused), .. } if refused == call));
    assert!(!service.events().iter().any(|event| matches!(event, Event::Answered { .. })));
}

#[tokio::test]
async fn a_client_that_is_dropped_by_a_message_is_told_with_the_message() {
    let mut options = signalr_emulator::EmulatorOptions::default();
    options.server.queue_limit = 256 * 1024;
    options.server.close_grace = Duration::from_millis(200);
    let service = Service::start_with(options).await;
    let stuck = service.connect("chat", None).await;
    let body = json!({"target": "m", "arguments": ["x".repeat(200 * 1024)]});
    let dropped = loop {
        let call = service.request("POST", "api/hubs/chat/:send").json(&body);
        assert_eq!(call.send().await.unwrap().status(), 202);
        let events = service.events();
        if let Some(at) = events.iter().position(|event| matches!(event, Event::Dropped { .. })) {
            break (events[at - 1].clone(), events[at].clone());
        }
        assert!(events.len() < 2000, "100 MB have to be too much for the buffers of one connection");
    };
    let (Event::Sent { call, queued: 0, dropped: 1, .. }, dropped) = dropped else { panic!("{dropped:?}") };
    let (hub, connection_id, reason) = ("chat".to_owned(), stuck.id.clone(), DropReason::QueueFull);
    assert_eq!(dropped, Event::Dropped { hub, call, connection_id, reason });
}

#[tokio::test]
async fn closing_by_rest_is_told_with_its_call() {
    let service = Service::start().await;
    let client = service.connect("chat", None).await;
    assert_eq!(service.status("DELETE", &format!("api/hubs/chat/connections/{}", client.id)).await, 200);
    let closed = Event::Closed {
        hub: "chat".to_owned(),
        call: RestCall { id: 1, correlation: None },
        to: SentTo::Connection(client.id.clone()),
        connections: 1,
    };
    service.until(|event| *event == closed).await;
}

/// The claims that a refusal is told with.
async fn refused_claims(service: &Service, wanted: Surface) -> Value {
    let refused = service.until(|event| matches!(event, Event::Refused { surface, .. } if *surface == wanted)).await;
    let Event::Refused { claims, reason, .. } = refused else { panic!("{refused:?}") };
    assert!(reason.contains("; "), "it names a cure: {reason}");
    claims.map_or(Value::Null, Value::Object)
}

#[tokio::test]
async fn a_refused_token_is_told_with_its_claims_and_never_as_a_whole() {
    let service = Service::start().await;
    let token = ClientToken::new(&"other".parse().unwrap()).user_id(Some("mallory"));
    let token = token.sign(&with_key(&service, "wrong"), SystemTime::now()).unwrap();
    let negotiate = service.http.post(service.url("client/negotiate?hub=chat")).bearer_auth(&token);
    assert_eq!(negotiate.send().await.unwrap().status(), 401);
    let claims = refused_claims(&service, Surface::Client).await;
    assert_eq!(claims["asrs.s.uid"], "mallory", "nobody vouches for it");
    assert_eq!(claims["aud"], "http://localhost/client/?hub=other");
    let call = service.http.get(service.url("api/hubs/chat/groups/g")).bearer_auth(&token);
    assert_eq!(call.send().await.unwrap().status(), 401);
    assert_eq!(refused_claims(&service, Surface::DataPlane).await, claims);
    let signature = token.rsplit('.').next().unwrap();
    let told = serde_json::to_string(&service.events()).unwrap();
    assert!(!told.contains(signature) && !told.contains(token.split('.').nth(1).unwrap()), "{told}");
}

#[tokio::test]
async fn a_refusal_without_a_token_has_no_claims() {
    for token in [None, Some("rubbish"), Some("a.b.c")] {
        let service = Service::start().await;
        let negotiate = service.http.post(service.url("client/negotiate?hub=chat"));
        let negotiate = token.into_iter().fold(negotiate, |negotiate, token| negotiate.bearer_auth(token));
        assert_eq!(negotiate.send().await.unwrap().status(), 401);
        assert_eq!(refused_claims(&service, Surface::Client).await, Value::Null, "{token:?}");
    }
}
