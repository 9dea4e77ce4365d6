//! `/runtime/webhooks/{extension}`: where the SignalR service reports what its clients do (signalr-bindings 6.2).
//!
//! Easily missed: a body that cannot be read is noticed before a wrong signature, because the extension reads first. And a
//! failed call is a success to HTTP: the caller finds the error in the completion.

use axum::body::Body;
use axum::extract::Request;
use axum::response::{IntoResponse as _, Response};
use bytes::Bytes;
use http::{HeaderMap, Method, StatusCode, header};
use hyper::ext::ReasonPhrase;
use jiff::tz::TimeZone;

use crate::app::{ClientEvent, Function, FunctionState, SignalRTrigger, Trigger};
use crate::bindings::endpoints::ServiceEndpoint;
use crate::bindings::signalr_trigger::{Key, Protocol, Unreadable, UpstreamEvent, completion, message};
use crate::host::{Call, Finished, Invoker, Reply};
use crate::warnings::{Warning, WarningCode};

/// What [`completion`](completion::write) says when the host itself has no better text.
const FAILED: &str = "Method execution failed.";

/// Why the extension does not run a function that it has found.
#[derive(Debug, thiserror::Error)]
enum Refusal {
    #[error("The request is unauthorized, please check the Signature.")]
    Signature,
    #[error(transparent)]
    Exception(#[from] Unreadable),
}

/// What is to be run, and what its answer needs.
struct Delivery {
    event: UpstreamEvent,
    protocol: Protocol,
    invocation_id: Option<String>,
}

/// The extension in `/runtime/webhooks/{extension}`, in lower case; whatever follows is not looked at.
pub(super) fn extension(path: &str) -> Option<String> {
    let mut segments = path.trim_matches('/').split('/');
    let mut next_is = |name: &str| segments.next().is_some_and(|segment| segment.eq_ignore_ascii_case(name));
    let is_webhook = next_is("runtime") && next_is("webhooks");
    segments.next().filter(|_| is_webhook).map(str::to_ascii_lowercase)
}

/// Answers a request to the webhook of an extension.
pub(super) async fn answer(invoker: &Invoker, extension: &str, request: Request) -> Response {
    let known_method = [Method::GET, Method::PUT, Method::POST, Method::DELETE, Method::OPTIONS];
    if extension != "signalr" || !invoker.app().uses_signalr() || !known_method.contains(request.method()) {
        return StatusCode::NOT_FOUND.into_response();
    }
    let (parts, body) = request.into_parts();
    let content_type = parts.headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok());
    let Some(content_type) = content_type else {
        // The extension asks for its media type without asking whether there is one.
        return StatusCode::INTERNAL_SERVER_ERROR.into_response();
    };
    let Some(protocol) = Protocol::of_content_type(content_type) else {
        return StatusCode::UNSUPPORTED_MEDIA_TYPE.into_response();
    };
    let key = match Key::read(&parts.headers) {
        Ok(key) if key.is_complete() => key,
        Ok(_) => return StatusCode::BAD_REQUEST.into_response(),
        Err(_) => return StatusCode::INTERNAL_SERVER_ERROR.into_response(),
    };
    let Some((place, trigger)) = find(&invoker.app().functions, &key) else {
        warn_of_no_function(invoker, &key);
        return StatusCode::NOT_FOUND.into_response();
    };
    // In the real host such a function is in error and so has no event.
    let services =
        match invoker.shared().named_endpoints.with(&invoker.app().settings, &trigger.connection_string_setting) {
            Ok(services) => services,
            Err(error) => {
                let text = format!("the setting `{}`: {error}", trigger.connection_string_setting);
                let name = &invoker.app().functions[place].name;
                invoker.observer().warn(Warning::new(WarningCode::UnusableConnection, text).about(name));
                return StatusCode::NOT_FOUND.into_response();
            }
        };
    let Ok(body) = axum::body::to_bytes(body, super::BODY_LIMIT).await else {
        return StatusCode::PAYLOAD_TOO_LARGE.into_response();
    };
    match receive(trigger, &services, key, protocol, &parts.headers, &body, &invoker.app().time_zone) {
        Ok(delivery) => run(invoker, place, trigger, delivery).await,
        Err(refusal) => {
            let name = &invoker.app().functions[place].name;
            invoker.observer().warn(refusal.warning(trigger).about(name));
            refuse(&refusal)
        }
    }
}

/// Of a call, which somebody made on purpose. That nobody wants to hear who comes and goes is no surprise.
fn warn_of_no_function(invoker: &Invoker, key: &Key) {
    let Key { hub, category, event } = key;
    if category.eq_ignore_ascii_case("messages") {
        let text = format!(
            "a client of the hub `{hub}` called `{event}`, and no function has a signalRTrigger for that, so the answer is 404; \
             look at hubName, category and event of the triggers"
        );
        invoker.observer().warn(Warning::new(WarningCode::UpstreamWithoutFunction, text).about(hub.as_str()));
    }
}

