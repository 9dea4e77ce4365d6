//! Checking tokens as strictly as Azure does.
//!
//! Every key is tried and `kid` means nothing: the .NET library writes a random one per process (signalr-service 1.7).
//!
//! `jsonwebtoken` reads the header. The signature is checked here, because the crate sets up its key anew for every token,
//! which takes as long as the check, and reads header and payload twice.

use std::time::SystemTime;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jsonwebtoken::Algorithm;
use serde_json::{Map, Value};

use super::{Audience, Claims, Rejection, payload, unix_seconds};
use crate::AccessKey;

/// How far clocks may differ, in seconds: the default of .NET.
const LEEWAY: i64 = 300;

/// Decides whether a token was made with one of the access keys, is within its time, and is for this request.
///
/// ```
/// use std::time::SystemTime;
///
/// use azure_signalr::token::{Audience, ClientToken, Rejection, Verifier};
/// use azure_signalr::{AccessKey, ConnectionString};
///
/// let key = AccessKey::new("ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789ABCDEFGH");
/// let connection = ConnectionString::with_access_key("http://localhost:8888".parse()?, key.clone());
/// let now = SystemTime::now();
/// let token = ClientToken::new(&"chat".parse()?).user_id(Some("alice")).sign(&connection, now)?;
///
/// let verifier = Verifier::new([key]);
/// let hosts = ["localhost:8888"];
/// let claims = verifier.verify(&token, &Audience::Client { hub: "chat", hosts: &hosts }, now)?;
/// assert_eq!(claims.user_id().as_deref(), Some("alice"));
///
/// let refused = verifier.verify(&token, &Audience::Client { hub: "other", hosts: &hosts }, now);
/// assert_eq!(refused.unwrap_err(), Rejection::InvalidAudience);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone)]
pub struct Verifier {
    keys: Vec<AccessKey>,
}

impl Verifier {
    /// Believes tokens of any of `keys`: the primary, and the secondary where there is one. Without a key, of none.
    pub fn new(keys: impl IntoIterator<Item = AccessKey>) -> Self {
        Self { keys: keys.into_iter().collect() }
    }

    /// What `token` says, if it is to be believed at `now` for `audience`. An empty text counts as no token.
    ///
    /// # Errors
    ///
    /// The first of: signature, lifetime, audience.
    pub fn verify(&self, token: &str, audience: &Audience<'_>, now: SystemTime) -> Result<Claims, Rejection> {
        if token.is_empty() {
            return Err(Rejection::NoToken);
        }
        let payload = self.signed_payload(token)?;
        let expires_at = check_lifetime(&payload, unix_seconds(now))?;
        if !audience.is_named_by(payload.get("aud")) {
            return Err(Rejection::InvalidAudience);
        }
        Ok(Claims::new(payload, expires_at))
    }

    /// What `token` says, if any of the keys made it. Whatever else [`verify`](Self::verify) asks for is **not** looked
    /// at: an expired token passes, and so does one for another hub. For explaining a refusal, and for stand-ins that
    /// are as lax as the official emulator (signalr-service 5.7 item 1).
    ///
    /// # Errors
    ///
    /// [`NoToken`](Rejection::NoToken), [`Malformed`](Rejection::Malformed), [`Unsigned`](Rejection::Unsigned) or
    /// [`KeyNotFound`](Rejection::KeyNotFound).
    pub fn verify_signature(&self, token: &str) -> Result<Claims, Rejection> {
        if token.is_empty() {
            return Err(Rejection::NoToken);
        }
        let payload = self.signed_payload(token)?;
        let expires_at = time(&payload, "exp").ok().flatten().unwrap_or(i64::MAX);
        Ok(Claims::new(payload, expires_at))
    }

    fn signed_payload(&self, token: &str) -> Result<Map<String, Value>, Rejection> {
        if token.ends_with('.') && token.split('.').count() == 3 {
            return Err(Rejection::Unsigned);
        }
        let (message, signature) = token.rsplit_once('.').ok_or(Rejection::Malformed)?;
        let (_, payload) = message.rsplit_once('.').ok_or(Rejection::Malformed)?;
        let header = jsonwebtoken::decode_header(token).map_err(|_| Rejection::Malformed)?;
        // A critical extension has to be understood or refused, and none is understood (RFC 7515, 4.1.11).
        if header.crit.is_some() {
            return Err(Rejection::Malformed);
        }
        // HS512 is an option of the official libraries; nothing else is ever believed, least of all `none`.
        let is_signed = match header.alg {
            Algorithm::HS256 => AccessKey::signed,
            Algorithm::HS512 => AccessKey::signed_with_sha512,
            _ => return Err(Rejection::KeyNotFound),
        };
        let signature = decode(signature)?;
        if !self.keys.iter().any(|key| is_signed(key, message.as_bytes(), &signature)) {
            return Err(Rejection::KeyNotFound);
        }
        payload::read(&decode(payload)?).ok_or(Rejection::Malformed)
    }
}

fn decode(part: &str) -> Result<Vec<u8>, Rejection> {
    URL_SAFE_NO_PAD.decode(part).map_err(|_| Rejection::Malformed)
}

/// The order and the bounds of .NET's lifetime check; gives `exp`.
fn check_lifetime(payload: &Map<String, Value>, now: i64) -> Result<i64, Rejection> {
    let expires_at = time(payload, "exp")?.ok_or(Rejection::NoExpiration)?;
    let not_before = time(payload, "nbf")?;
    if not_before.is_some_and(|not_before| not_before > expires_at) {
        return Err(Rejection::InvalidLifetime);
    }
    if not_before.is_some_and(|not_before| not_before > now.saturating_add(LEEWAY)) {
        return Err(Rejection::NotYetValid);
    }
    if expires_at < now.saturating_sub(LEEWAY) {
        return Err(Rejection::Expired);
    }
    Ok(expires_at)
}

fn time(payload: &Map<String, Value>, name: &str) -> Result<Option<i64>, Rejection> {
    match payload.get(name) {
        None | Some(Value::Null) => Ok(None),
        // Some libraries write fractions of a second; a huge number stops at the end of time.
        Some(Value::Number(number)) => {
            let seconds = number.as_i64().or_else(|| number.as_f64().map(|seconds| seconds as i64));
            seconds.map(Some).ok_or(Rejection::InvalidLifetime)
        }
        Some(_) => Err(Rejection::InvalidLifetime),
    }
}
