//! Takes secrets out of texts that are shown: tokens, keys, passwords.
//!
//! Easily missed: it judges by form, because nobody says what in a body or a log line is secret. A password under a name that does
//! not look like one stays.

/// What stands where a secret was.
const MASK: &str = "***";

/// The shortest run of characters that begins like a token and is taken for one.
const SHORTEST_TOKEN: usize = 20;

/// What a secret follows in connection strings, queries and headers, in lower case.
const PREFIXES: [&str; 10] = [
    "accesskey=",
    "sharedaccesskey=",
    "accountkey=",
    "clientsecret=",
    "password=",
    "pwd=",
    "access_token=",
    "code=",
    "sig=",
    "bearer ",
];

/// Members of JSON whose texts are secret, in lower case.
const MEMBERS: [&str; 7] =
    ["accesstoken", "access_token", "password", "clientsecret", "client_secret", "accesskey", "apikey"];

/// The text without its secrets.
pub(crate) fn masked(text: &str) -> String {
    let mut shown = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(next) = rest.chars().next() {
        let secret = if is_inside_word(&shown) { None } else { secret_at(rest) };
        let Some((kept, hidden)) = secret else {
            shown.push(next);
            rest = &rest[next.len_utf8()..];
            continue;
        };
        shown.push_str(&rest[..kept]);
        shown.push_str(MASK);
        rest = &rest[kept + hidden..];
    }
    shown
}

/// How much of the beginning is shown, and how much after that is secret.
fn secret_at(text: &str) -> Option<(usize, usize)> {
    if text.starts_with("eyJ") {
        let length = text.find(|c: char| !is_of_token(c)).unwrap_or(text.len());
        return (length >= SHORTEST_TOKEN).then_some((3, length - 3));
    }
    let prefix = PREFIXES.iter().find(|prefix| starts_with(text, prefix));
    if let Some(prefix) = prefix {
        let value = &text[prefix.len()..];
        let length = value.find(|c: char| c.is_whitespace() || ";&\"',\\<>`".contains(c)).unwrap_or(value.len());
        return (length > 0).then_some((prefix.len(), length));
    }
    member_at(text)
}

/// A member of JSON, whose quotes may be escaped because the JSON is inside another text.
fn member_at(text: &str) -> Option<(usize, usize)> {
    let name = MEMBERS.iter().find(|name| starts_with(text, name))?;
    let mut position = name.len();
    for expected in [&["\\\"", "\""][..], &[":"], &["\\\"", "\""]] {
        position += text[position..].len() - text[position..].trim_start().len();
        position += expected.iter().find(|part| text[position..].starts_with(**part))?.len();
    }
    let length = text[position..].find(['"', '\\']).unwrap_or(text.len() - position);
    (length > 0).then_some((position, length))
}

fn starts_with(text: &str, lower: &str) -> bool {
    text.get(..lower.len()).is_some_and(|start| start.eq_ignore_ascii_case(lower))
}

/// `barcode=1` is no code.
fn is_inside_word(shown: &str) -> bool {
    shown.chars().next_back().is_some_and(|c| c.is_alphanumeric() || c == '_')
}

fn is_of_token(c: char) -> bool {
    c.is_ascii_alphanumeric() || "-_.=".contains(c)
}

#[cfg(test)]
mod tests {
    use super::masked;

    #[track_caller]
    fn check(text: &str, expected: &str) {
        assert_eq!(masked(text), expected);
    }

    #[test]
    fn tokens_are_recognised_by_their_beginning() {
        check("eyJhbGciOiJIUzI1NiJ9.eyJhdWQiOiJ4In0.c2ln is it", "eyJ*** is it");
        check(r#"{"a":"eyJhbGciOiJIUzI1NiJ9.eyJhdWQi"#, r#"{"a":"eyJ***"#);
        check("eyJ is short", "eyJ is short");
        check("Bearer abc.def", "Bearer ***");
    }

    #[test]
    fn keys_are_recognised_by_what_they_follow() {
        check(
            "Endpoint=http://localhost;AccessKey=abc=;Version=1.0;",
            "Endpoint=http://localhost;AccessKey=***;Version=1.0;",
        );
        check("/api/a?code=abc==&user=b", "/api/a?code=***&user=b");
        check("/client/?hub=h&access_token=abc", "/client/?hub=h&access_token=***");
        check("barcode=1 code= end", "barcode=1 code= end");
        check("Pwd=geheim", "Pwd=***");
    }

    #[test]
    fn members_of_json_are_recognised_by_their_names() {
        check(r#"{"accessToken":"abc","url":"u"}"#, r#"{"accessToken":"***","url":"u"}"#);
        check(r#"{"Password" : "abc"}"#, r#"{"Password" : "***"}"#);
        check(r#""{\"accessToken\":\"abc\"}""#, r#""{\"accessToken\":\"***\"}""#);
        check(r#"{"password":5}"#, r#"{"password":5}"#);
        check(r#"{"message":"grüße"}"#, r#"{"message":"grüße"}"#);
    }
}
