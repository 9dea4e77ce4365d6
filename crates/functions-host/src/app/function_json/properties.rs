//! One binding of a function.json as the real host's JSON library converts it: names without letter case, plain values
//! converted between text, number and boolean.

use serde_json::{Map, Value};

use crate::app::DataType;
use crate::app::json_file::{member, text_of};

/// `direction` of a binding.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Direction {
    In,
    Out,
    InOut,
}

/// A binding whose common properties are read; the rest waits for its type.
#[derive(Debug)]
pub(super) struct Properties<'a> {
    object: &'a Map<String, Value>,
    pub(super) name: String,
    pub(super) kind: String,
    pub(super) direction: Direction,
    pub(super) data_type: Option<DataType>,
}

impl<'a> Properties<'a> {
    /// Reads what every binding has. `kind` is empty when there is no `type`.
    pub(super) fn read(binding: &'a Value) -> Result<Properties<'a>, String> {
        let Value::Object(object) = binding else {
            return Err("Each entry of `bindings` must be an object.".to_owned());
        };
        let text = |name: &str| member(object, name).and_then(text_of).unwrap_or_default();
        let direction = match text("direction").to_ascii_lowercase().as_str() {
            "" | "in" => Direction::In,
            "out" => Direction::Out,
            "inout" => Direction::InOut,
            _ => return Err(format!("'{}' is not a valid binding direction.", text("direction"))),
        };
        let data_type = match text("dataType").to_ascii_lowercase().as_str() {
            "" | "undefined" => None,
            "string" => Some(DataType::String),
            "binary" => Some(DataType::Binary),
            "stream" => Some(DataType::Stream),
            _ => return Err(format!("'{}' is not a valid dataType; leave it out.", text("dataType"))),
        };
        Ok(Properties { object, name: text("name"), kind: text("type"), direction, data_type })
    }

    /// Whether the type is this one, letter case ignored.
    pub(super) fn is(&self, kind: &str) -> bool {
        self.kind.eq_ignore_ascii_case(kind)
    }

    /// Whether the type is that of a trigger, known or not.
    pub(super) fn is_trigger(&self) -> bool {
        self.kind.to_ascii_lowercase().ends_with("trigger")
    }

    /// A text; other plain values are converted.
    pub(super) fn text(&self, name: &str) -> Result<Option<String>, String> {
        let value = member(self.object, name);
        value.map(|value| text_of(value).ok_or_else(|| self.misconfigured())).transpose()
    }

    /// A switch; `"true"` and numbers are converted.
    pub(super) fn switch(&self, name: &str) -> Result<Option<bool>, String> {
        match member(self.object, name) {
            None => Ok(None),
            Some(Value::Bool(value)) => Ok(Some(*value)),
            Some(Value::Number(number)) => Ok(Some(number.as_f64() != Some(0.0))),
            Some(Value::String(text)) => match text.trim().to_ascii_lowercase().as_str() {
                "true" => Ok(Some(true)),
                "false" => Ok(Some(false)),
                _ => Err(self.misconfigured()),
            },
            Some(Value::Array(_) | Value::Object(_) | Value::Null) => Err(self.misconfigured()),
        }
    }

    /// A list of texts; absent is empty.
    pub(super) fn texts(&self, name: &str) -> Result<Vec<String>, String> {
        match member(self.object, name) {
            None => Ok(Vec::new()),
            Some(Value::Array(items)) => {
                items.iter().map(|item| text_of(item).ok_or_else(|| self.misconfigured())).collect()
            }
            Some(_) => Err(self.misconfigured()),
        }
    }

    /// The real host's text for a property with a value that it cannot use.
    pub(super) fn misconfigured(&self) -> String {
        let Properties { name, kind, .. } = self;
        format!(
            "Unable to configure binding '{name}' of type '{kind}'. This may indicate invalid function.json properties"
        )
    }
}
