//! The header `X-ASRS-User-Claims`: every claim of the client's token as `type: value`.
//!
//! The types are those that .NET makes of the names in a token, which is what functions then look for. Values with a
//! comma are lost on readers, which split at it: so they are with Azure (signalr-service 3.2).

use serde_json::{Map, Value};

const IDENTITY: &str = "http://schemas.xmlsoap.org/ws/2005/05/identity/claims/";
const XMLSOAP: &str = "http://schemas.xmlsoap.org/claims/";
const MICROSOFT_IDENTITY: &str = "http://schemas.microsoft.com/identity/claims/";
const MICROSOFT: &str = "http://schemas.microsoft.com/claims/";
const WINDOWS: &str = "http://schemas.microsoft.com/ws/2008/06/identity/claims/";

/// .NET's inbound map, without the claims about certificates and devices that no client token carries.
const TYPES: &[(&str, &str, &str)] = &[
    ("acr", MICROSOFT, "authnclassreference"),
    ("actort", "http://schemas.xmlsoap.org/ws/2009/09/identity/claims/", "actor"),
    ("adfs1email", XMLSOAP, "EmailAddress"),
    ("adfs1upn", XMLSOAP, "UPN"),
    ("amr", MICROSOFT, "authnmethodsreferences"),
    ("authmethod", WINDOWS, "authenticationmethod"),
    ("birthdate", IDENTITY, "dateofbirth"),
    ("commonname", XMLSOAP, "CommonName"),
    ("email", IDENTITY, "emailaddress"),
    ("family_name", IDENTITY, "surname"),
    ("gender", IDENTITY, "gender"),
    ("given_name", IDENTITY, "givenname"),
    ("group", XMLSOAP, "Group"),
    ("idp", MICROSOFT_IDENTITY, "identityprovider"),
    ("nameid", IDENTITY, "nameidentifier"),
    ("oid", MICROSOFT_IDENTITY, "objectidentifier"),
    ("ppid", IDENTITY, "privatepersonalidentifier"),
    ("role", WINDOWS, "role"),
    ("roles", WINDOWS, "role"),
    ("scp", MICROSOFT_IDENTITY, "scope"),
    ("sub", IDENTITY, "nameidentifier"),
    ("tid", MICROSOFT_IDENTITY, "tenantid"),
    ("unique_name", IDENTITY, "name"),
    ("upn", IDENTITY, "upn"),
    ("website", IDENTITY, "webpage"),
    ("winaccountname", WINDOWS, "windowsaccountname"),
];

/// The value of the header; empty when there is no claim.
pub(super) fn header(claims: &Map<String, Value>) -> String {
    let mut header = String::new();
    for (name, value) in claims {
        append(&mut header, name, value);
    }
    header
}

/// An array is one claim per element.
fn append(header: &mut String, name: &str, value: &Value) {
    let text = match value {
        Value::Array(values) => return values.iter().for_each(|value| append(header, name, value)),
        Value::Null => return,
        Value::String(text) => text.clone(),
        other => other.to_string(),
    };
    if !header.is_empty() {
        header.push_str(", ");
    }
    match TYPES.iter().find(|(short, ..)| *short == name) {
        Some((_, namespace, long)) => header.extend([*namespace, *long]),
        None => header.push_str(name),
    }
    header.extend([": ", text.as_str()]);
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[track_caller]
    fn check(claims: Value, expected: &str) {
        let Value::Object(claims) = claims else { panic!("claims are an object") };
        assert_eq!(header(&claims), expected);
    }

    #[test]
    fn every_claim_is_listed_in_the_order_of_the_token() {
        check(json!({}), "");
        check(
            json!({"asrs.s.uid": "alice", "level": 3, "admin": true, "exp": 1_700_003_600, "aud": "http://h/client/?hub=chat"}),
            "asrs.s.uid: alice, level: 3, admin: true, exp: 1700003600, aud: http://h/client/?hub=chat",
        );
    }

    #[test]
    fn types_are_those_of_dotnet_and_lists_are_repeated_claims() {
        let role = "http://schemas.microsoft.com/ws/2008/06/identity/claims/role";
        let name_identifier = "http://schemas.xmlsoap.org/ws/2005/05/identity/claims/nameidentifier";
        check(
            json!({"nameid": "alice", "role": ["admin", "user"], "custom": null, "address": {"city": "Ulm"}}),
            &format!("{name_identifier}: alice, {role}: admin, {role}: user, address: {{\"city\":\"Ulm\"}}"),
        );
    }
}
