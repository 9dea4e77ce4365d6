//! What can go wrong with a REST call, in the words of the official library (signalr-bindings 10.3).
//!
//! A 404 mostly means a wrong address: the service does not complain about absent groups, users or connections.

use std::time::Duration;

use http::StatusCode;

use super::ErrorCode;
use crate::CredentialError;
use crate::token::SignError;

/// Why a REST call failed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RestError {
    /// 400: the service does not like the request, and says why.
    #[error("Invalid argument. Caused by one or more of the following reasons: {body} Request Uri: {uri}")]
    InvalidArgument {
        /// The body of the answer.
        body: String,
        /// `x-ms-error-code`.
        code: Option<ErrorCode>,
        /// The address of the call.
        uri: String,
    },
    /// 401: the key is wrong, or the endpoint is not the one that the key belongs to.
    #[error(
        "Authorization failed. If you were using AccessKey, please check connection string and see if the AccessKey is correct. If you were using Azure Active Directory, please note that the role assignments will take up to 30 minutes to take effect if it was added recently. Request Uri: {uri}"
    )]
    Unauthorized {
        /// `x-ms-error-code`.
        code: Option<ErrorCode>,
        /// The address of the call.
        uri: String,
    },
    /// 404 without a code that means "no": most likely a wrong endpoint.
    #[error(
        "Unable to access SignalR service. Response status code does not indicate success: 404 (Not Found) Please make sure the endpoint or DNS setting is correct. Request Uri: {uri}"
    )]
    NotFound {
        /// `x-ms-error-code`.
        code: Option<ErrorCode>,
        /// The address of the call.
        uri: String,
    },
    /// Any other status: the service's own trouble, or too many calls.
    #[error("Azure SignalR service runtime error. Request Uri: {uri}")]
    Runtime {
        /// The status of the answer.
        status: StatusCode,
        /// `x-ms-error-code`.
        code: Option<ErrorCode>,
        /// `Retry-After`: how long the service wants to be left alone.
        retry_after: Option<Duration>,
        /// The address of the call.
        uri: String,
    },
    /// No answer at all: no connection, or none in time.
    #[error("An error happened when making request to {uri}")]
    Unanswered {
        /// The address of the call.
        uri: String,
        /// What the network says.
        #[source]
        source: reqwest::Error,
    },
    /// The call, with its repetitions and its turn to wait for, did not end within
    /// [`RestClient::with_deadline`](super::RestClient::with_deadline).
    #[error("the call did not end within {deadline:?}; its address is `{uri}`")]
    DeadlineExceeded {
        /// The address of the call.
        uri: String,
        /// How long it was given.
        deadline: Duration,
    },
    /// The service says that all is well, but not in a form that can be read.
    #[error("the service's answer cannot be read: {reason}; the address is `{uri}`")]
    UnreadableAnswer {
        /// The address of the call.
        uri: String,
        /// What is wrong with it.
        reason: String,
    },
    /// What was to be sent cannot be written as JSON, for example a map whose keys are not text.
    #[error("what was to be sent cannot be written as JSON")]
    Unwritable(#[source] serde_json::Error),
    /// No HTTP client could be built, for example because the system has no certificate authorities.
    #[error("no HTTP client can be built for the service")]
    NoHttpClient(#[source] reqwest::Error),
    /// The connection string cannot sign.
    #[error(transparent)]
    Sign(#[from] SignError),
    /// No token could be had from Microsoft Entra.
    #[error(transparent)]
    Credential(#[from] CredentialError),
}

impl RestError {
    /// The status of the answer, where there was one.
    pub fn status(&self) -> Option<StatusCode> {
        match self {
            Self::InvalidArgument { .. } => Some(StatusCode::BAD_REQUEST),
            Self::Unauthorized { .. } => Some(StatusCode::UNAUTHORIZED),
            Self::NotFound { .. } => Some(StatusCode::NOT_FOUND),
            Self::Runtime { status, .. } => Some(*status),
            _ => None,
        }
    }

    /// The header `x-ms-error-code` of the answer.
    pub fn error_code(&self) -> Option<&ErrorCode> {
        match self {
            Self::InvalidArgument { code, .. }
            | Self::Unauthorized { code, .. }
            | Self::NotFound { code, .. }
            | Self::Runtime { code, .. } => code.as_ref(),
            _ => None,
        }
    }

    /// How long the service wants to be left alone, where it says so.
    pub fn retry_after(&self) -> Option<Duration> {
        match self {
            Self::Runtime { retry_after, .. } => *retry_after,
            _ => None,
        }
    }
}