impl Refusal {
    fn warning(&self, trigger: &SignalRTrigger) -> Warning {
        let setting = &trigger.connection_string_setting;
        match self {
            Refusal::Signature => {
                let text = format!(
                    "an upstream event is not signed with the key of `{setting}`, so the answer is 401; use the connection \
                     string of the service that sends it"
                );
                Warning::new(WarningCode::UpstreamSignature, text)
            }
            Refusal::Exception(error) => {
                let text = format!("an upstream event cannot be read, so the answer is 500: {error}");
                Warning::new(WarningCode::UnreadableUpstream, text)
            }
        }
    }
}

fn find<'a>(functions: &'a [Function], key: &Key) -> Option<(usize, &'a SignalRTrigger)> {
    functions.iter().enumerate().find_map(|(place, function)| match &function.trigger {
        Trigger::SignalR(trigger)
            if function.state == FunctionState::Enabled && trigger.is_for(&key.hub, &key.category, &key.event) =>
        {
            Some((place, trigger))
        }
        _ => None,
    })
}

/// Reads the event and believes it.
fn receive(
    trigger: &SignalRTrigger,
    services: &[ServiceEndpoint],
    key: Key,
    protocol: Protocol,
    headers: &HeaderMap,
    body: &[u8],
    zone: &TimeZone,
) -> Result<Delivery, Refusal> {
    let mut event = UpstreamEvent::read(key, headers)?;
    let mut invocation_id = None;
    match &trigger.event {
        ClientEvent::Connected => {}
        ClientEvent::Disconnected => event.error = message::read_disconnection(protocol, body)?,
        ClientEvent::Called(_) => {
            let mut call = message::read_call(protocol, body)?;
            invocation_id = call.invocation_id.take();
            event = event.with_call(call, zone)?;
        }
    }
    check_signature(services, headers, &event.connection_id)?;
    Ok(Delivery { event, protocol, invocation_id })
}

/// The key of any service will do. One without an access key is that of an identity, and then nothing is checked
/// (signalr-bindings 6.4).
fn check_signature(services: &[ServiceEndpoint], headers: &HeaderMap, connection_id: &str) -> Result<(), Refusal> {
    let keys: Option<Vec<_>> = services.iter().map(|service| service.connection.access_key()).collect();
    let Some(keys) = keys else { return Ok(()) };
    let signature = headers.get("x-asrs-signature").and_then(|value| value.to_str().ok()).unwrap_or_default();
    if azure_signalr::upstream::verify(signature, keys, connection_id) { Ok(()) } else { Err(Refusal::Signature) }
}

async fn run(invoker: &Invoker, place: usize, trigger: &SignalRTrigger, delivery: Delivery) -> Response {
    let Delivery { event, protocol, invocation_id } = delivery;
    let Finished { result, .. } = invoker.run(place, Call::SignalR(Box::new(event))).await;
    match (&trigger.event, invocation_id) {
        (ClientEvent::Connected, _) if result.is_err() => StatusCode::FORBIDDEN.into_response(),
        (ClientEvent::Connected | ClientEvent::Disconnected, _) | (ClientEvent::Called(_), None) => {
            StatusCode::OK.into_response()
        }
        (ClientEvent::Called(_), Some(invocation_id)) => {
            let outcome = match &result {
                Ok(Reply::Returned(value)) => Ok(value.as_deref()),
                Ok(Reply::Output(_) | Reply::Forwarded(_) | Reply::Streamed) => Err(FAILED),
                Err(error) => Err(error.as_str()),
            };
            // Without a content type, as the extension answers.
            Response::new(Body::from(Bytes::from(completion::write(protocol, &invocation_id, outcome))))
        }
    }
}

/// The text goes into the status line, where the extension puts it.
fn refuse(refusal: &Refusal) -> Response {
    let status = match refusal {
        Refusal::Signature => StatusCode::UNAUTHORIZED,
        Refusal::Exception(_) => StatusCode::INTERNAL_SERVER_ERROR,
    };
    let mut response = status.into_response();
    if let Ok(reason) = ReasonPhrase::try_from(refusal.to_string().into_bytes()) {
        response.extensions_mut().insert(reason);
    }
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_name_of_the_extension_is_the_third_segment() {
        assert_eq!(extension("/runtime/webhooks/signalr").as_deref(), Some("signalr"));
        assert_eq!(extension("/Runtime/WebHooks/SignalR/more/").as_deref(), Some("signalr"));
        for path in ["/runtime/webhooks", "/runtime/signalr", "/api/runtime/webhooks/signalr", "/"] {
            assert_eq!(extension(path), None, "{path}");
        }
    }
}
