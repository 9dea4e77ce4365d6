//! `POST {base}/negotiate` and what may be done with its answer (signalr-protocol 2.2, 2.3, 3.1).

use std::time::Duration;

use http::StatusCode;
use reqwest::Method;
use signalr_server::ServerOptions;

use crate::harness::{Client, Server, http, negotiate, request, soon, text};

#[tokio::test]
async fn version_1_has_an_id_and_a_secret_token() {
    let server = Server::start(ServerOptions::default()).await;
    for query in ["?negotiateVersion=1", "?NEGOTIATEVERSION=1", "?negotiateVersion=7"] {
        let answer = negotiate(&server, query).await;
        assert_eq!(answer["negotiateVersion"], 1);
        let (id, token) = (text(&answer, "connectionId"), text(&answer, "connectionToken"));
        assert_eq!((id.len(), token.len()), (22, 22));
        assert_ne!(id, token);
        assert_eq!(
            answer["availableTransports"],
            serde_json::json!([
                {"transport":"WebSockets","transferFormats":["Text","Binary"]},
                {"transport":"ServerSentEvents","transferFormats":["Text"]},
                {"transport":"LongPolling","transferFormats":["Text","Binary"]},
            ])
        );
    }
}

#[tokio::test]
async fn version_0_has_no_token() {
    let server = Server::start(ServerOptions::default()).await;
    for query in ["", "?hub=h", "?negotiateVersion=0"] {
        let answer = negotiate(&server, query).await;
        assert_eq!(answer["negotiateVersion"], 0);
        assert_eq!(text(&answer, "connectionId").len(), 22);
        assert!(answer.get("connectionToken").is_none());
    }
}

