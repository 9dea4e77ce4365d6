//! Gaps and defects of the official emulator that this one does not have. The numbers are those of signalr-service 5.7.

use std::time::{Duration, SystemTime};

use azure_signalr::AccessKey;
use azure_signalr::token::{ClientToken, sign_rest};
use futures_util::{SinkExt, StreamExt};
use reqwest::StatusCode;
use serde_json::{Value, json};
use signalr_emulator::{AccessKeys, EmulatorOptions, Event, UnheardCause};
use tokio_tungstenite::tungstenite::Message;

use crate::harness::{Client, PATIENCE, Service, default_key, with_key};
use crate::webhook::Webhook;

#[tokio::test]
async fn number_1_tokens_that_azure_refuses_are_refused() {
    let service = Service::start().await;
    let two_hours_ago = SystemTime::now() - Duration::from_secs(2 * 60 * 60);
    let token = |hub: &str, at| ClientToken::new(&hub.parse().unwrap()).sign(&service.connection, at).unwrap();
    for (token, expected) in [
        (token("chat", SystemTime::now()), 200),
        (token("chat", two_hours_ago), 401),
        (token("news", SystemTime::now()), 401),
    ] {
        let negotiate = service.http.post(service.url("client/negotiate?hub=chat")).bearer_auth(token);
        assert_eq!(negotiate.send().await.unwrap().status(), expected);
    }
    let url = service.url("api/hubs/chat/:closeConnections");
    let other = sign_rest(&service.connection, &service.url("api/hubs/news/:closeConnections"), SystemTime::now());
    let call = service.http.post(url).bearer_auth(other.unwrap());
    assert_eq!(call.send().await.unwrap().status(), 401);
}

