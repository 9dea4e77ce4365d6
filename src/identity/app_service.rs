//! App Service authentication: the platform signs callers in and writes who they are into headers.
//!
//! It takes away the headers of the same names that callers send, but only where it is on. Anywhere else they are a caller's own words.

use super::{Disbelief, Principal};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use custom_handler::HttpRequest;
use serde::Deserialize;

const PRINCIPAL: &str = "x-ms-client-principal";
const PRINCIPAL_ID: &str = "x-ms-client-principal-id";
/// All that the platform writes about a caller.
const HEADERS: [&str; 4] = [PRINCIPAL, PRINCIPAL_ID, "x-ms-client-principal-name", "x-ms-client-principal-idp"];

/// What is in `x-ms-client-principal`, as base64.
#[derive(Debug, Deserialize)]
struct Document {
    claims: Vec<Claim>,
    /// Which type of claim is a role.
    #[serde(default)]
    role_typ: Option<String>,
}

#[derive(Debug, Deserialize)]
struct Claim {
    typ: String,
    val: String,
}

/// The caller, when the platform is `on` and has signed one in.
pub(super) fn principal(request: &HttpRequest, on: bool, chosen: &[String]) -> Result<Option<Principal>, Disbelief> {
    if !on {
        let spoofed = HEADERS.into_iter().find(|name| request.header(name).is_some());
        return spoofed.map_or(Ok(None), |name| Err(Disbelief::PrincipalHeader(name)));
    }
    let (id, document) = (request.header(PRINCIPAL_ID), request.header(PRINCIPAL));
    let Some(id) = id.filter(|id| !id.is_empty()) else {
        return if document.is_some() { Err(Disbelief::NoPrincipalId) } else { Ok(None) };
    };
    let mut principal = Principal { user_id: id.parse()?, roles: Default::default(), claims: Vec::new(), ends: None };
    if let Some(text) = document {
        let Document { claims, role_typ } = read(text).ok_or(Disbelief::UnreadablePrincipal)?;
        for Claim { typ, val } in claims {
            if role_typ.as_ref().is_some_and(|role| *role == typ) {
                principal.roles.insert(val.clone());
            }
            if chosen.contains(&typ) {
                principal.claims.push((typ, val));
            }
        }
    }
    // A claim `exp` is that of the provider's token; the session, which is what the platform renews, goes on after it.
    Ok(Some(principal))
}

fn read(text: &str) -> Option<Document> {
    let json = STANDARD.decode(text.trim()).ok()?;
    serde_json::from_slice(&json).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    fn signed_in(document: &Value, chosen: &[&str]) -> Result<Principal, Disbelief> {
        let headers = json!({PRINCIPAL_ID: ["ann"], PRINCIPAL: [STANDARD.encode(document.to_string())]});
        let request = serde_json::from_value(json!({"Headers": headers})).unwrap();
        let chosen: Vec<String> = chosen.iter().map(|&claim| claim.to_owned()).collect();
        Ok(principal(&request, true, &chosen)?.expect("somebody"))
    }

    #[test]
    fn roles_and_chosen_claims_are_read_and_the_rest_is_left() {
        let claims = json!([
            {"typ": "roles", "val": "manager"},
            {"typ": "roles", "val": "reader"},
            {"typ": "department", "val": "sales"},
            {"typ": "exp", "val": "1"},
        ]);
        let document = json!({"auth_typ": "aad", "claims": claims, "name_typ": "name", "role_typ": "roles"});
        let ann = signed_in(&document, &["department"]).unwrap();
        assert_eq!(ann.user_id.as_str(), "ann");
        assert_eq!(ann.roles.iter().map(String::as_str).collect::<Vec<_>>(), ["manager", "reader"]);
        assert_eq!(ann.claims, [("department".to_owned(), "sales".to_owned())]);
        assert_eq!(ann.ends, None);
    }

    #[test]
    fn a_principal_that_cannot_be_read_is_refused() {
        assert!(matches!(signed_in(&json!([]), &[]), Err(Disbelief::UnreadablePrincipal)));
        let request = serde_json::from_value(json!({"Headers": {PRINCIPAL: ["e30="]}})).unwrap();
        assert!(matches!(principal(&request, true, &[]), Err(Disbelief::NoPrincipalId)));
        let dots = serde_json::from_value(json!({"Headers": {PRINCIPAL_ID: [".."]}})).unwrap();
        assert!(matches!(principal(&dots, true, &[]), Err(Disbelief::UserId(_))));
    }
}
