//! The table of functions: one line per folder with a function.json. The folder, the module and the route share a name; a folder
//! that has no line here is a function that fails at every call, and a test says so.

mod broadcast;
mod negotiate;
mod status_update;

use crate::{App, error};
use axum::Router;
use axum::routing::post;
use tower_http::catch_panic::CatchPanicLayer;

/// The name of the `httpTrigger` binding in every function.json.
const HTTP_TRIGGER: &str = "req";
/// The name of the `signalR` binding in every function.json.
const MESSAGES: &str = "signalRMessages";

/// The routes that the host calls, and what answers them.
pub(crate) fn routes() -> Router<App> {
    let http = Router::new()
        .route("/negotiate", post(negotiate::negotiate))
        .route("/broadcast", post(broadcast::broadcast))
        .layer(CatchPanicLayer::custom(error::http_panic));
    let timers = Router::new()
        .route("/statusUpdate", post(status_update::status_update))
        .layer(CatchPanicLayer::custom(error::timer_panic));
    http.merge(timers)
}

#[cfg(test)]
mod tests {
    use crate::{App, Config, app, error, status};
    use axum::Router;
    use axum::body::Body;
    use axum::http::{Request, StatusCode};
    use axum::routing::post;
    use http_body_util::BodyExt;
    use serde_json::{Value, json};
    use std::path::Path;
    use std::sync::Arc;
    use tower::ServiceExt;
    use tower_http::catch_panic::CatchPanicLayer;

    fn handler() -> Router {
        app(&Config { port: 0, signalr: None, log_filter: String::new() })
    }

    async fn answer(handler: Router, path: &str, body: String) -> (StatusCode, String) {
        let response = handler.oneshot(Request::post(path).body(Body::from(body)).unwrap()).await.unwrap();
        let status = response.status();
        let body = response.into_body().collect().await.unwrap().to_bytes();
        (status, String::from_utf8(body.to_vec()).unwrap())
    }

    async fn call(handler: Router, path: &str, body: String) -> (StatusCode, Value) {
        let (status, body) = answer(handler, path, body).await;
        (status, serde_json::from_str(&body).unwrap_or(Value::Null))
    }

    fn http_call(body: &str) -> String {
        let request = json!({"Url": "http://localhost:7071/api/x", "Method": "POST", "Body": body});
        json!({"Data": {"req": request}, "Metadata": {}}).to_string()
    }

    #[tokio::test]
    async fn the_host_finds_the_handler_ready() {
        let response = handler().oneshot(Request::get("/").body(Body::empty()).unwrap()).await.unwrap();
        assert_eq!(response.status(), StatusCode::OK);
    }

    #[tokio::test]
    async fn every_folder_with_a_function_json_is_answered_under_both_paths() {
        let root = Path::new(env!("CARGO_MANIFEST_DIR"));
        let mut folders = 0;
        for entry in std::fs::read_dir(root).unwrap() {
            let entry = entry.unwrap();
            if !entry.path().join("function.json").exists() {
                continue;
            }
            folders += 1;
            let name = entry.file_name().into_string().unwrap();
            for path in [format!("/{name}"), format!("/api/{name}")] {
                let (status, _) = call(handler(), &path, http_call("{}")).await;
                assert_ne!(status, StatusCode::NOT_FOUND, "{path}");
            }
        }
        assert!(folders >= 3, "only {folders} function folders were found");
    }

    #[tokio::test]
    async fn every_binding_names_the_same_hub() {
        let root = Path::new(env!("CARGO_MANIFEST_DIR"));
        for function in ["negotiate", "broadcast", "statusUpdate"] {
            let text = std::fs::read_to_string(root.join(function).join("function.json")).unwrap();
            let declaration: Value = serde_json::from_str(&text).unwrap();
            let bindings = declaration["bindings"].as_array().unwrap();
            let hubs: Vec<_> = bindings.iter().filter_map(|binding| binding["hubName"].as_str()).collect();
            // Messages to another hub reach nobody, and nothing says so (signalr-bindings 2.3).
            assert_eq!(hubs, ["notifications"], "{function}");
        }
    }

    #[tokio::test]
    async fn negotiate_answers_the_connection_info_as_json() {
        let invocation =
            include_str!("../crates/custom-handler/fixtures/negotiate_invocation_signalr-bindings_4.5.json");
        let (status, result) = call(handler(), "/negotiate", invocation.to_owned()).await;
        assert_eq!(status, StatusCode::OK);
        let res = &result["Outputs"]["res"];
        assert_eq!(res["statusCode"], 200);
        assert_eq!(res["headers"]["content-type"], "application/json");
        let body = r#"{"url":"http://localhost:8888/client/?hub=serverless","accessToken":"T"}"#;
        assert_eq!(res["body"], body);
    }

    #[tokio::test]
    async fn negotiate_without_connection_info_is_a_500_inside_an_envelope() {
        let (status, result) = call(handler(), "/negotiate", http_call("")).await;
        assert_eq!((status, &result["Outputs"]["res"]["statusCode"]), (StatusCode::OK, &json!(500)));
        assert!(result["Logs"][0].as_str().unwrap().contains("no input `connectionInfo`"), "{result}");
    }

