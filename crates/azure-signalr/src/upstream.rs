//! The signature by which a webhook knows that an upstream event comes from its own SignalR resource.
//!
//! It covers the connection id and nothing else, not even the body (signalr-service 3.3).

use std::fmt::Write;

use crate::AccessKey;

/// The value of `X-ASRS-Signature`: `sha256={hexadecimal}` per key, joined by a comma **without** a space, because the
/// reader does not trim. Upper case, as the official emulator writes it.
pub fn sign<'a>(keys: impl IntoIterator<Item = &'a AccessKey>, connection_id: &str) -> String {
    let mut header = String::new();
    for key in keys {
        header.push_str(if header.is_empty() { "sha256=" } else { ",sha256=" });
        for byte in key.sign(connection_id.as_bytes()) {
            write!(header, "{byte:02X}").expect("a string takes every write");
        }
    }
    header
}

/// Whether any signature in `header` was made for `connection_id` with any of `keys`. Upper and lower case are the same.
///
/// The real extension skips this check when an endpoint has no access key (signalr-bindings 6.4); here no key means no.
pub fn verify<'a>(header: &str, keys: impl IntoIterator<Item = &'a AccessKey>, connection_id: &str) -> bool {
    let signatures: Vec<[u8; 32]> = header.split(',').filter_map(signature).collect();
    keys.into_iter().any(|key| signatures.iter().any(|signature| key.signed(connection_id.as_bytes(), signature)))
}

fn signature(part: &str) -> Option<[u8; 32]> {
    let (name, digits) = part.split_once('=')?;
    if !name.eq_ignore_ascii_case("sha256") || digits.len() != 64 || !digits.is_ascii() {
        return None;
    }
    let mut bytes = [0; 32];
    for (byte, pair) in bytes.iter_mut().zip(digits.as_bytes().chunks(2)) {
        *byte = 16 * digit(pair[0])? + digit(pair[1])?;
    }
    Some(bytes)
}

fn digit(character: u8) -> Option<u8> {
    let value = char::from(character).to_digit(16)?;
    u8::try_from(value).ok()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::{any, proptest};

    use super::{sign, verify};
    use crate::AccessKey;

    const CONNECTION: &str = "0f9c97a2f0bf4706afe87a14e0797b11";
    const FIRST: (&str, &str) =
        ("7aab239577fd4f24bc919802fb629f5f", "7767effcb3946f3e1de039df4b986ef02c110b1469d02c0a06f41b3b727ab561");
    const SECOND: (&str, &str) =
        ("a5f2815d0d0c4b00bd27e832432f91ab", "d4aefb65547a00a9881fa8ac8bd03d0faf77af9da5205d45c6e57cbda4377760");

    fn key(text: &str) -> AccessKey {
        AccessKey::new(text)
    }

    #[test]
    fn the_published_vectors_are_reproduced() {
        let upper = |(_, digest): (&str, &str)| format!("sha256={}", digest.to_uppercase());
        assert_eq!(sign(&[key(FIRST.0)], CONNECTION), upper(FIRST));
        assert_eq!(sign(&[key(SECOND.0)], CONNECTION), upper(SECOND));
        assert_eq!(
            sign(&[key("ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789ABCDEFGH")], "gZ9-5Jm0Xr0m4x3cW1Tjqw"),
            "sha256=23F024529785A77BD002BE585670D48D876C5F75505B5D4C951C40EB29BD3C07"
        );
    }

    #[test]
    fn two_keys_give_two_signatures_with_a_bare_comma_between() {
        let both = sign(&[key(FIRST.0), key(SECOND.0)], CONNECTION);
        assert_eq!(both.to_lowercase(), format!("sha256={},sha256={}", FIRST.1, SECOND.1));
        assert!(verify(&both, &[key(FIRST.0)], CONNECTION));
        assert!(verify(&both, &[key(SECOND.0)], CONNECTION));
    }

    #[track_caller]
    fn check(header: &str, expected: bool) {
        assert_eq!(verify(header, &[key("other"), key(FIRST.0)], CONNECTION), expected, "{header:?}");
    }

    #[test]
    fn only_whole_signatures_of_this_connection_are_believed() {
        let digest = FIRST.1;
        check(&format!("sha256={digest}"), true);
        check(&format!("SHA256={}", digest.to_uppercase()), true);
        check(&format!("sha256={},sha256={digest}", SECOND.1), true);
        check(&format!("junk,,sha256={digest}"), true);
        check(&format!("sha256={}, sha256={digest}", SECOND.1), false);
        check(&format!("sha256={}", SECOND.1), false);
        check(&format!("sha256={}", &digest[1..]), false);
        check(&format!("sha256={digest}0"), false);
        check(&format!("sha256=+{}", &digest[1..]), false);
        check(digest, false);
        check("", false);
        check("sha256=", false);
        assert!(!verify(&format!("sha256={digest}"), &[key(FIRST.0)], "another"));
        assert!(!verify(&format!("sha256={digest}"), &[], CONNECTION));
    }

    proptest! {
        #[test]
        fn no_header_panics_and_no_garbage_is_believed(header in any::<String>()) {
            assert!(!verify(&header, &[key(FIRST.0)], CONNECTION));
        }
    }
}
