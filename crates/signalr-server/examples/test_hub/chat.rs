//! The hubs that the tests of the Python client signalrcore connect to.

use std::time::Duration;

use futures_util::{Stream, TryStreamExt, stream};
use signalr_server::service::{Call, MethodError, Methods, Upload};
use signalr_server::{Arguments, Recipients, Reconnect, ServerMessage};

/// `/chatHub`.
pub(crate) fn all() -> Methods {
    Methods::new()
        .method("SendMessage", |call, (user, message): (String, String)| async move {
            tell_everyone(&call, "ReceiveMessage", &[user, message])
        })
        .method("ThrowException", |call, (message,): (String,)| async move {
            tell_everyone(&call, "ThrowExceptionCall", &[message])?;
            Err::<(), _>(MethodError::private("a method that fails"))
        })
        .method("DisconnectMe", |call, ()| async move {
            tell_everyone(&call, "ReceiveMessage", &[format!("{} Disconnected", call.connection().id())])?;
            call.connection().close(None, Reconnect::Denied);
            Ok(())
        })
        .method("UploadStream", |_, (items,): (Upload<String>,)| items.try_for_each(|_| async { Ok(()) }))
        .stream("Counter", counter)
}

/// `/authHub`.
pub(crate) fn of_users() -> Methods {
    Methods::new().method("SendMessage", |call, (message,): (String,)| async move {
        tell_everyone(&call, "ReceiveMessage", &[message])
    })
}

fn tell_everyone(call: &Call, target: &str, arguments: &[String]) -> Result<(), MethodError> {
    let message = ServerMessage::invocation(target, Arguments::serialize(arguments)?);
    call.connection().clients().send(&Recipients::everyone(), &message);
    Ok(())
}

/// The numbers from 0, with a pause of milliseconds behind each.
async fn counter(
    _: Call,
    (count, pause): (u32, u64),
) -> Result<impl Stream<Item = Result<u32, MethodError>>, MethodError> {
    let pause = Duration::from_millis(pause);
    Ok(stream::unfold(0, move |number| async move {
        if number > 0 {
            tokio::time::sleep(pause).await;
        }
        (number < count).then(|| (Ok(number), number + 1))
    }))
}
