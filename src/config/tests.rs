use super::*;

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
    assert_eq!(config.log_filter, "info");
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
    assert_eq!(config.log_filter, "warn,hyper=debug");
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
