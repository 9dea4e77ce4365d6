//! The command line. Commands, short options and messages are those of the official emulator (signalr-service 5.2);
//! what is longer than one letter and not there is ours.

pub(crate) mod news;
pub(crate) mod settings;
pub(crate) mod signals;
pub(crate) mod start;
pub(crate) mod upstream;

use std::fmt;
use std::net::IpAddr;
use std::path::PathBuf;

use azure_signalr::AccessKey;
use clap::{Args, Parser, Subcommand, ValueEnum};
use signalr_emulator::{AccessKeys, ApiVersions, Checks, DEFAULT_ACCESS_KEY, EmulatorOptions, Unmatched, Upstream};
use std::time::Duration;

/// Connections per unit (signalr-service 6.1).
const FREE_CONNECTIONS: usize = 20;
const STANDARD_CONNECTIONS: usize = 1000;

/// How long a negotiation stays good in Azure (signalr-service 2.4 item 7).
const STRICT_NEGOTIATION: Duration = Duration::from_secs(5);

/// A local stand-in for Azure SignalR Service in serverless mode.
#[derive(Debug, Parser)]
#[command(name = "signalr-emulator", version)]
pub(crate) struct Cli {
    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Starts the emulator and prints its connection string.
    Start(Start),
    /// Creates or shows the upstream settings.
    #[command(subcommand)]
    Upstream(UpstreamCommand),
}

#[derive(Debug, Subcommand)]
pub(crate) enum UpstreamCommand {
    /// Writes a settings.json whose upstream is a Functions host on this machine.
    Init {
        /// The folder to write it to [default: the current one].
        #[arg(short, long, value_name = "FOLDER")]
        output: Option<PathBuf>,
    },
    /// Prints the upstream settings.
    List {
        /// The settings file, or the folder with settings.json [default: the current one].
        #[arg(short, long, value_name = "FILE OR FOLDER")]
        config: Option<PathBuf>,
    },
}

#[derive(Debug, Args)]
pub(crate) struct Start {
    /// The port to listen on; 0 takes any free one.
    #[arg(short, long, default_value = "8888")]
    port: String,
    /// The address to listen on; 0.0.0.0 for every network of this machine.
    #[arg(short, long, default_value = "127.0.0.1")]
    ip: String,
    /// The settings file, or the folder with settings.json [default: the current one, where there may be none].
    #[arg(short, long, value_name = "FILE OR FOLDER")]
    pub(crate) config: Option<PathBuf>,
    /// The primary access key [default: the public key of the official emulator].
    #[arg(long, env = "SIGNALR_EMULATOR_ACCESS_KEY", hide_env_values = true, hide_default_value = true, default_value = DEFAULT_ACCESS_KEY, value_parser = access_key)]
    access_key: AccessKey,
    /// A second access key, accepted as well.
    #[arg(long, env = "SIGNALR_EMULATOR_SECONDARY_KEY", hide_env_values = true, value_parser = access_key)]
    secondary_key: Option<AccessKey>,
    /// A host name by which callers know the emulator, beside localhost; may be repeated.
    #[arg(long = "host", value_name = "NAME")]
    hosts: Vec<String>,
    /// Limits the connections as this tier does: 20 for free, 1,000 per unit for standard. Unlimited without it.
    #[arg(long)]
    tier: Option<Tier>,
    /// The units of the standard tier.
    #[arg(long, requires = "tier", value_parser = clap::value_parser!(u16).range(1..=100))]
    units: Option<u16>,
    /// Is as strict as the documentation of Azure: unknown API versions are refused, and a client has 5 s to connect
    /// after its negotiation.
    #[arg(long, conflicts_with = "lenient")]
    strict: bool,
    /// Checks only the signature of tokens, as the official emulator does. Azure checks more.
    #[arg(long)]
    lenient: bool,
    /// After how many seconds of silence a client is closed that has pinged before [default: 30].
    #[arg(long, value_name = "SECONDS", value_parser = clap::value_parser!(u64).range(1..=120))]
    client_timeout: Option<u64>,
    /// After how many seconds without another message a client gets a Ping [default: 15].
    #[arg(long, value_name = "SECONDS", value_parser = clap::value_parser!(u64).range(1..=60))]
    keep_alive: Option<u64>,
    /// How many seconds `:invoke` waits for the result of a client.
    #[arg(long, value_name = "SECONDS", default_value = "600", value_parser = clap::value_parser!(u64).range(1..=600))]
    invocation_timeout: u64,
    /// Answers an invocation that no upstream listens to with an error. Azure answers nothing, and the client waits.
    #[arg(long)]
    answer_unheard: bool,
    /// Prints every event as one JSON object per line, beside what is logged, also as JSON.
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Tier {
    Free,
    Standard,
}

/// A value that cannot be used. Its text is the whole message, as the official emulator words it.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Unusable(pub(crate) String);

impl fmt::Display for Unusable {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

impl std::error::Error for Unusable {}

/// The whole text is the key (signalr-service 1.7 item 1).
fn access_key(text: &str) -> Result<AccessKey, &'static str> {
    if text.is_empty() { Err("an access key is not empty") } else { Ok(AccessKey::new(text)) }
}

impl Start {
    /// Where to listen.
    pub(crate) fn address(&self) -> Result<(IpAddr, u16), Unusable> {
        let port = self.port.parse().map_err(|_| Unusable(format!("Invalid port value: {}", self.port)))?;
        let ip = self.ip.parse().map_err(|_| Unusable(format!("Invalid IP address value: {}", self.ip)))?;
        Ok((ip, port))
    }

