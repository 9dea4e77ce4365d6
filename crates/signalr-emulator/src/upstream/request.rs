//! What is posted to an upstream: headers and body (signalr-service 3.2 to 3.4).
//!
//! The signature covers the connection id alone. Of the client's query the upstream gets everything but `access_token`
//! and `id`: whether Azure leaves them out is not known, no function needs them, and both let their owner speak for the
//! client (signalr-service 9.5).

use std::sync::Arc;

use azure_signalr::upstream::sign;
use http::header::CONTENT_TYPE;
use http::{HeaderMap, HeaderName, HeaderValue};
use percent_encoding::percent_decode_str;
use serde::Serialize;
use serde_json::value::RawValue;
use signalr_server::{Arguments, Headers, HubProtocol};

use super::{Occurrence, claims};
use crate::AccessKeys;

/// The parameters of a client's query that are secrets.
const SECRETS: [&str; 2] = ["access_token", "id"];

/// Heads of MessagePack arrays.
const ARRAY_OF_5: u8 = 0x95;
const ARRAY_OF_6: u8 = 0x96;

/// What an upstream is told about a client, beside its ids. Kept as small as it came: most clients never call.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Sender {
    /// The claims of its token as JSON; empty without a token.
    claims: Arc<str>,
    query: String,
}

/// A call of a client.
#[derive(Debug)]
pub(crate) struct Invocation {
    pub(crate) invocation_id: Option<String>,
    pub(crate) target: String,
    pub(crate) arguments: Arguments,
    pub(crate) stream_ids: Vec<String>,
    pub(crate) headers: Headers,
}

/// A body with its type.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Body {
    pub(super) content_type: &'static str,
    pub(super) bytes: Vec<u8>,
}

/// A value cannot be written as a header, for example because it has a line break.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the value of `{0}` has control characters, which no header can carry")]
pub(super) struct Unsendable(&'static str);

impl Sender {
    pub(crate) fn new(claims: Arc<str>, raw_query: Option<&str>) -> Self {
        Self { claims, query: without_secrets(raw_query.unwrap_or_default()) }
    }

    fn claims(&self) -> String {
        serde_json::from_str(&self.claims).as_ref().map(claims::header).unwrap_or_default()
    }
}

/// The query as the client wrote it, with its question mark, but for the secrets.
fn without_secrets(raw_query: &str) -> String {
    let is_secret = |pair: &str| {
        let name = percent_decode_str(pair.split('=').next().unwrap_or_default()).decode_utf8_lossy().into_owned();
        SECRETS.iter().any(|secret| name.eq_ignore_ascii_case(secret))
    };
    let kept: Vec<&str> = raw_query.split('&').filter(|pair| !is_secret(pair)).collect();
    let kept = kept.join("&");
    if kept.is_empty() { kept } else { format!("?{kept}") }
}

/// Every header of a call. What is empty is left out.
pub(super) fn headers(
    keys: &AccessKeys,
    occurrence: &Occurrence<'_>,
    connection_id: &str,
    user_id: Option<&str>,
    sender: &Sender,
    content_type: &'static str,
) -> Result<HeaderMap, Unsendable> {
    let mut headers = HeaderMap::new();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
    let signature = sign(keys.all(), connection_id);
    for (name, value) in [
        ("x-asrs-connection-id", connection_id),
        ("x-asrs-hub", occurrence.hub),
        ("x-asrs-category", occurrence.category.name()),
        ("x-asrs-event", occurrence.event),
        ("x-asrs-user-id", user_id.unwrap_or_default()),
        ("x-asrs-user-claims", &sender.claims()),
        ("x-asrs-client-query", &sender.query),
        ("x-asrs-signature", &signature),
    ] {
        if !value.is_empty() {
            // UTF-8, which ASP.NET reads; the official emulator cannot send anything but ASCII.
            let value = HeaderValue::from_bytes(value.as_bytes()).map_err(|_| Unsendable(name))?;
            headers.insert(HeaderName::from_static(name), value);
        }
    }
    Ok(headers)
}

impl Body {
    pub(super) fn connected() -> Self {
        Self::json(br#"{"type":10}"#.to_vec())
    }

    /// In this casing; `Error` is left out when there was none.
    pub(super) fn disconnected(error: Option<&str>) -> Self {
        Self::json(write(&Disconnected { kind: 11, error }))
    }

    /// The invocation without its framing, in the protocol of the client.
    pub(super) fn invocation(protocol: HubProtocol, invocation: &Invocation) -> Self {
        match protocol {
            HubProtocol::Json => Self::json(write(&JsonInvocation::from(invocation))),
            HubProtocol::MessagePack => Self { content_type: "application/x-msgpack", bytes: messagepack(invocation) },
        }
    }

    fn json(bytes: Vec<u8>) -> Self {
        // Without a charset: the Functions extension compares the type as a text (signalr-service 3.2).
        Self { content_type: "application/json", bytes }
    }
}

#[derive(Serialize)]
struct Disconnected<'a> {
    #[serde(rename = "Type")]
    kind: u8,
    #[serde(rename = "Error", skip_serializing_if = "Option::is_none")]
    error: Option<&'a str>,
}

/// In the order of the .NET writer. The arguments are the bytes that the client sent.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct JsonInvocation<'a> {
    r#type: u8,
    #[serde(skip_serializing_if = "Headers::is_empty")]
    headers: &'a Headers,
    #[serde(skip_serializing_if = "Option::is_none")]
    invocation_id: Option<&'a str>,
    target: &'a str,
    arguments: &'a RawValue,
    #[serde(skip_serializing_if = "<[String]>::is_empty")]
    stream_ids: &'a [String],
}

