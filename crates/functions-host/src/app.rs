//! The function app as it stands on disk: host.json, the function folders and the settings.
//!
//! A broken host.json stops everything, but a broken function.json only puts its own function in error: the others
//! are served (functions-host 4.1). Everything here is plain data; nothing runs yet.

use std::collections::BTreeSet;
use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use jiff::tz::TimeZone;

use crate::warnings::Warning;

mod function;
mod function_json;
mod host_json;
mod json_file;
mod notices;
mod settings;

pub use function::{
    AuthLevel, ClientEvent, DataType, Function, FunctionState, HttpTrigger, InputBinding, OutputBinding, RetryDelay,
    RetryPolicy, SignalRConnectionInfoBinding, SignalREndpointsBinding, SignalROutputBinding, SignalRTrigger,
    TimerTrigger, Trigger,
};
pub use settings::{Cors, Settings};

/// A function app, read once. To see a change on disk, read it again with [`App::reread`].
#[derive(Debug, Clone)]
pub struct App {
    /// The folder that holds host.json.
    pub root: PathBuf,
    /// What host.json says, with the overrides from settings applied.
    pub host: HostJson,
    /// The functions that can run, in the order of their names.
    pub functions: Vec<Function>,
    /// The functions that are in error, each with the reason.
    pub broken: Vec<BrokenFunction>,
    /// App settings: the environment and local.settings.json.
    pub settings: Settings,
    /// `WEBSITE_TIME_ZONE`, else that of this process: schedules are in it, and so are dates that the host writes anew.
    pub time_zone: TimeZone,
    /// Things the developer should know that do not stop the app.
    pub notices: Vec<Warning>,
    source: Source,
}

/// How an app was read, and is read again.
#[derive(Clone)]
struct Source(Arc<dyn Fn() -> Result<App, AppError> + Send + Sync>);

impl fmt::Debug for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Source")
    }
}

/// What host.json says about running the functions.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HostJson {
    /// `extensions.http.routePrefix` without slashes at its ends; `api` by default, may be empty.
    pub route_prefix: String,
    /// The process that runs the functions.
    pub custom_handler: CustomHandler,
    /// `customHandler.http.routes`: functions without a folder, in their order. Most apps have none.
    pub http_routes: Vec<HttpRoute>,
    /// `functionTimeout`; 30 minutes by default, `None` for `-1` (no limit).
    pub function_timeout: Option<Duration>,
    /// The extension bundle that provides the bindings which are not built in.
    pub extension_bundle: Option<ExtensionBundle>,
    /// `watchFiles`: a change of a file with one of these names restarts the handler. See [`HostJson::is_watched`].
    pub watch_files: Vec<String>,
    /// `watchDirectories`: a change in one of these folders of the app restarts the handler.
    pub watch_directories: Vec<String>,
    /// What `/admin/host/config` shows.
    pub(crate) config: HostConfig,
    /// `functions`: when it is not empty, only these functions are loaded, letter case ignored.
    pub only_functions: Vec<String>,
}

/// The options of host.json as the real host's `/admin/host/config` shows them, in its order and with its defaults.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct HostConfig {
    /// `extensions.http`.
    pub(crate) http: serde_json::Map<String, serde_json::Value>,
    /// `concurrency`.
    pub(crate) concurrency: serde_json::Map<String, serde_json::Value>,
}

/// One of `customHandler.http.routes`: a function named `http-handlerN` that takes every method (functions-host 1.1).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HttpRoute {
    /// The route below the prefix, as written.
    pub route: String,
    /// The key level it needs.
    pub auth_level: AuthLevel,
}

/// The `customHandler` section of host.json (functions-host 1.1), ready to start.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CustomHandler {
    /// What to start: an absolute path of a file that exists, or a bare name for the operating system to find on
    /// `PATH` (functions-host 1.3).
    pub executable: String,
    /// Where a relative `defaultExecutablePath` is looked for; absolute.
    pub worker_directory: PathBuf,
    /// The working directory of the handler; absolute.
    pub working_directory: PathBuf,
    /// `arguments` as written; [`CustomHandler::command_line`] makes the real ones.
    pub arguments: Vec<String>,
    /// `defaultWorkerPath`, a script for an interpreter.
    pub worker_path: Option<String>,
    /// `workerArguments` as written; they follow the worker path.
    pub worker_arguments: Vec<String>,
    /// `port`: where the handler listens; `None` lets the host choose. Two processes cannot listen there at the same time.
    pub port: Option<u16>,
    /// How long the handler may take until it listens; 30 s by default.
    pub initialization_timeout: Duration,
    /// How pure HTTP functions reach the handler.
    pub http_mode: HttpMode,
    /// What a line on the handler's stderr means.
    pub stderr_level: StderrLevel,
}

/// How functions with nothing but an HTTP trigger and an HTTP output reach the handler (functions-host 2.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum HttpMode {
    /// As an envelope, like all other functions.
    Envelope,
    /// `enableForwardingHttpRequest`: the caller's request, on its original path.
    Forward,
    /// The older section `httpWorker`: the caller's request, on `/<function name>`.
    ForwardToFunctionName,
    /// `enableProxyingHttpRequest`: the caller's request, streamed both ways.
    Proxy,
}

