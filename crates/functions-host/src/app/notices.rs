//! What would surprise on the real host although it works here.

use super::{Function, HostJson, Settings, Trigger};
use crate::routes::RouteTable;
use crate::warnings::{Warning, WarningCode};

/// What to tell at the start.
pub(super) fn about(host: &HostJson, functions: &[Function], settings: &Settings) -> Vec<Warning> {
    let hidden = RouteTable::new(&host.route_prefix, functions).hidden_routes();
    let mut notices: Vec<Warning> =
        hidden.into_iter().map(|text| Warning::new(WarningCode::HiddenRoute, text)).collect();
    if !host.only_functions.is_empty() {
        let names = host.only_functions.join(", ");
        let text =
            format!("A function allow list has been specified, excluding all but the following functions: [{names}]");
        notices.push(Warning::new(WarningCode::FunctionAllowList, text).about("host.json"));
    }
    notices.extend(about_the_runtime(settings));
    notices.extend(about_storage(functions, settings));
    notices
}

fn about_the_runtime(settings: &Settings) -> Option<Warning> {
    let text = match settings.get("FUNCTIONS_WORKER_RUNTIME") {
        Some(runtime) if runtime.eq_ignore_ascii_case("custom") => None,
        Some(runtime) => Some(format!(
            "The setting FUNCTIONS_WORKER_RUNTIME is '{runtime}', but this app runs a custom handler; set it to 'custom'."
        )),
        None => Some(
            "The setting FUNCTIONS_WORKER_RUNTIME is missing, and the real host asks for it; set it to 'custom'."
                .to_owned(),
        ),
    };
    text.map(|text| Warning::new(WarningCode::WorkerRuntime, text))
}

/// functions-host 7: without storage the real host does not start the listener of a monitored timer, and `func` does
/// not start at all when the setting is absent and something else than HTTP triggers a function.
fn about_storage(functions: &[Function], settings: &Settings) -> Vec<Warning> {
    let storage = settings.get("AzureWebJobsStorage");
    let needs_none = |function: &&Function| matches!(function.trigger, Trigger::Http(_));
    if storage.is_none() && !functions.iter().all(|function| needs_none(&function)) {
        let text = "The setting AzureWebJobsStorage is missing. This host does without, but `func` does not start an app with \
                    a timer or a signalRTrigger without it; set it, if only to an empty text.";
        return vec![Warning::new(WarningCode::StorageMissing, text)];
    }
    if storage != Some("") {
        return Vec::new();
    }
    let monitored = functions.iter().find(|function| match &function.trigger {
        Trigger::Timer(timer) => timer.is_monitored(),
        Trigger::Http(_) | Trigger::SignalR(_) => false,
    });
    let of_signalr = functions.iter().find(|function| matches!(function.trigger, Trigger::SignalR(_)));
    monitored.map(about_a_timer).into_iter().chain(of_signalr.map(about_a_signalr_trigger)).collect()
}

fn about_a_timer(function: &Function) -> Warning {
    let text = format!(
        "The setting AzureWebJobsStorage is empty. Here the timer '{}' keeps its schedule in memory, but on the real host it \
         does not run without storage; set \"useMonitor\": false in its function.json, or use storage.",
        function.name
    );
    Warning::new(WarningCode::StorageEmpty, text)
}

/// The key of the webhook is kept in storage (signalr-bindings 6.1).
fn about_a_signalr_trigger(function: &Function) -> Warning {
    let text = format!(
        "The setting AzureWebJobsStorage is empty. Here the signalRTrigger of '{}' works all the same, but on the real host it \
         is disabled without storage; use storage.",
        function.name
    );
    Warning::new(WarningCode::StorageEmpty, text)
}
