//! Who the caller is.
//!
//! There are three ways to be somebody, and each is believed only where somebody vouches for it: the headers of App Service
//! authentication where the platform says that it is on, a bearer token where an issuer and an audience are set, and a caller's own
//! word in development. A credential that is not believed is refused, never overlooked: whoever sends one expects to be that user.

mod app_service;
mod bearer;
mod development;
mod service_token;

use crate::config::SignInConfig;
use azure_signalr::{NameError, UserId};
use bearer::{Bearer, BearerError};
use custom_handler::HttpRequest;
use std::collections::BTreeSet;
use std::time::{Instant, SystemTime};

/// Who calls.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Caller {
    /// Nobody has signed in.
    Anonymous,
    /// Somebody who has.
    User(Principal),
}

/// Somebody who has signed in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Principal {
    pub(crate) user_id: UserId,
    pub(crate) roles: BTreeSet<String>,
    /// The claims that the settings choose, in the order in which the sign-in has them. One may be there several times.
    pub(crate) claims: Vec<(String, String)>,
    /// When the sign-in ends, in seconds since 1970; `None` when it does not say.
    pub(crate) ends: Option<u64>,
}

/// The present, on the clock on the wall and on the one that never jumps.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Now {
    pub(crate) system: SystemTime,
    pub(crate) instant: Instant,
}

impl Now {
    pub(crate) fn read() -> Self {
        Self { system: SystemTime::now(), instant: Instant::now() }
    }

    /// Seconds since 1970.
    pub(crate) fn unix_seconds(self) -> u64 {
        self.system.duration_since(SystemTime::UNIX_EPOCH).map_or(0, |since| since.as_secs())
    }
}

