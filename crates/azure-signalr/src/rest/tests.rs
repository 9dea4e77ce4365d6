//! What really goes over the wire, seen by a listener that records it and answers as it is told.

use std::num::NonZeroU32;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, SystemTime};

use axum::Router;
use axum::body::Bytes;
use axum::response::{IntoResponse, Response};
use futures_util::TryStreamExt;
use http::{HeaderMap, Method, StatusCode, Uri};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

use super::{Backoff, ErrorCode, RestClient, RestError, RetryPolicy};
use crate::token::{Audience, ClientToken, Rejection, Verifier};
use crate::{
    AccessKey, ConnectionString, GroupAction, GroupName, HubName, Invocation, Member, Message, Target, UserId,
};
use crate::{BearerToken, CredentialError, TokenFuture, TokenSource};

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

/// Repeats at once.
fn at_once(max_retries: u32) -> RetryPolicy {
    RetryPolicy { max_retries, delay: Duration::ZERO, ..RetryPolicy::default() }
}

/// How many requests a message and a group action make, and whether they end well.
async fn check_repeated(statuses: &'static [u16], message: (usize, bool), action: (usize, bool)) {
    let service = Service::answering_in_turn(statuses).await;
    let sent = service.client().with_retry(at_once(2)).hub(&hub()).send(&to_everyone()).await;
    assert_eq!((service.count(), sent.is_ok()), message, "a message, {statuses:?}");
    let service = Service::answering_in_turn(statuses).await;
    let applied = service.client().with_retry(at_once(2)).hub(&hub()).apply(&remove_connection()).await;
    assert_eq!((service.count(), applied.is_ok()), action, "an action, {statuses:?}");
}

#[tokio::test]
async fn a_message_that_may_have_been_delivered_is_not_repeated() {
    check_repeated(&[503, 202], (2, true), (2, true)).await;
    check_repeated(&[500, 202], (1, false), (2, true)).await;
    check_repeated(&[408, 202], (1, false), (2, true)).await;
    check_repeated(&[502, 504, 202], (3, true), (3, true)).await;
    check_repeated(&[503], (3, false), (3, false)).await;
    check_repeated(&[429, 202], (1, false), (1, false)).await;
    check_repeated(&[400, 202], (1, false), (1, false)).await;
    check_repeated(&[401, 202], (1, false), (1, false)).await;
}

#[tokio::test]
async fn every_attempt_carries_the_same_request_id() {
    let service = Service::answering_in_turn(&[503, 202]).await;
    let hub = service.client().with_retry(at_once(1)).hub(&hub()).with_request_id("7d6f");
    hub.send(&to_everyone()).await.unwrap();
    let requests = service.requests.lock().unwrap();
    let ids: Vec<_> = requests.iter().map(|request| request.header("x-ms-client-request-id")).collect();
    assert_eq!(ids, [Some("7d6f"), Some("7d6f")]);
}

#[tokio::test]
async fn an_answer_that_does_not_come_is_waited_for_again_unless_clients_could_see_it() {
    let service = Service::start(std::future::pending).await;
    let client = service.client().with_timeout(Duration::from_millis(30)).with_retry(at_once(1));
    assert!(matches!(client.hub(&hub()).send(&to_everyone()).await, Err(RestError::Unanswered { .. })));
    assert_eq!(service.count(), 1);
    assert!(matches!(client.hub(&hub()).apply(&add_connection()).await, Err(RestError::Unanswered { .. })));
    assert_eq!(service.count(), 3);
}

#[tokio::test]
async fn a_message_that_found_no_connection_is_sent_again() {
    // A port that only begins to listen once the first attempt has failed.
    let port = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap().port();
    let policy = RetryPolicy { max_retries: 1000, delay: Duration::from_millis(5), ..at_once(0) };
    let policy = RetryPolicy { backoff: Backoff::Fixed, ..policy };
    let client = client(&format!("Endpoint=http://127.0.0.1:{port};AccessKey={KEY}")).with_retry(policy);
    assert!(client.clone().with_retry(RetryPolicy::none()).hub(&hub()).send(&to_everyone()).await.is_err());
    let (hub, message) = (client.hub(&hub()), to_everyone());
    let listening = async {
        let listener = TcpListener::bind(("127.0.0.1", port)).await.unwrap();
        let app = Router::new().fallback(|| std::future::ready(StatusCode::ACCEPTED));
        tokio::spawn(async move { axum::serve(listener, app).await });
    };
    let (sent, ()) = tokio::join!(hub.send(&message), listening);
    sent.unwrap();
}

