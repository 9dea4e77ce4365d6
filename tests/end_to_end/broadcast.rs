//! A caller broadcasts; every client receives it, once and in order.

use crate::harness::{SignalRClient, post, start};
use serde_json::{Value, json};

#[tokio::test]
async fn both_clients_receive_each_broadcast_exactly_once_and_in_order() {
    let stack = start().await;
    let mut clients = [SignalRClient::connect(&stack).await, SignalRClient::connect(&stack).await];
    for number in 0..50 {
        let reply = post(&stack, "/api/broadcast", json!({"message": number.to_string()}).to_string()).await;
        assert_eq!(reply.text().await.unwrap(), r#"{"sent":true}"#);
    }
    for client in &mut clients {
        for number in 0..50 {
            assert_eq!(client.next().await, ("newNotification".to_owned(), json!([number.to_string()])));
        }
    }
    drop(clients);
    stack.shutdown().await;
}

#[tokio::test]
async fn a_payload_is_echoed_to_its_sender_and_sent_as_new_message() {
    let stack = start().await;
    let mut client = SignalRClient::connect(&stack).await;
    let reply = post(&stack, "/api/broadcast", r#"{"payload":"grüße 👋"}"#).await;
    assert_eq!(reply.headers()["content-type"], "text/plain; charset=utf-8");
    assert_eq!(reply.text().await.unwrap(), "grüße 👋");
    assert_eq!(client.next().await, ("newMessage".to_owned(), json!(["grüße 👋"])));
    drop(client);
    stack.shutdown().await;
}

#[tokio::test]
async fn a_bad_body_is_refused_by_name_and_nothing_is_sent() {
    let stack = start().await;
    let mut client = SignalRClient::connect(&stack).await;
    for (body, field) in [
        ("not json", Value::Null),
        ("", Value::Null),
        (r#"{"text":"hi"}"#, json!("text")),
        (r#"{"message":["hi"]}"#, json!("message")),
        (r#"{"target":"","arguments":[]}"#, json!("target")),
    ] {
        let reply = post(&stack, "/api/broadcast", body).await;
        assert_eq!(reply.status(), 400, "{body}");
        assert_eq!(reply.headers()["content-type"], "application/problem+json; charset=utf-8", "{body}");
        let problem: Value = reply.json().await.unwrap();
        assert_eq!(problem["field"], field, "{body}");
    }
    // Had one of them been sent, it would arrive before this one.
    post(&stack, "/api/broadcast", r#"{"target":"marker"}"#).await;
    assert_eq!(client.next().await, ("marker".to_owned(), json!([])));
    drop(client);
    stack.shutdown().await;
}

#[tokio::test]
async fn a_message_too_large_for_the_service_is_refused_before_it_is_sent() {
    let stack = start().await;
    let reply = post(&stack, "/api/broadcast", json!({"message": "x".repeat(1_100_000)}).to_string()).await;
    assert_eq!(reply.status(), 400);
    let problem: Value = reply.json().await.unwrap();
    assert!(problem["detail"].as_str().unwrap().contains("takes at most 1000000"), "{problem}");
    stack.shutdown().await;
}

#[tokio::test]
async fn a_message_near_the_limit_arrives_whole() {
    let stack = start().await;
    let mut client = SignalRClient::connect(&stack).await;
    let text = "é\"\\\n".repeat(100_000);
    assert_eq!(post(&stack, "/api/broadcast", json!({"message": text}).to_string()).await.status(), 200);
    assert_eq!(client.next().await.1, json!([text]));
    drop(client);
    stack.shutdown().await;
}
