//! The settings of the handler; nothing else reads the environment.
//!
//! In Azure and under a local host the settings of the function app *are* the environment of the handler process.

use azure_signalr::{ConnectionString, ConnectionStringError};
use std::fmt::Write;
use std::num::ParseIntError;

/// What the handler needs to know.
#[derive(Debug, Clone)]
pub struct Config {
    /// `FUNCTIONS_CUSTOMHANDLER_PORT`, set by the Functions host: the port to listen on, on 127.0.0.1.
    pub port: u16,
    /// `AzureSignalRConnectionString`, the same setting that the bindings use. `None` when it is absent: the host then reports it for
    /// each function that needs it, and the status cannot tell whether the service is healthy.
    pub signalr: Option<ConnectionString>,
    /// `RUST_LOG`: which log lines are written, as filter directives; `info` by default.
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
    /// The connection string is malformed. Its text is left out, because it may hold the key.
    #[error("`AzureSignalRConnectionString` cannot be used; {source}")]
    ConnectionString {
        /// What is wrong with it.
        source: ConnectionStringError,
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
        let signalr = present("AzureSignalRConnectionString").map(|text| text.parse()).transpose();
        let signalr = signalr.map_err(|source| Setting::ConnectionString { source });
        let log_filter = present("RUST_LOG").unwrap_or_else(|| "info".to_owned());
        match (port, signalr) {
            (Ok(port), Ok(signalr)) => Ok(Self { port, signalr, log_filter }),
            (port, signalr) => Err(ConfigError::Invalid(port.err().into_iter().chain(signalr.err()).collect())),
        }
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
    fn an_empty_connection_string_counts_as_absent() {
        let config = read(&[("FUNCTIONS_CUSTOMHANDLER_PORT", "1"), ("AzureSignalRConnectionString", "")]).unwrap();
        assert!(config.signalr.is_none());
    }
}
