//! settings.json: where the upstreams are (signalr-service 5.3).
//!
//! It is read as .NET reads it: names without regard to case, comments and trailing commas allowed. A file that is
//! changed while the emulator runs is read again; one that is broken then changes nothing.

use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use jsonc_parser::{ParseOptions, parse_to_serde_value};
use serde_json::{Map, Value};
use signalr_emulator::{InvalidUrl, Pattern, UpstreamAuth, UpstreamTemplate};
use tokio_util::sync::CancellationToken;

use super::Unusable;

/// The name of the file.
pub(crate) const FILE_NAME: &str = "settings.json";

/// How often the file is looked at.
const INTERVAL: Duration = Duration::from_secs(1);

/// Where the settings are, or would be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct SettingsFile(PathBuf);

/// Why settings cannot be used.
#[derive(Debug, thiserror::Error)]
pub(crate) enum SettingsError {
    /// The file is there and cannot be read.
    #[error("cannot read the file")]
    Unreadable(#[source] std::io::Error),
    /// The file is not what .NET reads as JSON.
    #[error("the file is not JSON: {0}")]
    NotJson(String),
    /// A property has a value of another kind.
    #[error("`{property}` has to be {expected}")]
    Wrong { property: String, expected: &'static str },
    /// An upstream has no usable address.
    #[error("{0}")]
    InvalidUrl(#[from] InvalidUrl),
}

/// What tells one version of the file from the next.
pub(crate) type Fingerprint = Option<(SystemTime, u64)>;

impl SettingsFile {
    /// The file that is named, or settings.json in the folder that is named; both have to be there. Without a name the
    /// file of the current folder, which may be absent.
    pub(crate) fn find(named: Option<&Path>) -> Result<Self, Unusable> {
        let absolute = |path: &Path| std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
        let Some(named) = named.filter(|named| !named.as_os_str().is_empty()) else {
            return Ok(Self(absolute(Path::new(FILE_NAME))));
        };
        let file = absolute(named);
        let in_folder = file.join(FILE_NAME);
        let found = [&file, &in_folder].into_iter().find(|path| path.is_file()).cloned();
        found.map(Self).ok_or_else(|| {
            Unusable(format!("Unable to find config file '{}' or '{}'.", file.display(), in_folder.display()))
        })
    }

    pub(crate) fn path(&self) -> &Path {
        &self.0
    }

    /// The upstreams; none when there is no file.
    pub(crate) fn read(&self) -> Result<Vec<UpstreamTemplate>, SettingsError> {
        match std::fs::read(&self.0) {
            Ok(bytes) => parse(&String::from_utf8_lossy(&bytes)),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(Vec::new()),
            Err(error) => Err(SettingsError::Unreadable(error)),
        }
    }

    /// Calls `changed` with the upstreams whenever the file is another one than `known`, until `shutdown`.
    pub(crate) async fn watch(
        &self,
        mut known: Fingerprint,
        shutdown: CancellationToken,
        changed: impl Fn(Vec<UpstreamTemplate>),
    ) {
        let mut ticks = tokio::time::interval(INTERVAL);
        while shutdown.run_until_cancelled(ticks.tick()).await.is_some() {
            let found = self.fingerprint();
            if found == known {
                continue;
            }
            known = found;
            match self.read() {
                Ok(templates) => {
                    tracing::info!(upstreams = templates.len(), "took the changed settings");
                    changed(templates);
                }
                Err(error) => tracing::error!(
                    error = &error as &dyn std::error::Error,
                    "the changed settings cannot be used; the former ones stay"
                ),
            }
        }
    }

    /// The version of the file that is there now. Take it before the file is read, so that no change is missed.
    pub(crate) fn fingerprint(&self) -> Fingerprint {
        let metadata = std::fs::metadata(&self.0).ok()?;
        Some((metadata.modified().ok()?, metadata.len()))
    }
}

fn parse(text: &str) -> Result<Vec<UpstreamTemplate>, SettingsError> {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let options = ParseOptions {
        allow_comments: true,
        allow_loose_object_property_names: false,
        allow_trailing_commas: true,
        allow_missing_commas: false,
        allow_single_quoted_strings: false,
        allow_hexadecimal_numbers: false,
        allow_unary_plus_numbers: false,
        allow_bare_decimal_point_numbers: false,
        allow_non_finite_numbers: false,
        allow_extended_string_escapes: false,
    };
    if text.trim().is_empty() {
        return Err(SettingsError::NotJson("it is empty".to_owned()));
    }
    let document: Value =
        parse_to_serde_value(text, &options).map_err(|error| SettingsError::NotJson(error.to_string()))?;
    let settings = object(&document, "the file")?;
    let Some(upstream) = given(settings, "UpstreamSettings") else { return Ok(Vec::new()) };
    let Some(templates) = given(object(upstream, "UpstreamSettings")?, "Templates") else { return Ok(Vec::new()) };
    let templates = templates.as_array().ok_or_else(|| wrong("UpstreamSettings:Templates", "a list"))?;
    templates.iter().enumerate().map(|(index, template)| read_template(index, template)).collect()
}

fn read_template(index: usize, template: &Value) -> Result<UpstreamTemplate, SettingsError> {
    let name = |property: &str| format!("UpstreamSettings:Templates:{index}:{property}");
    let properties = object(template, &format!("UpstreamSettings:Templates:{index}"))?;
    let url = given(properties, "UrlTemplate").and_then(Value::as_str);
    let url = url.ok_or_else(|| wrong(&name("UrlTemplate"), "a text with the address of the upstream"))?;
    let pattern = |property: &str| match member(properties, property) {
        None => Ok(Pattern::new("*")),
        Some(Value::Null) => Ok(Pattern::nothing()),
        Some(Value::String(text)) => Ok(Pattern::new(text.as_str())),
        Some(_) => Err(wrong(&name(property), "a text")),
    };
    Ok(UpstreamTemplate::new(url)?
        .with_hub_pattern(pattern("HubPattern")?)
        .with_category_pattern(pattern("CategoryPattern")?)
        .with_event_pattern(pattern("EventPattern")?)
        .with_auth(read_auth(properties, &name("Auth"))?))
}

/// `{"Type": "None" | "ManagedIdentity", "ManagedIdentity": {"Resource": "..."}}`.
fn read_auth(template: &Map<String, Value>, name: &str) -> Result<UpstreamAuth, SettingsError> {
    let Some(auth) = given(template, "Auth") else { return Ok(UpstreamAuth::None) };
    let auth = object(auth, name)?;
    let kind = given(auth, "Type").and_then(Value::as_str).unwrap_or("None");
    if kind.eq_ignore_ascii_case("None") {
        return Ok(UpstreamAuth::None);
    }
    if !kind.eq_ignore_ascii_case("ManagedIdentity") {
        return Err(wrong(&format!("{name}:Type"), "`None` or `ManagedIdentity`"));
    }
    let identity = given(auth, "ManagedIdentity").and_then(Value::as_object);
    let resource = identity.and_then(|identity| given(identity, "Resource")).and_then(Value::as_str);
    Ok(UpstreamAuth::ManagedIdentity { resource: resource.map(str::to_owned) })
}

fn member<'a>(object: &'a Map<String, Value>, name: &str) -> Option<&'a Value> {
    object.iter().find(|(key, _)| key.eq_ignore_ascii_case(name)).map(|(_, value)| value)
}

/// A property that is there and not null.
fn given<'a>(object: &'a Map<String, Value>, name: &str) -> Option<&'a Value> {
    member(object, name).filter(|value| !value.is_null())
}

