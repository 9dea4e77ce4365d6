//! Connection ids and secret tokens: 16 random bytes in base64url, 22 characters (signalr-protocol 2.3).
//!
//! They go into addresses unescaped (signalr-protocol 1.8), which base64url bears.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

/// A fresh id, from the operating system's randomness.
pub(crate) fn fresh() -> String {
    let mut bytes = [0; 16];
    getrandom::fill(&mut bytes).expect("the operating system has randomness");
    URL_SAFE_NO_PAD.encode(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_is_16_bytes_of_which_every_bit_varies() {
        let ids: Vec<Vec<u8>> = (0..200).map(|_| URL_SAFE_NO_PAD.decode(fresh()).unwrap()).collect();
        assert!(ids.iter().all(|id| id.len() == 16));
        for index in 0..16 {
            let (ones, zeros) = ids.iter().fold((0, 0), |(ones, zeros), id| (ones | id[index], zeros | !id[index]));
            assert_eq!((ones, zeros), (0xff, 0xff), "byte {index}");
        }
    }
}
