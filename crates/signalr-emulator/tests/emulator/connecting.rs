//! Clients come to `/client`, one hub at a time.

use std::time::{Duration, SystemTime};

use azure_signalr::token::ClientToken;
use serde_json::{Value, json};
use signalr_emulator::{EmulatorOptions, Event};

use crate::harness::{Client, Service};

fn token(service: &Service, hub: &str) -> String {
    ClientToken::new(&hub.parse().unwrap()).sign(&service.connection, SystemTime::now()).unwrap()
}

#[tokio::test]
async fn a_client_negotiates_and_connects_under_every_spelling_of_the_path() {
    let service = Service::start().await;
    let token = token(&service, "chat");
    for path in ["client/negotiate?hub=chat", "client//negotiate?hub=Chat"] {
        let answer = service.http.post(service.url(path)).bearer_auth(&token).send().await.unwrap();
        assert_eq!(answer.status(), 200, "{path}");
        let answer: Value = serde_json::from_str(&answer.text().await.unwrap()).unwrap();
        assert_eq!(answer["negotiateVersion"], 0, "{path}");
    }
    let mut clients = Vec::new();
    for path in ["client?hub=chat", "client/?hub=chat", "client/?HUB=CHAT"] {
        clients.push(Client::open(&service, &format!("{path}&access_token={token}")).await);
    }
    service.until(|_| service.emulator.connection_count("chat") == 3).await;
    assert_eq!(service.emulator.connection_count("Chat"), 3, "hubs ignore case");
    assert_eq!(service.emulator.connection_count("other"), 0);
}

#[tokio::test]
async fn the_token_may_be_in_the_header_or_in_the_query() {
    let service = Service::start().await;
    let good = token(&service, "chat");
    let post = |query: &str| service.http.post(service.url(&format!("client/negotiate?hub=chat{query}")));
    assert_eq!(post("").bearer_auth(&good).send().await.unwrap().status(), 200);
    assert_eq!(post(&format!("&access_token={good}")).send().await.unwrap().status(), 200);
    let last_counts = format!("&access_token=bad&access_token={good}");
    assert_eq!(post(&last_counts).send().await.unwrap().status(), 200);
    let header_wins = post(&format!("&access_token={good}")).bearer_auth("bad");
    assert_eq!(header_wins.send().await.unwrap().status(), 401);
}

#[tokio::test]
async fn a_hub_is_named_exactly_once() {
    let service = Service::start().await;
    let token = token(&service, "chat");
    for query in ["", "hub=", "hub=chat&hub=chat", "hub=no-hub"] {
        let url = service.url(&format!("client/negotiate?{query}"));
        let negotiate = service.http.post(url).bearer_auth(&token).send().await.unwrap();
        assert_eq!(negotiate.status(), 400, "negotiate {query:?}");
        let connect = service.http.get(service.url(&format!("client/?{query}"))).bearer_auth(&token);
        let connect = connect.header("connection", "upgrade").header("upgrade", "websocket").send().await.unwrap();
        assert_eq!(connect.status(), 400, "connect {query:?}");
        assert_ne!(connect.text().await.unwrap(), "", "{query:?}");
    }
}

#[tokio::test]
async fn two_hubs_are_isolated() {
    let service = Service::start().await;
    let mut in_chat = service.connect("chat", Some("alice")).await;
    let mut in_news = service.connect("news", Some("alice")).await;
    let id = in_chat.id.clone();
    service.send("api/hubs/chat/:send", "to chat").await;
    service.send("api/hubs/news/users/alice/:send", "to news").await;
    assert_eq!(in_chat.target().await, "to chat");
    assert_eq!(in_news.target().await, "to news");
    assert_eq!(service.status("PUT", &format!("api/hubs/news/groups/g/connections/{id}")).await, 404);
    assert_eq!(service.status("PUT", "api/hubs/chat/users/alice/groups/g").await, 200);
    assert_eq!(service.status("HEAD", "api/hubs/chat/groups/g").await, 200);
    assert_eq!(service.status("HEAD", "api/hubs/news/groups/g").await, 404);
    assert_eq!(service.status("POST", "api/hubs/news/:closeConnections").await, 204);
    service.expect_nothing_for("chat", &mut in_chat).await;
}

#[tokio::test]
async fn an_application_has_hubs_of_its_own() {
    let service = Service::start().await;
    let mut plain = service.connect("chat", None).await;
    let mut of_app = service.connect("app_chat", None).await;
    service.send("api/hubs/Chat/:send?application=App", "to the application").await;
    assert_eq!(of_app.target().await, "to the application");
    service.expect_nothing_for("chat", &mut plain).await;
}