    pub(crate) fn options(&self, upstream: Upstream) -> Result<EmulatorOptions, Unusable> {
        let unmatched = if self.answer_unheard { Unmatched::AnswerError } else { Unmatched::Ignore };
        let mut options = EmulatorOptions {
            access_keys: AccessKeys { primary: self.access_key.clone(), secondary: self.secondary_key.clone() },
            checks: if self.lenient { Checks::Lenient } else { Checks::Strict },
            hosts: self.hosts.clone(),
            upstream: Upstream { unmatched, ..upstream },
            connection_limit: self.connection_limit()?,
            invocation_timeout: Duration::from_secs(self.invocation_timeout),
            ..EmulatorOptions::default()
        };
        if let Some(seconds) = self.client_timeout {
            options.server.client_timeout = Duration::from_secs(seconds);
        }
        if let Some(seconds) = self.keep_alive {
            options.server.keep_alive_interval = Duration::from_secs(seconds);
        }
        if self.strict {
            options.api_versions = ApiVersions::Described;
            options.server.negotiation_lifetime = STRICT_NEGOTIATION;
        }
        Ok(options)
    }

    fn connection_limit(&self) -> Result<Option<usize>, Unusable> {
        let units = self.units.unwrap_or(1);
        match self.tier {
            None => Ok(None),
            Some(Tier::Free) if units > 1 => Err(Unusable("The free tier has one unit.".to_owned())),
            Some(Tier::Free) => Ok(Some(FREE_CONNECTIONS)),
            Some(Tier::Standard) => Ok(Some(STANDARD_CONNECTIONS * usize::from(units))),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn start(arguments: &[&str]) -> Start {
        let Command::Start(start) = Cli::parse_from(["signalr-emulator", "start"].iter().chain(arguments)).command
        else {
            panic!("it is `start`")
        };
        start
    }

    fn options(arguments: &[&str]) -> EmulatorOptions {
        start(arguments).options(Upstream::default()).unwrap()
    }

    #[test]
    fn the_defaults_are_those_of_the_official_emulator() {
        assert_eq!(start(&[]).address(), Ok(([127, 0, 0, 1].into(), 8888)));
        let options = options(&[]);
        assert_eq!(options.connection_limit, None);
        assert_eq!(options.api_versions, ApiVersions::Any);
        assert_eq!(options.server.negotiation_lifetime, Duration::from_secs(15));
        assert_eq!(options.invocation_timeout, Duration::from_secs(600));
    }

    #[test]
    fn an_address_that_is_none_is_told_in_its_words() {
        let told = |arguments: &[&str]| start(arguments).address().unwrap_err().0;
        assert_eq!(told(&["-p", "70000"]), "Invalid port value: 70000");
        assert_eq!(told(&["--port", "http"]), "Invalid port value: http");
        assert_eq!(told(&["-i", "localhost"]), "Invalid IP address value: localhost");
    }

    #[test]
    fn a_tier_limits_the_connections() {
        let limit = |arguments: &[&str]| options(arguments).connection_limit;
        assert_eq!(limit(&["--tier", "free"]), Some(20));
        assert_eq!(limit(&["--tier", "standard"]), Some(1000));
        assert_eq!(limit(&["--tier", "standard", "--units", "50"]), Some(50_000));
        assert!(start(&["--tier", "free", "--units", "2"]).options(Upstream::default()).is_err());
    }

    #[test]
    fn the_times_of_a_service_in_azure_can_be_set() {
        let times = |arguments: &[&str]| {
            let server = options(arguments).server;
            (server.client_timeout.as_secs(), server.keep_alive_interval.as_secs())
        };
        assert_eq!(times(&[]), (30, 15));
        assert_eq!(times(&["--client-timeout", "120", "--keep-alive", "5"]), (120, 5));
        let too_long = ["signalr-emulator", "start", "--client-timeout", "121"];
        assert!(Cli::try_parse_from(too_long).is_err());
    }

    #[test]
    fn strict_is_as_documented_and_lenient_is_as_lax_as_the_official_emulator() {
        let strict = options(&["--strict"]);
        assert_eq!(strict.api_versions, ApiVersions::Described);
        assert_eq!(strict.server.negotiation_lifetime, Duration::from_secs(5));
        assert_eq!(options(&["--lenient"]).checks, Checks::Lenient);
        assert_eq!(options(&["--answer-unheard"]).upstream.unmatched, Unmatched::AnswerError);
    }
}
