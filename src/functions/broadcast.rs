//! `broadcast`: sends one message to every connected client.
//!
//! Three bodies are understood, because pages that exist send them: `{"message"}`, `{"payload"}` and `{"target","arguments"}`. A
//! body with any other member is refused, since a misspelt one would otherwise be lost without a word.

mod compact;
mod error;

use super::{HTTP_TRIGGER, MESSAGES};
use crate::error::{CallError, HTTP_OUTPUT, shown};
use azure_signalr::{Message, Recipient, Target};
use compact::{LoneSurrogate, compact};
use custom_handler::{HttpResponse, Invocation, InvocationRejection, InvocationResult};
use error::BroadcastError;
use serde_json::json;
use serde_json::value::{RawValue, to_raw_value};
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
    let Announcement { message, reply } =
        announce(request.body()).map_err(|error| error.of_a_body_sent_as(request.header("content-type")))?;
    let response = match reply {
        Reply::Sent => HttpResponse::json(200, &json!({ "sent": true })).map_err(CallError::internal)?,
        Reply::Echo(payload) => HttpResponse::text(200, payload),
    };
    // The host sends it after this line is written, and may fail to.
    let log = format!("sending `{}` to all clients", shown(message.target.as_str()));
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

/// Turns the body of `POST /api/broadcast` into the message that every client receives.
fn announce(body: Option<&str>) -> Result<Announcement, BroadcastError> {
    let mut members = members(body.unwrap_or_default())?;
    let forms: Vec<_> =
        ["message", "payload", "target"].into_iter().filter(|form| members.contains_key(*form)).collect();
    match forms[..] {
        [] => Err(members.into_keys().next().map_or(BroadcastError::Nothing, BroadcastError::UnknownField)),
        [first, second, ..] => Err(BroadcastError::Ambiguous { first, second }),
        ["message"] => notification(&mut members),
        ["payload"] => message(&mut members),
        [_] => general(&mut members),
    }
}

type Members = BTreeMap<String, Box<RawValue>>;

fn members(body: &str) -> Result<Members, BroadcastError> {
    if body.trim().is_empty() {
        return Err(BroadcastError::Empty);
    }
    let value: &RawValue = serde_json::from_str(body).map_err(BroadcastError::NotJson)?;
    serde_json::from_str(value.get()).map_err(|_| match kind(value) {
        OBJECT => BroadcastError::LoneSurrogateInName,
        other => BroadcastError::NotAnObject(other),
    })
}

fn notification(members: &mut Members) -> Result<Announcement, BroadcastError> {
    let text = only_text(members, "message")?;
    let message = to_everyone(Target::from_static(NOTIFICATION), vec![as_json(&text)]);
    Ok(Announcement { message: within_limit(message, "message")?, reply: Reply::Sent })
}

fn message(members: &mut Members) -> Result<Announcement, BroadcastError> {
    let payload = only_text(members, "payload")?;
    let message = to_everyone(Target::from_static(MESSAGE), vec![as_json(&payload)]);
    Ok(Announcement { message: within_limit(message, "payload")?, reply: Reply::Echo(payload) })
}

fn general(members: &mut Members) -> Result<Announcement, BroadcastError> {
    let target = text(members, "target")?.parse().map_err(|_| BroadcastError::EmptyTarget)?;
    let arguments = arguments(members)?;
    nothing_else(members)?;
    let message = within_limit(to_everyone(target, arguments), "arguments")?;
    Ok(Announcement { message, reply: Reply::Sent })
}

fn arguments(members: &mut Members) -> Result<Vec<Box<RawValue>>, BroadcastError> {
    let field = "arguments";
    let Some(value) = members.remove(field) else { return Ok(Vec::new()) };
    let arguments: Vec<Box<RawValue>> = serde_json::from_str(value.get()).map_err(|_| BroadcastError::WrongType {
        field,
        expected: "an array",
        found: kind(&value),
    })?;
    let arguments = arguments.iter().map(|argument| compact(argument)).collect::<Result<_, LoneSurrogate>>();
    arguments.map_err(|LoneSurrogate| BroadcastError::LoneSurrogate(field))
}

