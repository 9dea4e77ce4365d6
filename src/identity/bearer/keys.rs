//! The public keys of the issuer: fetched when the first token comes, kept, and fetched again when the issuer changes them.
//!
//! A token with an unknown key id makes the keys be fetched again, since the issuer may have a new one, but not more than twice a minute:
//! otherwise whoever sends made-up tokens could make this process attack its issuer.

use crate::config::is_private;
use jsonwebtoken::jwk::{AlgorithmParameters, EllipticCurve, Jwk, KeyOperations, PublicKeyUse};
use jsonwebtoken::{Algorithm, DecodingKey};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::Value;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::{Duration, Instant};
use tokio::sync::OwnedMutexGuard;
use url::Url;

/// Keys of this age are fetched again when a token comes.
const FRESH: Duration = Duration::from_secs(60 * 60);
/// When the issuer does not answer, its keys are believed up to this age.
const STALE: Duration = Duration::from_secs(24 * 60 * 60);
/// The least time between two fetches.
const PAUSE: Duration = Duration::from_secs(30);
/// The same, after a fetch that has failed.
const PAUSE_AFTER_FAILURE: Duration = Duration::from_secs(5);
/// How long the issuer may take for its documents.
const TIMEOUT: Duration = Duration::from_secs(10);
/// How long a caller waits for keys to be renewed who could be believed by the old ones.
const PATIENCE: Duration = Duration::from_secs(1);
/// How much of a document is read.
const LARGEST_DOCUMENT: usize = 1 << 20;

