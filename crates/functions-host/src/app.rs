//! The function app as it stands on disk: host.json, the function folders and the settings.
//!
//! A broken host.json stops everything, but a broken function.json only puts its own function in error: the others
//! are served (functions-host 4.1). Everything here is plain data; nothing runs yet.

use std::path::{Path, PathBuf};
use std::time::Duration;

use http::Method;

use crate::routes::RouteTemplate;
use crate::schedule::Schedule;

mod function_json;
mod host_json;
mod json_file;
mod settings;

pub use settings::{Cors, Settings};

/// A function app, read once. To see a change on disk, load it again.
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
    /// Things the developer should know that do not stop the app, as sentences to print.
    pub notices: Vec<String>,
}

/// What host.json says about running the functions.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HostJson {
    /// `extensions.http.routePrefix` without slashes at its ends; `api` by default, may be empty.
    pub route_prefix: String,
    /// The process that runs the functions.
    pub custom_handler: CustomHandler,
    /// `functionTimeout`; 30 minutes by default, `None` for `-1` (no limit).
    pub function_timeout: Option<Duration>,
    /// The extension bundle that provides the bindings which are not built in.
    pub extension_bundle: Option<ExtensionBundle>,
    /// `watchFiles`: a change of one of them restarts the handler.
    pub watch_files: Vec<String>,
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
    /// `defaultWorkerPath`, a script for an interpreter; absolute.
    pub worker_path: Option<PathBuf>,
    /// `workerArguments` as written; they follow the worker path.
    pub worker_arguments: Vec<String>,
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

/// One function that can run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Function {
    /// The folder's name, in its own letter case.
    pub name: String,
    /// Whether callers and timers may start it.
    pub state: FunctionState,
    /// What starts it.
    pub trigger: Trigger,
    /// What is gathered for it before it runs, in the order of function.json.
    pub inputs: Vec<InputBinding>,
    /// Where its outputs go, in the order of function.json.
    pub outputs: Vec<OutputBinding>,
}

/// Whether a function may be started.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FunctionState {
    /// It may.
    Enabled,
    /// `"disabled": true` or the setting `AzureWebJobs.<function>.Disabled`: its route answers 404 and its timer rests.
    Disabled,
}

/// What starts a function.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Trigger {
    /// A request on the function's route.
    Http(HttpTrigger),
    /// A schedule.
    Timer(TimerTrigger),
}

/// An `httpTrigger` binding.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HttpTrigger {
    /// The binding's name, which is the key of the request under `Data`.
    pub name: String,
    /// The methods it takes; empty means all.
    pub methods: Vec<Method>,
    /// The route below the prefix; the function's name by default.
    pub route: RouteTemplate,
    /// The key level it would need in Azure.
    pub auth_level: AuthLevel,
}

/// `authLevel` of an HTTP trigger. Checked in Azure only: locally every caller has all rights (functions-host 4.2).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AuthLevel {
    /// No key.
    Anonymous,
    /// The signed-in user; without effect today.
    User,
    /// A function or host key. The default.
    Function,
    /// A system key of an extension.
    System,
    /// The master key.
    Admin,
}

/// A `timerTrigger` binding.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TimerTrigger {
    /// The binding's name, which is the key of the timer under `Data`.
    pub name: String,
    /// When it fires, with `%SETTING%` already resolved.
    pub schedule: Schedule,
    /// `runOnStartup`: one run at once when the host starts.
    pub run_on_startup: bool,
    /// `useMonitor` as written (true by default). See [`TimerTrigger::is_monitored`].
    pub use_monitor: bool,
}

/// Something gathered for a function before it runs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum InputBinding {
    /// The address and token with which a client connects (signalr-bindings 4).
    SignalRConnectionInfo(SignalRConnectionInfoBinding),
}

/// A `signalRConnectionInfo` binding. Texts marked *expression* are resolved at invocation, by [`crate::expressions`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SignalRConnectionInfoBinding {
    /// The binding's name, which is the key of the value under `Data`.
    pub name: String,
    /// `hubName`, an *expression*.
    pub hub_name: String,
    /// The literal name of the setting that holds the connection string; `AzureSignalRConnectionString` by default.
    pub connection_string_setting: String,
    /// `userId`, an *expression*.
    pub user_id: Option<String>,
    /// `idToken`, an *expression*.
    pub id_token: Option<String>,
    /// `claimTypeList`: the claims copied from the id token.
    pub claim_type_list: Vec<String>,
}

