//! A page asks for an address and a token, and only a token for this hub lets it in.

use crate::harness::{http, post, send, start};
use azure_signalr::token::ClientToken;
use azure_signalr::{AccessKey, ConnectionString};
use serde_json::Value;
use std::time::{Duration, SystemTime};

#[tokio::test]
async fn get_and_post_give_an_address_and_a_token_as_json() {
    let stack = start().await;
    let url = format!("{}/api/negotiate", stack.host_url());
    for reply in [send(http().get(&url)).await, send(http().post(&url)).await] {
        assert_eq!(reply.status(), 200);
        assert_eq!(reply.headers()["content-type"], "application/json; charset=utf-8");
        let info: Value = reply.json().await.unwrap();
        assert!(info["url"].as_str().unwrap().ends_with("/client/?hub=notifications"), "{info}");
        assert_eq!(info["accessToken"].as_str().unwrap().split('.').count(), 3);
    }
    stack.shutdown().await;
}

#[tokio::test]
async fn a_token_of_another_hub_or_key_or_time_is_refused() {
    let stack = start().await;
    let connection: ConnectionString = stack.connection_string().unwrap().parse().unwrap();
    let stranger = ConnectionString::with_access_key(connection.server_url().clone(), AccessKey::new("another key"));
    let token = |connection: &ConnectionString, hub: &str, age: Duration| {
        ClientToken::new(&hub.parse().unwrap()).sign(connection, SystemTime::now() - age).unwrap()
    };
    let day = Duration::from_secs(24 * 60 * 60);
    for (token, reason) in [
        (token(&connection, "another", Duration::ZERO), "The audience is invalid"),
        (token(&stranger, "notifications", Duration::ZERO), "The signature key was not found"),
        (token(&connection, "notifications", day), "The token is expired"),
    ] {
        let url = format!("{}/client/negotiate?hub=notifications", stack.signalr_url().unwrap());
        let reply = send(http().post(url).bearer_auth(token)).await;
        assert_eq!(reply.status(), 401);
        let challenge = reply.headers()["www-authenticate"].to_str().unwrap();
        assert!(challenge.contains(reason), "{challenge}");
    }
    let url = format!("{}/client/negotiate?hub=notifications", stack.signalr_url().unwrap());
    let good = token(&connection, "notifications", Duration::ZERO);
    assert_eq!(send(http().post(url).bearer_auth(good)).await.status(), 200);
    stack.shutdown().await;
}

#[tokio::test]
async fn a_method_that_is_not_declared_is_not_found() {
    let stack = start().await;
    let reply = send(http().get(format!("{}/api/broadcast", stack.host_url()))).await;
    assert_eq!(reply.status(), 404);
    assert_eq!(post(&stack, "/api/nothing", "{}").await.status(), 404);
    stack.shutdown().await;
}
