//! Several identities, of which the first that gives a token is kept.

use tokio::sync::OnceCell;

use super::SdkSource;
use super::plan::Identity;
use crate::credential::{BearerToken, CredentialError, TokenFuture, TokenSource};

/// Builds nothing before the first token is needed.
#[derive(Debug)]
pub(super) struct Chain {
    identities: Vec<Identity>,
    chosen: OnceCell<SdkSource>,
}

impl Chain {
    pub(super) fn new(identities: Vec<Identity>) -> Self {
        Self { identities, chosen: OnceCell::new() }
    }

    async fn first(&self, scope: &str) -> Result<BearerToken, CredentialError> {
        let mut failures = Vec::new();
        for identity in &self.identities {
            match attempt(identity, scope).await {
                Ok((source, token)) => {
                    tracing::debug!("tokens of Microsoft Entra come from {}", identity.name());
                    // Two first calls at once choose the same.
                    let _ = self.chosen.set(source);
                    return Ok(token);
                }
                Err(error) => failures.push(error),
            }
        }
        Err(together(failures))
    }
}

impl TokenSource for Chain {
    fn token<'a>(&'a self, scope: &'a str) -> TokenFuture<'a> {
        Box::pin(async move {
            match self.chosen.get() {
                Some(source) => source.token(scope).await,
                None => self.first(scope).await,
            }
        })
    }
}

async fn attempt(identity: &Identity, scope: &str) -> Result<(SdkSource, BearerToken), CredentialError> {
    let source = SdkSource::of(identity)?;
    let token = source.token(scope).await?;
    Ok((source, token))
}

/// One failure as it is; several in one text, because each may be the one that matters.
fn together(mut failures: Vec<CredentialError>) -> CredentialError {
    if failures.len() == 1 {
        return failures.remove(0);
    }
    let texts: Vec<String> = failures.iter().map(|failure| with_causes(failure)).collect();
    CredentialError::refused("any identity that the environment offers", texts.join("; "))
}

fn with_causes(error: &dyn std::error::Error) -> String {
    let causes = std::iter::successors(Some(error), |error| error.source());
    causes.map(ToString::to_string).collect::<Vec<_>>().join(": ")
}
