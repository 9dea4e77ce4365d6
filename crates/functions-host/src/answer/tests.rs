use super::*;
use crate::app::SignalROutputBinding;

fn res() -> OutputBinding {
    OutputBinding::Http { name: "res".to_owned() }
}

fn signalr(name: &str, data_type: Option<DataType>) -> OutputBinding {
    OutputBinding::SignalR(SignalROutputBinding {
        name: name.to_owned(),
        hub_name: "hub".to_owned(),
        connection_string_setting: "AzureSignalRConnectionString".to_owned(),
        data_type,
    })
}

fn read(body: &str) -> Result<Answer, AnswerError> {
    Answer::read(StatusCode::OK, Some("application/json"), body.as_bytes(), &TimeZone::UTC)
}

fn outcome(body: &str, bindings: &[OutputBinding]) -> Outcome {
    read(body).unwrap().outcome(bindings, &TimeZone::UTC).unwrap()
}

/// The outputs other than HTTP as text.
fn sent(body: &str, bindings: &[OutputBinding]) -> Vec<(usize, String)> {
    let outputs = outcome(body, bindings).outputs.into_iter();
    outputs
        .map(|(place, value)| match value {
            OutputValue::Json(json) => (place, json.get().to_owned()),
            OutputValue::Bytes(bytes) => (place, format!("{bytes:?}")),
        })
        .collect()
}

#[track_caller]
fn refuses(status: u16, content_type: Option<&str>, body: &str, text: &str) {
    let status = StatusCode::from_u16(status).unwrap();
    let error = Answer::read(status, content_type, body.as_bytes(), &TimeZone::UTC).unwrap_err();
    assert!(error.to_string().contains(text), "{error}");
}

const JSON: Option<&str> = Some("application/json");

