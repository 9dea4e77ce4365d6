use super::*;
use crate::answer::Answer;
use crate::app::OutputBinding;

/// Status, content type and body that the caller of a function gets, when the HTTP output has this name.
fn through(binding: &str, answer: &str) -> Result<(u16, String, String), String> {
    let bindings = [OutputBinding::Http { name: binding.to_owned() }];
    let answer = Answer::read(StatusCode::OK, Some("application/json"), answer.as_bytes(), &TimeZone::UTC).unwrap();
    let outcome = answer.outcome(&bindings, &TimeZone::UTC).map_err(|error| error.to_string())?;
    let rendered = outcome.response.render()?;
    let content_type = rendered.headers.get("content-type").map_or("", |value| value.to_str().unwrap());
    let body = String::from_utf8_lossy(&rendered.body).into_owned();
    Ok((rendered.status.as_u16(), content_type.to_owned(), body))
}

const PLAIN: &str = "text/plain; charset=utf-8";
const JSON: &str = "application/json; charset=utf-8";
const FORMAT: &str =
    "Failed while trying to Deserialize to httpOutputBindingResponse. Output is not in expected format";

#[track_caller]
fn check(answer: &str, status: u16, content_type: &str, body: &str) {
    assert_eq!(through("res", answer), Ok((status, content_type.to_owned(), body.to_owned())), "{answer}");
}

#[track_caller]
fn check_return(answer: &str, status: u16, content_type: &str, body: &str) {
    assert_eq!(through("$return", answer), Ok((status, content_type.to_owned(), body.to_owned())), "{answer}");
}

#[track_caller]
fn fails(answer: &str, text: &str) {
    let error = through("res", answer).unwrap_err();
    assert!(error.contains(text), "{answer}: {error}");
}

