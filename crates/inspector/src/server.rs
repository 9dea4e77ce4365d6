//! The page and the JSON behind it.
//!
//! Easily missed: everything that is served, the page itself included, passes `guard` first.

use std::sync::Arc;

use axum::extract::{DefaultBodyLimit, Request, State};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use http::{HeaderName, HeaderValue, StatusCode, header};
use serde_json::json;
use tokio_util::sync::CancellationToken;

use crate::inspector::Shared;

mod actions;
mod calls;
mod guard;
mod page;
mod streams;
mod views;

/// The largest request, in bytes: a message of the size that the service takes, and something around it.
const BODY_LIMIT: usize = 1_100_000;

/// What handlers get.
#[derive(Clone)]
pub(crate) struct App {
    pub(crate) shared: Arc<Shared>,
    /// Where this is served.
    port: u16,
    /// Ends the streams.
    pub(crate) shutdown: CancellationToken,
}

/// Why a request is refused; the text is for the one who asks.
#[derive(Debug)]
pub(crate) struct Refused(pub(crate) StatusCode, pub(crate) String);

/// Everything that is served on `port`.
pub(crate) fn router(shared: Arc<Shared>, port: u16, shutdown: CancellationToken) -> Router {
    let app = App { shared, port, shutdown };
    page::routes()
        .route("/api", get(views::index))
        .route("/api/state", get(views::state))
        .route("/api/chains", get(views::chains))
        .route("/api/chains/{id}", get(views::chain))
        .route("/api/connections", get(views::connections))
        .route("/api/groups", get(views::groups))
        .route("/api/timers", get(views::timers))
        .route("/api/problems", get(views::problems))
        .route("/api/log", get(views::log))
        .route("/api/events", get(streams::events))
        .route("/api/states", get(streams::states))
        .route("/api/send", post(actions::send))
        .route("/api/membership", post(actions::membership))
        .route("/api/connections/{id}/cut", post(actions::cut))
        .route("/api/connections/{id}/close", post(actions::close))
        .route("/api/timers/{function}/run", post(actions::run_timer))
        .route("/api/token", post(actions::token))
        .route("/api/call", post(calls::call))
        .route("/api/negotiate", post(calls::negotiate))
        .fallback(async || {
            Refused(StatusCode::NOT_FOUND, "there is nothing here; GET /api lists what there is".to_owned())
        })
        .layer(DefaultBodyLimit::max(BODY_LIMIT))
        .layer(axum::middleware::from_fn_with_state(app.clone(), protect))
        .with_state(app)
}

/// Refuses whoever may not ask, and tells browsers what the page may do.
async fn protect(State(app): State<App>, request: Request, next: Next) -> Response {
    let mut response = match guard::judge(&request, app.port) {
        Ok(()) => next.run(request).await,
        Err(refused) => refused.into_response(),
    };
    let policy = HeaderValue::try_from(page::policy(&app.shared)).expect("a policy is plain ASCII");
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_SECURITY_POLICY, policy);
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    headers.insert(header::REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    for name in ["cross-origin-opener-policy", "cross-origin-resource-policy"] {
        headers.insert(HeaderName::from_static(name), HeaderValue::from_static("same-origin"));
    }
    response
}

impl IntoResponse for Refused {
    fn into_response(self) -> Response {
        (self.0, Json(json!({"error": self.1}))).into_response()
    }
}

impl Refused {
    pub(crate) fn bad(text: impl Into<String>) -> Self {
        Self(StatusCode::BAD_REQUEST, text.into())
    }

    pub(crate) fn not_found(text: impl Into<String>) -> Self {
        Self(StatusCode::NOT_FOUND, text.into())
    }
}