fn object<'a>(value: &'a Value, name: &str) -> Result<&'a Map<String, Value>, SettingsError> {
    value.as_object().ok_or_else(|| wrong(name, "an object"))
}

fn wrong(property: &str, expected: &'static str) -> SettingsError {
    SettingsError::Wrong { property: property.to_owned(), expected }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, expected: Result<&[&str], &str>) {
        let found = parse(text).map(|templates| templates.iter().map(ToString::to_string).collect::<Vec<_>>());
        let expected = expected.map(|templates| templates.iter().map(|&template| template.to_owned()).collect());
        assert_eq!(found.map_err(|error| error.to_string()), expected.map_err(str::to_owned), "{text}");
    }

    #[test]
    fn the_default_settings_send_everything_to_the_functions_host() {
        let every = "http://localhost:7071/runtime/webhooks/signalr(event:'*',hub:'*',category:'*')";
        check(include_str!("default_settings.json"), Ok(&[every]));
    }

    #[test]
    fn settings_are_read_as_dotnet_reads_them() {
        check("{}", Ok(&[]));
        check(r#"{"UpstreamSettings": null}"#, Ok(&[]));
        check(r#"{"UpstreamSettings": {"Templates": []}}"#, Ok(&[]));
        let text = "\u{feff}// ours\n{\"upstreamsettings\": {\"TEMPLATES\": [{\"urlTemplate\": \"http://h/{hub}?code=k\", \
                    \"HubPattern\": \"a, b\", \"EventPattern\": null,},],}, \"Logging\": {}}";
        check(text, Ok(&["http://h/{hub}?***(event:'',hub:'a, b',category:'*')"]));
    }

    #[test]
    fn broken_settings_are_told_with_the_property() {
        check("", Err("the file is not JSON: it is empty"));
        check("[]", Err("`the file` has to be an object"));
        check(r#"{"UpstreamSettings": {"Templates": {}}}"#, Err("`UpstreamSettings:Templates` has to be a list"));
        let template = |template: &str| format!("{{\"UpstreamSettings\": {{\"Templates\": [{template}]}}}}");
        let no_url = "`UpstreamSettings:Templates:0:UrlTemplate` has to be a text with the address of the upstream";
        check(&template("{}"), Err(no_url));
        let no_address = "The Upstream url localhost:7071 is not in a validate absolute URI format.";
        check(&template(r#"{"UrlTemplate": "localhost:7071"}"#), Err(no_address));
        let pattern = "`UpstreamSettings:Templates:0:HubPattern` has to be a text";
        check(&template(r#"{"UrlTemplate": "http://h/", "HubPattern": 1}"#), Err(pattern));
        let auth = "`UpstreamSettings:Templates:0:Auth:Type` has to be `None` or `ManagedIdentity`";
        check(&template(r#"{"UrlTemplate": "http://h/", "Auth": {"Type": "Basic"}}"#), Err(auth));
        assert!(parse("{\"a\": 1").is_err());
    }

    #[test]
    fn a_managed_identity_is_warned_about() {
        let text = r#"{"UpstreamSettings": {"Templates": [{"UrlTemplate": "http://h/",
            "Auth": {"Type": "ManagedIdentity", "ManagedIdentity": {"Resource": "api://x"}}}]}}"#;
        assert_eq!(parse(text).unwrap()[0].warnings().len(), 1);
    }

    #[test]
    fn a_file_is_found_by_its_name_or_by_its_folder() {
        let folder = tempfile::tempdir().unwrap();
        let missing = SettingsFile::find(Some(folder.path())).unwrap_err().0;
        let (path, inside) = (folder.path().display(), folder.path().join(FILE_NAME));
        assert_eq!(missing, format!("Unable to find config file '{path}' or '{}'.", inside.display()));
        std::fs::write(&inside, "{}").unwrap();
        for named in [folder.path(), &inside] {
            assert_eq!(SettingsFile::find(Some(named)).unwrap().path(), inside);
        }
        assert!(SettingsFile::find(None).unwrap().path().ends_with(FILE_NAME));
        assert!(SettingsFile(folder.path().join("absent")).read().unwrap().is_empty());
    }
}