#[tokio::test]
async fn a_service_that_wants_to_be_left_alone_for_longer_than_there_is_time_is_not_asked_again() {
    let busy = (StatusCode::SERVICE_UNAVAILABLE, [("retry-after", "3600")]);
    let service = Service::answering(busy).await;
    let client = service.client().with_retry(at_once(3)).with_deadline(Duration::from_secs(600));
    let error = client.hub(&hub()).send(&to_everyone()).await.unwrap_err();
    assert_eq!(
        (error.status(), error.retry_after()),
        (Some(StatusCode::SERVICE_UNAVAILABLE), Some(Duration::from_secs(3600)))
    );
    assert_eq!(service.count(), 1);
}

#[tokio::test]
async fn a_deadline_ends_a_call_with_all_its_attempts() {
    let service = Service::start(std::future::pending).await;
    let client = service.client().with_retry(at_once(1000)).with_deadline(Duration::from_millis(50));
    let error = client.hub(&hub()).apply(&add_connection()).await.unwrap_err();
    assert!(matches!(&error, RestError::DeadlineExceeded { deadline, .. } if deadline.as_millis() == 50), "{error:?}");
}

#[tokio::test]
async fn calls_beyond_the_limit_wait_for_their_turn() {
    let (under_way, most) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
    // Each call is answered only together with two others.
    let three = Arc::new(tokio::sync::Barrier::new(3));
    let (count, seen) = (Arc::clone(&under_way), Arc::clone(&most));
    let service = Service::start(move || {
        let (count, seen, three) = (Arc::clone(&count), Arc::clone(&seen), Arc::clone(&three));
        async move {
            seen.fetch_max(count.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
            three.wait().await;
            count.fetch_sub(1, Ordering::SeqCst);
            StatusCode::ACCEPTED.into_response()
        }
    })
    .await;
    let hub = service.client().with_concurrency(3).hub(&hub());
    let message = to_everyone();
    let calls = (0..12).map(|_| hub.send(&message));
    for sent in futures_util::future::join_all(calls).await {
        sent.unwrap();
    }
    assert_eq!((service.count(), most.load(Ordering::SeqCst)), (12, 3));
}

#[tokio::test]
async fn a_call_whose_turn_does_not_come_ends_with_its_deadline() {
    let service = Service::start(std::future::pending).await;
    let client = service.client().with_concurrency(1).with_deadline(Duration::from_millis(50));
    let (hub, message) = (client.hub(&hub()), to_everyone());
    let (first, second) = tokio::join!(hub.send(&message), hub.send(&message));
    assert!(matches!(first, Err(RestError::DeadlineExceeded { .. })));
    assert!(matches!(second, Err(RestError::DeadlineExceeded { .. })));
    assert_eq!(service.count(), 1);
}

#[tokio::test]
async fn existence_is_yes_no_or_an_error() {
    let (alice, admins): (UserId, GroupName) = ("alice".parse().unwrap(), "admins".parse().unwrap());
    let yes = Service::answering(StatusCode::OK).await.client().hub(&hub());
    assert!(yes.user(&alice).exists().await.unwrap() && yes.user(&alice).is_in(&admins).await.unwrap());
    let absent = |code: &'static str| Service::answering((StatusCode::NOT_FOUND, [("x-ms-error-code", code)]));
    let no_user = absent("warning.user.notexisted").await.client().hub(&hub());
    assert!(!no_user.user(&alice).exists().await.unwrap());
    assert!(no_user.user(&alice).is_in(&admins).await.is_err());
    assert!(no_user.group(&admins).exists().await.is_err());
    let not_in_group = absent("Info.User.NotInGroup").await.client().hub(&hub());
    assert!(!not_in_group.user(&alice).is_in(&admins).await.unwrap());
    let lost = Service::answering(StatusCode::NOT_FOUND).await.client().hub(&hub());
    assert!(matches!(lost.user(&alice).exists().await, Err(RestError::NotFound { code: None, .. })));
}

#[tokio::test]
async fn closing_a_connection_that_has_ended_is_no_error() {
    let gone = (StatusCode::NOT_FOUND, [("x-ms-error-code", "Warning.Connection.NotExisted")]);
    let hub = Service::answering(gone).await.client().hub(&hub());
    hub.connection(&"c".parse().unwrap()).close(None).await.unwrap();
}

#[tokio::test]
async fn a_generated_token_is_taken_out_of_its_document() {
    let service = Service::answering(r#"{"token":"t.o.k"}"#).await;
    let token = service.client().hub(&hub()).generate_token(None, NonZeroU32::new(5).unwrap()).await.unwrap();
    assert_eq!(token, "t.o.k");
    let error = Service::answering("nonsense").await.client().hub(&hub());
    let error = error.generate_token(None, NonZeroU32::MIN).await.unwrap_err();
    assert!(matches!(error, RestError::UnreadableAnswer { .. }), "{error:?}");
}

#[tokio::test]
async fn a_temporary_key_signs_client_tokens() {
    let service = Service::answering(r#"{"AccessKey":"borrowed","KeyId":"k1"}"#).await;
    let lent = service.client().access_key().await.unwrap();
    assert_eq!(service.only_request().uri.path(), "/api/v1/auth/accessKey");
    let connection: ConnectionString = "Endpoint=https://a;AuthType=azure.msi".parse().unwrap();
    let now = SystemTime::now();
    let token = ClientToken::new(&hub()).sign_with(&lent, &connection, now).unwrap();
    let audience = Audience::Client { hub: "serverless", hosts: &["a"] };
    Verifier::new([AccessKey::new("borrowed")]).verify(&token, &audience, now).unwrap();
    assert!(!format!("{lent:?}").contains("borrowed"));
}

#[tokio::test]
async fn what_a_client_answers_is_kept_byte_for_byte() {
    let service = Service::answering(r#"{"result":12345678901234567890123}"#).await;
    let id = "c".parse().unwrap();
    let question = Invocation::new(TARGET);
    let answer = service.client().hub(&hub()).connection(&id).invoke(&question).await.unwrap();
    assert_eq!((answer.result.get(), answer.protocol), ("12345678901234567890123", None));
    let nothing = Service::answering("{}").await.client().hub(&hub());
    let answer = nothing.connection(&id).invoke(&question).await.unwrap();
    assert_eq!(answer.read::<Option<u8>>().unwrap(), None);
}

#[tokio::test]
async fn pages_are_followed_to_the_service_of_the_connection_string_only() {
    let pages = [
        r#"{"value":[{"connectionId":"c1","userId":"u1"},{"connectionId":"c2"}],"nextLink":"https://evil.example/steal?continuationToken=c2"}"#,
        r#"{"value":[],"nextLink":"/api?continuationToken=c3"}"#,
        r#"{"value":[{"connectionId":"c4","userId":""}]}"#,
    ];
    let next = Arc::new(AtomicUsize::new(0));
    let service =
        Service::start(move || std::future::ready(pages[next.fetch_add(1, Ordering::SeqCst)].into_response())).await;
    let (hub, group) = (service.client().hub(&hub()), "online".parse().unwrap());
    let found: Vec<_> = hub.group(&group).members().page_size(2).top(9).into_stream().try_collect().await.unwrap();
    let found: Vec<_> = found.iter().map(|member| (member.connection_id.as_str(), member.user_id.as_deref())).collect();
    assert_eq!(found, [("c1", Some("u1")), ("c2", None), ("c4", Some(""))]);
    let queries: Vec<_> =
        service.requests.lock().unwrap().iter().map(|request| request.uri.query().unwrap().to_owned()).collect();
    let first = "api-version=2024-12-01&maxpagesize=2&top=9";
    let second = "api-version=2024-12-01&maxpagesize=2&top=7&continuationToken=c2";
    let third = "api-version=2024-12-01&maxpagesize=2&top=7&continuationToken=c3";
    assert_eq!(queries, [first, second, third]);
}

#[tokio::test]
async fn a_page_that_leads_to_itself_is_an_error() {
    let page = r#"{"value":[{"connectionId":"c1"}],"nextLink":"http://x/?continuationToken=c1"}"#;
    let (hub, group) = (Service::answering(page).await.client().hub(&hub()), "online".parse().unwrap());
    let mut members = hub.group(&group).members();
    assert_eq!(members.next_page().await.unwrap().unwrap().len(), 1);
    assert!(matches!(members.next_page().await, Err(RestError::UnreadableAnswer { .. })));
}

#[tokio::test]
async fn members_end_at_the_top() {
    let page = r#"{"value":[{"connectionId":"c1"},{"connectionId":"c2"}],"nextLink":"http://x/?continuationToken=c2"}"#;
    let service = Service::answering(page).await;
    let (hub, group) = (service.client().hub(&hub()), "online".parse().unwrap());
    let mut members = hub.group(&group).members().top(1);
    assert_eq!(members.next_page().await.unwrap().unwrap().len(), 1);
    assert!(members.next_page().await.unwrap().is_none());
    assert_eq!(service.count(), 1);
}

/// A source that always has the same token.
#[derive(Debug)]
struct Given;

impl TokenSource for Given {
    fn token<'a>(&'a self, scope: &'a str) -> TokenFuture<'a> {
        assert_eq!(scope, "https://signalr.azure.com/.default");
        Box::pin(std::future::ready(Ok(BearerToken::new("entra", SystemTime::now()))))
    }
}

#[tokio::test]
async fn a_token_of_entra_is_sent_as_it_is() {
    let service = Service::answering(StatusCode::ACCEPTED).await;
    let connection = format!("Endpoint=http://127.0.0.1:{};AuthType=azure.msi", service.port);
    client(&connection).with_tokens(Arc::new(Given)).hub(&hub()).send(&to_everyone()).await.unwrap();
    assert_eq!(service.only_request().header("authorization"), Some("Bearer entra"));
}

#[tokio::test]
async fn a_token_of_entra_is_not_sent_in_the_open() {
    let client = client("Endpoint=http://signalr.example;AuthType=azure.msi").with_tokens(Arc::new(Given));
    let error = client.hub(&hub()).send(&to_everyone()).await.unwrap_err();
    assert!(matches!(error, RestError::Credential(CredentialError::NotEncrypted { .. })), "{error:?}");
    assert_eq!(
        error.to_string(),
        "a token of Microsoft Entra is sent over https only, and the service's address is `http://signalr.example/`; use its https address"
    );
}

#[cfg(not(feature = "entra"))]
#[test]
fn an_identity_without_the_feature_is_refused_with_the_cure() {
    let error = client("Endpoint=https://a;AuthType=azure.msi").with_identity(|_| None).unwrap_err();
    assert_eq!(
        error.to_string(),
        "`AuthType=azure.msi` needs Microsoft Entra; build `azure-signalr` with its feature `entra`, or use a connection string with `AccessKey=`"
    );
}

#[test]
fn an_identity_is_not_asked_for_where_there_is_a_key() {
    let client = client(&format!("Endpoint=https://a;AccessKey={KEY}"));
    assert!(client.with_identity(|name| panic!("`{name}` was read")).is_ok());
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

#[tokio::test]
async fn a_message_that_was_accepted_is_sent_even_where_the_answer_breaks_off() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(async move {
        let (mut socket, _) = listener.accept().await.unwrap();
        let _ = socket.read(&mut [0; 4096]).await.unwrap();
        socket.write_all(b"HTTP/1.1 202 Accepted\r\ncontent-length: 9\r\n\r\n{").await.unwrap();
    });
    let client = client(&format!("Endpoint=http://127.0.0.1:{port};AccessKey={KEY}"));
    client.hub(&hub()).send(&to_everyone()).await.unwrap();
}
