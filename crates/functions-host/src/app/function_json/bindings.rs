//! The bindings of one function: the rules they keep together, and what each type needs.

use http::Method;
use serde_json::{Map, Value};

use super::properties::{Direction, Properties};
use super::{Context, Fault, Flaw};
use crate::app::{
    AuthLevel, HttpTrigger, InputBinding, OutputBinding, SignalRConnectionInfoBinding, SignalREndpointsBinding,
    SignalROutputBinding, TimerTrigger, Trigger,
};
use crate::expressions;
use crate::routes::RouteTemplate;
use crate::schedule::Schedule;

mod signalr_trigger;

const DEFAULT_CONNECTION_STRING_SETTING: &str = "AzureSignalRConnectionString";

/// The types that this host runs. Those of the second list come from the extension bundle.
const BUILT_IN_TYPES: [&str; 3] = ["httpTrigger", "http", "timerTrigger"];
const BUNDLE_TYPES: [&str; 5] =
    ["signalR", "signalRConnectionInfo", "signalREndpoints", "signalRNegotiation", "signalRTrigger"];

/// Further types of the extension bundle, which work in Azure and not here.
const TYPES_OF_AZURE_ONLY: [&str; 34] = [
    "activityTrigger",
    "assistantCreate",
    "assistantPost",
    "assistantQuery",
    "assistantSkillTrigger",
    "blob",
    "blobTrigger",
    "cosmosDB",
    "cosmosDBTrigger",
    "daprTopicTrigger",
    "durableClient",
    "embeddings",
    "entityTrigger",
    "eventGrid",
    "eventGridTrigger",
    "eventHub",
    "eventHubTrigger",
    "kafka",
    "kafkaTrigger",
    "kusto",
    "mysql",
    "mysqlTrigger",
    "orchestrationTrigger",
    "queue",
    "queueTrigger",
    "rabbitMQ",
    "rabbitMQTrigger",
    "redisStreamTrigger",
    "sendGrid",
    "serviceBus",
    "serviceBusTrigger",
    "sql",
    "sqlTrigger",
    "table",
];

/// The bindings of a function, by what they do.
pub(super) struct Bindings {
    pub(super) trigger: Trigger,
    pub(super) inputs: Vec<InputBinding>,
    pub(super) outputs: Vec<OutputBinding>,
}

/// Reads `bindings` of function.json. The order of the checks is the real host's.
pub(super) fn read(function: &str, file: &Map<String, Value>, context: &Context<'_>) -> Result<Bindings, Flaw> {
    let bindings = match file.get("bindings") {
        None | Some(Value::Null) => return Err("At least one binding must be declared.".to_owned().into()),
        Some(Value::Array(bindings)) if bindings.is_empty() => {
            return Err("At least one binding must be declared.".to_owned().into());
        }
        Some(Value::Array(bindings)) => bindings,
        Some(_) => return Err("`bindings` must be an array.".to_owned().into()),
    };
    let bindings = bindings.iter().map(Properties::read).collect::<Result<Vec<_>, _>>()?;
    check_names(&bindings)?;
    let trigger = the_trigger(&bindings)?;
    check_types(&bindings, context)?;
    let (mut inputs, mut outputs) = (Vec::new(), Vec::new());
    for binding in bindings.iter().filter(|binding| !std::ptr::eq(*binding, trigger)) {
        match binding.direction {
            Direction::In => inputs.push(input(binding)?),
            Direction::Out => outputs.push(output(binding)?),
            Direction::InOut => {
                return Err(format!("The binding '{}' cannot have the direction 'inout'.", binding.name).into());
            }
        }
    }
    Ok(Bindings { trigger: read_trigger(function, trigger, context)?, inputs, outputs })
}

