//! `signalr_server::service` where JavaScript's client cannot reach: calls that are cancelled, clients that vanish, ids
//! that are used twice. The wording of errors is tested there (`tests/clients/node/hub`).

mod harness;

use std::time::Duration;

use harness::serve;
use serde_json::json;
use signalr_server::Arguments;
use signalr_server::service::{Call, MethodError, Methods, Upload};

use futures_util::{StreamExt, TryStreamExt, stream};
use tokio::sync::mpsc;

/// A method that waits for its cancellation and reports how it ended.
fn waiting(
    ended: mpsc::UnboundedSender<&'static str>,
) -> impl Fn(Call, ()) -> futures_util::future::BoxFuture<'static, Result<(), MethodError>> {
    move |call, ()| {
        let ended = ended.clone();
        Box::pin(async move {
            call.cancellation().cancelled().await;
            let _ = ended.send("method");
            Ok(())
        })
    }
}

#[tokio::test]
async fn a_method_hears_that_its_caller_cancels_and_still_answers() {
    let (ended, mut endings) = mpsc::unbounded_channel();
    let (server, mut client) = serve(Methods::new().method("Wait", waiting(ended))).await;
    client.invoke("1", "Wait", json!([])).await;
    client.send(json!({"type": 5, "invocationId": "nobody's"})).await;
    client.send(json!({"type": 5, "invocationId": "1"})).await;
    assert_eq!(client.next().await, json!({"type": 3, "invocationId": "1", "result": null}));
    assert_eq!(endings.recv().await, Some("method"));
    drop(server);
}

#[tokio::test]
async fn a_client_that_vanishes_ends_its_calls() {
    struct Dropped(mpsc::UnboundedSender<&'static str>);
    impl Drop for Dropped {
        fn drop(&mut self) {
            let _ = self.0.send("stream");
        }
    }
    let (ended, mut endings) = mpsc::unbounded_channel();
    let (uploading, streaming) = (ended.clone(), ended.clone());
    let methods = Methods::new()
        .method("Wait", waiting(ended))
        .method("Upload", move |_, (items,): (Upload<u32>,)| {
            let uploading = uploading.clone();
            async move {
                let all: Result<Vec<_>, _> = items.try_collect().await;
                let _ = uploading.send(if all.is_err() { "upload" } else { "a whole upload" });
                Ok(())
            }
        })
        .stream("Stream", move |_, ()| {
            let dropped = Dropped(streaming.clone());
            async move {
                Ok(stream::once(async move {
                    let _dropped = dropped;
                    std::future::pending::<Result<u32, MethodError>>().await
                }))
            }
        });
    let (server, mut client) = serve(methods).await;
    client.invoke("1", "Wait", json!([])).await;
    client.send(json!({"type": 1, "invocationId": "2", "target": "Upload", "arguments": [], "streamIds": ["9"]})).await;
    client.send(json!({"type": 2, "invocationId": "9", "item": 5})).await;
    client.stream("3", "Stream", json!([])).await;
    client.invoke("4", "Nothing", json!([])).await;
    assert_eq!(client.next().await["invocationId"], "4", "everything before it has begun");
    drop(client);
    let mut all = [endings.recv().await, endings.recv().await, endings.recv().await];
    all.sort_unstable();
    assert_eq!(all, [Some("method"), Some("stream"), Some("upload")]);
    drop(server);
}

#[tokio::test]
async fn methods_take_turns_unless_more_may_run() {
    async fn meet(call: Call, (): ()) -> Result<(), MethodError> {
        // The client answers only once both methods ask.
        Ok(call.connection().invoke("Meet", Arguments::none()).await?.deserialize()?)
    }
    let (server, mut client) = serve(Methods::new().method("Meet", meet).with_parallel_invocations(2)).await;
    client.invoke("1", "Meet", json!([])).await;
    client.invoke("2", "Meet", json!([])).await;
    let (first, second) = (client.next().await, client.next().await);
    assert_eq!((&first["target"], &second["target"]), (&json!("Meet"), &json!("Meet")));
    for question in [first, second] {
        client.send(json!({"type": 3, "invocationId": question["invocationId"]})).await;
    }
    let mut answered =
        [client.next().await["invocationId"].to_string(), client.next().await["invocationId"].to_string()];
    answered.sort_unstable();
    assert_eq!(answered, ["\"1\"", "\"2\""]);
    drop(server);

    let (server, mut client) = serve(Methods::new().method("Meet", meet)).await;
    client.invoke("1", "Meet", json!([])).await;
    client.invoke("2", "Meet", json!([])).await;
    assert_eq!(client.next().await["target"], "Meet");
    assert!(client.is_silent_for(Duration::from_millis(100)).await, "the second method has to wait");
    drop(server);
}

#[tokio::test]
async fn an_invocation_id_is_used_once_at_a_time() {
    let methods = Methods::new().stream("Stream", |_, ()| async { Ok(stream::pending::<Result<u32, MethodError>>()) });
    let (server, mut client) = serve(methods).await;
    client.stream("1", "Stream", json!([])).await;
    client.stream("1", "Stream", json!([])).await;
    let error = "Invocation ID '1' is already in use.";
    assert_eq!(client.next().await, json!({"type": 3, "invocationId": "1", "error": error}));
    client.send(json!({"type": 5, "invocationId": "1"})).await;
    assert_eq!(client.next().await, json!({"type": 3, "invocationId": "1"}), "the first one still runs");
    client.stream("1", "Stream", json!([])).await;
    client.send(json!({"type": 5, "invocationId": "1"})).await;
    assert_eq!(client.next().await, json!({"type": 3, "invocationId": "1"}), "and may be followed by another");
    drop(server);
}

#[tokio::test]
async fn a_connection_runs_a_hundred_calls_at_a_time() {
    let methods = Methods::new().stream("Stream", |_, ()| async { Ok(stream::pending::<Result<u32, MethodError>>()) });
    let (server, mut client) = serve(methods).await;
    for id in 0..=100 {
        client.stream(&id.to_string(), "Stream", json!([])).await;
    }
    let error = "The connection has 100 invocations running already.";
    assert_eq!(client.next().await, json!({"type": 3, "invocationId": "100", "error": error}));
    drop(server);
}

#[tokio::test]
async fn what_comes_for_an_upload_that_is_over_is_ignored() {
    let methods = Methods::new().method("First", |_, (mut items,): (Upload<u32>,)| async move {
        items.next().await.unwrap_or(Err(MethodError::public("nothing")))
    });
    let (server, mut client) = serve(methods).await;
    client.send(json!({"type": 1, "invocationId": "1", "target": "First", "arguments": [], "streamIds": ["9"]})).await;
    for item in 0..50 {
        client.send(json!({"type": 2, "invocationId": "9", "item": item})).await;
    }
    client.send(json!({"type": 3, "invocationId": "9"})).await;
    assert_eq!(client.next().await, json!({"type": 3, "invocationId": "1", "result": 0}));
    client.invoke("2", "Nothing", json!([])).await;
    assert_eq!(client.next().await["invocationId"], "2");
    drop(server);
}