/// What a line on the handler's stderr counts as, unless it contains `warn` (functions-host 1.7).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StderrLevel {
    /// Always an error: `useStdErrorStreamForErrorsOnly`, the default for custom handlers.
    Error,
    /// An error when it contains one of a few words, otherwise information.
    ByContent,
}

/// `extensionBundle` of host.json. Nothing is downloaded; it decides the text for unknown binding types.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ExtensionBundle {
    /// For example `Microsoft.Azure.Functions.ExtensionBundle`.
    pub id: String,
    /// A version range such as `[4.*, 5.0.0)`.
    pub version: String,
}

/// A function that cannot run; the host goes on without it. Displays as the line the real host logs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BrokenFunction {
    /// The folder's name.
    pub name: String,
    /// Why, in the real host's words where it has any.
    pub message: String,
    /// Who has to do something about it.
    pub fault: Fault,
}

/// Whose fault it is that a function cannot run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// The function's: its declaration would not work in Azure either.
    Declaration,
    /// This host's: it has no such binding, while Azure has.
    LocalHost,
}

impl fmt::Display for BrokenFunction {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "The '{}' function is in error: {}", self.name, self.message)
    }
}

/// Why a function app cannot start at all. Texts in capital letters are the real host's own.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum AppError {
    /// The folder is not a function app.
    #[error("there is no host.json in `{}`; run from the function app's root or name it", root.display())]
    NoHostJson {
        /// Where it was looked for.
        root: PathBuf,
    },
    /// A file of the app cannot be read.
    #[error("cannot read `{}`", path.display())]
    Unreadable {
        /// The file or folder.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// host.json or local.settings.json is not JSON.
    #[error("`{}` is not valid JSON: {message}; correct it and start again", path.display())]
    BrokenJson {
        /// The file.
        path: PathBuf,
        /// What is wrong, with line and column.
        message: String,
    },
    /// host.json says something that the host cannot use. The text is the real host's where it has one.
    #[error("host.json: {0}")]
    HostJson(String),
    /// local.settings.json says something that the host cannot use.
    #[error("`{}`: {message}", path.display())]
    Settings {
        /// The file.
        path: PathBuf,
        /// What, and the cure.
        message: String,
    },
}

impl App {
    /// Reads the function app in `root`.
    ///
    /// `environment` is the environment of this process; it wins over local.settings.json. `overrides` win over both.
    ///
    /// # Errors
    /// When host.json or local.settings.json is missing or unusable. A function that cannot run is no error: it is
    /// listed in [`App::broken`].
    pub fn load(
        root: &Path,
        environment: impl IntoIterator<Item = (String, String)>,
        overrides: &[(String, String)],
    ) -> Result<App, AppError> {
        let root =
            std::path::absolute(root).map_err(|source| AppError::Unreadable { path: root.to_owned(), source })?;
        App::read(&root, environment.into_iter().collect::<Vec<_>>().into(), overrides.into())
    }

    /// The app as it stands on disk now, read as this one was: with the same environment and overrides.
    ///
    /// # Errors
    /// As [`App::load`].
    pub fn reread(&self) -> Result<App, AppError> {
        let read = (self.source.0)()?;
        Ok(App { source: self.source.clone(), ..read })
    }

    /// The same app, which `read` reads again: for those whose overrides depend on what the files say.
    #[must_use]
    pub fn reread_by(self, read: impl Fn() -> Result<App, AppError> + Send + Sync + 'static) -> App {
        App { source: Source(Arc::new(read)), ..self }
    }

    fn read(
        root: &Path,
        environment: Arc<[(String, String)]>,
        overrides: Arc<[(String, String)]>,
    ) -> Result<App, AppError> {
        let root = root.to_owned();
        let path = root.join("host.json");
        let Some(text) = json_file::read(&path)? else { return Err(AppError::NoHostJson { root }) };
        let file = json_file::parse(&text).map_err(|message| AppError::BrokenJson { path, message })?;
        let mut notices = Vec::new();
        let mut settings = Settings::load(&root, environment.iter().cloned(), &overrides, &mut notices)?;
        let host_json::Read { host, flattened, warnings } =
            host_json::read(&file, &root, &settings).map_err(AppError::HostJson)?;
        settings.add_host_json(flattened);
        notices.extend(warnings);
        let (functions, broken) = match host.http_routes.as_slice() {
            [] => function_json::discover(&root, &host, &settings)?,
            _ => function_json::from_routes(&root, &host, &settings)?,
        };
        notices.extend(notices::about(&host, &functions, &settings));
        notices.extend(notices::about_connections(&root, &functions));
        let time_zone = settings.time_zone();
        let again = root.clone();
        let source = Source(Arc::new(move || App::read(&again, Arc::clone(&environment), Arc::clone(&overrides))));
        Ok(App { root, host, functions, broken, settings, time_zone, notices, source })
    }

