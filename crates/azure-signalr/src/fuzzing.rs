//! What is fuzzed in this crate: tokens, signatures and connection strings.
//!
//! Compiled only for tests and under `cfg(fuzzing)`, which cargo-fuzz sets, so it is no part of the interface. The seeds in
//! `fuzz/seeds` go through the same functions in every `cargo test`.

use std::str::from_utf8;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use crate::token::{Audience, ClientToken, Verifier, client_url};
use crate::{AccessKey, ConnectionString, HubName, upstream};

/// What is done with an input.
pub type Target = fn(&[u8]);

/// The targets by the names of their files in `fuzz/fuzz_targets`.
pub const TARGETS: [(&str, Target); 2] = [("access_tokens", access_tokens), ("connection_strings", connection_strings)];

/// The key of the official emulator, which is public.
const KEY: &str = "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789ABCDEFGH";

const HOSTS: &[&str] = &["localhost:8888", "contoso.service.signalr.net"];

/// A token as it came, then the same bytes as the payload and as the header of a token that is signed with the right key:
/// nobody gets past the signature alone.
pub fn access_tokens(input: &[u8]) {
    let Ok(text) = from_utf8(input) else { return };
    verify(text);
    let _ = upstream::verify(text, [&AccessKey::new(KEY)], text);
    verify(&signed(br#"{"alg":"HS256","typ":"JWT"}"#, input));
    verify(&signed(input, br#"{"exp":1700003600,"aud":"http://localhost/client/?hub=chat"}"#));
}

fn signed(header: &[u8], payload: &[u8]) -> String {
    let mut token = format!("{}.{}", URL_SAFE_NO_PAD.encode(header), URL_SAFE_NO_PAD.encode(payload));
    let signature = AccessKey::new(KEY).sign(token.as_bytes());
    token.push('.');
    URL_SAFE_NO_PAD.encode_string(signature, &mut token);
    token
}

fn verify(token: &str) {
    let verifier = Verifier::new([AccessKey::new(KEY)]);
    let now = UNIX_EPOCH + Duration::from_secs(1_700_000_000);
    let by_signature = verifier.verify_signature(token);
    for audience in
        [Audience::Client { hub: "chat", hosts: HOSTS }, Audience::Rest { path: "/api/hubs/chat/:send", hosts: HOSTS }]
    {
        match verifier.verify(token, &audience, now) {
            Ok(claims) => {
                assert!(claims.get("aud").is_some() && claims.expires_at() + Duration::from_secs(300) >= now);
                assert!(by_signature.is_ok(), "what is believed is signed");
                let _ = claims.user_id();
            }
            Err(rejection) => assert!(rejection.www_authenticate().is_ascii()),
        }
    }
    if let Ok(claims) = by_signature {
        let _ = (claims.user_id(), claims.expires_at(), claims.iter().count());
    }
}

/// A connection string: what is read can be used.
pub fn connection_strings(input: &[u8]) {
    let Ok(text) = from_utf8(input) else { return };
    let Ok(connection) = text.parse::<ConnectionString>() else { return };
    let hub: HubName = "chat".parse().expect("a name of letters");
    let url = client_url(&connection, &hub);
    assert!(url.starts_with("http"), "{url}");
    let _ = ClientToken::new(&hub).user_id(Some("alice")).sign(&connection, SystemTime::now());
}

#[cfg(test)]
#[path = "../../../fuzz/seeds.rs"]
mod seeds;
