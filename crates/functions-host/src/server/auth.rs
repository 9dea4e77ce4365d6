//! Keys of callers: who may call what (functions-host 4.2).
//!
//! Easily missed: a function answers 401 to every key that is not good enough; the admin interface answers 401 to a key that is
//! none, and 403 to a good key for something else.

use http::{HeaderMap, StatusCode};

use crate::app::{AuthLevel, Trigger};
use crate::host::Invoker;
use crate::invocation::Identity;
use crate::keys::webhook_key_name;

const KEY_HEADER: &str = "x-functions-key";

/// Who calls a function, if they may. Nobody is asked for a key where the function is anonymous and nothing in the request asks for
/// authentication.
pub(super) fn caller_of_function(
    invoker: &Invoker,
    place: usize,
    headers: &HeaderMap,
    raw_query: &str,
) -> Result<Identity, StatusCode> {
    let function = &invoker.app().functions[place];
    let needed = match &function.trigger {
        Trigger::Http(trigger) => trigger.auth_level,
        Trigger::Timer(_) | Trigger::SignalR(_) => AuthLevel::Admin,
    };
    let asks =
        headers.contains_key(KEY_HEADER) || headers.contains_key("x-ms-client-principal") || code(raw_query).is_some();
    if needed == AuthLevel::Anonymous && !asks {
        return Ok(Identity::Anonymous);
    }
    let identity = identity(invoker, headers, raw_query, Some(&function.name));
    let is_enough = match &identity {
        _ if needed == AuthLevel::Anonymous || identity.is_admin() => true,
        Identity::Key(grant) => grant.level == needed,
        Identity::Anonymous | Identity::LocalAdmin => false,
    };
    if is_enough { Ok(identity) } else { Err(StatusCode::UNAUTHORIZED) }
}

/// Lets only the master key through.
pub(super) fn check_administrator(invoker: &Invoker, headers: &HeaderMap, raw_query: &str) -> Result<(), StatusCode> {
    let identity = identity(invoker, headers, raw_query, None);
    if identity.is_admin() { Ok(()) } else { Err(refusal(&identity)) }
}

/// Lets the system key of an extension through, and the master key.
pub(super) fn check_webhook(
    invoker: &Invoker,
    extension: &str,
    headers: &HeaderMap,
    raw_query: &str,
) -> Result<(), StatusCode> {
    let identity = identity(invoker, headers, raw_query, None);
    let is_its_own = match &identity {
        Identity::Key(grant) => {
            grant.level == AuthLevel::System && grant.key_name.eq_ignore_ascii_case(&webhook_key_name(extension))
        }
        Identity::Anonymous | Identity::LocalAdmin => false,
    };
    if is_its_own || identity.is_admin() { Ok(()) } else { Err(refusal(&identity)) }
}

fn refusal(identity: &Identity) -> StatusCode {
    if *identity == Identity::Anonymous { StatusCode::UNAUTHORIZED } else { StatusCode::FORBIDDEN }
}

/// The header comes before the query, also when it is wrong.
fn identity(invoker: &Invoker, headers: &HeaderMap, raw_query: &str, function: Option<&str>) -> Identity {
    let Some(keys) = &invoker.shared().keys else { return Identity::LocalAdmin };
    let header = headers.get(KEY_HEADER).map(|key| String::from_utf8_lossy(key.as_bytes()).into_owned());
    let grant = header.or_else(|| code(raw_query)).and_then(|key| keys.grant(&key, function));
    grant.map_or(Identity::Anonymous, Identity::Key)
}

/// The first `code` of the query; letter case of the name is ignored.
fn code(raw_query: &str) -> Option<String> {
    let mut parameters = url::form_urlencoded::parse(raw_query.as_bytes());
    parameters.find(|(name, _)| name.eq_ignore_ascii_case("code")).map(|(_, code)| code.into_owned())
}
