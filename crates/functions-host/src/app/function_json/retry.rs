//! `retry` of function.json. A policy that cannot be used puts its function in error, in .NET's words.

use std::time::Duration;

use serde_json::{Map, Value};

use crate::app::json_file::{member, object_member, text_of};
use crate::app::{RetryDelay, RetryPolicy};
use crate::schedule::time_span;

/// The policy of a function; most have none.
pub(super) fn read(file: &Map<String, Value>) -> Result<Option<RetryPolicy>, String> {
    let Some(policy) = object_member(file, "retry") else { return Ok(None) };
    let max_retries = match member(policy, "maxRetryCount").and_then(text_of) {
        None => return Err(missing("MaxRetryCount")),
        Some(text) => text.trim().parse::<i32>().map_err(|_| out_of_range("maxRetryCount"))?,
    };
    let max_retries = match max_retries {
        -1 => None,
        count => Some(u32::try_from(count).map_err(|_| out_of_range("maxRetryCount"))?),
    };
    let strategy = member(policy, "strategy").and_then(text_of).unwrap_or_default();
    let delay = match strategy.to_ascii_lowercase().as_str() {
        "" | "fixeddelay" => RetryDelay::Fixed(interval(policy, "DelayInterval")?),
        "exponentialbackoff" => {
            let (minimum, maximum) = (interval(policy, "MinimumInterval")?, interval(policy, "MaximumInterval")?);
            if minimum > maximum {
                return Err("The minimumInterval must not be greater than the maximumInterval. (Parameter \
                            'minimumInterval')"
                    .to_owned());
            }
            RetryDelay::Exponential { minimum, maximum }
        }
        _ => return Err(format!("'{strategy}' is not a valid retry strategy; use fixedDelay or exponentialBackoff.")),
    };
    Ok(Some(RetryPolicy { max_retries, delay }))
}

fn interval(policy: &Map<String, Value>, name: &str) -> Result<Duration, String> {
    let text = member(policy, name).and_then(text_of).ok_or_else(|| missing(name))?;
    let parameter = name[..1].to_lowercase() + &name[1..];
    let span = time_span::parse(&text).ok_or_else(|| out_of_range(&parameter))?;
    Duration::try_from(span).map_err(|_| format!("The TimeSpan must not be negative. (Parameter '{parameter}')"))
}

fn missing(parameter: &str) -> String {
    format!("Value cannot be null. (Parameter '{parameter}')")
}

fn out_of_range(parameter: &str) -> String {
    format!("Specified argument was out of the range of valid values. (Parameter '{parameter}')")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn policy(retry: &str) -> Result<Option<RetryPolicy>, String> {
        read(&crate::app::json_file::parse(&format!("{{ \"retry\": {retry} }}")).unwrap())
    }

    #[track_caller]
    fn refuses(retry: &str, expected: &str) {
        assert_eq!(policy(retry).unwrap_err(), expected, "{retry}");
    }

    #[test]
    fn a_policy_has_a_count_and_times() {
        let seconds = Duration::from_secs;
        let fixed = r#"{ "strategy": "fixedDelay", "maxRetryCount": 2, "delayInterval": "00:00:05" }"#;
        let expected = RetryPolicy { max_retries: Some(2), delay: RetryDelay::Fixed(seconds(5)) };
        assert_eq!(policy(fixed), Ok(Some(expected)));
        let exponential = r#"{ "Strategy": "ExponentialBackoff", "maxRetryCount": "-1", "minimumInterval": "00:00:04",
            "maximumInterval": "00:15:00" }"#;
        let delay = RetryDelay::Exponential { minimum: seconds(4), maximum: seconds(900) };
        assert_eq!(policy(exponential), Ok(Some(RetryPolicy { max_retries: None, delay })));
        assert_eq!(policy("null"), Ok(None));
    }

    #[test]
    fn what_is_missing_or_impossible_has_the_words_of_dotnet() {
        refuses("{}", "Value cannot be null. (Parameter 'MaxRetryCount')");
        refuses(r#"{ "maxRetryCount": 1 }"#, "Value cannot be null. (Parameter 'DelayInterval')");
        refuses(
            r#"{ "maxRetryCount": -2, "delayInterval": "00:00:01" }"#,
            "Specified argument was out of the range of valid values. (Parameter 'maxRetryCount')",
        );
        refuses(
            r#"{ "maxRetryCount": 1, "delayInterval": "soon" }"#,
            "Specified argument was out of the range of valid values. (Parameter 'delayInterval')",
        );
        let exponential = |minimum: &str, maximum: &str| {
            format!(
                r#"{{ "strategy": "exponentialBackoff", "maxRetryCount": 1, "minimumInterval": {minimum}, "maximumInterval": {maximum} }}"#
            )
        };
        refuses(&exponential("null", "null"), "Value cannot be null. (Parameter 'MinimumInterval')");
        refuses(&exponential("\"00:00:01\"", "null"), "Value cannot be null. (Parameter 'MaximumInterval')");
        refuses(
            &exponential("\"-00:00:01\"", "\"00:00:01\""),
            "The TimeSpan must not be negative. (Parameter 'minimumInterval')",
        );
        refuses(
            &exponential("\"00:00:02\"", "\"00:00:01\""),
            "The minimumInterval must not be greater than the maximumInterval. (Parameter 'minimumInterval')",
        );
        refuses(
            r#"{ "strategy": "often", "maxRetryCount": 1 }"#,
            "'often' is not a valid retry strategy; use fixedDelay or exponentialBackoff.",
        );
    }
}