/// The text of the only member.
fn only_text(members: &mut Members, field: &'static str) -> Result<String, BroadcastError> {
    let text = text(members, field)?;
    nothing_else(members)?;
    Ok(text)
}

fn text(members: &mut Members, field: &'static str) -> Result<String, BroadcastError> {
    let value = members.remove(field).expect("the form was chosen by this member");
    serde_json::from_str(value.get()).map_err(|_| match kind(&value) {
        STRING => BroadcastError::LoneSurrogate(field),
        found => BroadcastError::WrongType { field, expected: STRING, found },
    })
}

fn nothing_else(members: &Members) -> Result<(), BroadcastError> {
    members.keys().next().map_or(Ok(()), |field| Err(BroadcastError::UnknownField(field.clone())))
}

fn as_json(text: &str) -> Box<RawValue> {
    to_raw_value(text).expect("a text can be written as JSON")
}

fn to_everyone(target: Target, arguments: Vec<Box<RawValue>>) -> Message {
    Message { target, arguments, recipient: Recipient::Everyone }
}

/// The host sends `{"Target":…,"Arguments":[…]}` on to the service. What the service refuses becomes a 500 without a reason for the
/// caller (functions-host 3.7); refused here, it is a 400 that names the limit. `field` is where a long message came from, unless
/// it is the target that is long.
fn within_limit(message: Message, field: &'static str) -> Result<Message, BroadcastError> {
    let target = written_size(&as_json(message.target.as_str()));
    let arguments: usize = message.arguments.iter().map(|argument| written_size(argument) + ",".len()).sum();
    let size = r#"{"Target":,"Arguments":[]}"#.len() + target + arguments.saturating_sub(",".len());
    let field = if target > arguments { "target" } else { field };
    if size > LARGEST_MESSAGE { Err(BroadcastError::TooLarge { field, size }) } else { Ok(message) }
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
    fn arguments_keep_their_digits() {
        let arguments = r#"[12345678901234567890,1.0,1e2]"#;
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

    #[track_caller]
    fn check_size(body: &str, expected: Result<(), (&'static str, usize)>) {
        match (announce(Some(body)), expected) {
            (Ok(_), Ok(())) => {}
            (Err(BroadcastError::TooLarge { field, size }), expected) => assert_eq!(Err((field, size)), expected),
            (other, _) => panic!("{other:?}"),
        }
    }

    #[test]
    fn a_message_that_the_service_would_refuse_is_refused_here() {
        let around = r#"{"Target":"newNotification","Arguments":[""]}"#.len();
        let fits = "x".repeat(LARGEST_MESSAGE - around);
        check_size(&format!(r#"{{"message":"{fits}"}}"#), Ok(()));
        check_size(&format!(r#"{{"message":"{fits}x"}}"#), Err(("message", LARGEST_MESSAGE + 1)));
        let error = announce(Some(&format!(r#"{{"message":"{fits}x"}}"#))).unwrap_err();
        let detail = "with `message` the message has 1000001 bytes; SignalR Service takes at most 1000000";
        assert_eq!(error.to_string(), detail);
    }

    #[test]
    fn a_message_that_is_too_large_names_the_member_that_makes_it_so() {
        let long = "x".repeat(LARGEST_MESSAGE);
        check_size(&format!(r#"{{"payload":"{long}"}}"#), Err(("payload", 1_000_040)));
        check_size(&format!(r#"{{"target":"t","arguments":[1,"{long}"]}}"#), Err(("arguments", 1_000_033)));
        check_size(&format!(r#"{{"target":"{long}","arguments":[1]}}"#), Err(("target", 1_000_029)));
    }

    #[test]
    fn escapes_of_the_caller_and_white_space_do_not_count() {
        let escapes = r"\u00e9".repeat(200_000);
        check_size(&format!(r#"{{"message":"{escapes}"}}"#), Ok(()));
        check_size(&format!(r#"{{"target":"t","arguments":["{escapes}"]}}"#), Ok(()));
        check_size(&format!(r#"{{"target":"t","arguments":[1,{}2]}}"#, " ".repeat(LARGEST_MESSAGE)), Ok(()));
        // These grow on the way to the service, from three bytes to six.
        let separators = "\u{2028}".repeat(200_000);
        check_size(&format!(r#"{{"message":"{separators}"}}"#), Err(("message", 1_200_045)));
    }

    #[test]
    fn texts_are_sent_as_the_service_will_have_them() {
        let sent = r#"{"target":"t","arguments":["é",{"a":[1,"é"]}]}"#;
        check_sent(r#"{"target":"t","arguments":["\u00e9", {"\u0061": [1, "\u00e9"]}]}"#, sent, &Reply::Sent);
        check_sent(r#"{"message":"\u00e9"}"#, r#"{"target":"newNotification","arguments":["é"]}"#, &Reply::Sent);
    }

    #[test]
    fn half_of_a_surrogate_pair_is_refused_as_what_it_is() {
        let refused = |field: &str| {
            format!("`{field}` has half of a surrogate pair, such as `\\ud800`, which is no text; send both halves")
        };
        check_refused(r#"{"message":"\ud800"}"#, Some("message"), &refused("message"));
        check_refused(r#"{"target":"t","arguments":[["\udc00"]]}"#, Some("arguments"), &refused("arguments"));
        let in_name = "the name of a member has half of a surrogate pair, such as `\\ud800`, which is no text";
        check_refused(r#"{"\ud800":1}"#, None, in_name);
        check_sent(
            r#"{"payload":"\ud83d\ude00"}"#,
            r#"{"target":"newMessage","arguments":["😀"]}"#,
            &Reply::Echo("😀".to_owned()),
        );
    }

    #[track_caller]
    fn check_sent_as(content_type: Option<&str>, body: &str, expected_detail: &str) {
        let error = announce(Some(body)).unwrap_err().of_a_body_sent_as(content_type);
        assert_eq!((error.to_string().as_str(), error.field()), (expected_detail, None));
    }

    #[test]
    fn a_body_that_arrives_as_base64_is_not_called_bad_json() {
        let base64 = |content_type: &str| {
            let way = "which the Functions host passes on as base64; send it as `application/json`";
            format!("the body was sent as `{content_type}`, {way}")
        };
        // {"message":"hi"}
        let body = "eyJtZXNzYWdlIjoiaGkifQ==";
        check_sent_as(Some("Application/Octet-Stream"), body, &base64("application/octet-stream"));
        check_sent_as(Some("multipart/form-data; boundary=x"), body, &base64("multipart/form-data"));
        check_sent_as(Some("application/octet-stream"), "1234", &base64("application/octet-stream"));
        let not_json = "the body is not JSON: expected value at line 1 column 1";
        check_sent_as(Some("application/json"), body, not_json);
        check_sent_as(None, body, not_json);
    }

    #[test]
    fn a_name_of_the_caller_cannot_forge_a_log_line() {
        let known = "the members are `message`, or `payload`, or `target` and `arguments`";
        let forged = "a\nb\u{1b}[31mRED";
        let body = json!({ forged: 1 }).to_string();
        check_refused(&body, Some(forged), &format!(r"`a\nb\u{{1b}}[31mRED` is not known; {known}"));
        let long = "x".repeat(1000);
        let detail = announce(Some(&json!({ long: 1 }).to_string())).unwrap_err().to_string();
        assert_eq!(detail, format!("`{}…` is not known; {known}", "x".repeat(64)));
    }
}
