//! Whose trace a call belongs to: the header `traceparent` (W3C Trace Context).
//!
//! The host may write one for its call to the handler; whether it does is not known (functions-host 2.2). Otherwise the caller's own
//! counts, which is among the headers of its request. Calls of the service are made with it in turn, so that the trace goes on there.

use crate::logs;
use std::fmt;
use std::str::FromStr;

/// A place in somebody's trace.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct TraceParent {
    pub(crate) trace_id: String,
    pub(crate) span_id: String,
    pub(crate) flags: String,
}

/// It is no `traceparent`, and the trace begins here.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct NoTraceParent;

/// The `traceparent` of what goes on: the span of this invocation where spans are exported, and otherwise what has come with it, as the
/// recommendation asks of whoever takes no part in a trace.
pub(crate) fn current() -> Option<String> {
    #[cfg(feature = "otel")]
    if let Some(own) = crate::telemetry::current() {
        return Some(own.to_string());
    }
    logs::trace_parent().map(|parent| parent.to_string())
}

impl fmt::Display for TraceParent {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { trace_id, span_id, flags } = self;
        write!(formatter, "00-{trace_id}-{span_id}-{flags}")
    }
}

impl FromStr for TraceParent {
    type Err = NoTraceParent;

    /// `00-{32 digits}-{16 digits}-{2 digits}`, hexadecimal in lower case, no id all zeros. A later version may have more behind it.
    fn from_str(text: &str) -> Result<Self, NoTraceParent> {
        let mut parts = text.trim().splitn(5, '-');
        let mut digits = |count| {
            let part = parts.next().filter(|part| part.len() == count);
            let is_hexadecimal = |byte: u8| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte);
            part.filter(|part| part.bytes().all(is_hexadecimal)).ok_or(NoTraceParent)
        };
        let (version, trace_id, span_id, flags) = (digits(2)?, digits(32)?, digits(16)?, digits(2)?);
        let has_more = parts.next().is_some();
        let is_zero = |id: &str| id.bytes().all(|digit| digit == b'0');
        if version == "ff" || (version == "00" && has_more) || is_zero(trace_id) || is_zero(span_id) {
            return Err(NoTraceParent);
        }
        Ok(Self { trace_id: trace_id.to_owned(), span_id: span_id.to_owned(), flags: flags.to_owned() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TRACE: &str = "0af7651916cd43dd8448eb211c80319c";
    const SPAN: &str = "b7ad6b7169203331";

    #[track_caller]
    fn check(text: &str, expected: bool) {
        let expected = expected.then(|| TraceParent {
            trace_id: TRACE.to_owned(),
            span_id: SPAN.to_owned(),
            flags: "01".to_owned(),
        });
        assert_eq!(text.parse().ok(), expected, "{text}");
    }

    #[test]
    fn what_was_read_is_written_again_and_outside_of_an_invocation_there_is_none() {
        let text = format!("00-{TRACE}-{SPAN}-01");
        assert_eq!(text.parse::<TraceParent>().unwrap().to_string(), text);
        assert_eq!(current(), None);
    }

    #[test]
    fn only_what_the_recommendation_allows_is_a_trace_parent() {
        check(&format!("00-{TRACE}-{SPAN}-01"), true);
        check(&format!("01-{TRACE}-{SPAN}-01-more"), true);
        check(&format!("00-{TRACE}-{SPAN}-01-more"), false);
        check(&format!("ff-{TRACE}-{SPAN}-01"), false);
        check(&format!("00-{}-{SPAN}-01", TRACE.to_uppercase()), false);
        check(&format!("00-{}-{SPAN}-01", "0".repeat(32)), false);
        check(&format!("00-{TRACE}-{}-01", "0".repeat(16)), false);
        check(&format!("00-{TRACE}-{SPAN}"), false);
        check(&format!("00-{TRACE}-{SPAN}-1"), false);
        check("", false);
    }
}