fn check_names(bindings: &[Properties<'_>]) -> Result<(), String> {
    for (index, Properties { name, kind, direction, .. }) in bindings.iter().enumerate() {
        if !is_binding_name(name) {
            return Err(format!("The binding name {name} is invalid. Please assign a valid name to the binding."));
        }
        if name.eq_ignore_ascii_case("$return") && *direction != Direction::Out {
            return Err("$return bindings must specify a direction of 'out'.".to_owned());
        }
        if kind.is_empty() {
            return Err(format!("Binding '{name}' is invalid. Bindings must specify a Type."));
        }
        if bindings[..index].iter().any(|other| other.name.eq_ignore_ascii_case(name)) {
            return Err(format!("Multiple bindings with name '{name}' discovered. Binding names must be unique."));
        }
    }
    Ok(())
}

/// `^[a-zA-Z][a-zA-Z0-9]{0,127}$` or `$return`.
fn is_binding_name(name: &str) -> bool {
    let is_plain = name.starts_with(|first: char| first.is_ascii_alphabetic())
        && name.len() <= 128
        && name.bytes().all(|byte| byte.is_ascii_alphanumeric());
    is_plain || name.eq_ignore_ascii_case("$return")
}

fn the_trigger<'b, 'a>(bindings: &'b [Properties<'a>]) -> Result<&'b Properties<'a>, String> {
    let mut triggers = bindings.iter().filter(|binding| binding.direction != Direction::Out && binding.is_trigger());
    let trigger = triggers.next();
    if triggers.next().is_some() {
        return Err("Multiple trigger bindings defined. A function can only have a single trigger binding.".to_owned());
    }
    trigger.ok_or_else(|| "No trigger binding specified. A function must have a trigger input binding.".to_owned())
}

