//! A made-up issuer on this machine, with real keys: what is believed, and each way of not being believed.

use super::*;
use crate::error::chain;
use aws_lc_rs::encoding::{AsDer, Pkcs8V1Der};
use aws_lc_rs::rsa::{KeyPair, KeySize};
use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair};
use axum::extract::State;
use axum::routing::get;
use axum::{Json, Router};
use jsonwebtoken::jwk::Jwk;
use jsonwebtoken::{EncodingKey, encode};
use serde_json::json;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant, SystemTime};
use tokio::net::TcpListener;

/// What the issuer shows, and how often it was asked for its keys.
#[derive(Default)]
struct Shown {
    configuration: Value,
    keys: Vec<Value>,
    asked: usize,
    is_down: bool,
    hangs: bool,
}

struct Issuer {
    address: String,
    shown: Arc<Mutex<Shown>>,
    bearer: Bearer,
    started: Instant,
}

/// A private key, and its public half as the issuer shows it.
struct Key {
    signing: EncodingKey,
    jwk: Value,
    algorithm: Algorithm,
}

fn rsa(kid: &str) -> Key {
    let pair = KeyPair::generate(KeySize::Rsa2048).unwrap();
    // The private key inside PKCS #8 stands behind a head of 26 bytes; jsonwebtoken takes it without.
    let pkcs8 = AsDer::<Pkcs8V1Der<'_>>::as_der(&pair).unwrap();
    key(EncodingKey::from_rsa_der(&pkcs8.as_ref()[26..]), Algorithm::RS256, kid)
}

fn ec(kid: &str) -> Key {
    let pair = EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING).unwrap();
    let pkcs8 = pair.to_pkcs8v1().unwrap();
    key(EncodingKey::from_ec_der(pkcs8.as_ref()), Algorithm::ES256, kid)
}

fn key(signing: EncodingKey, algorithm: Algorithm, kid: &str) -> Key {
    let mut jwk = serde_json::to_value(Jwk::from_encoding_key(&signing, algorithm).unwrap()).unwrap();
    (jwk["kid"], jwk["use"]) = (kid.into(), "sig".into());
    Key { signing, jwk, algorithm }
}

impl Key {
    fn kid(&self) -> &str {
        self.jwk["kid"].as_str().unwrap()
    }

    fn sign(&self, claims: &Value) -> String {
        let mut header = jsonwebtoken::Header::new(self.algorithm);
        header.kid = Some(self.kid().to_owned());
        encode(&header, claims, &self.signing).unwrap()
    }
}

impl Issuer {
    async fn with(keys: &[&Key]) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = format!("http://{}", listener.local_addr().unwrap());
        let configuration = json!({"issuer": address, "jwks_uri": format!("{address}/keys")});
        let shown = Arc::new(Mutex::new(Shown { configuration, ..Shown::default() }));
        let app = Router::new()
            .route("/.well-known/openid-configuration", get(configuration_of))
            .route("/keys", get(keys_of))
            .with_state(Arc::clone(&shown));
        tokio::spawn(async { axum::serve(listener, app).await });
        let config = OidcConfig {
            issuer: address.clone(),
            audiences: vec!["app".to_owned()],
            user_claim: "sub".to_owned(),
            roles_claim: "roles".to_owned(),
        };
        let issuer = Self { address, shown, bearer: Bearer::new(config), started: Instant::now() };
        issuer.show(keys);
        issuer
    }

    fn show(&self, keys: &[&Key]) {
        self.shown.lock().unwrap().keys = keys.iter().map(|key| key.jwk.clone()).collect();
    }

    fn change(&self, change: impl FnOnce(&mut Shown)) {
        change(&mut self.shown.lock().unwrap());
    }

    fn asked(&self) -> usize {
        self.shown.lock().unwrap().asked
    }

    fn claims(&self) -> Value {
        let present = seconds();
        json!({"iss": self.address, "aud": "app", "exp": present + 600, "nbf": present - 10, "sub": "ann", "roles": ["reader"]})
    }

    fn claims_but(&self, name: &str, value: Value) -> Value {
        let mut claims = self.claims();
        claims[name] = value;
        claims
    }

    async fn believes(&self, token: &str) -> Result<Principal, BearerError> {
        self.believes_after(token, Duration::ZERO).await
    }

    /// What it says when so much time has passed on the clock that never jumps. Tokens do not age by it.
    async fn believes_after(&self, token: &str, time: Duration) -> Result<Principal, BearerError> {
        let now = Now { system: SystemTime::now(), instant: self.started + time };
        self.bearer.principal(token, &["department".to_owned()], now).await
    }

    #[track_caller]
    fn check_refused(outcome: Result<Principal, BearerError>, expected: &str) {
        let error = outcome.expect_err("the token is believed");
        assert_eq!(error.to_string(), expected);
    }
}

