//! Who signs in is who they say, connects as that user, and no longer than the sign-in lasts; nobody else gets that far.

use crate::harness::{SignalRClient, http, post, send, start, start_with};
use crate::issuer::{AUDIENCE, Issuer, unix_seconds};
use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use jsonwebtoken::{Algorithm, EncodingKey, Header, encode};
use local_stack::LocalStack;
use reqwest::{RequestBuilder, Response};
use serde_json::{Value, json};

/// A stack as in Azure: no development, and the tokens of `issuer` are believed.
async fn signed_in_with(issuer: &Issuer) -> LocalStack {
    start_with(&[
        ("AZURE_FUNCTIONS_ENVIRONMENT", "Production"),
        ("RequireSignIn", ""),
        ("OidcIssuer", &issuer.address),
        ("OidcAudience", AUDIENCE),
        ("SignalRClaims", "department"),
    ])
    .await
}

fn negotiate(stack: &LocalStack) -> RequestBuilder {
    http().post(format!("{}/api/negotiate?negotiateVersion=1", stack.host_url()))
}

fn broadcast(stack: &LocalStack) -> RequestBuilder {
    http().post(format!("{}/api/broadcast", stack.host_url())).body(r#"{"message":"hi"}"#)
}

/// The address, the token, and what the token says.
async fn connection_info(reply: Response) -> (String, String, Value) {
    assert_eq!(reply.status(), 200);
    assert_eq!(reply.headers()["cache-control"], "no-store");
    let info: Value = reply.json().await.expect("JSON");
    let token = info["accessToken"].as_str().expect("a token").to_owned();
    let claims = URL_SAFE_NO_PAD.decode(token.split('.').nth(1).expect("claims")).expect("base64");
    (info["url"].as_str().expect("an address").to_owned(), token, serde_json::from_slice(&claims).expect("JSON"))
}

#[track_caller]
fn check_refused(reply: &Response, status: u16, challenge: Option<&str>) {
    assert_eq!(reply.status(), status);
    assert_eq!(reply.headers()["content-type"], "application/problem+json; charset=utf-8");
    let found = reply.headers().get("www-authenticate").map(|value| value.to_str().expect("text"));
    assert_eq!(found, challenge);
}

const NO_CREDENTIAL: Option<&str> = Some("Bearer");
const NOT_BELIEVED: Option<&str> = Some(r#"Bearer error="invalid_token""#);

#[tokio::test]
async fn a_good_token_connects_as_its_user_with_roles_and_claims_and_may_send() {
    let issuer = Issuer::start().await;
    let stack = signed_in_with(&issuer).await;
    let bearer = issuer.token(&json!({"department": "sales"}));
    let (url, token, claims) = connection_info(send(negotiate(&stack).bearer_auth(&bearer)).await).await;
    assert_eq!(
        (&claims["asrs.s.uid"], &claims["role"], &claims["department"]),
        (&json!("ann"), &json!("reader"), &json!("sales"))
    );
    assert!(claims["exp"].as_u64().unwrap() <= unix_seconds() + 600, "{claims}");
    let mut ann = SignalRClient::open(&url, &token).await;
    let mut nobody = SignalRClient::connect(&stack).await;
    let messages = http().post(format!("{}/api/users/ann/messages", stack.host_url())).body(r#"{"message":"for Ann"}"#);
    assert_eq!(send(messages.bearer_auth(&bearer)).await.status(), 200);
    assert_eq!(send(broadcast(&stack).bearer_auth(&bearer)).await.status(), 200);
    assert_eq!(ann.next().await.1, json!(["for Ann"]));
    for client in [&mut ann, &mut nobody] {
        assert_eq!(client.next().await.1, json!(["hi"]));
    }
    drop((ann, nobody));
    stack.shutdown().await;
}

#[tokio::test]
async fn the_connection_ends_with_the_sign_in() {
    let issuer = Issuer::start().await;
    let stack = signed_in_with(&issuer).await;
    let ends = unix_seconds() + 4;
    let bearer = issuer.token(&json!({"exp": ends}));
    let (url, token, claims) = connection_info(send(negotiate(&stack).bearer_auth(bearer)).await).await;
    assert_eq!((&claims["exp"], &claims["asrs.s.aeo"]), (&json!(ends), &json!(ends.to_string())));
    let mut client = SignalRClient::open(&url, &token).await;
    client.closed().await;
    assert!(unix_seconds() >= ends);
    stack.shutdown().await;
}

#[tokio::test]
async fn whoever_is_not_believed_gets_nothing_not_even_what_nobody_gets() {
    let issuer = Issuer::start().await;
    let stack = signed_in_with(&issuer).await;
    let part = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
    let claims = issuer.claims(&json!({"sub": "admin"}));
    let mut shared_secret = Header::new(Algorithm::HS256);
    shared_secret.kid = Some("one".to_owned());
    let tokens = [
        format!("{}.{}.", part(&json!({"alg": "none"})), part(&claims)),
        encode(&shared_secret, &claims, &EncodingKey::from_secret(b"public key")).unwrap(),
        issuer.token(&json!({"aud": "another"})),
        issuer.token(&json!({"iss": "https://another.example"})),
        issuer.token(&json!({"exp": unix_seconds() - 120})),
        issuer.token(&json!({"nbf": unix_seconds() + 120})),
        Issuer::start().await.token(&json!({"iss": issuer.address})),
        "nonsense".to_owned(),
    ];
    for token in tokens {
        for request in [negotiate(&stack), broadcast(&stack)] {
            let reply = send(request.bearer_auth(&token)).await;
            check_refused(&reply, 401, NOT_BELIEVED);
            assert!(!reply.text().await.unwrap().contains(&token), "the token is repeated");
        }
    }
    stack.shutdown().await;
}

#[tokio::test]
async fn without_any_setting_anybody_listens_and_nobody_sends() {
    let stack = start_with(&[("AZURE_FUNCTIONS_ENVIRONMENT", "Production"), ("RequireSignIn", "")]).await;
    let mut client = SignalRClient::connect(&stack).await;
    check_refused(&send(broadcast(&stack)).await, 401, NO_CREDENTIAL);
    check_refused(&post(&stack, "/api/users/ann/messages", r#"{"message":"hi"}"#).await, 401, NO_CREDENTIAL);
    check_refused(&send(http().get(format!("{}/api/presence", stack.host_url()))).await, 401, NO_CREDENTIAL);
    let membership = client.invoke("joinGroup", &json!(["red"])).await;
    assert_eq!(membership["result"]["member"], false);
    // Nor does anybody's own word count, nor a header of a platform that is not there.
    for header in ["x-development-user", "x-ms-client-principal-id", "x-ms-client-principal"] {
        for request in [negotiate(&stack), broadcast(&stack)] {
            check_refused(&send(request.header(header, "admin")).await, 401, NOT_BELIEVED);
        }
    }
    drop(client);
    stack.shutdown().await;
}

#[tokio::test]
async fn whom_the_platform_has_signed_in_is_believed_and_its_roles_count() {
    let stack = start_with(&[("AZURE_FUNCTIONS_ENVIRONMENT", "Production"), ("WEBSITE_AUTH_ENABLED", "True")]).await;
    let document = json!({"auth_typ": "aad", "role_typ": "roles", "claims": [{"typ": "roles", "val": "manager"}]});
    let principal = STANDARD.encode(document.to_string());
    let as_ann = |request: RequestBuilder| {
        request.header("x-ms-client-principal-id", "ann").header("x-ms-client-principal", &principal)
    };
    let (_, _, claims) = connection_info(send(as_ann(negotiate(&stack))).await).await;
    assert_eq!((&claims["asrs.s.uid"], &claims["role"]), (&json!("ann"), &json!("manager")));
    let others = format!("{}/api/groups/red/users/bob", stack.host_url());
    assert_eq!(send(as_ann(http().put(&others))).await.status(), 200);
    let no_manager = send(http().put(&others).header("x-ms-client-principal-id", "ann")).await;
    check_refused(&no_manager, 403, None);
    stack.shutdown().await;
}

#[tokio::test]
async fn in_development_a_page_says_who_it_is_in_its_address() {
    let stack = start().await;
    let reply =
        send(http().get(format!("{}/api/negotiate?developmentUser=ann&developmentRoles=a,b", stack.host_url()))).await;
    let (_, _, claims) = connection_info(reply).await;
    assert_eq!((&claims["asrs.s.uid"], &claims["role"]), (&json!("ann"), &json!(["a", "b"])));
    stack.shutdown().await;
}
