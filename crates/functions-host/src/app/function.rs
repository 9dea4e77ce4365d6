//! What a function is: its trigger, its inputs and its outputs.
//!
//! Texts marked *expression* are still as function.json has them; they are resolved at invocation.

use std::time::Duration;

use http::Method;

use crate::routes::RouteTemplate;
use crate::schedule::Schedule;

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
    /// `retry`: how often a failed invocation is tried again; most functions have none.
    pub retry: Option<RetryPolicy>,
}

/// `retry` of function.json: what happens after a failed invocation, whatever triggered it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RetryPolicy {
    /// `maxRetryCount`: how often at most, not counting the first attempt; `None` stands for -1, without end.
    pub max_retries: Option<u32>,
    /// How long to wait before.
    pub delay: RetryDelay,
}

/// `strategy` of a [`RetryPolicy`], with its times.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RetryDelay {
    /// `fixedDelay`: always `delayInterval`.
    Fixed(Duration),
    /// `exponentialBackoff`: first the minimum, then about twice as long each time, up to the maximum.
    Exponential {
        /// `minimumInterval`.
        minimum: Duration,
        /// `maximumInterval`.
        maximum: Duration,
    },
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
    /// Something that a SignalR client does, as the service reports it (signalr-bindings 6).
    SignalR(SignalRTrigger),
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

/// `authLevel` of an HTTP trigger. Locally every caller has all rights, unless keys are switched on (functions-host 4.2).
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

/// A `signalRTrigger` binding.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SignalRTrigger {
    /// The binding's name, which is the key of the event under `Data`.
    pub name: String,
    /// `hubName`, with `%SETTING%` already resolved; compared without letter case.
    pub hub_name: String,
    /// Which event of the hub.
    pub event: ClientEvent,
    /// `parameterNames`: when there are any, a call must have as many arguments, which get these names as binding data.
    pub parameter_names: Vec<String>,
    /// The literal name of the setting that holds the connection string; `AzureSignalRConnectionString` by default.
    pub connection_string_setting: String,
}

/// What a client does, by `category` and `event` of a `signalRTrigger`. Letter case does not matter in either.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ClientEvent {
    /// `connections`, `connected`. A function that fails refuses the client.
    Connected,
    /// `connections`, `disconnected`.
    Disconnected,
    /// `messages`, and the method that the client calls.
    Called(String),
}

/// Something gathered for a function before it runs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum InputBinding {
    /// The address and token with which a client connects (signalr-bindings 4).
    SignalRConnectionInfo(SignalRConnectionInfoBinding),
    /// The same for each endpoint of the service, to choose from: `signalRNegotiation`.
    SignalRNegotiation(SignalRConnectionInfoBinding),
    /// The endpoints of the service.
    SignalREndpoints(SignalREndpointsBinding),
}

/// A `signalRConnectionInfo` or `signalRNegotiation` binding. Texts marked *expression* are resolved at invocation, by [`crate::expressions`].
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

/// A `signalREndpoints` binding.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SignalREndpointsBinding {
    /// The binding's name, which is the key of the value under `Data`.
    pub name: String,
    /// `hubName`, an expression that is resolved at invocation.
    pub hub_name: String,
    /// The literal name of the setting that holds the connection string; `AzureSignalRConnectionString` by default.
    pub connection_string_setting: String,
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

impl Function {
    /// Whether the bindings are exactly one HTTP trigger and one HTTP output (functions-host 2.1).
    #[must_use]
    pub fn is_pure_http(&self) -> bool {
        matches!(self.trigger, Trigger::Http(_))
            && self.inputs.is_empty()
            && matches!(self.outputs.as_slice(), [OutputBinding::Http { .. }])
    }

    /// Whether any binding is of the SignalR extension.
    #[must_use]
    pub fn uses_signalr(&self) -> bool {
        matches!(self.trigger, Trigger::SignalR(_))
            || !self.inputs.is_empty()
            || self.outputs.iter().any(|output| matches!(output, OutputBinding::SignalR(_)))
    }
}

impl HttpTrigger {
    /// Whether it takes this method.
    #[must_use]
    pub fn takes(&self, method: &Method) -> bool {
        self.methods.is_empty() || self.methods.contains(method)
    }

    /// Whether some method would reach both.
    #[must_use]
    pub fn shares_a_method_with(&self, other: &HttpTrigger) -> bool {
        self.methods.is_empty() || other.methods.is_empty() || self.methods.iter().any(|method| other.takes(method))
    }
}

impl AuthLevel {
    /// Reads a level; letter case is ignored.
    #[must_use]
    pub fn parse(text: &str) -> Option<AuthLevel> {
        Some(match text.to_ascii_lowercase().as_str() {
            "anonymous" => AuthLevel::Anonymous,
            "user" => AuthLevel::User,
            "function" => AuthLevel::Function,
            "system" => AuthLevel::System,
            "admin" => AuthLevel::Admin,
            _ => return None,
        })
    }

    /// As .NET writes it, e.g. `Function`.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            AuthLevel::Anonymous => "Anonymous",
            AuthLevel::User => "User",
            AuthLevel::Function => "Function",
            AuthLevel::System => "System",
            AuthLevel::Admin => "Admin",
        }
    }
}

impl InputBinding {
    /// The key of its value under `Data`.
    #[must_use]
    pub fn name(&self) -> &str {
        match self {
            InputBinding::SignalRConnectionInfo(binding) | InputBinding::SignalRNegotiation(binding) => &binding.name,
            InputBinding::SignalREndpoints(binding) => &binding.name,
        }
    }

    /// The hub, an *expression*, and the literal name of the setting that holds the connection string.
    pub(crate) fn hub_and_connection(&self) -> (&str, &str) {
        match self {
            InputBinding::SignalRConnectionInfo(binding) | InputBinding::SignalRNegotiation(binding) => {
                (&binding.hub_name, &binding.connection_string_setting)
            }
            InputBinding::SignalREndpoints(binding) => (&binding.hub_name, &binding.connection_string_setting),
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
            Trigger::SignalR(trigger) => &trigger.name,
        }
    }

    /// The binding type as the function list prints it, for example `timerTrigger`.
    #[must_use]
    pub fn type_name(&self) -> &'static str {
        match self {
            Trigger::Http(_) => "httpTrigger",
            Trigger::Timer(_) => "timerTrigger",
            Trigger::SignalR(_) => "signalRTrigger",
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

impl SignalRTrigger {
    /// Whether the service means this trigger by its three headers (signalr-bindings 6.1).
    #[must_use]
    pub fn is_for(&self, hub: &str, category: &str, event: &str) -> bool {
        let same = |own: &str, other: &str| own.to_lowercase() == other.to_lowercase();
        same(&self.hub_name, hub) && same(self.event.category(), category) && same(self.event.name(), event)
    }
}

impl ClientEvent {
    /// `connections` or `messages`.
    #[must_use]
    pub fn category(&self) -> &'static str {
        match self {
            ClientEvent::Connected | ClientEvent::Disconnected => "connections",
            ClientEvent::Called(_) => "messages",
        }
    }

    /// `connected`, `disconnected`, or the method.
    #[must_use]
    pub fn name(&self) -> &str {
        match self {
            ClientEvent::Connected => "connected",
            ClientEvent::Disconnected => "disconnected",
            ClientEvent::Called(method) => method,
        }
    }
}
