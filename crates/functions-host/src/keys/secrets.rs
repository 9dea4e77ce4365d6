//! The keys themselves. Nothing here shows a value by accident: `Debug` prints `***`.

use std::collections::BTreeMap;
use std::fmt;

use serde::{Deserialize, Serialize};

use super::Scope;

/// The value of a key.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub(super) struct Secret(String);

/// The keys of one kind by name.
pub(super) type Named = BTreeMap<String, Secret>;

/// All keys of an app.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct Secrets {
    #[serde(rename = "masterKey")]
    pub(super) master: Secret,
    function_keys: Named,
    system_keys: Named,
    /// By the function's name in lower case.
    functions: BTreeMap<String, Named>,
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***")
    }
}

impl Secret {
    pub(super) fn new(value: String) -> Secret {
        Secret(value)
    }

    pub(super) fn reveal(&self) -> &str {
        &self.0
    }

    /// Compares in a time that depends on the lengths alone. An empty key is nobody's.
    pub(super) fn is(&self, value: &str) -> bool {
        let differences = self.0.bytes().zip(value.bytes()).fold(0, |all, (left, right)| all | (left ^ right));
        !value.is_empty() && self.0.len() == value.len() && differences == 0
    }
}

impl Secrets {
    /// Those of a new app.
    pub(super) fn new(master: Secret, default: Secret) -> Secrets {
        let function_keys = Named::from([(super::DEFAULT.to_owned(), default)]);
        Secrets { master, function_keys, system_keys: Named::new(), functions: BTreeMap::new() }
    }

    pub(super) fn of(&self, scope: &Scope) -> &Named {
        static NONE: Named = Named::new();
        match scope {
            Scope::Host => &self.function_keys,
            Scope::System => &self.system_keys,
            Scope::Function(name) => self.functions.get(&name.to_lowercase()).unwrap_or(&NONE),
        }
    }

    pub(super) fn of_mut(&mut self, scope: &Scope) -> &mut Named {
        match scope {
            Scope::Host => &mut self.function_keys,
            Scope::System => &mut self.system_keys,
            Scope::Function(name) => self.functions.entry(name.to_lowercase()).or_default(),
        }
    }
}