/// Why a caller is not believed.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Disbelief {
    /// A caller's, or of a proxy that is none of ours.
    #[error(
        "`{0}` is believed only where App Service authentication is on, which it is not here; in development, send `x-development-user` instead"
    )]
    PrincipalHeader(&'static str),
    /// The platform's, as far as anybody can tell.
    #[error("`x-ms-client-principal` cannot be read; it is base64 of a JSON object with `claims`")]
    UnreadablePrincipal,
    /// The platform's too.
    #[error("`x-ms-client-principal` comes without `x-ms-client-principal-id`, which names the user")]
    NoPrincipalId,
    /// A caller's, outside development.
    #[error(
        "`{0}` is believed only in development: under `cargo dev` or `func start`, where `AZURE_FUNCTIONS_ENVIRONMENT` is `Development`"
    )]
    DevelopmentName(&'static str),
    /// Nobody has said whose tokens to believe.
    #[error(
        "the bearer token cannot be checked, because `OidcIssuer` and `OidcAudience` are not set; set them, or send no token"
    )]
    NoIssuer,
    /// A caller's.
    #[error("the user id cannot be used; {0}")]
    UserId(#[from] NameError),
    /// A caller's, or the issuer's.
    #[error(transparent)]
    Bearer(#[from] BearerError),
}

impl Disbelief {
    /// Whether the caller has done nothing wrong: the issuer could not be asked for its keys.
    pub(crate) fn is_temporary(&self) -> bool {
        matches!(self, Self::Bearer(BearerError::Keys(_)))
    }
}

/// Finds out who callers are.
#[derive(Debug)]
pub(crate) struct Identity {
    config: SignInConfig,
    bearer: Option<Bearer>,
}

impl Identity {
    /// Nothing is fetched, and no HTTP client built, before the first bearer token comes.
    pub(crate) fn new(config: SignInConfig) -> Self {
        let bearer = config.oidc.clone().map(Bearer::new);
        Self { config, bearer }
    }

    pub(crate) fn config(&self) -> &SignInConfig {
        &self.config
    }

    /// The first of the three ways that `request` takes. A credential of a way that is not open is refused even beside one that is.
    ///
    /// # Errors
    /// When the request has a credential that is not believed.
    pub(crate) async fn caller(&self, request: &HttpRequest, now: Now) -> Result<Caller, Disbelief> {
        let claims = &self.config.claims;
        let by_platform = app_service::principal(request, self.config.app_service, claims)?;
        let by_word = development::principal(request, self.config.development)?;
        if let Some(principal) = by_platform {
            return Ok(Caller::User(principal));
        }
        if let Some(token) = bearer_token(request).filter(|token| !service_token::is_for_service(token)) {
            let bearer = self.bearer.as_ref().ok_or(Disbelief::NoIssuer)?;
            return Ok(Caller::User(bearer.principal(token, claims, now).await?));
        }
        Ok(by_word.map_or(Caller::Anonymous, Caller::User))
    }
}

/// Other schemes than `Bearer` are somebody else's business.
fn bearer_token(request: &HttpRequest) -> Option<&str> {
    let (scheme, token) = request.header("authorization")?.trim().split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| token.trim())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::RequireSignIn;
    use serde_json::json;

    fn identity(app_service: bool, development: bool) -> Identity {
        Identity::new(SignInConfig {
            app_service,
            development,
            oidc: None,
            require_sign_in: RequireSignIn::Send,
            manager_role: "manager".to_owned(),
            claims: Vec::new(),
        })
    }

    async fn caller(
        identity: &Identity,
        headers: serde_json::Value,
        query: serde_json::Value,
    ) -> Result<String, String> {
        let request = serde_json::from_value(json!({"Headers": headers, "Query": query})).unwrap();
        match identity.caller(&request, Now::read()).await {
            Ok(Caller::Anonymous) => Ok("anonymous".to_owned()),
            Ok(Caller::User(principal)) => Ok(principal.user_id.to_string()),
            Err(disbelief) => Err(disbelief.to_string()),
        }
    }

    #[tokio::test]
    async fn without_a_credential_the_caller_is_nobody() {
        for identity in [identity(false, false), identity(true, false), identity(false, true)] {
            assert_eq!(caller(&identity, json!({}), json!({})).await.unwrap(), "anonymous");
            let basic = json!({"Authorization": ["Basic YTpi"]});
            assert_eq!(caller(&identity, basic, json!({})).await.unwrap(), "anonymous");
        }
    }

    #[tokio::test]
    async fn spoofed_headers_of_app_service_are_refused_whichever_it_is() {
        for name in [
            "x-ms-client-principal",
            "X-MS-CLIENT-PRINCIPAL-ID",
            "x-ms-client-principal-name",
            "x-ms-client-principal-idp",
        ] {
            for identity in [identity(false, false), identity(false, true)] {
                let refused = caller(&identity, json!({name: ["admin"]}), json!({})).await.unwrap_err();
                let expected = format!("`{}` is believed only where App Service", name.to_ascii_lowercase());
                assert!(refused.starts_with(&expected), "{refused}");
            }
        }
        // Also beside a credential that is believed.
        let both = json!({"x-development-user": ["ann"], "x-ms-client-principal-id": ["admin"]});
        assert!(caller(&identity(false, true), both, json!({})).await.is_err());
    }

    #[tokio::test]
    async fn the_platforms_headers_are_believed_where_it_says_that_they_are_its_own() {
        let signed_in = json!({"X-MS-CLIENT-PRINCIPAL-ID": ["ann"]});
        assert_eq!(caller(&identity(true, false), signed_in, json!({})).await.unwrap(), "ann");
    }

    #[tokio::test]
    async fn a_development_name_counts_in_development_and_is_refused_elsewhere() {
        let (header, query) = (json!({"x-development-user": "ann"}), json!({"developmentUser": "bob"}));
        assert_eq!(caller(&identity(false, true), header.clone(), json!({})).await.unwrap(), "ann");
        assert_eq!(caller(&identity(false, true), json!({}), query.clone()).await.unwrap(), "bob");
        for identity in [identity(false, false), identity(true, false)] {
            let refused = caller(&identity, header.clone(), json!({})).await.unwrap_err();
            assert!(refused.starts_with("`x-development-user` is believed only in development"), "{refused}");
            let refused = caller(&identity, json!({}), query.clone()).await.unwrap_err();
            assert!(refused.starts_with("`developmentUser` is believed only in development"), "{refused}");
        }
    }

    #[tokio::test]
    async fn a_client_that_negotiates_anew_may_show_its_token_for_the_service_and_is_nobody_by_it() {
        // {"alg":"HS256"}, {"aud":"http://localhost/client/?hub=h","nameid":"admin"}
        let token = "Bearer eyJhbGciOiJIUzI1NiJ9.eyJhdWQiOiJodHRwOi8vbG9jYWxob3N0L2NsaWVudC8_aHViPWgiLCJuYW1laWQiOiJhZG1pbiJ9.x";
        let (headers, query) = (json!({"Authorization": [token]}), json!({"developmentUser": "ann"}));
        assert_eq!(caller(&identity(false, false), headers.clone(), json!({})).await.unwrap(), "anonymous");
        assert_eq!(caller(&identity(false, true), headers, query).await.unwrap(), "ann");
    }

    #[tokio::test]
    async fn a_bearer_token_that_nobody_can_check_is_refused_and_not_overlooked() {
        let refused =
            caller(&identity(false, true), json!({"Authorization": "bearer x.y.z"}), json!({})).await.unwrap_err();
        assert!(refused.contains("`OidcIssuer` and `OidcAudience` are not set"), "{refused}");
    }
}