    /// The names of the settings by which SignalR bindings find their service, each once, in alphabetical order.
    #[must_use]
    pub fn signalr_settings(&self) -> BTreeSet<&str> {
        fn of_function(function: &Function) -> Vec<&str> {
            let trigger = match &function.trigger {
                Trigger::SignalR(trigger) => Some(trigger.connection_string_setting.as_str()),
                Trigger::Http(_) | Trigger::Timer(_) => None,
            };
            let inputs = function.inputs.iter().map(|input| input.hub_and_connection().1);
            let outputs = function.outputs.iter().filter_map(|output| match output {
                OutputBinding::SignalR(binding) => Some(binding.connection_string_setting.as_str()),
                OutputBinding::Http { .. } => None,
            });
            trigger.into_iter().chain(inputs).chain(outputs).collect()
        }
        self.functions.iter().flat_map(of_function).collect()
    }

    /// function.json of a function as it stands on disk now, or as host.json stands for it; an empty object when it cannot be
    /// read, as in the real host's list.
    pub(crate) fn function_json(&self, function: &Function) -> serde_json::Map<String, serde_json::Value> {
        if let Some((_, route)) = self.declared_routes().find(|(name, _)| *name == function.name) {
            return function_json::of_route(route);
        }
        let read = json_file::read(&self.root.join(&function.name).join("function.json")).ok().flatten();
        read.and_then(|text| json_file::parse(&text).ok()).unwrap_or_default()
    }

    /// The routes of host.json with the names of their functions.
    pub(crate) fn declared_routes(&self) -> impl Iterator<Item = (String, &HttpRoute)> {
        let routes = self.host.http_routes.iter().enumerate();
        routes.map(|(index, route)| (function_json::name_of_route(index), route))
    }

    /// Where a function listens: the address of the host, its route prefix and the function's route.
    pub(crate) fn url_of(&self, trigger: &HttpTrigger, host: &str) -> String {
        let parts = [host, self.host.route_prefix.as_str(), trigger.route.text()];
        parts.into_iter().filter(|part| !part.is_empty()).collect::<Vec<_>>().join("/")
    }

    /// Whether any function has a binding of the SignalR extension, so that the real host would load it.
    #[must_use]
    pub fn uses_signalr(&self) -> bool {
        self.functions.iter().any(Function::uses_signalr)
    }

    /// The function with this name, letter case ignored.
    #[must_use]
    pub fn function(&self, name: &str) -> Option<&Function> {
        self.functions.iter().find(|function| function.name.eq_ignore_ascii_case(name))
    }
}

impl HostJson {
    /// Whether the real host starts anew when this file changes, `path` being below the app's folder (functions-host 1.8). It looks
    /// at the first folder and at the file's own name, so `watchFiles` finds a name in any folder. That the set of folders
    /// changes has the same effect, and nobody but the watcher knows.
    #[must_use]
    pub fn is_watched(&self, path: &Path) -> bool {
        let mut folders = path.parent().into_iter().flat_map(Path::components);
        let first = folders.next().map(|folder| folder.as_os_str().to_string_lossy().into_owned());
        let is_directory = |name: &str| first.as_deref() == Some(name);
        if is_directory("node_modules") || self.watch_directories.iter().any(|name| is_directory(name)) {
            return true;
        }
        let file = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
        let is_file = |name: &str| file.eq_ignore_ascii_case(name);
        is_file("host.json") || is_file("function.json") || self.watch_files.iter().any(|name| is_file(name))
    }
}

impl ExtensionBundle {
    /// The version that the real host would use: the newest of the range, as far as this host knows (functions-host 8.5). A range
    /// that it does not know stays as it is written.
    #[must_use]
    pub fn resolved_version(&self) -> String {
        let range = self.version.trim();
        let Some((lower, upper)) = range.trim_matches(['[', ']', '(', ')']).split_once(',') else {
            return range.trim_matches(['[', ']']).to_owned();
        };
        let major = |bound: &str| bound.trim().split('.').next().and_then(|major| major.parse::<u32>().ok());
        let newest = NEWEST_BUNDLES.iter().find(|(known, _)| {
            // An upper bound such as `5.0.0)` excludes its own major version.
            major(lower).is_some_and(|lower| lower <= *known) && major(upper).is_none_or(|upper| *known < upper)
        });
        newest.map_or_else(|| range.to_owned(), |(_, version)| (*version).to_owned())
    }
}

/// The newest bundle of each major version that was seen, newest first.
const NEWEST_BUNDLES: [(u32, &str); 2] = [(4, "4.38.0"), (3, "3.41.0")];

impl CustomHandler {
    /// The arguments of the handler's process (functions-host 1.3): `%X%` is taken from `settings`, then from
    /// `worker_variables` (those that [the host sets](https://learn.microsoft.com/azure/azure-functions/functions-custom-handlers)
    /// for the handler), and is removed when neither has it. An argument with spaces becomes several, because the real
    /// host joins all of them with spaces and does not quote.
    #[must_use]
    pub fn command_line(&self, settings: &Settings, worker_variables: &[(String, String)]) -> Vec<String> {
        host_json::command_line::command_line(self, settings, worker_variables)
    }
}

#[cfg(test)]
mod tests;
