//! What a client gets for an invocation that an upstream has answered (signalr-service 3.5).
//!
//! A body goes to the client byte for byte, so it has to be a whole hub message: with plain JSON the client loses its
//! connection. That is what Azure does too, and what the log warns about.

use bytes::Bytes;
use http::StatusCode;
use serde::Deserialize;
use signalr_server::{HubProtocol, Outcome, ServerMessage};

use super::call::{Answer, Failure, Unread};
use crate::frames;

/// The end of every JSON hub message.
const RECORD_SEPARATOR: u8 = 0x1e;
/// The message type of a Completion.
const COMPLETION: u64 = 3;

/// The answer to an invocation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Reply {
    /// These bytes, which are hub messages already.
    Verbatim(Bytes),
    /// A completion without a value.
    Void,
    /// A completion with an error.
    Error(String),
}

impl Reply {
    pub(super) fn to(answer: &Result<Answer, Failure>) -> Self {
        let Ok(answer) = answer else { return Self::status(StatusCode::INTERNAL_SERVER_ERROR) };
        match (answer.status, &answer.body) {
            (StatusCode::OK, Ok(body)) if !body.is_empty() => Self::Verbatim(body.clone()),
            (StatusCode::OK, Err(Unread::TooLarge)) => Self::failed("response too large."),
            (StatusCode::OK, Err(Unread::Cancelled)) => Self::failed("response cancelled."),
            (StatusCode::OK, Err(Unread::Broken(error))) => Self::failed(&format!("error: {error}.")),
            (StatusCode::OK | StatusCode::NO_CONTENT, _) => Self::Void,
            (status, _) => Self::status(status),
        }
    }

    fn status(status: StatusCode) -> Self {
        Self::failed(&format!("status code {}", status.as_u16()))
    }

    fn failed(how: &str) -> Self {
        Self::Error(format!("Invocation failed, {how}"))
    }

    pub(super) fn into_message(self, protocol: HubProtocol, invocation_id: &str) -> ServerMessage {
        match self {
            Self::Verbatim(bytes) => ServerMessage::encoded([(protocol, bytes)]),
            Self::Void => ServerMessage::completion(invocation_id, Outcome::Void),
            Self::Error(error) => ServerMessage::completion(invocation_id, Outcome::Error(error)),
        }
    }

    /// Whether the client is going to understand this.
    pub(super) fn is_legible(&self, protocol: HubProtocol, invocation_id: &str) -> bool {
        match (self, protocol) {
            (Self::Verbatim(bytes), HubProtocol::Json) => completes(bytes, invocation_id),
            (Self::Verbatim(bytes), HubProtocol::MessagePack) => frames::without_length(bytes).is_some(),
            (Self::Void | Self::Error(_), _) => true,
        }
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct HubMessage {
    r#type: u64,
    invocation_id: Option<String>,
}

/// Whole messages, one of them the completion of the invocation.
fn completes(bytes: &[u8], invocation_id: &str) -> bool {
    let Some((&RECORD_SEPARATOR, messages)) = bytes.split_last() else { return false };
    let messages = messages.split(|byte| *byte == RECORD_SEPARATOR);
    let messages: Result<Vec<HubMessage>, _> = messages.map(serde_json::from_slice).collect();
    messages.is_ok_and(|messages| {
        messages
            .iter()
            .any(|message| message.r#type == COMPLETION && message.invocation_id.as_deref() == Some(invocation_id))
    })
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[track_caller]
    fn check(status: u16, body: Result<&'static str, Unread>, expected: &Reply) {
        let status = StatusCode::from_u16(status).unwrap();
        assert_eq!(Reply::to(&Ok(Answer { status, body: body.map(Bytes::from) })), *expected);
    }

    fn error(text: &str) -> Reply {
        Reply::Error(text.to_owned())
    }

    #[test]
    fn every_answer_of_an_upstream_becomes_what_azure_makes_of_it() {
        check(200, Ok("body"), &Reply::Verbatim("body".into()));
        check(200, Ok(""), &Reply::Void);
        check(204, Ok(""), &Reply::Void);
        check(200, Err(Unread::TooLarge), &error("Invocation failed, response too large."));
        check(200, Err(Unread::Cancelled), &error("Invocation failed, response cancelled."));
        check(200, Err(Unread::Broken("it broke".to_owned())), &error("Invocation failed, error: it broke."));
        check(404, Ok(""), &error("Invocation failed, status code 404"));
        check(202, Ok(""), &error("Invocation failed, status code 202"));
        check(500, Ok(""), &error("Invocation failed, status code 500"));
        for failure in [Failure::Unreachable("refused".to_owned()), Failure::TimedOut(Duration::from_secs(100))] {
            assert_eq!(Reply::to(&Err(failure)), error("Invocation failed, status code 500"));
        }
    }

    #[track_caller]
    fn check_legible(body: &'static [u8], protocol: HubProtocol, expected: bool) {
        assert_eq!(Reply::Verbatim(body.into()).is_legible(protocol, "7"), expected, "{body:?}");
    }

    #[test]
    fn a_client_understands_whole_messages_with_its_completion() {
        use HubProtocol::{Json, MessagePack};
        check_legible(b"{\"type\":3,\"invocationId\":\"7\",\"result\":1}\x1e", Json, true);
        check_legible(b"{\"type\":6}\x1e{\"type\":3,\"invocationId\":\"7\"}\x1e", Json, true);
        check_legible(b"{\"type\":3,\"invocationId\":\"7\",\"result\":1}", Json, false);
        check_legible(b"{\"type\":3,\"invocationId\":\"8\"}\x1e", Json, false);
        check_legible(b"{\"type\":6}\x1e", Json, false);
        check_legible(b"{\"ok\":true}", Json, false);
        check_legible(b"ok\x1e", Json, false);
        check_legible(b"\x06\x95\x03\x80\xa17\x02", MessagePack, true);
        check_legible(b"\x95\x03\x80\xa17\x02", MessagePack, false);
        assert!(Reply::Void.is_legible(Json, "7"));
    }
}
