//! What is too much is refused, and the refusal is told.

use std::time::{Duration, SystemTime};

use azure_signalr::token::ClientToken;
use reqwest::{Response, StatusCode};
use serde_json::{Value, json};
use signalr_emulator::{EmulatorOptions, Event, Surface};
use tokio_tungstenite::connect_async;

use crate::harness::Service;
use crate::webhook::Webhook;

fn token(service: &Service) -> String {
    ClientToken::new(&"chat".parse().unwrap()).sign(&service.connection, SystemTime::now()).unwrap()
}

async fn negotiate(service: &Service) -> Response {
    let negotiate = service.http.post(service.url("client/negotiate?hub=chat&negotiateVersion=1"));
    negotiate.bearer_auth(token(service)).send().await.unwrap()
}

/// The reason that the last refusal on a side was told with.
async fn told(service: &Service, wanted: Surface, status: u16) -> String {
    let is_it = |event: &Event| matches!(event, Event::Refused { surface, status: found, .. } if *surface == wanted && *found == status);
    match service.until(is_it).await {
        Event::Refused { reason, .. } => reason,
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn the_tier_limits_connections_from_their_first_byte_on() {
    let mut options = EmulatorOptions { connection_limit: Some(1), ..EmulatorOptions::default() };
    options.server.handshake_timeout = Duration::from_millis(300);
    options.server.close_grace = Duration::from_millis(100);
    let service = Service::start_with(options).await;
    let mut url = service.url(&format!("client/?hub=chat&access_token={}", token(&service)));
    url.set_scheme("ws").unwrap();
    // It never shakes hands, and counts all the same.
    let (silent, _) = connect_async(url.as_str()).await.unwrap();
    let refused = connect_async(url.as_str()).await.unwrap_err().to_string();
    assert!(refused.contains("429"), "{refused}");
    let reason = told(&service, Surface::Client, 429).await;
    assert_eq!(reason, "Connection count reaches limit. Choose a larger tier or more units, or close connections");
    while negotiate(&service).await.status() == StatusCode::TOO_MANY_REQUESTS {}
    let _client = service.connect("chat", None).await;
    drop(silent);
}

#[tokio::test]
async fn a_slow_upstream_keeps_nobody_out() {
    let mut webhook = Webhook::start().await;
    let service = Service::start_with(EmulatorOptions { connection_limit: Some(1), ..webhook.options() }).await;
    let (mut client, ()) = tokio::join!(service.connect("chat", None), webhook.connect());
    client.write(r#"{"type":1,"target":"slow","arguments":[],"invocationId":"1"}"#).await;
    let unanswered = webhook.expect("slow").await;
    drop(client);
    while negotiate(&service).await.status() == StatusCode::TOO_MANY_REQUESTS {}
    let _other = tokio::join!(service.connect("chat", None), webhook.connect());
    unanswered.answer(StatusCode::NO_CONTENT, "");
}

#[tokio::test]
async fn a_flood_of_negotiations_is_stopped() {
    let mut options = EmulatorOptions::default();
    options.server.negotiation_limit = 3;
    let service = Service::start_with(options).await;
    for _ in 0..3 {
        assert_eq!(negotiate(&service).await.status(), 200);
    }
    let refused = negotiate(&service).await;
    assert_eq!((refused.status().as_u16(), &refused.headers()["retry-after"]), (429, &"1".parse().unwrap()));
    assert_eq!(refused.text().await.unwrap(), "Too many negotiations wait for their connection.");
    let reason = told(&service, Surface::Client, 429).await;
    assert!(reason.starts_with("Too many negotiations wait for their connection.; connect with"), "{reason}");
}

#[tokio::test]
async fn an_id_that_nobody_knows_is_refused_and_told_once() {
    let service = Service::start().await;
    let poll = service.http.get(service.url("client/?hub=chat&id=unknown")).bearer_auth(token(&service));
    let refused = poll.send().await.unwrap();
    assert_eq!(refused.status(), 404);
    assert_eq!(refused.text().await.unwrap(), "No Connection with that ID", "as without the telling");
    let reason = told(&service, Surface::Client, 404).await;
    assert!(reason.starts_with("No Connection with that ID; the connection has ended, or it was negot"), "{reason}");
    let late = service.http.delete(service.url("client/?hub=chat&id=unknown")).bearer_auth(token(&service));
    assert_eq!(late.send().await.unwrap().status(), 404);
    let other = service.http.get(service.url("client/?hub=chat&id=unknown"));
    assert_eq!(other.send().await.unwrap().status(), 401);
    let statuses: Vec<u16> = service.events().iter().filter_map(refused_status).collect();
    assert_eq!(statuses, [404, 401], "a farewell that comes too late is no refusal, and a token is refused once");
}

fn refused_status(event: &Event) -> Option<u16> {
    match event {
        Event::Refused { status, .. } => Some(status.as_u16()),
        _ => None,
    }
}

#[tokio::test]
async fn long_addresses_and_headers_are_refused_on_both_sides() {
    let service = Service::start().await;
    for (path, surface) in [("client/negotiate?hub=chat", Surface::Client), ("api/hubs/chat/:send", Surface::DataPlane)]
    {
        let separator = if path.contains('?') { '&' } else { '?' };
        let url = service.url(&format!("{path}{separator}x={}", "x".repeat(12 * 1024)));
        assert_eq!(service.http.post(url).send().await.unwrap().status(), 414, "{path}");
        let call = service.http.post(service.url(path)).header("x-long", "x".repeat(16 * 1024));
        assert_eq!(call.send().await.unwrap().status(), 413, "{path}");
        for status in [414, 413] {
            let reason = told(&service, surface, status).await;
            assert_eq!(reason, "the address or the headers are too long; shorten the token");
        }
    }
}

#[tokio::test]
async fn a_token_has_four_kilobytes() {
    let service = Service::start().await;
    let generate = |length: usize| format!("api/hubs/chat/:generateToken?userId={}", "u".repeat(length));
    assert_eq!(service.status("POST", &generate(2_000)).await, 200);
    let refused = service.call("POST", &generate(4_000)).await;
    assert_eq!(refused.status(), 400);
    let refused: Value = serde_json::from_str(&refused.text().await.unwrap()).unwrap();
    assert_eq!(refused["message"], "AccessToken must not be longer than 4K.");
}

#[tokio::test]
async fn a_message_of_a_client_may_be_as_large_as_is_set() {
    let mut options = EmulatorOptions::default();
    options.server.maximum_message_size = Some(1000);
    let service = Service::start_with(options).await;
    let mut client = service.connect("chat", None).await;
    let message = |size: usize| json!({"type": 1, "target": "m", "arguments": ["x".repeat(size)]}).to_string();
    client.write(&message(900)).await;
    service.until_received("Invocation").await;
    client.write(&message(1000)).await;
    let close = client.next().await;
    let told = "Connection closed with an error. the client broke the protocol: a message is too large";
    assert_eq!(close, json!({"type": 7, "error": told}));
    service.until_disconnected(&client.id).await;
}
