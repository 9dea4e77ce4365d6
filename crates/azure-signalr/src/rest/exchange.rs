//! Making a call: its turn, its token, its attempts.
//!
//! The deadline of a call covers all of that; the timeout covers one attempt.

use std::time::Duration;

use backon::Retryable;
use http::{HeaderName, HeaderValue};
use reqwest::RequestBuilder;
use tokio::time::Instant;

use super::answer::Answer;
use super::call::Call;
use super::http_client::is_on_this_machine;
use super::retry::Repeat;
use super::{CALL_TIMEOUT, HEALTH_TIMEOUT, RestClient, RestError};
use crate::credential::{CredentialError, SCOPE};
use crate::token::{RestToken, SignError};

const AGENT: HeaderName = HeaderName::from_static("asrs-user-agent");
const REQUEST_ID: HeaderName = HeaderName::from_static("x-ms-client-request-id");
const TRACE_PARENT: HeaderName = HeaderName::from_static("traceparent");
const JSON: HeaderValue = HeaderValue::from_static("application/json; charset=utf-8");

impl RestClient {
    /// Makes a call, as often as its kind and the policy allow. What that takes is kilobytes, which lie apart: callers that come here
    /// now and then, as the functions of a handler do, need not carry them about.
    pub(super) async fn perform(&self, call: &Call) -> Result<Answer, RestError> {
        let uri = self.address(call);
        let Some(limit) = self.limit(call.repeat) else { return Box::pin(self.repeat(call, &uri, None)).await };
        let attempts = Box::pin(self.repeat(call, &uri, Some(Instant::now() + limit)));
        match tokio::time::timeout(limit, attempts).await {
            Ok(outcome) => outcome,
            Err(_) => Err(RestError::DeadlineExceeded { uri: uri.clone(), deadline: limit }),
        }
    }

    /// Health is asked without a token and without patience.
    pub(super) async fn ask_health(&self) -> Result<(), RestError> {
        let (call, timeout) = (Call::health(), self.timeout.min(HEALTH_TIMEOUT));
        let uri = self.address(&call);
        let request = self.request(&call, &uri)?.timeout(timeout);
        Box::pin(self.answer_to(request, &call, &uri)).await.map(drop)
    }

    /// The time for all attempts together, where there is one (signalr-bindings 10.2).
    fn limit(&self, repeat: Repeat) -> Option<Duration> {
        let of_messages = (repeat == Repeat::Visible).then_some(CALL_TIMEOUT.max(self.timeout));
        self.deadline.or(of_messages)
    }

    async fn repeat(&self, call: &Call, uri: &str, deadline: Option<Instant>) -> Result<Answer, RestError> {
        (|| self.attempt(call, uri))
            .retry(self.retry.pauses())
            .sleep(tokio::time::sleep)
            .when(|error| call.repeat.allows(error))
            .adjust(|error, pause| {
                let pause = pause?.max(error.retry_after().unwrap_or_default());
                // There is no point in waiting for an attempt that has no time left.
                deadline.is_none_or(|deadline| Instant::now() + pause < deadline).then_some(pause)
            })
            .notify(|error, pause| {
                let (status, pause) = (error.status().map(|status| status.as_u16()), pause.as_secs_f64());
                tracing::debug!(uri, status, pause, "a call to the service failed and will be made again");
            })
            .await
    }

    async fn attempt(&self, call: &Call, uri: &str) -> Result<Answer, RestError> {
        let _turn = self.permits.acquire().await.expect("the semaphore is never closed");
        let token = self.bearer(&call.path).await?;
        let mut request = self.request(call, uri)?.bearer_auth(token).timeout(self.timeout);
        if let Some(body) = &call.body {
            request = request.header(http::header::CONTENT_TYPE, JSON).body(body.clone());
        }
        self.answer_to(request, call, uri).await
    }

    fn request(&self, call: &Call, uri: &str) -> Result<RequestBuilder, RestError> {
        let http = self.http.get(self.connection.server_url())?;
        let mut request = http.request(call.method.clone(), uri).header(AGENT, &*self.agent);
        if let Some(id) = &self.request_id {
            request = request.header(REQUEST_ID, &**id);
        }
        // A trace that cannot be written is no reason not to make the call.
        if let Some(parent) = (self.trace.0)().and_then(|parent| HeaderValue::try_from(parent).ok()) {
            request = request.header(TRACE_PARENT, parent);
        }
        Ok(request)
    }

    async fn answer_to(&self, request: RequestBuilder, call: &Call, uri: &str) -> Result<Answer, RestError> {
        let unanswered =
            |error: reqwest::Error| RestError::Unanswered { uri: uri.to_owned(), source: error.without_url() };
        let response = request.send().await.map_err(unanswered)?;
        Answer::read(response, call, uri).await
    }

    /// A token of Entra where there is a source of them, else one signed for `path`.
    async fn bearer(&self, path: &str) -> Result<String, RestError> {
        if let Some(tokens) = &self.tokens {
            let server = self.connection.server_url();
            if server.scheme() != "https" && !is_on_this_machine(server) {
                return Err(CredentialError::NotEncrypted { address: server.to_string() }.into());
            }
            return Ok(tokens.token(SCOPE).await?.expose().to_owned());
        }
        Ok(self.sign(path)?)
    }

    fn sign(&self, path: &str) -> Result<String, SignError> {
        RestToken::for_path(path).sign(&self.connection, (self.now.0)())
    }

    fn address(&self, call: &Call) -> String {
        let query = call.query(self.application.as_ref());
        format!("{}{}?{query}", self.connection.server_url(), call.path)
    }
}
