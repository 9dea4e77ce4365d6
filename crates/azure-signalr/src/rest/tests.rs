//! What really goes over the wire, seen by a listener that records it and answers as it is told.

mod answers;
mod identity;
mod repetition;

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, SystemTime};

use axum::Router;
use axum::body::Bytes;
use axum::response::{IntoResponse, Response};
use http::{HeaderMap, Method, StatusCode, Uri};
use tokio::net::TcpListener;

use super::{ErrorCode, RestClient, RestError, RetryPolicy};
use crate::token::{Audience, Rejection, Verifier};
use crate::{AccessKey, ConnectionString, GroupAction, HubName, Member, Message, Target};

const KEY: &str = "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789ABCDEFGH";
const TARGET: Target = Target::from_static("newMessage");

#[derive(Debug, Clone)]
struct Recorded {
    method: Method,
    uri: Uri,
    headers: HeaderMap,
    body: Bytes,
}

impl Recorded {
    fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).map(|value| value.to_str().unwrap())
    }

    fn verify(&self, host: &str) -> Result<(), Rejection> {
        let token = self.header("authorization").unwrap().strip_prefix("Bearer ").unwrap();
        let audience = Audience::Rest { path: self.uri.path(), hosts: &[host] };
        Verifier::new([AccessKey::new(KEY)]).verify(token, &audience, SystemTime::now()).map(drop)
    }
}

/// A listener on a free port that answers every request with a copy of one answer.
struct Service {
    port: u16,
    requests: Arc<Mutex<Vec<Recorded>>>,
}

impl Service {
    async fn answering(answer: impl IntoResponse + Clone + Send + Sync + 'static) -> Self {
        Self::start(move || std::future::ready(answer.clone().into_response())).await
    }

