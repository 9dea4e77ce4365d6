//! Upstream requests as the service sends them, and what the extension makes of each.

use serde_json::json;

use super::message::{read_call, read_disconnection};
use super::*;
use crate::app::ClientEvent;

fn headers(pairs: &[(&'static str, &'static str)]) -> HeaderMap {
    let mut headers = HeaderMap::new();
    for (name, value) in pairs {
        headers.append(*name, http::HeaderValue::from_bytes(value.as_bytes()).unwrap());
    }
    headers
}

const ABOUT: [(&str, &str); 4] = [
    ("x-asrs-hub", "chat"),
    ("x-asrs-category", "messages"),
    ("x-asrs-event", "SendMessage"),
    ("x-asrs-connection-id", "c1"),
];

fn event(more: &[(&'static str, &'static str)]) -> UpstreamEvent {
    let headers = headers(&[&ABOUT[..], more].concat());
    UpstreamEvent::read(Key::read(&headers).unwrap(), &headers).unwrap()
}

fn written(event: &UpstreamEvent) -> Value {
    serde_json::from_str(event.value().as_str().unwrap()).unwrap()
}

fn call(protocol: Protocol, body: &[u8]) -> Result<UpstreamEvent, Unreadable> {
    event(&[]).with_call(read_call(protocol, body)?, &TimeZone::UTC)
}

#[track_caller]
fn check_arguments(protocol: Protocol, body: &[u8], expected: &str) {
    let event = call(protocol, body).unwrap();
    assert_eq!(event.arguments.as_deref().map_or("none", RawValue::get), expected);
}

#[test]
fn the_value_has_all_members_in_order_on_one_line() {
    let event = event(&[("x-asrs-user-id", "alice"), ("content-type", "application/json"), ("content-length", "5")]);
    let text = r#"{"Arguments":null,"Error":null,"Category":"messages","Event":"SendMessage","Hub":"chat","ConnectionId":"c1","UserId":"alice","Headers":{"X-ASRS-Hub":"chat","X-ASRS-Category":"messages","X-ASRS-Event":"SendMessage","X-ASRS-Connection-Id":"c1","X-ASRS-User-Id":"alice"},"Query":null,"Claims":null}"#;
    assert_eq!(event.value(), json!(text));
}

#[test]
fn repeated_headers_and_query_values_are_joined() {
    let event =
        event(&[("x-more", "1"), ("x-more", "2"), ("x-asrs-client-query", "?hub=chat&room=a%20b&Room=c+d&flag")]);
    assert_eq!(written(&event)["Headers"]["x-more"], "1,2");
    assert_eq!(written(&event)["Query"], json!({"hub": "chat", "room": "a b,c d", "flag": ""}));
}

#[test]
fn claims_are_taken_apart_at_commas_and_colons_and_the_first_of_a_type_counts() {
    let claims = |header| written(&event(&[("x-asrs-user-claims", header)]))["Claims"].clone();
    assert_eq!(claims("role: admin, name: al, role: user"), json!({"role": "admin", "name": "al"}));
    assert_eq!(claims("http://a/b: c: d, name: Doe, Jane, empty: "), json!({"name": "Doe"}));
    assert_eq!(claims("Role: a, role: b"), json!({"Role": "a", "role": "b"}));
}

#[test]
fn a_missing_header_is_an_exception_and_an_empty_one_is_not() {
    assert_eq!(Key::read(&headers(&ABOUT[1..])), Err(Unreadable::HeaderMissing));
    assert!(!Key::read(&headers(&[("x-asrs-hub", ""), ABOUT[1], ABOUT[2]])).unwrap().is_complete());
    let read = |headers: &HeaderMap| UpstreamEvent::read(Key::read(headers).unwrap(), headers).map(|_| ());
    assert_eq!(read(&headers(&ABOUT[..3])), Err(Unreadable::HeaderMissing));
    let empty = headers(&[ABOUT[0], ABOUT[1], ABOUT[2], ("x-asrs-connection-id", "")]);
    assert_eq!(read(&empty), Err(Unreadable::Inconsistent));
}

#[test]
fn content_types_are_compared_with_their_letter_case_and_without_parameters() {
    assert_eq!(Protocol::of_content_type("application/json; charset=utf-8"), Some(Protocol::Json));
    assert_eq!(Protocol::of_content_type("application/x-msgpack"), Some(Protocol::MessagePack));
    for other in ["Application/json", "text/json", ""] {
        assert_eq!(Protocol::of_content_type(other), None, "{other}");
    }
}

