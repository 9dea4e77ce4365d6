//! `broadcast`: sends one message to every connected client.
//!
//! Three bodies are understood, because pages that exist send them: `{"message"}`, `{"payload"}` and `{"target","arguments"}`. A
//! body with any other member is refused, since a misspelt one would otherwise be lost without a word.

use super::{HTTP_TRIGGER, MESSAGES};
use crate::error::{CallError, HTTP_OUTPUT};
use azure_signalr::{Message, Recipient};
use custom_handler::{HttpResponse, Invocation, InvocationRejection, InvocationResult};
use serde_json::json;
use serde_json::value::RawValue;
use std::collections::BTreeMap;

/// Clients of `{"message"}` listen to this method.
const NOTIFICATION: &str = "newNotification";
/// Clients of `{"payload"}` listen to this method.
const MESSAGE: &str = "newMessage";
/// The service takes bodies of up to 1 MB (signalr-service 1.9); whether that is 2^20 is not said, so this is the safe reading.
const LARGEST_MESSAGE: usize = 1_000_000;

pub(super) async fn broadcast(
    invocation: Result<Invocation, InvocationRejection>,
) -> Result<InvocationResult, CallError> {
    let request = invocation?.http_request(HTTP_TRIGGER).map_err(CallError::internal)?;
    let Announcement { message, reply } = announce(request.body())?;
    let response = match reply {
        Reply::Sent => HttpResponse::json(200, &json!({ "sent": true })).map_err(CallError::internal)?,
        Reply::Echo(payload) => HttpResponse::text(200, payload),
    };
    let log = format!("sent `{}` to all clients", message.target);
    let result = InvocationResult::new().http(HTTP_OUTPUT, &response).log(log);
    result.output(MESSAGES, &[message]).map_err(CallError::internal)
}

/// A message, and what its sender hears.
#[derive(Debug)]
struct Announcement {
    message: Message,
    reply: Reply,
}

#[derive(Debug, PartialEq, Eq)]
enum Reply {
    /// `{"sent":true}`
    Sent,
    /// The payload as text.
    Echo(String),
}

