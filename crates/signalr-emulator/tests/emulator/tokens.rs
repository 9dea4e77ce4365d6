//! Who is believed, and what the others are told.

use std::time::{Duration, SystemTime};

use azure_signalr::token::{ClientToken, RestAudience, RestToken, sign_rest};
use azure_signalr::{AccessKey, ConnectionString};
use reqwest::Response;
use serde_json::Value;
use signalr_emulator::{AccessKeys, Checks, EmulatorOptions, Event, Surface};

use crate::harness::{Service, default_key, with_key};

const EXPIRED: &str = r#"Bearer error="invalid_token", error_description="The token is expired""#;
const AUDIENCE: &str = r#"Bearer error="invalid_token", error_description="The audience is invalid""#;
const KEY: &str = r#"Bearer error="invalid_token", error_description="The signature key was not found""#;

fn two_hours_ago() -> SystemTime {
    SystemTime::now() - Duration::from_secs(2 * 60 * 60)
}

fn client_token(connection: &ConnectionString, hub: &str, at: SystemTime) -> String {
    ClientToken::new(&hub.parse().unwrap()).sign(connection, at).unwrap()
}

#[track_caller]
fn check_refused(response: &Response, www_authenticate: &str, what: &str) {
    assert_eq!(response.status(), 401, "{what}");
    assert_eq!(response.headers()["www-authenticate"], www_authenticate, "{what}");
    assert_eq!(response.content_length(), Some(0), "{what}: the body is empty");
}

#[tokio::test]
async fn a_client_without_a_good_token_is_refused_with_the_text_of_azure() {
    let service = Service::start().await;
    let now = SystemTime::now();
    let here = &service.connection;
    let rest = sign_rest(here, &service.url("api/hubs/chat/:send"), now).unwrap();
    for (what, token, expected) in [
        ("expired", client_token(here, "chat", two_hours_ago()), EXPIRED),
        ("other hub", client_token(here, "other", now), AUDIENCE),
        ("wrong key", client_token(&with_key(&service, "wrong"), "chat", now), KEY),
        ("REST token", rest, AUDIENCE),
        ("no token", String::new(), "Bearer"),
    ] {
        let negotiate = service.http.post(service.url("client/negotiate?hub=chat")).bearer_auth(&token);
        check_refused(&negotiate.send().await.unwrap(), expected, what);
        let connect = service.http.get(service.url(&format!("client/?hub=chat&access_token={token}")));
        let connect = connect.header("connection", "upgrade").header("upgrade", "websocket");
        check_refused(&connect.send().await.unwrap(), expected, what);
    }
    assert_eq!(service.emulator.connection_count("chat"), 0);
    let is_loud = |event: &Event| match event {
        Event::Refused { surface: Surface::Client, reason, .. } => reason.contains("; "),
        _ => false,
    };
    assert_eq!(service.events().iter().filter(|event| is_loud(event)).count(), 10, "each with a cure");
}

#[tokio::test]
async fn a_call_without_a_good_token_is_refused_and_does_nothing() {
    let service = Service::start().await;
    let mut client = service.connect("chat", None).await;
    let (now, here) = (SystemTime::now(), &service.connection);
    let url = service.url("api/hubs/chat/:send");
    for (what, token, expected) in [
        ("expired", sign_rest(here, &url, two_hours_ago()).unwrap(), EXPIRED),
        ("other hub", sign_rest(here, &service.url("api/hubs/other/:send"), now).unwrap(), AUDIENCE),
        ("other call", sign_rest(here, &service.url("api/hubs/chat/users/u/:send"), now).unwrap(), AUDIENCE),
        ("wrong key", sign_rest(&with_key(&service, "wrong"), &url, now).unwrap(), KEY),
        ("client token", client_token(here, "chat", now), AUDIENCE),
        ("no token", String::new(), "Bearer"),
    ] {
        let call = service.http.post(url.clone()).body(r#"{"target":"m"}"#).header("content-type", "application/json");
        check_refused(&call.bearer_auth(&token).send().await.unwrap(), expected, what);
    }
    let good = sign_rest(here, &url, now).unwrap();
    let in_query = service.http.post(service.url(&format!("api/hubs/chat/:send?access_token={good}")));
    check_refused(&in_query.send().await.unwrap(), "Bearer", "REST tokens have to be in the header");
    service.expect_nothing_for("chat", &mut client).await;
}

#[tokio::test]
async fn the_audience_of_a_call_is_its_path_with_or_without_the_query() {
    let service = Service::start().await;
    let url = service.url("api/hubs/chat/:send?api-version=2022-06-01");
    for audience in [RestAudience::Path, RestAudience::PathAndQuery] {
        let token = RestToken::new(&url).audience(audience).sign(&service.connection, SystemTime::now()).unwrap();
        let call = service.http.post(url.clone()).bearer_auth(token).header("content-type", "application/json");
        assert_eq!(call.body(r#"{"target":"m"}"#).send().await.unwrap().status(), 202, "{audience:?}");
    }
}

#[tokio::test]
async fn both_keys_are_good_for_clients_and_for_calls() {
    let access_keys = AccessKeys { primary: default_key(), secondary: Some(AccessKey::new("second")) };
    let service = Service::start_with(EmulatorOptions { access_keys, ..EmulatorOptions::default() }).await;
    let second = with_key(&service, "second");
    let mut client = service.connect_with("chat", &client_token(&second, "chat", SystemTime::now())).await;
    let url = service.url("api/hubs/chat/:send");
    let token = sign_rest(&second, &url, SystemTime::now()).unwrap();
    let call = service.http.post(url).bearer_auth(token).json(&serde_json::json!({"target": "m"}));
    assert_eq!(call.send().await.unwrap().status(), 202);
    assert_eq!(client.target().await, "m");
}

#[tokio::test]
async fn lenient_checks_accept_what_the_official_emulator_accepts() {
    let options = EmulatorOptions { checks: Checks::Lenient, ..EmulatorOptions::default() };
    let service = Service::start_with(options).await;
    let old = ClientToken::new(&"other".parse().unwrap()).user_id(Some("alice"));
    let old = old.sign(&service.connection, two_hours_ago()).unwrap();
    let mut client = service.connect_with("chat", &old).await;
    let url = service.url("api/hubs/chat/users/alice/:send");
    let call = service.http.post(url).bearer_auth(&old).json(&serde_json::json!({"target": "m"}));
    assert_eq!(call.send().await.unwrap().status(), 202);
    assert_eq!(client.target().await, "m");
    let wrong = client_token(&with_key(&service, "wrong"), "chat", SystemTime::now());
    let negotiate = service.http.post(service.url("client/negotiate?hub=chat")).bearer_auth(wrong);
    check_refused(&negotiate.send().await.unwrap(), KEY, "wrong key");
}

#[tokio::test]
async fn the_service_issues_client_tokens() {
    let service = Service::start().await;
    let answer = service.call("POST", "api/hubs/chat/:generateToken?userId=alice&minutesToExpire=5").await;
    assert_eq!(answer.status(), 200);
    let answer: Value = serde_json::from_str(&answer.text().await.unwrap()).unwrap();
    let mut client = service.connect_with("chat", answer["token"].as_str().unwrap()).await;
    service.send("api/hubs/chat/users/alice/:send", "hello").await;
    assert_eq!(client.target().await, "hello");
    assert_eq!(service.status("POST", "api/hubs/chat/:generateToken").await, 200);
    assert_eq!(service.status("POST", "api/hubs/chat/:generateToken?minutesToExpire=0").await, 400);
}