impl<'a> From<&'a Invocation> for JsonInvocation<'a> {
    fn from(invocation: &'a Invocation) -> Self {
        Self {
            r#type: 1,
            headers: &invocation.headers,
            invocation_id: invocation.invocation_id.as_deref(),
            target: &invocation.target,
            arguments: invocation.arguments.json(),
            stream_ids: &invocation.stream_ids,
        }
    }
}

fn write(document: &impl Serialize) -> Vec<u8> {
    serde_json::to_vec(document).expect("these documents have text keys and nothing that refuses to be written")
}

/// `[1, headers, invocation id or nil, target, [arguments](, stream ids)]`. The arguments are the bytes that the client
/// sent.
fn messagepack(invocation: &Invocation) -> Vec<u8> {
    use rmpv::Value as Pack;
    let headers = invocation.headers.iter().map(|(name, value)| (name.as_str().into(), value.as_str().into()));
    let head = [
        1.into(),
        Pack::Map(headers.collect()),
        invocation.invocation_id.as_deref().map_or(Pack::Nil, Pack::from),
        invocation.target.as_str().into(),
    ];
    let stream_ids: Vec<Pack> = invocation.stream_ids.iter().map(|id| id.as_str().into()).collect();
    let mut bytes = vec![if stream_ids.is_empty() { ARRAY_OF_5 } else { ARRAY_OF_6 }];
    head.iter().for_each(|part| append(&mut bytes, part));
    bytes.extend_from_slice(invocation.arguments.messagepack());
    if !stream_ids.is_empty() {
        append(&mut bytes, &Pack::Array(stream_ids));
    }
    bytes
}

fn append(bytes: &mut Vec<u8>, part: &rmpv::Value) {
    rmpv::encode::write_value(bytes, part).expect("a vector takes every write");
}

#[cfg(test)]
mod tests {
    use azure_signalr::AccessKey;
    use serde_json::json;

    use super::*;
    use crate::upstream::Category;

    const KEY: &str = "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789ABCDEFGH";
    const SIGNATURE: &str = "sha256=23F024529785A77BD002BE585670D48D876C5F75505B5D4C951C40EB29BD3C07";

    #[track_caller]
    fn check_query(raw: &str, expected: &str) {
        assert_eq!(without_secrets(raw), expected, "{raw}");
    }

    #[test]
    fn the_query_is_passed_on_as_it_was_but_for_its_secrets() {
        check_query("", "");
        check_query("hub=chat", "?hub=chat");
        check_query("hub=chat&id=secret&room=a%2Fb+c&ACCESS_TOKEN=secret&x", "?hub=chat&room=a%2Fb+c&x");
        check_query("id=secret&%69d=secret&access%5Ftoken=secret", "");
        check_query("userid=1&hub=chat", "?userid=1&hub=chat");
    }

    fn sent(keys: &AccessKeys, user_id: Option<&str>, sender: &Sender, event: &str) -> Result<HeaderMap, Unsendable> {
        let occurrence = Occurrence { hub: "chat", category: Category::Messages, event };
        headers(keys, &occurrence, "gZ9-5Jm0Xr0m4x3cW1Tjqw", user_id, sender, "application/json")
    }