fn check_types(bindings: &[Properties<'_>], context: &Context<'_>) -> Result<(), Flaw> {
    let is_one_of = |binding: &Properties<'_>, kinds: &[&str]| kinds.iter().any(|kind| binding.is(kind));
    let has_bundle = context.host.extension_bundle.is_some();
    let (inputs, outputs): (Vec<_>, Vec<_>) = bindings.iter().partition(|binding| binding.direction != Direction::Out);
    let unknown = inputs
        .into_iter()
        .chain(outputs)
        .filter(|binding| !(is_one_of(binding, &BUILT_IN_TYPES) || has_bundle && is_one_of(binding, &BUNDLE_TYPES)));
    let (of_azure, unknown): (Vec<_>, Vec<_>) =
        unknown.partition(|binding| has_bundle && is_one_of(binding, &TYPES_OF_AZURE_ONLY));
    if !unknown.is_empty() {
        let kinds = kinds_of(&unknown);
        let message = if has_bundle {
            format!(
                "The binding type(s) '{kinds}' were not found in the configured extension bundle. Please ensure the type \
                 is correct and the correct version of extension bundle is configured"
            )
        } else {
            format!(
                "The binding type(s) '{kinds}' are not registered. Please ensure the type is correct and the binding \
                 extension is installed."
            )
        };
        return Err(message.into());
    }
    if of_azure.is_empty() {
        return Ok(());
    }
    let message = format!("The binding type(s) '{}' work in Azure but not in this local host.", kinds_of(&of_azure));
    Err(Flaw { message, fault: Fault::LocalHost })
}

fn kinds_of(bindings: &[&Properties<'_>]) -> String {
    let mut kinds: Vec<&str> = Vec::new();
    for binding in bindings {
        if !kinds.contains(&binding.kind.as_str()) {
            kinds.push(&binding.kind);
        }
    }
    kinds.join(", ")
}

fn read_trigger(function: &str, binding: &Properties<'_>, context: &Context<'_>) -> Result<Trigger, String> {
    if binding.is("httpTrigger") {
        return http_trigger(function, binding, context).map(Trigger::Http);
    }
    if binding.is("signalRTrigger") {
        return signalr_trigger::read(binding, context).map(Trigger::SignalR);
    }
    timer_trigger(binding, context).map(Trigger::Timer)
}

fn http_trigger(function: &str, binding: &Properties<'_>, context: &Context<'_>) -> Result<HttpTrigger, String> {
    let auth_level = match binding.text("authLevel")?.filter(|level| !level.is_empty()) {
        None => AuthLevel::Function,
        Some(level) => AuthLevel::parse(&level).ok_or_else(|| binding.misconfigured())?,
    };
    let method = |text: &String| Method::from_bytes(text.to_ascii_uppercase().as_bytes());
    let methods = binding.texts("methods")?.iter().map(method).collect::<Result<Vec<_>, _>>();
    let route = binding.text("route")?.filter(|route| !route.trim().is_empty()).unwrap_or_else(|| function.to_owned());
    let template = RouteTemplate::parse(&route).map_err(|error| {
        let prefix = &context.host.route_prefix;
        let separator = if prefix.is_empty() { "" } else { "/" };
        format!(
            "An error occurred while creating the route with name '{function}' and template \
             '{prefix}{separator}{route}'. {error}"
        )
    })?;
    Ok(HttpTrigger {
        name: binding.name.clone(),
        methods: methods.map_err(|_| binding.misconfigured())?,
        route: template,
        auth_level,
    })
}

fn timer_trigger(binding: &Properties<'_>, context: &Context<'_>) -> Result<TimerTrigger, String> {
    let Some(schedule) = binding.text("schedule")?.filter(|schedule| !schedule.is_empty()) else {
        return Err(format!("The timer '{}' has no schedule; add one, such as \"0 */5 * * * *\".", binding.name));
    };
    // In a trigger a setting is put in when the app is read, so a missing one puts the function in error.
    let schedule = expressions::resolve_settings(&schedule, context.settings).map_err(|error| error.to_string())?;
    Ok(TimerTrigger {
        name: binding.name.clone(),
        schedule: Schedule::parse(&schedule).map_err(|error| error.to_string())?,
        run_on_startup: binding.switch("runOnStartup")?.unwrap_or(false),
        use_monitor: binding.switch("useMonitor")?.unwrap_or(true),
    })
}

fn input(binding: &Properties<'_>) -> Result<InputBinding, String> {
    if binding.is("http") {
        return Err("Http binding can only be used for output.".to_owned());
    }
    match () {
        () if binding.is("signalRConnectionInfo") => connection_info(binding).map(InputBinding::SignalRConnectionInfo),
        () if binding.is("signalRNegotiation") => connection_info(binding).map(InputBinding::SignalRNegotiation),
        () if binding.is("signalREndpoints") => Ok(InputBinding::SignalREndpoints(SignalREndpointsBinding {
            name: binding.name.clone(),
            hub_name: hub_name(binding)?,
            connection_string_setting: connection_string_setting(binding)?,
        })),
        () => Err(wrong_direction(binding, "out")),
    }
}

fn connection_info(binding: &Properties<'_>) -> Result<SignalRConnectionInfoBinding, String> {
    Ok(SignalRConnectionInfoBinding {
        name: binding.name.clone(),
        hub_name: hub_name(binding)?,
        connection_string_setting: connection_string_setting(binding)?,
        user_id: binding.text("userId")?,
        id_token: binding.text("idToken")?,
        claim_type_list: binding.texts("claimTypeList")?,
    })
}

fn output(binding: &Properties<'_>) -> Result<OutputBinding, String> {
    if binding.is("http") {
        return Ok(OutputBinding::Http { name: binding.name.clone() });
    }
    if !binding.is("signalR") {
        return Err(wrong_direction(binding, "in"));
    }
    Ok(OutputBinding::SignalR(SignalROutputBinding {
        name: binding.name.clone(),
        hub_name: hub_name(binding)?,
        connection_string_setting: connection_string_setting(binding)?,
        data_type: binding.data_type,
    }))
}

fn wrong_direction(binding: &Properties<'_>, direction: &str) -> String {
    format!("The binding '{}' of type '{}' must have the direction '{direction}'.", binding.name, binding.kind)
}

fn hub_name(binding: &Properties<'_>) -> Result<String, String> {
    let name = binding.text("hubName")?.filter(|name| !name.is_empty());
    name.ok_or_else(|| format!("The binding '{}' of type '{}' has no hubName; add one.", binding.name, binding.kind))
}

/// A literal name: neither `%…%` nor `{…}` is resolved (signalr-bindings 4.2). `connection` is ignored.
fn connection_string_setting(binding: &Properties<'_>) -> Result<String, String> {
    let setting = binding.text("connectionStringSetting")?.filter(|setting| !setting.is_empty());
    Ok(setting.unwrap_or_else(|| DEFAULT_CONNECTION_STRING_SETTING.to_owned()))
}
