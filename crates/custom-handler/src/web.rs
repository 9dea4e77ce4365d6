//! Invocations as an axum extractor, and results as a response.
//!
//! A body over the limit is read to its end and thrown away before it is refused: a host that is still writing would otherwise see
//! a broken connection and not the reason.

use crate::{HttpRequest, Invocation, InvocationError, InvocationResult};
use axum::body::{Body, Bytes};
use axum::extract::{FromRequest, Request};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use http_body_util::BodyExt;
use serde::Serialize;

/// The largest invocation that the extractor reads: 16 MiB. The host repeats the fields of a JSON body in `Metadata` and escapes both,
/// so this leaves room for bodies of more than 1 MB, the most that Azure SignalR Service takes.
pub const LARGEST_INVOCATION: usize = 16 * 1024 * 1024;

/// Why a request is not answered as an invocation.
#[derive(Debug, thiserror::Error)]
pub enum InvocationRejection {
    /// The caller sent more than [`LARGEST_INVOCATION`].
    #[error("the invocation has more than {LARGEST_INVOCATION} bytes")]
    TooLarge,
    /// The connection broke while the body was read.
    #[error("the request ended before its body was complete")]
    Broken(#[source] axum::Error),
    /// The body is no invocation.
    #[error(transparent)]
    Invalid(#[from] InvocationError),
}

impl<S: Send + Sync> FromRequest<S> for Invocation {
    type Rejection = InvocationRejection;

    async fn from_request(request: Request, _state: &S) -> Result<Self, Self::Rejection> {
        Self::receive(request.into_body()).await
    }
}

impl Invocation {
    /// Reads the body of the host's request from its connection.
    ///
    /// # Errors
    /// When it is too large, ends early, or is no invocation.
    pub async fn receive(body: Body) -> Result<Self, InvocationRejection> {
        Ok(Self::parse(&received(body).await?)?)
    }

    /// Reads the body of the host's request from its connection, and the HTTP request in it, as
    /// [`parse_with_request`](Self::parse_with_request) does.
    ///
    /// # Errors
    /// When it is too large, ends early, or is no invocation with a request.
    pub async fn receive_with_request(body: Body, name: &str) -> Result<(Self, HttpRequest), InvocationRejection> {
        Ok(Self::parse_with_request(&received(body).await?, name)?)
    }
}

async fn received(mut body: Body) -> Result<Bytes, InvocationRejection> {
    let (mut pieces, mut total) = (Vec::new(), 0);
    while let Some(frame) = body.frame().await {
        let Ok(piece) = frame.map_err(InvocationRejection::Broken)?.into_data() else { continue };
        total += piece.len();
        if total <= LARGEST_INVOCATION {
            pieces.push(piece);
        }
    }
    match <[Bytes; 1]>::try_from(pieces) {
        _ if total > LARGEST_INVOCATION => Err(InvocationRejection::TooLarge),
        // Nearly always.
        Ok([whole]) => Ok(whole),
        Err(several) => Ok(several.concat().into()),
    }
}

/// A status outside 2xx tells the host that the invocation itself has failed (functions-host 3.2).
impl IntoResponse for InvocationRejection {
    fn into_response(self) -> Response {
        let status = match self {
            Self::TooLarge => StatusCode::PAYLOAD_TOO_LARGE,
            Self::Broken(_) | Self::Invalid(_) => StatusCode::BAD_REQUEST,
        };
        (status, self.to_string()).into_response()
    }
}

/// Outputs that cannot be JSON, such as a map with keys that are no strings, fail the invocation.
impl<O: Serialize, R: Serialize> IntoResponse for InvocationResult<O, R> {
    fn into_response(self) -> Response {
        // Enough for most, so that it does not grow again and again.
        let mut body = Vec::with_capacity(1024);
        match serde_json::to_writer(&mut body, &self) {
            Ok(()) => ([(header::CONTENT_TYPE, "application/json")], body).into_response(),
            Err(error) => {
                (StatusCode::INTERNAL_SERVER_ERROR, format!("the result is no JSON: {error}")).into_response()
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::NoOutputs;
    use axum::Router;
    use axum::routing::post;
    use tower::ServiceExt;

    async fn answer(body: Body) -> (StatusCode, String) {
        let app = Router::new().route("/f", post(async |_: Invocation| InvocationResult::new(NoOutputs {}).log("ran")));
        let request = Request::post("/f").body(body).unwrap();
        let response = app.oneshot(request).await.unwrap();
        let status = response.status();
        let body = response.into_body().collect().await.unwrap().to_bytes();
        (status, String::from_utf8(body.to_vec()).unwrap())
    }

    #[tokio::test]
    async fn an_invocation_is_answered_with_a_full_envelope() {
        let (status, body) = answer(Body::from(r#"{"Data":{},"Metadata":{}}"#)).await;
        assert_eq!((status, body.as_str()), (StatusCode::OK, r#"{"Outputs":{},"Logs":["ran"],"ReturnValue":null}"#));
    }

    #[tokio::test]
    async fn outputs_that_are_no_json_fail_the_invocation() {
        let outputs = std::collections::BTreeMap::from([(vec![1], 2)]);
        let response = InvocationResult::new(outputs).into_response();
        assert_eq!(response.status(), StatusCode::INTERNAL_SERVER_ERROR);
    }

    #[tokio::test]
    async fn a_body_that_is_no_invocation_says_what_it_should_be() {
        let (status, body) = answer(Body::from("hi")).await;
        assert_eq!(status, StatusCode::BAD_REQUEST);
        assert!(body.contains("call the function through the host"), "{body}");
    }

    #[tokio::test]
    async fn a_body_over_the_limit_is_refused_after_it_was_read() {
        let (status, body) = answer(Body::from(vec![b' '; LARGEST_INVOCATION + 1])).await;
        assert_eq!(
            (status, body.as_str()),
            (StatusCode::PAYLOAD_TOO_LARGE, "the invocation has more than 16777216 bytes")
        );
    }
}
