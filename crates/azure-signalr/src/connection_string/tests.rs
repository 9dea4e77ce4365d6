//! The grammar and every complaint, one line per case.

use super::{ApplicationCredential, Authentication, ConnectionString};
use crate::AccessKey;

const KEY: &str = "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789ABCDEFGH";

fn parse(text: &str) -> ConnectionString {
    text.parse().unwrap_or_else(|error| panic!("{text}: {error}"))
}

/// What .NET prints: the text, and the parameter where there is one.
#[track_caller]
fn check_refused(text: &str, expected: &str) {
    let error = text.parse::<ConnectionString>().expect_err(text);
    let printed = match error.parameter() {
        Some(parameter) => format!("{error} (Parameter '{parameter}')"),
        None => error.to_string(),
    };
    assert_eq!(printed, expected, "{text}");
}

#[track_caller]
fn check_addresses(text: &str, server: &str, client: &str, audience: &str) {
    let connection = parse(text);
    assert_eq!(connection.server_url().as_str(), server, "{text}");
    assert_eq!(connection.client_url().as_str(), client, "{text}");
    assert_eq!(connection.audience_base(), audience, "{text}");
}

#[test]
fn every_complaint_has_the_words_of_the_official_library() {
    let few = "Connection string missing required properties endpoint. (Parameter 'connectionString')";
    check_refused("", few);
    check_refused("Endpoint=http://localhost", few);
    check_refused(";;Endpoint=http://localhost;;", few);
    check_refused("Endpoint=http://a;ENDPOINT =http://b", "Duplicate properties found in connection string: ENDPOINT.");
    check_refused("Unknown=1;unknown=1", "Duplicate properties found in connection string: unknown.");
    check_refused("a;b", "Connection string missing required properties endpoint. (Parameter 'endpoint')");
    check_refused(
        "AccessKey=k;Version=1.0",
        "Connection string missing required properties endpoint. (Parameter 'endpoint')",
    );
    check_refused("Endpoint=http://a;Version=1.0", "accesskey is required. (Parameter 'accesskey')");
    check_refused("Endpoint=http://a;AccessKey=", "accesskey is required. (Parameter 'accesskey')");
    check_refused("Endpoint=http://a;AuthType=unheard-of", "accesskey is required. (Parameter 'accesskey')");
}

#[test]
fn an_endpoint_is_an_absolute_http_address() {
    let text = "Invalid value for endpoint property, it must be a valid URI. (Parameter 'endpoint')";
    for endpoint in [
        "",
        "/",
        "localhost",
        "localhost:8888",
        "ftp://a",
        "http:a",
        "http://",
        "http:///a",
        "http:// a",
        "http://a:70000",
    ] {
        check_refused(&format!("Endpoint={endpoint};AccessKey=k"), text);
    }
}

#[test]
fn a_version_is_a_version_1() {
    for version in ["", "1", "1.", "2.0", "1.x", "1.0 x", "1.0!", "x1.0", "11.0"] {
        check_refused(
            &format!("Endpoint=http://a;AccessKey=k;Version={version}"),
            &format!("Version {version} is not supported. (Parameter 'version')"),
        );
    }
    for version in ["1.0", "1.12", "1.0.0-preview_1"] {
        assert_eq!(parse(&format!("Endpoint=http://a;AccessKey=k;Version={version}")).version(), Some(version));
    }
    assert_eq!(parse("Endpoint=http://a;AccessKey=k").version(), None);
}

#[test]
fn a_port_lies_between_1_and_65535() {
    let text = "Invalid value for port property, it must be an positive integer between (0, 65536) (Parameter 'port')";
    for port in ["", "0", "-1", "65536", "x", "80.0"] {
        check_refused(&format!("Endpoint=http://a;AccessKey=k;Port={port}"), text);
    }
}

#[test]
fn the_other_endpoints_are_absolute_http_addresses_too() {
    check_refused(
        "Endpoint=http://a;AccessKey=k;ClientEndpoint=a",
        "Invalid value for clientEndpoint property, it must be a valid URI. (Parameter 'clientEndpoint')",
    );
    check_refused(
        "Endpoint=http://a;AccessKey=k;ServerEndpoint=ftp://b",
        "ServerEndpoint property in connection string is not a valid URI: ftp://b.",
    );
}

#[test]
fn the_first_complaint_is_that_of_the_official_library() {
    let faults = ["ServerEndpoint=x", "ClientEndpoint=x", "Port=x", "Version=x", "Endpoint=x"];
    let complaints =
        ["ServerEndpoint", "Invalid value for client", "Invalid value for port", "Version", "Invalid value for end"];
    for count in 1..=faults.len() {
        let endpoint = if count == faults.len() { "" } else { "Endpoint=http://a;" };
        let text = format!("{endpoint}{}", faults[..count].join(";"));
        let error = text.parse::<ConnectionString>().expect_err(&text);
        assert!(error.to_string().starts_with(complaints[count - 1]), "{text}: {error}");
    }
    check_refused("Endpoint=x;Endpoint=x", "Duplicate properties found in connection string: Endpoint.");
}