    async fn start<F>(answer: impl Fn() -> F + Clone + Send + Sync + 'static) -> Self
    where
        F: Future<Output = Response> + Send,
    {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let requests = Arc::new(Mutex::new(Vec::new()));
        let record = Arc::clone(&requests);
        let app = Router::new().fallback(move |method, uri, headers, body| {
            record.lock().unwrap().push(Recorded { method, uri, headers, body });
            answer()
        });
        // Ends with the runtime of its test.
        tokio::spawn(async move { axum::serve(listener, app).await });
        Self { port, requests }
    }

    /// Gives these statuses one after another, and the last for ever.
    async fn answering_in_turn(statuses: &'static [u16]) -> Self {
        let calls = AtomicUsize::new(0);
        let calls = Arc::new(calls);
        Self::start(move || {
            let index = calls.fetch_add(1, Ordering::SeqCst).min(statuses.len() - 1);
            std::future::ready(StatusCode::from_u16(statuses[index]).unwrap().into_response())
        })
        .await
    }

    fn count(&self) -> usize {
        self.requests.lock().unwrap().len()
    }

    fn client(&self) -> RestClient {
        client(&format!("Endpoint=http://127.0.0.1;Port={};AccessKey={KEY}", self.port))
    }

    fn only_request(&self) -> Recorded {
        let requests = self.requests.lock().unwrap();
        assert_eq!(requests.len(), 1, "{requests:?}");
        requests[0].clone()
    }
}

fn client(connection: &str) -> RestClient {
    RestClient::new(connection.parse::<ConnectionString>().unwrap()).with_retry(RetryPolicy::none())
}

fn hub() -> HubName {
    "Serverless".parse().unwrap()
}

fn to_everyone() -> Message {
    Message::to_everyone(TARGET).argument("hi").unwrap()
}

fn add_connection() -> GroupAction {
    GroupAction::Add { member: Member::Connection("c".parse().unwrap()), group: "g".parse().unwrap() }
}

fn remove_connection() -> GroupAction {
    GroupAction::Remove { member: Member::Connection("c".parse().unwrap()), group: "g".parse().unwrap() }
}

#[tokio::test]
async fn a_message_is_posted_with_a_token_for_its_path() {
    let service = Service::answering(StatusCode::ACCEPTED).await;
    service.client().hub(&hub()).send(&to_everyone()).await.unwrap();

    let request = service.only_request();
    assert_eq!(request.method, Method::POST);
    assert_eq!(request.uri, "/api/hubs/serverless/:send?api-version=2022-06-01");
    assert_eq!(request.header("content-type"), Some("application/json; charset=utf-8"));
    assert!(request.header("asrs-user-agent").unwrap().starts_with("azure-signalr-rust/"));
    assert_eq!(request.body, r#"{"Target":"newMessage","Arguments":["hi"]}"#);
    assert_eq!(request.verify("127.0.0.1"), Ok(()));
}

#[tokio::test]
async fn a_call_belongs_to_the_trace_that_goes_on_and_to_none_otherwise() {
    const PARENT: &str = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
    for (current, expected) in [(Some(PARENT), Some(PARENT)), (None, None), (Some("not\na header"), None)] {
        let service = Service::answering(StatusCode::ACCEPTED).await;
        let client = service.client().with_trace(move || current.map(str::to_owned));
        client.hub(&hub()).send(&to_everyone()).await.unwrap();
        assert_eq!(service.only_request().header("traceparent"), expected);
    }
}

#[tokio::test]
async fn an_escaped_name_arrives_escaped_and_the_token_covers_it() {
    let service = Service::answering(StatusCode::ACCEPTED).await;
    let message = Message::to_user("a/b ü".parse().unwrap(), TARGET);
    service.client().hub(&hub()).send(&message).await.unwrap();

    let request = service.only_request();
    assert_eq!(request.uri.path(), "/api/hubs/serverless/users/a%2Fb%20%C3%BC/:send");
    assert_eq!(request.verify("127.0.0.1"), Ok(()));
}

#[tokio::test]
async fn a_group_action_has_no_body() {
    let service = Service::answering(StatusCode::OK).await;
    service.client().hub(&hub()).apply(&add_connection()).await.unwrap();

    let request = service.only_request();
    assert_eq!(request.method, Method::PUT);
    assert_eq!(request.uri, "/api/hubs/serverless/groups/g/connections/c?api-version=2022-06-01");
    assert_eq!((request.header("content-type"), request.body.len()), (None, 0));
    assert_eq!(request.verify("127.0.0.1"), Ok(()));
}

#[tokio::test]
async fn a_server_endpoint_takes_the_call_but_not_the_audience() {
    let service = Service::answering(StatusCode::ACCEPTED).await;
    let server = format!("http://127.0.0.1:{}/behind/proxy/", service.port);
    let connection = format!("Endpoint=https://contoso.service.signalr.net;AccessKey={KEY};ServerEndpoint={server}");
    client(&connection).hub(&hub()).send(&to_everyone()).await.unwrap();

    let mut request = service.only_request();
    assert_eq!(request.uri.path(), "/behind/proxy/api/hubs/serverless/:send");
    // What the service itself sees behind the proxy:
    request.uri = Uri::from_static("/api/hubs/serverless/:send");
    assert_eq!(request.verify("contoso.service.signalr.net"), Ok(()));
    assert_eq!(request.verify("127.0.0.1"), Err(Rejection::InvalidAudience));
}

#[tokio::test]
async fn health_is_asked_without_a_token() {
    let service = Service::answering(StatusCode::OK).await;
    service.client().health().await.unwrap();

    let request = service.only_request();
    assert_eq!(request.method, Method::HEAD);
    assert_eq!(request.uri, "/api/health?api-version=2022-06-01");
    assert_eq!(request.header("authorization"), None);
}

#[tokio::test]
async fn ill_health_is_an_error() {
    let service = Service::answering(StatusCode::SERVICE_UNAVAILABLE).await;
    let error = service.client().health().await.unwrap_err();
    assert_eq!(error.status(), Some(StatusCode::SERVICE_UNAVAILABLE));
}

#[tokio::test]
async fn each_status_gets_the_words_of_the_official_library() {
    let answers = [
        (StatusCode::BAD_REQUEST, "Message in request body is required."),
        (StatusCode::UNAUTHORIZED, ""),
        (StatusCode::NOT_FOUND, ""),
        (StatusCode::TOO_MANY_REQUESTS, "slow down"),
        (StatusCode::INTERNAL_SERVER_ERROR, ""),
    ];
    let mut texts = String::new();
    for (status, body) in answers {
        let service = Service::answering((status, body)).await;
        let error = service.client().hub(&hub()).send(&to_everyone()).await.unwrap_err();
        assert_eq!((error.status(), error.error_code()), (Some(status), None));
        texts += &format!("{error}\n").replace(&format!(":{}/", service.port), ":PORT/");
    }
    insta::assert_snapshot!(texts, @r"
    Invalid argument. Caused by one or more of the following reasons: Message in request body is required. Request Uri: http://127.0.0.1:PORT/api/hubs/serverless/:send?api-version=2022-06-01
    Authorization failed. If you were using AccessKey, please check connection string and see if the AccessKey is correct. If you were using Azure Active Directory, please note that the role assignments will take up to 30 minutes to take effect if it was added recently. Request Uri: http://127.0.0.1:PORT/api/hubs/serverless/:send?api-version=2022-06-01
    Unable to access SignalR service. Response status code does not indicate success: 404 (Not Found) Please make sure the endpoint or DNS setting is correct. Request Uri: http://127.0.0.1:PORT/api/hubs/serverless/:send?api-version=2022-06-01
    Azure SignalR service runtime error. Request Uri: http://127.0.0.1:PORT/api/hubs/serverless/:send?api-version=2022-06-01
    Azure SignalR service runtime error. Request Uri: http://127.0.0.1:PORT/api/hubs/serverless/:send?api-version=2022-06-01
    ");
}

#[tokio::test]
async fn adding_a_connection_that_has_ended_is_no_error() {
    let gone = (StatusCode::NOT_FOUND, [("x-ms-error-code", "error.connection.NOTEXISTED")]);
    let service = Service::answering(gone).await;
    service.client().hub(&hub()).apply(&add_connection()).await.unwrap();
}

#[tokio::test]
async fn every_other_404_is_an_error() {
    let gone = (StatusCode::NOT_FOUND, [("x-ms-error-code", "Error.Connection.NotExisted")]);
    let client = Service::answering(gone).await.client();
    let add_user = GroupAction::Add { member: Member::User("u".parse().unwrap()), group: "g".parse().unwrap() };
    for action in [remove_connection(), add_user, GroupAction::RemoveUserFromAll("u".parse().unwrap())] {
        let error = client.hub(&hub()).apply(&action).await.unwrap_err();
        assert_eq!(error.error_code(), Some(&ErrorCode::ConnectionRequired), "{action:?}");
    }
    assert!(client.hub(&hub()).send(&to_everyone()).await.is_err());

    let other = (StatusCode::NOT_FOUND, [("x-ms-error-code", "Warning.Connection.NotExisted")]);
    let client = Service::answering(other).await.client();
    assert!(matches!(client.hub(&hub()).apply(&add_connection()).await, Err(RestError::NotFound { .. })));
    let client = Service::answering(StatusCode::NOT_FOUND).await.client();
    assert!(matches!(client.hub(&hub()).apply(&add_connection()).await, Err(RestError::NotFound { .. })));
}

#[tokio::test]
async fn a_service_that_does_not_answer_in_time_is_unanswered() {
    let service = Service::start(std::future::pending).await;
    let client = service.client().with_timeout(Duration::from_millis(50));
    let error = client.hub(&hub()).send(&to_everyone()).await.unwrap_err();
    let RestError::Unanswered { uri, source } = &error else { panic!("{error:?}") };
    assert!(source.is_timeout());
    assert_eq!(error.to_string(), format!("An error happened when making request to {uri}"));
    assert!(matches!(client.health().await, Err(RestError::Unanswered { .. })));
}

#[tokio::test]
async fn a_service_that_is_not_there_is_unanswered() {
    let port = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap().port();
    let client = client(&format!("Endpoint=http://127.0.0.1:{port};AccessKey={KEY}"));
    let error = client.hub(&hub()).send(&to_everyone()).await.unwrap_err();
    assert!(matches!(&error, RestError::Unanswered { source, .. } if source.is_connect()), "{error:?}");
    assert_eq!(error.status(), None);
}

#[tokio::test]
async fn nothing_is_sent_without_an_access_key() {
    let service = Service::answering(StatusCode::ACCEPTED).await;
    let connection = format!("Endpoint=http://127.0.0.1:{};AuthType=azure.msi", service.port);
    let error = client(&connection).hub(&hub()).send(&to_everyone()).await.unwrap_err();
    assert!(matches!(error, RestError::Sign(_)));
    assert!(service.requests.lock().unwrap().is_empty());
}

#[tokio::test]
async fn a_client_that_is_printed_shows_no_key() {
    let printed = format!("{:?}", client(&format!("Endpoint=http://127.0.0.1;AccessKey={KEY}")));
    assert!(printed.contains("***") && !printed.contains(KEY), "{printed}");
}

#[tokio::test]
async fn the_calling_program_is_named_after_the_library() {
    let service = Service::answering(StatusCode::ACCEPTED).await;
    service.client().with_product("my-app/1.2").hub(&hub()).send(&to_everyone()).await.unwrap();
    let request = service.only_request();
    let agent = request.header("asrs-user-agent").unwrap();
    assert!(agent.starts_with("azure-signalr-rust/") && agent.ends_with(" my-app/1.2"), "{agent}");
}

#[tokio::test]
async fn a_redirection_is_not_followed() {
    let elsewhere = Service::answering(StatusCode::ACCEPTED).await;
    let location = format!("http://127.0.0.1:{}/", elsewhere.port);
    let service = Service::start(move || {
        std::future::ready((StatusCode::TEMPORARY_REDIRECT, [("location", location.clone())]).into_response())
    })
    .await;
    let error = service.client().hub(&hub()).send(&to_everyone()).await.unwrap_err();
    assert_eq!((error.status(), elsewhere.count()), (Some(StatusCode::TEMPORARY_REDIRECT), 0));
}
