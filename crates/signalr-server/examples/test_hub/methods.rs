//! The methods of the test hub: those of the functional tests of dotnet/aspnetcore, and a few for what these leave out.

use futures_util::{Stream, StreamExt, TryStreamExt, stream};
use http::header;
use rmpv::Value;
use serde::{Deserialize, Serialize};
use serde_json::json;
use signalr_server::service::{Call, MethodError, Methods, Upload};
use signalr_server::{Arguments, Connection, HubProtocol, Payload, Reconnect, ServerMessage};

use crate::site::RequestHeaders;

pub(crate) fn all() -> Methods {
    Methods::new()
        .method("Echo", |_, (message,): (String,)| async { Ok(message) })
        .method("VoidMethod", |_, ()| async { Ok(()) })
        .method("ThrowException", |_, (message,)| async { Err::<(), _>(InvalidOperation(message).into()) })
        .method("ThrowHubException", |_, (message,): (String,)| async { Err::<(), _>(MethodError::public(message)) })
        .method("Panic", |_, ()| async { if true { panic!("a method that panics") } else { Ok(()) } })
        .method("InvokeWithString", |call, (message,): (String,)| async move { tell(&call, "Message", &message) })
        .method(
            "SendCustomObject",
            |call, (object,): (CustomObject,)| async move { tell(&call, "CustomObject", &object) },
        )
        .method("EchoComplexObject", |_, (object,): (Payload,)| async { Ok(object) })
        .method("SendComplexObject", |call, ()| async move { complex_object(call.connection().protocol()) })
        .method("GetCallerConnectionId", |call, ()| async move { Ok(call.connection().id().to_owned()) })
        .method("GetActiveTransportName", |call, ()| async move { Ok(call.connection().transport().name()) })
        .method("GetNumRedirects", |call, ()| async move { redirects(call.connection()) })
        .method("GetHeader", |call, (name,): (String,)| async move { Ok(request_header(call.connection(), &name)) })
        .method("GetCookie", |call, (name,): (String,)| async move { Ok(cookie(call.connection(), &name)) })
        .method("StreamingConcat", streaming_concat)
        .method("UploadStream", upload_stream)
        .method("AskCaller", ask_caller)
        .method("DisconnectMe", disconnect_me)
        .method("WaitForCancel", wait_for_cancel)
        .stream("Stream", |_, ()| async { Ok(stream::iter(["a", "b", "c"]).map(Ok)) })
        .stream("EmptyStream", |_, ()| async { Ok(stream::empty::<Result<i32, MethodError>>()) })
        .stream("InfiniteStream", infinite_stream)
        .stream("StreamThrowException", stream_throw_exception)
        .stream("StreamThenThrow", stream_then_throw)
        .stream("Count", |_, (to,): (u32,)| async move { Ok(stream::iter(0..to).map(Ok)) })
        .stream(
            "Repeat",
            |_, (text, times): (String, usize)| async move { Ok(stream::repeat(text).take(times).map(Ok)) },
        )
        .stream("StreamBack", |_, (words,): (Upload<String>,)| async { Ok(words.map_ok(|word| word.to_uppercase())) })
}

/// Shown as .NET shows its exception of that name.
#[derive(Debug, thiserror::Error)]
#[error("InvalidOperationException: {0}")]
pub(crate) struct InvalidOperation(String);

#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct CustomObject {
    name: String,
    value: i32,
}

/// Calls a method of the caller.
fn tell(call: &Call, target: &str, argument: &(impl Serialize + ?Sized)) -> Result<(), MethodError> {
    let arguments = Arguments::serialize(&[argument])?;
    Ok(call.connection().send(&ServerMessage::invocation(target, arguments))?)
}

/// Bytes and times are of their own in MessagePack, and strings in JSON.
fn complex_object(protocol: HubProtocol) -> Result<Payload, MethodError> {
    const GUID: &str = "00010203-0405-0607-0706-050403020100";
    match protocol {
        HubProtocol::Json => Ok(Payload::serialize(&json!({
            "String": "hello world", "IntArray": [1, 2, 3], "ByteArray": "AQID", "Guid": GUID,
            "DateTime": "2000-01-01T00:00:00Z",
        }))?),
        HubProtocol::MessagePack => {
            let first_of_2000 = 946_684_800_u32.to_be_bytes().to_vec();
            let object = Value::Map(vec![
                ("String".into(), "hello world".into()),
                ("IntArray".into(), Value::Array(vec![1.into(), 2.into(), 3.into()])),
                ("ByteArray".into(), Value::Binary(vec![1, 2, 3])),
                ("Guid".into(), GUID.into()),
                ("DateTime".into(), Value::Ext(-1, first_of_2000)),
            ]);
            let mut bytes = Vec::new();
            rmpv::encode::write_value(&mut bytes, &object)?;
            Ok(Payload::from_messagepack(&bytes)?)
        }
    }
}

fn redirects(connection: &Connection) -> Result<u32, MethodError> {
    Ok(connection.query().first("numRedirects").unwrap_or_default().parse()?)
}

fn request_header(connection: &Connection, name: &str) -> Option<String> {
    let RequestHeaders(headers) = connection.extensions().get()?;
    headers.get(name)?.to_str().ok().map(str::to_owned)
}

fn cookie(connection: &Connection, name: &str) -> Option<String> {
    let cookies = request_header(connection, header::COOKIE.as_str())?;
    let mut pairs = cookies.split(';').filter_map(|cookie| cookie.trim().split_once('='));
    pairs.find(|(key, _)| *key == name).map(|(_, value)| value.to_owned())
}

async fn streaming_concat(_: Call, (words,): (Upload<String>,)) -> Result<String, MethodError> {
    words.try_collect().await
}

/// Reads everything and answers nothing.
async fn upload_stream(_: Call, (words,): (Upload<String>,)) -> Result<(), MethodError> {
    words.try_for_each(|_| async { Ok(()) }).await
}

/// Asks the caller for the result of its method `Result`.
async fn ask_caller(call: Call, (): ()) -> Result<i64, MethodError> {
    Ok(call.connection().invoke("Result", Arguments::none()).await?.deserialize()?)
}

async fn disconnect_me(call: Call, (): ()) -> Result<(), MethodError> {
    call.connection().close(None, Reconnect::Denied);
    Ok(())
}

/// Answers once its caller cancels it. JavaScript's client cannot; others can.
async fn wait_for_cancel(call: Call, (): ()) -> Result<&'static str, MethodError> {
    call.cancellation().cancelled().await;
    Ok("cancelled")
}

/// Never has an item, and tells the client when it is dropped.
async fn infinite_stream(call: Call, (): ()) -> Result<impl Stream<Item = Result<String, MethodError>>, MethodError> {
    struct Farewell(Call);
    impl Drop for Farewell {
        fn drop(&mut self) {
            let farewell = ServerMessage::invocation("StreamCanceled", Arguments::none());
            // A client that is gone hears nothing of it.
            let _ = self.0.connection().send(&farewell);
        }
    }
    let farewell = Farewell(call);
    Ok(stream::once(async move {
        let _farewell = farewell;
        std::future::pending().await
    }))
}

async fn stream_throw_exception(
    _: Call,
    (message,): (String,),
) -> Result<stream::Empty<Result<String, MethodError>>, MethodError> {
    Err(InvalidOperation(message).into())
}

/// Two items, and then an error.
async fn stream_then_throw(
    _: Call,
    (message,): (String,),
) -> Result<impl Stream<Item = Result<u32, MethodError>>, MethodError> {
    Ok(stream::iter([Ok(1), Ok(2), Err(InvalidOperation(message).into())]))
}
