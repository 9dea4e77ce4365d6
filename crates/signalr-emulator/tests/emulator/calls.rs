//! What the REST side answers when nothing is sent: health, versions, unknown paths, bad names.

use serde_json::Value;
use signalr_emulator::{ApiVersions, EmulatorOptions, Event, Surface};

use crate::harness::Service;

#[tokio::test]
async fn health_needs_no_token() {
    let service = Service::start().await;
    for path in ["api/health", "api/v1/health", "api/health?api-version=2022-06-01"] {
        for method in ["GET", "HEAD"] {
            let url = service.url(path);
            let answer = service.http.request(method.parse().unwrap(), url).send().await.unwrap();
            assert_eq!(answer.status(), 200, "{method} {path}");
        }
    }
}

#[tokio::test]
async fn the_interface_describes_itself() {
    let service = Service::start().await;
    let answer = service.http.get(service.url("api/openapi.json")).send().await.unwrap();
    assert_eq!(answer.status(), 200);
    assert_eq!(answer.headers()["content-type"], "application/json; charset=utf-8");
    let document: Value = serde_json::from_str(&answer.text().await.unwrap()).unwrap();
    assert_eq!(document["openapi"], "3.1.0");
    assert!(document["paths"]["/api/hubs/{hub}/:send"]["post"].is_object());
}

#[tokio::test]
async fn every_version_is_served() {
    let service = Service::start().await;
    for version in ["", "?api-version=", "?api-version=2022-06-01", "?api-version=2031-01-01", "?api-version=x"] {
        assert_eq!(
            service.status("POST", &format!("api/hubs/chat/:closeConnections{version}")).await,
            204,
            "{version}"
        );
    }
}

#[tokio::test]
async fn only_described_versions_are_served_where_that_is_asked_for() {
    let options = EmulatorOptions { api_versions: ApiVersions::Described, ..EmulatorOptions::default() };
    let service = Service::start_with(options).await;
    for (version, status) in
        [("", 204), ("?api-version=2024-12-01", 204), ("?api-version=2031-01-01", 400), ("?api-version=x", 400)]
    {
        let path = format!("api/hubs/chat/:closeConnections{version}");
        assert_eq!(service.status("POST", &path).await, status, "{version}");
    }
    assert_eq!(service.status("GET", "api/v1/hubs/chat/users/u?api-version=x").await, 404, "1.0 has no such parameter");
}

#[tokio::test]
async fn what_is_missing_is_not_found_and_says_so_in_the_log() {
    let service = Service::start().await;
    for (method, path, status) in [
        ("GET", "api/auth/accessKey", 404),
        ("POST", "api/hubs/chat/:shout", 404),
        ("GET", "server/?hub=chat", 404),
        ("GET", "", 404),
        ("GET", "api/hubs/chat/:send", 405),
    ] {
        assert_eq!(service.code(method, path).await, (status, String::new()), "{path}");
    }
    let reasons: Vec<String> = service.events().into_iter().filter_map(reason).collect();
    assert_eq!(
        reasons,
        [
            "GET /api/auth/accessKey: Azure SignalR Service has `auth/accessKey` (Entra identities), this emulator does not",
            "POST /api/hubs/chat/:shout: there is no such operation",
            "GET /server/: Azure SignalR Service has the endpoint of application servers (Default mode), this emulator does not",
            "GET /: there is no such operation",
            "GET /api/hubs/chat/:send: this path is for POST only",
        ]
    );
    let allow = service.call("GET", "api/hubs/chat/:send").await;
    assert_eq!(allow.headers()["allow"], "POST");
}

fn reason(event: Event) -> Option<String> {
    match event {
        Event::Refused { surface: Surface::DataPlane, reason, .. } => Some(reason),
        _ => None,
    }
}

async fn check_bad_name(method: &'static str, path: &'static str, target: &'static str, text: &'static str) {
    let service = Service::start().await;
    let v1 = service.call(method, &format!("api/v1/hubs/{path}")).await;
    assert_eq!((v1.status().as_u16(), v1.text().await.unwrap().as_str()), (400, text), "{path}");
    let versioned = service.call(method, &format!("api/hubs/{path}")).await;
    assert_eq!(versioned.status(), 400, "{path}");
    let detail: Value = serde_json::from_str(&versioned.text().await.unwrap()).unwrap();
    assert_eq!((&detail["message"], &detail["target"]), (&Value::from(text), &Value::from(target)), "{path}");
}

#[tokio::test]
async fn bad_names_are_refused_with_the_texts_of_the_service() {
    let hub = "Invalid hub name. Valid hub name should be in between 1 and 128 characters long. The first character must be a letter, other characters can be letters, digits or the following symbols _`,.[]";
    check_bad_name("POST", "no-hub/:send", "hub", hub).await;
    let application = "Invalid value of 'application'. Valid application name should be in between 1 and 128 characters long. The first character must be a letter, other characters can be letters, digits or the following symbols _`,.[]";
    check_bad_name("POST", "chat/:send?application=no-app", "application", application).await;
    let group = "Invalid group name. Valid group name should be in between 1 and 1024 characters long.";
    check_bad_name("POST", "chat/groups/%20%20/:send", "group", group).await;
    check_bad_name("PUT", "chat/users/alice/groups/%20", "group", group).await;
}
