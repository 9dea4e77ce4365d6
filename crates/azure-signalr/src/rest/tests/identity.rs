//! Tokens of Entra: where they go, and where they do not.

use std::sync::Arc;
use std::time::SystemTime;

use http::StatusCode;

use super::{KEY, Service, client, hub, to_everyone};
use crate::rest::RestError;
use crate::{BearerToken, CredentialError, TokenFuture, TokenSource};

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
