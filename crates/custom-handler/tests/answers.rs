//! Which of the answers that a Functions host knows (functions-host 3.1 to 3.6) this crate can give, and why not the others.
//!
//! The host's side of every row is tested with `functions-host`: what the caller gets is true there. Here, an answer either comes
//! out of [`InvocationResult`] byte for byte, or is one that it must never be able to give.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use axum::response::{IntoResponse, Response};
use custom_handler::{HttpResponse, InvocationResult, NoOutputs};
use http_body_util::BodyExt;
use serde::Serialize;
use serde_json::Value;

/// What this crate has to do with a row.
enum Row {
    /// It gives this answer.
    Given(Response),
    /// It never does, for a reason.
    Never(&'static str),
}

#[derive(Serialize)]
struct Outputs {
    res: HttpResponse,
}

fn respond(res: HttpResponse) -> Row {
    Row::Given(InvocationResult::new(Outputs { res }).into_response())
}

const STATUS: &str = "a result is always answered with 200";
const CONTENT_TYPE: &str = "a result always goes out as `application/json`";
const WHOLE: &str = "a result is always a whole envelope";
const LOGS: &str = "lines of the log are strings";
const SPELLING: &str = "`Outputs`, `Logs` and `ReturnValue` are written in this way only";
const HTTP_OUTPUT: &str = "an HTTP output is always an object with a status, headers and a body";
const BODY: &str = "a body is always text that is serialised already";
const HEADER: &str = "the value of a header is always a string";

fn rows() -> Vec<(&'static str, Row)> {
    let json = HttpResponse::json(200, &serde_json::json!({"ok": true})).expect("JSON");
    vec![
        ("3.1_members_in_another_case", Row::Never(SPELLING)),
        ("3.1_text_json_with_a_charset", Row::Never(CONTENT_TYPE)),
        ("3.2_an_object_among_the_logs", Row::Never(LOGS)),
        ("3.2_another_content_type", Row::Never(CONTENT_TYPE)),
        ("3.2_body_null", Row::Never(WHOLE)),
        ("3.2_empty_body", Row::Never(WHOLE)),
        ("3.2_malformed_json", Row::Never(WHOLE)),
        ("3.2_no_content_type", Row::Never(CONTENT_TYPE)),
        ("3.2_status_201", Row::Never(STATUS)),
        ("3.2_status_302", Row::Never(STATUS)),
        ("3.2_status_404", Row::Never(STATUS)),
        ("3.2_status_500_with_a_response", Row::Never(STATUS)),
        ("3.3_keys_in_another_case", Row::Never(HTTP_OUTPUT)),
        ("3.3_no_body_member", Row::Never(BODY)),
        ("3.3_nothing_at_all", Row::Never(WHOLE)),
        ("3.3_output_in_another_case", Row::Never(WHOLE)),
        ("3.3_output_is_a_number", Row::Never(HTTP_OUTPUT)),
        ("3.3_output_is_a_string_holding_an_object", Row::Never(HTTP_OUTPUT)),
        ("3.3_output_is_an_object", respond(HttpResponse::text(201, "x"))),
        ("3.3_output_is_another_string", Row::Never(HTTP_OUTPUT)),
        ("3.3_output_is_null", Row::Never(HTTP_OUTPUT)),
        ("3.3_outputs_and_return_value_null", Row::Never(WHOLE)),
        ("3.3_outputs_without_the_http_output", Row::Given(InvocationResult::new(NoOutputs {}).into_response())),
        ("3.3_return_binding_with_a_string_holding_an_object", Row::Never(WHOLE)),
        ("3.3_return_binding_with_an_object", Row::Never(WHOLE)),
        ("3.3_return_binding_with_nothing", Row::Never(WHOLE)),
        ("3.3_return_binding_with_text", Row::Never(WHOLE)),
        ("3.3_return_value_is_a_string", Row::Never(WHOLE)),
        ("3.3_return_value_is_an_array", Row::Never(WHOLE)),
        ("3.3_return_value_is_an_object", Row::Never(HTTP_OUTPUT)),
        ("3.3_status_code_is_numeric_text", Row::Never(HTTP_OUTPUT)),
        ("3.3_status_code_is_other_text", Row::Never(HTTP_OUTPUT)),
        ("3.3_status_without_status_code", Row::Never(HTTP_OUTPUT)),
        ("3.4_body_is_a_boolean", Row::Never(BODY)),
        ("3.4_body_is_a_number", Row::Never(BODY)),
        ("3.4_body_is_an_array", Row::Never(BODY)),
        ("3.4_body_is_an_object", Row::Never(BODY)),
        ("3.4_body_is_json_text", respond(json)),
        ("3.4_body_is_null", Row::Never(BODY)),
        ("3.4_header_is_an_array", Row::Never(HEADER)),
        ("3.4_header_is_null", Row::Never(HEADER)),
        ("3.6_return_binding_with_base64", Row::Never(WHOLE)),
    ]
}

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/answers")
}

