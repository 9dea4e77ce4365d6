//! WebSockets (signalr-protocol 3.2).
use std::sync::Arc;

use axum::response::Response;
use http::{StatusCode, request::Parts};
use hyper::upgrade::OnUpgrade;

use crate::endpoint::text;
use crate::engine::Engine;
use crate::{Admission, Query};

pub(crate) fn accept(
    engine: &Arc<Engine>,
    parts: &Parts,
    upgrade: Option<OnUpgrade>,
    query: Query,
    admission: Admission,
) -> Response {
    let _ = (engine, parts, upgrade, query, admission);
    text(StatusCode::NOT_IMPLEMENTED, "")
}
