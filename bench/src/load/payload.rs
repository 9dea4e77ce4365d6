//! What is broadcast: a JSON string of an exact size that carries its sequence number.
//!
//! The number is found by its mark and not by parsing, whatever a server has wrapped around it: that is what keeps the
//! count of a delivery cheap. Nothing else that a server sends contains the mark.

use serde_json::value::RawValue;

const MARK: u8 = b'#';
/// In front of what is sent to a few, which has no number.
const DIRECT_MARK: &[u8] = b"%direct";
const DIGITS: usize = 12;

/// The smallest payload: quotes, mark and number.
pub(crate) const SMALLEST: usize = DIGITS + 3;

/// A payload of `size` bytes, quotes included.
pub(crate) fn compose(sequence: u64, size: usize) -> String {
    let padding = size.saturating_sub(SMALLEST);
    format!("\"{}{sequence:0DIGITS$}{}\"", char::from(MARK), "x".repeat(padding))
}

/// A payload for a user or a group.
pub(crate) fn direct() -> Box<RawValue> {
    RawValue::from_string(format!("\"{}{}\"", String::from_utf8_lossy(DIRECT_MARK), "x".repeat(190)))
        .expect("it is JSON")
}

/// Whether `message` holds such a payload.
pub(crate) fn is_direct(message: &[u8]) -> bool {
    message.windows(DIRECT_MARK.len()).any(|window| window == DIRECT_MARK)
}

/// The number of the payload within `message`; `None` for what is no broadcast.
pub(crate) fn sequence_of(message: &[u8]) -> Option<u64> {
    let start = message.iter().position(|byte| *byte == MARK)? + 1;
    let digits = message.get(start..start + DIGITS)?;
    digits.iter().try_fold(0, |number, digit| digit.is_ascii_digit().then(|| number * 10 + u64::from(digit - b'0')))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_payload_has_the_size_that_was_asked_for_and_is_json() {
        for size in [SMALLEST, 200, 2048] {
            let payload = compose(7, size);
            assert_eq!(payload.len(), size);
            assert!(serde_json::from_str::<String>(&payload).is_ok());
        }
    }

    #[test]
    fn the_number_is_found_whatever_is_around_it() {
        let payload = compose(120_034, 40);
        for message in
            [payload.clone(), format!("42[\"newMessage\",{payload}]"), format!("{{\"type\":1,[{payload}]}}\u{1e}")]
        {
            assert_eq!(sequence_of(message.as_bytes()), Some(120_034), "{message}");
        }
    }

    #[test]
    fn what_is_for_a_few_is_known_by_its_mark_and_has_no_number() {
        let message = format!("{{\"type\":1,\"target\":\"direct\",\"arguments\":[{}]}}\u{1e}", direct());
        assert!(is_direct(message.as_bytes()));
        assert_eq!(sequence_of(message.as_bytes()), None);
        assert!(!is_direct(compose(7, 200).as_bytes()) && !is_direct(b"{\"type\":6}"));
    }

    #[test]
    fn what_is_no_broadcast_has_no_number() {
        for message in ["", "2", "{\"type\":6}\u{1e}", "#12", "#00000000000x"] {
            assert_eq!(sequence_of(message.as_bytes()), None, "{message}");
        }
    }
}
