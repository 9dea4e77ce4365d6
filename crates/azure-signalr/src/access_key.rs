//! The access key of a SignalR resource, ready to sign.
//!
//! The key looks like base64 but is not decoded: the HMAC key is the UTF-8 text as it stands (signalr-bindings 7.1).

use std::fmt;
use std::sync::Arc;

use hmac::{Hmac, KeyInit, Mac};
use secrecy::{ExposeSecret, SecretString};
use sha2::{Sha256, Sha512};

/// One of the two access keys of a SignalR resource. Cloning shares it; `Debug` and `Display` print `***`.
#[derive(Clone)]
pub struct AccessKey {
    shared: Arc<Shared>,
}

struct Shared {
    text: SecretString,
    // Keyed once, copied per signature: hashing the key again for each token is a quarter of the work.
    hmac: Hmac<Sha256>,
}

impl AccessKey {
    /// Takes the text after `AccessKey=`, unchanged.
    pub fn new(text: impl Into<String>) -> Self {
        let text = SecretString::from(text.into());
        let hmac = Hmac::new_from_slice(text.expose_secret().as_bytes()).expect("HMAC takes keys of every length");
        Self { shared: Arc::new(Shared { text, hmac }) }
    }

    pub(crate) fn expose(&self) -> &str {
        self.shared.text.expose_secret()
    }

    /// HMAC-SHA256 of `message`.
    pub(crate) fn sign(&self, message: &[u8]) -> [u8; 32] {
        self.shared.hmac.clone().chain_update(message).finalize().into_bytes().into()
    }

    /// Whether `signature` is the HMAC-SHA256 of `message`, in a time that does not tell how much of it was right.
    pub(crate) fn signed(&self, message: &[u8], signature: &[u8]) -> bool {
        self.shared.hmac.clone().chain_update(message).verify_slice(signature).is_ok()
    }

    /// The same with HMAC-SHA512, which is so rare that no state is kept for it.
    pub(crate) fn signed_with_sha512(&self, message: &[u8], signature: &[u8]) -> bool {
        let hmac = Hmac::<Sha512>::new_from_slice(self.expose().as_bytes()).expect("HMAC takes keys of every length");
        hmac.chain_update(message).verify_slice(signature).is_ok()
    }
}

impl fmt::Debug for AccessKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("AccessKey(***)")
    }
}

impl fmt::Display for AccessKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***")
    }
}

#[cfg(test)]
mod tests {
    use super::AccessKey;

    #[test]
    fn a_key_is_never_printed() {
        let key = AccessKey::new("secret");
        assert_eq!(format!("{key} {key:?} {key:#?}"), "*** AccessKey(***) AccessKey(***)");
    }

    #[test]
    fn only_the_whole_signature_of_the_same_message_counts() {
        let key = AccessKey::new("secret");
        let signature = key.sign(b"message");
        assert!(key.signed(b"message", &signature));
        assert!(!key.signed(b"massage", &signature));
        assert!(!key.signed(b"message", &signature[..31]));
        assert!(!key.signed(b"message", &[]));
        assert!(!AccessKey::new("Secret").signed(b"message", &signature));
    }
}