/// The `handler` part of a fixture: `status`, `contentType`, and `json` or `text`.
fn fixture(name: &str) -> Value {
    let text = std::fs::read_to_string(folder().join(format!("{name}.json"))).expect("the row has a file");
    serde_json::from_str::<Value>(&text).expect("JSON")["handler"].take()
}

#[test]
fn every_row_is_in_the_list() {
    let files = std::fs::read_dir(folder()).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap());
    let rows = rows();
    let listed: BTreeSet<String> = rows.iter().map(|(name, _)| format!("{name}.json")).collect();
    assert_eq!(files.collect::<BTreeSet<_>>(), listed);
}

#[tokio::test]
async fn an_answer_that_can_be_given_is_the_one_of_its_row() {
    let mut given = 0;
    for (name, row) in rows() {
        let Row::Given(response) = row else { continue };
        given += 1;
        let fixture = fixture(name);
        assert_eq!(shortcoming(&fixture), None, "{name}");
        assert_eq!(u64::from(response.status().as_u16()), fixture["status"], "{name}");
        assert_eq!(response.headers()["content-type"].to_str().unwrap(), fixture["contentType"], "{name}");
        let body = response.into_body().collect().await.unwrap().to_bytes();
        assert_eq!(str::from_utf8(&body).unwrap(), fixture["json"].to_string(), "{name}");
    }
    assert_eq!(given, 3);
}

#[test]
fn an_answer_that_is_never_given_breaks_the_rule_that_its_row_names() {
    for (name, row) in rows() {
        let Row::Never(reason) = row else { continue };
        assert_eq!(shortcoming(&fixture(name)), Some(reason), "{name}");
    }
}

/// Which rule of [`InvocationResult`] an answer breaks; `None` when it could be one.
fn shortcoming(answer: &Value) -> Option<&'static str> {
    if answer["status"] != 200 {
        return Some(STATUS);
    }
    if answer["contentType"] != "application/json" {
        return Some(CONTENT_TYPE);
    }
    let Some(envelope) = answer["json"].as_object() else { return Some(WHOLE) };
    let named = |name: &str| envelope.keys().find(|key| key.eq_ignore_ascii_case(name));
    if ["Outputs", "Logs", "ReturnValue"].iter().any(|name| named(name).is_some_and(|key| key != name)) {
        return Some(SPELLING);
    }
    if envelope.get("Logs").and_then(Value::as_array).is_some_and(|logs| !logs.iter().all(Value::is_string)) {
        return Some(LOGS);
    }
    let response = envelope.get("Outputs").and_then(|outputs| outputs.get("res"));
    if let Some(shortcoming) = response.and_then(shortcoming_of_response) {
        return Some(shortcoming);
    }
    let whole = envelope.len() == 3 && envelope["Outputs"].is_object() && envelope["Logs"].is_array();
    if whole { None } else { Some(WHOLE) }
}

fn shortcoming_of_response(response: &Value) -> Option<&'static str> {
    let headers = response["headers"].as_object();
    if headers.is_some_and(|headers| !headers.values().all(Value::is_string)) {
        return Some(HEADER);
    }
    let is_written_as_ours = response
        .as_object()
        .is_some_and(|response| response.keys().all(|key| ["statusCode", "headers", "body"].contains(&key.as_str())));
    if is_written_as_ours && !response["body"].is_string() {
        return Some(BODY);
    }
    let is_whole = is_written_as_ours && response["statusCode"].is_u64() && headers.is_some();
    if is_whole { None } else { Some(HTTP_OUTPUT) }
}
