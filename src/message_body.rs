//! The body of the functions that send: what a caller wants to be sent, and what it hears.
//!
//! Three bodies are understood, because pages that exist send them: `{"message"}`, `{"payload"}` and `{"target","arguments"}`. A
//! body with any other member is refused, since a misspelt one would otherwise be lost without a word. Who receives the message is
//! never in the body: the function knows.

mod compact;
mod error;
#[cfg(test)]
mod tests;

use crate::api::Sent;
use crate::error::CallError;
use azure_signalr::{Message, Recipient, Target};
use compact::{LoneSurrogate, compact};
use custom_handler::{HttpRequest, HttpResponse};
use error::BodyError;
use serde_json::value::{RawValue, to_raw_value};
use std::collections::BTreeMap;

/// Clients of `{"message"}` listen to this method.
const NOTIFICATION: Target = Target::from_static("newNotification");
/// Clients of `{"payload"}` listen to this method.
const MESSAGE: Target = Target::from_static("newMessage");
/// The service takes bodies of up to 1 MB (signalr-service 1.9); whether that is 2^20 is not said, so this is the safe reading.
const LARGEST_MESSAGE: usize = 1_000_000;
/// How many times longer JSON can be than its text; a control character takes six bytes. Short messages need no closer look.
const MOST_ESCAPED: usize = 10;

/// The message that `request` wants `recipient` to have, and what the caller is answered.
pub(crate) fn read(request: &HttpRequest, recipient: Recipient) -> Result<(Message, HttpResponse), CallError> {
    let Announcement { message, answer } =
        announce(request.body(), recipient).map_err(|error| error.of_a_body_sent_as(request.header("content-type")))?;
    let response = match answer {
        Answer::Sent => HttpResponse::json(200, &Sent { sent: true }).map_err(CallError::internal)?,
        Answer::Echo(payload) => HttpResponse::text(200, payload),
    };
    Ok((message, response))
}

/// A message, and what its sender hears.
#[derive(Debug)]
struct Announcement {
    message: Message,
    answer: Answer,
}

#[derive(Debug, PartialEq, Eq)]
enum Answer {
    /// `{"sent":true}`
    Sent,
    /// The payload as text.
    Echo(String),
}

/// What one of the three forms says.
struct Form {
    target: Target,
    arguments: Vec<Box<RawValue>>,
    answer: Answer,
    /// The member that makes the message long, unless it is the target.
    field: &'static str,
}

fn announce(body: Option<&str>, recipient: Recipient) -> Result<Announcement, BodyError> {
    let mut members = members(body.unwrap_or_default())?;
    let forms: Vec<_> =
        ["message", "payload", "target"].into_iter().filter(|form| members.contains_key(*form)).collect();
    let Form { target, arguments, answer, field } = match forms[..] {
        [] => return Err(members.into_keys().next().map_or(BodyError::Nothing, BodyError::UnknownField)),
        [first, second, ..] => return Err(BodyError::Ambiguous { first, second }),
        ["message"] => notification(&mut members)?,
        ["payload"] => message(&mut members)?,
        [_] => general(&mut members)?,
    };
    nothing_else(&members)?;
    let message = within_limit(Message { target, arguments, recipient }, field)?;
    Ok(Announcement { message, answer })
}

const CHOSEN: &str = "the form was chosen by this member";

type Members<'a> = BTreeMap<String, &'a RawValue>;

fn members(body: &str) -> Result<Members<'_>, BodyError> {
    serde_json::from_str(body).map_err(|_| no_members(body))
}

/// Why `body` has no members.
fn no_members(body: &str) -> BodyError {
    if body.trim().is_empty() {
        return BodyError::Empty;
    }
    match serde_json::from_str(body).map(kind) {
        Err(error) => BodyError::NotJson(error),
        Ok(OBJECT) => BodyError::LoneSurrogateInName,
        Ok(other) => BodyError::NotAnObject(other),
    }
}

