//! What the service says, and what a call makes of it.

use std::num::NonZeroU32;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::SystemTime;

use axum::response::IntoResponse;
use futures_util::TryStreamExt;
use http::StatusCode;

use super::{Service, TARGET, hub};
use crate::rest::RestError;
use crate::token::{Audience, ClientToken, Verifier};
use crate::{AccessKey, ConnectionString, GroupName, Invocation, UserId};

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
