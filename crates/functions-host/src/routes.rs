//! Route templates as ASP.NET Core understands them, and the order in which the Functions host tries them
//! (functions-host 4.1).
//!
//! Easily got wrong: the Functions host does not prefer the more specific route. It tries the routes in the order of
//! the function names and takes the first that fits, so `items/{id}` of `a` hides `items/recent` of `b`.
//! [`RouteTable::hidden_routes`] tells about it.

use std::borrow::Cow;

use http::Method;

use crate::app::{Function, HttpTrigger, Trigger};

use self::pattern::Pattern;

mod constraint;
mod pattern;

/// The route of a function below the prefix, such as `items/{id:int?}`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RouteTemplate {
    text: String,
    pattern: Pattern,
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
    /// ```
    /// use functions_host::routes::RouteTemplate;
    ///
    /// let route = RouteTemplate::parse("items/{id:int?}")?;
    /// assert_eq!(route.matches("Items/7"), Some(vec![("id".to_owned(), Some("7".to_owned()))]));
    /// assert_eq!(route.matches("items"), Some(vec![("id".to_owned(), None)]));
    /// assert_eq!(route.matches("items/seven"), None);
    /// # Ok::<(), functions_host::routes::RouteError>(())
    /// ```
    ///
    /// # Errors
    /// When braces, names, constraints or the order of segments are not those of a template.
    pub fn parse(text: &str) -> Result<RouteTemplate, RouteError> {
        let text = text.trim_matches('/');
        Ok(RouteTemplate { text: text.to_owned(), pattern: Pattern::parse(text).map_err(RouteError)? })
    }

    /// The template as written, without slashes at its ends.
    #[must_use]
    pub fn text(&self) -> &str {
        &self.text
    }

    /// The values of a path (below the prefix, still percent-encoded) that this template matches.
    #[must_use]
    pub fn matches(&self, path: &str) -> Option<RouteValues> {
        self.pattern.matches(&decoded(path))
    }
}

/// All routes of an app. Holds indexes into the list of functions that it was made from.
#[derive(Debug, Clone, Default)]
pub struct RouteTable {
    prefix: Vec<String>,
    routes: Vec<Route>,
}

#[derive(Debug, Clone)]
struct Route {
    function: usize,
    name: String,
    trigger: HttpTrigger,
}

impl Route {
    fn pattern(&self) -> &Pattern {
        &self.trigger.route.pattern
    }
}

impl RouteTable {
    /// The routes of the HTTP functions below `prefix`, in the order given, which is the order of their names in an
    /// [`App`](crate::app::App). A disabled function has its place too: its route answers 404.
    #[must_use]
    pub fn new(prefix: &str, functions: &[Function]) -> RouteTable {
        let routes = functions.iter().enumerate().filter_map(|(index, function)| match &function.trigger {
            Trigger::Http(trigger) => {
                Some(Route { function: index, name: function.name.clone(), trigger: trigger.clone() })
            }
            Trigger::Timer(_) | Trigger::SignalR(_) => None,
        });
        let prefix = prefix.split('/').filter(|segment| !segment.is_empty()).map(str::to_owned);
        RouteTable { prefix: prefix.collect(), routes: routes.collect() }
    }

    /// The function (index into the list given to [`RouteTable::new`]) that takes this request, and its route values.
    ///
    /// `path` is the whole path of the request, still percent-encoded. A path that matches with another method gives
    /// `None` like an unknown path (404, never 405). The caller looks at [`Function::state`].
    #[must_use]
    pub fn find(&self, method: &Method, path: &str) -> Option<(usize, RouteValues)> {
        let path = decoded(path);
        let below = self.below_prefix(&path)?;
        self.routes
            .iter()
            .filter(|route| route.trigger.takes(method))
            .find_map(|route| Some((route.function, route.pattern().matches(below)?)))
    }

    /// A sentence for each pair of routes where a less specific one comes first and takes the requests that the other
    /// seems to be meant for. ASP.NET Core would choose the other way.
    #[must_use]
    pub fn hidden_routes(&self) -> Vec<String> {
        let mut sentences = Vec::new();
        for (index, later) in self.routes.iter().enumerate() {
            for earlier in &self.routes[..index] {
                let is_hidden = earlier.trigger.shares_a_method_with(&later.trigger)
                    && earlier.pattern().precedence() > later.pattern().precedence()
                    && earlier.pattern().covers(later.pattern());
                if is_hidden {
                    sentences.push(hidden_route(earlier, later));
                }
            }
        }
        sentences
    }

    /// The part of a path below the prefix.
    fn below_prefix<'a>(&self, path: &'a str) -> Option<&'a str> {
        let mut below = path;
        for prefix in &self.prefix {
            let (segment, rest) = below.split_once('/').unwrap_or((below, ""));
            below = equal_ignoring_case(segment, prefix).then_some(rest)?;
        }
        Some(below)
    }
}

fn hidden_route(earlier: &Route, later: &Route) -> String {
    let (earlier_route, later_route) = (earlier.trigger.route.text(), later.trigger.route.text());
    format!(
        "Requests for the route '{later_route}' of function '{}' reach function '{}' with the route '{earlier_route}': \
         the Functions host tries routes in the order of function names and does not prefer the more specific one; \
         rename one of the functions or constrain the parameters of '{earlier_route}', for example {{id:int}}.",
        later.name, earlier.name
    )
}

/// The path without its leading slash, percent-decoded segment by segment, so that an encoded slash does not split.
///
/// An encoded slash stays encoded and so do bytes that are no UTF-8, as ASP.NET Core's server leaves them.
fn decoded(path: &str) -> Cow<'_, str> {
    let path = path.strip_prefix('/').unwrap_or(path);
    if !path.contains('%') {
        return path.into();
    }
    let decode = |segment: &str| {
        let kept = segment.replace("%2F", "%252F").replace("%2f", "%252f");
        let text = percent_encoding::percent_decode_str(&kept).decode_utf8();
        text.map_or_else(|_| segment.to_owned(), |text| text.into_owned())
    };
    path.split('/').map(decode).collect::<Vec<_>>().join("/").into()
}

fn equal_ignoring_case(left: &str, right: &str) -> bool {
    let is_ascii = left.is_ascii() && right.is_ascii();
    left.eq_ignore_ascii_case(right) || (!is_ascii && left.to_lowercase() == right.to_lowercase())
}

#[cfg(test)]
mod tests;
