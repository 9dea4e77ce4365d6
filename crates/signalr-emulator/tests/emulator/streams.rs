//! Items and ends of streams, for the client that has asked for them.

use serde_json::{Value, json};
use signalr_emulator::Event;

use crate::harness::{Client, Service};

fn stream_of(client: &Client, verb: &str) -> String {
    format!("api/hubs/chat/connections/{}/streams/0/{verb}", client.id)
}

async fn post(service: &Service, path: &str, content_type: &str, body: impl Into<Vec<u8>>) -> (u16, String) {
    let call = service.request("POST", path).header("content-type", content_type).body(body.into());
    let response = call.send().await.unwrap();
    (response.status().as_u16(), response.text().await.unwrap())
}

#[tokio::test]
async fn items_arrive_byte_for_byte_and_in_order_before_the_end() {
    let service = Service::start().await;
    let mut client = service.connect("chat", None).await;
    client.write(r#"{"type":4,"invocationId":"0","target":"prices","arguments":[]}"#).await;
    for (item, query) in [("1.0", ""), ("null", "?completed=false"), (r#"{"b":[],"a":1e400}"#, "?completed=True")] {
        let path = stream_of(&client, &format!(":send{query}"));
        assert_eq!(post(&service, &path, "application/json", item).await, (202, String::new()));
    }
    // However many messages share a frame.
    let mut text = String::new();
    while !text.contains("\"type\":3") {
        text.push_str(&client.next_text().await.unwrap());
    }
    let messages: Vec<&str> = text.split_terminator('\u{1e}').collect();
    let expected = [
        r#"{"type":2,"invocationId":"0","item":1.0}"#,
        r#"{"type":2,"invocationId":"0","item":null}"#,
        r#"{"type":2,"invocationId":"0","item":{"b":[],"a":1e400}}"#,
        r#"{"type":3,"invocationId":"0"}"#,
    ];
    assert_eq!(messages, expected);
}

#[tokio::test]
async fn a_stream_ends_well_or_with_a_reason() {
    let service = Service::start().await;
    let mut client = service.connect("chat", None).await;
    assert_eq!(service.status("POST", &stream_of(&client, ":complete")).await, 202);
    assert_eq!(client.next().await, json!({"type": 3, "invocationId": "0"}));
    assert_eq!(service.status("POST", &stream_of(&client, ":complete?reason=no%20more")).await, 202);
    assert_eq!(client.next().await, json!({"type": 3, "invocationId": "0", "error": "no more"}));
}

#[tokio::test]
async fn framed_items_go_out_as_they_came() {
    let service = Service::start().await;
    let mut client = service.connect("chat", None).await;
    let frame = "{\"type\":2,\"invocationId\":\"0\",\"item\":1}\u{1e}";
    let mut body = b"\x81\xa4json\xc4".to_vec();
    body.push(frame.len().try_into().unwrap());
    body.extend_from_slice(frame.as_bytes());
    let sent = post(&service, &stream_of(&client, ":send"), "application/octet-stream", body.clone()).await;
    assert_eq!(sent, (202, String::new()));
    assert_eq!(client.next_text().await.unwrap(), frame);
    let other = stream_of(&client, ":send").replace("/0/", "/1/");
    let (status, body) = post(&service, &other, "application/octet-stream", body).await;
    let body: Value = serde_json::from_str(&body).unwrap();
    let expected = "The request body is not a map of framed messages: `json` is not one StreamItem of this stream with its record separator";
    assert_eq!((status, body["message"].as_str().unwrap()), (400, expected));
}

#[tokio::test]
async fn nobody_there_is_no_error_and_nonsense_is() {
    let service = Service::start().await;
    let path = "api/hubs/chat/connections/nobody/streams/0/:send";
    assert_eq!(post(&service, path, "application/json", "1").await.0, 202);
    let streamed = |event: &Event| matches!(event, Event::Streamed { connection_id, queued: false, bytes: 1, .. } if connection_id == "nobody");
    service.until(streamed).await;
    assert_eq!(service.status("POST", &path.replace(":send", ":complete")).await, 202);
    for (path, body) in [
        (path.to_owned(), ""),
        (path.to_owned(), "{"),
        (format!("{path}?completed=1"), "1"),
        (path.replace("/0/", "/%20/"), "1"),
        (path.replace("/0/", &format!("/{}/", "s".repeat(101))), "1"),
    ] {
        assert_eq!(post(&service, &path, "application/json", body).await.0, 400, "{path} {body}");
    }
    assert_eq!(post(&service, path, "text/plain", "1").await.0, 415);
}
