use std::sync::Arc;

use jiff::tz::TimeZone;
use serde_json::Map;

use super::*;

const HTTP: &str = include_str!("../../../custom-handler/fixtures/http_invocation_functions-host_2.4.json");
const NEGOTIATE: &str = include_str!("../../../custom-handler/fixtures/negotiate_invocation_signalr-bindings_4.5.json");
const TIMER: &str = include_str!("../../../custom-handler/fixtures/timer_invocation_functions-host_2.5.json");

fn call(method: Method, path_and_query: &str, headers: &[(&'static str, &str)], body: &[u8]) -> HttpCall {
    let headers = headers.iter().map(|(name, value)| (name.parse().unwrap(), value.parse().unwrap()));
    HttpCall {
        method,
        url: format!("http://localhost:7071{path_and_query}"),
        path: path_and_query.split('?').next().unwrap().to_owned(),
        raw_query: path_and_query.split_once('?').map_or("", |(_, query)| query).to_owned(),
        headers: headers.collect(),
        route_values: Vec::new(),
        identity: Identity::Anonymous,
        body: (!body.is_empty()).then(|| Bytes::copy_from_slice(body)),
    }
}

fn sys(method_name: &str, utc_now: &str) -> Sys {
    Sys {
        method_name: method_name.to_owned(),
        utc_now: utc_now.parse().unwrap(),
        rand_guid: "eac00178-9aae-4a67-adc8-90596a9adc70".parse().unwrap(),
    }
}

fn data_of(call: HttpCall) -> BindingData {
    BindingData::of_call(&Arc::new(call), sys("f", "2025-01-03T05:37:23Z"), &TimeZone::UTC)
}

fn read(json: &[u8]) -> Value {
    serde_json::from_slice(json).unwrap()
}

#[track_caller]
fn member_of_data(call: &HttpCall, name: &str, expected: &Value) {
    assert_eq!(object_of(call).get(name).unwrap_or(&Value::Null), expected);
}

#[track_caller]
fn metadata(call: &HttpCall, expected: &Value) {
    let envelope = envelope(&[], &data_of(call.clone()), None);
    let mut metadata = read(&envelope)["Metadata"].clone();
    for object in ["Query", "Headers", "sys"] {
        metadata.as_object_mut().unwrap().remove(object);
    }
    assert_eq!(metadata, *expected);
}

fn object_of(call: &HttpCall) -> Value {
    serde_json::to_value(RequestObject(call)).unwrap()
}

#[test]
fn an_http_call_gives_the_recorded_envelope() {
    let headers = [
        ("accept", "text/html"),
        ("connection", "keep-alive"),
        ("host", "localhost:7071"),
        ("user-agent", "Mozilla/5.0"),
        ("sec-ch-ua-mobile", "?0"),
    ];
    let mut call = call(Method::GET, "/api/use/test", &headers, b"");
    call.route_values = vec![("name".to_owned(), Some("test".to_owned()))];
    let call = Arc::new(call);
    let binding_data = BindingData::of_call(&call, sys("use", "2025-01-03T05:37:23.9299023Z"), &TimeZone::UTC);
    let written = envelope(&[("req", InputValue::Request(call))], &binding_data, None);
    assert_eq!(read(&written), read(HTTP.as_bytes()));
}

#[test]
fn negotiate_gets_the_connection_info_doubly_encoded() {
    let call = call(Method::POST, "/api/negotiate", &[("host", "localhost:7071")], b"");
    let info = "{\n  \"url\": \"http://localhost:8888/client/?hub=serverless\",\n  \"accessToken\": \"T\"\n}";
    let data = vec![("req", InputValue::Request(Arc::new(call))), ("connectionInfo", InputValue::Json(json!(info)))];
    let mut written = read(&envelope(&data, &BindingData::default(), None));
    written["Data"]["req"]["Identities"] = json!([]);
    assert_eq!(written, read(NEGOTIATE.as_bytes()));
}

#[test]
fn a_timer_gives_the_recorded_envelope() {
    let at = |text: &str| text.parse::<Zoned>().unwrap();
    let last = at("2022-10-11T10:52:00.003967+02:00[Europe/Berlin]");
    let next = at("2022-10-11T10:53:00+02:00[Europe/Berlin]");
    let status = ScheduleStatus { last: Some(last.clone()), next, last_updated: last };
    let timer = TimerInfo { adjust_for_dst: true, status: Some(status), is_past_due: false };
    let sys = sys("statusUpdate", "2022-10-11T08:53:00.002Z");
    let written =
        envelope(&[("myTimer", InputValue::Json(timer.to_json()))], &BindingData::of_values(Map::new(), sys), None);
    assert_eq!(read(&written), read(TIMER.as_bytes()));
}

#[test]
fn an_unmonitored_timer_has_no_status_and_a_new_one_has_no_last_run() {
    let timer = TimerInfo { adjust_for_dst: false, status: None, is_past_due: true };
    assert_eq!(
        timer.to_json(),
        json!({"Schedule": {"AdjustForDST": false}, "ScheduleStatus": null, "IsPastDue": true})
    );
    let next: Zoned = "2022-10-11T10:53:00Z[UTC]".parse().unwrap();
    let status = ScheduleStatus { last: None, next: next.clone(), last_updated: next };
    let first = TimerInfo { adjust_for_dst: true, status: Some(status), is_past_due: false };
    assert_eq!(first.to_json()["ScheduleStatus"]["Last"], "0001-01-01T00:00:00+00:00");
    assert_eq!(first.to_json()["ScheduleStatus"]["Next"], "2022-10-11T10:53:00+00:00");
}

#[test]
fn repeated_query_names_are_joined_in_data_and_the_last_one_counts_in_metadata() {
    let call = call(Method::GET, "/api/f?a=1&b=x+y%2C&A=2&code=secret", &[], b"");
    member_of_data(&call, "Query", &json!({"a": "1,2", "b": "x y,", "code": "secret"}));
    metadata(&call, &json!({"a": "\"2\"", "b": "\"x y,\""}));
    assert_eq!(call.rebuilt_query(), "a=1%2C2&b=x%20y%2C&code=secret");
}

#[test]
fn known_header_names_get_their_canonical_case_and_values_are_arrays() {
    let mut call = call(Method::GET, "/api/f", &[("content-type", "text/plain"), ("x-custom", "1")], b"");
    call.headers.append("x-custom", "2".parse().unwrap());
    member_of_data(&call, "Headers", &json!({"Content-Type": ["text/plain"], "x-custom": ["1", "2"]}));
    assert_eq!(data_of(call).values()["Headers"], json!({"Content-Type": "text/plain", "x-custom": "1,2"}));
}

#[test]
fn a_body_is_text_that_nobody_parses_unless_it_is_binary() {
    let json = call(Method::POST, "/api/f", &[("content-type", "application/json")], br#"{"a":1}"#);
    member_of_data(&json, "Body", &json!("{\"a\":1}"));
    for content_type in ["application/octet-stream", "Multipart/form-data; boundary=x"] {
        let binary = call(Method::POST, "/api/f", &[("content-type", content_type)], &[0x69, 0xb7, 0x1d]);
        member_of_data(&binary, "Body", &json!("abcd"));
    }
    member_of_data(&call(Method::POST, "/api/f", &[], b""), "Body", &Value::Null);
}

#[test]
fn members_of_a_json_body_become_metadata() {
    let body = br#"{"text":"abc","number":4,"yes":true,"object":{"a":1},"array":[1],"nothing":null,"myTrigger":"x"}"#;
    let call = call(Method::POST, "/api/f", &[], body);
    // Numbers and booleans are made text before the encoding rule sees them.
    metadata(&call, &json!({"text": "\"abc\"", "number": "\"4\"", "yes": "\"True\"", "object": {"a": 1}}));
}

#[test]
fn route_wins_over_query_and_query_over_body_whatever_the_letter_case() {
    let mut call = call(Method::POST, "/api/f?ID=2&other=q", &[], br#"{"id":"1","other":"b"}"#);
    call.route_values = vec![("Id".to_owned(), Some("3".to_owned())), ("optional".to_owned(), None)];
    metadata(&call, &json!({"id": "\"3\"", "other": "\"q\""}));
    member_of_data(&call, "Params", &json!({"Id": "3", "optional": null}));
}

#[test]
fn a_body_member_named_headers_hides_the_headers_in_metadata() {
    let call = call(Method::POST, "/api/f", &[("host", "h")], br#"{"headers":"mine"}"#);
    let data = data_of(call);
    assert_eq!(data.values().get("headers"), Some(&json!("mine")));
    assert_eq!(data.values().get("Headers"), None);
}

#[test]
fn an_authenticated_caller_is_a_local_admin() {
    let mut call = call(Method::GET, "/api/f", &[], b"");
    call.identity = Identity::LocalAdmin;
    let identity = &object_of(&call)["Identities"][0];
    assert_eq!(identity["AuthenticationType"], "WebJobsAuthLevel");
    assert_eq!(identity["IsAuthenticated"], true);
    assert_eq!(identity["Claims"][0]["Value"], "Admin");
}
