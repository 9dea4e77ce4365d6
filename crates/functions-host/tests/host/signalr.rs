//! Outputs on their way to a SignalR service (signalr-bindings 5).

use std::sync::{Arc, Mutex};

use axum::Router;
use axum::extract::Request;
use axum::http::StatusCode;
use axum::routing::{any, post};
use functions_host::events::{Cause, Excerpt, HostEvent, LogLevel};
use serde_json::{Value, json};

use crate::harness::{Running, TestApp, http_and, serve};

pub(crate) type Calls = Arc<Mutex<Vec<String>>>;

/// A service that writes down `METHOD path body` of each call and answers 202, or 500 for a group named `bad`.
pub(crate) async fn service() -> (String, Calls) {
    let calls = Calls::default();
    let recorded = Arc::clone(&calls);
    let answer = move |request: Request| async move {
        let (parts, body) = request.into_parts();
        let body = axum::body::to_bytes(body, 1024 * 1024).await.unwrap();
        let body: String = String::from_utf8(body.to_vec()).unwrap();
        let call = format!("{} {} {body}", parts.method, parts.uri.path());
        let status =
            if call.contains("/groups/bad/") { StatusCode::INTERNAL_SERVER_ERROR } else { StatusCode::ACCEPTED };
        recorded.lock().unwrap().push(call);
        status
    };
    let address = serve(Router::new().fallback(any(answer))).await;
    let key = "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789ABCDEFGH";
    (format!("Endpoint=http://{address};AccessKey={key};Version=1.0;"), calls)
}

/// A function whose handler answers with the JSON that the caller sends, and whose outputs are `first` and `second`.
async fn host(connection: &str) -> Running {
    let echo = |invocation: String| async move {
        let invocation: Value = serde_json::from_str(&invocation).unwrap();
        let body = invocation["Data"]["req"]["Body"].as_str().unwrap().to_owned();
        ([("content-type", "application/json")], body)
    };
    let output = |name: &str| json!({"type": "signalR", "direction": "out", "name": name, "hubName": "%HUB%"});
    TestApp::new()
        .setting("AzureSignalRConnectionString", connection)
        .setting("HUB", "Chat")
        .function("send", &http_and(&[output("first"), output("second")]))
        .start_attached(Router::new().route("/send", post(echo)))
        .await
}

async fn sends(host: &Running, outputs: &str) -> u16 {
    host.post("/api/send", format!("{{\"Outputs\":{outputs}}}")).await.status().as_u16()
}

fn taken(calls: &Calls) -> Vec<String> {
    std::mem::take(&mut calls.lock().unwrap())
}

#[tokio::test]
async fn items_are_sent_in_order_and_arguments_byte_for_byte() {
    let (connection, calls) = service().await;
    let host = host(&connection).await;
    let outputs = r#"{"res":{"body":"x"},"first":[
        {"target":"t","arguments":["x",1.0,12345678901234567890123]},
        {"action":"add","userId":"u 1","groupName":"g"},
        {"target":"t","userId":"u 1"}]}"#;
    assert_eq!(sends(&host, outputs).await, 200);
    let calls = taken(&calls);
    assert_eq!(calls.len(), 3, "{calls:#?}");
    assert_eq!(calls[0], r#"POST /api/hubs/chat/:send {"Target":"t","Arguments":["x",1.0,12345678901234567890123]}"#);
    assert_eq!(calls[1].trim(), "PUT /api/hubs/chat/users/u%201/groups/g");
    assert!(calls[2].starts_with("POST /api/hubs/chat/users/u%201/:send "), "{}", calls[2]);
}

#[tokio::test]
async fn the_first_failure_stops_the_rest_and_fails_a_call_whose_response_was_fine() {
    let (connection, calls) = service().await;
    let host = host(&connection).await;
    let outputs = r#"{"res":{"body":"x"},"first":[{"target":"a"},{"target":"b","groupName":"bad"},{"target":"c"}]}"#;
    assert_eq!(sends(&host, outputs).await, 500);
    assert_eq!(taken(&calls).len(), 2);
    assert!(host.last_error().unwrap().starts_with("Azure SignalR service runtime error. Request Uri: "));
}

