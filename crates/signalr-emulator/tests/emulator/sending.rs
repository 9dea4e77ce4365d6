//! Messages reach those they are for, whole, once and in order.

use std::time::Duration;

use futures_util::stream;
use reqwest::Body;
use serde_json::json;
use signalr_emulator::{EmulatorOptions, Event, RestCall, SentTo};

use crate::harness::Service;

/// Sends to `path` under both families and names who of alice (twice), bob and the anonymous client hears it.
async fn check(path: &'static str, expected: [bool; 4]) {
    let service = Service::start().await;
    let mut clients = Vec::new();
    for user in [Some("alice"), Some("alice"), Some("bob"), None] {
        clients.push(service.connect("chat", user).await);
    }
    for member in [0, 2] {
        let put = format!("api/hubs/chat/groups/g/connections/{}", clients[member].id);
        assert_eq!(service.status("PUT", &put).await, 200);
    }
    let path = path.replace("{0}", &clients[0].id).replace("{2}", &clients[2].id);
    for family in ["api/v1/hubs/chat", "api/hubs/chat"] {
        service.send(&format!("{family}{path}"), "m").await;
        for (index, client) in clients.iter_mut().enumerate() {
            if expected[index] {
                assert_eq!(client.target().await, "m", "{family}{path}, client {index}");
            }
            service.expect_nothing_for("chat", client).await;
        }
    }
}

#[tokio::test]
async fn a_message_reaches_those_it_is_for() {
    check("", [true, true, true, true]).await;
    check("/:send", [true, true, true, true]).await;
    check("/users/alice", [true, true, false, false]).await;
    check("/users/alice/:send", [true, true, false, false]).await;
    check("/users/Alice/:send", [false, false, false, false]).await;
    check("/groups/g", [true, false, true, false]).await;
    check("/groups/g/:send", [true, false, true, false]).await;
    check("/groups/G/:send", [false, false, false, false]).await;
    check("/connections/{0}", [true, false, false, false]).await;
    check("/connections/{2}/:send", [false, false, true, false]).await;
    check("/connections/nobody/:send", [false, false, false, false]).await;
}

#[tokio::test]
async fn excluded_connections_are_left_out_of_everyone_and_of_groups() {
    check("/:send?excluded={0}", [false, true, true, true]).await;
    check("/:send?excluded={0}&excluded={2}&excluded=x", [false, true, false, true]).await;
    check("/groups/g/:send?excluded={2}", [true, false, false, false]).await;
    check("?excluded={2}", [true, true, false, true]).await;
    check("/users/alice/:send?excluded={0}", [true, true, false, false]).await;
}

