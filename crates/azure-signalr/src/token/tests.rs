//! Minting against the published examples, checking against everything that must not pass.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jsonwebtoken::{Algorithm, EncodingKey, Header};
use proptest::prelude::{any, prop, prop_assume, proptest};
use serde_json::{Value, json};

use super::{
    Audience, Claims, ClientToken, Rejection, RestAudience, RestToken, SignError, Verifier, client_url, sign_rest,
};
use crate::{AccessKey, ConnectionString, HubName};

const KEY: &str = "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789ABCDEFGH";
const NOW: u64 = 1_700_000_000;
const HOSTS: &[&str] = &["localhost:8888"];
const CLIENT: Audience<'static> = Audience::Client { hub: "chat", hosts: HOSTS };
const REST: Audience<'static> = Audience::Rest { path: "/api/hubs/chat/:send", hosts: HOSTS };

fn at(seconds: u64) -> SystemTime {
    UNIX_EPOCH + Duration::from_secs(seconds)
}

fn local() -> ConnectionString {
    format!("Endpoint=http://localhost;Port=8888;AccessKey={KEY};Version=1.0;").parse().unwrap()
}

fn hub(name: &str) -> HubName {
    name.parse().unwrap()
}

fn chat() -> ClientToken {
    ClientToken::new(&hub("chat"))
}

fn verifier() -> Verifier {
    Verifier::new([AccessKey::new("secondary"), AccessKey::new(KEY)])
}

fn verify(token: &str, audience: &Audience<'_>) -> Result<Claims, Rejection> {
    verifier().verify(token, audience, at(NOW))
}

/// A token with any payload, signed by the `jsonwebtoken` crate.
fn signed(algorithm: Algorithm, payload: &Value) -> String {
    jsonwebtoken::encode(&Header::new(algorithm), payload, &EncodingKey::from_secret(KEY.as_bytes())).unwrap()
}

fn payload(token: &str) -> String {
    let part = token.split('.').nth(1).unwrap();
    String::from_utf8(URL_SAFE_NO_PAD.decode(part).unwrap()).unwrap()
}

#[test]
fn an_anonymous_client_token_is_that_of_the_official_library() {
    let expected = include_str!("../../fixtures/client-token-anonymous.signalr-bindings-7.4-A.jwt").trim_end();
    let hub = hub("Serverless");
    assert_eq!(ClientToken::new(&hub).sign(&local(), at(NOW)).unwrap(), expected);
    assert_eq!(client_url(&local(), &hub), "http://localhost:8888/client/?hub=serverless");
}

#[test]
fn a_client_token_with_user_and_claim_is_that_of_the_official_library() {
    let expected = include_str!("../../fixtures/client-token-alice.signalr-bindings-7.4-B.jwt").trim_end();
    let connection: ConnectionString =
        format!("Endpoint=https://contoso.service.signalr.net;AccessKey={KEY}").parse().unwrap();
    let token = chat().claim("role", "admin").user_id(Some("alice")).key_id("1234567");
    assert_eq!(token.sign(&connection, at(NOW)).unwrap(), expected);
}

#[test]
fn rest_tokens_of_both_forms_are_those_of_the_official_library() {
    let older = include_str!("../../fixtures/rest-token-older-form.signalr-bindings-7.4-C.jwt").trim_end();
    let newer = include_str!("../../fixtures/rest-token-newer-form.signalr-bindings-7.4-D.jwt").trim_end();
    let call = "http://localhost:8888/api/hubs/serverless/:send?api-version=2022-06-01".parse().unwrap();
    let token =
        RestToken::new(&call).name_id("host_0123456789abcdef0123456789abcdef").audience(RestAudience::PathAndQuery);
    assert_eq!(token.sign(&local(), at(NOW)).unwrap(), older);
    assert_eq!(RestToken::new(&call).name_id("host").sign(&local(), at(NOW)).unwrap(), newer);
}

