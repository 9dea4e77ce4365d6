//! What happens can be counted, and watched as events.

use signalr_emulator::{Event, Member, RestCall};

use crate::harness::Service;

async fn metrics(service: &Service) -> String {
    let answer = service.http.get(service.url("metrics")).send().await.unwrap();
    assert_eq!(answer.status(), 200);
    assert_eq!(answer.headers()["content-type"], "text/plain; version=0.0.4; charset=utf-8");
    answer.text().await.unwrap()
}

#[tokio::test]
async fn what_happened_is_in_the_metrics_and_no_name_of_a_caller_is() {
    let service = Service::start().await;
    let mut alice = service.connect("secret-hub".replace('-', "_").as_str(), Some("alice")).await;
    let bob = service.connect("secret_hub", Some("bob")).await;
    service.send("api/hubs/secret_hub/:send", "m").await;
    alice.write(r#"{"type":1,"target":"Send","arguments":["hi"]}"#).await;
    service.until(|event| matches!(event, Event::Received { kind: "Invocation", bytes: 6, .. })).await;
    let id = bob.id.clone();
    bob.vanish();
    service.until_disconnected(&id).await;
    assert_eq!(service.status("POST", "api/hubs/no-hub/:send").await, 400);
    let text = metrics(&service).await;
    for line in [
        "signalr_connections 1",
        "signalr_connections_opened_total 2",
        "signalr_client_messages_total 1",
        "signalr_client_message_bytes_total 6",
        "signalr_sends_total 1",
        "signalr_deliveries_total 2",
        "signalr_refused_total{surface=\"rest\",status=\"400\"} 1",
    ] {
        assert!(text.lines().any(|found| found == line), "{line}\nis not in\n{text}");
    }
    assert!(!text.contains("secret") && !text.contains("alice") && !text.contains(&alice.id), "{text}");
}

#[tokio::test]
async fn pages_of_other_origins_cannot_read_the_metrics() {
    let service = Service::start().await;
    let call = service.http.get(service.url("metrics")).header("origin", "http://elsewhere");
    let answer = call.send().await.unwrap();
    assert_eq!(answer.status(), 403);
    assert!(!answer.headers().contains_key("access-control-allow-origin"));
}

#[tokio::test]
async fn joining_and_leaving_are_told() {
    let service = Service::start().await;
    let alice = service.connect("chat", Some("alice")).await;
    let connection = || Member::Connection(alice.id.clone());
    let user = || Member::User("alice".to_owned());
    for (method, path) in [
        ("PUT", format!("groups/g/connections/{}", alice.id)),
        ("DELETE", format!("groups/g/connections/{}", alice.id)),
        ("DELETE", format!("groups/g/connections/{}", alice.id)),
        ("PUT", "users/alice/groups/u".to_owned()),
        ("DELETE", "users/alice/groups".to_owned()),
    ] {
        assert!(service.status(method, &format!("api/hubs/chat/{path}")).await < 300, "{method} {path}");
    }
    let is_about_groups = |event: &Event| matches!(event, Event::JoinedGroup { .. } | Event::LeftGroup { .. });
    let told: Vec<Event> = service.events().into_iter().filter(is_about_groups).collect();
    let call = |id| RestCall { id, correlation: None };
    let joined = |id, group: &str, member| Event::JoinedGroup {
        hub: "chat".to_owned(),
        group: group.to_owned(),
        member,
        connections: 1,
        call: Some(call(id)),
    };
    let left = |id, group: Option<&str>, member| Event::LeftGroup {
        hub: "chat".to_owned(),
        group: group.map(str::to_owned),
        member,
        call: call(id),
    };
    assert_eq!(
        told,
        [joined(1, "g", connection()), left(2, Some("g"), connection()), joined(4, "u", user()), left(5, None, user())]
    );
}
