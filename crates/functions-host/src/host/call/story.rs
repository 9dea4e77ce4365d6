//! What is told of an invocation beyond what `func start` prints: its cause, and what the handler gave for each output.

use super::Call;
use crate::answer::OutputValue;
use crate::app::OutputBinding;
use crate::events::{Cause, Excerpt, GivenOutput, without_secrets};

impl Call {
    /// What started the invocation.
    pub(super) fn cause(&self) -> Cause {
        match self {
            Call::Http(request) => Cause::Http {
                method: request.method.clone(),
                target: without_secrets(&request.path, &request.raw_query),
                body: Excerpt::of(request.body.as_deref().unwrap_or_default()),
            },
            Call::Proxied(request) => request.cause(),
            Call::Timer(_) => Cause::Timer,
            Call::SignalR(event) => event.cause(),
            Call::ByHand => Cause::ByHand,
        }
    }
}

/// All output bindings but the HTTP response, with what the handler gave for them. `given` is by their place.
pub(super) fn given_outputs(bindings: &[OutputBinding], given: &[(usize, OutputValue)]) -> Vec<GivenOutput> {
    let report = |(place, binding): (usize, &OutputBinding)| match binding {
        OutputBinding::Http { .. } => None,
        OutputBinding::SignalR(_) => {
            let value = given.iter().find(|(given, _)| *given == place).map(|(_, value)| excerpt(value));
            Some(GivenOutput { name: binding.name().to_owned(), kind: "signalR", value })
        }
    };
    bindings.iter().enumerate().filter_map(report).collect()
}

fn excerpt(value: &OutputValue) -> Excerpt {
    match value {
        OutputValue::Json(json) => Excerpt::of(json.get().as_bytes()),
        OutputValue::Bytes(bytes) => Excerpt::of(bytes),
    }
}