#[tokio::test]
async fn arguments_arrive_byte_for_byte() {
    let service = Service::start().await;
    let mut client = service.connect("chat", None).await;
    let arguments = r#"[1.0,123456789012345678901234567890,{"b":1e400,"a":"\u00e9/","b":2},[ ],null]"#;
    let body = format!(r#"{{"Target":"m","Arguments":{arguments},"RawOnly":false}}"#);
    let call = service.request("POST", "api/hubs/chat/:send").header("content-type", "application/json").body(body);
    assert_eq!(call.send().await.unwrap().status(), 202);
    let text = client.next_text().await.unwrap();
    assert_eq!(text, format!("{{\"type\":1,\"target\":\"m\",\"arguments\":{arguments}}}\u{1e}"));
}

#[tokio::test]
async fn a_chunked_body_as_the_sdk_sends_it_is_read_whole() {
    let service = Service::start().await;
    let mut client = service.connect("chat", None).await;
    let chunks = [r#"{"Targ"#, r#"et":"m","Argum"#, r#"ents":["hi"]}"#].map(Ok::<_, std::io::Error>);
    let call = service.request("POST", "api/hubs/chat/:send").header("content-type", "application/json; charset=utf-8");
    let response = call.body(Body::wrap_stream(stream::iter(chunks))).send().await.unwrap();
    assert_eq!(response.status(), 202);
    assert_eq!(client.next().await, json!({"type": 1, "target": "m", "arguments": ["hi"]}));
}

#[tokio::test]
async fn framed_messages_reach_the_clients_of_their_protocol_as_they_are() {
    let service = Service::start().await;
    let mut client = service.connect("chat", None).await;
    let frame = "{ \"type\":1, \"target\":\"m\",\"arguments\":[1.0]}\u{1e}";
    let messagepack = b"\x81\xabmessagepack\xc4\x08\x07\x95\x01\x80\xc0\xa1m\x90";
    let mut json = b"\x81\xa4json\xc4".to_vec();
    json.push(frame.len().try_into().unwrap());
    json.extend_from_slice(frame.as_bytes());
    let call = |path: &str, body: &[u8]| {
        let call = service.request("POST", path).header("content-type", "application/octet-stream");
        call.body(body.to_vec()).send()
    };
    assert_eq!(call("api/hubs/chat/:send", messagepack).await.unwrap().status(), 202);
    assert_eq!(call("api/hubs/chat/:send", &json).await.unwrap().status(), 202);
    assert_eq!(client.next_text().await.unwrap(), frame, "the first was not for a JSON client");
    assert_eq!(call("api/hubs/chat/:send", b"not a map").await.unwrap().status(), 400);
    assert_eq!(call("api/v1/hubs/chat", &json).await.unwrap().status(), 415);
}

#[tokio::test]
async fn packed_messages_reach_clients_and_are_not_for_version_1() {
    let service = Service::start().await;
    let mut client = service.connect("chat", None).await;
    let body = b"\x82\xa6Target\xa1m\xa9Arguments\x92\xa2hi\x2a".to_vec();
    let call = |path: &str, body: Vec<u8>| {
        let call = service.request("POST", path).header("content-type", "application/x-msgpack");
        async move { call.body(body).send().await.unwrap().status().as_u16() }
    };
    assert_eq!(call("api/hubs/chat/:send", body.clone()).await, 202);
    assert_eq!(client.next().await, json!({"type": 1, "target": "m", "arguments": ["hi", 42]}));
    let stream = format!("api/hubs/chat/connections/{}/streams/0/:send", client.id);
    assert_eq!(call(&stream, b"\x81\xa1a\x01".to_vec()).await, 202);
    assert_eq!(client.next().await, json!({"type": 2, "invocationId": "0", "item": {"a": 1}}));
    assert_eq!(call("api/hubs/chat/:send", b"\x92\xa1m\x90".to_vec()).await, 400, "it is no map");
    assert_eq!(call("api/v1/hubs/chat", body).await, 415);
}

#[tokio::test]
async fn what_one_caller_sends_in_turn_arrives_in_turn() {
    let service = Service::start().await;
    let mut client = service.connect("chat", Some("alice")).await;
    let to_connection = format!("api/hubs/chat/connections/{}/:send", client.id);
    let paths = ["api/hubs/chat/:send", "api/hubs/chat/users/alice/:send", &to_connection];
    for number in 0..150 {
        service.send(paths[number % paths.len()], &number.to_string()).await;
    }
    for number in 0..150 {
        assert_eq!(client.target().await, number.to_string());
    }
}

#[tokio::test]
async fn a_send_is_told_with_its_receivers() {
    let service = Service::start().await;
    let _one = service.connect("chat", Some("alice")).await;
    let _two = service.connect("chat", Some("alice")).await;
    service.send("api/hubs/Chat/users/alice/:send", "m").await;
    service.send("api/hubs/chat/groups/nobody/:send", "m").await;
    let sent = |id, to: SentTo, bytes, queued| Event::Sent {
        hub: "chat".to_owned(),
        call: RestCall { id, correlation: None },
        target: "m".to_owned(),
        to,
        bytes,
        queued,
        dropped: 0,
    };
    assert!(service.events().contains(&sent(1, SentTo::User("alice".to_owned()), 35, 2)));
    assert!(service.events().contains(&sent(2, SentTo::Group("nobody".to_owned()), 37, 0)));
}

#[tokio::test]
async fn a_client_that_does_not_read_is_dropped_and_holds_nobody_up() {
    let mut options = EmulatorOptions::default();
    options.server.queue_limit = 256 * 1024;
    options.server.close_grace = Duration::from_millis(200);
    let service = Service::start_with(options).await;
    let stuck = service.connect("chat", None).await;
    let mut reading = service.connect("chat", None).await;
    let body = json!({"target": "m", "arguments": ["x".repeat(200 * 1024)]});
    let is_dropped = |event: &Event| matches!(event, Event::Sent { dropped: 1, .. });
    let mut sent = 0;
    while !service.events().iter().any(is_dropped) {
        assert!(sent < 500, "100 MB have to be too much for the buffers of one connection");
        let call = service.request("POST", "api/hubs/chat/:send").json(&body);
        assert_eq!(call.send().await.unwrap().status(), 202);
        assert_eq!(reading.target().await, "m");
        sent += 1;
    }
    let id = stuck.id.clone();
    service
        .until(|event| matches!(event, Event::DroppedSlowConsumer { connection_id, .. } if *connection_id == id))
        .await;
    service.until_disconnected(&stuck.id).await;
    service.expect_nothing_for("chat", &mut reading).await;
}

#[track_caller]
fn check_body(
    content_type: &'static str,
    body: impl Into<Body>,
    status: u16,
    text: &'static str,
) -> impl Future<Output = ()> {
    let body = body.into();
    async move {
        let service = Service::start().await;
        let bytes = body.as_bytes().unwrap().to_vec();
        for (path, expected_type) in [
            ("api/v1/hubs/chat", "text/plain; charset=utf-8"),
            ("api/hubs/chat/:send", "application/json; charset=utf-8"),
        ] {
            let call = service.request("POST", path).header("content-type", content_type).body(bytes.clone());
            let response = call.send().await.unwrap();
            assert_eq!(response.status(), status, "{path} {content_type}");
            assert_eq!(response.headers()["content-type"], expected_type);
            let answer = response.text().await.unwrap();
            if path.contains("v1") {
                assert_eq!(answer, text);
            } else {
                assert_eq!(serde_json::from_str::<serde_json::Value>(&answer).unwrap()["message"], text);
            }
        }
    }
}

#[tokio::test]
async fn a_body_that_is_no_message_is_refused() {
    check_body("application/json", "", 400, "Message in request body is required.").await;
    check_body("application/json", "null", 400, "Message in request body is required.").await;
    check_body("application/json", "{}", 400, "The Target field is required.").await;
    let unsupported = "The content type 'text/plain' is not supported; send 'application/json'.";
    check_body("text/plain", r#"{"target":"m"}"#, 415, unsupported).await;
}

#[tokio::test]
async fn a_body_may_have_one_megabyte() {
    let message = |length: usize| {
        let frame = r#"{"target":"m","arguments":[""]}"#.len();
        format!(r#"{{"target":"m","arguments":["{}"]}}"#, "x".repeat(length - frame))
    };
    for length in [1024 * 1024 + 1, 8 * 1024 * 1024] {
        check_body("application/json", message(length), 413, "The request body is larger than 1 MB.").await;
    }
    let service = Service::start().await;
    let call = service.request("POST", "api/hubs/chat/:send").header("content-type", "application/json");
    assert_eq!(call.body(message(1024 * 1024)).send().await.unwrap().status(), 202);
}
