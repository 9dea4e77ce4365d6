//! Pages of any origin may connect, and see every answer (signalr-service 2.6, signalr-protocol 1.4).

use reqwest::{Method, RequestBuilder};

use crate::harness::Service;

const ORIGIN: &str = "http://localhost:5173";

async fn check(call: RequestBuilder, status: u16) {
    let answer = call.header("origin", ORIGIN).send().await.unwrap();
    let url = answer.url().clone();
    assert_eq!(answer.status(), status, "{url}");
    assert_eq!(answer.headers()["access-control-allow-origin"], ORIGIN, "{url}");
    assert_eq!(answer.headers()["access-control-allow-credentials"], "true", "{url}");
}

#[tokio::test]
async fn every_answer_may_be_read_by_every_page() {
    let service = Service::start().await;
    check(service.http.post(service.url("client/negotiate?hub=chat")), 401).await;
    check(service.http.post(service.url("client/negotiate")), 400).await;
    check(service.http.get(service.url("client/?hub=chat")), 401).await;
    check(service.http.get(service.url("nowhere")), 404).await;
    check(service.http.post(service.url("api/hubs/chat/:send")), 401).await;
    check(service.request("HEAD", "api/hubs/chat/users/nobody"), 404).await;
    check(service.request("POST", "api/hubs/chat/:closeConnections"), 204).await;
    check(service.http.get(service.url(&format!("client?{}", "x".repeat(13_000)))), 414).await;
}

#[tokio::test]
async fn a_preflight_allows_what_the_javascript_client_asks_for() {
    let service = Service::start().await;
    for path in ["client/negotiate?hub=chat", "client/?hub=chat&id=x"] {
        for method in ["POST", "GET", "DELETE"] {
            let asked = "authorization,x-requested-with,x-signalr-user-agent,content-type";
            let preflight = service.http.request(Method::OPTIONS, service.url(path));
            let preflight = preflight.header("origin", ORIGIN).header("access-control-request-method", method);
            let answer = preflight.header("access-control-request-headers", asked).send().await.unwrap();
            assert!(answer.status().is_success(), "{path} {method}");
            let headers = answer.headers();
            assert_eq!(headers["access-control-allow-origin"], ORIGIN);
            assert_eq!(headers["access-control-allow-credentials"], "true");
            assert_eq!(headers["access-control-allow-headers"], asked);
            assert_eq!(headers["access-control-allow-methods"], method);
        }
    }
}
