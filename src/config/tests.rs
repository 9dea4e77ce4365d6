use super::*;
use std::cell::RefCell;
use std::collections::BTreeSet;
use std::path::Path;

const EMULATOR: &str =
    "Endpoint=http://localhost;Port=8888;AccessKey=ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789ABCDEFGH;Version=1.0;";

fn read(variables: &[(&str, &str)]) -> Result<Config, ConfigError> {
    Config::read(|name| variables.iter().find(|(key, _)| *key == name).map(|(_, value)| (*value).to_owned()))
}

#[test]
fn the_port_and_the_connection_string_are_read() {
    let config =
        read(&[("FUNCTIONS_CUSTOMHANDLER_PORT", "41234"), ("AzureSignalRConnectionString", EMULATOR)]).unwrap();
    assert_eq!(config.port, 41234);
    assert_eq!(config.signalr.unwrap().server_url().as_str(), "http://localhost:8888/");
    assert_eq!(config.log_filter, "info".parse().unwrap());
}

#[test]
fn without_a_port_the_reader_is_told_what_to_run() {
    for variables in [&[][..], &[("FUNCTIONS_CUSTOMHANDLER_PORT", " ")]] {
        let error = read(variables).unwrap_err().to_string();
        assert!(error.contains("run `cargo dev` or `func start`"), "{error}");
    }
}

#[test]
fn all_bad_settings_are_reported_at_once_and_without_the_key() {
    let error = read(&[
        ("FUNCTIONS_CUSTOMHANDLER_PORT", "x"),
        ("AzureSignalRConnectionString", "Endpoint=nowhere;AccessKey=topsecret;"),
    ]);
    let error = error.unwrap_err().to_string();
    assert!(error.contains("`FUNCTIONS_CUSTOMHANDLER_PORT` is `x`"), "{error}");
    assert!(error.contains("Invalid value for endpoint property, it must be a valid URI."), "{error}");
    assert!(!error.contains("topsecret"), "{error}");
}

#[test]
fn a_log_filter_that_is_none_is_reported_with_the_others() {
    let error = read(&[("FUNCTIONS_CUSTOMHANDLER_PORT", "x"), ("RUST_LOG", "!!bad=[`")]).unwrap_err().to_string();
    assert!(error.contains("`FUNCTIONS_CUSTOMHANDLER_PORT` is `x`"), "{error}");
    assert!(error.contains("`RUST_LOG` is `!!bad=[`"), "{error}");
    let config = read(&[("FUNCTIONS_CUSTOMHANDLER_PORT", "1"), ("RUST_LOG", "warn,hyper=debug")]).unwrap();
    assert_eq!(config.log_filter, "warn,hyper=debug".parse().unwrap());
}

#[track_caller]
fn check_address(variables: &[(&str, &str)], expected: Option<&str>) {
    let variables = [&[("FUNCTIONS_CUSTOMHANDLER_PORT", "1")], variables].concat();
    let signalr = read(&variables).unwrap().signalr;
    assert_eq!(signalr.as_ref().map(|signalr| signalr.server_url().as_str()), expected, "{variables:?}");
}

#[test]
fn the_service_is_found_wherever_the_bindings_find_it() {
    const OTHER: &str = "Endpoint=https://other.service.signalr.net;AccessKey=x;";
    let (emulator, other) = (Some("http://localhost:8888/"), Some("https://other.service.signalr.net/"));
    check_address(&[], None);
    check_address(&[("AzureSignalRConnectionString", EMULATOR)], emulator);
    for named in ["ConnectionStrings:AzureSignalRConnectionString", "ConnectionStrings__AzureSignalRConnectionString"] {
        check_address(&[(named, EMULATOR)], emulator);
        check_address(&[(named, OTHER), ("AzureSignalRConnectionString", EMULATOR)], other);
    }
    let uri = "https://other.service.signalr.net";
    check_address(&[("AzureSignalRConnectionString__serviceUri", uri)], other);
    check_address(&[("AzureSignalRConnectionString:serviceUri", uri)], other);
    let key_first = [("AzureSignalRConnectionString__serviceUri", uri), ("AzureSignalRConnectionString", EMULATOR)];
    check_address(&key_first, emulator);
    let behind_a_proxy = [
        ("AzureSignalRConnectionString__serviceUri", uri),
        ("AzureSignalRConnectionString__serverEndpoint", "http://proxy.local/signalr/"),
    ];
    check_address(&behind_a_proxy, Some("http://proxy.local/signalr/"));
}

#[test]
fn an_address_that_is_none_is_reported_under_its_own_name() {
    let uri = "AzureSignalRConnectionString__serviceUri";
    let server_endpoint = "AzureSignalRConnectionString__serverEndpoint";
    let port = ("FUNCTIONS_CUSTOMHANDLER_PORT", "1");
    let error = read(&[port, (uri, "nowhere")]).unwrap_err().to_string();
    assert!(error.contains(&format!("`{uri}` cannot be used; Invalid value for endpoint property")), "{error}");
    let error = read(&[port, (uri, "https://x"), (server_endpoint, "nowhere")]).unwrap_err().to_string();
    assert!(error.contains(&format!("`{server_endpoint}` cannot be used; ServerEndpoint property")), "{error}");
}

