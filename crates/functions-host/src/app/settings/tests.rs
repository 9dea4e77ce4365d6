//! local.settings.json, the environment and lookups by name.

use super::*;

fn pairs(pairs: &[(&str, &str)]) -> Vec<(String, String)> {
    pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
}

fn load(
    files: &[(&str, &str)],
    environment: &[(&str, &str)],
    overrides: &[(&str, &str)],
) -> (Result<Settings, AppError>, Vec<Warning>) {
    let root = tempfile::tempdir().unwrap();
    for (name, text) in files {
        std::fs::write(root.path().join(name), text).unwrap();
    }
    let mut notices = Vec::new();
    let settings = Settings::load(root.path(), pairs(environment), &pairs(overrides), &mut notices);
    (settings, notices)
}

#[track_caller]
fn refuses(text: &str, expected: &str) {
    let (settings, _) = load(&[(FILE, text)], &[], &[]);
    let error = settings.unwrap_err();
    assert!(error.to_string().contains(FILE), "{error}");
    assert!(error.to_string().contains(expected), "{error}");
}

#[test]
fn names_ignore_letter_case_and_two_underscores_mean_a_colon() {
    let settings = Settings::from_variables(pairs(&[("Azure__SignalR__X", "1"), ("azure:signalr:y", "2")]));
    assert_eq!(settings.get("AZURE:SIGNALR:X"), Some("1"));
    assert_eq!(settings.get("Azure__SignalR__Y"), Some("2"));
    assert_eq!(settings.get("Azure"), None);
}

#[test]
fn a_connection_string_comes_from_its_section_first_and_an_empty_one_is_missing() {
    let settings = Settings::from_variables(pairs(&[
        ("ConnectionStrings__A", "named"),
        ("A", "plain"),
        ("B", "plain"),
        ("ConnectionStrings:C", ""),
        ("C", "plain"),
        ("D", ""),
    ]));
    assert_eq!(settings.connection_string("a"), Some("named"));
    assert_eq!(settings.connection_string("B"), Some("plain"));
    assert_eq!(settings.connection_string("C"), Some("plain"));
    assert_eq!(settings.connection_string("D"), None);
    assert_eq!(settings.connection_string("E"), None);
}

#[test]
fn overrides_win_over_the_environment_and_the_environment_over_the_file() {
    let text = r#"{ "IsEncrypted": false, "Values": { "A": "file", "B": "file", "C": "file" } }"#;
    let (settings, notices) =
        load(&[(FILE, text)], &[("A", "environment"), ("B", "environment")], &[("a", "override")]);
    let settings = settings.unwrap();
    assert_eq!(settings.get("A"), Some("override"));
    assert_eq!(settings.get("B"), Some("environment"));
    assert_eq!(settings.get("C"), Some("file"));
    let expected = |name| {
        format!("Skipping '{name}' from local settings as it's already defined in current environment variables.")
    };
    // An override is no news to the one who gave it.
    assert_eq!(notices, [expected("B").as_str()]);
    let variables: Vec<_> = settings.iter().collect();
    assert_eq!(variables, [("a", "override"), ("B", "environment"), ("C", "file")]);
}

#[test]
fn empty_names_and_null_values_are_skipped_with_the_tools_words() {
    let text = r#"{ "IsEncrypted": false, "Values": { "": "x", "N": null, "Flag": true, "Count": 5, "Empty": "" } }"#;
    let (settings, notices) = load(&[(FILE, text)], &[], &[]);
    let settings = settings.unwrap();
    assert_eq!(notices, ["Skipping local setting with empty key.", "Skipping 'N' because value is null"]);
    assert_eq!(settings.iter().collect::<Vec<_>>(), [("Flag", "true"), ("Count", "5"), ("Empty", "")]);
}

#[test]
fn connection_strings_are_passed_with_their_section_name() {
    let text = r#"{ "isEncrypted": "false", "connectionStrings": { "Db": "x", "Old": { "ConnectionString": "y", "ProviderName": "z" } } }"#;
    let settings = load(&[(FILE, text)], &[], &[]).0.unwrap();
    assert_eq!(settings.iter().collect::<Vec<_>>(), [("ConnectionStrings:Db", "x"), ("ConnectionStrings:Old", "y")]);
    assert_eq!(settings.connection_string("db"), Some("x"));
    let settings = load(&[(FILE, text)], &[("ConnectionStrings__Db", "environment")], &[]).0.unwrap();
    assert_eq!(settings.connection_string("Db"), Some("environment"));
}