#[test]
fn the_documented_envelope_is_understood() {
    let fixture = include_str!("../../../custom-handler/fixtures/result_functions-host_3.1.json");
    let answer = read(fixture).unwrap();
    assert_eq!(answer.logs, ["line"]);
    let outcome = answer.outcome(&[res(), signalr("signalRMessages", None)], &TimeZone::UTC).unwrap();
    assert_eq!(outcome.outputs.len(), 1);
    assert!(outcome.notes.is_empty(), "{:?}", outcome.notes);
    assert_eq!(outcome.response.render().unwrap().body, r#"{"ok":true}"#);
}

#[test]
fn members_that_are_left_out_are_named() {
    let left_out = |body| read(body).unwrap().left_out().collect::<Vec<_>>();
    assert_eq!(left_out("{}"), ["Outputs", "ReturnValue"]);
    assert_eq!(left_out(r#"{"Outputs":{},"ReturnValue":1}"#), ["Outputs"]);
    assert!(left_out(r#"{"Outputs":{"a":1},"ReturnValue":1}"#).is_empty());
}

#[test]
fn a_status_outside_2xx_fails_with_the_real_text() {
    refuses(404, JSON, "{}", "Response status code does not indicate success: 404 (Not Found).");
    refuses(500, JSON, "{}", "Response status code does not indicate success: 500 (Internal Server Error).");
    refuses(302, JSON, "{}", "Response status code does not indicate success: 302 (Found).");
}

#[test]
fn any_status_of_2xx_is_success() {
    for status in [200, 201, 299] {
        let status = StatusCode::from_u16(status).unwrap();
        assert!(Answer::read(status, JSON, b"{}", &TimeZone::UTC).is_ok());
    }
}

#[test]
fn a_wrong_content_type_or_a_missing_one_fails() {
    refuses(200, Some("text/plain"), "{}", "Invalid HttpResponseMessage:\n");
    refuses(200, Some("text/plain"), "{}", "content with media type 'text/plain'");
    refuses(200, None, "{}", "content with media type 'application/octet-stream'");
    for content_type in ["text/json", "Application/JSON; charset=utf-8"] {
        assert!(Answer::read(StatusCode::OK, Some(content_type), b"{}", &TimeZone::UTC).is_ok());
    }
}

#[test]
fn malformed_json_and_other_shapes_fail() {
    for body in [
        "{",
        "[]",
        "\"text\"",
        "5",
        r#"{"Outputs":[]}"#,
        r#"{"Logs":"x"}"#,
        r#"{"Logs":[{"a":1}]}"#,
        r#"{"Logs":[[]]}"#,
    ] {
        refuses(200, JSON, body, "Invalid HttpResponseMessage:\n");
    }
}

#[test]
fn an_empty_body_fails_at_once_instead_of_hanging() {
    refuses(200, JSON, "", "the handler answered 200 with an empty body; the real host never ends such an invocation");
    refuses(204, None, " \n", "the handler answered 204 with an empty body");
    refuses(200, JSON, "null", "the handler answered 200 with the body `null`");
}

#[test]
fn member_names_ignore_letter_case_and_unknown_members_do_nothing() {
    let answer =
        read(r#"{"outputs":{"res":{"body":"x"}},"LOGS":["a",1,true,null],"returnvalue":null,"more":1}"#).unwrap();
    assert_eq!(answer.logs, ["a", "1", "true", "[null]"]);
    assert_eq!(answer.outcome(&[res()], &TimeZone::UTC).unwrap().response.render().unwrap().body, "x");
}

#[test]
fn keys_of_outputs_are_case_sensitive_and_strays_are_noted() {
    let bindings = [res(), signalr("signalRMessages", None)];
    let outcome = outcome(r#"{"Outputs":{"signalrmessages":[],"queue":"x"}}"#, &bindings);
    assert!(outcome.outputs.is_empty());
    assert_eq!(
        outcome.notes,
        [
            "`Outputs.signalrmessages` goes nowhere; its name in function.json is `signalRMessages`, in this letter case",
            "`Outputs.queue` goes nowhere; declare an output binding of that name in function.json, or leave it out",
        ]
    );
}

#[test]
fn null_and_missing_outputs_skip_their_binding() {
    let bindings = [signalr("a", None), signalr("b", None)];
    assert!(sent(r#"{"Outputs":{"a":null}}"#, &bindings).is_empty());
    assert!(sent(r#"{"Outputs":null}"#, &bindings).is_empty());
    assert!(sent("{}", &bindings).is_empty());
}

#[test]
fn dates_in_outputs_are_rewritten_and_noted() {
    let body = r#"{"Outputs":{"a":[{"target":"t","arguments":["2023-11-14T22:13:20.000Z",1.0]}]}}"#;
    let bindings = [signalr("a", None)];
    let expected = r#"[{"target":"t","arguments":["2023-11-14T22:13:20Z",1.0]}]"#;
    assert_eq!(sent(body, &bindings), [(0, expected.to_owned())]);
    assert!(outcome(body, &bindings).notes[0].text.contains("`2023-11-14T22:13:20.000Z` as `2023-11-14T22:13:20Z`"));
}

#[test]
fn a_base64_string_becomes_bytes_unless_the_binding_is_binary() {
    let body = r#"{"Outputs":{"a":"abcd"}}"#;
    assert_eq!(sent(body, &[signalr("a", None)]), [(0, "[105, 183, 29]".to_owned())]);
    assert!(outcome(body, &[signalr("a", None)]).notes[0].text.contains("valid base64"));
    assert_eq!(sent(body, &[signalr("a", Some(DataType::Binary))]), [(0, "\"abcd\"".to_owned())]);
    let json = r#"{"Outputs":{"a":"[]"}}"#;
    assert_eq!(sent(json, &[signalr("a", None)]), [(0, "\"[]\"".to_owned())]);
}

#[test]
fn members_of_a_returned_object_lie_over_outputs() {
    let body = r#"{"Outputs":{"a":[1]},"ReturnValue":{"a":"abcd","b":null,"res":{"body":"from the return value"}}}"#;
    let bindings = [res(), signalr("a", None), signalr("b", None)];
    // No base64 here: the merge comes after that step.
    assert_eq!(sent(body, &bindings), [(1, "\"abcd\"".to_owned())]);
    assert_eq!(outcome(body, &bindings).response.render().unwrap().body, "from the return value");
}

#[test]
fn a_return_binding_takes_the_whole_return_value() {
    let body = r#"{"Outputs":{"a":[1]},"ReturnValue":{"a":[2]}}"#;
    assert_eq!(sent(body, &[signalr(RETURN, None)]), [(0, r#"{"a":[2]}"#.to_owned())]);
    let text = r#"{"ReturnValue":"abcd"}"#;
    assert_eq!(sent(text, &[signalr(RETURN, None)]), [(0, "[105, 183, 29]".to_owned())]);
    assert!(sent(r#"{"ReturnValue":null}"#, &[signalr(RETURN, None)]).is_empty());
}

#[test]
fn beside_a_return_binding_no_member_of_the_return_value_reaches_another_binding() {
    let body = r#"{"Outputs":{},"ReturnValue":{"a":[2]}}"#;
    assert_eq!(sent(body, &[signalr(RETURN, None), signalr("a", None)]), [(0, r#"{"a":[2]}"#.to_owned())]);
    assert_eq!(sent(body, &[signalr("a", None)]), [(0, "[2]".to_owned())]);
}

#[test]
fn an_unusable_response_sends_nothing_anywhere() {
    let answer = read(r#"{"Outputs":{"res":5,"a":[]}}"#).unwrap();
    let error = answer.outcome(&[signalr("a", None), res()], &TimeZone::UTC).unwrap_err();
    assert_eq!(error, AnswerError::Response(NotAResponse));
}
