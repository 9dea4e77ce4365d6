use super::*;
use serde_json::json;

#[track_caller]
fn check_sent(body: &str, expected_message: &str, expected_reply: &Answer) {
    let Announcement { message, answer: reply } = announce(Some(body), Recipient::Everyone).unwrap();
    assert_eq!(serde_json::to_string(&message).unwrap(), expected_message);
    assert_eq!(reply, *expected_reply);
}

#[track_caller]
fn check_refused(body: &str, expected_field: Option<&str>, expected_detail: &str) {
    let error = announce(Some(body), Recipient::Everyone).unwrap_err();
    assert_eq!(error.to_string(), expected_detail);
    assert_eq!(error.field(), expected_field);
}

#[test]
fn the_three_bodies_are_understood() {
    check_sent(r#"{"message":"hi"}"#, r#"{"target":"newNotification","arguments":["hi"]}"#, &Answer::Sent);
    check_sent(r#"{"payload":"hi"}"#, r#"{"target":"newMessage","arguments":["hi"]}"#, &Answer::Echo("hi".to_owned()));
    check_sent(
        r#"{"target":"t","arguments":[1,{"a":null}]}"#,
        r#"{"target":"t","arguments":[1,{"a":null}]}"#,
        &Answer::Sent,
    );
    check_sent(r#"{"target":"t"}"#, r#"{"target":"t","arguments":[]}"#, &Answer::Sent);
}

#[test]
fn an_empty_text_is_a_text() {
    check_sent(r#"{"payload":""}"#, r#"{"target":"newMessage","arguments":[""]}"#, &Answer::Echo(String::new()));
}

#[test]
fn arguments_keep_their_digits() {
    let arguments = r#"[12345678901234567890,1.0,1e2]"#;
    let sent = format!(r#"{{"target":"t","arguments":{arguments}}}"#);
    check_sent(&sent, &sent, &Answer::Sent);
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
    check_refused(r#"{"target":"t","arguments":{}}"#, Some("arguments"), "`arguments` must be an array, not an object");
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
    match (announce(Some(body), Recipient::Everyone), expected) {
        (Ok(_), Ok(())) => {}
        (Err(BodyError::TooLarge { field, size }), expected) => assert_eq!(Err((field, size)), expected),
        (other, _) => panic!("{other:?}"),
    }
}

#[test]
fn a_message_that_the_service_would_refuse_is_refused_here() {
    let around = r#"{"Target":"newNotification","Arguments":[""]}"#.len();
    let fits = "x".repeat(LARGEST_MESSAGE - around);
    check_size(&format!(r#"{{"message":"{fits}"}}"#), Ok(()));
    check_size(&format!(r#"{{"message":"{fits}x"}}"#), Err(("message", LARGEST_MESSAGE + 1)));
    let error = announce(Some(&format!(r#"{{"message":"{fits}x"}}"#)), Recipient::Everyone).unwrap_err();
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
    check_sent(r#"{"target":"t","arguments":["\u00e9", {"\u0061": [1, "\u00e9"]}]}"#, sent, &Answer::Sent);
    check_sent(r#"{"message":"\u00e9"}"#, r#"{"target":"newNotification","arguments":["é"]}"#, &Answer::Sent);
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
        &Answer::Echo("😀".to_owned()),
    );
}

#[track_caller]
fn check_sent_as(content_type: Option<&str>, body: &str, expected_detail: &str) {
    let error = announce(Some(body), Recipient::Everyone).unwrap_err().of_a_body_sent_as(content_type);
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
    let detail = announce(Some(&json!({ long: 1 }).to_string()), Recipient::Everyone).unwrap_err().to_string();
    assert_eq!(detail, format!("`{}…` is not known; {known}", "x".repeat(64)));
}