async fn configuration_of(State(shown): State<Arc<Mutex<Shown>>>) -> Result<Json<Value>, axum::http::StatusCode> {
    if shown.lock().unwrap().hangs {
        std::future::pending::<()>().await;
    }
    let shown = shown.lock().unwrap();
    if shown.is_down { Err(axum::http::StatusCode::BAD_GATEWAY) } else { Ok(Json(shown.configuration.clone())) }
}

async fn keys_of(State(shown): State<Arc<Mutex<Shown>>>) -> Json<Value> {
    let mut shown = shown.lock().unwrap();
    shown.asked += 1;
    Json(json!({"keys": shown.keys}))
}

fn seconds() -> u64 {
    SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap().as_secs()
}

fn unsigned(header: &Value, claims: &Value) -> String {
    let part = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
    format!("{}.{}.", part(header), part(claims))
}

#[tokio::test]
async fn a_good_token_is_its_user_with_roles_and_chosen_claims() {
    for key in [rsa("one"), ec("one")] {
        let issuer = Issuer::with(&[&key]).await;
        let ann = issuer.believes(&key.sign(&issuer.claims_but("department", json!("sales")))).await.unwrap();
        assert_eq!(ann.user_id.as_str(), "ann");
        assert_eq!(ann.roles.into_iter().collect::<Vec<_>>(), ["reader"]);
        assert_eq!(ann.claims, [("department".to_owned(), "sales".to_owned())]);
        assert!(ann.ends.unwrap().abs_diff(seconds() + 600) <= 2);
    }
}

#[tokio::test]
async fn nothing_is_fetched_before_the_first_token_and_then_once() {
    let key = ec("one");
    let issuer = Issuer::with(&[&key]).await;
    assert_eq!(issuer.asked(), 0);
    let token = key.sign(&issuer.claims());
    let (first, second) = tokio::join!(issuer.believes(&token), issuer.believes(&token));
    assert!(first.is_ok() && second.is_ok());
    assert_eq!(issuer.asked(), 1);
}

#[tokio::test]
async fn alg_none_is_refused() {
    let issuer = Issuer::with(&[&ec("one")]).await;
    for name in ["none", "None", "NONE", ""] {
        let token = unsigned(&json!({"alg": name, "typ": "JWT"}), &issuer.claims());
        let expected = format!("the bearer token is signed with `{name}`; only RS, PS, ES and EdDSA are accepted");
        Issuer::check_refused(issuer.believes(&token).await, &expected);
    }
    assert_eq!(issuer.asked(), 0);
}

#[tokio::test]
async fn hs256_with_the_public_key_for_its_secret_is_refused() {
    let key = rsa("one");
    let issuer = Issuer::with(&[&key]).await;
    let expected = "the bearer token is signed with `HS256`; only RS, PS, ES and EdDSA are accepted";
    let modulus = URL_SAFE_NO_PAD.decode(key.jwk["n"].as_str().unwrap()).unwrap();
    for secret in [modulus, key.jwk["n"].to_string().into_bytes(), key.jwk.to_string().into_bytes()] {
        let mut header = jsonwebtoken::Header::new(Algorithm::HS256);
        header.kid = Some("one".to_owned());
        let token = encode(&header, &issuer.claims(), &EncodingKey::from_secret(&secret)).unwrap();
        Issuer::check_refused(issuer.believes(&token).await, expected);
    }
}

#[tokio::test]
async fn a_shared_secret_among_the_issuers_keys_is_no_key() {
    let issuer = Issuer::with(&[]).await;
    issuer.change(|shown| shown.keys.push(json!({"kty": "oct", "k": "c2VjcmV0", "kid": "one"})));
    let token = ec("one").sign(&issuer.claims());
    Issuer::check_refused(issuer.believes(&token).await, "the issuer has no key `one` for the bearer token");
}

#[tokio::test]
async fn a_token_for_another_audience_is_refused() {
    let key = ec("one");
    let issuer = Issuer::with(&[&key]).await;
    let token = key.sign(&issuer.claims_but("aud", json!("another")));
    Issuer::check_refused(
        issuer.believes(&token).await,
        "the bearer token is for another audience than `OidcAudience`",
    );
}

#[tokio::test]
async fn a_token_of_another_issuer_is_refused_even_with_a_known_key() {
    let key = ec("one");
    let issuer = Issuer::with(&[&key]).await;
    let token = key.sign(&issuer.claims_but("iss", json!("https://another.example")));
    Issuer::check_refused(issuer.believes(&token).await, "the bearer token has another issuer than `OidcIssuer`");
}

