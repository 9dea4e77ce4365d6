//! One token, kept until shortly before its end.
//!
//! A source that fails while the token is still good is not asked again at once: otherwise every call would wait for its failure.

use std::time::{Duration, SystemTime};

use tokio::sync::Mutex;

use crate::credential::{BearerToken, CredentialError, TokenFuture, TokenSource};

/// How long before its end a token is replaced.
const MARGIN: Duration = Duration::from_secs(5 * 60);

/// How long a source that failed is left alone while the old token is still good.
const PAUSE: Duration = Duration::from_secs(30);

/// Asks `source` for one caller at a time, for one scope.
#[derive(Debug)]
pub(super) struct Cached<S> {
    source: S,
    kept: Mutex<Option<Kept>>,
}

#[derive(Debug)]
struct Kept {
    token: BearerToken,
    ask_at: SystemTime,
}

impl<S: TokenSource> Cached<S> {
    pub(super) fn new(source: S) -> Self {
        Self { source, kept: Mutex::new(None) }
    }

    async fn token_at(&self, now: SystemTime, scope: &str) -> Result<BearerToken, CredentialError> {
        // Held while asking, so that a hundred calls at once ask once.
        let mut kept = self.kept.lock().await;
        if let Some(kept) = kept.as_ref().filter(|kept| now < kept.ask_at) {
            return Ok(kept.token.clone());
        }
        match self.source.token(scope).await {
            Ok(token) => {
                *kept = Some(Kept { ask_at: replace_at(&token, now), token: token.clone() });
                Ok(token)
            }
            Err(error) => match kept.as_mut().filter(|kept| now < kept.token.expires_at()) {
                Some(kept) => {
                    let error = &error as &dyn std::error::Error;
                    tracing::warn!(
                        error,
                        "the token of Microsoft Entra could not be replaced; the old one is used until its end"
                    );
                    kept.ask_at = now + PAUSE;
                    Ok(kept.token.clone())
                }
                None => Err(error),
            },
        }
    }
}

impl<S: TokenSource> TokenSource for Cached<S> {
    fn token<'a>(&'a self, scope: &'a str) -> TokenFuture<'a> {
        Box::pin(self.token_at(SystemTime::now(), scope))
    }
}

/// A token that is short-lived anyway is used for half its time.
fn replace_at(token: &BearerToken, now: SystemTime) -> SystemTime {
    let left = token.expires_at().duration_since(now).unwrap_or_default();
    now + left.saturating_sub(MARGIN).max((left / 2).min(MARGIN))
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;
    use std::time::{Duration, SystemTime, UNIX_EPOCH};

    use super::Cached;
    use crate::credential::{BearerToken, CredentialError, TokenFuture, TokenSource};

    /// Answers as the test says, and counts.
    #[derive(Debug)]
    struct Script(Mutex<Vec<Result<(&'static str, u64), ()>>>);

    impl TokenSource for Script {
        fn token<'a>(&'a self, _scope: &'a str) -> TokenFuture<'a> {
            let next = self.0.lock().unwrap().remove(0);
            Box::pin(std::future::ready(match next {
                Ok((secret, end)) => Ok(BearerToken::new(secret, at(end))),
                Err(()) => Err(CredentialError::NotNeeded),
            }))
        }
    }

    fn at(minutes: u64) -> SystemTime {
        UNIX_EPOCH + Duration::from_secs(60 * minutes)
    }

    fn cached(answers: &[Result<(&'static str, u64), ()>]) -> Cached<Script> {
        Cached::new(Script(Mutex::new(answers.to_vec())))
    }

    #[track_caller]
    fn check(cached: &Cached<Script>, minute: u64, expected: Option<&str>) {
        let token = futures_util::FutureExt::now_or_never(cached.token_at(at(minute), "scope")).unwrap();
        assert_eq!(token.ok().as_ref().map(BearerToken::expose), expected, "minute {minute}");
    }

    #[test]
    fn a_token_is_kept_until_five_minutes_before_its_end() {
        let cached = cached(&[Ok(("a", 60)), Ok(("b", 120))]);
        check(&cached, 0, Some("a"));
        check(&cached, 54, Some("a"));
        check(&cached, 55, Some("b"));
        check(&cached, 114, Some("b"));
    }

    #[test]
    fn a_token_that_cannot_be_replaced_is_used_until_its_end() {
        let cached = cached(&[Ok(("a", 60)), Err(()), Err(()), Err(()), Ok(("b", 200))]);
        check(&cached, 0, Some("a"));
        check(&cached, 56, Some("a"));
        check(&cached, 58, Some("a"));
        check(&cached, 60, None);
        check(&cached, 61, Some("b"));
    }

    #[test]
    fn after_a_failure_the_source_is_left_alone_for_a_while() {
        let cached = cached(&[Ok(("a", 60)), Err(())]);
        check(&cached, 0, Some("a"));
        check(&cached, 56, Some("a"));
        // The script has ended: asking again would panic.
        check(&cached, 56, Some("a"));
    }

    #[test]
    fn a_short_token_is_used_for_half_its_time() {
        let cached = cached(&[Ok(("a", 4)), Ok(("b", 100))]);
        check(&cached, 0, Some("a"));
        check(&cached, 1, Some("a"));
        check(&cached, 2, Some("b"));
    }
}
