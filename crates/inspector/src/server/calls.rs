//! Calls of the app's own functions for "try it": the page is on another origin than the host, whose CORS settings are the app's.
//!
//! Easily missed: negotiate is the one answer that holds a token and is passed on as it is, because the client in the page connects
//! with it. Every other body is shown masked.

use std::collections::BTreeMap;

use axum::Json;
use axum::extract::State;
use functions_host::events::Excerpt;
use http::StatusCode;
use reqwest::header::{CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::actions::{Body, unanswered, until_recorded};
use super::{App, Refused};
use crate::mask::masked;

/// The largest body of an answer that is read, in bytes.
const ANSWER_LIMIT: usize = 64 * 1024;

/// A call of a function.
#[derive(Debug, Deserialize)]
pub(super) struct Calling {
    #[serde(default = "post")]
    method: String,
    /// Path and query, for example `/api/broadcast?x=1`.
    target: String,
    #[serde(default)]
    headers: BTreeMap<String, String>,
    body: Option<String>,
}

fn post() -> String {
    "POST".to_owned()
}

/// What a client gets that negotiates.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct ConnectionInfo {
    url: String,
    access_token: String,
}

struct Answer {
    status: StatusCode,
    content_type: String,
    body: Vec<u8>,
    chain: Option<u64>,
}

/// Calls a function and shows what it answers.
pub(super) async fn call(State(app): State<App>, Body(calling): Body<Calling>) -> Result<Json<Value>, Refused> {
    let answer = make(&app, &calling).await?;
    let body = masked(Excerpt::of(&answer.body).text());
    Ok(Json(json!({
        "status": answer.status.as_u16(),
        "contentType": answer.content_type,
        "body": body,
        "bytes": answer.body.len(),
        "chain": answer.chain,
    })))
}

/// Negotiates as the client in the page.
pub(super) async fn negotiate(
    State(app): State<App>,
    Body(calling): Body<Calling>,
) -> Result<Json<ConnectionInfo>, Refused> {
    let answer = make(&app, &calling).await?;
    if !answer.status.is_success() {
        let text = masked(Excerpt::of(&answer.body).text());
        return Err(Refused(StatusCode::BAD_GATEWAY, format!("negotiate answered {}: {text}", answer.status.as_u16())));
    }
    let info = serde_json::from_slice(&answer.body);
    info.map(Json).map_err(|_| {
        let text = "negotiate did not answer `{\"url\", \"accessToken\"}`; choose a function with a signalRConnectionInfo input";
        Refused(StatusCode::BAD_GATEWAY, text.to_owned())
    })
}

/// Calls a function; the answer comes when its chain is recorded, so that it is there for whoever looks next.
async fn make(app: &App, calling: &Calling) -> Result<Answer, Refused> {
    let since = app.shared.now();
    let host = app.shared.record().parts.host.as_ref().map(|host| host.address).ok_or_else(unanswered)?;
    let url = function_address(&format!("http://{host}"), &calling.target)?;
    let method = calling.method.parse().map_err(|_| Refused::bad(format!("`{}` is no method", calling.method)))?;
    let mut request = app.shared.http.request(method, url).headers(headers(&calling.headers)?);
    if let Some(body) = &calling.body {
        request = request.body(body.clone());
    }
    let mut response = request.send().await.map_err(|_| unanswered())?;
    let (status, content_type) = (response.status(), response.headers().get(CONTENT_TYPE).cloned());
    let content_type = content_type.and_then(|value| value.to_str().ok().map(str::to_owned)).unwrap_or_default();
    let mut body = Vec::new();
    while let Ok(Some(chunk)) = response.chunk().await {
        body.extend_from_slice(&chunk[..chunk.len().min(ANSWER_LIMIT - body.len())]);
        if body.len() == ANSWER_LIMIT {
            break;
        }
    }
    let find = || app.shared.record().chains.of_request(&calling.method, &calling.target, since).map(|chain| chain.id);
    let chain = until_recorded(&app.shared, find).await;
    Ok(Answer { status, content_type, body, chain })
}

/// Functions may be called, and nothing else of the host.
fn function_address(host: &str, target: &str) -> Result<reqwest::Url, Refused> {
    let base: reqwest::Url = host.parse().map_err(|_| unanswered())?;
    let url = if target.starts_with('/') { base.join(target).ok() } else { None };
    let is_function = |url: &reqwest::Url| {
        let first = url.path().trim_start_matches('/').split('/').next().unwrap_or_default().to_ascii_lowercase();
        url.origin() == base.origin() && first != "admin" && first != "runtime"
    };
    url.filter(is_function).ok_or_else(|| Refused::bad(format!("`{target}` is no path of a function")))
}

fn headers(given: &BTreeMap<String, String>) -> Result<HeaderMap, Refused> {
    let header = |(name, value): (&String, &String)| {
        let wrong = || Refused::bad(format!("`{name}` is no header, or its value none"));
        let name: HeaderName = name.parse().map_err(|_| wrong())?;
        Ok((name, HeaderValue::try_from(value).map_err(|_| wrong())?))
    };
    given.iter().map(header).collect()
}

#[cfg(test)]
mod tests {
    use super::function_address;

    #[track_caller]
    fn check(target: &str, expected: Option<&str>) {
        let found = function_address("http://127.0.0.1:7071", target).ok().map(String::from);
        assert_eq!(found.as_deref(), expected, "{target}");
    }

    #[test]
    fn only_functions_are_called() {
        check("/api/broadcast?x=1", Some("http://127.0.0.1:7071/api/broadcast?x=1"));
        check("/hello", Some("http://127.0.0.1:7071/hello"));
        for target in [
            "",
            "api/x",
            "//evil.example/api/x",
            "http://evil.example/",
            "/admin/host/restart",
            "/Admin/x",
            "//admin/x",
        ] {
            check(target, None);
        }
        for target in ["/api/../admin/host/restart", "/runtime/webhooks/signalr", "/\\evil.example/x"] {
            check(target, None);
        }
    }
}
