//! App settings: the environment and local.settings.json (functions-host 8.2).
//!
//! Names are looked up as .NET configuration does it: letter case is ignored and `__` means `:`. The environment of
//! the handler gets them as they are written.

use std::collections::{BTreeSet, HashMap, HashSet};
use std::fmt;
use std::net::IpAddr;
use std::path::Path;

use jiff::tz::TimeZone;
use serde_json::{Map, Value};

use super::AppError;
use super::json_file::{self, member, object_member, text_of};
use crate::warnings::{Warning, WarningCode};

const FILE: &str = "local.settings.json";
const EXAMPLE: &str = "local.settings.json.example";

/// The app settings of a function app.
#[derive(Clone, Default)]
pub struct Settings {
    /// As written, for the handler's environment.
    variables: Vec<(String, String)>,
    /// By normalised name, for lookups.
    values: HashMap<String, String>,
    host: HostSection,
}

/// The `Host` section of local.settings.json, which only the local tools read.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
struct HostSection {
    cors: Cors,
    port: Option<u16>,
    address: Option<IpAddr>,
}

/// Which browser origins may call the functions (functions-host 4.4).
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Cors {
    /// The origins as the list gives them: split on `,`, not trimmed. Empty means that nothing is allowed.
    pub origins: Vec<String>,
    /// Whether cookies and authorization headers may come along.
    pub credentials: bool,
}

impl Cors {
    /// Reads a list such as `http://localhost:3000,http://localhost:5173`. Like the real tools it does not trim, so an
    /// origin after `, ` never matches.
    #[must_use]
    pub fn origins_from(list: &str) -> Vec<String> {
        list.split(',').filter(|origin| !origin.is_empty()).map(str::to_owned).collect()
    }
}

/// Names only: values are secrets.
impl fmt::Debug for Settings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_map().entries(self.variables.iter().map(|(name, _)| (name, "***"))).finish()
    }
}

impl Settings {
    /// Settings that do not come from files: for tests and for apps put together in code. Of two with the same name the
    /// first counts.
    pub fn from_variables(variables: impl IntoIterator<Item = (String, String)>) -> Settings {
        let mut settings = Settings::default();
        for (name, value) in variables {
            settings.add(name, value);
        }
        settings
    }

    /// The same settings with these browser origins.
    #[must_use]
    pub fn with_cors(mut self, cors: Cors) -> Settings {
        self.host.cors = cors;
        self
    }

