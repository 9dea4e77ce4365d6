//! What the owner of an emulator sees of it and does to it.

use std::time::{Duration, SystemTime};

use serde_json::json;
use signalr_emulator::{EmulatorOptions, Reconnect, TimeSource};

use crate::harness::Service;

fn noon() -> SystemTime {
    SystemTime::UNIX_EPOCH + Duration::from_secs(1_700_000_000)
}

/// A service where it is always noon; so the tokens of its clients have to be of that time, too.
async fn at_noon() -> Service {
    Service::start_with(EmulatorOptions::default().with_time(TimeSource::new(noon))).await
}

#[tokio::test]
async fn a_connection_is_shown_with_everything_but_its_secrets() {
    let service = at_noon().await;
    let mut alice = service.connect_at("chat", Some("alice"), noon()).await;
    let _bob = service.connect_at("news", None, noon()).await;
    let call = |method: &'static str, path: String| service.request_at(method, &path, noon()).send();
    for group in ["b", "a"] {
        let path = format!("api/hubs/chat/groups/{group}/connections/{}", alice.id);
        assert_eq!(call("PUT", path).await.unwrap().status(), 200);
    }
    let send = service.request_at("POST", "api/hubs/chat/:send", noon()).json(&json!({"target": "m"}));
    assert_eq!(send.send().await.unwrap().status(), 202);
    assert_eq!(alice.target().await, "m");
    alice.write(r#"{"type":1,"target":"Send","arguments":[]}"#).await;
    service.until_received("Invocation").await;
    assert_eq!(service.emulator.hubs(), ["chat", "news"]);
    let shown = service.emulator.connections();
    let hubs: Vec<&str> = shown.iter().map(|connection| connection.hub.as_str()).collect();
    assert_eq!(hubs, ["chat", "news"]);
    let mut shown = serde_json::to_value(&shown[0]).unwrap();
    let claims = shown["claims"].take();
    assert_eq!((&claims["asrs.s.uid"], &claims["exp"]), (&json!("alice"), &json!(1_700_003_600)));
    let expected = json!({
        "hub": "chat",
        "connectionId": alice.id,
        "userId": "alice",
        "transport": "WebSockets",
        "protocol": "json",
        "connectedAt": "2023-11-14T22:13:20Z",
        "groups": ["b", "a"],
        "claims": null,
        "received": {"messages": 1, "bytes": 41},
        "sent": {"messages": 1, "bytes": 41},
        "waiting": {"messages": 0, "bytes": 0},
    });
    assert_eq!(shown, expected);
}

#[tokio::test]
async fn what_a_client_does_not_read_is_shown_as_waiting() {
    let service = Service::start().await;
    let stuck = service.connect("chat", None).await;
    let body = json!({"target": "m", "arguments": ["x".repeat(100 * 1024)]});
    let waiting = loop {
        let call = service.request("POST", "api/hubs/chat/:send").json(&body);
        assert_eq!(call.send().await.unwrap().status(), 202);
        let shown = service.emulator.connections();
        let connection = shown.first().expect("it is shown before it is closed");
        // A single one may be on its way to the socket.
        if connection.waiting.messages >= 3 {
            break connection.waiting;
        }
    };
    assert!(waiting.bytes > 2 * 100 * 1024, "of one a part may be written: {waiting:?}");
    drop(stuck);
}

#[tokio::test]
async fn users_are_shown_when_they_are_connected_or_on_record() {
    let service = at_noon().await;
    let _alice = service.connect_at("chat", Some("alice"), noon()).await;
    let _again = service.connect_at("chat", Some("alice"), noon()).await;
    for path in ["users/alice/groups/g?ttl=0", "users/bob/groups/h?ttl=60", "users/bob/groups/g"] {
        let call = service.request_at("PUT", &format!("api/hubs/chat/{path}"), noon());
        assert_eq!(call.send().await.unwrap().status(), 200, "{path}");
    }
    let expected = json!([
        {"hub": "chat", "userId": "alice", "connections": 2, "storedGroups": []},
        {"hub": "chat", "userId": "bob", "connections": 0, "storedGroups": [
            {"group": "g", "until": "2024-11-13T22:13:20Z"},
            {"group": "h", "until": "2023-11-14T22:14:20Z"},
        ]},
    ]);
    assert_eq!(serde_json::to_value(service.emulator.users()).unwrap(), expected);
    let expected = json!([{"hub": "chat", "group": "g", "connections": 2}]);
    assert_eq!(serde_json::to_value(service.emulator.groups()).unwrap(), expected);
}

#[tokio::test]
async fn one_connection_is_closed_with_a_word_about_coming_back() {
    let service = Service::start().await;
    let mut one = service.connect("chat", None).await;
    let mut two = service.connect("chat", None).await;
    assert!(service.emulator.close(&one.id, Some("enough"), Reconnect::Denied));
    assert_eq!(one.next().await, json!({"type": 7, "error": "enough"}));
    assert!(service.emulator.close(&two.id, None, Reconnect::Allowed));
    assert_eq!(two.next().await, json!({"type": 7, "allowReconnect": true}));
    service.until_disconnected(&one.id).await;
    assert!(!service.emulator.close(&one.id, None, Reconnect::Allowed), "it is gone");
}

#[tokio::test]
async fn a_connection_that_is_cut_gets_no_word() {
    let service = Service::start().await;
    let mut client = service.connect("chat", None).await;
    let mut other = service.connect("chat", None).await;
    assert!(service.emulator.cut(&client.id));
    assert_eq!(client.next_text().await, None, "no Close message and no message of any kind");
    assert_eq!(service.until_disconnected(&client.id).await, "the transport ended without a close");
    assert!(!service.emulator.cut(&client.id));
    service.expect_nothing_for("chat", &mut other).await;
}

#[tokio::test]
async fn all_connections_are_cut_together() {
    let service = Service::start().await;
    let mut clients = Vec::new();
    for hub in ["chat", "chat", "news"] {
        clients.push(service.connect(hub, None).await);
    }
    assert_eq!(service.emulator.cut_all(), 3);
    for client in &mut clients {
        assert_eq!(client.next_text().await, None);
        service.until_disconnected(&client.id).await;
    }
    assert_eq!(service.emulator.cut_all(), 0);
}
