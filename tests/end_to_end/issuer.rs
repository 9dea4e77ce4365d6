//! An OpenID Connect issuer on this machine, with one real key.

use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair};
use axum::routing::get;
use axum::{Json, Router};
use jsonwebtoken::jwk::Jwk;
use jsonwebtoken::{Algorithm, EncodingKey, Header, encode};
use serde_json::{Value, json};
use std::time::SystemTime;
use tokio::net::TcpListener;

pub(crate) const AUDIENCE: &str = "api://app";

pub(crate) struct Issuer {
    pub(crate) address: String,
    key: EncodingKey,
}

impl Issuer {
    pub(crate) async fn start() -> Self {
        let pair = EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING).expect("a key");
        let key = EncodingKey::from_ec_der(pair.to_pkcs8v1().expect("PKCS #8").as_ref());
        let mut jwk =
            serde_json::to_value(Jwk::from_encoding_key(&key, Algorithm::ES256).expect("a JWK")).expect("JSON");
        jwk["kid"] = "one".into();
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let address = format!("http://{}", listener.local_addr().expect("an address"));
        let configuration = json!({"issuer": address, "jwks_uri": format!("{address}/keys")});
        let app = Router::new()
            .route("/.well-known/openid-configuration", get(async move || Json(configuration)))
            .route("/keys", get(async move || Json(json!({"keys": [jwk]}))));
        tokio::spawn(async { axum::serve(listener, app).await });
        Self { address, key }
    }

    /// Ann's token, with some claims changed.
    pub(crate) fn token(&self, changes: &Value) -> String {
        let mut header = Header::new(Algorithm::ES256);
        header.kid = Some("one".to_owned());
        encode(&header, &self.claims(changes), &self.key).expect("it can be signed")
    }

    pub(crate) fn claims(&self, changes: &Value) -> Value {
        let mut claims = json!({"iss": self.address, "aud": AUDIENCE, "exp": unix_seconds() + 600, "sub": "ann", "roles": ["reader"]});
        for (name, value) in changes.as_object().expect("an object") {
            claims[name] = value.clone();
        }
        claims
    }
}

pub(crate) fn unix_seconds() -> u64 {
    SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).expect("after 1970").as_secs()
}
