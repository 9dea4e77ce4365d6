//! functions-host 3.3 and 3.4: what reaches the caller, row by row. A line is as in `section_3`.

use axum::http::header::HeaderValue;
use functions_host::events::LogLevel;

use super::section_3::{PLAIN, Table};

const JSON: &str = "application/json; charset=utf-8";
const FORMAT: &str =
    "Failed while trying to Deserialize to httpOutputBindingResponse. Output is not in expected format";

// 3.3 What reaches the caller for an `http` output, rows 1 to 4.
#[tokio::test]
async fn section_3_3_what_becomes_of_outputs() {
    let table = Table::new().await;
    table.row("1: Outputs absent, ReturnValue absent", "play", "{}", (204, "", "")).await;
    table.row("1: both null", "play", r#"{"Outputs":null,"ReturnValue":null}"#, (204, "", "")).await;
    table.row("2: no key res", "play", r#"{"Outputs":{}}"#, (200, PLAIN, "{}")).await;
    table.row("2: other keys only", "send", r#"{"Outputs":{"out":[]}}"#, (200, PLAIN, "{}")).await;
    table
        .row(
            "3: an object",
            "play",
            r#"{"Outputs":{"res":{"statusCode":202,"headers":{"content-type":"text/html"},"body":"<p>"}}}"#,
            (202, "text/html; charset=utf-8", "<p>"),
        )
        .await;
    table
        .row(
            "3: a string holding one",
            "play",
            r#"{"Outputs":{"res":"{\"statusCode\":202,\"body\":\"x\"}"}}"#,
            (202, PLAIN, "x"),
        )
        .await;
    for value in ["null", "5", "true", "\"text\"", "\"\"", "[]", "\"[]\""] {
        table
            .fails(
                "4: null, a number, another string",
                "play",
                &format!(r#"{{"Outputs":{{"res":{value}}}}}"#),
                &[],
                FORMAT,
            )
            .await;
    }
}

// 3.3, rows 5 to 7.
#[tokio::test]
async fn section_3_3_what_becomes_of_the_return_value() {
    let table = Table::new().await;
    table
        .row(
            "5: ReturnValue is an object",
            "play",
            r#"{"Outputs":{"res":{"body":"a"}},"ReturnValue":{"res":{"statusCode":201,"body":"b"}}}"#,
            (201, PLAIN, "b"),
        )
        .await;
    table
        .row(
            "5: for another output too",
            "send",
            r#"{"Outputs":{"res":{"body":"a"},"out":[]},"ReturnValue":{"out":{"target":"t"}}}"#,
            (200, PLAIN, "a"),
        )
        .await;
    assert_eq!(table.sent().len(), 1);
    table.row("6: ReturnValue is a string", "play", r#"{"ReturnValue":"text"}"#, (200, PLAIN, "text")).await;
    table.row("6: anything else", "play", r#"{"ReturnValue":[1,2]}"#, (200, JSON, "[1,2]")).await;
    table.row("6: anything else", "play", r#"{"ReturnValue":5}"#, (200, JSON, "5")).await;
    table.row("7: $return, a string", "return", r#"{"ReturnValue":"not JSON"}"#, (200, PLAIN, "not JSON")).await;
    table
        .row(
            "7: $return, a string tried as JSON",
            "return",
            r#"{"ReturnValue":"{\"statusCode\":202,\"body\":\"x\"}"}"#,
            (202, PLAIN, "x"),
        )
        .await;
    table
        .row(
            "7: $return, an object with the members",
            "return",
            r#"{"ReturnValue":{"statusCode":201,"headers":{"content-type":"text/html"},"body":"<p>"}}"#,
            (201, "text/html; charset=utf-8", "<p>"),
        )
        .await;
}

// 3.3, the keys of the response object.
#[tokio::test]
async fn section_3_3_keys_of_the_response_object() {
    let table = Table::new().await;
    let res = |members: &str| format!(r#"{{"Outputs":{{"res":{{{members}}}}}}}"#);
    table
        .row(
            "matched without case",
            "play",
            &res(r#""STATUSCODE":202,"Headers":{"Content-Type":"text/html"},"BODY":"x""#),
            (202, "text/html; charset=utf-8", "x"),
        )
        .await;
    table.row("statusCode is a number", "play", &res(r#""statusCode":418,"body":"x""#), (418, PLAIN, "x")).await;
    table
        .row("statusCode is a numeric string", "play", &res(r#""statusCode":"418","body":"x""#), (418, PLAIN, "x"))
        .await;
    table.row("statusCode is other text", "play", &res(r#""statusCode":"teapot","body":"x""#), (200, PLAIN, "x")).await;
    table
        .row(
            "not supported",
            "play",
            &res(r#""cookies":[{"name":"a","value":"b"}],"isRaw":true,"enableContentNegotiation":true,"body":"x""#),
            (200, PLAIN, "x"),
        )
        .await;
    let (_, _, _, headers) = table.call("play", &res(r#""cookies":[{"name":"a","value":"b"}]"#), &[]).await;
    assert!(!headers.contains_key("set-cookie"));
    assert!(table.warned("FH1006 play"));
    table.row("status without statusCode", "play", &res(r#""status":404,"body":"x""#), (200, PLAIN, "x")).await;
    assert!(table.warned("FH1005 play"));
    table
        .row("status beside statusCode", "play", &res(r#""status":404,"statusCode":201,"body":"x""#), (201, PLAIN, "x"))
        .await;
    table.row("no body: recognised through Outputs", "play", &res(r#""statusCode":201"#), (201, PLAIN, "")).await;
    table
        .row(
            "no body: not recognised through $return",
            "return",
            r#"{"ReturnValue":{"statusCode":201}}"#,
            (200, PLAIN, "{\n  \"statusCode\": 201\n}"),
        )
        .await;
    table
        .row("a body of null is one", "return", r#"{"ReturnValue":{"statusCode":201,"body":null}}"#, (201, PLAIN, ""))
        .await;
}

// 3.4 Body and headers.
#[tokio::test]
async fn section_3_4_the_body() {
    let table = Table::new().await;
    let body = |value: &str| format!(r#"{{"Outputs":{{"res":{{"body":{value}}}}}}}"#);
    table.row("1: string", "play", &body(r#""as it is ☂""#), (200, PLAIN, "as it is ☂")).await;
    table
        .row(
            "2: object",
            "play",
            &body(r#"{"ok":true,"list":[1,{}]}"#),
            (200, PLAIN, "{\n  \"ok\": true,\n  \"list\": [\n    1,\n    {}\n  ]\n}"),
        )
        .await;
    table.row("2: array", "play", &body("[1,2]"), (200, PLAIN, "[\n  1,\n  2\n]")).await;
    table.row("3: null", "play", &body("null"), (200, PLAIN, "")).await;
    table.row("3: missing", "play", r#"{"Outputs":{"res":{}}}"#, (200, PLAIN, "")).await;
    table.row("4: number", "play", &body("5"), (200, PLAIN, "5")).await;
    table.row("5: true", "play", &body("true"), (200, PLAIN, "True")).await;
    table.row("5: false", "play", &body("false"), (200, PLAIN, "False")).await;
}

// 3.4, the points below the table.
#[tokio::test]
async fn section_3_4_the_headers() {
    let table = Table::new().await;
    let headers = |headers: &str| format!(r#"{{"Outputs":{{"res":{{"headers":{headers},"body":"x"}}}}}}"#);
    table
        .row("content-type in any case", "play", &headers(r#"{"CONTENT-type":"application/json"}"#), (200, JSON, "x"))
        .await;
    let (_, _, _, sent) = table.call("play", &headers(r#"{"x-n":5,"x-b":true,"x-s":"s"}"#), &[]).await;
    assert_eq!(
        (&sent["x-n"], &sent["x-b"], &sent["x-s"]),
        (&HeaderValue::from_static("5"), &HeaderValue::from_static("True"), &HeaderValue::from_static("s"))
    );
    table
        .cannot_be_written(
            "a null value",
            &headers(r#"{"x":null}"#),
            "Object reference not set to an instance of an object.",
        )
        .await;
    table
        .cannot_be_written(
            "an array value",
            &headers(r#"{"x":["a","b"]}"#),
            "Invalid non-ASCII or control character in header: 0x000A",
        )
        .await;
    table
        .cannot_be_written(
            "a null content type",
            &headers(r#"{"content-type":null}"#),
            "content-type header cannot be null",
        )
        .await;
    let (_, _, _, sent) = table.call("play", &headers(r#"{"Set-Cookie":"a=1","set-cookie":"b=2"}"#), &[]).await;
    assert_eq!(sent.get_all("set-cookie").iter().collect::<Vec<_>>(), ["a=1"]);
    let dropped = "Duplicate HTTP header from function invocation removed. Duplicate key(s):  'set-cookie'.";
    assert!(table.host.events.logs(LogLevel::Warning).contains(&format!("FH1010 play: {dropped}")));
}