    /// The setting with this name; letter case is ignored and `__` means `:`.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&str> {
        self.values.get(&normalised(name)).map(String::as_str)
    }

    /// The connection string that the setting `name` stands for: `ConnectionStrings:name`, then `name`
    /// (signalr-bindings 8.2). An empty one counts as missing.
    #[must_use]
    pub fn connection_string(&self, name: &str) -> Option<&str> {
        let named = self.get(&format!("ConnectionStrings:{name}")).filter(|value| !value.is_empty());
        named.or_else(|| self.get(name).filter(|value| !value.is_empty()))
    }

    /// Whether the setting `name` stands for an identity instead of a connection string, as `name__serviceUri` (signalr-bindings 8.2).
    #[must_use]
    pub fn is_identity(&self, name: &str) -> bool {
        self.get(&format!("{name}:serviceUri")).is_some_and(|uri| !uri.is_empty())
    }

    /// The names of the endpoints in `Azure__SignalR__Endpoints__<name>`, each once (signalr-bindings 8.2).
    #[must_use]
    pub fn signalr_endpoints(&self) -> BTreeSet<String> {
        let below = self.section("Azure:SignalR:Endpoints").into_iter().filter(|(_, value)| !value.is_empty());
        below.map(|(path, _)| path.split(':').next().unwrap_or_default().to_owned()).collect()
    }

    /// The zone of `WEBSITE_TIME_ZONE`, by its IANA name, else that of this process.
    pub(super) fn time_zone(&self) -> TimeZone {
        let named = self.get("WEBSITE_TIME_ZONE").and_then(|name| TimeZone::get(name).ok());
        named.unwrap_or_else(TimeZone::system)
    }

    /// Whether a switch such as `AzureWebJobs.<function>.Disabled` is on: `1` or `true`.
    #[must_use]
    pub fn is_enabled(&self, name: &str) -> bool {
        self.get(name).is_some_and(|value| value == "1" || value.eq_ignore_ascii_case("true"))
    }

    /// Every variable of the handler's environment, as written. No name comes twice.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.variables.iter().map(|(name, value)| (name.as_str(), value.as_str()))
    }

    /// Which browser origins may call the functions.
    #[must_use]
    pub fn cors(&self) -> &Cors {
        &self.host.cors
    }

    /// `Host.LocalHttpPort` of local.settings.json.
    #[must_use]
    pub fn local_http_port(&self) -> Option<u16> {
        self.host.port
    }

    /// `Host.LocalHttpAddress` of local.settings.json.
    #[must_use]
    pub fn local_http_address(&self) -> Option<IpAddr> {
        self.host.address
    }

    /// Reads local.settings.json in `root`, or the example file when there is none, below the environment and the
    /// overrides. What the developer should know goes to `notices`.
    pub(super) fn load(
        root: &Path,
        environment: impl IntoIterator<Item = (String, String)>,
        overrides: &[(String, String)],
        notices: &mut Vec<Warning>,
    ) -> Result<Settings, AppError> {
        let mut settings = Settings::from_variables(overrides.iter().cloned());
        let overridden: HashSet<String> = settings.values.keys().cloned().collect();
        for (name, value) in environment {
            if !overridden.contains(&normalised(&name)) {
                settings.add(name, value);
            }
        }
        if let Some((file, text)) = read_file(root, notices)? {
            let path = root.join(file);
            let parsed =
                json_file::parse(&text).map_err(|message| AppError::BrokenJson { path: path.clone(), message })?;
            settings.add_file(&parsed, &overridden, notices).map_err(|message| AppError::Settings { path, message })?;
        }
        Ok(settings)
    }

    /// The settings whose names begin with a section, as paths below it: `a:b` for `Section__a__b`.
    pub(crate) fn section(&self, name: &str) -> Vec<(String, String)> {
        let prefix = format!("{}:", normalised(name));
        let below = |(key, value): (&str, &str)| {
            let path = key.replace("__", ":");
            let is_below = normalised(&path).starts_with(&prefix) && self.get(&path) == Some(value);
            is_below.then(|| (path[prefix.len()..].to_owned(), value.to_owned()))
        };
        self.iter().filter_map(below).collect()
    }

    /// Makes the values of host.json available to `%AzureFunctionsJobHost:…%` without passing them to the handler.
    pub(super) fn add_host_json(&mut self, values: impl IntoIterator<Item = (String, String)>) {
        for (path, value) in values {
            self.values.entry(normalised(&format!("AzureFunctionsJobHost:{path}"))).or_insert(value);
        }
    }

    /// Adds a variable; one that is there already stays.
    fn add(&mut self, name: String, value: String) {
        if self.variables.iter().any(|(existing, _)| *existing == name) {
            return;
        }
        let key = connection_string_key(&name).unwrap_or_else(|| normalised(&name));
        self.values.entry(key).or_insert_with(|| value.clone());
        self.variables.push((name, value));
    }

    fn add_file(
        &mut self,
        file: &Map<String, Value>,
        overridden: &HashSet<String>,
        notices: &mut Vec<Warning>,
    ) -> Result<(), String> {
        check_encryption(file)?;
        let connection_strings = values_of(file, "ConnectionStrings")?;
        let connection_strings =
            connection_strings.into_iter().map(|(name, value)| (format!("ConnectionStrings:{name}"), value));
        for (name, value) in values_of(file, "Values")?.into_iter().chain(connection_strings) {
            // Whoever runs the host and overrides a setting knows that the file has another value.
            if !overridden.contains(&normalised(&name)) {
                self.add_from_file(name, value, notices);
            }
        }
        if let Some(host) = object_member(file, "Host") {
            self.host = HostSection::read(host)?;
        }
        Ok(())
    }

    fn add_from_file(&mut self, name: String, value: Option<String>, notices: &mut Vec<Warning>) {
        let Some(value) = value else {
            notices.push(skipped(format!("Skipping '{name}' because value is null")));
            return;
        };
        if name.is_empty() {
            notices.push(skipped("Skipping local setting with empty key.".to_owned()));
        } else if self.get(&name).is_some() {
            notices.push(skipped(format!(
                "Skipping '{name}' from local settings as it's already defined in current environment variables."
            )));
        } else {
            self.add(name, value);
        }
    }
}