#[tokio::test]
async fn what_a_client_calls_is_ignored_and_told_once_per_name() {
    let service = Service::start().await;
    let mut client = service.connect("chat", None).await;
    for invocation in [
        json!({"type": 1, "invocationId": "0", "target": "sendMessage", "arguments": []}),
        json!({"type": 1, "target": "sendMessage", "arguments": ["again"]}),
        json!({"type": 1, "target": "other", "arguments": []}),
    ] {
        client.write(&invocation.to_string()).await;
    }
    service.until(|event| matches!(event, Event::Unheard { target, .. } if target == "other")).await;
    service.expect_nothing_for("chat", &mut client).await;
    let unheard = |event: &Event| matches!(event, Event::Unheard { .. });
    assert_eq!(service.events().iter().filter(|event| unheard(event)).count(), 2);
}

#[tokio::test]
async fn a_token_may_limit_the_transports() {
    let service = Service::start().await;
    let token = ClientToken::new(&"chat".parse().unwrap()).claim("asrs.s.htt", 4);
    let token = token.sign(&service.connection, SystemTime::now()).unwrap();
    let connect = service.http.get(service.url("client/?hub=chat")).bearer_auth(&token);
    let connect = connect.header("connection", "upgrade").header("upgrade", "websocket");
    let connect = connect.header("sec-websocket-version", "13").header("sec-websocket-key", "dGhlIHNhbXBsZSBub25jZQ==");
    let connect = connect.send().await.unwrap();
    assert_eq!(connect.status(), 404);
    assert_eq!(connect.text().await.unwrap(), "WebSockets transport not supported by this end point type");
}

#[tokio::test]
async fn a_token_may_ask_for_the_end_of_the_connection_when_it_expires() {
    let mut options = EmulatorOptions::default();
    // Deadlines are looked at more often than the shortest timeout.
    options.server.close_grace = Duration::from_millis(200);
    let service = Service::start_with(options).await;
    let token = ClientToken::new(&"chat".parse().unwrap()).claim("asrs.s.coae", "true").claim("asrs.s.aeo", 1);
    let token = token.sign(&service.connection, SystemTime::now()).unwrap();
    let mut client = service.connect_with("chat", &token).await;
    let close = client.next().await;
    assert_eq!((&close["type"], &close["allowReconnect"]), (&json!(7), &json!(true)), "{close}");
    assert_eq!(service.until_disconnected(&client.id).await, "the client's admission has expired");
}

#[tokio::test]
async fn a_client_that_leaves_is_gone() {
    let service = Service::start().await;
    let client = service.connect("chat", Some("alice")).await;
    let id = client.id.clone();
    let connected = Event::Connected {
        hub: "chat".to_owned(),
        connection_id: id.clone(),
        user_id: Some("alice".to_owned()),
        transport: "WebSockets",
        protocol: "json",
    };
    assert!(service.events().contains(&connected));
    client.vanish();
    service.until_disconnected(&id).await;
    assert_eq!(service.status("HEAD", &format!("api/hubs/chat/connections/{id}")).await, 404);
    assert_eq!(service.status("HEAD", "api/hubs/chat/users/alice").await, 404);
}

#[tokio::test]
async fn a_service_takes_as_many_connections_as_its_tier_allows() {
    let service =
        Service::start_with(EmulatorOptions { connection_limit: Some(2), ..EmulatorOptions::default() }).await;
    let in_chat = service.connect("chat", None).await;
    let _in_news = service.connect("news", None).await;
    let token = token(&service, "chat");
    let negotiate = || service.http.post(service.url("client/negotiate?hub=chat")).bearer_auth(&token).send();
    let answer = negotiate().await.unwrap();
    assert_eq!(answer.status(), 429);
    assert_eq!(answer.text().await.unwrap(), "Connection count reaches limit.");
    let connect = service.http.get(service.url("client/?hub=chat")).bearer_auth(&token);
    let connect = connect.header("connection", "upgrade").header("upgrade", "websocket").send().await.unwrap();
    assert_eq!(connect.status(), 429);
    let id = in_chat.id.clone();
    in_chat.vanish();
    service.until_disconnected(&id).await;
    assert_eq!(negotiate().await.unwrap().status(), 200);
    assert_eq!(negotiate().await.unwrap().status(), 200, "negotiating takes no place");
    let _again = service.connect("chat", None).await;
    assert_eq!(negotiate().await.unwrap().status(), 429);
}
