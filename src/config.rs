//! The settings of the handler; nothing else reads the environment.
//!
//! In Azure and under a local host the settings of the function app *are* the environment of the handler process.

use azure_signalr::{ConnectionString, ConnectionStringError};
use std::fmt::Write;
use std::num::ParseIntError;
use tracing_subscriber::EnvFilter;
use tracing_subscriber::filter::ParseError;

/// The setting that the bindings find the service by, since no function.json names another one.
const CONNECTION: &str = "AzureSignalRConnectionString";

/// What the handler needs to know.
#[derive(Debug, Clone)]
pub struct Config {
    /// `FUNCTIONS_CUSTOMHANDLER_PORT`, set by the Functions host: the port to listen on, on 127.0.0.1.
    pub port: u16,
    /// The service of the bindings, looked up as they do it (signalr-bindings 8.2): `ConnectionStrings:AzureSignalRConnectionString`,
    /// then `AzureSignalRConnectionString`, then `AzureSignalRConnectionString__serviceUri`, which comes with an identity instead of a
    /// key. `None` when all are absent: the host then reports it for each function that needs it, and the status cannot tell
    /// whether the service is healthy.
    pub signalr: Option<ConnectionString>,
    /// `RUST_LOG`: which log lines are written, as filter directives that are known to be valid; `info` by default.
    pub log_filter: String,
}

/// What is wrong with the settings, all of it at once.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// The process was not started by a Functions host.
    #[error(
        "`FUNCTIONS_CUSTOMHANDLER_PORT` is not set; the Functions host sets it, so run `cargo dev` or `func start` instead of the handler itself"
    )]
    NotUnderAHost,
    /// One or more settings have values that cannot be used.
    #[error("{}", listed(.0))]
    Invalid(Vec<Setting>),
}

/// One setting with a value that cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum Setting {
    /// The host gave a port that is no port.
    #[error("`FUNCTIONS_CUSTOMHANDLER_PORT` is `{value}`, which is no port number")]
    Port {
        /// The value of the variable.
        value: String,
        /// Why it is none.
        #[source]
        source: ParseIntError,
    },
    /// The connection string, or the address that stands for it, is malformed. Its text is left out, because it may hold the key.
    #[error("`{name}` cannot be used; {source}")]
    ConnectionString {
        /// The name of the variable.
        name: String,
        /// What is wrong with it.
        source: ConnectionStringError,
    },
    /// The filter for log lines is none.
    #[error("`RUST_LOG` is `{}`, which is no list of filter directives; {source}", .value.escape_debug())]
    LogFilter {
        /// The value of the variable.
        value: String,
        /// Why it is none.
        source: ParseError,
    },
}

impl Config {
    /// Reads the settings through `lookup`, which gives the value of a variable.
    ///
    /// # Errors
    /// [`ConfigError::NotUnderAHost`] when there is no port, otherwise every setting that cannot be used.
    pub fn read(lookup: impl Fn(&str) -> Option<String>) -> Result<Self, ConfigError> {
        let present = |name: &str| lookup(name).filter(|value| !value.trim().is_empty());
        let port = present("FUNCTIONS_CUSTOMHANDLER_PORT").ok_or(ConfigError::NotUnderAHost)?;
        let port = port.parse().map_err(|source| Setting::Port { value: port, source });
        let signalr = signalr(present);
        let log_filter = log_filter(present("RUST_LOG"));
        match (port, signalr, log_filter) {
            (Ok(port), Ok(signalr), Ok(log_filter)) => Ok(Self { port, signalr, log_filter }),
            (port, signalr, log_filter) => {
                let unusable = [port.err(), signalr.err(), log_filter.err()];
                Err(ConfigError::Invalid(unusable.into_iter().flatten().collect()))
            }
        }
    }
}

fn signalr(present: impl Fn(&str) -> Option<String>) -> Result<Option<ConnectionString>, Setting> {
    // .NET reads `__` in a variable as `:`, and the Functions host passes on either.
    let names =
        [format!("ConnectionStrings:{CONNECTION}"), format!("ConnectionStrings__{CONNECTION}"), CONNECTION.into()];
    for name in names {
        if let Some(text) = present(&name) {
            return text.parse().map(Some).map_err(|source| Setting::ConnectionString { name, source });
        }
    }
    let part = |part: &str| {
        let names = [format!("{CONNECTION}__{part}"), format!("{CONNECTION}:{part}")];
        names.into_iter().find_map(|name| present(&name).map(|value| (name, value)))
    };
    let Some((name, address)) = part("serviceUri") else { return Ok(None) };
    // The handler only asks for the service's health, which takes no token, so whose identity it is does not matter here.
    let mut text = format!("Endpoint={address};AuthType=azure");
    let server_endpoint = part("serverEndpoint");
    if let Some((_, address)) = &server_endpoint {
        let _ = write!(text, ";ServerEndpoint={address}");
    }
    text.parse().map(Some).map_err(|source| match (source, server_endpoint) {
        (source @ ConnectionStringError::InvalidServerEndpoint { .. }, Some((name, _))) => {
            Setting::ConnectionString { name, source }
        }
        (source, _) => Setting::ConnectionString { name, source },
    })
}

fn log_filter(value: Option<String>) -> Result<String, Setting> {
    let value = value.unwrap_or_else(|| "info".to_owned());
    match EnvFilter::try_new(&value) {
        Ok(_) => Ok(value),
        Err(source) => Err(Setting::LogFilter { value, source }),
    }
}

/// The environment of the process, as a lookup for [`Config::read`].
#[expect(clippy::disallowed_methods, reason = "this is the one place that reads the environment")]
pub fn environment(name: &str) -> Option<String> {
    std::env::var(name).ok()
}

fn listed(settings: &[Setting]) -> String {
    let mut text = "the settings of the function app cannot be used:".to_owned();
    for setting in settings {
        let _ = write!(text, "\n  {setting}");
    }
    text
}

#[cfg(test)]
mod tests {
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
        for named in
            ["ConnectionStrings:AzureSignalRConnectionString", "ConnectionStrings__AzureSignalRConnectionString"]
        {
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
}
