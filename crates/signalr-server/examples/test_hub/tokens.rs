//! Tokens that this process has issued; another one knows nothing of them.

use std::fmt;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use http::{HeaderMap, header};
use jsonwebtoken::{DecodingKey, EncodingKey, Header, Validation, decode, encode};
use serde::{Deserialize, Serialize};
use signalr_server::ClientRequest;

const LIFETIME: Duration = Duration::from_secs(5);
/// What .NET allows clocks to differ by, and the suites to take after the lifetime.
const LEEWAY: Duration = Duration::from_secs(300);

/// A key that nobody else has.
pub(crate) struct Tokens {
    issuing: EncodingKey,
    checking: DecodingKey,
}

#[derive(Serialize, Deserialize)]
struct Claims {
    sub: String,
    exp: u64,
}

impl Tokens {
    pub(crate) fn new() -> Self {
        let secret = [uuid::Uuid::new_v4().into_bytes(), uuid::Uuid::new_v4().into_bytes()].concat();
        Self { issuing: EncodingKey::from_secret(&secret), checking: DecodingKey::from_secret(&secret) }
    }

    /// A token for five seconds.
    pub(crate) fn issue(&self, user: &str) -> Result<String, jsonwebtoken::errors::Error> {
        let expiry = SystemTime::now() + LIFETIME;
        let exp = expiry.duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
        encode(&Header::default(), &Claims { sub: user.to_owned(), exp }, &self.issuing)
    }

    /// Whose token a request carries, in its header or else in its query.
    pub(crate) fn user(&self, request: &ClientRequest<'_>) -> Option<String> {
        let token = bearer(&request.parts.headers).or_else(|| request.query.last("access_token"))?;
        let validation = Validation { leeway: LEEWAY.as_secs(), ..Validation::default() };
        decode::<Claims>(token, &self.checking, &validation).ok().map(|token| token.claims.sub)
    }
}

fn bearer(headers: &HeaderMap) -> Option<&str> {
    let (scheme, token) = headers.get(header::AUTHORIZATION)?.to_str().ok()?.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| token.trim())
}

/// Shows nothing of the key.
impl fmt::Debug for Tokens {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Tokens").finish_non_exhaustive()
    }
}