/// Why a body is no announcement; always the caller's mistake.
#[derive(Debug, thiserror::Error)]
enum BroadcastError {
    #[error("the body is empty; send a JSON object such as {{\"message\":\"hello\"}}, with a `Content-Length`")]
    Empty,
    #[error("the body is not JSON: {0}")]
    NotJson(serde_json::Error),
    #[error("the body must be a JSON object, not {0}")]
    NotAnObject(&'static str),
    #[error("one of `message`, `payload` or `target` is missing")]
    Nothing,
    #[error("`{second}` cannot be sent together with `{first}`; send one of `message`, `payload` or `target`")]
    Ambiguous { first: &'static str, second: &'static str },
    #[error("`{0}` is not known; the members are `message`, or `payload`, or `target` and `arguments`")]
    UnknownField(String),
    #[error("`{field}` must be {expected}, not {found}")]
    WrongType { field: &'static str, expected: &'static str, found: &'static str },
    #[error("`target` must not be empty; it is the name of the method that clients listen to")]
    EmptyTarget,
    #[error("the message has {0} bytes; SignalR Service takes at most {LARGEST_MESSAGE}")]
    TooLarge(usize),
}

impl BroadcastError {
    fn field(&self) -> Option<&str> {
        match self {
            Self::Empty | Self::NotJson(_) | Self::NotAnObject(_) | Self::TooLarge(_) => None,
            Self::Nothing => Some("message"),
            Self::Ambiguous { second, .. } => Some(second),
            Self::UnknownField(field) => Some(field),
            Self::WrongType { field, .. } => Some(field),
            Self::EmptyTarget => Some("target"),
        }
    }
}

impl From<BroadcastError> for CallError {
    fn from(error: BroadcastError) -> Self {
        Self::BadRequest { detail: error.to_string(), field: error.field().map(str::to_owned) }
    }
}

/// Turns the body of `POST /api/broadcast` into the message that every client receives.
fn announce(body: Option<&str>) -> Result<Announcement, BroadcastError> {
    let mut members = members(body.unwrap_or_default())?;
    let forms: Vec<_> =
        ["message", "payload", "target"].into_iter().filter(|form| members.contains_key(*form)).collect();
    let announcement = match forms[..] {
        [] => return Err(members.into_keys().next().map_or(BroadcastError::Nothing, BroadcastError::UnknownField)),
        [first, second, ..] => return Err(BroadcastError::Ambiguous { first, second }),
        ["message"] => notification(&mut members)?,
        ["payload"] => message(&mut members)?,
        [_] => general(&mut members)?,
    };
    within_limit(announcement)
}

type Members = BTreeMap<String, Box<RawValue>>;

fn members(body: &str) -> Result<Members, BroadcastError> {
    if body.trim().is_empty() {
        return Err(BroadcastError::Empty);
    }
    let value: &RawValue = serde_json::from_str(body).map_err(BroadcastError::NotJson)?;
    serde_json::from_str(value.get()).map_err(|_| BroadcastError::NotAnObject(kind(value)))
}

fn notification(members: &mut Members) -> Result<Announcement, BroadcastError> {
    let (_, text) = only_text(members, "message")?;
    Ok(Announcement { message: to_everyone(NOTIFICATION, vec![text])?, reply: Reply::Sent })
}

fn message(members: &mut Members) -> Result<Announcement, BroadcastError> {
    let (payload, text) = only_text(members, "payload")?;
    Ok(Announcement { message: to_everyone(MESSAGE, vec![text])?, reply: Reply::Echo(payload) })
}

fn general(members: &mut Members) -> Result<Announcement, BroadcastError> {
    let (target, _) = text(members, "target")?;
    let arguments = match members.remove("arguments") {
        None => Vec::new(),
        Some(value) => serde_json::from_str(value.get()).map_err(|_| BroadcastError::WrongType {
            field: "arguments",
            expected: "an array",
            found: kind(&value),
        })?,
    };
    nothing_else(members)?;
    Ok(Announcement { message: to_everyone(&target, arguments)?, reply: Reply::Sent })
}

/// The text of the only member, and the same as it was written.
fn only_text(members: &mut Members, field: &'static str) -> Result<(String, Box<RawValue>), BroadcastError> {
    let text = text(members, field)?;
    nothing_else(members)?;
    Ok(text)
}

fn text(members: &mut Members, field: &'static str) -> Result<(String, Box<RawValue>), BroadcastError> {
    let value = members.remove(field).expect("the form was chosen by this member");
    match serde_json::from_str(value.get()) {
        Ok(text) => Ok((text, value)),
        Err(_) => Err(BroadcastError::WrongType { field, expected: "a string", found: kind(&value) }),
    }
}

fn nothing_else(members: &Members) -> Result<(), BroadcastError> {
    members.keys().next().map_or(Ok(()), |field| Err(BroadcastError::UnknownField(field.clone())))
}

fn to_everyone(target: &str, arguments: Vec<Box<RawValue>>) -> Result<Message, BroadcastError> {
    let target = target.parse().map_err(|_| BroadcastError::EmptyTarget)?;
    Ok(Message { target, arguments, recipient: Recipient::Everyone })
}

/// The host sends `{"Target":…,"Arguments":[…]}` on to the service, which refuses a body that is too large after the caller has been
/// told that all is well.
fn within_limit(announcement: Announcement) -> Result<Announcement, BroadcastError> {
    let Message { target, arguments, .. } = &announcement.message;
    let size = serde_json::to_vec(&json!({ "Target": target.as_str(), "Arguments": [] })).map_or(0, |body| body.len())
        + arguments.iter().map(|argument| argument.get().len() + 1).sum::<usize>();
    if size > LARGEST_MESSAGE { Err(BroadcastError::TooLarge(size)) } else { Ok(announcement) }
}

fn kind(value: &RawValue) -> &'static str {
    match value.get().as_bytes().first() {
        Some(b'{') => "an object",
        Some(b'[') => "an array",
        Some(b'"') => "a string",
        Some(b't' | b'f') => "a boolean",
        Some(b'n') => "null",
        _ => "a number",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check_sent(body: &str, expected_message: &str, expected_reply: &Reply) {
        let Announcement { message, reply } = announce(Some(body)).unwrap();
        assert_eq!(serde_json::to_string(&message).unwrap(), expected_message);
        assert_eq!(reply, *expected_reply);
    }

    #[track_caller]
    fn check_refused(body: &str, expected_field: Option<&str>, expected_detail: &str) {
        let error = announce(Some(body)).unwrap_err();
        assert_eq!(error.to_string(), expected_detail);
        assert_eq!(error.field(), expected_field);
    }

    #[test]
    fn the_three_bodies_are_understood() {
        check_sent(r#"{"message":"hi"}"#, r#"{"target":"newNotification","arguments":["hi"]}"#, &Reply::Sent);
        check_sent(
            r#"{"payload":"hi"}"#,
            r#"{"target":"newMessage","arguments":["hi"]}"#,
            &Reply::Echo("hi".to_owned()),
        );
        check_sent(
            r#"{"target":"t","arguments":[1,{"a":null}]}"#,
            r#"{"target":"t","arguments":[1,{"a":null}]}"#,
            &Reply::Sent,
        );
        check_sent(r#"{"target":"t"}"#, r#"{"target":"t","arguments":[]}"#, &Reply::Sent);
    }

    #[test]
    fn an_empty_text_is_a_text() {
        check_sent(r#"{"payload":""}"#, r#"{"target":"newMessage","arguments":[""]}"#, &Reply::Echo(String::new()));
    }

    #[test]
    fn arguments_pass_through_as_they_were_written() {
        let arguments = r#"[12345678901234567890,1.0,1e2,"\u00e9"]"#;
        let sent = format!(r#"{{"target":"t","arguments":{arguments}}}"#);
        check_sent(&sent, &sent, &Reply::Sent);
    }

    #[test]
    fn bad_bodies_are_refused_by_name() {
        let empty = "the body is empty; send a JSON object such as {\"message\":\"hello\"}, with a `Content-Length`";
        check_refused("", None, empty);
        check_refused("{\"message\":", None, "the body is not JSON: EOF while parsing a value at line 1 column 11");
        check_refused("[1]", None, "the body must be a JSON object, not an array");
        check_refused("{}", Some("message"), "one of `message`, `payload` or `target` is missing");
        check_refused(r#"{"message":5}"#, Some("message"), "`message` must be a string, not a number");
        check_refused(r#"{"payload":null}"#, Some("payload"), "`payload` must be a string, not null");
        check_refused(r#"{"target":true}"#, Some("target"), "`target` must be a string, not a boolean");
        check_refused(
            r#"{"target":"t","arguments":{}}"#,
            Some("arguments"),
            "`arguments` must be an array, not an object",
        );
        let empty_target = "`target` must not be empty; it is the name of the method that clients listen to";
        check_refused(r#"{"target":""}"#, Some("target"), empty_target);
    }

    #[test]
    fn members_that_would_be_lost_are_refused() {
        let known = "the members are `message`, or `payload`, or `target` and `arguments`";
        check_refused(r#"{"mesage":"hi"}"#, Some("mesage"), &format!("`mesage` is not known; {known}"));
        check_refused(
            r#"{"message":"hi","arguments":[]}"#,
            Some("arguments"),
            &format!("`arguments` is not known; {known}"),
        );
        check_refused(
            r#"{"message":"hi","payload":"ho"}"#,
            Some("payload"),
            "`payload` cannot be sent together with `message`; send one of `message`, `payload` or `target`",
        );
    }

    #[test]
    fn a_message_that_the_service_would_refuse_is_refused_here() {
        let fits = "x".repeat(LARGEST_MESSAGE - 100);
        assert!(announce(Some(&format!(r#"{{"message":"{fits}"}}"#))).is_ok());
        let error = announce(Some(&format!(r#"{{"message":"{fits}{fits}"}}"#))).unwrap_err();
        assert!(matches!(error, BroadcastError::TooLarge(_)), "{error}");
    }
}
