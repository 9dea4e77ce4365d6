//! What clients do reaches the upstream, and its answers reach them (signalr-service 3).

use std::time::{Duration, SystemTime};

use axum::body::{Body, Bytes};
use azure_signalr::token::ClientToken;
use azure_signalr::{AccessKey, upstream};
use futures_util::{SinkExt, StreamExt, stream};
use reqwest::StatusCode;
use serde_json::{Value, json};
use signalr_emulator::{
    AccessKeys, Category, EmulatorOptions, Event, Pattern, UnheardCause, Unmatched, Upstream, UpstreamOutcome,
    UpstreamTemplate,
};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream};

use crate::harness::{Client, PATIENCE, Service, default_key};
use crate::webhook::Webhook;

const SEND: &str = r#"{"type":1,"target":"Send","arguments":["hi", 1.0]}"#;
const INVOKE: &str = r#"{"type":1,"invocationId":"7","target":"Send","arguments":[]}"#;

/// An emulator with an upstream, and a client that was let in.
async fn connected(webhook: &mut Webhook) -> (Service, Client) {
    connected_to(webhook, webhook.options()).await
}

async fn connected_to(webhook: &mut Webhook, options: EmulatorOptions) -> (Service, Client) {
    let service = Service::start_with(options).await;
    let client = service.connect("chat", Some("alice")).await;
    webhook.connect().await;
    (service, client)
}