/// Why there are no keys.
#[derive(Debug, thiserror::Error)]
pub(crate) enum KeysError {
    /// This machine's: no certificate authorities, for example.
    #[error("no HTTP client can be built")]
    Client(#[source] reqwest::Error),
    /// The network's, or the issuer hangs.
    #[error("`{0}` does not answer in time")]
    Timeout(String),
    /// The network's, or the issuer is down.
    #[error("`{0}` does not answer")]
    Unanswered(String, #[source] reqwest::Error),
    /// The issuer's, or the setting names something that is no issuer.
    #[error("`{0}` answers with {1}")]
    Status(String, u16),
    /// The issuer's.
    #[error("`{0}` is no document of an OpenID Connect issuer: {1}")]
    Document(String, &'static str),
    /// It has failed a moment ago, and is left alone for another.
    #[error("the issuer's keys could not be had a moment ago")]
    Pause,
}

/// The keys of one issuer.
#[derive(Debug)]
pub(super) struct Keys {
    issuer: String,
    http: OnceLock<reqwest::Client>,
    present: Mutex<Option<KeySet>>,
    /// Held while fetching, so that many tokens cause one fetch.
    last_fetch: Arc<tokio::sync::Mutex<Option<Fetch>>>,
}

#[derive(Debug, Clone)]
struct KeySet {
    keys: Arc<[Jwk]>,
    fetched: Instant,
}

#[derive(Debug, Clone, Copy)]
struct Fetch {
    ended: Instant,
    succeeded: bool,
}

/// The part of `/.well-known/openid-configuration` that matters.
#[derive(Deserialize)]
struct Configuration {
    issuer: String,
    jwks_uri: String,
}

#[derive(Deserialize)]
struct Document {
    keys: Vec<Value>,
}

impl Keys {
    pub(super) fn new(issuer: &str) -> Self {
        Self { issuer: issuer.to_owned(), http: OnceLock::new(), present: Mutex::new(None), last_fetch: Arc::default() }
    }

    /// The key `kid` for `algorithm`; without a `kid`, the only key that fits.
    ///
    /// # Errors
    /// When the keys cannot be fetched and none that are still good are there.
    pub(super) async fn find(
        self: &Arc<Self>,
        kid: Option<&str>,
        algorithm: Algorithm,
        now: Instant,
    ) -> Result<Option<DecodingKey>, KeysError> {
        let known = self.present().and_then(|set| Some((set.key(kid, algorithm)?, set.age(now))));
        match known {
            Some((key, age)) if age < FRESH => return Ok(Some(key)),
            Some((_, age)) if age < STALE => self.renew(now).await,
            // Rare, and large: it lies apart from what every call carries about.
            _ => Box::pin(self.fetch_again(now)).await?,
        }
        Ok(self.present().and_then(|set| set.key(kid, algorithm)))
    }

    fn present(&self) -> Option<KeySet> {
        self.present.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Fetches the keys in a task of its own, one at a time. The one whose token causes that waits for it for a moment, so that a key
    /// that was withdrawn is not believed; nobody else waits, so an issuer that hangs stalls nobody whose key is known.
    async fn renew(self: &Arc<Self>, now: Instant) {
        let Ok(last) = Arc::clone(&self.last_fetch).try_lock_owned() else { return };
        let this = Arc::clone(self);
        // It ends by itself, after the timeout at the latest.
        let renewed = tokio::spawn(async move {
            match this.fetch_unless_recent(last, now, Instant::now()).await {
                Ok(()) | Err(KeysError::Pause) => {}
                Err(error) => {
                    tracing::warn!(error = crate::error::chain(&error), "the issuer's keys cannot be renewed");
                }
            }
        });
        let _the_old_keys_count_on = tokio::time::timeout(PATIENCE, renewed).await;
    }

    /// Fetches the keys, unless that was done a moment ago.
    async fn fetch_again(&self, now: Instant) -> Result<(), KeysError> {
        let asked = Instant::now();
        let last = Arc::clone(&self.last_fetch).lock_owned().await;
        self.fetch_unless_recent(last, now, asked).await
    }

    /// It was `now` when this was `asked` for, which may be long ago.
    async fn fetch_unless_recent(
        &self,
        mut last: OwnedMutexGuard<Option<Fetch>>,
        now: Instant,
        asked: Instant,
    ) -> Result<(), KeysError> {
        if let Some(Fetch { ended, succeeded }) = *last {
            let pause = if succeeded { PAUSE } else { PAUSE_AFTER_FAILURE };
            if (now + asked.elapsed()).saturating_duration_since(ended) < pause {
                return if succeeded { Ok(()) } else { Err(KeysError::Pause) };
            }
        }
        let fetched = tokio::time::timeout(TIMEOUT, self.fetch()).await;
        let fetched = fetched.unwrap_or_else(|_| Err(KeysError::Timeout(self.issuer.clone())));
        // A fetch that has hung for long was not long ago.
        *last = Some(Fetch { ended: now + asked.elapsed(), succeeded: fetched.is_ok() });
        let set = KeySet { keys: fetched?, fetched: now };
        tracing::debug!(keys = set.keys.len(), "the issuer's keys are fetched");
        *self.present.lock().unwrap_or_else(PoisonError::into_inner) = Some(set);
        Ok(())
    }

    async fn fetch(&self) -> Result<Arc<[Jwk]>, KeysError> {
        let address = format!("{}/.well-known/openid-configuration", self.issuer.trim_end_matches('/'));
        let configuration: Configuration = self.document(&address).await?;
        if configuration.issuer != self.issuer {
            return Err(KeysError::Document(address, "its `issuer` is another one than `OidcIssuer`"));
        }
        if !Url::parse(&configuration.jwks_uri).is_ok_and(|url| is_private(&url)) {
            return Err(KeysError::Document(address, "its `jwks_uri` is no `https` address"));
        }
        let Document { keys } = self.document(&configuration.jwks_uri).await?;
        // Keys of kinds that are not known here are no reason to refuse the others.
        let keys = keys.into_iter().filter_map(|key| serde_json::from_value(key).ok());
        Ok(keys.filter(is_for_signatures).collect())
    }

    async fn document<T: DeserializeOwned>(&self, address: &str) -> Result<T, KeysError> {
        let unanswered = |error: reqwest::Error| KeysError::Unanswered(address.to_owned(), error.without_url());
        let mut answer = self.http()?.get(address).send().await.map_err(unanswered)?;
        if !answer.status().is_success() {
            return Err(KeysError::Status(address.to_owned(), answer.status().as_u16()));
        }
        let mut body = Vec::new();
        while let Some(chunk) = answer.chunk().await.map_err(unanswered)? {
            body.extend_from_slice(&chunk);
            if body.len() > LARGEST_DOCUMENT {
                return Err(KeysError::Document(address.to_owned(), "it has more than a megabyte"));
            }
        }
        let unreadable = |_| KeysError::Document(address.to_owned(), "it has not the members that it needs");
        serde_json::from_slice(&body).map_err(unreadable)
    }

    /// Built at its first use: TLS is most of the time and memory that this process needs. Only success is kept.
    fn http(&self) -> Result<&reqwest::Client, KeysError> {
        if let Some(client) = self.http.get() {
            return Ok(client);
        }
        let builder = reqwest::Client::builder().redirect(reqwest::redirect::Policy::none());
        // An issuer on this machine needs neither a proxy nor certificate authorities.
        let is_local = self.issuer.starts_with("http:");
        let builder = if is_local { builder.no_proxy().tls_certs_only([]) } else { builder };
        let client = builder.build().map_err(KeysError::Client)?;
        Ok(self.http.get_or_init(|| client))
    }
}

impl KeySet {
    fn age(&self, now: Instant) -> Duration {
        now.saturating_duration_since(self.fetched)
    }

    fn key(&self, kid: Option<&str>, algorithm: Algorithm) -> Option<DecodingKey> {
        let mut fitting = self.keys.iter().filter(|key| {
            let is_named = kid.is_none_or(|kid| key.common.key_id.as_deref() == Some(kid));
            is_named && fits(key, algorithm)
        });
        let key = fitting.next()?;
        // Without a name it must be clear which one is meant.
        if kid.is_none() && fitting.next().is_some() {
            return None;
        }
        DecodingKey::from_jwk(key).ok()
    }
}

fn is_for_signatures(key: &Jwk) -> bool {
    let usage = key.common.public_key_use.as_ref().is_none_or(|usage| *usage == PublicKeyUse::Signature);
    let operations = key.common.key_operations.as_ref();
    usage && operations.is_none_or(|operations| operations.contains(&KeyOperations::Verify))
}

/// A key is for one kind of algorithm, and for one algorithm when it says so.
fn fits(key: &Jwk, algorithm: Algorithm) -> bool {
    let declared =
        key.common.key_algorithm.is_none_or(|declared| Algorithm::try_from(declared).is_ok_and(|it| it == algorithm));
    let kind = match (&key.algorithm, algorithm) {
        (AlgorithmParameters::RSA(_), Algorithm::RS256 | Algorithm::RS384 | Algorithm::RS512) => true,
        (AlgorithmParameters::RSA(_), Algorithm::PS256 | Algorithm::PS384 | Algorithm::PS512) => true,
        (AlgorithmParameters::EllipticCurve(key), Algorithm::ES256) => key.curve == EllipticCurve::P256,
        (AlgorithmParameters::EllipticCurve(key), Algorithm::ES384) => key.curve == EllipticCurve::P384,
        (AlgorithmParameters::OctetKeyPair(key), Algorithm::EdDSA) => key.curve == EllipticCurve::Ed25519,
        _ => false,
    };
    declared && kind
}