#[tokio::test]
async fn number_2_an_invocation_that_nobody_hears_is_told_with_a_cure() {
    let service = Service::start().await;
    let mut client = service.connect("chat", None).await;
    client.write(r#"{"type":1,"invocationId":"0","target":"Send","arguments":[]}"#).await;
    let told = service.until(|event| matches!(event, Event::Unheard { .. })).await;
    let expected =
        Event::Unheard { hub: "chat".to_owned(), target: "Send".to_owned(), cause: UnheardCause::NoUpstream };
    assert_eq!(told, expected);
    assert!(UnheardCause::NoUpstream.to_string().starts_with("set an upstream"));
}

#[tokio::test]
async fn number_3_connections_are_excluded_from_closing() {
    let service = Service::start().await;
    for path in ["", "/users/alice", "/groups/g"] {
        let mut kept = service.connect("chat", Some("alice")).await;
        let mut closed = service.connect("chat", Some("alice")).await;
        assert_eq!(service.status("PUT", "api/hubs/chat/users/alice/groups/g").await, 200);
        let call = format!("api/hubs/chat{path}/:closeConnections?excluded={}", kept.id);
        assert_eq!(service.status("POST", &call).await, 204, "{path}");
        assert_eq!(closed.next().await["type"], 7, "{path}");
        service.expect_nothing_for("chat", &mut kept).await;
        kept.vanish();
    }
}

#[tokio::test]
async fn number_4_a_message_has_as_many_arguments_as_it_likes() {
    let mut webhook = Webhook::start().await;
    let service = Service::start_with(webhook.options()).await;
    let mut client = service.connect("chat", None).await;
    webhook.connect().await;
    let arguments: Value = (0..50).collect();
    let call = service.request("POST", "api/hubs/chat/:send").json(&json!({"target": "m", "arguments": arguments}));
    assert_eq!(call.send().await.unwrap().status(), 202);
    assert_eq!(client.next().await["arguments"], arguments);
    client.write(&json!({"type": 1, "target": "Send", "arguments": arguments}).to_string()).await;
    let call: Value = serde_json::from_str(&webhook.expect("Send").await.body).unwrap();
    assert_eq!(call["arguments"], arguments);
}

#[tokio::test]
async fn number_5_framed_bodies_tokens_and_listings_are_there() {
    let service = Service::start().await;
    let mut client = service.connect("chat", None).await;
    let frame = "{\"type\":1,\"target\":\"m\",\"arguments\":[]}\u{1e}";
    let mut body = b"\x81\xa4json\xc4".to_vec();
    body.push(frame.len().try_into().unwrap());
    body.extend_from_slice(frame.as_bytes());
    let call = service.request("POST", "api/hubs/chat/:send").header("content-type", "application/octet-stream");
    assert_eq!(call.body(body).send().await.unwrap().status(), 202);
    assert_eq!(client.target().await, "m");
    assert_eq!(service.status("POST", "api/hubs/chat/:generateToken").await, 200);
    assert_eq!(service.status("PUT", &format!("api/hubs/chat/groups/g/connections/{}", client.id)).await, 200);
    let listing = service.call("GET", "api/hubs/chat/groups/g/connections").await.text().await.unwrap();
    assert_eq!(listing, json!({"value": [{"connectionId": client.id}]}).to_string());
}

/// Client results and streams.
#[tokio::test]
async fn number_5_a_client_is_asked_and_gets_the_items_of_a_stream() {
    let service = Service::start().await;
    let mut client = service.connect("chat", None).await;
    let base = format!("api/hubs/chat/connections/{}", client.id);
    let asking = service.request("POST", &format!("{base}/:invoke")).json(&json!({"target": "time"})).send();
    let asking = tokio::spawn(asking);
    let question = client.next().await;
    let completion = json!({"type": 3, "invocationId": question["invocationId"], "result": "noon"});
    client.write(&completion.to_string()).await;
    assert_eq!(asking.await.unwrap().unwrap().text().await.unwrap(), r#"{"result":"noon"}"#);
    let item = service.request("POST", &format!("{base}/streams/7/:send?completed=true")).json(&json!({"a": 1}));
    assert_eq!(item.send().await.unwrap().status(), 202);
    assert_eq!(client.next().await, json!({"type": 2, "invocationId": "7", "item": {"a": 1}}));
    assert_eq!(client.next().await, json!({"type": 3, "invocationId": "7"}));
}

#[tokio::test]
async fn number_6_a_user_may_be_added_on_a_hub_that_nobody_has_used() {
    let service = Service::start().await;
    assert_eq!(service.status("PUT", "api/hubs/unused/users/alice/groups/g").await, 200);
    assert_eq!(service.status("PUT", "api/hubs/unused/users/alice/groups/now?ttl=0").await, 200);
    let mut client = service.connect("unused", Some("alice")).await;
    service.send("api/hubs/unused/groups/now/:send", "nobody").await;
    service.send("api/hubs/unused/groups/g/:send", "m").await;
    assert_eq!(client.target().await, "m");
}

#[tokio::test]
async fn number_7_a_client_that_ignores_its_close_is_dropped() {
    let mut options = EmulatorOptions::default();
    options.server.close_grace = Duration::from_millis(300);
    let service = Service::start_with(options).await;
    let client = service.connect("chat", None).await;
    let path = format!("api/hubs/chat/connections/{}", client.id);
    assert_eq!(service.status("DELETE", &path).await, 200);
    // The client never reads, so it never answers the Close.
    service.until_disconnected(&client.id).await;
    assert_eq!(service.code("HEAD", &path).await, (404, "Warning.Connection.NotExisted".to_owned()));
}

#[tokio::test]
async fn number_8_every_legal_hub_name_works() {
    for (hub, in_address) in
        [("my.hub", "my.hub"), ("a,b", "a,b"), ("a`b", "a%60b"), ("a[b]", "a%5Bb%5D"), ("a_b", "a_b")]
    {
        let mut webhook = Webhook::start().await;
        let service = Service::start_with(webhook.options()).await;
        let token = ClientToken::new(&hub.parse().unwrap()).user_id(Some("alice"));
        let token = token.sign(&service.connection, SystemTime::now()).unwrap();
        let mut client = Client::open(&service, &format!("client/?hub={in_address}&access_token={token}")).await;
        let call = webhook.expect("connected").await;
        assert_eq!(call.header("x-asrs-hub"), hub);
        call.answer(StatusCode::OK, "");
        assert_eq!(service.status("PUT", &format!("api/hubs/{in_address}/users/alice/groups/g")).await, 200, "{hub}");
        service.send(&format!("api/hubs/{in_address}/groups/g/:send"), "m").await;
        assert_eq!(client.target().await, "m", "{hub}");
    }
}

#[tokio::test]
async fn numbers_9_and_10_leaving_all_groups_without_being_in_one_succeeds_with_the_status_of_its_version() {
    let service = Service::start().await;
    let client = service.connect("chat", None).await;
    for (family, of_user, of_membership) in [("api/v1", 200, 202), ("api", 204, 204)] {
        let base = format!("{family}/hubs/chat");
        assert_eq!(service.status("DELETE", &format!("{base}/users/nobody/groups")).await, of_user);
        assert_eq!(service.status("DELETE", &format!("{base}/connections/{}/groups", client.id)).await, 200);
        assert_eq!(service.status("DELETE", &format!("{base}/users/nobody/groups/g")).await, of_membership);
    }
    assert_eq!(service.status("PUT", "api/v1/hubs/chat/users/alice/groups/g").await, 202);
    assert_eq!(service.status("PUT", "api/hubs/chat/users/alice/groups/g").await, 200);
}

#[tokio::test]
async fn number_11_health_needs_no_token_and_a_404_has_its_code() {
    let service = Service::start().await;
    assert_eq!(service.http.head(service.url("api/health")).send().await.unwrap().status(), 200);
    assert_eq!(service.code("HEAD", "api/hubs/chat/users/u").await.1, "Warning.User.NotExisted");
}

#[tokio::test]
async fn number_12_keys_can_be_rotated_connections_are_limited_and_there_are_metrics() {
    let access_keys = AccessKeys { primary: default_key(), secondary: Some(AccessKey::new("second")) };
    let options = EmulatorOptions { access_keys, connection_limit: Some(1), ..EmulatorOptions::default() };
    let service = Service::start_with(options).await;
    let token = ClientToken::new(&"chat".parse().unwrap());
    let token = token.sign(&with_key(&service, "second"), SystemTime::now()).unwrap();
    let _client = service.connect_with("chat", &token).await;
    let negotiate = service.http.post(service.url("client/negotiate?hub=chat")).bearer_auth(&token);
    assert_eq!(negotiate.send().await.unwrap().status(), 429);
    assert_eq!(service.http.get(service.url("metrics")).send().await.unwrap().status(), 200);
}

/// Stateful reconnect: the socket is lost, the connection and its messages are not.
#[tokio::test]
async fn number_12_a_client_may_come_back_to_its_connection() {
    let service = Service::start().await;
    let token = ClientToken::new(&"chat".parse().unwrap()).sign(&service.connection, SystemTime::now()).unwrap();
    let negotiate = service.url("client/negotiate?hub=chat&negotiateVersion=1&useStatefulReconnect=true");
    let answer = service.http.post(negotiate).bearer_auth(&token).send().await.unwrap().text().await.unwrap();
    let answer: Value = serde_json::from_str(&answer).unwrap();
    assert_eq!(answer["useStatefulReconnect"], true);
    let id = answer["connectionToken"].as_str().unwrap();
    let mut url = service.url(&format!("client/?hub=chat&id={id}&access_token={token}"));
    url.set_scheme("ws").unwrap();
    let (mut lost, _) = tokio_tungstenite::connect_async(url.as_str()).await.unwrap();
    lost.send(Message::text("{\"protocol\":\"json\",\"version\":2}\u{1e}")).await.unwrap();
    service.until(|event| matches!(event, Event::Connected { .. })).await;
    drop(lost);
    service.send("api/hubs/chat/:send", "missed").await;
    let (mut again, _) = tokio_tungstenite::connect_async(url.as_str()).await.unwrap();
    again.send(Message::text("{\"type\":9,\"sequenceId\":1}\u{1e}")).await.unwrap();
    let mut read = String::new();
    while !read.contains("\"target\":\"missed\"") {
        let frame = tokio::time::timeout(PATIENCE, again.next()).await.unwrap().unwrap().unwrap();
        read.push_str(frame.to_text().unwrap());
    }
    assert_eq!(service.emulator.connection_count("chat"), 1);
    assert!(!service.events().iter().any(|event| matches!(event, Event::Disconnected { .. })));
}

#[tokio::test]
async fn number_13_a_client_that_falls_silent_is_closed() {
    let mut options = EmulatorOptions::default();
    options.server.client_timeout = Duration::from_millis(300);
    let service = Service::start_with(options).await;
    let mut client = service.connect("chat", None).await;
    client.write(r#"{"type":6}"#).await;
    assert_eq!(service.until_disconnected(&client.id).await, "the client was silent for too long");
}

#[tokio::test]
async fn number_14_an_empty_answer_without_a_length_completes_the_invocation() {
    let mut webhook = Webhook::start().await;
    let service = Service::start_with(webhook.options()).await;
    let mut client = service.connect("chat", None).await;
    webhook.connect().await;
    client.write(r#"{"type":1,"invocationId":"0","target":"Send","arguments":[]}"#).await;
    let nothing = futures_util::stream::empty::<std::io::Result<Vec<u8>>>();
    webhook.expect("Send").await.answer(StatusCode::OK, axum::body::Body::from_stream(nothing));
    assert_eq!(client.next().await, json!({"type": 3, "invocationId": "0"}));
}
