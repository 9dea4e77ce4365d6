//! The function app as the stack runs it: with its own connection strings, and with another handler where one is given.
//!
//! Easily missed: the app is read twice, since only its bindings say under which names it looks for a service.

use crate::build::EXECUTABLE;
use crate::{Handler, StackOptions, StartError};
use functions_host::app::{App, AppError, Fault, Function, FunctionState, Trigger};
use signalr_emulator::Upstream;
use std::net::SocketAddr;
use std::path::PathBuf;

/// The setting by which the handler itself finds the service.
const CONNECTION_STRING: &str = "AzureSignalRConnectionString";

/// Where the app is and what wins over its settings.
#[derive(Debug, Clone)]
pub(crate) struct AppSource {
    folder: PathBuf,
    environment: Vec<(String, String)>,
    /// Of the stack's own emulator.
    connection_string: Option<String>,
}

impl AppSource {
    pub(crate) fn new(options: &StackOptions, connection_string: Option<String>) -> Self {
        Self { folder: options.app.clone(), environment: options.environment.clone(), connection_string }
    }

    /// Reads the app as it stands on disk now.
    ///
    /// # Errors
    /// When it cannot be read, or Azure would not run all of it, or it looks for a service that nothing names.
    pub(crate) fn load(&self, handler: &Handler) -> Result<App, StartError> {
        let mut overrides = Vec::new();
        if let Handler::Program(program) = handler {
            overrides.push((EXECUTABLE.to_owned(), program.display().to_string()));
        }
        let app = self.read(&overrides)?;
        refuse_the_unusable(&app)?;
        if self.connection_string.is_none() {
            refuse_missing_connections(&app)?;
        }
        // An administrator who restarts the host gets what the real one runs: all functions but those in error.
        let again = self.clone();
        Ok(app.reread_by(move || again.read(&overrides)))
    }

    fn read(&self, overrides: &[(String, String)]) -> Result<App, AppError> {
        let app = App::load(&self.folder, self.environment.clone(), overrides)?;
        let Some(connection_string) = &self.connection_string else { return Ok(app) };
        let all: Vec<_> = overrides.iter().cloned().chain(connection_strings(&app, connection_string)).collect();
        App::load(&self.folder, self.environment.clone(), &all)
    }
}

/// Whether any function wants to hear what happens to clients.
pub(crate) fn listens(app: &App) -> bool {
    let is_listener = |function: &Function| matches!(function.trigger, Trigger::SignalR(_));
    app.functions.iter().any(|function| is_listener(function) && function.state == FunctionState::Enabled)
}

/// Where the service reports what happens to clients. `code` is the key of the webhook, where callers need keys.
pub(crate) fn webhook(host: SocketAddr, code: Option<&str>) -> Upstream {
    let query = code.map(|code| format!("?code={code}")).unwrap_or_default();
    let webhook = format!("http://{host}/runtime/webhooks/signalr{query}");
    Upstream::to(webhook).expect("an address of this machine is an absolute address")
}

/// The emulator's connection string under every name by which a part of the app may look for one. The section
/// `ConnectionStrings` comes before the plain name (signalr-bindings 8.2), so both are set. Further services are taken away.
fn connection_strings(app: &App, connection_string: &str) -> Vec<(String, String)> {
    let mut names = app.signalr_settings();
    names.insert(CONNECTION_STRING);
    let of_name = |name: &str| [format!("ConnectionStrings:{name}"), name.to_owned()];
    let ours = names.into_iter().flat_map(of_name).map(|name| (name, connection_string.to_owned()));
    let further = app.settings.iter().filter(|(name, _)| is_further_service(name));
    ours.chain(further.map(|(name, _)| (name.to_owned(), String::new()))).collect()
}

fn is_further_service(name: &str) -> bool {
    name.replace("__", ":").to_ascii_lowercase().starts_with("azure:signalr:endpoints:")
}

fn refuse_missing_connections(app: &App) -> Result<(), StartError> {
    if !app.settings.signalr_endpoints().is_empty() {
        return Ok(());
    }
    let names = app.signalr_settings().into_iter();
    let missing: Vec<_> =
        names.filter(|name| app.settings.connection_string(name).is_none()).map(str::to_owned).collect();
    if missing.is_empty() { Ok(()) } else { Err(StartError::NoConnectionString(missing)) }
}

fn refuse_the_unusable(app: &App) -> Result<(), StartError> {
    let unusable: Vec<_> = app.broken.iter().filter(|function| function.fault == Fault::Declaration).cloned().collect();
    if unusable.is_empty() { Ok(()) } else { Err(StartError::Functions(unusable)) }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PRODUCTION: &str = "Endpoint=https://production.service.signalr.net;AccessKey=secret;Version=1.0;";
    const EMULATOR: &str = "Endpoint=http://localhost;Port=8888;AccessKey=abc;Version=1.0;";

    #[test]
    fn no_connection_string_of_the_app_survives_beside_an_emulator() {
        let folder = tempfile::tempdir().unwrap();
        let write = |name: &str, text: &str| std::fs::write(folder.path().join(name), text).unwrap();
        write(
            "host.json",
            r#"{"version":"2.0","customHandler":{"description":{"defaultExecutablePath":"h"}},
            "extensionBundle":{"id":"Microsoft.Azure.Functions.ExtensionBundle","version":"[4.*, 5.0.0)"}}"#,
        );
        std::fs::create_dir(folder.path().join("send")).unwrap();
        write(
            "send/function.json",
            r#"{"bindings":[{"type":"httpTrigger","direction":"in","name":"req"},
            {"type":"signalR","direction":"out","name":"m","hubName":"h","connectionStringSetting":"MySignalR"}]}"#,
        );
        let settings = serde_json::json!({"IsEncrypted": false, "Values": {"MySignalR": PRODUCTION, "AzureSignalRConnectionString": PRODUCTION},
            "ConnectionStrings": {"AzureSignalRConnectionString": PRODUCTION, "MySignalR": PRODUCTION}});
        write("local.settings.json", &settings.to_string());
        let environment = ["ConnectionStrings__MySignalR", "Azure__SignalR__Endpoints__east"];
        let environment = environment.map(|name| (name.to_owned(), PRODUCTION.to_owned())).to_vec();
        let options = StackOptions { environment, ..StackOptions::new(folder.path()) };
        let app = AppSource::new(&options, Some(EMULATOR.to_owned())).load(&Handler::Declared).unwrap();
        for name in ["AzureSignalRConnectionString", "MySignalR"] {
            assert_eq!(app.settings.connection_string(name), Some(EMULATOR), "{name}");
        }
        assert!(app.settings.signalr_endpoints().is_empty());
        let left: Vec<_> = app.settings.iter().filter(|(_, value)| *value == PRODUCTION).collect();
        assert_eq!(left, []);
    }
}
