//! The settings of the handler; nothing else reads the environment.
//!
//! In Azure and under a local host the settings of the function app *are* the environment of the handler process. A setting whose value
//! is blank counts as absent.

mod sign_in;
mod signalr;
#[cfg(test)]
mod tests;

pub(crate) use sign_in::is_private;
pub use sign_in::{OidcConfig, RequireSignIn, SignInConfig};

use azure_signalr::{ConnectionString, ConnectionStringError};
use std::fmt::Write;
use std::num::ParseIntError;
use tracing_subscriber::filter::{ParseError, Targets};

/// What the handler needs to know.
#[derive(Debug, Clone)]
pub struct Config {
    /// `FUNCTIONS_CUSTOMHANDLER_PORT`, set by the Functions host: the port to listen on, on 127.0.0.1.
    pub port: u16,
    /// The service of the bindings, looked up as they do it (signalr-bindings 8.2): `ConnectionStrings:AzureSignalRConnectionString`,
    /// then `AzureSignalRConnectionString`, then `AzureSignalRConnectionString__serviceUri`, which comes with an identity instead of a
    /// key. `None` when all are absent: the host then reports it for each function that needs it, and the handler cannot ask the
    /// service for anything.
    pub signalr: Option<ConnectionString>,
    /// `RUST_LOG`: which log lines are written, by module and level; `info` by default. Directives for spans and their fields would
    /// take an engine of regular expressions, half a megabyte of it.
    pub log_filter: Targets,
    /// Who callers may be, and what they may do.
    pub sign_in: SignInConfig,
    /// `OTEL_EXPORTER_OTLP_ENDPOINT`: whether spans are sent to an OpenTelemetry collector there, which takes the feature `otel`. The
    /// exporter reads this variable, and the others of its kind, by itself.
    pub exports_spans: bool,
    /// `OTEL_SERVICE_NAME`, else `WEBSITE_SITE_NAME`, else `signalr-functions`: what the spans call this app.
    pub service_name: String,
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
    /// A word that the setting does not know.
    #[error("`RequireSignIn` is `{}`; set it to `never`, `send` or `always`", .0.escape_debug())]
    RequireSignIn(String),
    /// An issuer whose keys could be anybody's.
    #[error(
        "`OidcIssuer` is `{}`; it must be an address with `https`, such as `https://login.microsoftonline.com/TENANT/v2.0` (`http` only on this machine), without a query",
        .0.escape_debug()
    )]
    Issuer(String),
    /// One half of what it takes to believe a token.
    #[error(
        "`{present}` is set and `{absent}` is not; a bearer token is believed only with both, so set both or neither"
    )]
    HalfOfOidc {
        /// The setting that is there.
        present: &'static str,
        /// The setting that is not.
        absent: &'static str,
    },
    /// A claim that has a meaning of its own in the tokens of SignalR Service.
    #[error("`SignalRClaims` names `{}`; claims that begin with `asrs.` are the service's own", .0.escape_debug())]
    SystemClaim(String),
    /// `always` without any way to sign in.
    #[error(
        "`RequireSignIn` is `always`, and there is no way to sign in; switch on App Service authentication, or set `OidcIssuer` and `OidcAudience`"
    )]
    NoWayToSignIn,
}

impl Config {
    /// Reads the settings through `lookup`, which gives the value of a variable.
    ///
    /// # Errors
    /// [`ConfigError::NotUnderAHost`] when there is no port, otherwise every setting that cannot be used.
    pub fn read(lookup: impl Fn(&str) -> Option<String>) -> Result<Self, ConfigError> {
        let present = |name: &str| lookup(name).filter(|value| !value.trim().is_empty());
        let port = present("FUNCTIONS_CUSTOMHANDLER_PORT").ok_or(ConfigError::NotUnderAHost)?;
        let mut problems = Vec::new();
        let port = port.parse().map_err(|source| Setting::Port { value: port, source });
        let port = noted(port, &mut problems);
        let signalr = noted(signalr::connection_string(present), &mut problems);
        let log_filter = noted(log_filter(present("RUST_LOG")), &mut problems);
        let sign_in = sign_in::read(present, &mut problems);
        let exports_spans = present("OTEL_EXPORTER_OTLP_ENDPOINT").is_some();
        let service_name = present("OTEL_SERVICE_NAME").or_else(|| present("WEBSITE_SITE_NAME"));
        let service_name = service_name.unwrap_or_else(|| env!("CARGO_PKG_NAME").to_owned());
        match (port, signalr, log_filter) {
            (Some(port), Some(signalr), Some(log_filter)) if problems.is_empty() => {
                Ok(Self { port, signalr, log_filter, sign_in, exports_spans, service_name })
            }
            _ => Err(ConfigError::Invalid(problems)),
        }
    }
}

/// The value, or nothing and one more problem.
fn noted<T>(value: Result<T, Setting>, problems: &mut Vec<Setting>) -> Option<T> {
    value.map_err(|problem| problems.push(problem)).ok()
}

fn log_filter(value: Option<String>) -> Result<Targets, Setting> {
    let value = value.unwrap_or_else(|| "info".to_owned());
    value.parse().map_err(|source| Setting::LogFilter { value, source })
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