#[tokio::test]
async fn the_life_of_a_client_is_reported_in_order() {
    let mut webhook = Webhook::start().await;
    let service = Service::start_with(webhook.options()).await;
    let mut client = service.connect("chat", Some("alice")).await;
    client.write(SEND).await;
    let call = webhook.expect("connected").await;
    assert_eq!((call.header("x-asrs-category"), &*call.body), ("connections", r#"{"type":10}"#));
    assert_eq!(service.status("HEAD", &format!("api/hubs/chat/connections/{}", client.id)).await, 200);
    service.expect_nothing_for("chat", &mut client).await;
    assert!(webhook.has_no_call(), "messages wait for the answer to `connected`");
    call.answer(StatusCode::OK, "");
    let call = webhook.expect("Send").await;
    assert_eq!((call.header("x-asrs-category"), &*call.body), ("messages", SEND));
    call.answer(StatusCode::OK, "");
    let id = client.id.clone();
    client.vanish();
    let call = webhook.expect("disconnected").await;
    assert_eq!((call.header("x-asrs-category"), call.header("x-asrs-connection-id")), ("connections", &*id));
    assert_eq!(call.body, r#"{"Type":11,"Error":"the transport ended without a close"}"#);
    call.answer(StatusCode::OK, "");
}

#[tokio::test]
async fn an_orderly_end_has_no_error() {
    let mut webhook = Webhook::start().await;
    let (service, mut client) = connected(&mut webhook).await;
    assert_eq!(service.status("DELETE", &format!("api/hubs/chat/connections/{}", client.id)).await, 200);
    assert_eq!(client.next().await["type"], 7);
    assert_eq!(client.next_text().await, None);
    assert_eq!(webhook.expect("disconnected").await.body, r#"{"Type":11}"#);
}

#[tokio::test]
async fn a_call_tells_who_the_client_is_and_keeps_its_secrets() {
    let mut webhook = Webhook::start().await;
    let access_keys = AccessKeys { primary: default_key(), secondary: Some(AccessKey::new("second")) };
    let service = Service::start_with(EmulatorOptions { access_keys, ..webhook.options() }).await;
    let token = ClientToken::new(&"chat".parse().unwrap()).user_id(Some("alice")).claim("role", "admin");
    let token = token.sign(&service.connection, SystemTime::now()).unwrap();
    let path = format!("client/?hub=Chat&access_token={token}&room=a%2Fb");
    let _client = Client::open(&service, &path).await;
    let call = webhook.expect("connected").await;
    assert_eq!(call.header("content-type"), "application/json");
    assert_eq!(call.header("x-asrs-hub"), "chat");
    assert_eq!(call.header("x-asrs-user-id"), "alice");
    assert_eq!(call.header("x-asrs-client-query"), "?hub=Chat&room=a%2Fb");
    let claims: Vec<&str> = call.header("x-asrs-user-claims").split(", ").collect();
    assert!(claims.contains(&"asrs.s.uid: alice"), "{claims:?}");
    assert!(claims.contains(&"http://schemas.microsoft.com/ws/2008/06/identity/claims/role: admin"), "{claims:?}");
    let (signature, id) = (call.header("x-asrs-signature"), call.header("x-asrs-connection-id"));
    assert_eq!(signature.len(), 2 * "sha256=".len() + 2 * 64 + 1, "two signatures and a bare comma: {signature}");
    for key in [default_key(), AccessKey::new("second")] {
        assert!(upstream::verify(signature, [&key], id));
    }
    assert!(!format!("{call:?}").contains(&token));
}

#[tokio::test]
async fn an_anonymous_client_has_no_user_header() {
    let mut webhook = Webhook::start().await;
    let service = Service::start_with(webhook.options()).await;
    let _client = service.connect("chat", None).await;
    let call = webhook.expect("connected").await;
    assert_eq!(call.header("x-asrs-user-id"), "");
    assert!(!format!("{call:?}").contains("x-asrs-user-id"));
}

/// Invokes, lets the upstream answer, and compares what the client gets, byte for byte.
async fn check(answer: (StatusCode, Body), expected: &str) {
    let mut webhook = Webhook::start().await;
    let (service, mut client) = connected(&mut webhook).await;
    client.write(INVOKE).await;
    let call = webhook.expect("Send").await;
    assert_eq!(call.body, INVOKE, "without the record separator");
    call.answer_with(answer);
    let text = client.next_text().await.unwrap();
    assert_eq!(text, format!("{expected}\u{1e}"));
    service.expect_nothing_for("chat", &mut client).await;
}

fn failed(how: &str) -> String {
    format!(r#"{{"type":3,"invocationId":"7","error":"Invocation failed, {how}"}}"#)
}

#[tokio::test]
async fn the_answer_to_an_invocation_is_passed_on_byte_for_byte() {
    let framed = "{ \"type\":3, \"invocationId\":\"7\",\"result\":1.0}";
    check((StatusCode::OK, format!("{framed}\u{1e}").into()), framed).await;
}

#[tokio::test]
async fn an_answer_without_a_body_completes_the_invocation() {
    let void = r#"{"type":3,"invocationId":"7"}"#;
    check((StatusCode::OK, Body::empty()), void).await;
    check((StatusCode::NO_CONTENT, Body::empty()), void).await;
    // Chunked, hence without a length: the official emulator leaves the invocation open.
    check((StatusCode::OK, Body::from_stream(stream::iter([Ok::<_, std::io::Error>(Bytes::new())]))), void).await;
}

#[tokio::test]
async fn any_other_status_is_an_error_of_the_invocation() {
    for status in [202, 401, 403, 404, 500, 503] {
        let answer = (StatusCode::from_u16(status).unwrap(), Body::from("why"));
        check(answer, &failed(&format!("status code {status}"))).await;
    }
}

#[tokio::test]
async fn an_answer_has_16_megabytes_at_most() {
    let large = vec![b'x'; 16 * 1024 * 1024 + 1];
    check((StatusCode::OK, large.clone().into()), &failed("response too large.")).await;
    let chunks = large.chunks(1 << 20).map(|chunk| Ok::<_, std::io::Error>(chunk.to_vec())).collect::<Vec<_>>();
    check((StatusCode::OK, Body::from_stream(stream::iter(chunks))), &failed("response too large.")).await;
}

#[tokio::test]
async fn an_answer_that_breaks_off_is_an_error_of_the_invocation() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let template = UpstreamTemplate::new(format!("http://{}", listener.local_addr().unwrap())).unwrap();
    let templates = vec![template.with_category_pattern(Pattern::new("messages"))];
    let upstream = Upstream { templates, ..Upstream::default() };
    let service = Service::start_with(EmulatorOptions { upstream, ..EmulatorOptions::default() }).await;
    let mut client = service.connect("chat", None).await;
    client.write(INVOKE).await;
    let (mut socket, _) = listener.accept().await.unwrap();
    let mut request = Vec::new();
    while !request.ends_with(INVOKE.as_bytes()) {
        assert_ne!(socket.read_buf(&mut request).await.unwrap(), 0);
    }
    socket.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\n{").await.unwrap();
    drop(socket);
    let completion = client.next().await;
    let error = completion["error"].as_str().unwrap();
    assert!(error.starts_with("Invocation failed, error: ") && error.ends_with('.'), "{completion}");
}

#[tokio::test]
async fn an_upstream_that_takes_too_long_is_given_up() {
    let mut webhook = Webhook::start().await;
    let mut options = webhook.options();
    let (service, mut client) = connected_to(&mut webhook, {
        options.upstream.timeout = Duration::from_millis(300);
        options
    })
    .await;
    client.write(INVOKE).await;
    let never_answered = webhook.expect("Send").await;
    assert_eq!(client.next().await["error"], "Invocation failed, status code 500");
    client.write(INVOKE).await;
    let endless = stream::pending::<std::io::Result<Bytes>>();
    webhook.expect("Send").await.answer(StatusCode::OK, Body::from_stream(endless));
    assert_eq!(client.next().await["error"], "Invocation failed, response cancelled.");
    let timed_out = |event: &Event| {
        let failed =
            |outcome: &UpstreamOutcome| *outcome == UpstreamOutcome::Failed("no answer within 0.3 s".to_owned());
        matches!(event, Event::UpstreamAnswered { outcome, .. } if failed(outcome))
    };
    service.until(timed_out).await;
    drop(never_answered);
}

#[tokio::test]
async fn an_upstream_that_is_not_there_counts_as_500_and_clients_stay() {
    let closed = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
    let upstream = Upstream::to(format!("http://{closed}/?code=secret")).unwrap();
    let service = Service::start_with(EmulatorOptions { upstream, ..EmulatorOptions::default() }).await;
    let mut client = service.connect("chat", None).await;
    client.write(INVOKE).await;
    assert_eq!(client.next().await["error"], "Invocation failed, status code 500");
    assert!(!format!("{:?}", service.events()).contains("secret"), "{:?}", service.events());
}

#[tokio::test]
async fn a_send_is_never_answered() {
    let mut webhook = Webhook::start().await;
    let (service, mut client) = connected(&mut webhook).await;
    for (status, body) in [(200, "{\"type\":3,\"invocationId\":\"7\"}\u{1e}"), (404, "")] {
        client.write(SEND).await;
        webhook.expect("Send").await.answer(StatusCode::from_u16(status).unwrap(), body);
    }
    client.write(INVOKE).await;
    webhook.expect("Send").await.answer(StatusCode::NO_CONTENT, "");
    assert_eq!(client.next().await, json!({"type": 3, "invocationId": "7"}), "only the invocation was answered");
    let answered = |event: &Event| {
        matches!(event, Event::UpstreamAnswered { outcome: UpstreamOutcome::Status(StatusCode::NOT_FOUND), .. })
    };
    service.until(answered).await;
}

#[tokio::test]
async fn a_connection_reports_one_thing_at_a_time_and_connections_do_not_wait_for_each_other() {
    let mut webhook = Webhook::start().await;
    let (service, mut client) = connected(&mut webhook).await;
    for number in 0..3 {
        client.write(&json!({"type": 1, "target": format!("m{number}"), "arguments": []}).to_string()).await;
    }
    let first = webhook.expect("m0").await;
    let _other = service.connect("chat", None).await;
    webhook.connect().await;
    assert!(webhook.has_no_call());
    first.answer(StatusCode::OK, "");
    for event in ["m1", "m2"] {
        webhook.expect(event).await.answer(StatusCode::OK, "");
    }
}

#[tokio::test]
async fn a_client_whose_connected_call_failed_stays_connected() {
    let mut webhook = Webhook::start().await;
    let service = Service::start_with(webhook.options()).await;
    let mut client = service.connect("chat", None).await;
    webhook.expect("connected").await.answer(StatusCode::FORBIDDEN, "");
    client.write(INVOKE).await;
    webhook.expect("Send").await.answer(StatusCode::NO_CONTENT, "");
    assert_eq!(client.next().await, json!({"type": 3, "invocationId": "7"}));
    let is_refused = |event: &Event| {
        let forbidden = UpstreamOutcome::Status(StatusCode::FORBIDDEN);
        matches!(event, Event::UpstreamAnswered { category: Category::Connections, outcome, .. } if *outcome == forbidden)
    };
    assert!(service.events().iter().any(is_refused), "{:?}", service.events());
}

fn template(url: &str, path: &str) -> UpstreamTemplate {
    UpstreamTemplate::new(format!("{url}/{path}")).unwrap()
}

#[tokio::test]
async fn the_first_template_that_matches_gets_the_event() {
    let mut webhook = Webhook::start().await;
    let url = webhook.url.clone();
    let templates = vec![
        template(&url, "x").with_hub_pattern(Pattern::new("news")),
        template(&url, "life/{event}?code=k").with_category_pattern(Pattern::new("connections")),
        template(&url, "{hub}/{category}/{event}").with_event_pattern(Pattern::new("a b, c/d")),
        template(&url, "never").with_event_pattern(Pattern::new("a b")),
    ];
    let upstream = Upstream { templates, ..Upstream::default() };
    let service = Service::start_with(EmulatorOptions { upstream, ..EmulatorOptions::default() }).await;
    let mut client = service.connect("chat", None).await;
    let mut paths = Vec::new();
    let call = webhook.next().await;
    paths.push(call.path.clone());
    call.answer(StatusCode::OK, "");
    for target in ["a b", "C/D", "c/d"] {
        client.write(&json!({"type": 1, "target": target, "arguments": []}).to_string()).await;
    }
    for _ in 0..2 {
        let call = webhook.next().await;
        paths.push(call.path.clone());
        call.answer(StatusCode::OK, "");
    }
    assert_eq!(paths, ["/life/connected?code=k", "/chat/messages/a%20b", "/chat/messages/c%2Fd"]);
    let unheard: Vec<Event> =
        service.events().into_iter().filter(|event| matches!(event, Event::Unheard { .. })).collect();
    let expected = Event::Unheard { hub: "chat".to_owned(), target: "C/D".to_owned(), cause: UnheardCause::NoMatch };
    assert_eq!(unheard, [expected], "case counts");
}

#[tokio::test]
async fn streams_are_not_for_serverless_mode() {
    let mut webhook = Webhook::start().await;
    let (service, mut client) = connected(&mut webhook).await;
    client.write(r#"{"type":4,"invocationId":"1","target":"Counter","arguments":[]}"#).await;
    for ignored in [r#"{"type":2,"invocationId":"1","item":1}"#, r#"{"type":5,"invocationId":"1"}"#] {
        client.write(ignored).await;
    }
    client.write(INVOKE).await;
    webhook.expect("Send").await.answer(StatusCode::NO_CONTENT, "");
    assert_eq!(client.next().await["invocationId"], "7");
    let expected = Event::Unheard { hub: "chat".to_owned(), target: "Counter".to_owned(), cause: UnheardCause::Stream };
    assert!(service.events().contains(&expected), "{:?}", service.events());
}

#[tokio::test]
async fn what_nobody_hears_can_be_answered_with_an_error() {
    let upstream = Upstream { unmatched: Unmatched::AnswerError, ..Upstream::default() };
    let service = Service::start_with(EmulatorOptions { upstream, ..EmulatorOptions::default() }).await;
    let mut client = service.connect("chat", None).await;
    client.write(SEND).await;
    client.write(INVOKE).await;
    let error = "Invocation failed, no upstream matches hub 'chat', category 'messages', event 'Send'";
    assert_eq!(client.next().await, json!({"type": 3, "invocationId": "7", "error": error}));
}

#[tokio::test]
async fn an_address_that_is_none_closes_the_connection_for_good() {
    let service = Service::start().await;
    let template = UpstreamTemplate::new("http://{event}/?code=secret").unwrap();
    let template = template.with_category_pattern(Pattern::new("messages"));
    service.emulator.replace_upstream_templates(vec![template]);
    let mut client = service.connect("chat", None).await;
    client.write(r#"{"type":1,"target":"a b","arguments":[]}"#).await;
    let error =
        "Connection closed with an error. The Upstream url http://a%20b/?*** is not in a validate absolute URI format.";
    let close: Value = client.next().await;
    assert_eq!((&close["type"], &close["error"]), (&json!(7), &json!(error)), "{close}");
    assert_ne!(close["allowReconnect"], json!(true), "{close}");
}

#[tokio::test]
async fn a_shutdown_does_not_wait_for_an_upstream_that_does_not_answer() {
    let mut webhook = Webhook::start().await;
    let mut options = webhook.options();
    options.server.close_grace = Duration::from_millis(300);
    let (service, mut client) = connected_to(&mut webhook, options).await;
    for _ in 0..3 {
        client.write(INVOKE).await;
    }
    let unanswered = webhook.expect("Send").await;
    service.shut_down().await;
    drop(unanswered);
}

#[tokio::test]
async fn a_messagepack_client_is_reported_and_answered_in_its_protocol() {
    let mut webhook = Webhook::start().await;
    let service = Service::start_with(webhook.options()).await;
    let token = ClientToken::new(&"chat".parse().unwrap()).sign(&service.connection, SystemTime::now()).unwrap();
    let mut url = service.url(&format!("client/?hub=chat&access_token={token}"));
    url.set_scheme("ws").unwrap();
    let (mut socket, _) = tokio_tungstenite::connect_async(url.as_str()).await.unwrap();
    socket.send(Message::text("{\"protocol\":\"messagepack\",\"version\":1}\u{1e}")).await.unwrap();
    assert_eq!(binary(&mut socket).await, b"{}\x1e");
    webhook.connect().await;
    let invocation = b"\x95\x01\x80\xa17\xa4Send\x92\xa2hi\xc4\x01\xff";
    socket.send(Message::binary([&[invocation.len() as u8][..], invocation].concat())).await.unwrap();
    let call = webhook.expect("Send").await;
    assert_eq!((call.header("content-type"), &*call.bytes), ("application/x-msgpack", &invocation[..]));
    let completion = b"\x07\x95\x03\x80\xa17\x03\x01";
    call.answer(StatusCode::OK, completion.to_vec());
    assert_eq!(binary(&mut socket).await, completion);
}

async fn binary(socket: &mut WebSocketStream<MaybeTlsStream<TcpStream>>) -> Vec<u8> {
    let message = tokio::time::timeout(PATIENCE, socket.next()).await.unwrap().unwrap().unwrap();
    message.into_data().to_vec()
}

#[tokio::test]
async fn a_client_of_long_polling_is_reported_like_any_other() {
    let mut webhook = Webhook::start().await;
    let service = Service::start_with(webhook.options()).await;
    let token = ClientToken::new(&"chat".parse().unwrap()).sign(&service.connection, SystemTime::now()).unwrap();
    let negotiate = service.http.post(service.url("client/negotiate?hub=chat&negotiateVersion=1")).bearer_auth(&token);
    let answer: Value = serde_json::from_str(&negotiate.send().await.unwrap().text().await.unwrap()).unwrap();
    let url = service.url(&format!("client/?hub=chat&room=7&id={}", answer["connectionToken"].as_str().unwrap()));
    let poll = || service.http.get(url.clone()).bearer_auth(&token).send();
    let post = |text: String| service.http.post(url.clone()).bearer_auth(&token).body(text).send();
    assert_eq!(poll().await.unwrap().status(), 200, "the first poll is answered at once");
    post("{\"protocol\":\"json\",\"version\":1}\u{1e}".to_owned()).await.unwrap();
    assert_eq!(poll().await.unwrap().text().await.unwrap(), "{}\u{1e}");
    let call = webhook.expect("connected").await;
    assert_eq!(call.header("x-asrs-client-query"), "?hub=chat&room=7");
    call.answer(StatusCode::OK, "");
    post(format!("{INVOKE}\u{1e}")).await.unwrap();
    webhook.expect("Send").await.answer(StatusCode::NOT_FOUND, "");
    assert_eq!(poll().await.unwrap().text().await.unwrap(), format!("{}\u{1e}", failed("status code 404")));
}
