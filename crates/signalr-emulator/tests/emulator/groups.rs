//! Connections in groups.

use serde_json::{Value, json};

use crate::harness::Service;

#[tokio::test]
async fn connections_join_and_leave_in_both_segment_orders() {
    let service = Service::start().await;
    let mut client = service.connect("chat", None).await;
    let id = client.id.clone();
    for base in ["api/v1/hubs/chat", "api/hubs/chat"] {
        for path in [format!("{base}/groups/g/connections/{id}"), format!("{base}/connections/{id}/groups/g")] {
            assert_eq!(service.status("PUT", &path).await, 200, "{path}");
            service.send("api/hubs/chat/groups/g/:send", "inside").await;
            assert_eq!(client.target().await, "inside", "{path}");
            assert_eq!(service.status("DELETE", &path).await, 200, "{path}");
            service.send("api/hubs/chat/groups/g/:send", "outside").await;
            service.expect_nothing_for("chat", &mut client).await;
            assert_eq!(service.status("DELETE", &path).await, 200, "leaving twice is no error: {path}");
        }
    }
}

#[tokio::test]
async fn an_unknown_connection_cannot_join() {
    let service = Service::start().await;
    let absent = (404, "Error.Connection.NotExisted".to_owned());
    assert_eq!(service.code("PUT", "api/hubs/chat/groups/g/connections/nobody").await, absent);
    assert_eq!(service.code("PUT", "api/v1/hubs/chat/groups/g/connections/nobody").await, absent);
    assert_eq!(service.code("DELETE", "api/hubs/chat/groups/g/connections/nobody").await, (200, String::new()));
}

#[tokio::test]
async fn a_connection_leaves_all_groups_at_once() {
    let service = Service::start().await;
    let mut client = service.connect("chat", None).await;
    let id = client.id.clone();
    for base in ["api/v1/hubs/chat", "api/hubs/chat"] {
        for group in ["a", "b"] {
            assert_eq!(service.status("PUT", &format!("{base}/groups/{group}/connections/{id}")).await, 200);
        }
        assert_eq!(service.status("DELETE", &format!("{base}/connections/{id}/groups")).await, 200);
        assert_eq!(service.status("DELETE", &format!("{base}/connections/{id}/groups")).await, 200, "again");
        service.send("api/hubs/chat/groups/a/:send", "a").await;
        service.send("api/hubs/chat/groups/b/:send", "b").await;
        service.expect_nothing_for("chat", &mut client).await;
    }
    assert_eq!(service.status("DELETE", "api/hubs/chat/connections/nobody/groups").await, 200);
}

#[tokio::test]
async fn a_client_that_reconnects_has_to_join_again() {
    let service = Service::start().await;
    let first = service.connect("chat", None).await;
    let first_id = first.id.clone();
    assert_eq!(service.status("PUT", &format!("api/hubs/chat/groups/g/connections/{first_id}")).await, 200);
    first.vanish();
    service.until_disconnected(&first_id).await;
    let mut second = service.connect("chat", None).await;
    service.send("api/hubs/chat/groups/g/:send", "m").await;
    service.expect_nothing_for("chat", &mut second).await;
    assert_eq!(service.status("HEAD", "api/hubs/chat/groups/g").await, 404);
}

#[tokio::test]
async fn a_group_name_is_any_text() {
    let service = Service::start().await;
    let mut client = service.connect("chat", None).await;
    for group in ["room%201", "a%2Fb", "50%25", "%2525", "Z%C3%BCrich%20%F0%9F%A6%80", "a%3Fb%23c", ":send", "a+b"] {
        let path = format!("api/hubs/chat/groups/{group}");
        assert_eq!(service.status("PUT", &format!("{path}/connections/{}", client.id)).await, 200, "{group}");
        service.send(&format!("{path}/:send"), group).await;
        assert_eq!(client.target().await, group);
        assert_eq!(service.status("GET", &path).await, 200, "{group}");
    }
    let mut groups = service.emulator.clients("chat").unwrap().groups_of(&client.id);
    groups.sort_unstable();
    assert_eq!(groups, ["%25", "50%", ":send", "Zürich 🦀", "a+b", "a/b", "a?b#c", "room 1"]);
    assert_eq!(service.status("GET", "api/hubs/chat/groups/a").await, 404, "`a%2Fb` is one name");
}

#[tokio::test]
async fn a_group_exists_while_it_has_a_connection() {
    let service = Service::start().await;
    let client = service.connect("chat", Some("alice")).await;
    let id = &client.id;
    for base in ["api/v1/hubs/chat", "api/hubs/chat"] {
        for method in ["GET", "HEAD"] {
            let absent = |code: &str| (404, code.to_owned());
            let path = |path: &str| format!("{base}/{path}");
            assert_eq!(service.code(method, &path("groups/g")).await, absent("Warning.Group.NotExisted"));
            assert_eq!(service.status("PUT", &path(&format!("groups/g/connections/{id}"))).await, 200);
            assert_eq!(service.code(method, &path("groups/g")).await, (200, String::new()));
            assert_eq!(service.status("DELETE", &path(&format!("groups/g/connections/{id}"))).await, 200);
            assert_eq!(service.code(method, &path("groups/g")).await, absent("Warning.Group.NotExisted"));
            assert_eq!(service.code(method, &path("users/alice")).await, (200, String::new()));
            assert_eq!(service.code(method, &path("users/bob")).await, absent("Warning.User.NotExisted"));
            assert_eq!(service.code(method, &path(&format!("connections/{id}"))).await, (200, String::new()));
            assert_eq!(service.code(method, &path("connections/x")).await, absent("Warning.Connection.NotExisted"));
        }
    }
}

#[tokio::test]
async fn the_connections_of_a_group_are_listed_page_by_page() {
    let service = Service::start().await;
    let mut members = Vec::new();
    let mut clients = Vec::new();
    for user in [Some("alice"), None, Some("bob")] {
        let client = service.connect("chat", user).await;
        assert_eq!(service.status("PUT", &format!("api/hubs/chat/groups/g%20h/connections/{}", client.id)).await, 200);
        members.push(match user {
            Some(user) => json!({"connectionId": client.id, "userId": user}),
            None => json!({"connectionId": client.id}),
        });
        clients.push(client);
    }
    members.sort_by_key(|member| member["connectionId"].as_str().unwrap().to_owned());
    let mut found = Vec::new();
    let mut next = Some("api/hubs/chat/groups/g%20h/connections?maxpagesize=2&api-version=2024-12-01".to_owned());
    let mut pages = 0;
    while let Some(path) = next {
        let page: Value = serde_json::from_str(&service.call("GET", &path).await.text().await.unwrap()).unwrap();
        found.extend(page["value"].as_array().unwrap().clone());
        next = page["nextLink"].as_str().map(|link| {
            link.strip_prefix(service.connection.server_url().as_str()).expect("the link leads here").to_owned()
        });
        pages += 1;
    }
    assert_eq!((found, pages), (members, 2));
    let empty = service.call("GET", "api/hubs/chat/groups/nobody/connections").await;
    assert_eq!(empty.text().await.unwrap(), r#"{"value":[]}"#);
}
