//! What the host looks at before it starts: what it refuses, what it warns of, and what it adds to the handler's environment.

use std::net::SocketAddr;
use std::path::Path;

use azure_signalr::{ConnectionString, HubName};

use super::StartError;
use crate::app::{App, Cors, InputBinding, OutputBinding, Settings, Trigger};
use crate::bindings::endpoints::{NOT_IMPLEMENTED, NamedEndpoints};
use crate::warnings::{Warning, WarningCode};

/// Refuses what cannot work, or what this host does not do.
pub(super) fn refuse_the_impossible(app: &App) -> Result<(), StartError> {
    let cors = app.settings.cors();
    if cors.credentials && allows_any_origin(cors) {
        return Err(StartError::AnyOriginWithCredentials);
    }
    Ok(())
}

/// Whether the list of origins means "everybody".
pub(crate) fn allows_any_origin(cors: &Cors) -> bool {
    cors.origins.iter().any(|origin| origin == "*")
}

/// What will surprise later.
pub(super) fn warnings(app: &App) -> Vec<Warning> {
    let mut warnings: Vec<Warning> =
        app.settings.cors().origins.iter().filter_map(|origin| origin_warning(origin)).collect();
    if app.uses_signalr() {
        warnings.extend(any_origin_warning(app.settings.cors()));
        warnings.extend(endpoints_warning(app));
        warnings.extend(transport_warning(&app.settings));
    }
    for function in &app.functions {
        for (hub_name, setting) in signalr_bindings(function) {
            let about = hub_warning(hub_name).into_iter().chain(connection_warning(&app.settings, setting));
            for warning in about.map(|warning| warning.about(&function.name)) {
                if !warnings.contains(&warning) {
                    warnings.push(warning);
                }
            }
        }
    }
    warnings
}

fn signalr_bindings(function: &crate::app::Function) -> Vec<(&str, &str)> {
    let inputs = function.inputs.iter().map(InputBinding::hub_and_connection);
    let outputs = function.outputs.iter().filter_map(|output| match output {
        OutputBinding::SignalR(output) => Some((output.hub_name.as_str(), output.connection_string_setting.as_str())),
        OutputBinding::Http { .. } => None,
    });
    let trigger = match &function.trigger {
        Trigger::SignalR(trigger) => Some((trigger.hub_name.as_str(), trigger.connection_string_setting.as_str())),
        Trigger::Http(_) | Trigger::Timer(_) => None,
    };
    trigger.into_iter().chain(inputs).chain(outputs).collect()
}

fn hub_warning(hub_name: &str) -> Option<Warning> {
    let is_expression = hub_name.contains(['%', '{']);
    let error = if is_expression { None } else { hub_name.parse::<HubName>().err() };
    error.map(|error| Warning::new(WarningCode::UnusableHubName, format!("calls will fail: {error}")))
}

fn connection_warning(settings: &Settings, setting: &str) -> Option<Warning> {
    if !settings.signalr_endpoints().is_empty() {
        // Told of all of them together.
        return None;
    }
    let text = match settings.connection_string(setting) {
        None if settings.is_identity(setting) => Some(format!(
            "the setting `{setting}` stands for an identity (`{setting}__serviceUri`), and this host gets no token for one; give \
             it a connection string with an access key"
        )),
        None => Some(format!("the setting `{setting}` is missing or empty; give it a SignalR connection string")),
        Some(text) => unusable(setting, text),
    };
    text.map(|text| Warning::new(WarningCode::UnusableConnection, format!("calls will fail: {text}")))
}

fn unusable(setting: &str, text: &str) -> Option<String> {
    match text.parse::<ConnectionString>() {
        Err(error) => Some(format!("the setting `{setting}`: {error}")),
        Ok(connection) if connection.access_key().is_none() => Some(format!(
            "the setting `{setting}` stands for an identity (`AuthType`), and this host gets no token for one; give it a \
             connection string with an access key"
        )),
        Ok(_) => None,
    }
}

/// The client sends cookies along with its first request, and browsers refuse an answer to everybody then (functions-host 4.4).
fn any_origin_warning(cors: &Cors) -> Option<Warning> {
    let text = "the CORS origin `*` does not let browsers send credentials, which the SignalR client does when it asks this host for \
                an address (`withUrl(\"…/api\")`); name the origins in `Host.CORS` and set `Host.CORSCredentials` to true";
    (allows_any_origin(cors) && !cors.credentials).then(|| Warning::new(WarningCode::AnyOriginWithoutCredentials, text))
}

/// Of several services, why calls will fail.
fn endpoints_warning(app: &App) -> Option<Warning> {
    let endpoints = NamedEndpoints::of(&app.settings);
    let mut settings = app.signalr_settings().into_iter().filter(|_| !endpoints.is_empty());
    let error = settings.find_map(|setting| endpoints.callable(&app.settings, setting).err())?;
    let cure = if error == NOT_IMPLEMENTED {
        "; set `AzureSignalRServiceTransportType` to `Persistent`, or leave out `Azure__SignalR__Endpoints`"
    } else {
        ""
    };
    Some(Warning::new(WarningCode::SeveralEndpoints, format!("calls will fail: {error}{cure}")))
}

/// Messages always go by the REST interface, as in Transient mode (signalr-bindings 9).
fn transport_warning(settings: &Settings) -> Option<Warning> {
    let text = match settings.get("AzureSignalRServiceTransportType")? {
        "" | "Transient" => return None,
        // Several services need it.
        "Persistent" if !settings.signalr_endpoints().is_empty() => return None,
        "Persistent" => {
            "`AzureSignalRServiceTransportType` is `Persistent`, and this host sends by REST all the same; an emulator \
                         knows nothing else, so leave it out"
                .to_owned()
        }
        // The words of the extension, which fails to start then.
        other => {
            format!("Invalid service transport type: {other}.; use `Transient` or `Persistent`, in this letter case")
        }
    };
    Some(Warning::new(WarningCode::ExtensionSettings, text))
}