    #[test]
    fn a_call_has_the_headers_of_the_service() {
        let claims = json!({"asrs.s.uid": "alice"});
        let sender = Sender::new(claims.to_string().into(), Some("hub=chat&id=x"));
        let headers = sent(&AccessKeys::default(), Some("alice"), &sender, "Send").unwrap();
        let headers: Vec<(&str, &str)> =
            headers.iter().map(|(name, value)| (name.as_str(), value.to_str().unwrap())).collect();
        assert_eq!(
            headers,
            [
                ("content-type", "application/json"),
                ("x-asrs-connection-id", "gZ9-5Jm0Xr0m4x3cW1Tjqw"),
                ("x-asrs-hub", "chat"),
                ("x-asrs-category", "messages"),
                ("x-asrs-event", "Send"),
                ("x-asrs-user-id", "alice"),
                ("x-asrs-user-claims", "asrs.s.uid: alice"),
                ("x-asrs-client-query", "?hub=chat"),
                ("x-asrs-signature", SIGNATURE),
            ]
        );
    }

    #[test]
    fn what_is_empty_is_no_header_and_two_keys_sign_with_a_bare_comma_between() {
        let keys = AccessKeys { primary: AccessKey::new("other"), secondary: Some(AccessKey::new(KEY)) };
        let headers = sent(&keys, Some(""), &Sender::default(), "Send").unwrap();
        for absent in ["x-asrs-user-id", "x-asrs-user-claims", "x-asrs-client-query"] {
            assert!(!headers.contains_key(absent), "{absent}");
        }
        let signatures: Vec<&str> = headers["x-asrs-signature"].to_str().unwrap().split(',').collect();
        assert!(matches!(signatures[..], [first, SIGNATURE] if first.starts_with("sha256=") && first.len() == 71));
    }

    #[test]
    fn a_name_outside_ascii_goes_out_as_utf8_and_a_line_break_does_not_go_out() {
        let keys = AccessKeys::default();
        let headers = sent(&keys, Some("Jürgen"), &Sender::default(), "Send").unwrap();
        assert_eq!(headers["x-asrs-user-id"].as_bytes(), "Jürgen".as_bytes());
        let refused = sent(&keys, None, &Sender::default(), "Send\r\nX-Evil: 1").unwrap_err();
        assert_eq!(refused, Unsendable("x-asrs-event"));
    }

    fn invocation(invocation_id: Option<&str>, arguments: &str) -> Invocation {
        let arguments = Arguments::from_raw_json(RawValue::from_string(arguments.to_owned()).unwrap()).unwrap();
        Invocation {
            invocation_id: invocation_id.map(str::to_owned),
            target: "Send".to_owned(),
            arguments,
            stream_ids: Vec::new(),
            headers: Headers::new(),
        }
    }

    #[track_caller]
    fn check_body(body: &Body, content_type: &str, expected: &[u8]) {
        assert_eq!((body.content_type, &*body.bytes), (content_type, expected));
    }

    #[test]
    fn connections_have_the_bodies_of_the_service() {
        check_body(&Body::connected(), "application/json", br#"{"type":10}"#);
        check_body(&Body::disconnected(None), "application/json", br#"{"Type":11}"#);
        check_body(&Body::disconnected(Some("a \"b\"")), "application/json", br#"{"Type":11,"Error":"a \"b\""}"#);
    }

    #[test]
    fn an_invocation_goes_out_without_its_framing_and_its_arguments_byte_for_byte() {
        let json = |invocation: &Invocation| Body::invocation(HubProtocol::Json, invocation);
        let waiting = invocation(Some("0"), r#"[1.0, {"b":1e400} ]"#);
        let expected = br#"{"type":1,"invocationId":"0","target":"Send","arguments":[1.0, {"b":1e400} ]}"#;
        check_body(&json(&waiting), "application/json", expected);
        let mut sent = invocation(None, "[]");
        check_body(&json(&sent), "application/json", br#"{"type":1,"target":"Send","arguments":[]}"#);
        sent.stream_ids = vec!["1".to_owned()];
        sent.headers.insert("trace".to_owned(), "t".to_owned());
        let expected = br#"{"type":1,"headers":{"trace":"t"},"target":"Send","arguments":[],"streamIds":["1"]}"#;
        check_body(&json(&sent), "application/json", expected);
    }

    #[test]
    fn an_invocation_of_a_messagepack_client_stays_messagepack() {
        let pack = |invocation: &Invocation| Body::invocation(HubProtocol::MessagePack, invocation);
        let waiting = invocation(Some("0"), r#"["hi",-1,null,true,{"a":[2]}]"#);
        let expected = b"\x95\x01\x80\xa10\xa4Send\x95\xa2hi\xff\xc0\xc3\x81\xa1a\x91\x02";
        check_body(&pack(&waiting), "application/x-msgpack", expected);
        let mut sent = invocation(None, "[]");
        sent.stream_ids = vec!["1".to_owned()];
        check_body(&pack(&sent), "application/x-msgpack", b"\x96\x01\x80\xc0\xa4Send\x90\x91\xa11");
    }
}
