//! A caller broadcasts; every client receives it, once and in order.

use crate::harness::{SignalRClient, http, post, send, start};
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

#[tokio::test]
async fn a_text_that_only_its_escapes_make_too_long_arrives_whole() {
    let stack = start().await;
    let mut client = SignalRClient::connect(&stack).await;
    let escapes = r"\u00e9".repeat(200_000);
    let text = "é".repeat(200_000);
    let general = format!(r#"{{"target":"newNotification","arguments":["{escapes}"]}}"#);
    for body in [format!(r#"{{"message":"{escapes}"}}"#), general] {
        assert_eq!(post(&stack, "/api/broadcast", body).await.status(), 200);
        assert!(client.next().await.1 == json!([text]), "the text has changed on its way");
    }
    drop(client);
    stack.shutdown().await;
}

#[tokio::test]
async fn a_body_that_the_host_makes_base64_of_is_refused_with_the_cure() {
    let stack = start().await;
    for content_type in ["application/octet-stream", "multipart/form-data; boundary=x"] {
        let request = http().post(format!("{}/api/broadcast", stack.host_url())).header("content-type", content_type);
        let reply = send(request.body(r#"{"message":"hi"}"#)).await;
        assert_eq!(reply.status(), 400, "{content_type}");
        let problem: Value = reply.json().await.unwrap();
        assert!(problem["detail"].as_str().unwrap().ends_with("; send it as `application/json`"), "{problem}");
    }
    stack.shutdown().await;
}
