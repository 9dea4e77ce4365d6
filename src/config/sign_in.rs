//! The settings of sign-in: whom the handler believes, and what it takes to send.
//!
//! What the platform sets decides more than what the owner sets: a header is believed only where the platform vouches for it.

use super::{Setting, noted};
use url::{Host, Url};

/// What a platform gives to every app and a host on one's own machine to none; no plan sets all of them, and Flex Consumption has no
/// `WEBSITE_INSTANCE_ID`. `WEBSITE_HOSTNAME` is not among them, because local hosts set it too (functions-host 1.4), and neither is
/// `CONTAINER_NAME`, which many a container for development has.
const MARKS_OF_A_PLATFORM: [&str; 5] =
    ["WEBSITE_INSTANCE_ID", "WEBSITE_SITE_NAME", "WEBSITE_POD_NAME", "CONTAINER_APP_NAME", "LEGION_SERVICE_HOST"];

/// Whom the handler believes, and what callers may do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SignInConfig {
    /// `WEBSITE_AUTH_ENABLED`, set by App Service: the platform itself writes the headers `x-ms-client-principal*` and takes
    /// away those that callers send.
    pub app_service: bool,
    /// `AZURE_FUNCTIONS_ENVIRONMENT` is `Development`, and a host on this machine says that it is one: callers may say who they are.
    pub development: bool,
    /// `OidcIssuer` and `OidcAudience`: whose bearer tokens are believed.
    pub oidc: Option<OidcConfig>,
    /// `RequireSignIn`; `never` in development and `send` everywhere else by default.
    pub require_sign_in: RequireSignIn,
    /// `ManagerRole`: the role whose holders may change the groups of others; `manager` by default.
    pub manager_role: String,
    /// `SignalRClaims`: the claims of a caller, beside the roles, that its SignalR connection carries; none by default.
    pub claims: Vec<String>,
}

/// Who must have signed in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RequireSignIn {
    /// Nobody: whoever reaches the app may send, as in a tutorial.
    Never,
    /// Whoever sends, joins groups or asks who is there. Anybody may connect and listen to what is sent to all.
    Send,
    /// Everybody, also to connect.
    Always,
}

/// Whose bearer tokens are believed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OidcConfig {
    /// `OidcIssuer`, which the token's `iss` must equal to the letter.
    pub issuer: String,
    /// `OidcAudience`, separated by commas: one of them must be in the token's `aud`.
    pub audiences: Vec<String>,
    /// `OidcUserClaim`: which claim is the user id; `sub` by default.
    pub user_claim: String,
    /// `OidcRolesClaim`: which claim holds the roles; `roles` by default.
    pub roles_claim: String,
}

impl SignInConfig {
    /// What a caller who has not signed in is told to do.
    pub(crate) fn way_to_sign_in(&self) -> String {
        if let Some(OidcConfig { issuer, .. }) = &self.oidc {
            return format!("send a bearer token of `{issuer}`");
        }
        if self.app_service {
            return "sign in at `/.auth/login`".to_owned();
        }
        if self.development {
            return "in development, send the header `x-development-user`".to_owned();
        }
        "this app has no way to sign in yet: switch on App Service authentication, or set `OidcIssuer` and `OidcAudience`".to_owned()
    }
}

/// Reads the section, noting all that is wrong with it.
pub(super) fn read(present: impl Fn(&str) -> Option<String>, problems: &mut Vec<Setting>) -> SignInConfig {
    let app_service = present("WEBSITE_AUTH_ENABLED").is_some_and(|value| is_on(&value));
    let development = is_development(&present);
    let problems_before = problems.len();
    let oidc = noted(oidc(&present), problems).flatten();
    let default = if development { RequireSignIn::Never } else { RequireSignIn::Send };
    let require_sign_in = noted(require_sign_in(present("RequireSignIn")), problems).flatten().unwrap_or(default);
    let no_way = !app_service && !development && oidc.is_none();
    if require_sign_in == RequireSignIn::Always && no_way && problems.len() == problems_before {
        problems.push(Setting::NoWayToSignIn);
    }
    let claims = list(present("SignalRClaims"));
    let system_claims = claims.iter().filter(|claim| claim.to_ascii_lowercase().starts_with("asrs."));
    problems.extend(system_claims.cloned().map(Setting::SystemClaim));
    let manager_role = present("ManagerRole").map_or_else(|| "manager".to_owned(), |role| role.trim().to_owned());
    SignInConfig { app_service, development, oidc, require_sign_in, manager_role, claims }
}

