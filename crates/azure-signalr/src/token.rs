//! Tokens: minting them as the .NET library does, and checking them as the service does.
//!
//! There are two kinds, told apart only by their audience: a client token opens connections to one hub, a REST token
//! allows one call. Neither works in the other's place (signalr-service 1.7).

mod audience;
mod claims;
mod client;
mod jwt;
mod payload;
mod rejection;
mod rest;
mod temporary_key;
#[cfg(test)]
mod tests;
mod verifier;

pub use audience::Audience;
pub use claims::Claims;
pub use client::{ClientToken, client_url};
pub use jwt::{SignError, unverified_claims};
pub use rejection::Rejection;
pub use rest::{RestAudience, RestToken, sign_rest};
pub use temporary_key::TemporaryKey;
pub use verifier::Verifier;

use std::time::{SystemTime, UNIX_EPOCH};

/// Seconds since 1970, which is how tokens write times; negative before.
fn unix_seconds(time: SystemTime) -> i64 {
    match time.duration_since(UNIX_EPOCH) {
        Ok(since) => i64::try_from(since.as_secs()).unwrap_or(i64::MAX),
        Err(before) => i64::try_from(before.duration().as_secs()).map_or(i64::MIN, |seconds| -seconds),
    }
}
