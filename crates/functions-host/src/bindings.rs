//! What the SignalR extension does for custom handlers: gathering inputs and sending outputs (signalr-bindings 4, 5).
//!
//! Easily missed: expressions in hub names and user ids are resolved at each invocation, so a wrong one fails calls, not the
//! start.

use std::sync::{Mutex, PoisonError};

use azure_signalr::{ConnectionString, HubName};

use crate::app::Settings;
use crate::clock::Clock;
use crate::expressions;
use crate::invocation::BindingData;
use crate::warnings::{Warning, WarningCode};
use endpoints::{NamedEndpoints, ServiceEndpoint};

pub(crate) mod endpoints;
pub(crate) mod signalr_input;
pub(crate) mod signalr_output;
pub(crate) mod signalr_trigger;

/// What an invocation knows when its bindings are resolved.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Context<'a> {
    pub(crate) settings: &'a Settings,
    binding_data: &'a BindingData,
    named_endpoints: &'a NamedEndpoints,
    notes: &'a Notes,
    clock: &'a Clock,
}

/// What the developer should hear of an invocation, also of one that fails.
#[derive(Debug, Default)]
pub(crate) struct Notes(Mutex<Vec<Warning>>);

impl Notes {
    pub(crate) fn add(&self, note: Warning) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push(note);
    }

    pub(crate) fn take(&self) -> Vec<Warning> {
        std::mem::take(&mut *self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// Why a binding fails the whole invocation, in the extension's words where it has any.
pub(crate) type BindingError = String;

impl<'a> Context<'a> {
    pub(crate) fn new(
        settings: &'a Settings,
        named_endpoints: &'a NamedEndpoints,
        binding_data: &'a BindingData,
        notes: &'a Notes,
        clock: &'a Clock,
    ) -> Self {
        Self { settings, binding_data, named_endpoints, notes, clock }
    }

    /// The value of a property that may hold expressions.
    fn resolve(&self, text: &str) -> Result<String, BindingError> {
        expressions::resolve(text, self.settings, self.binding_data.values(), self.clock.now()).map_err(|error| {
            let note = format!(
                "`{text}` has no value in this call, which fails the whole call; send what it names, or take it out of \
                 function.json"
            );
            self.notes.add(Warning::new(WarningCode::MissingBindingValue, note));
            error.to_string()
        })
    }

    fn hub(&self, hub_name: &str) -> Result<HubName, BindingError> {
        self.resolve(hub_name)?.parse().map_err(|error: azure_signalr::NameError| error.to_string())
    }

    /// The services behind a setting, whose name is taken literally (signalr-bindings 4.2).
    fn endpoints(&self, setting: &str) -> Result<Vec<ServiceEndpoint>, BindingError> {
        self.named_endpoints.callable(self.settings, setting)
    }
}

/// The connection behind a setting.
///
/// # Errors
/// When it is missing, with the extension's text and the setting's name, or unusable.
fn connection(settings: &Settings, setting: &str) -> Result<ConnectionString, BindingError> {
    let text = settings.connection_string(setting).ok_or_else(|| {
        let cure = if settings.is_identity(setting) { "; this host gets no token for an identity" } else { "" };
        format!(
            "The SignalR Service connection string or endpoints are not set.; set `{setting}` to a connection string{cure}"
        )
    })?;
    text.parse().map_err(|error: azure_signalr::ConnectionStringError| error.to_string())
}
