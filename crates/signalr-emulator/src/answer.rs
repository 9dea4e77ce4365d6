//! What the data plane answers.
//!
//! Success has an empty body. The SDK tells "no" from "wrong address" by the header `x-ms-error-code` alone, so a 404
//! without it is an error on the caller's side (signalr-service 1.6).

use axum::response::{IntoResponse, Response};
use http::header::{CONTENT_TYPE, HeaderName, HeaderValue, WWW_AUTHENTICATE};
use http::{HeaderMap, StatusCode};
use serde::Serialize;

use crate::message::BodyError;
use crate::names::Invalid;
use crate::operation::Family;

const ERROR_CODE: HeaderName = HeaderName::from_static("x-ms-error-code");
const TEXT: HeaderValue = HeaderValue::from_static("text/plain; charset=utf-8");
const JSON: HeaderValue = HeaderValue::from_static("application/json; charset=utf-8");

/// Something that does not exist, as the header `x-ms-error-code` names it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Absent {
    /// Asking for a connection.
    Connection,
    /// Asking for a user.
    User,
    /// Asking for a group.
    Group,
    /// Asking whether a user is in a group.
    UserInGroup,
    /// Adding an unknown connection to a group.
    ConnectionToAdd,
}

impl Absent {
    fn code(self) -> &'static str {
        match self {
            Self::Connection => "Warning.Connection.NotExisted",
            Self::User => "Warning.User.NotExisted",
            Self::Group => "Warning.Group.NotExisted",
            Self::UserInGroup => "Info.User.NotInGroup",
            Self::ConnectionToAdd => "Error.Connection.NotExisted",
        }
    }
}

/// One answer, before it becomes an HTTP response.
#[derive(Debug, Clone)]
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    headers: HeaderMap,
    body: String,
}

impl Answer {
    /// A status with an empty body.
    pub(crate) fn empty(status: StatusCode) -> Self {
        Self { status, headers: HeaderMap::new(), body: String::new() }
    }

    /// 404 with the code that the SDK reads as "no".
    pub(crate) fn absent(absent: Absent) -> Self {
        Self::empty(StatusCode::NOT_FOUND).header(ERROR_CODE, HeaderValue::from_static(absent.code()))
    }

    /// 200 with a JSON document.
    pub(crate) fn json(document: &impl Serialize) -> Self {
        let body = serde_json::to_string(document).expect("answers are plain structs with text keys");
        Self { body, ..Self::empty(StatusCode::OK) }.header(CONTENT_TYPE, JSON)
    }

    /// 400 as the family documents it: plain text for 1.0, `ErrorDetail` from 2022-06-01 on (signalr-service 8.10).
    pub(crate) fn invalid(family: Family, invalid: &Invalid) -> Self {
        Self::refusal(StatusCode::BAD_REQUEST, family, &invalid.message, Some(invalid.parameter))
    }

    /// 400 or 415 for a body.
    pub(crate) fn refused_body(family: Family, error: &BodyError) -> Self {
        let status = match error {
            BodyError::Unsupported(_) => StatusCode::UNSUPPORTED_MEDIA_TYPE,
            BodyError::Missing
            | BodyError::NoTarget
            | BodyError::NotAnArray
            | BodyError::Malformed(_)
            | BodyError::NotCommands(_)
            | BodyError::UnknownCommand(_)
            | BodyError::Incomplete { .. }
            | BodyError::NotFrames(_)
            | BodyError::NotPacked(_) => StatusCode::BAD_REQUEST,
        };
        Self::refusal(status, family, &error.to_string(), None)
    }

    /// A failure that has a code of its own, for the header and for the document.
    pub(crate) fn failure(status: StatusCode, family: Family, code: &'static str, message: &str) -> Self {
        let (content_type, body) = match family {
            Family::V1 => (TEXT, message.to_owned()),
            Family::Versioned => (JSON, ErrorDetail { code, message, target: None }.to_json()),
        };
        let answer = Self { body, ..Self::empty(status) }.header(CONTENT_TYPE, content_type);
        answer.header(ERROR_CODE, HeaderValue::from_static(code))
    }

    /// 413: a body may have 1 MB (signalr-service 1.9).
    pub(crate) fn too_large(family: Family) -> Self {
        let message = "The request body is larger than 1 MB.";
        Self::refusal(StatusCode::PAYLOAD_TOO_LARGE, family, message, None)
    }

    /// 401 with an empty body; the header says why (signalr-service 1.7 item 10).
    pub(crate) fn unauthorized(www_authenticate: HeaderValue) -> Self {
        Self::empty(StatusCode::UNAUTHORIZED).header(WWW_AUTHENTICATE, www_authenticate)
    }

    /// Adds a header.
    pub(crate) fn header(mut self, name: HeaderName, value: HeaderValue) -> Self {
        self.headers.insert(name, value);
        self
    }

    fn refusal(status: StatusCode, family: Family, message: &str, target: Option<&str>) -> Self {
        let (content_type, body) = match family {
            Family::V1 => (TEXT, message.to_owned()),
            Family::Versioned => (JSON, ErrorDetail { code: code_of(status), message, target }.to_json()),
        };
        Self { body, ..Self::empty(status) }.header(CONTENT_TYPE, content_type)
    }
}

impl IntoResponse for Answer {
    fn into_response(self) -> Response {
        let mut response = Response::new(self.body.into());
        *response.status_mut() = self.status;
        *response.headers_mut() = self.headers;
        response
    }
}

/// The error document from 2022-06-01 on. No values of `code` are published: these are the names of the statuses.
#[derive(Debug, Serialize)]
struct ErrorDetail<'a> {
    code: &'a str,
    message: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    target: Option<&'a str>,
}

impl ErrorDetail<'_> {
    fn to_json(&self) -> String {
        serde_json::to_string(self).expect("three texts are always JSON")
    }
}

fn code_of(status: StatusCode) -> &'static str {
    match status {
        StatusCode::UNSUPPORTED_MEDIA_TYPE => "UnsupportedMediaType",
        StatusCode::PAYLOAD_TOO_LARGE => "PayloadTooLarge",
        _ => "BadRequest",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check_code(absent: Absent, expected: &str) {
        let answer = Answer::absent(absent);
        assert_eq!(answer.status, StatusCode::NOT_FOUND);
        assert_eq!(answer.headers["x-ms-error-code"], expected);
        assert_eq!(answer.body, "");
    }

    #[test]
    fn what_is_absent_has_the_codes_that_the_sdk_compares() {
        check_code(Absent::Connection, "Warning.Connection.NotExisted");
        check_code(Absent::User, "Warning.User.NotExisted");
        check_code(Absent::Group, "Warning.Group.NotExisted");
        check_code(Absent::UserInGroup, "Info.User.NotInGroup");
        check_code(Absent::ConnectionToAdd, "Error.Connection.NotExisted");
    }

    #[test]
    fn a_bad_request_is_text_in_version_1_and_a_document_later() {
        let invalid = Invalid::new("hub", "Invalid hub name.");
        let v1 = Answer::invalid(Family::V1, &invalid);
        assert_eq!((v1.status.as_u16(), v1.body.as_str()), (400, "Invalid hub name."));
        assert_eq!(v1.headers["content-type"], "text/plain; charset=utf-8");
        let versioned = Answer::invalid(Family::Versioned, &invalid);
        assert_eq!(versioned.body, r#"{"code":"BadRequest","message":"Invalid hub name.","target":"hub"}"#);
        assert_eq!(versioned.headers["content-type"], "application/json; charset=utf-8");
    }
}