impl HostSection {
    fn read(section: &Map<String, Value>) -> Result<HostSection, String> {
        let text = |name: &str| member(section, name).and_then(text_of);
        let credentials = text("CORSCredentials").unwrap_or_default();
        let bad = |name: &str, value: &str, wanted: &str| format!("`Host.{name}` is `{value}`; it must be {wanted}");
        let port =
            text("LocalHttpPort").map(|port| port.parse().map_err(|_| bad("LocalHttpPort", &port, "a port number")));
        let address = text("LocalHttpAddress")
            .map(|text| text.parse().map_err(|_| bad("LocalHttpAddress", &text, "an IP address such as 127.0.0.1")));
        Ok(HostSection {
            cors: Cors {
                origins: text("CORS").map(|list| Cors::origins_from(&list)).unwrap_or_default(),
                credentials: credentials.trim().eq_ignore_ascii_case("true"),
            },
            port: port.transpose()?,
            address: address.transpose()?,
        })
    }
}

fn skipped(text: String) -> Warning {
    Warning::new(WarningCode::SkippedSetting, text).about(FILE)
}

/// The file to read, by name, and its text.
fn read_file(root: &Path, notices: &mut Vec<Warning>) -> Result<Option<(&'static str, String)>, AppError> {
    if let Some(text) = json_file::read(&root.join(FILE))? {
        return Ok(Some((FILE, text)));
    }
    let example = json_file::read(&root.join(EXAMPLE))?;
    if example.is_some() {
        let text = format!(
            "There is no {FILE}, so the settings come from {EXAMPLE}; copy it to {FILE} to have settings of your own"
        );
        notices.push(Warning::new(WarningCode::ExampleSettings, text));
    }
    Ok(example.map(|text| (EXAMPLE, text)))
}

/// A missing `IsEncrypted` counts as true, and encrypted values can only be read by the tool that wrote them.
fn check_encryption(file: &Map<String, Value>) -> Result<(), String> {
    match member(file, "IsEncrypted") {
        Some(Value::Bool(false)) => Ok(()),
        Some(Value::String(text)) if text.eq_ignore_ascii_case("false") => Ok(()),
        Some(Value::Bool(true)) => {
            Err("the values are encrypted (`\"IsEncrypted\": true`) and cannot be read here; run \
                                        `func settings decrypt`"
                .to_owned())
        }
        None => Err("`IsEncrypted` is missing and then counts as true, so the values cannot be read; add \
                     `\"IsEncrypted\": false`"
            .to_owned()),
        Some(_) => Err("`IsEncrypted` must be true or false; write `\"IsEncrypted\": false`".to_owned()),
    }
}

/// The entries of a section; `None` for a value that is null.
fn values_of(file: &Map<String, Value>, section: &str) -> Result<Vec<(String, Option<String>)>, String> {
    let entries = match member(file, section) {
        None => return Ok(Vec::new()),
        Some(Value::Object(entries)) => entries,
        Some(_) => return Err(format!("`{section}` must be an object, `{{ \"name\": \"value\" }}`")),
    };
    entries.iter().map(|(name, value)| Ok((name.clone(), value_of(section, name, value)?))).collect()
}

fn value_of(section: &str, name: &str, value: &Value) -> Result<Option<String>, String> {
    match value {
        Value::Null => Ok(None),
        // A connection string may be written together with the name of its provider.
        Value::Object(entry) if section == "ConnectionStrings" => {
            Ok(member(entry, "ConnectionString").and_then(text_of))
        }
        value => text_of(value).map(Some).ok_or_else(|| {
            format!("`{section}.{name}` must be a string; write nested settings flat, as `{name}__inner`")
        }),
    }
}

/// The prefixes by which App Service tells a process its connection strings, as .NET reads them.
const CONNECTION_STRING_PREFIXES: [&str; 4] = ["customconnstr_", "sqlconnstr_", "sqlazureconnstr_", "mysqlconnstr_"];

/// What `CUSTOMCONNSTR_name` stands for: `ConnectionStrings:name`.
fn connection_string_key(name: &str) -> Option<String> {
    let lower = name.to_lowercase();
    let rest = CONNECTION_STRING_PREFIXES.iter().find_map(|prefix| lower.strip_prefix(prefix))?;
    Some(normalised(&format!("ConnectionStrings:{rest}")))
}

fn normalised(name: &str) -> String {
    name.replace("__", ":").to_lowercase()
}

#[cfg(test)]
mod tests;