#[test]
fn an_empty_connection_string_counts_as_absent() {
    let config = read(&[("FUNCTIONS_CUSTOMHANDLER_PORT", "1"), ("AzureSignalRConnectionString", "")]).unwrap();
    assert!(config.signalr.is_none());
}

/// Everything that is wrong with these settings, beside a port.
fn problems(variables: &[(&str, &str)]) -> Vec<String> {
    let variables = [&[("FUNCTIONS_CUSTOMHANDLER_PORT", "1")], variables].concat();
    match read(&variables) {
        Ok(_) => Vec::new(),
        Err(ConfigError::Invalid(settings)) => settings.iter().map(ToString::to_string).collect(),
        Err(other) => panic!("{other}"),
    }
}

fn sign_in(variables: &[(&str, &str)]) -> SignInConfig {
    read(&[&[("FUNCTIONS_CUSTOMHANDLER_PORT", "1")], variables].concat()).unwrap().sign_in
}

const ISSUER: (&str, &str) = ("OidcIssuer", "https://issuer.example/tenant/v2.0");
const AUDIENCE: (&str, &str) = ("OidcAudience", "app, api://app ,");
const DEVELOPMENT: (&str, &str) = ("AZURE_FUNCTIONS_ENVIRONMENT", "Development");
const LOCAL: (&str, &str) = ("FUNCTIONS_CORETOOLS_ENVIRONMENT", "True");

#[test]
fn without_any_setting_nobody_is_believed_and_nobody_may_send() {
    let sign_in = sign_in(&[]);
    let (app_service, development) = (sign_in.app_service, sign_in.development);
    assert_eq!((app_service, development, sign_in.require_sign_in), (false, false, RequireSignIn::Send));
    assert_eq!((sign_in.oidc, sign_in.manager_role.as_str(), sign_in.claims.len()), (None, "manager", 0));
}

#[test]
fn development_is_open_and_ends_where_azure_begins() {
    // These two are also where nothing is deployed.
    let also_local = [("WEBSITE_HOSTNAME", "localhost:7071"), ("CONTAINER_NAME", "workshop")];
    let local = sign_in(&[&[DEVELOPMENT, LOCAL][..], &also_local].concat());
    assert_eq!((local.development, local.require_sign_in), (true, RequireSignIn::Never));
    let variables = ["INSTANCE_ID", "SITE_NAME", "POD_NAME"].map(|name| format!("WEBSITE_{name}"));
    let others = ["CONTAINER_APP_NAME", "LEGION_SERVICE_HOST"].map(str::to_owned);
    for mark in variables.iter().chain(&others) {
        let in_azure = sign_in(&[DEVELOPMENT, LOCAL, (mark, "0f3a")]);
        assert_eq!((in_azure.development, in_azure.require_sign_in), (false, RequireSignIn::Send), "{mark}");
    }
    assert!(!sign_in(&[("AZURE_FUNCTIONS_ENVIRONMENT", "Production"), LOCAL]).development);
}

/// What an app on Flex Consumption has, with a setting that was copied from somewhere.
#[test]
fn development_as_an_app_setting_makes_nobody_anyone_on_flex_consumption() {
    let flex = [
        ("CONTAINER_NAME", "0--5f2c"),
        ("WEBSITE_POD_NAME", "0--5f2c"),
        ("LEGION_SERVICE_HOST", "10.0.0.1"),
        ("WEBSITE_HOSTNAME", "demo.azurewebsites.net"),
        ("WEBSITE_SITE_NAME", "demo"),
    ];
    assert!(!sign_in(&[&flex[..], &[DEVELOPMENT]].concat()).development);
    // Nor on a platform that nobody here has heard of.
    assert!(!sign_in(&[DEVELOPMENT]).development);
}

#[test]
fn the_platform_says_whether_its_authentication_is_on() {
    for (value, is_on) in [("True", true), ("true", true), ("1", true), ("False", false), ("0", false), ("yes", false)]
    {
        assert_eq!(sign_in(&[("WEBSITE_AUTH_ENABLED", value)]).app_service, is_on, "{value}");
    }
}

#[test]
fn the_settings_of_sign_in_are_read() {
    let sign_in = sign_in(&[
        ISSUER,
        AUDIENCE,
        ("OidcUserClaim", "oid"),
        ("OidcRolesClaim", "/realm_access/roles"),
        ("RequireSignIn", "Always"),
        ("ManagerRole", " boss "),
        ("SignalRClaims", "department,,level"),
    ]);
    let expected = OidcConfig {
        issuer: "https://issuer.example/tenant/v2.0".to_owned(),
        audiences: vec!["app".to_owned(), "api://app".to_owned()],
        user_claim: "oid".to_owned(),
        roles_claim: "/realm_access/roles".to_owned(),
    };
    assert_eq!((sign_in.oidc, sign_in.require_sign_in), (Some(expected), RequireSignIn::Always));
    assert_eq!((sign_in.manager_role.as_str(), sign_in.claims.join("+").as_str()), ("boss", "department+level"));
}

