//! Users in groups: memberships that outlive connections (signalr-service 4.2).

use crate::harness::Service;

#[tokio::test]
async fn a_user_brings_every_connection_into_the_group_and_takes_it_out_again() {
    let service = Service::start().await;
    for (base, added, removed) in [("api/v1/hubs/chat", 202, 202), ("api/hubs/chat", 200, 204)] {
        for path in [format!("{base}/users/alice/groups/g"), format!("{base}/groups/g/users/alice")] {
            let mut one = service.connect("chat", Some("alice")).await;
            let mut two = service.connect("chat", Some("alice")).await;
            let mut bob = service.connect("chat", Some("bob")).await;
            assert_eq!(service.status("PUT", &path).await, added, "{path}");
            let mut later = service.connect("chat", Some("alice")).await;
            service.send("api/hubs/chat/groups/g/:send", "inside").await;
            for client in [&mut one, &mut two, &mut later] {
                assert_eq!(client.target().await, "inside", "{path}");
            }
            service.expect_nothing_for("chat", &mut bob).await;
            assert_eq!(service.status("DELETE", &path).await, removed, "{path}");
            let mut latest = service.connect("chat", Some("alice")).await;
            service.send("api/hubs/chat/groups/g/:send", "outside").await;
            for client in [&mut one, &mut later, &mut latest] {
                service.expect_nothing_for("chat", client).await;
            }
            assert_eq!(service.status("DELETE", &path).await, removed, "removing twice is no error: {path}");
        }
    }
}

#[tokio::test]
async fn a_user_may_be_in_a_group_before_anybody_has_connected() {
    let service = Service::start().await;
    assert_eq!(service.status("PUT", "api/hubs/new/users/alice/groups/g").await, 200);
    assert_eq!(service.code("HEAD", "api/hubs/new/groups/g").await.1, "Warning.Group.NotExisted", "no connection yet");
    let mut client = service.connect("new", Some("alice")).await;
    service.send("api/hubs/new/groups/g/:send", "m").await;
    assert_eq!(client.target().await, "m");
}

#[tokio::test]
async fn the_record_answers_whether_a_user_is_in_a_group() {
    let service = Service::start().await;
    let absent = (404, "Info.User.NotInGroup".to_owned());
    for method in ["GET", "HEAD"] {
        for path in ["users/alice/groups/g", "groups/g/users/alice"] {
            assert_eq!(service.code(method, &format!("api/hubs/chat/{path}")).await, absent);
            assert_eq!(service.status("PUT", &format!("api/hubs/chat/{path}?ttl=3600")).await, 200);
            assert_eq!(service.code(method, &format!("api/v1/hubs/chat/{path}")).await, (200, String::new()));
            assert_eq!(service.code(method, &format!("api/hubs/chat/{path}")).await, (200, String::new()));
            assert_eq!(service.status("DELETE", &format!("api/hubs/chat/{path}")).await, 204);
        }
    }
}

#[tokio::test]
async fn ttl_zero_is_for_the_connections_of_now() {
    let service = Service::start().await;
    let mut now = service.connect("chat", Some("alice")).await;
    assert_eq!(service.status("PUT", "api/hubs/chat/users/alice/groups/g?ttl=0").await, 200);
    let mut later = service.connect("chat", Some("alice")).await;
    service.send("api/hubs/chat/groups/g/:send", "m").await;
    assert_eq!(now.target().await, "m");
    service.expect_nothing_for("chat", &mut later).await;
    assert_eq!(service.status("GET", "api/hubs/chat/users/alice/groups/g").await, 404);
    assert_eq!(service.status("PUT", "api/hubs/chat/users/alice/groups/g?ttl=-1").await, 400);
}

#[tokio::test]
async fn a_user_keeps_the_hundred_groups_that_were_updated_last() {
    let service = Service::start().await;
    let mut before = service.connect("chat", Some("alice")).await;
    assert_eq!(service.status("PUT", "api/hubs/chat/users/alice/groups/timed?ttl=3600").await, 200);
    for number in (0..101).chain([1]) {
        assert_eq!(service.status("PUT", &format!("api/hubs/chat/users/alice/groups/g{number}")).await, 200);
    }
    let mut later = service.connect("chat", Some("alice")).await;
    for group in ["g0", "g1", "g100", "timed"] {
        service.send(&format!("api/hubs/chat/groups/{group}/:send"), group).await;
        assert_eq!(before.target().await, group, "who has joined stays");
    }
    for group in ["g1", "g100", "timed"] {
        assert_eq!(later.target().await, group, "g0 is the oldest of 101, and the rule is for groups without ttl");
    }
    assert_eq!(service.code("HEAD", "api/hubs/chat/users/alice/groups/g0").await.1, "Info.User.NotInGroup");
    assert_eq!(service.status("HEAD", "api/hubs/chat/users/alice/groups/g1").await, 200, "it was updated again");
}

#[tokio::test]
async fn a_user_leaves_all_groups_at_once() {
    let service = Service::start().await;
    let mut client = service.connect("chat", Some("alice")).await;
    for (base, removed) in [("api/v1/hubs/chat", 200), ("api/hubs/chat", 204)] {
        for group in ["a", "b"] {
            service.status("PUT", &format!("{base}/users/alice/groups/{group}")).await;
        }
        assert_eq!(service.status("DELETE", &format!("{base}/users/alice/groups")).await, removed);
        assert_eq!(service.status("DELETE", &format!("{base}/users/alice/groups")).await, removed, "again");
        let mut later = service.connect("chat", Some("alice")).await;
        service.send("api/hubs/chat/groups/a/:send", "m").await;
        service.send("api/hubs/chat/groups/b/:send", "m").await;
        service.expect_nothing_for("chat", &mut client).await;
        service.expect_nothing_for("chat", &mut later).await;
    }
}
