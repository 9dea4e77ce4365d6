//! Results of clients (signalr-protocol 4.10).

use signalr_server::{Arguments, ClientMessage, Disconnect, InvokeError, SendError, ServerOptions};
use tokio_tungstenite::tungstenite::Message;

use crate::harness::{Client, RS, Server, soon};

async fn is_asked(client: &mut Client, id: &str) {
    let expected = format!(r#"{{"type":1,"invocationId":"{id}","target":"Question","arguments":[]}}"#);
    assert_eq!(client.next().await, expected);
}

#[tokio::test]
async fn a_client_answers_with_a_value_without_one_or_with_an_error() {
    let server = Server::start(ServerOptions::default()).await;
    let (mut client, connection) = server.join("").await;
    let no_result = "Client didn't provide a result.";
    for (index, (answer, expected)) in [
        (r#""result":{"b":1.0}"#.to_owned(), Ok(r#"{"b":1.0}"#.to_owned())),
        (r#""headers":{}"#.to_owned(), Ok("null".to_owned())),
        (format!(r#""error":"{no_result}""#), Err(InvokeError::Client(no_result.to_owned()))),
    ]
    .into_iter()
    .enumerate()
    {
        let id = format!("r{}", index + 1);
        let asking = connection.invoke("Question", Arguments::none());
        is_asked(&mut client, &id).await;
        client.send(&format!(r#"{{"type":3,"invocationId":"{id}",{answer}}}"#)).await;
        assert_eq!(soon(asking).await.map(|value| value.json().get().to_owned()), expected);
    }
}

#[tokio::test]
async fn an_answer_does_not_wait_for_the_call_that_waits_for_it() {
    let server = Server::start(ServerOptions::default()).await;
    let (mut client, _) = server.join("").await;
    client.send(r#"{"type":1,"invocationId":"r1","target":"Ask","arguments":[]}"#).await;
    assert!(matches!(server.received().await, ClientMessage::Invocation { .. }));
    let question = r#"{"type":1,"invocationId":"r1","target":"Question","arguments":["within"]}"#;
    assert_eq!(client.next().await, question);
    client.send(r#"{"type":1,"target":"in between","arguments":[]}"#).await;
    client.send(r#"{"type":3,"invocationId":"r1","result":42}"#).await;
    assert_eq!(client.next().await, r#"{"type":3,"invocationId":"r1","result":42}"#);
    assert!(matches!(server.received().await, ClientMessage::Invocation { target, .. } if target == "in between"));
}

#[tokio::test]
async fn completions_that_nobody_asked_for_are_for_the_hub() {
    let server = Server::start(ServerOptions::default()).await;
    let (mut client, connection) = server.join("").await;
    let asking = connection.invoke("Question", Arguments::none());
    is_asked(&mut client, "r1").await;
    drop(asking);
    client.send(r#"{"type":3,"invocationId":"r1","result":"late"}"#).await;
    assert!(
        matches!(server.received().await, ClientMessage::Completion { invocation_id, .. } if invocation_id == "r1")
    );
}

#[tokio::test]
async fn answers_may_come_in_any_order_and_only_so_many_are_awaited() {
    let server = Server::start(ServerOptions { pending_invocations: 2, ..Default::default() }).await;
    let (mut client, connection) = server.join("").await;
    let ask = || connection.invoke("Question", Arguments::none());
    let (first, second) = (ask(), ask());
    assert_eq!(soon(ask()).await.unwrap_err(), InvokeError::TooMany);
    for id in ["r1", "r2"] {
        is_asked(&mut client, id).await;
    }
    client
        .send(&format!(r#"{{"type":3,"invocationId":"r2","result":2}}{RS}{{"type":3,"invocationId":"r1","result":1}}"#))
        .await;
    let results = (soon(second).await.unwrap(), soon(first).await.unwrap());
    assert_eq!((results.0.json().get(), results.1.json().get()), ("2", "1"));
    let _third = ask();
    is_asked(&mut client, "r3").await;
}

#[tokio::test]
async fn whoever_waits_hears_of_the_end() {
    let server = Server::start(ServerOptions::default()).await;
    let (mut client, connection) = server.join("").await;
    let asking = connection.invoke("Question", Arguments::none());
    is_asked(&mut client, "r1").await;
    client.send_frame(Message::Close(None)).await;
    assert_eq!(soon(asking).await.unwrap_err(), InvokeError::Unanswered);
    assert_eq!(server.disconnected().await, Disconnect::ClientClosed { error: None });
    let late = connection.invoke("Question", Arguments::none());
    assert_eq!(soon(late).await.unwrap_err(), InvokeError::NotSent(SendError::Gone));
}