#[tokio::test]
async fn an_expired_token_is_refused() {
    let key = ec("one");
    let issuer = Issuer::with(&[&key]).await;
    let token = key.sign(&issuer.claims_but("exp", json!(seconds() - 61)));
    Issuer::check_refused(issuer.believes(&token).await, "the bearer token is expired; sign in again");
}

#[tokio::test]
async fn a_token_that_is_not_yet_valid_is_refused() {
    let key = ec("one");
    let issuer = Issuer::with(&[&key]).await;
    let token = key.sign(&issuer.claims_but("nbf", json!(seconds() + 90)));
    Issuer::check_refused(issuer.believes(&token).await, "the bearer token is not valid yet");
}

#[tokio::test]
async fn a_changed_token_or_another_key_of_the_same_name_is_refused() {
    let (key, another) = (ec("one"), ec("one"));
    let issuer = Issuer::with(&[&key]).await;
    let wrong = "the signature of the bearer token is wrong";
    Issuer::check_refused(issuer.believes(&another.sign(&issuer.claims())).await, wrong);
    let token = key.sign(&issuer.claims());
    let claims = URL_SAFE_NO_PAD.encode(issuer.claims_but("sub", json!("admin")).to_string());
    let mut parts: Vec<&str> = token.split('.').collect();
    parts[1] = &claims;
    Issuer::check_refused(issuer.believes(&parts.join(".")).await, wrong);
    parts[2] = "";
    Issuer::check_refused(issuer.believes(&parts.join(".")).await, wrong);
}

#[tokio::test]
async fn a_key_of_another_kind_or_use_is_no_key_for_the_token() {
    let mut key = ec("one");
    let issuer = Issuer::with(&[&rsa("one")]).await;
    let unknown = "the issuer has no key `one` for the bearer token";
    Issuer::check_refused(issuer.believes(&key.sign(&issuer.claims())).await, unknown);
    for (member, value) in [("use", json!("enc")), ("alg", json!("ES384")), ("key_ops", json!(["sign"]))] {
        let jwk = key.jwk.clone();
        key.jwk[member] = value;
        let issuer = Issuer::with(&[&key]).await;
        Issuer::check_refused(issuer.believes(&key.sign(&issuer.claims())).await, unknown);
        key.jwk = jwk;
    }
}

#[tokio::test]
async fn an_unknown_key_is_asked_for_once_and_then_left_alone_for_a_while() {
    let (key, unknown) = (ec("one"), ec("two"));
    let issuer = Issuer::with(&[&key]).await;
    let expected = "the issuer has no key `two` for the bearer token";
    let token = unknown.sign(&issuer.claims());
    for _ in 0..20 {
        Issuer::check_refused(issuer.believes(&token).await, expected);
    }
    assert_eq!(issuer.asked(), 1);
    Issuer::check_refused(issuer.believes_after(&token, Duration::from_secs(31)).await, expected);
    assert_eq!(issuer.asked(), 2);
    // The keys that are known count all the while.
    assert!(issuer.believes(&key.sign(&issuer.claims())).await.is_ok());
}

#[tokio::test]
async fn a_rotated_key_is_found_and_the_old_one_refused_when_it_is_gone() {
    let (old, new) = (ec("old"), ec("new"));
    let issuer = Issuer::with(&[&old]).await;
    assert!(issuer.believes(&old.sign(&issuer.claims())).await.is_ok());
    issuer.show(&[&new]);
    let later = Duration::from_secs(31);
    assert!(issuer.believes_after(&new.sign(&issuer.claims()), later).await.is_ok());
    let refused = issuer.believes_after(&old.sign(&issuer.claims()), later * 3).await;
    Issuer::check_refused(refused, "the issuer has no key `old` for the bearer token");
}

#[tokio::test]
async fn a_key_that_the_issuer_has_withdrawn_is_not_believed_for_longer_than_an_hour() {
    let key = ec("one");
    let issuer = Issuer::with(&[&key]).await;
    assert!(issuer.believes(&key.sign(&issuer.claims())).await.is_ok());
    issuer.show(&[]);
    assert!(issuer.believes_after(&key.sign(&issuer.claims()), Duration::from_secs(3599)).await.is_ok());
    assert!(issuer.believes_after(&key.sign(&issuer.claims()), Duration::from_secs(3600)).await.is_err());
}

#[tokio::test]
async fn an_issuer_that_is_down_does_not_lock_out_those_whose_keys_are_known() {
    let key = ec("one");
    let issuer = Issuer::with(&[&key]).await;
    let token = key.sign(&issuer.claims());
    assert!(issuer.believes(&token).await.is_ok());
    issuer.change(|shown| shown.is_down = true);
    assert!(issuer.believes_after(&token, Duration::from_secs(2 * 3600)).await.is_ok());
    let day = issuer.believes_after(&token, Duration::from_secs(25 * 3600)).await.unwrap_err();
    assert!(chain(&day).contains("answers with 502"), "{}", chain(&day));
    assert!(matches!(day, BearerError::Keys(_)));
}

