//! Everything around the hubs: cookies, CORS, redirects, and paths without regard to case, as in ASP.NET.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use axum::body::Body;
use axum::extract::{Path, RawQuery, Request};
use axum::http::uri::PathAndQuery;
use axum::middleware::{Next, from_fn};
use axum::response::{IntoResponse, Redirect, Response};
use axum::routing::{any, get, post};
use axum::{Json, Router};
use http::{HeaderValue, StatusCode, header};
use serde::Deserialize;
use serde_json::{Value, json};
use signalr_server::{Arguments, Query};
use tower::ServiceExt;
use tower_http::cors::CorsLayer;

use crate::site::Site;
use crate::tokens::Tokens;

/// The routes that are no hubs. `test` is the hub of `/testhub`.
pub(crate) fn router(test: &Site, tokens: &Arc<Tokens>) -> Router {
    let (generating, authenticating) = (Arc::clone(tokens), Arc::clone(tokens));
    let test = test.clone();
    let redirects = Arc::new(AtomicU64::new(0));
    Router::new()
        .route(
            "/redirect/negotiate",
            any(async move |RawQuery(query): RawQuery| redirect(query.as_deref(), &redirects)),
        )
        .route("/bad-negotiate/negotiate", any((StatusCode::BAD_REQUEST, "Some response from server")))
        .route("/echoredirect", any(async |RawQuery(query): RawQuery| to_echo("", query)))
        .route("/echoredirect/negotiate", any(async |RawQuery(query): RawQuery| to_echo("/negotiate", query)))
        .route("/clientresult/{id}", get(async move |Path(id): Path<String>| client_result(&test, &id).await))
        .route("/generatejwttoken", get(async move || generate(&generating)))
        .route("/users/authenticate", post(async move |Json(user): Json<User>| authenticate(&user, &authenticating)))
}

/// The whole app as axum serves it.
pub(crate) fn around(app: Router) -> Router {
    // Routing happens before the layers of a router, so the app that ignores case is a service inside of another.
    let app = app.layer(from_fn(set_cookies)).layer(CorsLayer::very_permissive());
    Router::new().fallback_service(app.map_request(ignore_case))
}

/// Paths of hubs are found whatever their case; ids behind them keep theirs.
fn ignore_case(mut request: Request<Body>) -> Request<Body> {
    let (path, query) = (request.uri().path(), request.uri().query());
    let first = path[1..].find('/').map_or(path.len(), |end| end + 1);
    let lower = path[..first].to_ascii_lowercase() + &path[first..];
    let address = query.map_or_else(|| lower.clone(), |query| format!("{lower}?{query}"));
    if let Ok(address) = PathAndQuery::try_from(address) {
        let mut parts = request.uri().clone().into_parts();
        parts.path_and_query = Some(address);
        if let Ok(uri) = http::Uri::from_parts(parts) {
            *request.uri_mut() = uri;
        }
    }
    request
}

async fn set_cookies(request: Request, next: Next) -> Response {
    let is_negotiate = request.uri().path().contains("/negotiate");
    let mut response = next.run(request).await;
    if is_negotiate {
        for cookie in [
            "testCookie=testValue; path=/",
            "testCookie2=testValue2; path=/",
            "expiredCookie=doesntmatter; expires=Thu, 01 Jan 1970 00:00:00 GMT; path=/",
        ] {
            response.headers_mut().append(header::SET_COOKIE, HeaderValue::from_static(cookie));
        }
    }
    response
}

/// Leads to `/testHub` of the server that the query names, with the number of this redirect.
fn redirect(query: Option<&str>, redirects: &AtomicU64) -> Json<Value> {
    let query = Query::parse(query);
    let number = redirects.fetch_add(1, Relaxed) + 1;
    let base = query.first("baseUrl").unwrap_or_default();
    Json(json!({ "url": format!("{base}/testHub?numRedirects={number}") }))
}

fn to_echo(path: &str, query: Option<String>) -> Redirect {
    Redirect::temporary(&format!("/echo{path}{}", query.map(|query| format!("?{query}")).unwrap_or_default()))
}

/// The number that the client of a connection answers with, or its error.
async fn client_result(test: &Site, id: &str) -> String {
    let Some(connection) = test.clients.connection(id) else {
        return format!("Connection '{id}' does not exist.");
    };
    match connection.invoke("Result", Arguments::none()).await {
        Ok(result) => result.deserialize::<i64>().map_or_else(|error| error.to_string(), |number| number.to_string()),
        Err(error) => error.to_string(),
    }
}

fn generate(tokens: &Tokens) -> Response {
    tokens.issue("testuser").map_or_else(|_| StatusCode::INTERNAL_SERVER_ERROR.into_response(), String::into_response)
}

#[derive(Deserialize)]
struct User {
    username: String,
    password: String,
}

/// The one user whom signalrcore's tests know.
fn authenticate(user: &User, tokens: &Tokens) -> Response {
    if (user.username.as_str(), user.password.as_str()) != ("test", "test") {
        return (StatusCode::BAD_REQUEST, Json(json!({ "message": "Username or password is incorrect" })))
            .into_response();
    }
    match tokens.issue(&user.username) {
        Ok(token) => Json(json!({ "username": user.username, "token": token })).into_response(),
        Err(_) => StatusCode::INTERNAL_SERVER_ERROR.into_response(),
    }
}
