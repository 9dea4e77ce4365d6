//! The HTTP side of the host: function routes, CORS, the admin interface, webhooks and the start page (functions-host 4).
//!
//! Easily missed: a wrong method gives 404, not 405, and a preflight request is answered before any function is looked for.

use std::sync::Arc;

use axum::body::{Body, HttpBody as _};
use axum::extract::{Request, State};
use axum::handler::Handler as _;
use axum::response::{IntoResponse, Response};
use axum::serve::ListenerExt as _;
use bytes::Bytes;
use http::{HeaderMap, Method, StatusCode, header};
use http_body_util::BodyExt as _;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

use crate::app::FunctionState;
use crate::events::{Excerpt, HostEvent, LogLevel};
use crate::host::{Call, Finished, Invoker, Lease, Proxied, Reply, Succession};
use crate::invocation::{HttpCall, Identity};
use crate::routes::RouteValues;
use crate::warnings::{Warning, WarningCode};

mod admin;
mod auth;
mod cors;
mod webhooks;

/// The largest request body that the real host takes, in bytes.
const BODY_LIMIT: usize = 104_857_600;

/// Serves until `shutdown`, then lets open requests end.
pub(crate) async fn serve(listener: TcpListener, succession: Succession, shutdown: CancellationToken) {
    let listener = listener.tap_io(|stream| {
        // Without it small answers may wait; with an error they still arrive.
        let _ = stream.set_nodelay(true);
    });
    // One handler for everything: the routes are those of the app, not of a router.
    let service = answer.with_state(succession.clone()).into_make_service();
    if let Err(error) = axum::serve(listener, service).with_graceful_shutdown(shutdown.cancelled_owned()).await {
        succession.current().now().observer().log(LogLevel::Error, format!("the listener has failed: {error}"));
    }
}

async fn answer(State(succession): State<Succession>, request: Request) -> Response {
    let current = succession.current();
    let lease = current.now();
    let cors = cors::Decision::on(lease.app().settings.cors(), request.method(), request.headers());
    if cors.is_preflight() {
        return cors.preflight_response();
    }
    let lease = if current.is_without_handler() && needs_handler(&lease, &request) {
        // Nobody may wait for one who waits.
        drop(lease);
        current.with_handler().await
    } else {
        Ok(lease)
    };
    let mut response = match lease {
        Ok(lease) => match admin::Renewal::asked_for(&request).filter(|_| !lease.has_stopped()) {
            Some(renewal) => renewal.answer(&succession, lease, request).await,
            None => hold(dispatch(&lease, request).await, lease),
        },
        Err(reason) => (StatusCode::SERVICE_UNAVAILABLE, reason.to_string()).into_response(),
    };
    cors.allow(response.headers_mut());
    response
}

/// Calls of functions wait until there is a handler; everything else is answered without.
fn needs_handler(invoker: &Invoker, request: &Request) -> bool {
    let path = request.uri().path();
    match admin::path_below(path) {
        Some(rest) => request.method() == Method::POST && rest.to_ascii_lowercase().starts_with("functions/"),
        None => webhooks::extension(path).is_some() || invoker.shared().routes.find(request.method(), path).is_some(),
    }
}

/// A response that is still being written when it is returned goes on needing the handler.
fn hold(response: Response, lease: Lease) -> Response {
    if response.body().size_hint().exact().is_some() {
        return response;
    }
    response.map(|body| {
        Body::new(body.map_frame(move |frame| {
            let _until_the_end = &lease;
            frame
        }))
    })
}

async fn dispatch(invoker: &Invoker, request: Request) -> Response {
    if invoker.has_stopped() {
        return (StatusCode::SERVICE_UNAVAILABLE, "Function host is not running.").into_response();
    }
    let path = request.uri().path().to_owned();
    if let Some(rest) = admin::path_below(&path) {
        return admin::answer(invoker, &rest, request).await.unwrap_or_else(IntoResponse::into_response);
    }
    if let Some(extension) = webhooks::extension(&path) {
        let raw_query = request.uri().query().unwrap_or_default();
        return match auth::check_webhook(invoker, &extension, request.headers(), raw_query) {
            Ok(()) => webhooks::answer(invoker, &extension, request).await,
            Err(status) => status.into_response(),
        };
    }
    if let Some((place, route_values)) = invoker.shared().routes.find(request.method(), &path) {
        return call_function(invoker, place, route_values, request).await.unwrap_or_else(IntoResponse::into_response);
    }
    if path == "/" { start_page(invoker) } else { StatusCode::NOT_FOUND.into_response() }
}

/// The response begins when the handler's does; how it ends is told to the observer only.
async fn proxy(invoker: &Invoker, place: usize, request: Request) -> Response {
    let is_too_long = content_length(request.headers()).is_some_and(|length| length > BODY_LIMIT);
    if is_too_long {
        return StatusCode::PAYLOAD_TOO_LARGE.into_response();
    }
    let request = request.map(|body| Body::new(http_body_util::Limited::new(body, BODY_LIMIT)));
    let (request, response) = Proxied::new(request);
    // Tracked by the invoker, which waits for it at the end.
    drop(invoker.run_in_background(place, Call::Proxied(Box::new(request))));
    response.await.unwrap_or_else(|_| StatusCode::INTERNAL_SERVER_ERROR.into_response())
}

