//! Binding expressions: `%SETTING%` and `{trigger.data}` (functions-host 5).

use serde_json::{Map, Value};

use crate::app::Settings;

/// Why an expression has no value, in the real host's words.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct ExpressionError(String);

/// Replaces every `%NAME%` by the setting of that name.
///
/// # Errors
/// When a setting is missing or a `%` is not closed.
pub fn resolve_settings(text: &str, _settings: &Settings) -> Result<String, ExpressionError> {
    Ok(text.to_owned())
}

/// Replaces every `%NAME%` by a setting and every `{a.b}` by the trigger's binding data: route, query and body values
/// at the top, and the objects `query`, `headers` and `sys`. Letter case is ignored everywhere.
///
/// # Errors
/// When a setting or a value is missing, or the braces do not match.
pub fn resolve(text: &str, settings: &Settings, _binding_data: &Map<String, Value>) -> Result<String, ExpressionError> {
    resolve_settings(text, settings)
}
