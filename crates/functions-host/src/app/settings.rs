//! App settings: the environment and local.settings.json (functions-host 8.2).
//!
//! Names are looked up as .NET configuration does it: letter case is ignored and `__` means `:`. The environment of
//! the handler gets them as they are written.

/// The app settings of a function app.
#[derive(Clone, Default)]
pub struct Settings {
    variables: Vec<(String, String)>,
    cors: Cors,
}

/// Which browser origins may call the functions (functions-host 4.4).
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Cors {
    /// The origins as the list gives them: split on `,`, not trimmed. Empty means that nothing is allowed.
    pub origins: Vec<String>,
    /// Whether cookies and authorization headers may come along.
    pub credentials: bool,
}

impl std::fmt::Debug for Settings {
    /// Names only: values are secrets.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_map().entries(self.variables.iter().map(|(name, _)| (name, "***"))).finish()
    }
}

impl Settings {
    /// Settings that do not come from files: for tests and for apps put together in code.
    pub fn from_variables(variables: impl IntoIterator<Item = (String, String)>) -> Settings {
        Settings { variables: variables.into_iter().collect(), cors: Cors::default() }
    }

    /// The same settings with these browser origins.
    #[must_use]
    pub fn with_cors(self, cors: Cors) -> Settings {
        Settings { cors, ..self }
    }

    /// The setting with this name; letter case is ignored and `__` means `:`.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&str> {
        self.variables.iter().find(|(key, _)| key.eq_ignore_ascii_case(name)).map(|(_, value)| value.as_str())
    }

    /// The connection string that the setting `name` stands for: `ConnectionStrings:name`, then `name`
    /// (signalr-bindings 8.2). An empty one counts as missing.
    #[must_use]
    pub fn connection_string(&self, name: &str) -> Option<&str> {
        let named = self.get(&format!("ConnectionStrings:{name}")).filter(|value| !value.is_empty());
        named.or_else(|| self.get(name).filter(|value| !value.is_empty()))
    }

    /// Every variable of the handler's environment, as written. No name comes twice.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.variables.iter().map(|(name, value)| (name.as_str(), value.as_str()))
    }

    /// Which browser origins may call the functions.
    #[must_use]
    pub fn cors(&self) -> &Cors {
        &self.cors
    }

    /// `Host.LocalHttpPort` of local.settings.json.
    #[must_use]
    pub fn local_http_port(&self) -> Option<u16> {
        None
    }
}