async fn call_function(
    invoker: &Invoker,
    place: usize,
    route_values: RouteValues,
    request: Request,
) -> Result<Response, StatusCode> {
    let raw_query = request.uri().query().unwrap_or_default();
    let identity = auth::caller_of_function(invoker, place, request.headers(), raw_query)?;
    check_enabled(invoker, place, &identity)?;
    if invoker.proxies(place) {
        return Ok(proxy(invoker, place, request).await);
    }
    let call = read_call(invoker, place, route_values, identity, request).await?;
    Ok(run(invoker, place, call).await)
}

/// A disabled function is not there, except for administrators (functions-host 4.1).
fn check_enabled(invoker: &Invoker, place: usize, identity: &Identity) -> Result<(), StatusCode> {
    let function = &invoker.app().functions[place];
    match function.state {
        FunctionState::Enabled => Ok(()),
        FunctionState::Disabled if identity.is_admin() => {
            let text = "the function is disabled and runs all the same, because the caller is an administrator; callers with other \
                        keys get 404";
            invoker.observer().warn(Warning::new(WarningCode::DisabledFunctionRuns, text).about(&function.name));
            Ok(())
        }
        FunctionState::Disabled => Err(StatusCode::NOT_FOUND),
    }
}

async fn run(invoker: &Invoker, place: usize, call: Arc<HttpCall>) -> Response {
    let Finished { id, result, .. } = invoker.run(place, Call::Http(call)).await;
    let name = &invoker.app().functions[place].name;
    let (status, headers, body) = respond(invoker, name, result);
    let told = HostEvent::Responded { function: name.clone(), id, status, body: Excerpt::of(&body) };
    invoker.observer().tell(&told);
    let mut response = Response::new(Body::from(body));
    (*response.status_mut(), *response.headers_mut()) = (status, headers);
    response
}

/// What the caller gets of an invocation. Of one that failed, only that it did: the observer knows why.
fn respond(invoker: &Invoker, name: &str, result: Result<Reply, String>) -> (StatusCode, HeaderMap, Bytes) {
    let rendered = match result {
        Ok(Reply::Output(output)) => output.render(),
        Ok(Reply::Forwarded(rendered)) => Ok(rendered),
        Err(_) | Ok(Reply::Returned(_) | Reply::Streamed) => {
            return (StatusCode::INTERNAL_SERVER_ERROR, HeaderMap::new(), Bytes::new());
        }
    };
    match rendered {
        Ok(rendered) => {
            for note in rendered.notes {
                invoker.observer().warn(note.about(name));
            }
            (rendered.status, rendered.headers, rendered.body)
        }
        Err(error) => {
            let text = format!("An unhandled host error has occurred. {name}: {error} [FH1011]");
            invoker.observer().log(LogLevel::Error, text);
            (StatusCode::INTERNAL_SERVER_ERROR, HeaderMap::new(), Bytes::new())
        }
    }
}

async fn read_call(
    invoker: &Invoker,
    place: usize,
    route_values: RouteValues,
    identity: Identity,
    request: Request,
) -> Result<Arc<HttpCall>, StatusCode> {
    let (parts, body) = request.into_parts();
    let authority = parts.headers.get(header::HOST).and_then(|host| host.to_str().ok());
    let authority = authority.map_or_else(|| invoker.shared().address.to_string(), str::to_owned);
    let path_and_query = parts.uri.path_and_query().map_or("/", |both| both.as_str());
    let name = &invoker.app().functions[place].name;
    if parts.headers.contains_key(header::TRANSFER_ENCODING) {
        let text = "the request body came in chunks, without `Content-Length`, so the function does not get it; let the client \
                    say the length";
        invoker.observer().warn(Warning::new(WarningCode::ChunkedBody, text).about(name));
    }
    let raw_query = parts.uri.query().unwrap_or_default().to_owned();
    Ok(Arc::new(HttpCall {
        url: format!("http://{authority}{path_and_query}"),
        path: parts.uri.path().to_owned(),
        identity,
        raw_query,
        body: read_body(&parts.headers, body).await?,
        method: parts.method,
        headers: parts.headers,
        route_values,
    }))
}

/// The body, if the request says its length (functions-host 2.4).
async fn read_body(headers: &HeaderMap, body: Body) -> Result<Option<Bytes>, StatusCode> {
    match content_length(headers) {
        None | Some(0) => Ok(None),
        Some(length) if length > BODY_LIMIT => Err(StatusCode::PAYLOAD_TOO_LARGE),
        Some(_) => axum::body::to_bytes(body, BODY_LIMIT).await.map(Some).map_err(|_| StatusCode::BAD_REQUEST),
    }
}

fn content_length(headers: &HeaderMap) -> Option<usize> {
    headers.get(header::CONTENT_LENGTH)?.to_str().ok()?.parse().ok()
}

fn start_page(invoker: &Invoker) -> Response {
    let disabled = invoker.app().settings.get("AzureWebJobsDisableHomepage");
    if disabled.is_some_and(|value| value.eq_ignore_ascii_case("true")) {
        return StatusCode::NO_CONTENT.into_response();
    }
    ([(header::CONTENT_TYPE, "text/html")], START_PAGE).into_response()
}

const START_PAGE: &str = "<!DOCTYPE html>
<html lang=\"en\">
<head><meta charset=\"utf-8\"><title>Functions host</title></head>
<body><h1>Your functions are up and running</h1>
<p>This is a local Azure Functions host. Its functions are listed by <a href=\"/admin/functions\">/admin/functions</a>.</p></body>
</html>
";