fn notification(members: &mut Members<'_>) -> Result<Form, BodyError> {
    let field = "message";
    let value = members.remove(field).expect(CHOSEN);
    // Without escapes, as nearly all are, it is sent as it came.
    let is_plain = kind(value) == STRING && !value.get().contains('\\');
    let argument = if is_plain { value.to_owned() } else { as_json(&as_text(value, field)?) };
    Ok(Form { target: NOTIFICATION, arguments: vec![argument], answer: Answer::Sent, field })
}

fn message(members: &mut Members<'_>) -> Result<Form, BodyError> {
    let field = "payload";
    let payload = text(members, field)?;
    Ok(Form { target: MESSAGE, arguments: vec![as_json(&payload)], answer: Answer::Echo(payload), field })
}

fn general(members: &mut Members<'_>) -> Result<Form, BodyError> {
    let target = text(members, "target")?.parse().map_err(|_| BodyError::EmptyTarget)?;
    Ok(Form { target, arguments: arguments(members)?, answer: Answer::Sent, field: "arguments" })
}

fn arguments(members: &mut Members<'_>) -> Result<Vec<Box<RawValue>>, BodyError> {
    let field = "arguments";
    let Some(value) = members.remove(field) else { return Ok(Vec::new()) };
    let arguments: Vec<Box<RawValue>> = serde_json::from_str(value.get()).map_err(|_| BodyError::WrongType {
        field,
        expected: "an array",
        found: kind(value),
    })?;
    let arguments = arguments.iter().map(|argument| compact(argument)).collect::<Result<_, LoneSurrogate>>();
    arguments.map_err(|LoneSurrogate| BodyError::LoneSurrogate(field))
}

fn text(members: &mut Members<'_>, field: &'static str) -> Result<String, BodyError> {
    as_text(members.remove(field).expect(CHOSEN), field)
}

fn as_text(value: &RawValue, field: &'static str) -> Result<String, BodyError> {
    serde_json::from_str(value.get()).map_err(|_| match kind(value) {
        STRING => BodyError::LoneSurrogate(field),
        found => BodyError::WrongType { field, expected: STRING, found },
    })
}

fn nothing_else(members: &Members<'_>) -> Result<(), BodyError> {
    members.keys().next().map_or(Ok(()), |field| Err(BodyError::UnknownField(field.clone())))
}

fn as_json(text: &str) -> Box<RawValue> {
    to_raw_value(text).expect("a text can be written as JSON")
}

/// The host sends `{"Target":…,"Arguments":[…]}` on to the service. What the service refuses becomes a 500 without a reason for the
/// caller (functions-host 3.7); refused here, it is a 400 that names the limit. `field` is where a long message came from, unless
/// it is the target that is long.
fn within_limit(message: Message, field: &'static str) -> Result<Message, BodyError> {
    let shortest =
        message.target.as_str().len() + message.arguments.iter().map(|argument| argument.get().len()).sum::<usize>();
    if shortest < LARGEST_MESSAGE / MOST_ESCAPED {
        return Ok(message);
    }
    let target = written_size(&as_json(message.target.as_str()));
    let arguments: usize = message.arguments.iter().map(|argument| written_size(argument) + ",".len()).sum();
    let size = r#"{"Target":,"Arguments":[]}"#.len() + target + arguments.saturating_sub(",".len());
    let field = if target > arguments { "target" } else { field };
    if size > LARGEST_MESSAGE { Err(BodyError::TooLarge { field, size }) } else { Ok(message) }
}

/// The length of compact JSON as Newtonsoft writes it, which escapes these three, as `\u2028`, and else no more than it must.
fn written_size(json: &RawValue) -> usize {
    let escaped = json.get().matches(['\u{85}', '\u{2028}', '\u{2029}']);
    json.get().len() + escaped.map(|escaped| r"\u2028".len() - escaped.len()).sum::<usize>()
}

const OBJECT: &str = "an object";
const STRING: &str = "a string";

fn kind(value: &RawValue) -> &'static str {
    match value.get().as_bytes().first() {
        Some(b'{') => OBJECT,
        Some(b'[') => "an array",
        Some(b'"') => STRING,
        Some(b't' | b'f') => "a boolean",
        Some(b'n') => "null",
        _ => "a number",
    }
}
