//! What the service answered, and what it means for the call that was made.

use std::time::{Duration, SystemTime};

use http::{HeaderMap, StatusCode};
use reqwest::Response;
use serde::de::DeserializeOwned;

use super::call::{Call, Wants};
use super::retry::retry_after;
use super::{ErrorCode, RestError};

/// How much of an answer is read. A page of members has 200 short entries; what a client answers may be as long as what an upstream may
/// (signalr-bindings 6.6).
const LIMIT: usize = 16 * 1024 * 1024;

/// How much of a text that explains a failure is kept.
const TEXT_LIMIT: usize = 64 * 1024;

/// A call that went well.
#[derive(Debug)]
pub(super) struct Answer {
    /// Whether what the call names is there; only calls that allow for its absence ever see `false`.
    pub(super) present: bool,
    body: Vec<u8>,
    uri: String,
}

impl Answer {
    /// Reads an answer and judges it.
    pub(super) async fn read(response: Response, call: &Call, uri: &str) -> Result<Self, RestError> {
        let (status, headers) = (response.status(), response.headers().clone());
        let uri = uri.to_owned();
        if status.is_success() && call.wants == Wants::Document {
            let body = read_whole(response, &uri).await?;
            return Ok(Self { present: true, body, uri });
        }
        // A status is an answer, even where the rest of it does not arrive.
        let body = read_text(response).await;
        if status.is_success() {
            return Ok(Self { present: true, body: Vec::new(), uri });
        }
        let code = ErrorCode::of(&headers);
        if status == StatusCode::NOT_FOUND && code.is_some() && code == call.absence {
            return Ok(Self { present: false, body: Vec::new(), uri });
        }
        Err(failure(status, code, body, pause(&headers), uri))
    }

    /// The body, as JSON of this type.
    pub(super) fn json<T: DeserializeOwned>(&self) -> Result<T, RestError> {
        serde_json::from_slice(&self.body).map_err(|error| self.unreadable(error.to_string()))
    }

    pub(super) fn unreadable(&self, reason: impl Into<String>) -> RestError {
        RestError::UnreadableAnswer { uri: self.uri.clone(), reason: reason.into() }
    }
}

/// In the words of the official library.
fn failure(
    status: StatusCode,
    code: Option<ErrorCode>,
    body: String,
    retry_after: Option<Duration>,
    uri: String,
) -> RestError {
    match status {
        StatusCode::BAD_REQUEST => RestError::InvalidArgument { body, code, uri },
        StatusCode::UNAUTHORIZED => RestError::Unauthorized { code, uri },
        StatusCode::NOT_FOUND => RestError::NotFound { code, uri },
        status => RestError::Runtime { status, code, retry_after, uri },
    }
}

fn pause(headers: &HeaderMap) -> Option<Duration> {
    retry_after(headers, SystemTime::now())
}

async fn read_whole(mut response: Response, uri: &str) -> Result<Vec<u8>, RestError> {
    let broken = |error: reqwest::Error| RestError::Unanswered { uri: uri.to_owned(), source: error.without_url() };
    let mut body = Vec::new();
    while let Some(chunk) = response.chunk().await.map_err(broken)? {
        if body.len() + chunk.len() > LIMIT {
            let reason = format!("it is longer than {LIMIT} bytes");
            return Err(RestError::UnreadableAnswer { uri: uri.to_owned(), reason });
        }
        body.extend_from_slice(&chunk);
    }
    Ok(body)
}

/// Reads to the end, so that the connection can be used again, but never more than the limit.
async fn read_text(mut response: Response) -> String {
    let mut body = Vec::new();
    while let Ok(Some(chunk)) = response.chunk().await {
        let room = TEXT_LIMIT - body.len();
        body.extend_from_slice(&chunk[..chunk.len().min(room)]);
        if body.len() == TEXT_LIMIT {
            break;
        }
    }
    String::from_utf8_lossy(&body).into_owned()
}
