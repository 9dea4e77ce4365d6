//! `POST /admin/host/restart` and `/admin/host/resume`: the app is read again and starts anew (functions-host 1.8, 4.3).
//!
//! Easily missed: a restart is answered before it has happened, a resume after. And neither may hold the app that it replaces, which
//! waits for its callers.

use axum::extract::Request;
use axum::response::{IntoResponse as _, Response};
use http::Method;
use serde_json::json;

use super::{auth, path_below};
use crate::host::{Lease, Succession};

/// What starts the app anew.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Renewal {
    /// Whatever its state.
    Restart,
    /// If it was drained: the real host has listeners again only in another app.
    Resume,
}

impl Renewal {
    /// What a request asks for, if that.
    pub(crate) fn asked_for(request: &Request) -> Option<Renewal> {
        let path = path_below(request.uri().path()).filter(|_| request.method() == Method::POST)?;
        match path.to_ascii_lowercase().as_str() {
            "host/restart" => Some(Renewal::Restart),
            "host/resume" => Some(Renewal::Resume),
            _ => None,
        }
    }

    /// Answers an administrator, and refuses everybody else.
    pub(crate) async fn answer(self, succession: &Succession, lease: Lease, request: Request) -> Response {
        let (parts, _) = request.into_parts();
        if let Err(status) = auth::check_administrator(&lease, &parts.headers, parts.uri.query().unwrap_or_default()) {
            return status.into_response();
        }
        let (root, is_drained) = (lease.app().root.clone(), lease.shared().listeners.are_drained());
        drop(lease);
        match self {
            Renewal::Restart => {
                // Tracked by the succession, which waits for it at the end.
                drop(succession.restart_in_background());
                axum::Json(json!({"isSelfHost": true, "scriptPath": root})).into_response()
            }
            Renewal::Resume => {
                if is_drained {
                    succession.restart().await;
                }
                axum::Json(json!({"state": "Running"})).into_response()
            }
        }
    }
}