#[test]
fn the_host_section_gives_origins_and_the_address() {
    let text = r#"{ "IsEncrypted": false, "Host": { "LocalHttpPort": 7072, "LocalHttpAddress": "0.0.0.0",
        "CORS": "http://a, http://b", "CORSCredentials": true } }"#;
    let settings = load(&[(FILE, text)], &[], &[]).0.unwrap();
    let expected = Cors { origins: vec!["http://a".to_owned(), " http://b".to_owned()], credentials: true };
    assert_eq!(settings.cors(), &expected);
    assert_eq!(settings.local_http_port(), Some(7072));
    assert_eq!(settings.local_http_address(), Some(IpAddr::from([0, 0, 0, 0])));
    let settings = load(&[(FILE, r#"{ "IsEncrypted": false, "Host": { "CORS": "*" } }"#)], &[], &[]).0.unwrap();
    assert_eq!(settings.cors(), &Cors { origins: vec!["*".to_owned()], credentials: false });
}

#[test]
fn the_example_file_is_used_and_told_about_when_there_is_no_other() {
    let example = r#"{ "IsEncrypted": false, "Values": { "A": "example" } }"#;
    let (settings, notices) = load(&[(EXAMPLE, example)], &[], &[]);
    assert_eq!(settings.unwrap().get("A"), Some("example"));
    assert_eq!(notices.len(), 1);
    assert!(notices[0].text.contains(EXAMPLE), "{notices:?}");

    let file = r#"{ "IsEncrypted": false, "Values": { "A": "file" } }"#;
    let (settings, notices) = load(&[(EXAMPLE, example), (FILE, file)], &[], &[]);
    assert_eq!(settings.unwrap().get("A"), Some("file"));
    assert!(notices.is_empty());

    let (settings, notices) = load(&[], &[("A", "environment")], &[]);
    assert_eq!(settings.unwrap().iter().collect::<Vec<_>>(), [("A", "environment")]);
    assert!(notices.is_empty());
}

#[test]
fn a_file_that_cannot_be_used_says_why_and_what_to_do() {
    refuses(r#"{ "Values": {} }"#, "`IsEncrypted` is missing and then counts as true");
    refuses(r#"{ "IsEncrypted": null }"#, "`IsEncrypted` is missing and then counts as true");
    refuses(r#"{ "IsEncrypted": true }"#, "run `func settings decrypt`");
    refuses(r#"{ "IsEncrypted": 0 }"#, "`IsEncrypted` must be true or false");
    refuses(r#"{ "IsEncrypted": false, "Values": [] }"#, "`Values` must be an object");
    refuses(
        r#"{ "IsEncrypted": false, "Values": { "A": { "B": "c" } } }"#,
        "`Values.A` must be a string; write nested",
    );
    refuses(r#"{ "IsEncrypted": false, "Host": { "LocalHttpPort": 70000 } }"#, "`Host.LocalHttpPort` is `70000`");
    refuses(r#"{ "IsEncrypted": false, "Host": { "LocalHttpAddress": "here" } }"#, "`Host.LocalHttpAddress` is `here`");
    refuses("{ \"IsEncrypted\": false,\n }", "is not valid JSON: ");
}

#[test]
fn values_are_never_shown() {
    let settings = Settings::from_variables(pairs(&[("Secret", "AccessKey=1")]));
    assert_eq!(format!("{settings:?}"), r#"{"Secret": "***"}"#);
}

#[test]
fn a_section_lists_the_paths_below_it() {
    let settings = Settings::from_variables(pairs(&[
        ("AzureFunctionsJobHost__a__B", "1"),
        ("azurefunctionsjobhost:c", "2"),
        ("Other", "3"),
    ]));
    assert_eq!(settings.section("AzureFunctionsJobHost"), pairs(&[("a:B", "1"), ("c", "2")]));
}

#[test]
fn connection_strings_come_by_the_prefixes_of_app_service() {
    let settings = |name: &str| Settings::from_variables([(name.to_owned(), "x".to_owned())]);
    for name in [
        "CUSTOMCONNSTR_C",
        "SQLCONNSTR_C",
        "SQLAZURECONNSTR_C",
        "MYSQLCONNSTR_C",
        "customconnstr_c",
        "ConnectionStrings__C",
        "C",
    ] {
        assert_eq!(settings(name).connection_string("C"), Some("x"), "{name}");
    }
    for name in ["OTHERCONNSTR_C", "CUSTOMCONNSTRC"] {
        assert_eq!(settings(name).connection_string("C"), None, "{name}");
    }
    let both =
        [("C", "plain"), ("CUSTOMCONNSTR_C", "prefixed")].map(|(name, value)| (name.to_owned(), value.to_owned()));
    assert_eq!(Settings::from_variables(both).connection_string("C"), Some("prefixed"));
}

#[test]
fn identities_and_further_endpoints_are_found() {
    let variables = [
        "S__serviceUri",
        "Azure__SignalR__Endpoints__east",
        "Azure:SignalR:Endpoints:west:secondary",
        "AZURE__SIGNALR__ENDPOINTS__west__primary",
    ];
    let settings = Settings::from_variables(variables.map(|name| (name.to_owned(), "x".to_owned())));
    assert!(settings.is_identity("s") && !settings.is_identity("t"));
    assert_eq!(settings.signalr_endpoints().into_iter().collect::<Vec<_>>(), ["east", "west"]);
}