    #[tokio::test]
    async fn connection_info_of_another_form_is_not_logged_because_it_may_be_a_token() {
        let invocation = json!({"Data": {"req": {"Method": "POST"}, "connectionInfo": "eyJ-secret-token"}});
        let (status, body) = answer(handler(), "/negotiate", invocation.to_string()).await;
        assert_eq!(status, StatusCode::OK);
        assert!(body.contains("the input `connectionInfo` has an unexpected form: JSON of another shape at"), "{body}");
        assert!(!body.contains("secret"), "{body}");
    }

    #[tokio::test]
    async fn broadcast_gives_the_message_to_the_binding_and_a_reply_to_the_caller() {
        let (status, result) = call(handler(), "/broadcast", http_call(r#"{"message":"hi"}"#)).await;
        assert_eq!(status, StatusCode::OK);
        assert_eq!(result["Outputs"]["signalRMessages"], json!([{"target": "newNotification", "arguments": ["hi"]}]));
        assert_eq!(result["Outputs"]["res"]["body"], r#"{"sent":true}"#);
    }

    #[tokio::test]
    async fn a_bad_body_is_a_problem_and_sends_nothing() {
        let (status, result) = call(handler(), "/broadcast", http_call(r#"{"message":1}"#)).await;
        assert_eq!(status, StatusCode::OK);
        let outputs = result["Outputs"].as_object().unwrap();
        assert_eq!(outputs.keys().collect::<Vec<_>>(), ["res"]);
        let res = &outputs["res"];
        assert_eq!(res["statusCode"], 400);
        assert_eq!(res["headers"]["content-type"], "application/problem+json");
        let problem: Value = serde_json::from_str(res["body"].as_str().unwrap()).unwrap();
        assert_eq!(problem["field"], "message");
    }

    #[tokio::test]
    async fn a_body_over_every_limit_is_a_problem_too() {
        let (status, result) = call(handler(), "/broadcast", http_call(&"x".repeat(17 << 20))).await;
        assert_eq!((status, &result["Outputs"]["res"]["statusCode"]), (StatusCode::OK, &json!(400)));
        let problem = result["Outputs"]["res"]["body"].as_str().unwrap();
        assert!(problem.contains("it may have 16777216 bytes"), "{problem}");
    }

    #[tokio::test]
    async fn what_a_caller_writes_cannot_forge_a_log_line() {
        for body in [json!({"a\nb\u{1b}[31mRED": 1}), json!({"target": "a\nb\u{1b}[31mRED"})] {
            let (_, result) = call(handler(), "/broadcast", http_call(&body.to_string())).await;
            let line = result["Logs"][0].as_str().unwrap();
            assert!(line.contains(r"`a\nb\u{1b}[31mRED`"), "{line}");
            assert!(!line.contains(char::is_control), "{line:?}");
        }
    }

    #[tokio::test]
    async fn no_log_line_claims_that_something_was_sent_which_only_the_host_can_know() {
        let timer = r#"{"Data":{"timer":{"IsPastDue":true}}}"#.to_owned();
        for (path, invocation, line) in [
            ("/broadcast", http_call(r#"{"message":"hi"}"#), "sending `newNotification` to all clients"),
            ("/statusUpdate", timer, "sending `statusUpdate` to all clients, later than planned"),
        ] {
            let (_, result) = call(handler(), path, invocation).await;
            assert_eq!(result["Logs"], json!([line]));
        }
    }

    #[tokio::test]
    async fn the_status_is_sent_to_everyone_and_without_a_service_its_health_is_not_known() {
        let invocation = r#"{"Data":{"timer":{"IsPastDue":false}},"Metadata":{}}"#;
        let (status, result) = call(handler(), "/statusUpdate", invocation.to_owned()).await;
        assert_eq!(status, StatusCode::OK);
        let message = &result["Outputs"]["signalRMessages"][0];
        assert_eq!(message["target"], "statusUpdate");
        let update = &message["arguments"][0];
        assert_eq!((&update["servicesHealthy"], &update["activeUsers"]), (&Value::Null, &Value::Null));
        update["timestamp"].as_str().unwrap().parse::<jiff::Timestamp>().unwrap();
    }

    #[tokio::test]
    async fn a_panic_is_a_500_for_the_caller_and_a_failed_run_for_a_timer() {
        async fn bug() -> StatusCode {
            panic!("a bug")
        }
        let handler = Router::new()
            .merge(Router::new().route("/http", post(bug)).layer(CatchPanicLayer::custom(error::http_panic)))
            .merge(Router::new().route("/timer", post(bug)).layer(CatchPanicLayer::custom(error::timer_panic)))
            .with_state(App { service: Arc::new(status::Service::new(None)) });
        let (status, result) = call(handler.clone(), "/http", String::new()).await;
        assert_eq!((status, &result["Outputs"]["res"]["statusCode"]), (StatusCode::OK, &json!(500)));
        assert_eq!(result["Logs"], json!(["panicked: a bug"]));
        let response = answer(handler, "/timer", String::new()).await;
        assert_eq!(response, (StatusCode::INTERNAL_SERVER_ERROR, "panicked: a bug".to_owned()));
    }

    #[tokio::test]
    async fn a_timer_that_fails_is_no_envelope_which_nobody_would_read() {
        let (status, body) = answer(handler(), "/statusUpdate", r#"{"Data":{}}"#.to_owned()).await;
        assert_eq!(status, StatusCode::INTERNAL_SERVER_ERROR);
        assert!(body.starts_with("failed: the invocation has no input `timer`; it has none"), "{body}");
    }
}