#[test]
fn json_arguments_keep_their_numbers_and_lose_their_white_space() {
    let body = br#" {"Type": 1, "INVOCATIONID":"0", "target":"sendmessage", "arguments": [ 1.0, {"a b" : 12345678901234567890123} ] } "#;
    check_arguments(Protocol::Json, body, r#"[1.0,{"a b":12345678901234567890123}]"#);
    check_arguments(Protocol::Json, b"{\"type\":1,\"target\":\"SendMessage\"}\x1e", "none");
    check_arguments(
        Protocol::Json,
        br#"{"type":1,"target":"SendMessage","arguments":["2023-11-14T22:13:20.000Z"]}"#,
        r#"["2023-11-14T22:13:20Z"]"#,
    );
}

#[test]
fn messagepack_arguments_become_json() {
    let mut body = vec![0x95, 1, 0x80, 0xa1, b'0', 0xab];
    body.extend_from_slice(b"SendMessage");
    // [nil, true, -1, 18446744073709551615, 1.5, "x", binary 69 b7 1d, {"a": [1]}, {5: 6}, 2023-11-14T22:13:20.5Z, NaN]
    body.extend_from_slice(&[0x9b, 0xc0, 0xc3, 0xff, 0xcf, 255, 255, 255, 255, 255, 255, 255, 255]);
    body.extend_from_slice(&[0xcb, 0x3f, 0xf8, 0, 0, 0, 0, 0, 0, 0xa1, b'x', 0xc4, 3, 0x69, 0xb7, 0x1d]);
    body.extend_from_slice(&[0x81, 0xa1, b'a', 0x91, 1, 0x81, 5, 6]);
    body.extend_from_slice(&[0xd7, 0xff]);
    body.extend_from_slice(&((500_000_000_u64 << 34) | 1_700_000_000).to_be_bytes());
    body.extend_from_slice(&[0xca, 0x7f, 0xc0, 0, 0]);
    let expected =
        r#"[null,true,-1,18446744073709551615,1.5,"x","abcd",{"a":[1]},{"5":6},"2023-11-14T22:13:20.5Z","NaN"]"#;
    check_arguments(Protocol::MessagePack, &body, expected);
}

#[test]
fn a_body_that_is_no_invocation_cannot_be_read() {
    let refuses = |protocol, body: &[u8]| assert_eq!(call(protocol, body).map(|_| ()), Err(Unreadable::Message));
    for body in ["", "[]", "{", "{}", r#"{"type":10}"#, r#"{"type":1,"target":[]}"#, r#"{"type":1,"arguments":{}}"#] {
        refuses(Protocol::Json, body.as_bytes());
    }
    for body in [&[][..], &[0x90], &[0x95, 3, 0x80, 0xc0, 0xa1, b'x', 0x90], &[0x95, 1, 0x80, 0xc0, 0xa1, b'x', 0xc0]] {
        refuses(Protocol::MessagePack, body);
    }
}

#[test]
fn deeply_nested_messagepack_is_refused_and_not_followed() {
    let mut body = vec![0x95, 1, 0x80, 0xc0, 0xa1, b'x', 0x91];
    body.extend(std::iter::repeat_n(0x91, 100_000));
    assert_eq!(read_call(Protocol::MessagePack, &body).map(|_| ()), Err(Unreadable::Message));
}

#[test]
fn the_method_of_the_body_must_be_the_one_of_the_headers() {
    let call = |body: &[u8]| call(Protocol::Json, body).map(|_| ());
    assert_eq!(call(br#"{"type":1,"target":"SENDMESSAGE"}"#), Ok(()));
    assert_eq!(call(br#"{"type":1,"target":"Other"}"#), Err(Unreadable::Inconsistent));
    assert_eq!(call(br#"{"type":1}"#), Err(Unreadable::Inconsistent));
}

#[test]
fn the_end_of_a_connection_may_have_an_error() {
    let read = |body: &[u8]| read_disconnection(Protocol::Json, body);
    assert_eq!(read(br#"{"Type":11,"Error":"gone"}"#), Ok(Some("gone".to_owned())));
    assert_eq!(read(br#"{"type":11}"#), Ok(None));
    assert_eq!(read(br#"{"type":10}"#), Err(Unreadable::Message));
    assert_eq!(read_disconnection(Protocol::MessagePack, &[0x92, 11, 0xc0]), Err(Unreadable::Message));
}

fn trigger(names: &[&str]) -> SignalRTrigger {
    SignalRTrigger {
        name: "invocation".to_owned(),
        hub_name: "chat".to_owned(),
        event: ClientEvent::Called("SendMessage".to_owned()),
        parameter_names: names.iter().map(|name| (*name).to_owned()).collect(),
        connection_string_setting: "AzureSignalRConnectionString".to_owned(),
    }
}

fn named(names: &[&str], arguments: &str) -> Result<Value, String> {
    let body = format!(r#"{{"type":1,"target":"SendMessage","arguments":{arguments}}}"#);
    let sys =
        Sys { method_name: "send".to_owned(), utc_now: jiff::Timestamp::UNIX_EPOCH, rand_guid: uuid::Uuid::nil() };
    let data = call(Protocol::Json, body.as_bytes()).unwrap().binding_data(&trigger(names), sys)?;
    let mut data = data.values().clone();
    assert!(data.remove("sys").is_some());
    Ok(Value::Object(data))
}

#[test]
fn arguments_get_the_names_of_the_trigger() {
    assert_eq!(named(&["text", "n"], r#"["hi",{"a":1}]"#), Ok(json!({"text": "hi", "n": {"a": 1}})));
    assert_eq!(named(&[], r#"["hi",{"a":1}]"#), Ok(json!({})));
}

#[test]
fn the_number_of_arguments_must_be_that_of_the_names() {
    let refused = |wanted, given| Err(format!("The function accept {wanted} arguments but message provided {given}."));
    assert_eq!(named(&["text"], "[1,2]"), refused(1, 2));
    assert_eq!(named(&["text", "n"], "null"), refused(2, 0));
}