#[test]
fn spaces_case_and_order_of_properties_do_not_matter() {
    let connection = parse(" accesskey = a=b== ;; junk ; Flavour=x; ENDPOINT = https://a/ ;");
    assert_eq!(connection.access_key().unwrap().expose(), "a=b==");
    assert_eq!(connection.server_url().as_str(), "https://a/");
}

#[test]
fn each_address_follows_its_own_property() {
    check_addresses(
        "Endpoint=https://contoso.service.signalr.net;AccessKey=k;Version=1.0;",
        "https://contoso.service.signalr.net/",
        "https://contoso.service.signalr.net/",
        "https://contoso.service.signalr.net/",
    );
    check_addresses(
        "Endpoint=http://localhost/;Port=8888;AccessKey=k",
        "http://localhost:8888/",
        "http://localhost:8888/",
        "http://localhost/",
    );
    check_addresses("Endpoint=http://a:1;Port=2;AccessKey=k", "http://a:2/", "http://a:2/", "http://a/");
    check_addresses("Endpoint=http://a:1;AccessKey=k", "http://a:1/", "http://a:1/", "http://a/");
    check_addresses(
        "Endpoint=https://a;Port=2;ClientEndpoint=http://c:3/x/;ServerEndpoint=https://s;AccessKey=k",
        "https://s/",
        "http://c:3/x/",
        "https://a/",
    );
    check_addresses("Endpoint=http://[::1];Port=8;AccessKey=k", "http://[::1]:8/", "http://[::1]:8/", "http://[::1]/");
}

#[test]
fn entra_forms_are_read_and_hold_no_access_key() {
    let authentication = |text: &str| {
        let connection = parse(&format!("Endpoint=https://a;AccessKey=unused;{text}"));
        assert!(connection.access_key().is_none(), "{text}");
        format!("{:?}", connection.authentication())
    };
    assert_eq!(authentication("AuthType=Azure"), "AzureDefault");
    assert_eq!(authentication("AuthType=azure.msi"), "ManagedIdentity { client_id: None }");
    assert_eq!(authentication("AuthType=azure.msi;ClientId=c"), r#"ManagedIdentity { client_id: Some("c") }"#);
    assert_eq!(authentication("AuthType=aad"), "ManagedIdentity { client_id: None }");
    assert_eq!(authentication("AuthType=AAD;ClientId=c"), r#"ManagedIdentity { client_id: Some("c") }"#);
    assert_eq!(authentication("AuthType=aad;TenantId=t"), "ManagedIdentity { client_id: None }");
}

#[test]
fn an_entra_application_needs_an_id_a_tenant_and_a_proof() {
    let credential =
        |text: &str| match parse(&format!("Endpoint=https://a;ClientId=c;TenantId=t;{text}")).authentication() {
            Authentication::Application { credential: ApplicationCredential::Secret(_), .. } => "secret".to_owned(),
            Authentication::Application { credential: ApplicationCredential::Certificate(path), .. } => path.clone(),
            other => panic!("{other:?}"),
        };
    assert_eq!(credential("AuthType=azure.app;ClientSecret=s;ClientCert=p"), "secret");
    assert_eq!(credential("AuthType=azure.app;ClientCertPath=p"), "p");
    assert_eq!(credential("AuthType=aad;ClientCert=q"), "q");

    let app = "Endpoint=https://a;AuthType=azure.app";
    check_refused(app, "Connection string missing required properties clientId.");
    check_refused(&format!("{app};ClientId=c"), "Connection string missing required properties tenantId.");
    let proof = "Connection string missing required properties clientSecret or clientCert.";
    check_refused(&format!("{app};ClientId=c;TenantId=t"), proof);
    check_refused("Endpoint=https://a;AuthType=aad;ClientId=c;TenantId=t", proof);
}

#[test]
fn secrets_are_never_printed_unless_asked_for() {
    let with_key = format!("Endpoint=http://localhost;Port=8888;AccessKey={KEY};Version=1.0;");
    let with_secret = "Endpoint=https://a;AuthType=azure.app;ClientId=c;TenantId=t;ClientSecret=hush";
    let printed = format!("{:?} {:?}", parse(&with_key), parse(with_secret));
    assert!(printed.contains("***") && !printed.contains(KEY) && !printed.contains("hush"), "{printed}");
    assert_eq!(parse(&with_key).expose(), with_key);
}

#[test]
fn a_connection_string_made_of_parts_reads_like_the_emulators() {
    let connection = ConnectionString::with_access_key("http://localhost:8888".parse().unwrap(), AccessKey::new(KEY));
    let text = connection.expose();
    assert_eq!(text, format!("Endpoint=http://localhost;Port=8888;AccessKey={KEY};Version=1.0;"));
    assert_eq!(parse(&text).server_url(), connection.server_url());
    assert_eq!(connection.access_key().map(AccessKey::expose), Some(KEY));

    let connection = ConnectionString::with_access_key("https://a".parse().unwrap(), AccessKey::new("k"));
    assert_eq!(connection.expose(), "Endpoint=https://a;AccessKey=k;Version=1.0;");
}
