//! `:invoke`: servers ask one client and get its result.

use std::time::{Duration, SystemTime};

use azure_signalr::token::ClientToken;
use bytes::Bytes;
use futures_util::{SinkExt, StreamExt};
use reqwest::Response;
use rmpv::Value;
use serde_json::json;
use signalr_emulator::{EmulatorOptions, Event, RestCall, SentTo};
use tokio::net::TcpStream;
use tokio::task::JoinHandle;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream};

use crate::harness::{Client, PATIENCE, Service};

/// Asks on a task of its own; the answer comes when the client has answered.
fn ask(service: &Service, path: &str) -> JoinHandle<Response> {
    let body = r#"{"target":"question","arguments":[1.0,"two"]}"#;
    let call = service.request("POST", path).header("content-type", "application/json").body(body);
    tokio::spawn(async move { call.send().await.unwrap() })
}

fn invoke_of(client: &Client) -> String {
    format!("api/hubs/chat/connections/{}/:invoke?api-version=2024-12-01", client.id)
}

async fn is_asked(client: &mut Client) -> String {
    let question = client.next().await;
    assert_eq!(question["target"], "question");
    assert_eq!(question["arguments"].to_string(), r#"[1.0,"two"]"#);
    question["invocationId"].as_str().unwrap().to_owned()
}

/// The status, the `x-ms-error-code` and the body.
async fn answer_of(asking: JoinHandle<Response>) -> (u16, String, String) {
    let response = tokio::time::timeout(PATIENCE, asking).await.unwrap().unwrap();
    let code = response.headers().get("x-ms-error-code").map(|code| code.to_str().unwrap().to_owned());
    (response.status().as_u16(), code.unwrap_or_default(), response.text().await.unwrap())
}

fn failure(code: &str, message: &str) -> (String, String) {
    (code.to_owned(), json!({"code": code, "message": message}).to_string())
}

async fn check(answer: &str, expected: &str) {
    let service = Service::start().await;
    let mut client = service.connect("chat", None).await;
    let asking = ask(&service, &invoke_of(&client));
    let id = is_asked(&mut client).await;
    client.write(&format!(r#"{{"type":3,"invocationId":"{id}"{answer}}}"#)).await;
    assert_eq!(answer_of(asking).await, (200, String::new(), expected.to_owned()));
}

#[tokio::test]
async fn the_result_of_a_client_arrives_byte_for_byte() {
    check(
        r#","result":{"b":1.0,"a":123456789012345678901234567890}"#,
        r#"{"result":{"b":1.0,"a":123456789012345678901234567890}}"#,
    )
    .await;
    check(r#","result":null"#, r#"{"result":null}"#).await;
    check(r#","result":[]"#, r#"{"result":[]}"#).await;
    check("", r#"{"result":null}"#).await;
}

#[tokio::test]
async fn a_question_and_its_answer_are_events() {
    let service = Service::start().await;
    let mut client = service.connect("chat", None).await;
    let asking = ask(&service, &invoke_of(&client));
    let id = is_asked(&mut client).await;
    let to = SentTo::Connection(client.id.clone());
    let (hub, target) = ("chat".to_owned(), "question".to_owned());
    let call = RestCall { id: 1, correlation: None };
    let sent = Event::Sent { hub: hub.clone(), call: call.clone(), target, to, bytes: 11, queued: 1, dropped: 0 };
    service.until(|event| *event == sent).await;
    client.write(&format!(r#"{{"type":3,"invocationId":"{id}","result":true}}"#)).await;
    answer_of(asking).await;
    let received = Event::Received {
        hub,
        connection_id: client.id.clone(),
        kind: "Completion",
        target: None,
        invocation_id: None,
        bytes: 4,
        call: Some(call),
    };
    service.until(|event| *event == received).await;
}

#[tokio::test]
async fn an_error_of_the_client_is_told_as_it_is() {
    let service = Service::start().await;
    let mut client = service.connect("chat", None).await;
    let error = "Client didn't provide a result.";
    let (code, body) = failure("ClientInvocationFailed", error);
    for (path, body) in [(invoke_of(&client), body.as_str()), (invoke_of(&client).replace("api/", "api/v1/"), error)] {
        let asking = ask(&service, &path);
        let id = is_asked(&mut client).await;
        client.write(&json!({"type": 3, "invocationId": id, "error": error}).to_string()).await;
        assert_eq!(answer_of(asking).await, (400, code.clone(), body.to_owned()));
    }
}

#[tokio::test]
async fn a_connection_that_is_not_there_or_leaves_has_no_result() {
    let service = Service::start().await;
    let gone = "The connection does not exist, or it ended before the client answered.";
    let (code, body) = failure("Error.Connection.NotExisted", gone);
    let asking = ask(&service, "api/hubs/chat/connections/nobody/:invoke");
    assert_eq!(answer_of(asking).await, (404, code.clone(), body.clone()));
    let mut client = service.connect("chat", None).await;
    let asking = ask(&service, &invoke_of(&client).replace("chat", "news"));
    assert_eq!(answer_of(asking).await, (404, code.clone(), body.clone()), "it is a connection of another hub");
    let asking = ask(&service, &invoke_of(&client));
    is_asked(&mut client).await;
    client.vanish();
    assert_eq!(answer_of(asking).await, (404, code, body));
}

#[tokio::test]
async fn a_client_has_only_so_much_time_and_so_many_questions() {
    let mut options = EmulatorOptions { invocation_timeout: Duration::from_millis(200), ..EmulatorOptions::default() };
    options.server.pending_invocations = 1;
    let service = Service::start_with(options).await;
    let mut client = service.connect("chat", None).await;
    let asking = ask(&service, &invoke_of(&client));
    let late = is_asked(&mut client).await;
    let (code, body) = failure("TooManyClientInvocations", "Too many invocations of the client wait for its result.");
    assert_eq!(answer_of(ask(&service, &invoke_of(&client))).await, (429, code, body));
    let (code, body) = failure("ClientInvocationTimeout", "The client did not answer within 200ms.");
    assert_eq!(answer_of(asking).await, (500, code, body));
    client.write(&format!(r#"{{"type":3,"invocationId":"{late}","result":"late"}}"#)).await;
    let asking = ask(&service, &invoke_of(&client));
    let id = is_asked(&mut client).await;
    client.write(&format!(r#"{{"type":3,"invocationId":"{id}","result":"in time"}}"#)).await;
    assert_eq!(answer_of(asking).await, (200, String::new(), r#"{"result":"in time"}"#.to_owned()));
}

#[tokio::test]
async fn a_caller_that_hangs_up_no_longer_waits() {
    let mut options = EmulatorOptions::default();
    options.server.pending_invocations = 1;
    let service = Service::start_with(options).await;
    let mut client = service.connect("chat", None).await;
    let asking = ask(&service, &invoke_of(&client));
    is_asked(&mut client).await;
    asking.abort();
    // The service notices that the caller is gone when it gets to it.
    let asked = async {
        loop {
            let mut asking = ask(&service, &invoke_of(&client));
            tokio::select! {
                id = is_asked(&mut client) => return (asking, id),
                response = &mut asking => assert_eq!(response.unwrap().status(), 429),
            }
        }
    };
    let (asking, id) = tokio::time::timeout(PATIENCE, asked).await.unwrap();
    client.write(&format!(r#"{{"type":3,"invocationId":"{id}","result":1}}"#)).await;
    assert_eq!(answer_of(asking).await.0, 200);
}

type Socket = WebSocketStream<MaybeTlsStream<TcpStream>>;

async fn connect_with_messagepack(service: &Service) -> Socket {
    let token = ClientToken::new(&"chat".parse().unwrap()).sign(&service.connection, SystemTime::now()).unwrap();
    let mut url = service.url(&format!("client/?hub=chat&access_token={token}"));
    url.set_scheme("ws").unwrap();
    let (mut socket, _) = tokio_tungstenite::connect_async(url.as_str()).await.unwrap();
    socket.send(Message::text("{\"protocol\":\"messagepack\",\"version\":1}\u{1e}")).await.unwrap();
    assert_eq!(&*next_frame(&mut socket).await, b"{}\x1e");
    socket
}

async fn next_frame(socket: &mut Socket) -> Bytes {
    tokio::time::timeout(PATIENCE, socket.next()).await.unwrap().unwrap().unwrap().into_data()
}

/// The next message, whose length fits into one byte.
async fn next_message(socket: &mut Socket) -> Value {
    let frame = next_frame(socket).await;
    rmpv::decode::read_value(&mut &frame[1..]).unwrap()
}

/// The id of the only client.
async fn connected(service: &Service) -> String {
    match service.until(|event| matches!(event, Event::Connected { .. })).await {
        Event::Connected { connection_id, .. } => connection_id,
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn a_messagepack_client_answers_with_what_json_makes_of_it() {
    let service = Service::start().await;
    let mut client = connect_with_messagepack(&service).await;
    let id = connected(&service).await;
    let path = format!("api/hubs/chat/connections/{id}/:invoke");
    // The arguments as JSON, and framed for both protocols as the SDK does.
    let frames = b"\x82\xabmessagepack\xc4\x11\x10\x96\x01\x80\xc0\xa8question\x91\xc3\x90\
        \xa4json\xc4\x32{\"type\":1,\"target\":\"question\",\"arguments\":[true]}\x1e";
    for (content_type, body) in [
        ("application/json", br#"{"target":"question","arguments":[true]}"#.to_vec()),
        ("application/octet-stream", frames.to_vec()),
    ] {
        let call = service.request("POST", &path).header("content-type", content_type).body(body);
        let asking = tokio::spawn(async move { call.send().await.unwrap() });
        let question = next_message(&mut client).await;
        let id = question[2].as_str().unwrap().to_owned();
        let expected = ("question".into(), Value::Array(vec![true.into()]));
        assert_eq!((question[3].clone(), question[4].clone()), expected, "{content_type}");
        // [3, headers, id, 3 = a result, {1: bin [7], "f": 0.5}]
        let mut completion = vec![0x95, 3, 0x80, 0xa0 | id.len() as u8];
        completion.extend_from_slice(id.as_bytes());
        completion.extend_from_slice(b"\x03\x82\x01\xc4\x01\x07\xa1f\xca\x3f\x00\x00\x00");
        completion.insert(0, completion.len() as u8);
        client.send(Message::binary(completion)).await.unwrap();
        let expected = r#"{"result":{"1":"Bw==","f":0.5}}"#;
        assert_eq!(answer_of(asking).await, (200, String::new(), expected.to_owned()), "{content_type}");
    }
}

#[tokio::test]
async fn framed_arguments_that_are_no_array_are_refused() {
    let service = Service::start().await;
    let client = service.connect("chat", None).await;
    let frame = b"\x81\xa4json\xc4\x26{\"type\":1,\"target\":\"m\",\"arguments\":1}\x1e";
    let call = service.request("POST", &invoke_of(&client)).header("content-type", "application/octet-stream");
    let response = call.body(frame.to_vec()).send().await.unwrap();
    assert_eq!(response.status(), 400);
    let message = "`json` is not one Invocation with a target, an array of arguments and its record separator";
    assert!(response.text().await.unwrap().contains(message));
}
