//! What would surprise on the real host although it works here.

use std::path::Path;

use serde_json::Value;

use super::{Function, HostJson, Settings, Trigger, json_file};
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
    notices.extend(functions.iter().flat_map(about_a_function));
    notices.extend(about_time_zones(functions, settings));
    notices
}

/// What works on some plans only, or will not for long.
fn about_a_function(function: &Function) -> Vec<Warning> {
    let mut notices = Vec::new();
    if let Trigger::Timer(timer) = &function.trigger {
        if timer.schedule.has_no_seconds() {
            let text = "the schedule has five fields, which hosts on a Windows Consumption plan refuse; write the seconds as a \
                        first field, `0`";
            notices.push(Warning::new(WarningCode::ScheduleWithoutSeconds, text));
        }
        if timer.schedule.is_interval() {
            let text = "the schedule is a time span, which works on an App Service plan only; use an expression with six fields";
            notices.push(Warning::new(WarningCode::ScheduleAsInterval, text));
        }
    } else if function.retry.is_some() {
        let text = format!(
            "Soon retries will not be supported for function '{}'. For more information, please visit \
             http://aka.ms/func-retry-policies.",
            function.name
        );
        notices.push(Warning::new(WarningCode::RetriesOfTrigger, text));
    }
    notices.into_iter().map(|notice| notice.about(&function.name)).collect()
}

/// functions-host 6.4.
fn about_time_zones(functions: &[Function], settings: &Settings) -> Option<Warning> {
    let has_schedule = |function: &Function| match &function.trigger {
        Trigger::Timer(timer) => !timer.schedule.is_interval(),
        Trigger::Http(_) | Trigger::SignalR(_) => false,
    };
    let zone = settings.get("WEBSITE_TIME_ZONE").filter(|zone| !zone.is_empty())?;
    functions.iter().any(has_schedule).then(|| {
        if jiff::tz::TimeZone::get(zone).is_err() {
            let text = format!(
                "The setting WEBSITE_TIME_ZONE is '{zone}', which names no time zone of the IANA database, so that of this machine \
                 counts; use a name such as 'Europe/Berlin'."
            );
            return Warning::new(WarningCode::TimeZone, text);
        }
        let text = format!(
            "The setting WEBSITE_TIME_ZONE is '{zone}', which Linux Consumption and Flex Consumption plans do not support: there \
             schedules are in UTC. Leave it out, or use another plan."
        );
        Warning::new(WarningCode::TimeZone, text)
    })
}

/// `connection` looks like the property of other extensions, and the SignalR extension does not know it (signalr-bindings 4.1).
pub(super) fn about_connections(root: &Path, functions: &[Function]) -> Vec<Warning> {
    let mut notices = Vec::new();
    for function in functions.iter().filter(|function| function.uses_signalr()) {
        let file = json_file::read(&root.join(&function.name).join("function.json")).ok().flatten();
        let file = file.and_then(|text| json_file::parse(&text).ok()).unwrap_or_default();
        let bindings = file.get("bindings").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
        for binding in bindings.iter().filter_map(Value::as_object) {
            let text_of =
                |name: &str| json_file::member(binding, name).and_then(json_file::text_of).unwrap_or_default();
            if text_of("type").to_ascii_lowercase().starts_with("signalr") && !text_of("connection").is_empty() {
                let text = format!(
                    "`connection` of the binding `{}` is ignored, and the setting `AzureSignalRConnectionString` is used unless \
                     `connectionStringSetting` names another one; name it there",
                    text_of("name")
                );
                notices.push(Warning::new(WarningCode::IgnoredConnection, text).about(&function.name));
            }
        }
    }
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