/// Where something that a function returns goes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum OutputBinding {
    /// The HTTP answer.
    Http {
        /// The binding's name, `$return` for the return value.
        name: String,
    },
    /// Messages and group actions for Azure SignalR Service.
    SignalR(SignalROutputBinding),
}

/// A `signalR` output binding.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SignalROutputBinding {
    /// The binding's name, `$return` for the return value.
    pub name: String,
    /// `hubName`, an expression that is resolved at invocation.
    pub hub_name: String,
    /// The literal name of the setting that holds the connection string; `AzureSignalRConnectionString` by default.
    pub connection_string_setting: String,
    /// `dataType`, which function.json should leave out.
    pub data_type: Option<DataType>,
}

/// `dataType` of a binding.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DataType {
    /// Text.
    String,
    /// Bytes.
    Binary,
    /// A stream.
    Stream,
}

/// A function that cannot run; the host goes on without it. Displays as the line the real host logs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BrokenFunction {
    /// The folder's name.
    pub name: String,
    /// Why, in the real host's words where it has any.
    pub message: String,
}

impl std::fmt::Display for BrokenFunction {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
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
    /// host.json says something that the host cannot use.
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
        let _ = (root, environment.into_iter().count(), overrides);
        Err(AppError::HostJson("nothing is read yet".to_owned()))
    }

    /// The function with this name, letter case ignored.
    #[must_use]
    pub fn function(&self, name: &str) -> Option<&Function> {
        self.functions.iter().find(|function| function.name.eq_ignore_ascii_case(name))
    }
}

impl CustomHandler {
    /// The arguments of the handler's process (functions-host 1.3): `%X%` is taken from `settings`, then from
    /// `worker_variables` (those that [the host sets](https://learn.microsoft.com/azure/azure-functions/functions-custom-handlers)
    /// for the handler), and is removed when neither has it. An argument with spaces becomes several, because the real
    /// host joins all of them with spaces and does not quote.
    #[must_use]
    pub fn command_line(&self, settings: &Settings, worker_variables: &[(String, String)]) -> Vec<String> {
        host_json::command_line(self, settings, worker_variables)
    }
}

impl Function {
    /// Whether the bindings are exactly one HTTP trigger and one HTTP output (functions-host 2.1).
    #[must_use]
    pub fn is_pure_http(&self) -> bool {
        matches!(self.trigger, Trigger::Http(_))
            && self.inputs.is_empty()
            && matches!(self.outputs.as_slice(), [OutputBinding::Http { .. }])
    }
}

impl InputBinding {
    /// The key of its value under `Data`.
    #[must_use]
    pub fn name(&self) -> &str {
        match self {
            InputBinding::SignalRConnectionInfo(binding) => &binding.name,
        }
    }
}

impl OutputBinding {
    /// The key of its value under `Outputs`, or `$return`.
    #[must_use]
    pub fn name(&self) -> &str {
        match self {
            OutputBinding::Http { name } => name,
            OutputBinding::SignalR(binding) => &binding.name,
        }
    }
}

impl Trigger {
    /// The key of its value under `Data`.
    #[must_use]
    pub fn name(&self) -> &str {
        match self {
            Trigger::Http(trigger) => &trigger.name,
            Trigger::Timer(trigger) => &trigger.name,
        }
    }

    /// The binding type as the function list prints it, for example `timerTrigger`.
    #[must_use]
    pub fn type_name(&self) -> &'static str {
        match self {
            Trigger::Http(_) => "httpTrigger",
            Trigger::Timer(_) => "timerTrigger",
        }
    }
}

impl TimerTrigger {
    /// Whether the schedule's status is kept: `useMonitor`, unless it runs more often than once a minute
    /// (functions-host 6.2).
    #[must_use]
    pub fn is_monitored(&self) -> bool {
        self.use_monitor && !self.schedule.is_shorter_than_a_minute()
    }
}