#[test]
fn half_of_an_issuer_or_one_that_anybody_could_be_is_refused() {
    let one = |variables: &[(&str, &str)]| {
        let problems = problems(variables);
        assert_eq!(problems.len(), 1, "{problems:?}");
        problems[0].clone()
    };
    assert!(one(&[ISSUER]).starts_with("`OidcIssuer` is set and `OidcAudience` is not"));
    assert!(one(&[AUDIENCE]).starts_with("`OidcAudience` is set and `OidcIssuer` is not"));
    for issuer in
        ["issuer", "http://issuer.example", "https://a:b@issuer.example", "https://issuer.example/?x", "file:///x"]
    {
        assert!(one(&[("OidcIssuer", issuer), AUDIENCE]).starts_with("`OidcIssuer` is `"), "{issuer}");
    }
    for issuer in ["http://127.0.0.1:1234", "http://localhost/realms/a", "http://[::1]:1", "https://issuer.example/"] {
        assert_eq!(problems(&[("OidcIssuer", issuer), AUDIENCE]), [] as [String; 0], "{issuer}");
    }
}

#[test]
fn to_require_what_nobody_can_do_is_refused() {
    assert!(problems(&[("RequireSignIn", "always")])[0].contains("there is no way to sign in"));
    for way in [&[DEVELOPMENT, LOCAL][..], &[("WEBSITE_AUTH_ENABLED", "true")]] {
        assert_eq!(problems(&[&[("RequireSignIn", "always")], way].concat()), [] as [String; 0], "{way:?}");
    }
}

#[test]
fn all_problems_of_all_sections_are_reported_at_once() {
    let problems = problems(&[
        ("AzureSignalRConnectionString", "Endpoint=nowhere;AccessKey=topsecret;"),
        ("RUST_LOG", "!!bad=[`"),
        ("RequireSignIn", "sometimes"),
        ISSUER,
        ("SignalRClaims", "a,asrs.s.uid,Asrs.x"),
    ]);
    let begins = [
        "`AzureSignalRConnectionString`",
        "`RUST_LOG`",
        "`OidcIssuer`",
        "`RequireSignIn`",
        "`SignalRClaims`",
        "`SignalRClaims`",
    ];
    assert_eq!(problems.len(), begins.len(), "{problems:?}");
    for (problem, begin) in problems.iter().zip(begins) {
        assert!(problem.starts_with(begin), "{problem}");
    }
}

#[test]
fn an_identity_is_found_in_its_section() {
    let uri = ("AzureSignalRConnectionString__serviceUri", "https://other.service.signalr.net");
    let found = |rest: &[(&str, &str)]| {
        let variables = [&[("FUNCTIONS_CUSTOMHANDLER_PORT", "1"), uri], rest].concat();
        format!("{:?}", read(&variables).unwrap().signalr.unwrap().authentication())
    };
    assert_eq!(found(&[]), "AzureDefault");
    let managed = [("AzureSignalRConnectionString__credential", "ManagedIdentity")];
    assert_eq!(found(&managed), "ManagedIdentity { client_id: None }");
    let client = ("AzureSignalRConnectionString__clientId", "c1");
    assert_eq!(found(&[client]), r#"ManagedIdentity { client_id: Some("c1") }"#);
    let application = [
        client,
        ("AzureSignalRConnectionString__tenantId", "t1"),
        ("AzureSignalRConnectionString__clientSecret", "topsecret"),
    ];
    let application = found(&application);
    assert!(
        application.starts_with("Application { client_id: \"c1\"") && !application.contains("topsecret"),
        "{application}"
    );
}

#[test]
fn every_setting_is_in_the_example_and_in_the_readme() {
    let names = RefCell::new(BTreeSet::new());
    let _ = Config::read(|name| {
        names.borrow_mut().insert(name.to_owned());
        (name == "FUNCTIONS_CUSTOMHANDLER_PORT").then(|| "1".to_owned())
    });
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let example = std::fs::read_to_string(root.join("local.settings.json.example")).unwrap();
    let readme = std::fs::read_to_string(root.join("README.md")).unwrap();
    let rows: String = readme.lines().filter(|line| line.starts_with("| `")).collect();
    for name in names.into_inner() {
        // Parts of a section, and other ways to write a name, stand beside the name itself.
        let name = name.trim_start_matches("ConnectionStrings").trim_start_matches([':', '_']);
        let name = name.split("__").next().and_then(|name| name.split(':').next()).unwrap();
        assert!(rows.contains(&format!("`{name}`")), "`{name}` is not in README.md");
        let is_the_platforms = ["FUNCTIONS_", "AZURE_FUNCTIONS_", "WEBSITE_", "CONTAINER_", "LEGION_"]
            .iter()
            .any(|prefix| name.starts_with(prefix));
        assert!(is_the_platforms || example.contains(&format!("\"{name}\"")), "`{name}` is not in the example");
    }
}
