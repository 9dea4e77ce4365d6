//! Fills in the parameters of a route, such as `{id:int}`, `{name?}`, `{*path}` and `{lang=en}`.
//!
//! Easily missed: the host gives addresses in lower case, so the names of parameters are compared without it.

use anyhow::{Result, bail};

/// The address with these values.
///
/// # Errors
/// When a parameter has no value and needs one, or a value has no parameter.
pub(super) fn fill_in(template: &str, values: &[(String, String)]) -> Result<String> {
    let mut unused: Vec<&str> = values.iter().map(|(name, _)| name.as_str()).collect();
    let (mut filled, mut rest) = (String::new(), template);
    while let Some((before, after)) = rest.split_once('{') {
        let Some((parameter, after)) = after.split_once('}') else { break };
        filled.push_str(before);
        let name = parameter.trim_start_matches('*').split([':', '?', '=']).next().unwrap_or_default();
        match values.iter().find(|(given, _)| given.eq_ignore_ascii_case(name)) {
            Some((given, value)) => {
                unused.retain(|name| name != given);
                filled.push_str(&escaped(value, parameter.starts_with('*')));
            }
            None if parameter.starts_with('*') || parameter.contains(['?', '=']) => {}
            None => bail!("the route has the parameter `{name}`; give it a value with --param {name}=…"),
        }
        rest = after;
    }
    filled.push_str(rest);
    match unused.first() {
        Some(name) => bail!("--param: the route has no parameter `{name}`: {template}"),
        None => Ok(filled.trim_end_matches('/').to_owned()),
    }
}

/// The value as a part of a path; only a catch-all may hold slashes.
fn escaped(value: &str, is_catch_all: bool) -> String {
    let escape = |byte: u8| match byte {
        b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => char::from(byte).to_string(),
        b'/' if is_catch_all => "/".to_owned(),
        byte => format!("%{byte:02X}"),
    };
    value.bytes().map(escape).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(template: &str, values: &[(&str, &str)], expected: Result<&str, &str>) {
        let values: Vec<_> = values.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        let filled = fill_in(template, &values).map_err(|error| error.to_string());
        match expected {
            Ok(expected) => assert_eq!(filled.as_deref(), Ok(expected)),
            Err(part) => assert!(filled.as_ref().is_err_and(|error| error.contains(part)), "{filled:?}"),
        }
    }

    #[test]
    fn parameters_are_filled_in_by_name() {
        check("http://h/api/a", &[], Ok("http://h/api/a"));
        check("http://h/users/{userid}/messages", &[("userId", "a b/c")], Ok("http://h/users/a%20b%2Fc/messages"));
        check("http://h/{id:int}/{*path}", &[("id", "5"), ("path", "a/é")], Ok("http://h/5/a/%C3%A9"));
        check("http://h/{id?}", &[], Ok("http://h"));
        check("http://h/{lang=en}", &[], Ok("http://h"));
    }

    #[test]
    fn what_is_missing_or_too_much_is_named() {
        check("http://h/{id:int}", &[], Err("--param id=…"));
        check("http://h/a", &[("id", "5")], Err("no parameter `id`"));
    }
}