fn response(members: &str) -> String {
    format!(r#"{{"Outputs":{{"res":{{{members}}}}}}}"#)
}

fn declared(json: &str) -> HttpOutput {
    let value: Box<RawValue> = serde_json::from_str(json).unwrap();
    HttpOutput::declared(Some(&value), &TimeZone::UTC).unwrap()
}

#[test]
fn nothing_at_all_is_204() {
    check("{}", 204, "", "");
    check(r#"{"Outputs":null,"ReturnValue":null}"#, 204, "", "");
}

#[test]
fn outputs_without_the_key_give_an_empty_object() {
    check(r#"{"Outputs":{}}"#, 200, PLAIN, "{}");
    check(r#"{"Outputs":{"Res":{"body":"x"}}}"#, 200, PLAIN, "{}");
}

#[test]
fn a_response_object_or_a_string_that_holds_one_is_written() {
    check(
        &response(r#""statusCode":201,"headers":{"Content-Type":"text/html"},"body":"<p>""#),
        201,
        "text/html; charset=utf-8",
        "<p>",
    );
    check(r#"{"Outputs":{"res":"{\"STATUSCODE\":\"202\",\"Body\":\"x\"}"}}"#, 202, PLAIN, "x");
}

#[test]
fn other_values_for_the_output_fail_the_invocation() {
    for value in
        ["null", "5", "true", "[]", "\"text\"", "\"\"", "\"null\"", r#"{"statusCode":{}}"#, r#"{"headers":[]}"#]
    {
        fails(&format!(r#"{{"Outputs":{{"res":{value}}}}}"#), FORMAT);
    }
}

#[test]
fn status_codes_are_numbers_or_numeric_text_and_anything_else_is_200() {
    check(&response(r#""statusCode":404"#), 404, PLAIN, "");
    check(&response(r#""statusCode":" 404 ""#), 404, PLAIN, "");
    check(&response(r#""statusCode":"teapot""#), 200, PLAIN, "");
    check(&response(r#""statusCode":null"#), 200, PLAIN, "");
    check(&response(r#""statusCode":404.5"#), 200, PLAIN, "");
}

#[test]
fn status_without_status_code_is_ignored_and_noted() {
    check(&response(r#""status":404,"body":"x""#), 200, PLAIN, "x");
    assert_eq!(
        declared(r#"{"status":404,"cookies":[]}"#).notes,
        [
            "`status` of the response is ignored and the caller gets 200; name it `statusCode`",
            "`cookies` of the response is ignored for custom handlers; leave it out",
        ]
    );
}

#[test]
fn a_status_that_cannot_be_sent_fails_after_the_invocation() {
    for status in [0, 42, 100, 199, 1000, -1] {
        fails(&response(&format!(r#""statusCode":{status}"#)), "cannot be sent");
    }
    let no_body = "Writing to the response body is invalid for responses with status code 204.";
    fails(&response(r#""statusCode":204,"body":"x""#), no_body);
    check(&response(r#""statusCode":204"#), 204, PLAIN, "");
}

#[test]
fn bodies_become_text() {
    check(&response(r#""body":"as it is""#), 200, PLAIN, "as it is");
    check(
        &response(r#""body":{"ok":true,"list":[1]}"#),
        200,
        PLAIN,
        "{\n  \"ok\": true,\n  \"list\": [\n    1\n  ]\n}",
    );
    check(&response(r#""body":[]"#), 200, PLAIN, "[]");
    check(&response(r#""body":null"#), 200, PLAIN, "");
    check(&response(""), 200, PLAIN, "");
    check(&response(r#""body":5"#), 200, PLAIN, "5");
    check(&response(r#""body":true"#), 200, PLAIN, "True");
    check(&response(r#""body":false"#), 200, PLAIN, "False");
}

#[test]
fn a_body_that_is_just_a_date_is_sent_as_dot_net_text() {
    check(&response(r#""body":"2024-01-01T00:00:00Z""#), 200, PLAIN, "01/01/2024 00:00:00");
    check(
        &response(r#""body":{"at":"2024-01-01T00:00:00.500Z"}"#),
        200,
        PLAIN,
        "{\n  \"at\": \"2024-01-01T00:00:00.5Z\"\n}",
    );
    check(
        &response(r#""body":"{\"at\":\"2024-01-01T00:00:00.500Z\"}""#),
        200,
        PLAIN,
        r#"{"at":"2024-01-01T00:00:00.500Z"}"#,
    );
}

#[test]
fn a_content_type_names_its_charset() {
    for (given, sent) in [
        ("application/json", JSON),
        ("application/json; charset=UTF-8", "application/json; charset=UTF-8"),
        ("text/html; charset=iso-8859-1; x=1", "text/html; x=1; charset=utf-8"),
    ] {
        let headers = format!(r#""headers":{{"CONTENT-TYPE":"{given}"}},"body":"x""#);
        check(&response(&headers), 200, sent, "x");
    }
}

#[test]
fn header_values_are_made_text() {
    let rendered = declared(r#"{"headers":{"x-number":5,"x-bool":true,"x-text":"t","x-empty":[]}}"#).render().unwrap();
    assert_eq!(rendered.headers["x-number"], "5");
    assert_eq!(rendered.headers["x-bool"], "True");
    assert_eq!(rendered.headers["x-text"], "t");
    assert_eq!(rendered.headers["x-empty"], "[]");
}

#[test]
fn header_values_that_cannot_be_written_fail_after_the_invocation() {
    fails(&response(r#""headers":{"x":null}"#), NULL_REFERENCE);
    fails(&response(r#""headers":{"Content-Type":null}"#), "content-type header cannot be null");
    fails(&response(r#""headers":{"x":["a","b"]}"#), "Invalid non-ASCII or control character in header: 0x000A");
    fails(&response(r#""headers":{"x":"é"}"#), "Invalid non-ASCII or control character in header: 0x00E9");
    fails(&response(r#""headers":{"a b":"1"}"#), "`a b` is not a header name");
}

#[test]
fn duplicate_headers_are_dropped_and_framing_is_the_servers() {
    let rendered =
        declared(r#"{"headers":{"Set-Cookie":"a","set-cookie":"b","Content-Length":"99"}}"#).render().unwrap();
    assert_eq!(rendered.headers["set-cookie"], "a");
    assert_eq!(rendered.headers.get("content-length"), None);
    assert_eq!(
        rendered.notes,
        [
            "Duplicate HTTP header from function invocation removed. Duplicate key(s):  'set-cookie'.",
            "the header `Content-Length` of the response is left to the web server; do not set it",
        ]
    );
}

#[test]
fn a_json_body_without_a_content_type_is_noted() {
    assert_eq!(
        declared(r#"{"body":{"ok":true}}"#).notes,
        ["a JSON response goes out as `text/plain`; set `content-type` to `application/json`"]
    );
    assert!(declared(r#"{"body":{"ok":true},"headers":{"content-type":"application/json"}}"#).notes.is_empty());
}

#[test]
fn a_return_value_is_the_response_only_when_there_is_no_other() {
    check(r#"{"ReturnValue":"text"}"#, 200, PLAIN, "text");
    check(r#"{"ReturnValue":[1, 2]}"#, 200, JSON, "[1,2]");
    check(r#"{"ReturnValue":5}"#, 200, JSON, "5");
    check(r#"{"ReturnValue":{"a": 1}}"#, 200, JSON, r#"{"a":1}"#);
    check(r#"{"ReturnValue":"text","Outputs":{"res":{"body":"res"}}}"#, 200, PLAIN, "res");
}

#[test]
fn the_members_of_a_returned_object_replace_the_output() {
    check(r#"{"ReturnValue":{"res":{"status":201,"body":"b"}},"Outputs":{"res":{"body":"a"}}}"#, 201, PLAIN, "b");
    check(r#"{"ReturnValue":{"res":{"a":1}}}"#, 200, PLAIN, "{\n  \"a\": 1\n}");
}

#[test]
fn a_return_binding_tries_strings_as_json_and_honours_response_objects() {
    check_return(r#"{"ReturnValue":{"body":"b","statusCode":201}}"#, 201, PLAIN, "b");
    check_return(r#"{"ReturnValue":"{\"body\":{\"a\": 1},\"status\":\"202\"}"}"#, 202, PLAIN, r#"{"a":1}"#);
    check_return(r#"{"ReturnValue":{"body":[1]}}"#, 200, PLAIN, "System.Collections.Generic.List`1[System.Object]");
    check_return(r#"{"ReturnValue":{"a":1}}"#, 200, PLAIN, "{\n  \"a\": 1\n}");
    check_return(r#"{"ReturnValue":"not base64!"}"#, 200, PLAIN, "not base64!");
    check_return(r#"{"ReturnValue":"true!"}"#, 200, PLAIN, "true!");
    check_return(r#"{"ReturnValue":5}"#, 200, PLAIN, "5");
    check_return(r#"{"ReturnValue":"aGVsbG8="}"#, 200, "", "hello");
    check_return("{}", 204, "", "");
}
