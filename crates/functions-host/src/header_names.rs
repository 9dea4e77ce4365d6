//! The letter case of well-known request headers, as the real host's web server writes them (functions-host 2.4).
//!
//! Easily missed: this server gets all names in lower case, so a name that is not listed here comes out in lower case even
//! when the client wrote it otherwise. Handlers must compare header names without letter case anyway.

/// `name` (in lower case) as the real host's web server writes it.
pub(crate) fn canonical_name(name: &str) -> &str {
    let place = KNOWN.binary_search_by(|known| known.bytes().map(|byte| byte.to_ascii_lowercase()).cmp(name.bytes()));
    place.map_or(name, |place| KNOWN[place])
}

/// In alphabetical order. Those of the SignalR service are as it writes them.
const KNOWN: [&str; 60] = [
    "Accept",
    "Accept-Charset",
    "Accept-Encoding",
    "Accept-Language",
    "Access-Control-Request-Headers",
    "Access-Control-Request-Method",
    "Allow",
    "Alt-Used",
    "Authorization",
    "baggage",
    "Cache-Control",
    "Connection",
    "Content-Encoding",
    "Content-Language",
    "Content-Length",
    "Content-Location",
    "Content-MD5",
    "Content-Range",
    "Content-Type",
    "Cookie",
    "Correlation-Context",
    "Date",
    "Expect",
    "Expires",
    "From",
    "Grpc-Timeout",
    "Host",
    "If-Match",
    "If-Modified-Since",
    "If-None-Match",
    "If-Range",
    "If-Unmodified-Since",
    "Keep-Alive",
    "Last-Modified",
    "Max-Forwards",
    "Origin",
    "Pragma",
    "Proxy-Authorization",
    "Range",
    "Referer",
    "Request-Id",
    "TE",
    "traceparent",
    "tracestate",
    "Trailer",
    "Transfer-Encoding",
    "Translate",
    "Upgrade",
    "Upgrade-Insecure-Requests",
    "User-Agent",
    "Via",
    "Warning",
    "X-ASRS-Category",
    "X-ASRS-Client-Query",
    "X-ASRS-Connection-Id",
    "X-ASRS-Event",
    "X-ASRS-Hub",
    "X-ASRS-Signature",
    "X-ASRS-User-Claims",
    "X-ASRS-User-Id",
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_known_name_is_found_by_its_lower_case() {
        for known in KNOWN {
            assert_eq!(canonical_name(&known.to_ascii_lowercase()), known);
        }
    }

    #[test]
    fn other_names_stay_as_they_are() {
        for name in ["", "a", "acceptx", "host2", "hos", "x-custom", "zzz"] {
            assert_eq!(canonical_name(name), name);
        }
    }
}