#[test]
fn a_plain_rest_token_has_the_documented_audience() {
    let call = "https://elsewhere:1/api/hubs/chat/:send?api-version=x".parse().unwrap();
    let token = sign_rest(&local(), &call, at(NOW)).unwrap();
    assert_eq!(
        payload(&token),
        r#"{"nbf":1700000000,"exp":1700003600,"iat":1700000000,"iss":"azure-signalr","aud":"http://localhost/api/hubs/chat/:send"}"#
    );
}

#[test]
fn a_client_endpoint_changes_the_address_and_not_the_audience() {
    let connection: ConnectionString =
        format!("Endpoint=https://a;ClientEndpoint=https://front:5/x/;AccessKey={KEY}").parse().unwrap();
    assert_eq!(client_url(&connection, &hub("Chat")), "https://front:5/x/client/?hub=chat");
    let token = chat().sign(&connection, at(NOW)).unwrap();
    assert!(payload(&token).ends_with(r#""aud":"https://a/client/?hub=chat"}"#));
}

#[track_caller]
fn check_claims(token: &ClientToken, expected: &str) {
    let payload = payload(&token.sign(&local(), at(NOW)).unwrap());
    let (claims, _) = payload.split_once(r#""nbf""#).unwrap();
    assert_eq!(claims, expected);
}

#[test]
fn custom_claims_cannot_be_taken_for_those_of_the_token() {
    check_claims(&chat().claim("exp", 1).claim("aud", "x"), r#"{"asrs.u.exp":1,"asrs.u.aud":"x","#);
    for reserved in ["aud", "exp", "iat", "nbf", "iss", "actort", "acr", "azp", "c_hash", "jti", "nonce"] {
        check_claims(&chat().claim(reserved, true), &format!(r#"{{"asrs.u.{reserved}":true,"#));
    }
    assert_eq!(chat().claim("asrs.s.uid", "root").sign(&local(), at(NOW)), Err(SignError::UserIdAsClaim));
}

#[test]
fn claims_are_named_and_gathered_as_the_official_library_does() {
    check_claims(&chat().user_id(Some("")), r#"{"asrs.s.uid":"","#);
    check_claims(&chat().claim("asrs.s.ttl", "5"), r#"{"asrs.s.ttl":"5","#);
    check_claims(
        &chat().claim("sub", "a").claim("sub", "b").claim("sub", "c"),
        r#"{"sub":"a","asrs.u.sub":["b","c"],"#,
    );
    check_claims(&chat().claim("r", 1).claim("x", 0).claim("r", "2").claim("r", 3), r#"{"r":[1,"2",3],"x":0,"#);
    let long = "http://schemas.xmlsoap.org/ws/2005/05/identity/claims/";
    check_claims(
        &chat()
            .claim(format!("{long}nameidentifier"), "i")
            .claim(format!("{long}name"), "n")
            .claim(format!("{long}emailaddress"), "e")
            .claim("http://schemas.microsoft.com/ws/2008/06/identity/claims/role", "r"),
        r#"{"nameid":"i","unique_name":"n","email":"e","role":"r","#,
    );
}

#[test]
fn a_token_has_at_most_4096_characters() {
    let sized = |size: usize| chat().claim("filler", "x".repeat(size)).sign(&local(), at(NOW));
    // Three bytes of a claim become four characters, so a size that fits exactly is found by trying.
    let longest = (2800..3100).rev().find_map(|size| sized(size).ok()).unwrap();
    assert!((4093..=4096).contains(&longest.len()), "{}", longest.len());
    let error = sized(3100).unwrap_err();
    assert_eq!(error, SignError::TooLong);
    assert_eq!(error.to_string(), "AccessToken must not be longer than 4K.");
}

#[test]
fn an_entra_connection_string_says_what_to_use_instead() {
    let connection: ConnectionString = "Endpoint=https://a;AuthType=azure.msi".parse().unwrap();
    assert_eq!(
        chat().sign(&connection, at(NOW)).unwrap_err().to_string(),
        "the connection string has no access key but `AuthType=azure.msi`; make calls with `RestClient::with_identity` and client tokens with `HubClient::generate_token`, or use a connection string with `AccessKey=`"
    );
}

#[test]
fn what_is_minted_here_is_believed_here() {
    let token = chat().user_id(Some("alice")).claim("role", "admin").sign(&local(), at(NOW)).unwrap();
    let claims = verify(&token, &CLIENT).unwrap();
    assert_eq!(claims.user_id().as_deref(), Some("alice"));
    assert_eq!(claims.get("role"), Some(&json!("admin")));
    assert_eq!(claims.expires_at(), at(NOW + 3600));

    let call = "http://localhost/api/hubs/chat/:send?api-version=1".parse().unwrap();
    for form in [RestAudience::Path, RestAudience::PathAndQuery] {
        assert!(
            verify(&RestToken::new(&call).audience(form).sign(&local(), at(NOW)).unwrap(), &REST).is_ok(),
            "{form:?}"
        );
    }
}

#[test]
fn client_and_rest_tokens_do_not_stand_in_for_each_other() {
    let client = chat().sign(&local(), at(NOW)).unwrap();
    let rest = sign_rest(&local(), &"http://localhost/api/hubs/chat/:send".parse().unwrap(), at(NOW)).unwrap();
    assert_eq!(verify(&client, &REST).unwrap_err(), Rejection::InvalidAudience);
    assert_eq!(verify(&rest, &CLIENT).unwrap_err(), Rejection::InvalidAudience);
    let other = Audience::Client { hub: "other", hosts: HOSTS };
    assert_eq!(verify(&client, &other).unwrap_err(), Rejection::InvalidAudience);
}

#[test]
fn a_good_signature_is_enough_where_nothing_else_is_asked() {
    let token = chat().user_id(Some("alice")).sign(&local(), at(NOW)).unwrap();
    let claims = verifier().verify_signature(&token).unwrap();
    assert_eq!((claims.user_id().as_deref(), claims.expires_at()), (Some("alice"), at(NOW + 3600)));
    for payload in [json!({"exp": 1, "nbf": 2, "aud": "http://elsewhere/"}), json!({}), json!({"exp": "soon"})] {
        assert!(verifier().verify_signature(&signed(Algorithm::HS256, &payload)).is_ok(), "{payload}");
    }
    let endless = verifier().verify_signature(&signed(Algorithm::HS256, &json!({}))).unwrap();
    assert_eq!(endless.expires_at(), at(253_402_300_799));
    let refused = |token: &str| verifier().verify_signature(token).unwrap_err();
    let other = ConnectionString::with_access_key("http://localhost".parse().unwrap(), AccessKey::new("other"));
    assert_eq!(refused(&chat().sign(&other, at(NOW)).unwrap()), Rejection::KeyNotFound);
    assert_eq!(refused(""), Rejection::NoToken);
    assert_eq!(refused("a.b.c"), Rejection::Malformed);
    assert_eq!(refused(&token[..=token.rfind('.').unwrap()]), Rejection::Unsigned);
}

#[test]
fn either_key_is_believed_and_kid_means_nothing() {
    let secondary = ConnectionString::with_access_key("http://localhost".parse().unwrap(), AccessKey::new("secondary"));
    let token = chat().key_id("anything").sign(&secondary, at(NOW)).unwrap();
    assert!(verify(&token, &CLIENT).is_ok());
    let refused = |keys: Vec<AccessKey>| Verifier::new(keys).verify(&token, &CLIENT, at(NOW)).unwrap_err();
    assert_eq!(refused(vec![AccessKey::new(KEY)]), Rejection::KeyNotFound);
    assert_eq!(refused(vec![]), Rejection::KeyNotFound);
}

#[test]
fn only_the_two_hmac_algorithms_of_the_official_libraries_are_believed() {
    let payload = json!({"exp": NOW, "aud": "http://localhost/client/?hub=chat"});
    assert!(verify(&signed(Algorithm::HS256, &payload), &CLIENT).is_ok());
    assert!(verify(&signed(Algorithm::HS512, &payload), &CLIENT).is_ok());
    assert_eq!(verify(&signed(Algorithm::HS384, &payload), &CLIENT).unwrap_err(), Rejection::KeyNotFound);
}

#[test]
fn a_header_cannot_talk_its_way_past_the_signature() {
    let part = |json: &Value| URL_SAFE_NO_PAD.encode(json.to_string());
    let payload = part(&json!({"exp": NOW, "aud": "http://localhost/client/?hub=chat"}));
    let refused = |header: &Value, signed: bool| {
        let message = format!("{}.{payload}", part(header));
        let signature = if signed { AccessKey::new(KEY).sign(message.as_bytes()).to_vec() } else { Vec::new() };
        verify(&format!("{message}.{}", URL_SAFE_NO_PAD.encode(signature)), &CLIENT).err()
    };
    assert_eq!(refused(&json!({"alg": "HS256"}), true), None);
    assert_eq!(refused(&json!({"alg": "HS256"}), false), Some(Rejection::Unsigned));
    assert_eq!(refused(&json!({"alg": "none"}), false), Some(Rejection::Unsigned));
    assert_eq!(refused(&json!({"alg": "none"}), true), Some(Rejection::Malformed));
    assert_eq!(refused(&json!({"alg": "RS256"}), true), Some(Rejection::KeyNotFound));
    assert_eq!(refused(&json!({"alg": "HS256", "crit": ["x"], "x": 1}), true), Some(Rejection::Malformed));
}

#[track_caller]
fn check_lifetime(claims: &Value, expected: Option<Rejection>) {
    let mut payload = json!({"aud": "http://localhost/client/?hub=chat"});
    for (name, value) in claims.as_object().unwrap() {
        payload[name] = value.clone();
    }
    assert_eq!(verify(&signed(Algorithm::HS256, &payload), &CLIENT).err(), expected, "{claims}");
}

#[test]
fn clocks_may_differ_by_five_minutes() {
    check_lifetime(&json!({"exp": NOW - 300}), None);
    check_lifetime(&json!({"exp": NOW - 301}), Some(Rejection::Expired));
    check_lifetime(&json!({"exp": NOW + 900, "nbf": NOW + 300}), None);
    check_lifetime(&json!({"exp": NOW + 900, "nbf": NOW + 301}), Some(Rejection::NotYetValid));
    check_lifetime(&json!({"exp": NOW, "nbf": NOW + 1}), Some(Rejection::InvalidLifetime));
}

#[test]
fn a_lifetime_needs_an_end_that_is_a_number() {
    check_lifetime(&json!({}), Some(Rejection::NoExpiration));
    check_lifetime(&json!({"exp": null}), Some(Rejection::NoExpiration));
    check_lifetime(&json!({"exp": "1700000000"}), Some(Rejection::InvalidLifetime));
    check_lifetime(&json!({"exp": NOW, "nbf": true}), Some(Rejection::InvalidLifetime));
    check_lifetime(&json!({"exp": 1_700_000_000.5, "nbf": 1_699_999_999.5}), None);
    check_lifetime(&json!({"exp": -1}), Some(Rejection::Expired));
    check_lifetime(&json!({"exp": 1e300}), None);
    check_lifetime(&json!({"exp": u64::MAX, "iat": "whenever", "iss": 7}), None);
}

#[test]
fn the_lifetime_is_judged_before_the_audience() {
    let token = signed(Algorithm::HS256, &json!({"exp": 1, "aud": "http://elsewhere/"}));
    assert_eq!(verify(&token, &CLIENT).unwrap_err(), Rejection::Expired);
    let token = signed(Algorithm::HS256, &json!({"exp": NOW}));
    assert_eq!(verify(&token, &CLIENT).unwrap_err(), Rejection::InvalidAudience);
}

#[test]
fn whatever_a_claim_is_it_can_be_read() {
    let payload =
        json!({"exp": NOW, "aud": ["http://localhost/client/?hub=chat", 1], "sub": ["a", "b"], "iss": {"x": 1}});
    let claims = verify(&signed(Algorithm::HS256, &payload), &CLIENT).unwrap();
    assert_eq!(claims.user_id().as_deref(), Some("a"));
    assert_eq!(Value::Object(claims.into_map()), payload);
}

#[test]
fn a_signed_token_that_contradicts_itself_is_none() {
    let payload = format!(r#"{{"exp":{NOW},"aud":"http://localhost/client/?hub=chat","exp":{}}}"#, NOW + 1);
    let message = [r#"{"alg":"HS256"}"#, &payload].map(|part| URL_SAFE_NO_PAD.encode(part)).join(".");
    let signature = URL_SAFE_NO_PAD.encode(AccessKey::new(KEY).sign(message.as_bytes()));
    assert_eq!(verify(&format!("{message}.{signature}"), &CLIENT).unwrap_err(), Rejection::Malformed);
}

#[test]
fn what_is_not_a_token_is_told_from_no_token() {
    assert_eq!(verify("", &CLIENT).unwrap_err(), Rejection::NoToken);
    for text in ["x", "a.b", "a.b.c", "....", "a.b.c.d.e", " ", "é.é.é", "eyJhbGciOiJIUzI1NiJ9.!.x"] {
        assert_eq!(verify(text, &CLIENT).unwrap_err(), Rejection::Malformed, "{text}");
    }
}

#[test]
fn each_rejection_has_the_header_of_azure() {
    let headers = [
        Rejection::NoToken,
        Rejection::Malformed,
        Rejection::KeyNotFound,
        Rejection::Unsigned,
        Rejection::NoExpiration,
        Rejection::InvalidLifetime,
        Rejection::NotYetValid,
        Rejection::Expired,
        Rejection::InvalidAudience,
    ];
    insta::assert_snapshot!(headers.map(|rejection| rejection.www_authenticate()).join("\n"), @r#"
    Bearer
    Bearer error="invalid_token"
    Bearer error="invalid_token", error_description="The signature key was not found"
    Bearer error="invalid_token", error_description="The signature is invalid"
    Bearer error="invalid_token", error_description="The token has no expiration"
    Bearer error="invalid_token", error_description="The token lifetime is invalid"
    Bearer error="invalid_token", error_description="The token is not valid yet"
    Bearer error="invalid_token", error_description="The token is expired"
    Bearer error="invalid_token", error_description="The audience is invalid"
    "#);
}

#[test]
fn a_printed_verifier_shows_no_key() {
    assert!(!format!("{:?}", verifier()).contains(KEY));
}

proptest! {
    #[test]
    fn no_text_panics_and_none_is_believed(text in any::<String>()) {
        assert!(verify(&text, &CLIENT).is_err());
        assert!(verify(&text, &REST).is_err());
    }

    #[test]
    fn no_well_formed_token_is_believed_without_a_key(
        algorithm in prop::sample::select(vec!["HS256", "HS384", "HS512", "RS256", "ES256", "none", "None", ""]),
        extra in any::<String>(),
        signature in prop::collection::vec(any::<u8>(), 0..80),
    ) {
        let header = json!({"alg": algorithm, "typ": "JWT", "kid": extra});
        let payload = json!({"exp": NOW + 60, "aud": "http://localhost/client/?hub=chat", "sub": extra});
        let [header, payload] = [header, payload].map(|part| URL_SAFE_NO_PAD.encode(part.to_string()));
        let token = format!("{header}.{payload}.{}", URL_SAFE_NO_PAD.encode(signature));
        assert!(verify(&token, &CLIENT).is_err());
    }

    /// Holds for the last character too: bits that a decoder could ignore have to be zero.
    #[test]
    fn one_changed_character_is_enough_to_be_refused(index in any::<prop::sample::Index>(), new in any::<char>()) {
        let token = chat().user_id(Some("alice")).sign(&local(), at(NOW)).unwrap();
        let index = index.index(token.len());
        prop_assume!(!token[index..].starts_with(new));
        let changed = format!("{}{new}{}", &token[..index], &token[index + 1..]);
        assert!(verify(&changed, &CLIENT).is_err(), "{changed}");
    }

    #[test]
    fn every_user_and_claim_comes_back_as_it_went_in(user in any::<String>(), name in "[a-z]{2,9}x", value in any::<String>()) {
        let token = chat().user_id(Some(&user)).claim(&name, value.as_str()).sign(&local(), at(NOW)).unwrap();
        let claims = verify(&token, &CLIENT).unwrap();
        assert_eq!(claims.user_id().as_deref(), Some(user.as_str()));
        assert_eq!(claims.get(&name), Some(&Value::from(value)));
    }
}
