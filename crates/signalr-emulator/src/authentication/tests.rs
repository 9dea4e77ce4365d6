//! Clients and calls at the door, with the clock in hand.

use std::time::{Duration, UNIX_EPOCH};

use azure_signalr::token::{ClientToken, sign_rest};
use azure_signalr::{AccessKey, ConnectionString};

use super::*;
use crate::{AccessKeys, DEFAULT_ACCESS_KEY};

const NOW: u64 = 1_700_000_000;

fn at(seconds: u64) -> SystemTime {
    UNIX_EPOCH + Duration::from_secs(seconds)
}

fn connection(key: &str) -> ConnectionString {
    ConnectionString::with_access_key("http://localhost:8888".parse().unwrap(), AccessKey::new(key))
}

fn client_token(key: &str, hub: &str) -> String {
    ClientToken::new(&hub.parse().unwrap()).user_id(Some("alice")).sign(&connection(key), at(NOW)).unwrap()
}

fn authenticator(checks: Checks) -> Authenticator {
    let secondary = Some(AccessKey::new("the other key"));
    let access_keys = AccessKeys { secondary, ..AccessKeys::default() };
    Authenticator::new(&EmulatorOptions { access_keys, checks, ..EmulatorOptions::default() })
}

fn headers(host: &str) -> HeaderMap {
    HeaderMap::from_iter([(HOST, host.parse().unwrap())])
}

/// `expected` is the user, or what the 401 says.
#[track_caller]
fn check(checks: Checks, token: Option<&str>, hub: &str, now: u64, expected: Result<&str, &str>) {
    let found = authenticator(checks).client(token, hub, &headers("127.0.0.1:8888"), at(now));
    let found = found.map(|identity| identity.user_id.unwrap_or_default());
    let found = found.map_err(|refused| refused.www_authenticate.to_str().unwrap().to_owned());
    let expected = expected.map(str::to_owned).map_err(|description| match description {
        "" => "Bearer".to_owned(),
        _ => format!(r#"Bearer error="invalid_token", error_description="{description}""#),
    });
    assert_eq!(found, expected);
}

#[test]
fn both_keys_are_good() {
    check(Checks::Strict, Some(&client_token(DEFAULT_ACCESS_KEY, "chat")), "chat", NOW, Ok("alice"));
    check(Checks::Strict, Some(&client_token("the other key", "chat")), "chat", NOW, Ok("alice"));
    let wrong = client_token("a third key", "chat");
    check(Checks::Strict, Some(&wrong), "chat", NOW, Err("The signature key was not found"));
    check(Checks::Lenient, Some(&wrong), "chat", NOW, Err("The signature key was not found"));
}

#[test]
fn a_token_is_for_one_hub_and_one_hour() {
    let token = client_token(DEFAULT_ACCESS_KEY, "chat");
    check(Checks::Strict, Some(&token), "other", NOW, Err("The audience is invalid"));
    check(Checks::Strict, Some(&token), "app_chat", NOW, Err("The audience is invalid"));
    check(Checks::Strict, Some(&token), "chat", NOW + 3600 + 299, Ok("alice"));
    check(Checks::Strict, Some(&token), "chat", NOW + 3600 + 301, Err("The token is expired"));
    check(Checks::Strict, Some(&token), "chat", NOW - 301, Err("The token is not valid yet"));
}

#[test]
fn lenient_checks_look_at_the_signature_alone() {
    let token = client_token(DEFAULT_ACCESS_KEY, "chat");
    check(Checks::Lenient, Some(&token), "other", NOW, Ok("alice"));
    check(Checks::Lenient, Some(&token), "chat", NOW + 100_000, Ok("alice"));
    check(Checks::Lenient, None, "chat", NOW, Err(""));
}

#[test]
fn no_token_is_answered_without_a_description() {
    check(Checks::Strict, None, "chat", NOW, Err(""));
    check(Checks::Strict, Some(""), "chat", NOW, Err(""));
}

#[test]
fn the_host_is_that_of_the_request_or_a_configured_one() {
    let elsewhere = "http://signalr:8888".parse().unwrap();
    let elsewhere = ConnectionString::with_access_key(elsewhere, AccessKey::new(DEFAULT_ACCESS_KEY));
    let token = ClientToken::new(&"chat".parse().unwrap()).sign(&elsewhere, at(NOW)).unwrap();
    let ask = |hosts: &[&str], host: &str| {
        let hosts = hosts.iter().map(|host| (*host).to_owned()).collect();
        let authenticator = Authenticator::new(&EmulatorOptions { hosts, ..EmulatorOptions::default() });
        authenticator.client(Some(&token), "chat", &headers(host), at(NOW)).is_ok()
    };
    assert!(ask(&[], "SignalR:9999"));
    assert!(!ask(&[], "localhost:8888"));
    assert!(ask(&["signalr"], "localhost:8888"));
}

#[test]
fn a_rest_token_is_for_one_path_and_client_tokens_are_for_none() {
    let url = "http://localhost:8888/api/hubs/chat/groups/a%2Fb/:send?api-version=2022-06-01".parse().unwrap();
    let token = sign_rest(&connection(DEFAULT_ACCESS_KEY), &url, at(NOW)).unwrap();
    let call = |token: &str, path: &str| {
        let mut headers = headers("localhost:8888");
        headers.insert(AUTHORIZATION, format!("bearer {token}").parse().unwrap());
        authenticator(Checks::Strict).call(path, &headers, at(NOW)).map_err(|refused| refused.reason)
    };
    assert_eq!(call(&token, "/api/hubs/chat/groups/a%2Fb/:send"), Ok(()));
    let reason = call(&token, "/api/hubs/chat/:send").unwrap_err();
    assert_eq!(
        reason,
        "The audience is invalid; the token is for \"http://localhost/api/hubs/chat/groups/a%2Fb/:send\", \
         this request needs `http://HOST/api/hubs/chat/:send` with HOST one of [\"localhost\", \"localhost:8888\"]"
    );
    assert!(call(&client_token(DEFAULT_ACCESS_KEY, "chat"), "/api/hubs/chat/:send").is_err());
    assert!(call("", "/api/hubs/chat/:send").is_err());
}