#[tokio::test]
async fn a_failing_binding_does_not_keep_the_other_from_sending() {
    let (connection, calls) = service().await;
    let host = host(&connection).await;
    assert_eq!(sends(&host, r#"{"first":[5],"second":[{"target":"t"}]}"#).await, 500);
    assert_eq!(taken(&calls).len(), 1);
    assert_eq!(host.last_error().as_deref(), Some("Value cannot be null. (Parameter 'item')"));
}

#[tokio::test]
async fn items_before_a_wrong_one_stay_sent() {
    let (connection, calls) = service().await;
    let host = host(&connection).await;
    let outputs = r#"{"first":[{"target":"t"},{"actionName":"add","userId":"u","groupName":"g"}]}"#;
    assert_eq!(sends(&host, outputs).await, 500);
    assert_eq!(taken(&calls).len(), 1);
    let error = host.last_error().unwrap();
    assert!(error.starts_with("Unable to convert JObject to valid output binding type, check parameters."), "{error}");
    assert!(error.ends_with("the SignalR binding wants `action`. [FH1013]"), "{error}");
}

#[tokio::test]
async fn nothing_to_send_is_a_success() {
    let (connection, calls) = service().await;
    let host = host(&connection).await;
    for outputs in
        [r#"{"res":{},"first":[]}"#, r#"{"res":{},"first":null}"#, r#"{"res":{}}"#, r#"{"res":{},"first":"[]"}"#]
    {
        assert_eq!(sends(&host, outputs).await, 200, "{outputs}");
    }
    assert!(taken(&calls).is_empty());
}

#[tokio::test]
async fn remove_all_of_a_connection_does_nothing_but_warn() {
    let (connection, calls) = service().await;
    let host = host(&connection).await;
    assert_eq!(sends(&host, r#"{"res":{},"first":{"action":"removeAll","connectionId":"c"}}"#).await, 200);
    assert!(taken(&calls).is_empty());
    host.events.wait_for_log(LogLevel::Warning, "FH1012 send: `removeAll` with a `connectionId` does nothing").await;
}

#[tokio::test]
async fn a_response_that_cannot_be_read_keeps_everything_from_being_sent() {
    let (connection, calls) = service().await;
    let host = host(&connection).await;
    assert_eq!(sends(&host, r#"{"res":5,"first":{"target":"t"}}"#).await, 500);
    assert!(taken(&calls).is_empty());
}

#[tokio::test]
async fn dates_reach_the_service_as_the_host_rewrites_them() {
    let (connection, calls) = service().await;
    let host = host(&connection).await;
    let outputs = r#"{"res":{},"first":{"target":"t","arguments":[{"at":"2023-11-14T22:13:20.000Z"}]}}"#;
    assert_eq!(sends(&host, outputs).await, 200);
    assert!(taken(&calls)[0].ends_with(r#""Arguments":[{"at":"2023-11-14T22:13:20Z"}]}"#));
    host.events.wait_for_log(LogLevel::Warning, "rewrites the date `2023-11-14T22:13:20.000Z`").await;
}

#[tokio::test]
async fn a_missing_connection_fails_calls_and_is_warned_of_at_the_start() {
    let host = host("").await;
    host.events
        .wait_for_log(
            LogLevel::Warning,
            "FH2005 send: calls will fail: the setting `AzureSignalRConnectionString` is missing",
        )
        .await;
    assert_eq!(sends(&host, r#"{"res":{},"first":{"target":"t"}}"#).await, 500);
    let error = host.last_error().unwrap();
    assert!(error.starts_with("The SignalR Service connection string or endpoints are not set."), "{error}");
}

#[tokio::test]
async fn calls_to_the_service_carry_the_id_of_their_invocation() {
    let ids = Arc::new(Mutex::new(Vec::new()));
    let recorded = Arc::clone(&ids);
    let record = move |headers: axum::http::HeaderMap| async move {
        recorded.lock().unwrap().push(headers["x-ms-client-request-id"].to_str().unwrap().to_owned());
        StatusCode::ACCEPTED
    };
    let address = serve(Router::new().fallback(any(record))).await;
    let key = "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789ABCDEFGH";
    let host = host(&format!("Endpoint=http://{address};AccessKey={key};Version=1.0;")).await;
    let outputs = r#"{"res":{"body":"x"},"first":[{"target":"a"},{"action":"add","userId":"u","groupName":"g"}]}"#;
    assert_eq!(sends(&host, outputs).await, 200);
    let id = host.events.wait_for("the end", |event| match event {
        HostEvent::Executed { id, .. } => Some(id.to_string()),
        _ => None,
    });
    let id = id.await;
    assert_eq!(*ids.lock().unwrap(), [id.clone(), id]);
}

#[tokio::test]
async fn the_story_of_an_invocation_is_told_from_its_cause_to_the_response() {
    let (connection, _) = service().await;
    let host = host(&connection).await;
    let outputs = r#"{"Outputs":{"res":{"statusCode":201,"body":"done"},"second":{"target":"t"}}}"#;
    assert_eq!(host.post("/api/send?code=key&user=u", outputs).await.status(), 201);
    let response = host.events.wait_for("the response", |event| match event {
        HostEvent::Responded { id, status, body, .. } if *status == 201 => Some((*id, body.text().to_owned())),
        _ => None,
    });
    let (end, body) = response.await;
    assert_eq!(body, "done");
    let events = host.events.all();
    let told = events.iter().filter_map(|event| match event {
        HostEvent::Triggered { id, cause: Cause::Http { method, target, body }, .. } if *id == end => {
            Some(format!("{method} {target} {}", body.text()))
        }
        HostEvent::Executing { id, .. } if *id == end => Some("executing".to_owned()),
        HostEvent::Answered { id, outputs, .. } if *id == end => {
            let values = outputs.iter().map(|output| (&*output.name, output.value.as_ref().map(Excerpt::text)));
            Some(format!("{:?}", values.collect::<Vec<_>>()))
        }
        HostEvent::Executed { id, .. } if *id == end => Some("executed".to_owned()),
        _ => None,
    });
    assert_eq!(
        told.collect::<Vec<_>>(),
        [
            format!("POST /api/send?code=***&user=u {outputs}").as_str(),
            "executing",
            r#"[("first", None), ("second", Some("{\"target\":\"t\"}"))]"#,
            "executed",
        ]
    );
}

/// A function with every SignalR input, whose handler answers with what it was given for `input`, or with the caller's outputs.
async fn host_of(transport: &str, east: &str, plain: &str, input: &str) -> Running {
    let echo = |invocation: String| async move {
        let invocation: Value = serde_json::from_str(&invocation).unwrap();
        let given = invocation["Data"]["input"].to_string();
        let outputs = invocation["Data"]["req"]["Body"].as_str().and_then(|body| serde_json::from_str(body).ok());
        axum::Json(json!({"Outputs": outputs.unwrap_or_else(|| json!({"res": {"body": given}}))}))
    };
    let hub = |kind: &str, direction: &str, name: &str| json!({"type": kind, "direction": direction, "name": name, "hubName": "chat"});
    TestApp::new()
        .setting("AzureSignalRConnectionString", plain)
        .setting("Azure__SignalR__Endpoints__east__primary", east)
        .setting("AzureSignalRServiceTransportType", transport)
        .function("send", &http_and(&[hub(input, "in", "input"), hub("signalR", "out", "out")]))
        .start_attached(Router::new().route("/send", post(echo)))
        .await
}

fn address(connection: &str) -> String {
    connection.trim_start_matches("Endpoint=").split(';').next().unwrap().to_owned()
}

#[tokio::test]
async fn several_services_fail_every_call_unless_the_transport_is_persistent() {
    let ((east, _), (plain, calls)) = (service().await, service().await);
    let host = host_of("Transient", &east, &plain, "signalREndpoints").await;
    let text = "Multiple service endpoints are set via  or Microsoft.Azure.SignalR.ServiceEndpoint[], but multiple service endpoints in \
                transient mode are not implemented yet.";
    host.events
        .wait_for_log(
            LogLevel::Warning,
            &format!("FH3017 calls will fail: {text}; set `AzureSignalRServiceTransportType`"),
        )
        .await;
    assert_eq!(host.post("/api/send", "").await.status(), 500);
    assert_eq!(host.last_error().as_deref(), Some(text));
    assert!(taken(&calls).is_empty());
}

#[tokio::test]
async fn messages_go_to_all_services_or_to_those_that_they_name() {
    let ((east, of_east), (plain, of_plain)) = (service().await, service().await);
    let host = host_of("Persistent", &east, &plain, "signalREndpoints").await;
    let sends = async |item: Value| {
        let outputs = json!({"res": {}, "out": [item]}).to_string();
        assert_eq!(host.post("/api/send", outputs).await.status(), 200);
        (taken(&of_east).len(), taken(&of_plain).len())
    };
    assert_eq!(sends(json!({"target": "t"})).await, (1, 1));
    assert_eq!(sends(json!({"action": "add", "userId": "u", "groupName": "g"})).await, (1, 1));
    let only_east = json!([{"endpointType": "Primary", "name": "east", "endpoint": address(&east), "online": true}]);
    assert_eq!(sends(json!({"target": "t", "endpoints": only_east})).await, (1, 0));
    assert_eq!(sends(json!({"target": "t", "endpoints": []})).await, (0, 0));
    host.events
        .wait_for_log(LogLevel::Warning, "FH3017 send: `endpoints` of an item names no service of the app")
        .await;
}

#[tokio::test]
async fn inputs_list_all_services_and_a_client_is_sent_to_one() {
    let ((east, _), (plain, _)) = (service().await, service().await);
    let given = async |input: &str| {
        let host = host_of("Persistent", &east, &plain, input).await;
        serde_json::from_str::<Value>(&host.post("/api/send", "").await.text().await.unwrap()).unwrap()
    };
    let endpoint = |name: &str, connection: &str| json!({"endpointType": "Primary", "name": name, "endpoint": address(connection), "online": true});
    let (first, second) = (endpoint("east", &east), endpoint("", &plain));
    let listed: Value = serde_json::from_str(given("signalREndpoints").await.as_str().unwrap()).unwrap();
    assert_eq!(listed, json!([first, second]));
    let negotiation = given("signalRNegotiation").await;
    for (place, connection) in [&east, &plain].into_iter().enumerate() {
        let url = &negotiation["endpoints"][place]["connectionInfo"]["url"];
        assert_eq!(*url, format!("{}/client/?hub=chat", address(connection)));
    }
    let info = given("signalRConnectionInfo").await.to_string();
    assert!(info.contains(&address(&east)) || info.contains(&address(&plain)), "{info}");
}