#[tokio::test]
async fn an_issuer_that_was_down_is_asked_again_soon_but_not_at_once() {
    let key = ec("one");
    let issuer = Issuer::with(&[&key]).await;
    issuer.change(|shown| shown.is_down = true);
    let token = key.sign(&issuer.claims());
    assert!(matches!(issuer.believes(&token).await, Err(BearerError::Keys(KeysError::Status(..)))));
    issuer.change(|shown| shown.is_down = false);
    assert!(matches!(issuer.believes(&token).await, Err(BearerError::Keys(KeysError::Pause))));
    // The five seconds count from the end of the failure, and a fetch that has succeeded would count thirty.
    assert!(issuer.believes_after(&token, Duration::from_secs(6)).await.is_ok());
}

#[tokio::test]
async fn an_issuer_that_never_answers_stalls_nobody_whose_key_is_known() {
    let key = ec("one");
    let issuer = Issuer::with(&[&key]).await;
    let token = key.sign(&issuer.claims());
    assert!(issuer.believes(&token).await.is_ok());
    issuer.change(|shown| shown.hangs = true);
    let later = Duration::from_secs(2 * 3600);
    let known = async {
        for _ in 0..50 {
            assert!(issuer.believes_after(&token, later).await.is_ok());
        }
    };
    tokio::time::timeout(Duration::from_secs(5), known).await.expect("one of them waits, and only for a moment");
}

#[tokio::test]
async fn a_configuration_of_another_issuer_or_with_keys_in_the_open_is_refused() {
    let key = ec("one");
    for (member, value, reason) in [
        ("issuer", json!("https://another.example"), "its `issuer` is another one than `OidcIssuer`"),
        ("jwks_uri", json!("http://192.0.2.1/keys"), "its `jwks_uri` is no `https` address"),
        ("jwks_uri", json!(7), "it has not the members that it needs"),
    ] {
        let issuer = Issuer::with(&[&key]).await;
        issuer.change(|shown| shown.configuration[member] = value);
        let error = chain(&issuer.believes(&key.sign(&issuer.claims())).await.unwrap_err());
        assert!(error.ends_with(reason), "{error}");
    }
}

#[tokio::test]
async fn a_token_without_a_key_id_is_checked_with_the_only_key_and_refused_with_two() {
    let key = ec("one");
    let issuer = Issuer::with(&[&key]).await;
    let token = encode(&jsonwebtoken::Header::new(Algorithm::ES256), &issuer.claims(), &key.signing).unwrap();
    assert!(issuer.believes(&token).await.is_ok());
    let issuer = Issuer::with(&[&key, &ec("two")]).await;
    let token = encode(&jsonwebtoken::Header::new(Algorithm::ES256), &issuer.claims(), &key.signing).unwrap();
    assert!(matches!(issuer.believes(&token).await, Err(BearerError::UnknownKey(_))));
}

#[tokio::test]
async fn other_things_that_the_issuer_signs_are_no_sign_in() {
    let key = ec("one");
    let issuer = Issuer::with(&[&key]).await;
    for (kind, is_believed) in [("JWT", true), ("at+jwt", true), ("logout+jwt", false), ("secevent+jwt", false)] {
        let mut header = jsonwebtoken::Header::new(Algorithm::ES256);
        (header.kid, header.typ) = (Some("one".to_owned()), Some(kind.to_owned()));
        let token = encode(&header, &issuer.claims(), &key.signing).unwrap();
        assert_eq!(issuer.believes(&token).await.is_ok(), is_believed, "{kind}");
    }
    let mut header = jsonwebtoken::Header::new(Algorithm::ES256);
    (header.kid, header.crit) = (Some("one".to_owned()), Some(vec!["b64".to_owned()]));
    let token = encode(&header, &issuer.claims(), &key.signing).unwrap();
    assert!(matches!(issuer.believes(&token).await, Err(BearerError::Critical)));
}

#[tokio::test]
async fn what_is_no_token_is_refused_and_not_repeated() {
    let issuer = Issuer::with(&[]).await;
    for token in ["", "secret", "a.b", "a.b.c.d", "!.secret.x", "e30.secret.x", "bnVsbA.secret.x"] {
        let error = issuer.believes(token).await.unwrap_err();
        assert!(matches!(error, BearerError::NotAToken), "{token}: {error}");
        assert!(!format!("{error} {error:?}").contains("secret"), "{error}");
    }
}