/// `Development` alone could be an app setting in Azure, where anybody would be anyone. So a local host has to say that it is one, as
/// `func` and ours do, and nothing may speak against it.
fn is_development(present: impl Fn(&str) -> Option<String>) -> bool {
    let environment = present("AZURE_FUNCTIONS_ENVIRONMENT");
    let is_local = present("FUNCTIONS_CORETOOLS_ENVIRONMENT").is_some();
    let is_marked = MARKS_OF_A_PLATFORM.into_iter().any(|name| present(name).is_some());
    environment.is_some_and(|value| value.trim().eq_ignore_ascii_case("Development")) && is_local && !is_marked
}

/// App Service writes `True`.
fn is_on(value: &str) -> bool {
    let value = value.trim();
    value.eq_ignore_ascii_case("true") || value == "1"
}

fn require_sign_in(value: Option<String>) -> Result<Option<RequireSignIn>, Setting> {
    let Some(value) = value else { return Ok(None) };
    match value.trim().to_ascii_lowercase().as_str() {
        "never" | "false" => Ok(Some(RequireSignIn::Never)),
        "send" => Ok(Some(RequireSignIn::Send)),
        "always" | "true" => Ok(Some(RequireSignIn::Always)),
        _ => Err(Setting::RequireSignIn(value)),
    }
}

fn oidc(present: impl Fn(&str) -> Option<String>) -> Result<Option<OidcConfig>, Setting> {
    let (issuer_name, audience_name) = ("OidcIssuer", "OidcAudience");
    let (issuer, audiences) = match (present(issuer_name), list(present(audience_name))) {
        (None, audiences) if audiences.is_empty() => return Ok(None),
        (None, _) => return Err(Setting::HalfOfOidc { present: audience_name, absent: issuer_name }),
        (Some(_), audiences) if audiences.is_empty() => {
            return Err(Setting::HalfOfOidc { present: issuer_name, absent: audience_name });
        }
        (Some(issuer), audiences) => (issuer.trim().to_owned(), audiences),
    };
    if !is_issuer(&issuer) {
        return Err(Setting::Issuer(issuer));
    }
    let claim = |name, default: &str| present(name).map_or_else(|| default.to_owned(), |claim| claim.trim().to_owned());
    let (user_claim, roles_claim) = (claim("OidcUserClaim", "sub"), claim("OidcRolesClaim", "roles"));
    Ok(Some(OidcConfig { issuer, audiences, user_claim, roles_claim }))
}

fn is_issuer(text: &str) -> bool {
    Url::parse(text).is_ok_and(|url| is_private(&url) && url.query().is_none() && url.fragment().is_none())
}

/// Without TLS anybody on the way could give out keys, so plain http is for an issuer on this machine only.
pub(crate) fn is_private(url: &Url) -> bool {
    let on_this_machine = match url.host() {
        Some(Host::Domain(name)) => name.eq_ignore_ascii_case("localhost"),
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
        None => false,
    };
    let is_safe = url.scheme() == "https" || (url.scheme() == "http" && on_this_machine);
    is_safe && url.username().is_empty() && url.password().is_none()
}

/// What is between the commas, without blanks.
fn list(value: Option<String>) -> Vec<String> {
    let value = value.unwrap_or_default();
    value.split(',').map(str::trim).filter(|item| !item.is_empty()).map(str::to_owned).collect()
}
