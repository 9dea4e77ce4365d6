//! What started an invocation, and what the handler made of it: short enough to be kept and shown.
//!
//! Easily missed: an [`Excerpt`] is somebody's data. It is for a page on the developer's own machine and shows nothing when it is
//! printed with `{:?}`, so that an event may be logged as a whole.

use std::fmt;

use http::Method;

/// The query values that are keys or tokens of the caller (functions-host 4.2, signalr-service 2.1).
const SECRET_QUERY: [&str; 4] = ["code", "access_token", "sig", "token"];

/// What started an invocation.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Cause {
    /// A request on the function's route.
    Http {
        /// Its method.
        method: Method,
        /// Path and query as the caller wrote them; the values of keys and tokens are `***`.
        target: String,
        /// What the function gets of the body; empty for a body that does not reach it, and for one that is only passed on.
        body: Excerpt,
    },
    /// A schedule.
    Timer,
    /// A client of the SignalR service.
    SignalR {
        /// The hub, as the service wrote it.
        hub: String,
        /// `connections` or `messages`.
        category: String,
        /// `connected`, `disconnected`, or the method that the client called.
        event: String,
        /// The connection.
        connection_id: String,
        /// The user, unless the client is anonymous.
        user_id: Option<String>,
        /// The arguments of a call, a JSON array; empty for other events.
        arguments: Excerpt,
    },
    /// `POST /admin/functions/{name}`.
    ByHand,
}

/// What the handler gave for one output binding.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GivenOutput {
    /// The name of the binding.
    pub name: String,
    /// The type of the binding, for example `signalR`.
    pub kind: &'static str,
    /// What it gave; `None` when the answer has nothing for this binding.
    pub value: Option<Excerpt>,
}

/// The beginning of a text that may be long, or of bytes.
#[derive(Clone, PartialEq, Eq, Default)]
pub struct Excerpt {
    text: String,
    total: usize,
}

impl Excerpt {
    /// How many bytes are kept.
    pub const LIMIT: usize = 2048;

    /// The beginning of `bytes`. What is not UTF-8 is replaced.
    #[must_use]
    pub fn of(bytes: &[u8]) -> Self {
        let kept = &bytes[..bytes.len().min(Self::LIMIT)];
        // A character that the limit cuts in two is left out, rather than replaced.
        let kept = match std::str::from_utf8(kept) {
            Err(error) if error.error_len().is_none() => &kept[..error.valid_up_to()],
            _ => kept,
        };
        Self { text: String::from_utf8_lossy(kept).into_owned(), total: bytes.len() }
    }

    /// The part that is kept.
    #[must_use]
    pub fn text(&self) -> &str {
        &self.text
    }

    /// How many bytes there were in all.
    #[must_use]
    pub fn total(&self) -> usize {
        self.total
    }
}

impl fmt::Debug for Excerpt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Excerpt({} bytes)", self.total)
    }
}

/// Path and query with `***` in place of keys and tokens.
pub(crate) fn without_secrets(path: &str, raw_query: &str) -> String {
    if raw_query.is_empty() {
        return path.to_owned();
    }
    let masked = raw_query.split('&').map(|pair| match pair.split_once('=') {
        Some((name, _)) if SECRET_QUERY.iter().any(|secret| name.eq_ignore_ascii_case(secret)) => format!("{name}=***"),
        _ => pair.to_owned(),
    });
    format!("{path}?{}", masked.collect::<Vec<_>>().join("&"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check_excerpt(bytes: &[u8], text: &str) {
        let excerpt = Excerpt::of(bytes);
        assert_eq!((excerpt.text(), excerpt.total()), (text, bytes.len()));
    }

    #[test]
    fn an_excerpt_is_the_beginning_up_to_a_whole_character() {
        check_excerpt(b"", "");
        check_excerpt("grüße".as_bytes(), "grüße");
        check_excerpt(b"\xffa", "\u{fffd}a");
        check_excerpt("a".repeat(5000).as_bytes(), &"a".repeat(2048));
        check_excerpt(format!("a{}", "é".repeat(2000)).as_bytes(), &format!("a{}", "é".repeat(1023)));
    }

    #[test]
    fn an_excerpt_is_not_printed() {
        assert_eq!(format!("{:?}", Excerpt::of(b"a secret")), "Excerpt(8 bytes)");
    }

    #[track_caller]
    fn check_target(query: &str, expected: &str) {
        assert_eq!(without_secrets("/api/a", query), expected);
    }

    #[test]
    fn keys_and_tokens_of_a_query_are_left_out() {
        check_target("", "/api/a");
        check_target("user=a&x", "/api/a?user=a&x");
        check_target("code=abc==&user=a", "/api/a?code=***&user=a");
        check_target("Code=abc&ACCESS_TOKEN=x", "/api/a?Code=***&ACCESS_TOKEN=***");
        check_target("barcode=1", "/api/a?barcode=1");
    }
}
