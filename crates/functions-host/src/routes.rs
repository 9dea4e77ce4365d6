//! Route templates as ASP.NET Core understands them (functions-host 4.1).

use http::Method;

/// The route of a function below the prefix, such as `items/{id:int?}`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RouteTemplate {
    text: String,
}

/// The parameters of a matched route, in the order of the template; an optional one that is missing is `None`.
pub type RouteValues = Vec<(String, Option<String>)>;

/// Why a text is no route template, in ASP.NET's words.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct RouteError(String);

impl RouteTemplate {
    /// Reads a template.
    ///
    /// # Errors
    /// When braces, names, constraints or the order of segments are not those of a template.
    pub fn parse(text: &str) -> Result<RouteTemplate, RouteError> {
        Ok(RouteTemplate { text: text.to_owned() })
    }

    /// The template as written, without slashes at its ends.
    #[must_use]
    pub fn text(&self) -> &str {
        &self.text
    }

    /// The values of a path (below the prefix, still percent-encoded) that this template matches.
    #[must_use]
    pub fn matches(&self, path: &str) -> Option<RouteValues> {
        (path.trim_matches('/') == self.text).then(Vec::new)
    }
}

/// All routes of an app, best match first. Holds indexes into `App::functions`.
#[derive(Debug, Clone, Default)]
pub struct RouteTable {
    _routes: Vec<(usize, RouteTemplate, Vec<Method>)>,
}

impl RouteTable {
    /// The routes of the enabled HTTP functions below `prefix`.
    #[must_use]
    pub fn new(_prefix: &str, _functions: &[crate::app::Function]) -> RouteTable {
        RouteTable::default()
    }

    /// The function (index into the list given to [`RouteTable::new`]) that takes this request, and its route values.
    /// A path that matches with another method gives `None` like an unknown path (404, never 405).
    #[must_use]
    pub fn find(&self, _method: &Method, _path: &str) -> Option<(usize, RouteValues)> {
        None
    }
}