fn origin_warning(origin: &str) -> Option<Warning> {
    let never = if origin != origin.trim() {
        "the list is split at each comma and not trimmed; leave the space out"
    } else if origin != "*" && origin.ends_with('/') {
        "a browser sends no slash at the end of an origin; leave it out"
    } else {
        return None;
    };
    let text = format!("the CORS origin `{origin}` never matches: {never}");
    Some(Warning::new(WarningCode::UnmatchedOrigin, text))
}

/// What the environment of the handler has beside the app settings (functions-host 1.4).
pub(super) fn host_variables(root: &Path, settings: &Settings, address: SocketAddr) -> Vec<(String, String)> {
    let root = root.to_string_lossy().into_owned();
    let host_name = format!("localhost:{}", address.port());
    let mut variables = vec![
        ("FUNCTIONS_APP_ROOT_PATH", root.clone()),
        ("AzureWebJobsScriptRoot", root),
        ("WEBSITE_HOSTNAME", host_name),
        ("FUNCTIONS_CORETOOLS_ENVIRONMENT", "True".to_owned()),
    ];
    if settings.get("AZURE_FUNCTIONS_ENVIRONMENT").is_none() {
        variables.push(("AZURE_FUNCTIONS_ENVIRONMENT", "Development".to_owned()));
    }
    variables.into_iter().map(|(name, value)| (name.to_owned(), value)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn origins_that_no_browser_sends_are_warned_of() {
        assert_eq!(origin_warning("http://localhost:3000"), None);
        assert_eq!(origin_warning("*"), None);
        assert!(origin_warning(" http://localhost:3000").is_some_and(|warning| warning.text.contains("not trimmed")));
        assert!(origin_warning("http://localhost:3000/").is_some_and(|warning| warning.text.contains("no slash")));
    }

    #[test]
    fn hub_names_are_checked_unless_they_are_expressions() {
        assert_eq!(hub_warning("chat"), None);
        assert_eq!(hub_warning("%HUB%"), None);
        assert_eq!(hub_warning("{hub}"), None);
        assert!(
            hub_warning("9lives").is_some_and(|warning| warning.text.starts_with("calls will fail: Invalid hub name."))
        );
    }

    fn settings(variables: &[(&str, &str)]) -> Settings {
        Settings::from_variables(variables.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())))
    }

    #[track_caller]
    fn check_connection(variables: &[(&str, &str)], expected: Option<&str>) {
        let found = connection_warning(&settings(variables), "S").map(|warning| warning.text);
        assert!(
            match (&found, expected) {
                (Some(found), Some(expected)) =>
                    found.starts_with(&format!("calls will fail: the setting `S` {expected}")),
                (found, expected) => found.is_none() && expected.is_none(),
            },
            "{found:?}"
        );
    }

    #[test]
    fn a_connection_needs_an_access_key() {
        check_connection(&[], Some("is missing or empty"));
        check_connection(&[("S", "")], Some("is missing or empty"));
        check_connection(
            &[("S", "Endpoint=http://localhost;AccessKey=ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789ABCDEFGH")],
            None,
        );
        check_connection(&[("Azure__SignalR__Endpoints__east", "x")], None);
        check_connection(&[("S__serviceUri", "https://x")], Some("stands for an identity (`S__serviceUri`)"));
        check_connection(&[("S", "Endpoint=https://x;AuthType=azure")], Some("stands for an identity (`AuthType`)"));
    }

    #[test]
    fn settings_of_the_extension_that_change_nothing_here_are_told() {
        let transport = |value: &str| transport_warning(&settings(&[("AzureSignalRServiceTransportType", value)]));
        assert_eq!((transport(""), transport("Transient")), (None, None));
        assert!(transport("Persistent").is_some_and(|warning| warning.text.contains("sends by REST")));
        assert!(
            transport("transient")
                .is_some_and(|warning| warning.text.starts_with("Invalid service transport type: transient."))
        );
    }

    #[test]
    fn everybody_without_credentials_is_not_enough_for_the_client() {
        let cors = |origins: &[&str], credentials| Cors {
            origins: origins.iter().map(|origin| (*origin).to_owned()).collect(),
            credentials,
        };
        assert!(any_origin_warning(&cors(&["*"], false)).is_some());
        assert_eq!(any_origin_warning(&cors(&["http://localhost:3000"], true)), None);
        assert_eq!(any_origin_warning(&cors(&[], false)), None);
    }

    #[test]
    fn the_environment_names_the_root_and_the_address() {
        let settings = Settings::from_variables([]);
        let variables = host_variables(Path::new("/app"), &settings, "127.0.0.1:7071".parse().unwrap());
        let get = |name: &str| variables.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str());
        assert_eq!(get("FUNCTIONS_APP_ROOT_PATH"), Some("/app"));
        assert_eq!(get("WEBSITE_HOSTNAME"), Some("localhost:7071"));
        assert_eq!(get("AZURE_FUNCTIONS_ENVIRONMENT"), Some("Development"));
        let own = Settings::from_variables([("AZURE_FUNCTIONS_ENVIRONMENT".to_owned(), "Production".to_owned())]);
        let variables = host_variables(Path::new("/app"), &own, "127.0.0.1:7071".parse().unwrap());
        assert!(variables.iter().all(|(name, _)| name != "AZURE_FUNCTIONS_ENVIRONMENT"));
    }
}