#[tokio::test]
async fn who_negotiates_version_0_may_shake_hands_with_version_0() {
    let server = Server::start(ServerOptions::default()).await;
    let answer = negotiate(&server, "").await;
    let mut client = Client::open(&server, &format!("?id={}", text(&answer, "connectionId"))).await;
    client.send(r#"{"protocol":"json","version":0}"#).await;
    assert_eq!(client.next().await, "{}");
    server.connected().await;
}

#[tokio::test]
async fn a_version_that_is_no_integer_is_an_error_with_status_200() {
    let server = Server::start(ServerOptions::default()).await;
    let expected = serde_json::json!({"error": "The client requested a non-integer protocol version."});
    for query in ["?negotiateVersion=one", "?negotiateVersion=", "?negotiateVersion=1.0"] {
        assert_eq!(negotiate(&server, query).await, expected);
    }
}

#[tokio::test]
async fn only_permitted_transports_are_offered() {
    let server = Server::start(ServerOptions::default()).await;
    let none = negotiate(&server, "?negotiateVersion=1&transports=0").await;
    assert_eq!(none["availableTransports"], serde_json::json!([]));
    let some = negotiate(&server, "?negotiateVersion=1&transports=6").await;
    let names: Vec<_> =
        some["availableTransports"].as_array().unwrap().iter().map(|offer| &offer["transport"]).collect();
    assert_eq!(names, ["ServerSentEvents", "LongPolling"]);
    let refused = Client::try_open(&server, "?transports=2").await.err().unwrap();
    assert_eq!(
        refused,
        (StatusCode::NOT_FOUND, "WebSockets transport not supported by this end point type".to_owned())
    );
    let token = text(&some, "connectionToken");
    for (mask, accept, transport) in [(5, "text/event-stream", "ServerSentEvents"), (3, "*/*", "LongPolling")] {
        let url = server.http(&format!("?id={token}&transports={mask}"));
        let refused = soon(http().get(url).header("accept", accept).send()).await.unwrap();
        assert_eq!(refused.status(), StatusCode::NOT_FOUND);
        assert_eq!(refused.headers()["content-type"], "text/plain");
        let body = refused.text().await.unwrap();
        assert_eq!(body, format!("{transport} transport not supported by this end point type"));
    }
}

#[tokio::test]
async fn other_methods_are_not_allowed() {
    let server = Server::start(ServerOptions::default()).await;
    for (method, path) in
        [(Method::GET, "/negotiate"), (Method::DELETE, "/negotiate"), (Method::PUT, ""), (Method::HEAD, "")]
    {
        let response = request(method, server.http(path)).await;
        assert_eq!(response.status(), StatusCode::METHOD_NOT_ALLOWED);
        assert_eq!(response.headers()["content-type"], "text/plain");
    }
}

#[tokio::test]
async fn a_refusal_of_the_hub_is_the_answer() {
    let server = Server::start(ServerOptions::default()).await;
    let response = request(Method::POST, server.http("/negotiate?refuse=1")).await;
    assert_eq!(response.status(), StatusCode::UNAUTHORIZED);
    assert_eq!(response.headers()["www-authenticate"], "Bearer");
    assert_eq!(response.text().await.unwrap(), "who are you");
    let refused = Client::try_open(&server, "?refuse=1").await.err().unwrap();
    assert_eq!(refused, (StatusCode::UNAUTHORIZED, "who are you".to_owned()));
    assert_eq!(request(Method::POST, server.http("?id=x&refuse=1")).await.status(), StatusCode::UNAUTHORIZED);
}

#[tokio::test]
async fn a_negotiation_is_used_once_and_the_connection_has_its_id() {
    let server = Server::start(ServerOptions::default()).await;
    let answer = negotiate(&server, "?negotiateVersion=1").await;
    let query = format!("?id={}", text(&answer, "connectionToken"));
    let (client, connection) = server.join(&query).await;
    assert_eq!(connection.id(), text(&answer, "connectionId"));
    let second = Client::try_open(&server, &query).await.err().unwrap();
    assert_eq!(second, (StatusCode::CONFLICT, String::new()));
    let post = request(Method::POST, server.http(&query)).await;
    assert_eq!(post.status(), StatusCode::METHOD_NOT_ALLOWED);
    assert_eq!(post.text().await.unwrap(), "POST requests are not allowed for WebSocket connections.");
    let delete = request(Method::DELETE, server.http(&query)).await;
    assert_eq!(delete.status(), StatusCode::BAD_REQUEST);
    assert_eq!(delete.text().await.unwrap(), "Cannot terminate this connection using the DELETE endpoint.");
    drop(client);
    server.disconnected().await;
    let third = Client::try_open(&server, &query).await.err().unwrap();
    assert_eq!(third, (StatusCode::NOT_FOUND, "No Connection with that ID".to_owned()));
}

#[tokio::test]
async fn the_public_id_of_version_1_opens_nothing_and_that_of_version_0_does() {
    let server = Server::start(ServerOptions::default()).await;
    let answer = negotiate(&server, "?negotiateVersion=1").await;
    let refused = Client::try_open(&server, &format!("?id={}", text(&answer, "connectionId"))).await.err().unwrap();
    assert_eq!(refused.0, StatusCode::NOT_FOUND);
    let answer = negotiate(&server, "").await;
    let (_client, connection) = server.join(&format!("?ID={}", text(&answer, "connectionId"))).await;
    assert_eq!(connection.id(), text(&answer, "connectionId"));
}

#[tokio::test]
async fn requests_that_need_a_connection_say_so() {
    let server = Server::start(ServerOptions::default()).await;
    for method in [Method::GET, Method::POST, Method::DELETE] {
        let missing = request(method.clone(), server.http("")).await;
        assert_eq!(missing.status(), StatusCode::BAD_REQUEST);
        assert_eq!(missing.text().await.unwrap(), "Connection ID required");
        let unknown = request(method, server.http("?id=nobody")).await;
        assert_eq!(unknown.status(), StatusCode::NOT_FOUND);
        assert_eq!(unknown.text().await.unwrap(), "No Connection with that ID");
    }
}

#[tokio::test]
async fn a_full_table_refuses_until_a_negotiation_expires() {
    let lifetime = Duration::from_secs(1);
    let server =
        Server::start(ServerOptions { negotiation_limit: 1, negotiation_lifetime: lifetime, ..Default::default() })
            .await;
    let first = negotiate(&server, "").await;
    let refused = request(Method::POST, server.http("/negotiate")).await;
    assert_eq!(refused.status(), StatusCode::TOO_MANY_REQUESTS);
    assert_eq!(refused.headers()["retry-after"], "1");
    soon(async { while request(Method::POST, server.http("/negotiate")).await.status() != StatusCode::OK {} }).await;
    let expired = Client::try_open(&server, &format!("?id={}", text(&first, "connectionId"))).await.err().unwrap();
    assert_eq!(expired.0, StatusCode::NOT_FOUND);
}
