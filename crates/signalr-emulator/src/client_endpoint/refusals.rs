//! Refusals that the engine decides alone, told like all others: an id that nobody knows, a transport that is taken, too
//! many negotiations.
//!
//! What this crate refuses itself is told where it is decided, with more than the answer says.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};

use axum::body::Body;
use axum::extract::Request;
use axum::response::Response;
use http::{Extensions, Method, StatusCode};
use http_body_util::BodyExt;

use crate::events::Surface;
use crate::service::Service;

/// Among the extensions of a request: whether its refusal has been told.
#[derive(Debug, Clone, Default)]
struct Told(Arc<AtomicBool>);

/// The refusal of this request is told by whoever decided on it.
pub(super) fn is_told(extensions: &Extensions) {
    if let Some(Told(told)) = extensions.get() {
        told.store(true, Relaxed);
    }
}

/// Answers a request of a client, and tells a refusal that nobody else has told. A DELETE that comes too late is none.
pub(crate) async fn telling<F: Future<Output = Response>>(
    service: &Service,
    mut request: Request,
    answer: impl FnOnce(Request) -> F,
) -> Response {
    let Told(told) = request.extensions_mut().get_or_insert_default::<Told>().clone();
    let is_late_farewell = request.method() == Method::DELETE;
    let response = answer(request).await;
    let status = response.status();
    if !status.is_client_error() || is_late_farewell || told.load(Relaxed) {
        return response;
    }
    let (parts, body) = response.into_parts();
    // A text of a few words that is there already.
    let body = body.collect().await.map(http_body_util::Collected::to_bytes).unwrap_or_default();
    let reason = format!("{}{}", String::from_utf8_lossy(&body), cure(status));
    service.report_refusal(Surface::Client, status, reason);
    Response::from_parts(parts, Body::from(body))
}

fn cure(status: StatusCode) -> &'static str {
    match status {
        StatusCode::NOT_FOUND => {
            "; the connection has ended, or it was negotiated too long ago: negotiate again, and connect at once"
        }
        StatusCode::CONFLICT => "the connection is being served already; negotiate for each connection",
        StatusCode::TOO_MANY_REQUESTS => "; connect with what was negotiated before negotiating more",
        StatusCode::METHOD_NOT_ALLOWED => "; clients negotiate with POST and connect with GET",
        _ => "",
    }
}
