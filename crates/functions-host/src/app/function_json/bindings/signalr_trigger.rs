//! What a `signalRTrigger` needs (signalr-bindings 6.1).
//!
//! Easily missed: the names may hold settings and nothing else; a trigger has no call yet whose data it could name.

use super::{Context, Properties, connection_string_setting, hub_name};
use crate::app::{ClientEvent, SignalRTrigger};
use crate::expressions;

pub(super) fn read(binding: &Properties<'_>, context: &Context<'_>) -> Result<SignalRTrigger, String> {
    let resolve = |text: &str| expressions::resolve_settings(text, context.settings).map_err(|error| error.to_string());
    let resolved = |property| resolve(&binding.text(property)?.unwrap_or_default());
    let trigger = SignalRTrigger {
        name: binding.name.clone(),
        hub_name: resolve(&hub_name(binding)?)?,
        event: event(&resolved("category")?, resolved("event")?)?,
        parameter_names: binding.texts("parameterNames")?,
        connection_string_setting: connection_string_setting(binding)?,
    };
    check_parameter_names(&trigger.parameter_names)?;
    Ok(trigger)
}

fn event(category: &str, event: String) -> Result<ClientEvent, String> {
    match category.to_ascii_lowercase().as_str() {
        "connections" => match event.to_ascii_lowercase().as_str() {
            "connected" => Ok(ClientEvent::Connected),
            "disconnected" => Ok(ClientEvent::Disconnected),
            _ => Err(format!("Event {event} is not supported in connections")),
        },
        // The service never reports a call without a method, so such a function would never run.
        "messages" if event.is_empty() => {
            Err("The signalRTrigger has no event; add the name of the method that clients call.".to_owned())
        }
        "messages" => Ok(ClientEvent::Called(event)),
        _ => Err(format!("Category {category} is not supported")),
    }
}

fn check_parameter_names(names: &[String]) -> Result<(), String> {
    let is_repeated = |(index, name): (usize, &String)| {
        names[..index].iter().any(|earlier| earlier.to_lowercase() == name.to_lowercase())
    };
    if names.iter().enumerate().any(is_repeated) {
        return Err("Elements in ParameterNames should be ignore case unique.".to_owned());
    }
    Ok(())
}
