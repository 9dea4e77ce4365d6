//! What must never be in a package: keys.
//!
//! The handler is searched too: a connection string written into a source would be in it. The emulator's public key is none.

use anyhow::{Result, bail};

use super::archive::Entry;

/// What stands before a key in connection strings and settings, and how long a text behind it is one.
const MARKS: [&str; 6] =
    ["AccessKey=", "AccountKey=", "SharedAccessKey=", "SharedAccessSignature=", "ClientSecret=", "Password="];
const SHORTEST: usize = 20;

const EMULATOR_KEY: &str = "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789ABCDEFGH";
const AZURITE_KEY: &str = "Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw";

/// The beginning of a private key as text. Programs that use TLS hold it as a word, so it counts only in text files.
const PRIVATE_KEY: &str = "PRIVATE KEY-----";

/// Refuses an entry that holds a key.
pub(super) fn refuse(entry: &Entry) -> Result<()> {
    let Some(mark) = found_in(&entry.bytes) else { return Ok(()) };
    bail!("`{}` holds what looks like a secret (`{mark}`); put it into the app's settings", entry.name)
}

/// One pass: a handler with its debug information has a hundred million bytes.
fn found_in(bytes: &[u8]) -> Option<&'static str> {
    let mut is_text = true;
    for (index, byte) in bytes.iter().enumerate() {
        match byte {
            b'=' => {
                let (before, behind) = (&bytes[..=index], &bytes[index + 1..]);
                let mark = MARKS.into_iter().find(|mark| ends_with(before, mark));
                if mark.is_some() && begins_with_key(behind) {
                    return mark;
                }
            }
            0 => is_text = false,
            _ => {}
        }
    }
    let private = || bytes.windows(PRIVATE_KEY.len()).any(|window| window == PRIVATE_KEY.as_bytes());
    (is_text && private()).then_some(PRIVATE_KEY)
}

fn ends_with(bytes: &[u8], mark: &str) -> bool {
    let start = bytes.len().checked_sub(mark.len());
    start.is_some_and(|start| bytes[start..].eq_ignore_ascii_case(mark.as_bytes()))
}

fn begins_with_key(bytes: &[u8]) -> bool {
    let length = bytes.iter().take_while(|byte| byte.is_ascii_alphanumeric() || b"+/_-%".contains(byte)).count();
    let public = [EMULATOR_KEY, AZURITE_KEY].iter().any(|public| bytes.starts_with(public.as_bytes()));
    length >= SHORTEST && !public
}

#[cfg(test)]
mod tests {
    use super::{EMULATOR_KEY, found_in};

    #[track_caller]
    fn check(text: &str, expected: Option<&str>) {
        assert_eq!(found_in(text.as_bytes()), expected, "{text:?}");
    }

    #[test]
    fn keys_are_found_and_words_are_not() {
        let key = "q1w2e3r4t5z6u7i8o9p0a1s2d3f4g5h6";
        check(&format!("Endpoint=https://a;AccessKey={key};"), Some("AccessKey="));
        check(&format!("endpoint=https://a;accesskey={key};"), Some("AccessKey="));
        check(&format!("sig AccountKey=x;AccountKey={key}"), Some("AccountKey="));
        check(&format!("AccessKey={EMULATOR_KEY}; AccessKey={key}"), Some("AccessKey="));
        check("-----BEGIN PRIVATE KEY-----", Some("PRIVATE KEY-----"));
        check(&format!("\0AccessKey={key}"), Some("AccessKey="));
        check("\0-----BEGIN PRIVATE KEY-----", None);
        check(&format!("AccessKey={EMULATOR_KEY};"), None);
        check("use a connection string with `AccessKey=`, or an identity", None);
        check("AccessKey=<your key>", None);
        check("", None);
    }
}
